//! Classified fields of a type's data and metadata, as a graph.
//!
//! A walk through a document follows the graph of the schema. Several subschemas can apply to one
//! value (`$ref`, `allOf`, `anyOf` and similar), so that a walk is at several nodes of the graph at
//! once. A value is removed if any of them removes it, whether or not it conforms to that
//! subschema.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Class, TextPattern};
use hookgate_json::budget::{TooMuchWork, WorkBudget};

/// Index of a node of the graph.
pub type FieldId = usize;

/// Classified fields of a document.
#[derive(Debug)]
pub struct Fields {
    fields: Vec<Field>,
    /// Node of the whole document.
    root: FieldId,
    /// For each node, all nodes that apply to the same value.
    together: Vec<Vec<FieldId>>,
    /// Set when fields that are not classified as public are removed.
    pub(super) closed: bool,
    /// Class of unclassified values.
    pub(super) default: Class,
    /// Text of the schema, which is part of the rules' mark.
    pub(super) text: String,
}

/// Classified fields of the events of one type.
#[derive(Debug, Clone, Default)]
pub struct Classified {
    /// Fields of the data.
    pub data: Option<Arc<Fields>>,
    /// Fields of the metadata.
    pub metadata: Option<Arc<Fields>>,
}

/// Node of the graph: a place of the data and its children.
#[derive(Debug, Default)]
pub struct Field {
    /// Class of the place.
    pub class: Option<Class>,
    /// Nodes that apply to the same value.
    pub same: Vec<FieldId>,
    /// Nodes by member name.
    pub named: HashMap<String, FieldId>,
    /// Nodes by a pattern of member names.
    pub patterns: Vec<(Arc<TextPattern>, FieldId)>,
    /// Node of all other members.
    pub rest: Option<FieldId>,
    /// Nodes of the first elements.
    pub first: Vec<FieldId>,
    /// Node of all other elements.
    pub items: Option<FieldId>,
}

/// Result of the graph for one value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Current nodes of the walk, without duplicates.
    pub(super) at: Vec<FieldId>,
    /// Set when the value has a class other than public.
    pub(super) withheld: bool,
    /// Set when the value is classified as public.
    pub(super) public: bool,
    /// Highest class of the value.
    pub(super) class: Option<Class>,
}

/// Traversal of the graph for display: the places found so far and the current path.
struct Tour {
    way: Vec<FieldId>,
    told: Vec<(String, Class)>,
    most: usize,
}

impl Classified {
    /// Returns `true` if anything is classified.
    pub fn has_any(&self) -> bool {
        self.data.is_some() || self.metadata.is_some()
    }

    /// Returns `true` if anything is classified as public.
    pub fn has_public(&self) -> bool {
        let mut sides = [&self.data, &self.metadata].into_iter().flatten();
        sides.any(|fields| fields.has_public())
    }
}

impl Fields {
    /// Creates a graph.
    ///
    /// `root` is the whole document, `default` the class of unclassified values, and `text` the
    /// text of the schema.
    pub fn new(fields: Vec<Field>, root: FieldId, default: Class, text: String) -> Self {
        let together = (0..fields.len()).map(|id| together(&fields, id)).collect();
        Self {
            fields,
            root,
            together,
            closed: default != Class::Public,
            default,
            text,
        }
    }

    /// Returns `true` if anything is classified as public.
    pub fn has_public(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| field.class == Some(Class::Public))
    }

    /// Returns `true` if fields that are not classified as public are removed.
    pub fn only_public(&self) -> bool {
        self.closed
    }

    /// Lists at most `most` classified places for display, as JSON pointers (RFC 6901).
    ///
    /// `*` denotes every element, and every member that is matched by a pattern or by no name.
    /// Recursive references are followed once.
    pub fn classified(&self, most: usize) -> Vec<(String, Class)> {
        let mut tour = Tour {
            way: Vec::new(),
            told: Vec::new(),
            most,
        };
        self.tell(self.root, "", &mut tour);
        tour.told.sort();
        tour.told.dedup();
        tour.told
    }

    fn tell(&self, id: FieldId, pointer: &str, tour: &mut Tour) {
        let (before, new) = (tour.way.len(), |id: &FieldId| !tour.way.contains(id));
        let here: Vec<_> = self.together[id].iter().copied().filter(new).collect();
        tour.way.extend(&here);
        for field in here.into_iter().map(|id| &self.fields[id]) {
            if tour.told.len() >= tour.most {
                break;
            }
            tour.told
                .extend(field.class.map(|class| (pointer.to_owned(), class)));
            if field.class.is_some_and(|class| class != Class::Public) {
                continue;
            }
            let mut named: Vec<_> = field.named.iter().collect();
            named.sort();
            let named = named
                .into_iter()
                .map(|(name, &next)| (name.replace('~', "~0").replace('/', "~1"), next));
            let first = field.first.iter().enumerate();
            let first = first.map(|(index, &next)| (index.to_string(), next));
            let patterns = field.patterns.iter().map(|(_, next)| *next);
            let others = patterns.chain(field.rest).chain(field.items);
            let others = others.map(|next| ("*".to_owned(), next));
            for (step, next) in named.chain(first).chain(others) {
                self.tell(next, &format!("{pointer}/{step}"), tour);
            }
        }
        tour.way.truncate(before);
    }

    /// Result for the whole document.
    pub(super) fn root(&self, work: &WorkBudget) -> Result<Found, TooMuchWork> {
        let mut found = Found::default();
        self.reach(self.root, &mut found, work)?;
        Ok(found)
    }

    /// Result for a member of the current value.
    ///
    /// A key that is too long for a pattern is not matched. It is withheld if there are patterns,
    /// since its class is unknown.
    pub(super) fn member(&self, at: &[FieldId], key: &str, work: &WorkBudget) -> Result<Found, TooMuchWork> {
        let mut found = Found::default();
        for &id in at {
            let field = &self.fields[id];
            let mut named = false;
            work.charge_len(1 + key.len() / BYTES_A_UNIT)?;
            if let Some(&next) = field.named.get(key) {
                named = true;
                self.reach(next, &mut found, work)?;
            }
            for (pattern, next) in &field.patterns {
                if key.len() > LONGEST_KEY || pattern.is_unusable() {
                    found.withheld |= !named;
                    continue;
                }
                if pattern.is_match(key, work)? {
                    named = true;
                    self.reach(*next, &mut found, work)?;
                }
            }
            if let Some(next) = field.rest.filter(|_| !named) {
                self.reach(next, &mut found, work)?;
            }
        }
        Ok(found)
    }

    /// Result for an element of the current value.
    pub(super) fn element(
        &self,
        at: &[FieldId],
        index: usize,
        work: &WorkBudget,
    ) -> Result<Found, TooMuchWork> {
        let mut found = Found::default();
        work.charge_len(at.len())?;
        for &id in at {
            let field = &self.fields[id];
            if let Some(next) = field.first.get(index).copied().or(field.items) {
                self.reach(next, &mut found, work)?;
            }
        }
        Ok(found)
    }

    /// Maximum work for a byte of a document; `None` if it is unbounded.
    ///
    /// It is unbounded with patterns, and where several nodes apply to one value.
    pub(super) fn units_a_byte(&self) -> Option<u64> {
        let simple = self.fields.iter().all(|field| field.patterns.is_empty());
        let alone = self.together.iter().all(|together| together.len() == 1);
        (simple && alone).then_some(3)
    }

    fn reach(&self, id: FieldId, found: &mut Found, work: &WorkBudget) -> Result<(), TooMuchWork> {
        let together = &self.together[id];
        work.charge_len(together.len() * (1 + found.at.len() / FIELDS_A_UNIT))?;
        for &id in together {
            found.class = found.class.max(self.fields[id].class);
            match self.fields[id].class {
                Some(Class::Public) => found.public = true,
                Some(_) => found.withheld = true,
                None => {}
            }
            if !found.at.contains(&id) {
                found.at.push(id);
            }
        }
        Ok(())
    }
}

fn together(fields: &[Field], id: FieldId) -> Vec<FieldId> {
    let mut all = vec![id];
    let mut next = 0;
    while let Some(&id) = all.get(next) {
        for &same in &fields[id].same {
            if !all.contains(&same) {
                all.push(same);
            }
        }
        next += 1;
    }
    all
}

/// Maximum length of a key that is matched against patterns.
const LONGEST_KEY: usize = 1 << 10;
/// Number of key bytes that are compared for one unit of work.
const BYTES_A_UNIT: usize = 16;
/// Number of nodes that are compared for one unit of work.
const FIELDS_A_UNIT: usize = 8;
