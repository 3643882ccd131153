//! A schema as a graph: its subschemas, and which of them look at which part of a value.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::PublicName;
use crate::privacy::{Class, Classified, Field, Fields, TextPattern};

pub(super) type NodeId = usize;

/// The whole of the data.
pub(super) const ROOT: NodeId = 0;

/// The subschemas that are reached from the root; the root is the first.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// The class of what has none.
    pub(super) default: Option<Class>,
    /// The subschemas of the metadata, which say what of it is classified; the first is the whole of it.
    pub(super) metadata: Option<Range<NodeId>>,
}

impl Graph {
    /// What of it is classified. `text` is the schema's.
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
        // A closed schema that says nothing of metadata lets none of it pass.
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

    /// The subschemas of the data and of the metadata.
    pub(super) fn roots(&self) -> impl Iterator<Item = NodeId> {
        let metadata = self.metadata.iter().map(|metadata| metadata.start);
        std::iter::once(ROOT).chain(metadata)
    }

    /// The members that are named public.
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

    /// Which of those that look at the same value as a node names it public.
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

/// One subschema.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Where it stands in the schema.
    pub(super) pointer: String,
    /// The class of what it looks at.
    pub(super) class: Option<Class>,
    /// Others that look at the same value: `$ref`, `allOf`, `anyOf`, `oneOf`, `then`, `else`, `dependentSchemas`.
    pub(super) same: Vec<NodeId>,
    /// Others that look at the same value and only ask something of it: `not`, `if`.
    pub(super) asking: Vec<NodeId>,
    /// By the name of a member.
    pub(super) named: HashMap<String, NodeId>,
    /// By a pattern of members' names.
    pub(super) patterns: Vec<(Arc<TextPattern>, NodeId)>,
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

    /// All that look at the same value.
    pub(super) fn in_place(&self) -> impl Iterator<Item = NodeId> {
        self.same.iter().chain(&self.asking).copied()
    }
}
