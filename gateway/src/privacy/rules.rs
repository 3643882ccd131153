//! Rules applied: the dictionary and the schema in one walk, and the marks that tell which rules an event was stored under.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Dictionary;
use super::fields::{FieldId, Fields, Found};
use crate::budget::{TooMuchWork, WorkBudget};
use crate::document::{Document, Limits, Scratch, Sieve, Sifted};
use crate::domain::event::RulesMark;
use crate::domain::{Event, EventType};

/// What is taken out of the events of one type: by one layer, or by the floor of the tenant's profile and then by the tenant's own
/// schema, which lifts nothing of the floor.
#[derive(Debug, Clone)]
pub struct Rules {
    layers: Vec<Layer>,
    mark: RulesMark,
}

/// Names and classified fields that are applied in one walk: a field that is public stays whatever its name is.
#[derive(Debug, Clone)]
struct Layer {
    names: Option<Arc<Dictionary>>,
    fields: Option<Arc<Fields>>,
    mark: RulesMark,
}

/// What is taken out of a tenant's events, by their type.
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    /// Of types without classified fields.
    every: Option<Rules>,
    by_type: BTreeMap<EventType, Rules>,
}

/// Classified fields of a tenant's own event type.
#[derive(Debug, Clone)]
pub struct OwnFields {
    /// The fields.
    pub fields: Arc<Fields>,
    /// Whose word `public` is.
    pub authority: Authority,
}

/// Who classified fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authority {
    /// The tenant: what the profile takes out stays out.
    #[default]
    Tenant,
    /// The operator: a field that is public stays, whatever the profile says.
    Operator,
}

impl Layer {
    fn new(names: Option<Arc<Dictionary>>, fields: Option<Arc<Fields>>) -> Option<Self> {
        if names.is_none() && fields.is_none() {
            return None;
        }
        let mut hash = Sha256::new();
        for text in [
            names.as_ref().map(|names| names.text()),
            fields.as_ref().map(|fields| fields.text.as_str()),
        ] {
            hash.update([u8::from(text.is_some())]);
            hash.update(text.unwrap_or_default().len().to_be_bytes());
            hash.update(text.unwrap_or_default());
        }
        let mark = mark_of(hash);
        Some(Self { names, fields, mark })
    }

    fn apply(&self, data: &mut Document, work: &WorkBudget) -> Result<(), TooMuchWork> {
        let mut walk = Walk {
            rules: self,
            work,
            stopped: None,
            scratch: Scratch::default(),
        };
        let root = match &self.fields {
            None => Sifted::Inside(Place::default()),
            Some(fields) => {
                let found = fields.root(work)?;
                walk.say(found, !fields.closed, None)
            }
        };
        data.sift(&mut walk, root);
        walk.stopped.map_or(Ok(()), Err)
    }

    fn most_work(&self, bytes: usize) -> Option<u64> {
        let fields = self
            .fields
            .as_ref()
            .map_or(Some(0), |fields| fields.units_a_byte())?;
        (fields + 2).checked_mul(bytes as u64 + 1)
    }
}

impl Rules {
    fn new(layers: Vec<Layer>) -> Option<Self> {
        let mark = match layers.as_slice() {
            [] => return None,
            [alone] => alone.mark,
            several => {
                let mut hash = Sha256::new();
                several
                    .iter()
                    .for_each(|layer| hash.update(layer.mark.0.to_be_bytes()));
                mark_of(hash)
            }
        };
        Some(Self { layers, mark })
    }

    /// The classified fields of each layer that has some.
    pub(super) fn fields(&self) -> impl Iterator<Item = &Fields> {
        self.layers.iter().filter_map(|layer| layer.fields.as_deref())
    }

    /// Whether what the first fields name public stays whatever its name is: they are in the layer of the names, or there are none.
    pub(super) fn lifts_names(&self) -> bool {
        self.layers.first().is_some_and(|layer| layer.fields.is_some())
    }

    /// Which rules they are.
    pub fn mark(&self) -> RulesMark {
        self.mark
    }

    /// Takes out of an event's data what is for nobody outside.
    ///
    /// # Errors
    /// When it takes more work than there is: what is left is then of no use, and is to be seen by nobody.
    pub fn apply(&self, data: &mut Document, work: &WorkBudget) -> Result<(), TooMuchWork> {
        self.layers.iter().try_for_each(|layer| layer.apply(data, work))
    }

    /// Takes out of a producer's notes what the dictionary names: a schema says nothing of them.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_to_notes(&self, notes: &mut Document, work: &WorkBudget) -> Result<(), TooMuchWork> {
        let named = self.layers.iter().filter_map(|layer| layer.names.as_ref());
        for names in named {
            let alone = Layer {
                names: Some(Arc::clone(names)),
                fields: None,
                mark: self.mark,
            };
            alone.apply(notes, work)?;
        }
        Ok(())
    }

    /// The most work that a document of so many bytes can take; `None`: it may be any.
    pub fn most_work(&self, bytes: usize) -> Option<u64> {
        let mut layers = self.layers.iter();
        layers.try_fold(0_u64, |sum, layer| sum.checked_add(layer.most_work(bytes)?))
    }

    /// A stored event as it may be shown and sent by these rules.
    ///
    /// # Errors
    /// When it takes more work than there is: then it is shown [`Self::withheld`].
    pub fn shown(&self, event: &Event, work: &WorkBudget) -> Result<Event, TooMuchWork> {
        let notes = event.metadata.as_ref();
        let notes = notes.map(|notes| self.applied_to(notes, |notes| self.apply_to_notes(notes, work)));
        Ok(Event {
            data: self.applied_to(&event.data, |data| self.apply(data, work))?,
            metadata: notes.transpose()?,
            rules: self.mark,
            ..event.clone()
        })
    }

    /// A stored event of which nothing is shown but that it is there: by these rules it cannot be looked through.
    pub fn withheld(&self, event: &Event) -> Event {
        Event {
            data: NOTHING,
            metadata: None,
            rules: self.mark,
            ..event.clone()
        }
    }

    /// JSON text of an event that was stored under other rules, by these. Text that does not read becomes nothing: what
    /// cannot be looked through is not shown.
    fn applied_to(
        &self,
        text: &Bytes,
        apply: impl Fn(&mut Document) -> Result<(), TooMuchWork>,
    ) -> Result<Bytes, TooMuchWork> {
        match Document::parse(text, LIMITS) {
            Ok(mut document) => {
                apply(&mut document)?;
                Ok(document.to_bytes())
            }
            Err(_) => Ok(NOTHING),
        }
    }
}

impl Privacy {
    /// The rules of a tenant: of its profile's dictionary and of the fields that its profile classifies, which are the floor, and
    /// of its own types' classified fields.
    pub fn new(
        names: Option<&Arc<Dictionary>>,
        floor: &BTreeMap<EventType, Arc<Fields>>,
        own: impl IntoIterator<Item = (EventType, OwnFields)>,
    ) -> Self {
        let layer = |fields: &Arc<Fields>| (names.cloned(), Some(Arc::clone(fields)));
        let mut layers: BTreeMap<EventType, Vec<_>> = floor
            .iter()
            .map(|(kind, fields)| (kind.clone(), vec![layer(fields)]))
            .collect();
        for (kind, OwnFields { fields, authority }) in own {
            let of_type = layers.entry(kind).or_default();
            let alone = authority == Authority::Operator || (of_type.is_empty() && !fields.has_public());
            if alone {
                *of_type = vec![layer(&fields)];
                continue;
            }
            if of_type.is_empty() {
                of_type.push((names.cloned(), None));
            }
            of_type.push((None, Some(fields)));
        }
        let rules = |layers: Vec<_>| {
            let layers = layers.into_iter();
            Rules::new(
                layers
                    .filter_map(|(names, fields)| Layer::new(names, fields))
                    .collect(),
            )
        };
        let by_type = layers
            .into_iter()
            .filter_map(|(kind, layers)| Some((kind, rules(layers)?)));
        Self {
            by_type: by_type.collect(),
            every: rules(vec![(names.cloned(), None)]),
        }
    }

    /// The rules for events of a type, if there are any.
    pub fn of(&self, kind: &EventType) -> Option<&Rules> {
        // Most tenants have none.
        let own = if self.by_type.is_empty() {
            None
        } else {
            self.by_type.get(kind)
        };
        own.or(self.every.as_ref())
    }

    /// The rules by which a stored event is shown and sent today, where that is not as it is: those of its type are others
    /// than when it was stored.
    pub fn anew(&self, event: &Event) -> Option<&Rules> {
        let rules = self.of(&event.kind)?;
        (rules.mark != event.rules && !event.data.is_empty()).then_some(rules)
    }
}

fn mark_of(hash: Sha256) -> RulesMark {
    let digest = hash.finalize();
    let first = digest.first_chunk().copied().unwrap_or_default();
    RulesMark(u64::from_be_bytes(first).max(1))
}

const NOTHING: Bytes = Bytes::from_static(b"null");
const LIMITS: Limits = Limits {
    bytes: usize::MAX,
    depth: Limits::MAX_DEPTH,
};

/// A layer on its way through a document.
struct Walk<'r> {
    rules: &'r Layer,
    work: &'r WorkBudget,
    /// Everything goes from there on.
    stopped: Option<TooMuchWork>,
    scratch: Scratch,
}

/// What is known of a place whose inside is looked at.
#[derive(Debug, Default)]
struct Place {
    /// Where the walk is in the fields.
    at: Vec<FieldId>,
    /// Whether what has no class goes.
    closed: bool,
}

impl Walk<'_> {
    /// What the fields say, for so much work beside theirs; nothing where there is no more work.
    fn found(
        &mut self,
        units: usize,
        find: impl FnOnce(&Fields, &WorkBudget) -> Result<Found, TooMuchWork>,
    ) -> Option<Found> {
        if self.stopped.is_some() {
            return None;
        }
        let fields = self.rules.fields.as_deref();
        let charged = self.work.charge_len(units);
        let found = charged
            .and_then(|()| fields.map_or_else(|| Ok(Found::default()), |fields| find(fields, self.work)));
        found.map_err(|stopped| self.stopped = Some(stopped)).ok()
    }

    /// What becomes of a value, of which the fields say this; `open`: what is around it lets it stay.
    fn say(&mut self, found: Found, open: bool, key: Option<&str>) -> Sifted<Place> {
        let names = self.rules.names.as_ref();
        if found.withheld {
            return Sifted::Goes;
        }
        let named =
            |scratch: &mut Scratch| names.zip(key).is_some_and(|(names, key)| names.has(key, scratch));
        if !found.public && named(&mut self.scratch) {
            return Sifted::Goes;
        }
        let open = open || found.public;
        let place = Place {
            closed: !open,
            at: found.at,
        };
        match (open, place.at.is_empty() && names.is_none()) {
            (true, true) => Sifted::Stays,
            (true, false) => Sifted::Inside(place),
            (false, _) if place.at.is_empty() => Sifted::Goes,
            (false, _) => Sifted::Way(place),
        }
    }
}

impl Sieve for Walk<'_> {
    type Place = Place;

    fn member(&mut self, around: &Place, key: &str) -> Sifted<Place> {
        let found = self.found(1 + key.len(), |fields, work| fields.member(&around.at, key, work));
        found.map_or(Sifted::Goes, |found| self.say(found, !around.closed, Some(key)))
    }

    fn element(&mut self, around: &Place, index: usize) -> Sifted<Place> {
        let found = self.found(1, |fields, work| fields.element(&around.at, index, work));
        found.map_or(Sifted::Goes, |found| self.say(found, !around.closed, None))
    }
}
