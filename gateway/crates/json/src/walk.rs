//! Walk: matches a set of patterns against a document in one traversal.

use std::borrow::Cow;

use super::allowance::units_of_text;
use super::fold::{folded, normalise};
use super::key_words::KeyWords;
use super::pair::{is_pair_value, pair_names};
use super::pattern::{Node, NodeId, PatternSet};
use super::pointer::{push_escaped, push_index};
use super::tail::Tail;
use super::value::Value;
use super::{AccessError, Allowance};

/// Matching state of a walk: the pattern nodes that the path from the root reaches.
pub(super) struct Walk<'p> {
    nodes: &'p [Node],
    allowance: Allowance<'p>,
    /// Limit that ended the walk early.
    ended_by: Option<AccessError>,
    /// Reached nodes of all levels of the path, from the root on.
    active: Vec<NodeId>,
    /// For each node, the last step that reached it.
    reached: Vec<u64>,
    step: u64,
    normalised: String,
    words: KeyWords,
}

/// Nodes that are reached at one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    start: usize,
    end: usize,
    /// Set if a pattern matches the place.
    pub(super) matched: bool,
    /// Set if a pattern names the last step to the place by its exact key or index.
    pub(super) spelled: bool,
}

impl Level {
    /// Returns `true` if a place inside this one can match.
    pub(super) fn leads_on(self) -> bool {
        self.start < self.end
    }
}

/// One step into a document: a key or an index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'d> {
    Key(&'d str),
    Index(usize),
}

impl Step<'_> {
    /// Appends the step to a pointer's text.
    pub(super) fn push_to(self, pointer: &mut String) {
        match self {
            Self::Key(key) => push_escaped(pointer, key),
            Self::Index(index) => push_index(pointer, index),
        }
    }

    /// Units of work to examine the step.
    fn units(self) -> u64 {
        match self {
            Self::Key(key) => units_of_text(key.len()),
            Self::Index(_) => 1,
        }
    }
}

impl<'p> Walk<'p> {
    /// Begins a walk at the root.
    pub(super) fn begin(patterns: &'p PatternSet, allowance: &Allowance<'p>) -> (Self, Level) {
        let mut walk = Self {
            nodes: patterns.nodes(),
            allowance: *allowance,
            ended_by: None,
            active: Vec::new(),
            reached: vec![0; patterns.nodes().len()],
            step: 1,
            normalised: String::new(),
            words: KeyWords::default(),
        };
        let matched = walk.reach(0);
        let root = Level {
            start: 0,
            end: walk.active.len(),
            matched,
            spelled: false,
        };
        (walk, root)
    }

    /// Enters a child.
    ///
    /// [`Walk::leave`] undoes it. After a limit was met, no step reaches any node.
    pub(super) fn enter(&mut self, from: Level, step: Step<'_>) -> Level {
        let mut level = Level {
            start: self.active.len(),
            end: self.active.len(),
            matched: false,
            spelled: false,
        };
        let looked_at = (from.end - from.start) as u64;
        if !self.charge(step.units().saturating_add(looked_at)) {
            return level;
        }
        self.step += 1;
        let tail = match step {
            Step::Key(key) => Tail::of_normalised(key),
            Step::Index(_) => None,
        };
        let (mut normal, mut split) = (false, false);
        for place in from.start..from.end {
            let at = self.active[place];
            let node = &self.nodes[at];
            if node.repeats {
                level.matched |= self.reach(at);
            }
            if let Some(any) = node.any {
                level.matched |= self.reach(any);
            }
            if !node.exact.is_empty() {
                for next in node.exact.find(&text_of(step)) {
                    level.matched |= self.reach(next);
                    level.spelled = true;
                }
            }
            let Step::Key(key) = step else { continue };
            if node.may_lead_loosely(tail) {
                if !normal {
                    normalise(key, &mut self.normalised);
                    normal = true;
                }
                let name = std::mem::take(&mut self.normalised);
                for next in node.loose.find(&name) {
                    level.matched |= self.reach(next);
                }
                for end in node.ends.candidates(&name) {
                    if !self.charge(1) {
                        break;
                    }
                    if let Some(next) = end {
                        level.matched |= self.reach(next);
                    }
                }
                self.normalised = name;
            }
            if !node.heads.is_empty() {
                if !split {
                    if !self.charge(8 * units_of_text(key.len())) {
                        break;
                    }
                    self.words.read(&folded(key));
                    split = true;
                }
                let words = std::mem::take(&mut self.words);
                for candidate in node.heads.candidates(&words) {
                    let units = candidate.map_or(1, |_| 2 + words.text().len() as u64 / 2);
                    if !self.charge(units) {
                        break;
                    }
                    if let Some((head, next)) = candidate
                        && words.is_of(head)
                    {
                        level.matched |= self.reach(next);
                    }
                }
                self.words = words;
            }
        }
        if self.ended_by.is_some() {
            level.matched = false;
            self.active.truncate(level.start);
        }
        level.end = self.active.len();
        level
    }

    /// Returns to the parent's level.
    pub(super) fn leave(&mut self, level: Level) {
        self.active.truncate(level.start);
    }

    /// Checks whether a pattern matches a member of the name that a pair gives its values.
    pub(super) fn names_value(&mut self, value: &Value, level: Level) -> bool {
        let Value::Object(object) = value else {
            return false;
        };
        if !self.charge(1 + object.len() as u64 / KEYS_PER_UNIT) {
            return false;
        }
        let mut named = false;
        for name in pair_names(object) {
            let member = self.enter(level, Step::Key(name));
            named |= member.matched;
            self.leave(member);
        }
        named
    }

    /// Charges work at a found place; returns `false` after a limit was met.
    pub(super) fn charge(&mut self, units: u64) -> bool {
        if self.ended_by.is_none() {
            self.ended_by = self.allowance.work(units).err();
        }
        self.ended_by.is_none()
    }

    /// Ends the walk: nothing more is visited.
    fn end_by(&mut self, error: AccessError) {
        self.ended_by.get_or_insert(error);
    }

    /// Finishes the walk.
    ///
    /// # Errors
    /// The limit that ended the walk early.
    pub(super) fn finished(self) -> Result<(), AccessError> {
        self.ended_by.map_or(Ok(()), Err)
    }

    /// Adds a node and its step-free successors to the newest level.
    ///
    /// Returns whether a pattern ends there.
    fn reach(&mut self, node: NodeId) -> bool {
        if !self.charge(1) {
            return false;
        }
        let Node { accepts, deep, .. } = self.nodes[node];
        if self.reached[node] != self.step && self.nodes[node].leads_on() {
            self.reached[node] = self.step;
            self.active.push(node);
        }
        accepts | deep.is_some_and(|deep| self.reach(deep))
    }
}

fn text_of(step: Step<'_>) -> Cow<'_, str> {
    match step {
        Step::Key(key) => key.into(),
        Step::Index(index) => index.to_string().into(),
    }
}

/// Number of keys that are compared for one unit of work.
const KEYS_PER_UNIT: u64 = 4;

/// Treatment of pairs of a name and a value, such as `{"name":"email","value":"…"}`, in a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// Pairs are treated as any other object.
    AsTheyAre,
    /// Values of a pair match where a member of the pair's name would.
    Named,
}

/// Continuation of a visit after a matching place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Visits the content of the place.
    Inside,
    /// Skips the content of the place.
    Past,
    /// Ends the visit.
    Stop,
}

/// Visits every matching place with its pointer, in document order.
///
/// # Errors
/// A limit that ended the walk early, or an error of `see`.
pub(super) fn visit(
    root: &Value,
    patterns: &PatternSet,
    pairs: Pairs,
    allowance: &Allowance<'_>,
    see: impl FnMut(&str, &Value) -> Result<Next, AccessError>,
) -> Result<(), AccessError> {
    let (walk, level) = Walk::begin(patterns, allowance);
    let mut visit = Visit {
        walk,
        pairs,
        path: String::new(),
        see,
    };
    visit.place(root, level);
    visit.walk.finished()
}

struct Visit<'p, F> {
    walk: Walk<'p>,
    pairs: Pairs,
    path: String,
    see: F,
}

impl<F: FnMut(&str, &Value) -> Result<Next, AccessError>> Visit<'_, F> {
    /// Visits a place and its content; returns whether to continue.
    fn place(&mut self, value: &Value, level: Level) -> bool {
        if level.matched {
            match self.show(value) {
                Next::Inside => {}
                Next::Past => return true,
                Next::Stop => return false,
            }
        }
        if !level.leads_on() {
            return true;
        }
        let named = self.pairs == Pairs::Named && self.walk.names_value(value, level);
        match value {
            Value::Object(object) => object.iter().all(|(key, child)| {
                if named && is_pair_value(key) {
                    self.show(child) != Next::Stop
                } else {
                    self.child(child, level, Step::Key(key))
                }
            }),
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .all(|(at, child)| self.child(child, level, Step::Index(at))),
            _ => true,
        }
    }

    fn show(&mut self, value: &Value) -> Next {
        (self.see)(&self.path, value).unwrap_or_else(|error| {
            self.walk.end_by(error);
            Next::Stop
        })
    }

    fn child(&mut self, value: &Value, from: Level, step: Step<'_>) -> bool {
        let level = self.walk.enter(from, step);
        let mut go_on = self.walk.ended_by.is_none();
        if level.matched || (level.leads_on() && value.is_container()) {
            let len = self.path.len();
            step.push_to(&mut self.path);
            go_on = self.place(value, level);
            self.path.truncate(len);
        }
        self.walk.leave(level);
        go_on
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Document, Limits, Redaction};
    use super::*;
    use crate::budget::WorkBudget;

    /// Pattern `/**/a/**/a/…`: in nested arrays every one of its steps is reached at every place.
    fn deep_patterns(steps: usize) -> PatternSet {
        PatternSet::parse(["/**/*".repeat(steps)]).expect("a pattern")
    }

    fn nested(depth: usize, elements: usize) -> Document {
        let inner = format!("[{}]", vec!["[1]"; elements].join(","));
        let text = format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
        Document::parse(text.as_bytes(), Limits::default()).expect("a document")
    }

    #[test]
    fn a_walk_ends_where_its_work_does() {
        let mut document = nested(40, 1_000);
        let patterns = deep_patterns(60);
        let needed = (0..40).map(|power| 1_u64 << power).find(|&units| {
            let work = WorkBudget::new(units);
            let allowance = Allowance::default().with_work(&work);
            document.find(&patterns, u32::MAX, &allowance).is_ok()
        });
        let needed = needed.expect("some is enough");
        assert!(needed > 16_384, "{needed}");
        let less = || WorkBudget::new(needed / 4);
        let (find, redact, retain) = (less(), less(), less());
        let within = |work| Allowance::default().with_work(work);
        assert_eq!(
            document.find(&patterns, u32::MAX, &within(&find)),
            Err(AccessError::Work)
        );
        assert_eq!(
            document.redact(&patterns, &Redaction::Remove, &within(&redact)),
            Err(AccessError::Work)
        );
        assert_eq!(
            document.retain(&patterns, &within(&retain)),
            Err(AccessError::Work)
        );
    }

    #[test]
    fn a_place_reaches_each_node_once() {
        // Without this check the work would double with every step.
        let document = nested(50, 1);
        let work = WorkBudget::new(1 << 20);
        let found = document.find(
            &deep_patterns(40),
            u32::MAX,
            &Allowance::default().with_work(&work),
        );
        assert_eq!(found.map(|found| found.len()), Ok(13));
    }
}
