//! A schema as a graph: its subschemas, and which of them look at which part of a value.

use std::collections::HashMap;

pub(super) type NodeId = usize;

/// The subschemas that are reached from the root; the root is the first.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
}

/// One subschema.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Where it stands in the schema.
    pub(super) pointer: String,
    /// Others that look at the same value: `$ref`, `allOf`, `anyOf`, `oneOf`, `then`, `else`, `dependentSchemas`.
    pub(super) same: Vec<NodeId>,
    /// Others that look at the same value and only ask something of it: `not`, `if`.
    pub(super) asking: Vec<NodeId>,
    /// By the name of a member.
    pub(super) named: HashMap<String, NodeId>,
    /// By a pattern of members' names.
    pub(super) patterns: Vec<(String, NodeId)>,
    /// For every other member.
    pub(super) rest: Option<NodeId>,
    /// For the first elements.
    pub(super) first: Vec<NodeId>,
    /// For every other element.
    pub(super) items: Option<NodeId>,
    /// For members, names or elements, whichever they are: `contains`, `propertyNames`, `unevaluatedItems`,
    /// `unevaluatedProperties`.
    pub(super) beside: Vec<NodeId>,
    /// Has `unevaluatedItems` or `unevaluatedProperties`, for which the same value is looked at again.
    pub(super) again: bool,
}

impl Node {
    /// All that look at the same value.
    pub(super) fn in_place(&self) -> impl Iterator<Item = NodeId> {
        self.same.iter().chain(&self.asking).copied()
    }
}
