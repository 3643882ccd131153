//! Schema graph: the subschemas of a schema, linked by the parts of a value to which they apply.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::PublicName;
use crate::privacy::{Class, Classified, Field, Fields, TextPattern};

pub(super) type NodeId = usize;

/// Node that applies to the whole of the data.
pub(super) const ROOT: NodeId = 0;

/// Subschemas that are reachable from the root, which is the first.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// Class of unclassified values.
    pub(super) default: Option<Class>,
    /// Subschemas of the metadata, which classify it; the first is its root.
    pub(super) metadata: Option<Range<NodeId>>,
}

impl Graph {
    /// Classified fields of the schema. `text` is the text of the schema.
    pub(super) fn classified(&self, text: &str) -> Classified {
        let default = self.default.unwrap_or(Class::Public);
        let closed = default != Class::Public;
        let has_class = |node: &Node| node.class.is_some();
        let (begin, end) = self
            .metadata
            .as_ref()
            .map_or((0, 0), |metadata| (metadata.start, metadata.end));
        let data = closed
            || self.nodes[..begin]
                .iter()
                .chain(&self.nodes[end..])
                .any(has_class);
        let fields = |root| {
            let fields = self.nodes.iter().map(Node::field).collect();
            Arc::new(Fields::new(fields, root, default, text.to_owned()))
        };
        // A closed schema without rules for metadata removes all of it.
        let nothing = || Arc::new(Fields::new(vec![Field::default()], 0, default, text.to_owned()));
        let metadata = match &self.metadata {
            Some(metadata) if closed || self.nodes.iter().any(has_class) => Some(fields(metadata.start)),
            None if closed => Some(nothing()),
            _ => None,
        };
        Classified {
            data: data.then(|| fields(ROOT)),
            metadata,
        }
    }

    /// Root nodes of the data and of the metadata.
    pub(super) fn roots(&self) -> impl Iterator<Item = NodeId> {
        let metadata = self.metadata.iter().map(|metadata| metadata.start);
        std::iter::once(ROOT).chain(metadata)
    }

    /// Members that the schema classifies as public.
    pub(super) fn public_names(&self) -> Vec<PublicName> {
        let named = self.nodes.iter().flat_map(|node| &node.named);
        let public = named.filter_map(|(name, &id)| {
            let node = &self.nodes[self.public_at(id)?];
            Some(PublicName {
                name: name.clone(),
                pointer: node.pointer.clone(),
            })
        });
        let mut public: Vec<_> = public.collect();
        public.sort_by(|one, other| one.pointer.cmp(&other.pointer));
        public
    }

    /// Finds a node that classifies a node's value as public.
    ///
    /// Searches all nodes that apply to the same value.
    fn public_at(&self, id: NodeId) -> Option<NodeId> {
        let (mut all, mut next) = (vec![id], 0);
        while let Some(&id) = all.get(next) {
            let node = &self.nodes[id];
            if node.class == Some(Class::Public) {
                return Some(id);
            }
            let new: Vec<_> = node
                .same
                .iter()
                .filter(|same| !all.contains(same))
                .copied()
                .collect();
            all.extend(new);
            next += 1;
        }
        None
    }
}

/// Node of the graph: one subschema.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// JSON pointer of the subschema.
    pub(super) pointer: String,
    /// Class of the value to which it applies.
    pub(super) class: Option<Class>,
    /// Nodes that apply to the same value.
    ///
    /// From `$ref`, `allOf`, `anyOf`, `oneOf`, `then`, `else` and `dependentSchemas`.
    pub(super) same: Vec<NodeId>,
    /// Nodes that only test the same value: `not`, `if`.
    pub(super) asking: Vec<NodeId>,
    /// Nodes by member name.
    pub(super) named: HashMap<String, NodeId>,
    /// Nodes by a pattern of member names.
    pub(super) patterns: Vec<(Arc<TextPattern>, NodeId)>,
    /// Node of all other members.
    pub(super) rest: Option<NodeId>,
    /// Nodes of the first elements.
    pub(super) first: Vec<NodeId>,
    /// Node of all other elements.
    pub(super) items: Option<NodeId>,
    /// Nodes that apply to any member, name or element.
    ///
    /// From `contains`, `propertyNames`, `unevaluatedItems` and `unevaluatedProperties`.
    pub(super) beside: Vec<NodeId>,
    /// Set for `unevaluatedItems` or `unevaluatedProperties`, which visit the value again.
    pub(super) again: bool,
}

impl Node {
    fn field(&self) -> Field {
        Field {
            class: self.class,
            same: self.same.clone(),
            named: self.named.clone(),
            patterns: self.patterns.clone(),
            rest: self.rest,
            first: self.first.clone(),
            items: self.items,
        }
    }

    /// All nodes that apply to the same value.
    pub(super) fn in_place(&self) -> impl Iterator<Item = NodeId> {
        self.same.iter().chain(&self.asking).copied()
    }
}
