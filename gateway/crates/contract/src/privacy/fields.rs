//! Classified places of a type's data and metadata, as its schema describes them: a graph that a walk through the data follows.
//!
//! A schema can look at one value several times over (`$ref`, `allOf`, `anyOf` and their like), so that a walk is at several
//! places of the graph at once. What any of them takes out goes, whether or not the value fits that part of the schema.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Class, TextPattern};
use hookgate_json::budget::{TooMuchWork, WorkBudget};

/// A place of the graph.
pub type FieldId = usize;

/// Places of a document.
#[derive(Debug)]
pub struct Fields {
    fields: Vec<Field>,
    /// The whole of it.
    root: FieldId,
    /// Each with all that look at the same value.
    together: Vec<Vec<FieldId>>,
    /// Whether what is not named public goes.
    pub(super) closed: bool,
    /// The class of what has none.
    pub(super) default: Class,
    /// What the mark is made of.
    pub(super) text: String,
}

/// Classified places of the events of one type.
#[derive(Debug, Clone, Default)]
pub struct Classified {
    /// Of the data.
    pub data: Option<Arc<Fields>>,
    /// Of the metadata.
    pub metadata: Option<Arc<Fields>>,
}

/// A place of data and what is inside it.
#[derive(Debug, Default)]
pub struct Field {
    /// Its own class.
    pub class: Option<Class>,
    /// Others that look at the same value.
    pub same: Vec<FieldId>,
    /// By the name of a member.
    pub named: HashMap<String, FieldId>,
    /// By a pattern of members' names.
    pub patterns: Vec<(Arc<TextPattern>, FieldId)>,
    /// Every other member.
    pub rest: Option<FieldId>,
    /// The first elements.
    pub first: Vec<FieldId>,
    /// Every other element.
    pub items: Option<FieldId>,
}

/// What the graph says of one value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Where the walk is: each once.
    pub(super) at: Vec<FieldId>,
    /// It is classified, and not as public.
    pub(super) withheld: bool,
    /// It is named public.
    pub(super) public: bool,
    /// The highest class that it is given.
    pub(super) class: Option<Class>,
}

/// What is told of the graph so far, and the way to where the tour is.
struct Tour {
    way: Vec<FieldId>,
    told: Vec<(String, Class)>,
    most: usize,
}

impl Classified {
    /// Whether anything is classified.
    pub fn has_any(&self) -> bool {
        self.data.is_some() || self.metadata.is_some()
    }

    /// Whether anything is named public.
    pub fn has_public(&self) -> bool {
        let mut sides = [&self.data, &self.metadata].into_iter().flatten();
        sides.any(|fields| fields.has_public())
    }
}

impl Fields {
    /// A graph; `root` is the whole document and `default` the class of what has none. `text` is the schema's.
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

    /// Whether anything is named public.
    pub fn has_public(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| field.class == Some(Class::Public))
    }

    /// Whether what is not named public goes.
    pub fn only_public(&self) -> bool {
        self.closed
    }

    /// The classified places for people, at most so many: a pointer (RFC 6901) in which `*` stands for every element, and for
    /// every member that is named by a pattern or by none. What refers to itself is followed once.
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

    /// The whole of the document.
    pub(super) fn root(&self, work: &WorkBudget) -> Result<Found, TooMuchWork> {
        let mut found = Found::default();
        self.reach(self.root, &mut found, work)?;
        Ok(found)
    }

    /// A member of what the walk is at. A key that is too long for a pattern is held against none, and withheld where there
    /// are any: whether it is classified is not known.
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

    /// An element of what the walk is at.
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

    /// The most work for a byte of a document; `None`: it may be any, as with patterns, and where several places of the graph
    /// look at one value.
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

/// Of an object's key, for its patterns.
const LONGEST_KEY: usize = 1 << 10;
/// Bytes of a key that are looked at in the time of one field.
const BYTES_A_UNIT: usize = 16;
/// Places of the graph that are compared in the time of one field.
const FIELDS_A_UNIT: usize = 8;
