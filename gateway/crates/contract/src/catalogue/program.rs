//! Compiled schema: the assertions of each subschema, for checks of data.
//!
//! `read` and the meta-schema have validated the schema before, so it contains no errors; anything
//! invalid is ignored. Numbers retain all their digits.

use std::collections::HashMap;
use std::sync::Arc;

use super::read::{Patterns, join, local};
use crate::privacy::TextPattern;
use hookgate_json::{Decimal, Value};

pub(super) type NodeId = usize;

/// Subschemas of a schema; the first is the root.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
}

/// Subschema.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Set for the schema `false`.
    pub(super) refuses: bool,
    pub(super) keywords: Vec<Keyword>,
    /// Subschemas of the members and of the elements that no other keyword has evaluated.
    pub(super) unevaluated_members: Option<NodeId>,
    pub(super) unevaluated_elements: Option<NodeId>,
}

/// One assertion about a value.
#[derive(Debug)]
pub(super) enum Keyword {
    Type(Vec<Kind>),
    /// `enum`; `const` is an enum of one value.
    Enum(Vec<Value>),
    Bound(Bound, Value),
    MultipleOf(Decimal),
    MaxLength(u64),
    MinLength(u64),
    Pattern(Arc<TextPattern>),
    MaxItems(u64),
    MinItems(u64),
    Unique,
    MaxProperties(u64),
    MinProperties(u64),
    Required(Vec<String>),
    DependentRequired(Vec<(String, Vec<String>)>),
    /// `$ref`, `allOf`.
    All(Vec<NodeId>),
    Any(Vec<NodeId>),
    One(Vec<NodeId>),
    Not(NodeId),
    If {
        condition: NodeId,
        then: Option<NodeId>,
        otherwise: Option<NodeId>,
    },
    DependentSchemas(Vec<(String, NodeId)>),
    Members(Members),
    Names(NodeId),
    Elements(Elements),
    Contains(Contains),
}

/// `prefixItems` and `items`.
#[derive(Debug)]
pub(super) struct Elements {
    pub(super) first: Vec<NodeId>,
    pub(super) rest: Option<NodeId>,
}

/// `contains`, with the number of elements that must match.
#[derive(Debug)]
pub(super) struct Contains {
    pub(super) node: NodeId,
    pub(super) least: u64,
    pub(super) most: u64,
}

/// `properties`, `patternProperties` and `additionalProperties`.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) named: HashMap<String, NodeId>,
    pub(super) patterns: Vec<(Arc<TextPattern>, NodeId)>,
    pub(super) rest: Option<NodeId>,
}

/// Kind in `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// Required side of the operand of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Maximum,
    ExclusiveMaximum,
    Minimum,
    ExclusiveMinimum,
}

impl Program {
    /// Compiles a schema with its patterns.
    pub(super) fn new(schema: &Value, patterns: &Patterns) -> Self {
        let mut compiler = Compiler {
            patterns,
            program: Self::default(),
            by_pointer: HashMap::new(),
            refs: Vec::new(),
        };
        compiler.node(schema, String::new());
        compiler.resolve();
        compiler.program
    }
}

struct Compiler<'s> {
    patterns: &'s Patterns,
    program: Program,
    by_pointer: HashMap<String, NodeId>,
    /// Unresolved references: the node, and the target of its `$ref`.
    refs: Vec<(NodeId, String)>,
}

impl Compiler<'_> {
    /// Compiles the subschema at a pointer.
    fn node(&mut self, schema: &Value, pointer: String) -> NodeId {
        let id = self.program.nodes.len();
        self.program.nodes.push(Node::default());
        self.by_pointer.insert(pointer.clone(), id);
        let mut node = Node {
            refuses: schema.as_bool() == Some(false),
            ..Node::default()
        };
        if schema.as_object().is_some() {
            let place = Place { schema, pointer };
            if let Some(target) = place.get("$ref").and_then(Value::as_str) {
                self.refs.push((id, target.to_owned()));
            }
            // Compiled only if a reference points to it.
            for defined in ["$defs", "definitions"] {
                self.named(&place, defined);
            }
            self.assertions(&place, &mut node);
            self.applicators(&place, &mut node);
        }
        self.program.nodes[id] = node;
        id
    }

    fn assertions(&self, at: &Place<'_>, node: &mut Node) {
        let count = |name: &str| {
            at.get(name)
                .and_then(Decimal::of)
                .and_then(|count| count.to_count())
        };
        let asked = [
            at.get("type").map(kinds).map(Keyword::Type),
            at.get("const").map(|value| Keyword::Enum(vec![value.clone()])),
            at.list("enum").map(|values| Keyword::Enum(values.to_vec())),
            at.number("maximum", Bound::Maximum),
            at.number("exclusiveMaximum", Bound::ExclusiveMaximum),
            at.number("minimum", Bound::Minimum),
            at.number("exclusiveMinimum", Bound::ExclusiveMinimum),
            at.get("multipleOf")
                .and_then(Decimal::of)
                .filter(|divisor| !divisor.is_zero())
                .map(Keyword::MultipleOf),
            count("maxLength").map(Keyword::MaxLength),
            count("minLength").map(Keyword::MinLength),
            at.get("pattern")
                .and_then(Value::as_str)
                .and_then(|text| self.patterns.get(text))
                .map(|pattern| Keyword::Pattern(Arc::clone(pattern))),
            count("maxItems").map(Keyword::MaxItems),
            count("minItems").map(Keyword::MinItems),
            at.get("uniqueItems")
                .and_then(Value::as_bool)
                .filter(|unique| *unique)
                .map(|_| Keyword::Unique),
            count("maxProperties").map(Keyword::MaxProperties),
            count("minProperties").map(Keyword::MinProperties),
            at.get("required").map(texts).map(Keyword::Required),
            at.get("dependentRequired")
                .and_then(Value::as_object)
                .map(|members| {
                    let each = members
                        .iter()
                        .map(|(name, names)| (name.to_owned(), texts(names)));
                    Keyword::DependentRequired(each.collect())
                }),
        ];
        node.keywords.extend(asked.into_iter().flatten());
    }

    fn applicators(&mut self, at: &Place<'_>, node: &mut Node) {
        let asked = [
            self.each(at, "allOf").map(Keyword::All),
            self.each(at, "anyOf").map(Keyword::Any),
            self.each(at, "oneOf").map(Keyword::One),
            self.one(at, "not").map(Keyword::Not),
            self.condition(at),
            self.named(at, "dependentSchemas").map(Keyword::DependentSchemas),
            self.members(at).map(Keyword::Members),
            self.one(at, "propertyNames").map(Keyword::Names),
            self.elements(at),
            self.contains(at),
        ];
        node.keywords.extend(asked.into_iter().flatten());
        node.unevaluated_members = self.one(at, "unevaluatedProperties");
        node.unevaluated_elements = self.one(at, "unevaluatedItems");
    }

    fn condition(&mut self, at: &Place<'_>) -> Option<Keyword> {
        let condition = self.one(at, "if")?;
        let (then, otherwise) = (self.one(at, "then"), self.one(at, "else"));
        Some(Keyword::If {
            condition,
            then,
            otherwise,
        })
    }

    fn members(&mut self, at: &Place<'_>) -> Option<Members> {
        let named = self.named(at, "properties");
        let patterns = self.named(at, "patternProperties");
        let rest = self.one(at, "additionalProperties");
        if named.is_none() && patterns.is_none() && rest.is_none() {
            return None;
        }
        let patterns = patterns.unwrap_or_default().into_iter();
        let patterns =
            patterns.filter_map(|(text, node)| Some((Arc::clone(self.patterns.get(&text)?), node)));
        Some(Members {
            named: named.unwrap_or_default().into_iter().collect(),
            patterns: patterns.collect(),
            rest,
        })
    }

    fn elements(&mut self, at: &Place<'_>) -> Option<Keyword> {
        let (first, rest) = (self.each(at, "prefixItems"), self.one(at, "items"));
        (first.is_some() || rest.is_some()).then(|| {
            Keyword::Elements(Elements {
                first: first.unwrap_or_default(),
                rest,
            })
        })
    }

    fn contains(&mut self, at: &Place<'_>) -> Option<Keyword> {
        let count = |name: &str| {
            at.get(name)
                .and_then(Decimal::of)
                .and_then(|count| count.to_count())
        };
        let (least, most) = (count("minContains"), count("maxContains"));
        let node = self.one(at, "contains")?;
        Some(Keyword::Contains(Contains {
            node,
            least: least.unwrap_or(1),
            most: most.unwrap_or(u64::MAX),
        }))
    }

    fn one(&mut self, at: &Place<'_>, keyword: &str) -> Option<NodeId> {
        let schema = at.get(keyword)?;
        Some(self.node(schema, join(&at.pointer, keyword)))
    }

    fn each(&mut self, at: &Place<'_>, keyword: &str) -> Option<Vec<NodeId>> {
        let schemas = at.list(keyword)?;
        let place = join(&at.pointer, keyword);
        let each = schemas.iter().enumerate();
        Some(
            each.map(|(index, schema)| self.node(schema, format!("{place}/{index}")))
                .collect(),
        )
    }

    fn named(&mut self, at: &Place<'_>, keyword: &str) -> Option<Vec<(String, NodeId)>> {
        let schemas = at.get(keyword)?.as_object()?;
        let place = join(&at.pointer, keyword);
        let each = schemas.iter();
        Some(
            each.map(|(name, schema)| (name.to_owned(), self.node(schema, join(&place, name))))
                .collect(),
        )
    }

    /// Resolves the references to subschemas of the same schema.
    fn resolve(&mut self) {
        for (id, target) in std::mem::take(&mut self.refs) {
            let place = local(&target);
            let node = place.and_then(|place| self.by_pointer.get(place.as_ref()).copied());
            self.program.nodes[id]
                .keywords
                .extend(node.map(|node| Keyword::All(vec![node])));
        }
    }
}

/// Subschema that is an object, with its pointer.
struct Place<'s> {
    schema: &'s Value,
    pointer: String,
}

impl<'s> Place<'s> {
    fn get(&self, keyword: &str) -> Option<&'s Value> {
        self.schema.get(keyword)
    }

    fn list(&self, keyword: &str) -> Option<&'s [Value]> {
        self.get(keyword)?.as_array()
    }

    fn number(&self, keyword: &str, bound: Bound) -> Option<Keyword> {
        self.get(keyword)
            .map(|operand| Keyword::Bound(bound, operand.clone()))
    }
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().unwrap_or_default().iter();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn kinds(named: &Value) -> Vec<Kind> {
    let kind = |value: &Value| {
        Some(match value.as_str()? {
            "null" => Kind::Null,
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "string" => Kind::String,
            "array" => Kind::Array,
            "object" => Kind::Object,
            _ => return None,
        })
    };
    match named {
        Value::Array(list) => list.iter().filter_map(kind).collect(),
        one => kind(one).into_iter().collect(),
    }
}

impl Kind {
    /// Word in `type`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl Bound {
    /// Requirement in words, for the message of a violation.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Maximum => "at most",
            Self::ExclusiveMaximum => "less than",
            Self::Minimum => "at least",
            Self::ExclusiveMinimum => "greater than",
        }
    }

    pub(super) fn allows(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Maximum => order.is_le(),
            Self::ExclusiveMaximum => order.is_lt(),
            Self::Minimum => order.is_ge(),
            Self::ExclusiveMinimum => order.is_gt(),
        }
    }
}
