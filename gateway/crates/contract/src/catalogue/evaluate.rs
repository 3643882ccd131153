//! Evaluates data against a compiled schema (JSON Schema, draft 2020-12) on a work budget.
//!
//! Each subschema that applies to a value visits it once, and violations are recorded during the
//! visit, so that nothing is evaluated twice and only reported violations are collected. Every
//! visit, comparison and byte given to a pattern is charged before it happens. Numbers are compared
//! by all their digits.

use super::assertion::{BYTES_A_UNIT, cut, wrong};
use super::program::{Contains, Elements, Keyword, Members, Node, NodeId, Program};
use super::{MOST_TOLD, Violation};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Object, Value};

/// Finds violations of a schema, at most [`MOST_TOLD`].
pub(super) fn violations(
    program: &Program,
    data: &Value,
    work: &WorkBudget,
) -> Result<Vec<Violation>, TooMuchWork> {
    let mut evaluation = Evaluation {
        program,
        work,
        told: Some(Vec::new()),
        depth: 0,
    };
    evaluation.node(0, data, &Place::ROOT, None)?;
    Ok(evaluation.told.unwrap_or_default())
}

struct Evaluation<'p> {
    program: &'p Program,
    work: &'p WorkBudget,
    /// Violations found so far; `None` if only the result is needed.
    told: Option<Vec<Violation>>,
    /// Current nesting depth of subschemas.
    depth: usize,
}

/// Path of a value.
struct Place<'p> {
    around: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

/// Flags of the members or elements of a value that keywords have evaluated.
type Seen = Vec<bool>;

type Holds = Result<bool, TooMuchWork>;

impl Evaluation<'_> {
    /// Checks whether a value conforms to a subschema.
    fn node(&mut self, id: NodeId, value: &Value, at: &Place<'_>, seen: Option<&mut Seen>) -> Holds {
        let node = &self.program.nodes[id];
        self.work.charge_len(1 + node.keywords.len())?;
        if node.refuses {
            return Ok(self.tell(at, || "nothing is allowed here".to_owned()));
        }
        if self.depth >= DEEPEST {
            return Err(self.work.exceeded());
        }
        self.depth += 1;
        let tracks = node.unevaluated_members.is_some() || node.unevaluated_elements.is_some();
        let holds = match (tracks, seen) {
            (false, seen) => self.keywords(node, value, at, seen)?,
            (true, seen) => {
                let mut own = Seen::new();
                let holds = self.keywords(node, value, at, Some(&mut own))?;
                let holds = holds && self.unevaluated(node, value, at, &mut own)?;
                if let Some(seen) = seen {
                    self.merge(seen, &own)?;
                }
                holds
            }
        };
        self.depth -= 1;
        Ok(holds)
    }

    fn keywords(&mut self, node: &Node, value: &Value, at: &Place<'_>, mut seen: Option<&mut Seen>) -> Holds {
        let mut holds = true;
        for keyword in &node.keywords {
            if !self.keyword(keyword, value, at, seen.as_deref_mut())? {
                holds = false;
                if self.has_told_enough() {
                    break;
                }
            }
        }
        Ok(holds)
    }

    fn keyword(
        &mut self,
        keyword: &Keyword,
        value: &Value,
        at: &Place<'_>,
        seen: Option<&mut Seen>,
    ) -> Holds {
        match keyword {
            Keyword::All(nodes) => {
                let (mut holds, mut seen) = (true, seen);
                for &node in nodes {
                    holds &= self.node(node, value, at, seen.as_deref_mut())?;
                    if !holds && self.has_told_enough() {
                        break;
                    }
                }
                Ok(holds)
            }
            Keyword::Any(_) | Keyword::One(_) => self.branches(keyword, value, at, seen),
            Keyword::Not(node) => {
                let holds = !self.silently(|quiet| quiet.node(*node, value, at, None))?;
                Ok(holds || self.tell(at, || "the value fits the schema under `not`".to_owned()))
            }
            Keyword::If {
                condition,
                then,
                otherwise,
            } => self.condition((*condition, *then, *otherwise), value, at, seen),
            Keyword::DependentSchemas(schemas) => self.dependent(schemas, value, at, seen),
            Keyword::Members(members) => match value {
                Value::Object(object) => self.members(members, object, at, seen),
                _ => Ok(true),
            },
            Keyword::Names(node) => match value {
                Value::Object(object) => self.names(*node, object, at),
                _ => Ok(true),
            },
            Keyword::Elements(nodes) => match value {
                Value::Array(elements) => self.elements(nodes, elements, at, seen),
                _ => Ok(true),
            },
            Keyword::Contains(contains) => match value {
                Value::Array(elements) => self.contains(contains, elements, at, seen),
                _ => Ok(true),
            },
            assertion => Ok(match wrong(assertion, value, self.work)? {
                Some(message) => self.tell(at, || message),
                None => true,
            }),
        }
    }

    /// Evaluates `anyOf` and `oneOf`.
    fn branches(
        &mut self,
        keyword: &Keyword,
        value: &Value,
        at: &Place<'_>,
        mut seen: Option<&mut Seen>,
    ) -> Holds {
        let (nodes, one) = match keyword {
            Keyword::One(nodes) => (nodes, true),
            Keyword::Any(nodes) => (nodes, false),
            _ => return Ok(true),
        };
        let mut fitting = 0;
        for &node in nodes {
            fitting += usize::from(self.branch(node, value, at, seen.as_deref_mut())?);
            // A further matching subschema may have evaluated other children.
            if (one && fitting > 1) || (!one && fitting > 0 && seen.is_none()) {
                break;
            }
        }
        Ok(match (one, fitting) {
            (_, 0) => self.tell(at, || {
                let keyword = if one { "oneOf" } else { "anyOf" };
                format!("the value fits none of the schemas under `{keyword}`")
            }),
            (true, 2..) => self.tell(at, || {
                "the value fits more than one of the schemas under `oneOf`".to_owned()
            }),
            _ => true,
        })
    }

    fn condition(
        &mut self,
        (condition, then, otherwise): (NodeId, Option<NodeId>, Option<NodeId>),
        value: &Value,
        at: &Place<'_>,
        mut seen: Option<&mut Seen>,
    ) -> Holds {
        let next = if self.branch(condition, value, at, seen.as_deref_mut())? {
            then
        } else {
            otherwise
        };
        next.map_or(Ok(true), |node| self.node(node, value, at, seen))
    }

    /// Evaluates a subschema without recording violations.
    ///
    /// The children that it evaluated count if the value conforms.
    fn branch(&mut self, node: NodeId, value: &Value, at: &Place<'_>, seen: Option<&mut Seen>) -> Holds {
        let Some(seen) = seen else {
            return self.silently(|quiet| quiet.node(node, value, at, None));
        };
        let mut own = Seen::new();
        let holds = self.silently(|quiet| quiet.node(node, value, at, Some(&mut own)))?;
        if holds {
            self.merge(seen, &own)?;
        }
        Ok(holds)
    }

    fn dependent(
        &mut self,
        schemas: &[(String, NodeId)],
        value: &Value,
        at: &Place<'_>,
        mut seen: Option<&mut Seen>,
    ) -> Holds {
        let (Value::Object(object), mut holds) = (value, true) else {
            return Ok(true);
        };
        self.work.charge_len(schemas.len())?;
        for (name, node) in schemas {
            if object.contains_key(name) {
                holds &= self.node(*node, value, at, seen.as_deref_mut())?;
                if !holds && self.has_told_enough() {
                    break;
                }
            }
        }
        Ok(holds)
    }

    fn members(
        &mut self,
        members: &Members,
        object: &Object,
        at: &Place<'_>,
        mut seen: Option<&mut Seen>,
    ) -> Holds {
        let mut holds = true;
        for (index, (key, child)) in object.iter().enumerate() {
            self.work.charge_len(1 + key.len() / BYTES_A_UNIT)?;
            let at = at.then(Step::Key(key));
            let named = members.named.get(key);
            let mut looked_at = named.is_some();
            if let Some(&node) = named {
                holds &= self.node(node, child, &at, None)?;
            }
            for (pattern, node) in &members.patterns {
                if pattern.is_match(key, self.work)? {
                    looked_at = true;
                    holds &= self.node(*node, child, &at, None)?;
                }
            }
            if let Some(node) = members.rest.filter(|_| !looked_at) {
                looked_at = true;
                holds &= self.node(node, child, &at, None)?;
            }
            if let Some(seen) = seen.as_deref_mut().filter(|_| looked_at) {
                self.mark(seen, index, object.len())?;
            }
            if !holds && self.has_told_enough() {
                break;
            }
        }
        Ok(holds)
    }

    fn names(&mut self, node: NodeId, object: &Object, at: &Place<'_>) -> Holds {
        let mut holds = true;
        for key in object.keys() {
            self.work.charge_len(1 + key.len() / BYTES_A_UNIT)?;
            let name = Value::from(key);
            holds &= self.node(node, &name, &at.then(Step::Key(key)), None)?;
            if !holds && self.has_told_enough() {
                break;
            }
        }
        Ok(holds)
    }

    fn elements(
        &mut self,
        nodes: &Elements,
        elements: &[Value],
        at: &Place<'_>,
        mut seen: Option<&mut Seen>,
    ) -> Holds {
        let mut holds = true;
        for (index, element) in elements.iter().enumerate() {
            let Some(node) = nodes.first.get(index).copied().or(nodes.rest) else {
                break;
            };
            holds &= self.node(node, element, &at.then(Step::Index(index)), None)?;
            if let Some(seen) = seen.as_deref_mut() {
                self.mark(seen, index, elements.len())?;
            }
            if !holds && self.has_told_enough() {
                break;
            }
        }
        Ok(holds)
    }

    fn contains(
        &mut self,
        &Contains { node, least, most }: &Contains,
        elements: &[Value],
        at: &Place<'_>,
        mut seen: Option<&mut Seen>,
    ) -> Holds {
        let mut found = 0;
        for (index, element) in elements.iter().enumerate() {
            let at = at.then(Step::Index(index));
            if !self.silently(|quiet| quiet.node(node, element, &at, None))? {
                continue;
            }
            found += 1;
            if let Some(seen) = seen.as_deref_mut() {
                self.mark(seen, index, elements.len())?;
            } else if found > most || (found >= least && most == u64::MAX) {
                break;
            }
        }
        Ok(if found < least {
            self.tell(at, || {
                format!("fewer than {least} of its elements fit the schema under `contains`")
            })
        } else if found > most {
            self.tell(at, || {
                format!("more than {most} of its elements fit the schema under `contains`")
            })
        } else {
            true
        })
    }

    /// Evaluates the children that no other keyword has evaluated.
    fn unevaluated(&mut self, node: &Node, value: &Value, at: &Place<'_>, seen: &mut Seen) -> Holds {
        let mut holds = true;
        match value {
            Value::Object(object) => {
                let Some(node) = node.unevaluated_members else {
                    return Ok(true);
                };
                self.work.charge_len(object.len())?;
                for (index, (key, child)) in object.iter().enumerate() {
                    if !seen.get(index).copied().unwrap_or(false) {
                        holds &= self.node(node, child, &at.then(Step::Key(key)), None)?;
                        self.mark(seen, index, object.len())?;
                    }
                }
            }
            Value::Array(elements) => {
                let Some(node) = node.unevaluated_elements else {
                    return Ok(true);
                };
                self.work.charge_len(elements.len())?;
                for (index, element) in elements.iter().enumerate() {
                    if !seen.get(index).copied().unwrap_or(false) {
                        holds &= self.node(node, element, &at.then(Step::Index(index)), None)?;
                        self.mark(seen, index, elements.len())?;
                    }
                }
            }
            _ => {}
        }
        Ok(holds)
    }

    fn mark(&self, seen: &mut Seen, index: usize, len: usize) -> Result<(), TooMuchWork> {
        if seen.is_empty() {
            self.work.charge_len(len)?;
            seen.resize(len, false);
        }
        if let Some(seen) = seen.get_mut(index) {
            *seen = true;
        }
        Ok(())
    }

    fn merge(&self, seen: &mut Seen, own: &Seen) -> Result<(), TooMuchWork> {
        self.work.charge_len(own.len())?;
        for (index, _) in own.iter().enumerate().filter(|(_, seen)| **seen) {
            self.mark(seen, index, own.len())?;
        }
        Ok(())
    }

    /// Evaluates without recording violations.
    fn silently(&mut self, ask: impl FnOnce(&mut Self) -> Holds) -> Holds {
        let told = self.told.take();
        let holds = ask(self);
        self.told = told;
        holds
    }

    /// Records a violation; always returns `false`.
    fn tell(&mut self, at: &Place<'_>, message: impl FnOnce() -> String) -> bool {
        if let Some(told) = &mut self.told
            && told.len() < MOST_TOLD
        {
            told.push(Violation {
                pointer: at.pointer(),
                message: message(),
            });
        }
        false
    }

    /// Checks whether further violations would not change the result.
    fn has_told_enough(&self) -> bool {
        self.told.as_ref().is_none_or(|told| told.len() >= MOST_TOLD)
    }
}

impl<'p> Place<'p> {
    const ROOT: Self = Self {
        around: None,
        step: Step::Root,
    };

    fn then(&'p self, step: Step<'p>) -> Place<'p> {
        Place {
            around: Some(self),
            step,
        }
    }

    /// JSON pointer (RFC 6901), truncated.
    fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(Place { around, step }) = place {
            steps.push(*step);
            place = *around;
        }
        let mut pointer = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Key(key) => {
                    let key = cut(key);
                    pointer.extend(["/", &key.replace('~', "~0").replace('/', "~1")]);
                }
                Step::Index(index) => pointer.extend(["/", &index.to_string()]),
            }
            if pointer.len() > LONGEST_POINTER {
                pointer.push_str("/…");
                break;
            }
        }
        pointer
    }
}

/// Maximum nesting depth of subschemas, which bounds the stack.
///
/// Four per step of the deepest possible event.
const DEEPEST: usize = 512;
const LONGEST_POINTER: usize = 1 << 10;
