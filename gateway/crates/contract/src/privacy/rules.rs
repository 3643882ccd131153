//! Privacy rules of event types: apply the dictionary and the schema in one walk.
//!
//! The mark of the rules identifies those under which an event was stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::fields::{Classified, FieldId, Fields, Found};
use super::{Dictionary, Metadata};
use hookgate_domain::event::RulesMark;
use hookgate_domain::{Event, EventType};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Document, Limits, Scratch, Sieve, Sifted};

/// Privacy rules for the events of one type, in one or two layers.
///
/// With two layers, the first is the floor of the tenant's profile and the second the tenant's own
/// schema, which cannot lift the floor.
#[derive(Debug, Clone)]
pub struct Rules {
    layers: Vec<Layer>,
    metadata: Metadata,
    mark: RulesMark,
}

/// Names and classified fields that are applied in one walk.
///
/// A public field remains regardless of its name.
#[derive(Debug, Clone)]
struct Layer {
    names: Option<Arc<Dictionary>>,
    fields: Classified,
}

/// Privacy rules of a tenant, by event type.
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    /// Rules of types without classified fields.
    every: Option<Rules>,
    by_type: BTreeMap<EventType, Rules>,
    metadata: Metadata,
}

/// Classified fields of a tenant's own event type.
#[derive(Debug, Clone, Default)]
pub struct OwnFields {
    /// Classified fields.
    pub fields: Classified,
    /// Authority of the classification as public.
    pub authority: Authority,
}

/// Author of a classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authority {
    /// The tenant: removals of the profile remain in force.
    #[default]
    Tenant,
    /// The operator: a public field remains, even if the profile would remove it.
    Operator,
}

impl Layer {
    /// Creates a layer; `None` if it removes nothing.
    fn new(names: Option<Arc<Dictionary>>, fields: Classified) -> Option<Self> {
        (names.is_some() || fields.has_any()).then_some(Self { names, fields })
    }

    fn add_to(&self, mark: &mut Sha256) {
        let text = |fields: &Option<Arc<Fields>>| fields.as_ref().map(|fields| fields.text.clone());
        for text in [
            self.names.as_ref().map(|names| names.text().to_owned()),
            text(&self.fields.data),
            text(&self.fields.metadata),
        ] {
            mark.update([u8::from(text.is_some())]);
            let text = text.unwrap_or_default();
            mark.update(text.len().to_be_bytes());
            mark.update(text);
        }
    }

    /// Removes the fields that the names and the given fields select, from data or metadata.
    fn apply_by(
        &self,
        fields: Option<&Fields>,
        document: &mut Document,
        work: &WorkBudget,
    ) -> Result<(), TooMuchWork> {
        let names = self.names.as_deref();
        if names.is_none() && fields.is_none() {
            return Ok(());
        }
        let mut walk = Walk {
            names,
            fields,
            work,
            stopped: None,
            scratch: Scratch::default(),
        };
        let root = match fields {
            None => Sifted::Inside(Place::default()),
            Some(fields) => {
                let found = fields.root(work)?;
                walk.say(found, !fields.closed, Member::default())
            }
        };
        document.sift(&mut walk, root);
        walk.stopped.map_or(Ok(()), Err)
    }

    fn most_work(&self, bytes: usize) -> Option<u64> {
        let mut most = 0;
        for fields in [&self.fields.data, &self.fields.metadata].into_iter().flatten() {
            most = fields.units_a_byte()?.max(most);
        }
        (most + 2).checked_mul(bytes as u64 + 2)
    }
}

impl Rules {
    fn new(layers: Vec<Layer>, metadata: Metadata) -> Option<Self> {
        if layers.is_empty() && metadata == Metadata::Kept {
            return None;
        }
        let mut hash = Sha256::new();
        hash.update([MEANING, u8::from(metadata == Metadata::Dropped)]);
        layers.iter().for_each(|layer| layer.add_to(&mut hash));
        let digest = hash.finalize();
        let first = digest.first_chunk().copied().unwrap_or_default();
        Some(Self {
            layers,
            metadata,
            mark: RulesMark(u64::from_be_bytes(first).max(1)),
        })
    }

    /// Classified fields of the data, of each layer that has some.
    pub(super) fn fields(&self) -> impl Iterator<Item = &Fields> {
        self.layers
            .iter()
            .filter_map(|layer| layer.fields.data.as_deref())
    }

    /// Returns `true` if public fields of the first fields remain regardless of their name.
    ///
    /// They do if they are in the same layer as the names, or if there are no names.
    pub(super) fn lifts_names(&self) -> bool {
        self.layers
            .first()
            .is_some_and(|layer| layer.fields.data.is_some())
    }

    /// Mark that identifies the rules.
    pub fn mark(&self) -> RulesMark {
        self.mark
    }

    /// Removes confidential fields from an event's data.
    ///
    /// # Errors
    /// The work budget is exceeded. The data is then incomplete and must not be shown.
    pub fn apply(&self, data: &mut Document, work: &WorkBudget) -> Result<(), TooMuchWork> {
        self.layers
            .iter()
            .try_for_each(|layer| layer.apply_by(layer.fields.data.as_deref(), data, work))
    }

    /// Removes confidential fields from the producer's metadata, or all of it if none is stored.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_to_metadata(
        &self,
        metadata: &mut Option<Document>,
        work: &WorkBudget,
    ) -> Result<(), TooMuchWork> {
        if self.metadata == Metadata::Dropped {
            *metadata = None;
        }
        match metadata {
            Some(metadata) => self.apply_to_kept(metadata, work),
            None => Ok(()),
        }
    }

    fn apply_to_kept(&self, metadata: &mut Document, work: &WorkBudget) -> Result<(), TooMuchWork> {
        self.layers
            .iter()
            .try_for_each(|layer| layer.apply_by(layer.fields.metadata.as_deref(), metadata, work))
    }

    /// Maximum work for data and metadata of this total size in bytes; `None` if it is unbounded.
    pub fn most_work(&self, bytes: usize) -> Option<u64> {
        let mut layers = self.layers.iter();
        layers.try_fold(0_u64, |sum, layer| sum.checked_add(layer.most_work(bytes)?))
    }

    /// Applies the rules to a stored event before it is shown or sent.
    ///
    /// # Errors
    /// The work budget is exceeded; the event is then shown as [`Self::withheld`].
    pub fn shown(&self, event: &Event, work: &WorkBudget) -> Result<Event, TooMuchWork> {
        let metadata = event.metadata.as_ref();
        let metadata = metadata.filter(|_| self.metadata == Metadata::Kept);
        Ok(Event {
            data: applied_to(&event.data, |data| self.apply(data, work))?,
            metadata: metadata
                .map(|text| applied_to(text, |metadata| self.apply_to_kept(metadata, work)))
                .transpose()?,
            rules: self.mark,
            ..event.clone()
        })
    }

    /// Stored event without its contents, for one that exceeds the work budget of these rules.
    pub fn withheld(&self, event: &Event) -> Event {
        Event {
            data: NOTHING,
            metadata: None,
            rules: self.mark,
            ..event.clone()
        }
    }
}

/// Applies today's rules to JSON text that was stored under others.
///
/// Invalid JSON becomes `null`: text that cannot be scanned is not shown.
fn applied_to(
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

impl Privacy {
    /// Rules of a tenant.
    ///
    /// The dictionary and the fields that the profile classifies are the floor. The classified
    /// fields of the tenant's types and the treatment of metadata are added.
    pub fn new(
        names: Option<&Arc<Dictionary>>,
        floor: &BTreeMap<EventType, Classified>,
        own: impl IntoIterator<Item = (EventType, OwnFields)>,
        metadata: Metadata,
    ) -> Self {
        let own: BTreeMap<_, _> = own.into_iter().collect();
        let kinds: BTreeSet<_> = floor.keys().chain(own.keys()).collect();
        let by_type = kinds.into_iter().filter_map(|kind| {
            let layers = layers(names, floor.get(kind), own.get(kind));
            Some((kind.clone(), Rules::new(layers, metadata)?))
        });
        Self {
            by_type: by_type.collect(),
            every: Rules::new(layers(names, None, None), metadata),
            metadata,
        }
    }

    /// Treatment of the metadata of all types.
    pub fn metadata(&self) -> Metadata {
        self.metadata
    }

    /// Rules for events of a type, if there are any.
    pub fn of(&self, kind: &EventType) -> Option<&Rules> {
        // Most tenants have no own types.
        let own = if self.by_type.is_empty() {
            None
        } else {
            self.by_type.get(kind)
        };
        own.or(self.every.as_ref())
    }

    /// Rules to apply before a stored event is shown or sent; `None` if they are unchanged.
    ///
    /// They apply if the rules of its type have changed since it was stored.
    pub fn anew(&self, event: &Event) -> Option<&Rules> {
        let rules = self.of(&event.kind)?;
        (rules.mark != event.rules && !event.data.is_empty()).then_some(rules)
    }
}

/// Layers for events of a type.
///
/// The names and the floor's fields are the first layer, the tenant's fields the second. An
/// operator's classification replaces the floor, separately for data and metadata.
fn layers(
    names: Option<&Arc<Dictionary>>,
    floor: Option<&Classified>,
    own: Option<&OwnFields>,
) -> Vec<Layer> {
    let floor = floor.cloned().unwrap_or_default();
    let own = own.cloned().unwrap_or_default();
    let first = match own.authority {
        Authority::Operator => {
            let replaced = Classified {
                data: own.fields.data.or(floor.data),
                metadata: own.fields.metadata.or(floor.metadata),
            };
            return Layer::new(names.cloned(), replaced).into_iter().collect();
        }
        // A schema without public fields cannot lift names, so one walk is enough.
        Authority::Tenant if !floor.has_any() && !own.fields.has_public() => {
            return Layer::new(names.cloned(), own.fields).into_iter().collect();
        }
        Authority::Tenant => Layer::new(names.cloned(), floor),
    };
    first.into_iter().chain(Layer::new(None, own.fields)).collect()
}

/// Version of the rules' meaning, which is part of their mark.
///
/// It changes when a release removes more for the same text.
const MEANING: u8 = 2;
const NOTHING: Bytes = Bytes::from_static(b"null");
const LIMITS: Limits = Limits {
    bytes: usize::MAX,
    depth: Limits::MAX_DEPTH,
};

/// Walk of a layer through a document.
struct Walk<'r> {
    names: Option<&'r Dictionary>,
    fields: Option<&'r Fields>,
    work: &'r WorkBudget,
    /// Set when the work budget is exceeded: everything is removed from there on.
    stopped: Option<TooMuchWork>,
    scratch: Scratch,
}

/// Member during the decision by its name.
#[derive(Debug, Clone, Copy, Default)]
struct Member<'k> {
    key: Option<&'k str>,
    /// Set for the value of a pair whose name is in the dictionary.
    named_out: bool,
}

/// State for a place whose content is examined.
#[derive(Debug, Default)]
struct Place {
    /// Current nodes of the walk in the fields.
    at: Vec<FieldId>,
    /// Set when unclassified values are removed.
    closed: bool,
}

impl Walk<'_> {
    /// Result of the fields, after charging `units` of additional work.
    ///
    /// `None` if the budget is exceeded.
    fn found(
        &mut self,
        units: usize,
        find: impl FnOnce(&Fields, &WorkBudget) -> Result<Found, TooMuchWork>,
    ) -> Option<Found> {
        if self.stopped.is_some() {
            return None;
        }
        let fields = self.fields;
        let charged = self.work.charge_len(units);
        let found = charged
            .and_then(|()| fields.map_or_else(|| Ok(Found::default()), |fields| find(fields, self.work)));
        found.map_err(|stopped| self.stopped = Some(stopped)).ok()
    }

    /// Decision about a value for this result of the fields.
    ///
    /// `open`: the enclosing value lets it remain.
    fn say(&mut self, found: Found, open: bool, member: Member<'_>) -> Sifted<Place> {
        let names = self.names;
        if found.withheld {
            return Sifted::Goes;
        }
        let named = |scratch: &mut Scratch| {
            let key = names.zip(member.key);
            member.named_out || key.is_some_and(|(names, key)| names.has(key, scratch))
        };
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

    fn member(&mut self, around: &Place, key: &str, named_out: bool) -> Sifted<Place> {
        let found = self.found(1 + key.len(), |fields, work| fields.member(&around.at, key, work));
        let key = Some(key);
        let member = Member { key, named_out };
        found.map_or(Sifted::Goes, |found| self.say(found, !around.closed, member))
    }

    fn names_out(&mut self, name: &str) -> bool {
        let Some(names) = self.names else { return false };
        // When the budget is exceeded, everything is removed.
        self.found(1 + name.len(), |_, _| Ok(Found::default())).is_none()
            || names.has(name, &mut self.scratch)
    }

    fn element(&mut self, around: &Place, index: usize) -> Sifted<Place> {
        let found = self.found(1, |fields, work| fields.element(&around.at, index, work));
        let member = Member::default();
        found.map_or(Sifted::Goes, |found| self.say(found, !around.closed, member))
    }
}
