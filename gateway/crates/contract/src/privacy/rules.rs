//! Rules applied: the dictionary and the schema in one walk, and the marks that tell which rules an event was stored under.

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

/// What is taken out of the events of one type: by one layer, or by the floor of the tenant's profile and then by the tenant's own
/// schema, which lifts nothing of the floor.
#[derive(Debug, Clone)]
pub struct Rules {
    layers: Vec<Layer>,
    metadata: Metadata,
    mark: RulesMark,
}

/// Names and classified fields that are applied in one walk: a field that is public stays whatever its name is.
#[derive(Debug, Clone)]
struct Layer {
    names: Option<Arc<Dictionary>>,
    fields: Classified,
}

/// What is taken out of a tenant's events, by their type.
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    /// Of types without classified fields.
    every: Option<Rules>,
    by_type: BTreeMap<EventType, Rules>,
    metadata: Metadata,
}

/// Classified fields of a tenant's own event type.
#[derive(Debug, Clone, Default)]
pub struct OwnFields {
    /// The fields.
    pub fields: Classified,
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
    /// Nothing where it takes nothing out.
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

    /// Takes out of data or metadata what the names and these of the layer's fields say.
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

    /// The classified fields of the data, of each layer that has some.
    pub(super) fn fields(&self) -> impl Iterator<Item = &Fields> {
        self.layers
            .iter()
            .filter_map(|layer| layer.fields.data.as_deref())
    }

    /// Whether what the first fields name public stays whatever its name is: they are in the layer of the names, or there are none.
    pub(super) fn lifts_names(&self) -> bool {
        self.layers
            .first()
            .is_some_and(|layer| layer.fields.data.is_some())
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
        self.layers
            .iter()
            .try_for_each(|layer| layer.apply_by(layer.fields.data.as_deref(), data, work))
    }

    /// Takes the same out of the producer's metadata, or all of it where none is kept.
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

    /// The most work that data and metadata of so many bytes together can take; `None`: it may be any.
    pub fn most_work(&self, bytes: usize) -> Option<u64> {
        let mut layers = self.layers.iter();
        layers.try_fold(0_u64, |sum, layer| sum.checked_add(layer.most_work(bytes)?))
    }

    /// A stored event as it may be shown and sent by these rules.
    ///
    /// # Errors
    /// When it takes more work than there is: then it is shown [`Self::withheld`].
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

    /// A stored event of which nothing is shown but that it is there: by these rules it cannot be looked through.
    pub fn withheld(&self, event: &Event) -> Event {
        Event {
            data: NOTHING,
            metadata: None,
            rules: self.mark,
            ..event.clone()
        }
    }
}

/// JSON text of an event that was stored under other rules, by today's. Text that does not read becomes nothing: what cannot be
/// looked through is not shown.
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
    /// The rules of a tenant: of its profile's dictionary and of the fields that its profile classifies, which are the floor, of
    /// its own types' classified fields, and of its metadata.
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

    /// What becomes of the metadata of all types.
    pub fn metadata(&self) -> Metadata {
        self.metadata
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

/// The layers for events of a type: names and the fields of the floor in one, and then those of the tenant. What the operator
/// classified stands in the place of the floor, for data and for metadata where it says something of them.
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
        // What names nothing public lifts nothing, and one walk will do.
        Authority::Tenant if !floor.has_any() && !own.fields.has_public() => {
            return Layer::new(names.cloned(), own.fields).into_iter().collect();
        }
        Authority::Tenant => Layer::new(names.cloned(), floor),
    };
    first.into_iter().chain(Layer::new(None, own.fields)).collect()
}

/// What rules of one text mean, as a number that their mark is made of: another where a release takes out more.
const MEANING: u8 = 2;
const NOTHING: Bytes = Bytes::from_static(b"null");
const LIMITS: Limits = Limits {
    bytes: usize::MAX,
    depth: Limits::MAX_DEPTH,
};

/// A layer on its way through a document.
struct Walk<'r> {
    names: Option<&'r Dictionary>,
    fields: Option<&'r Fields>,
    work: &'r WorkBudget,
    /// Everything goes from there on.
    stopped: Option<TooMuchWork>,
    scratch: Scratch,
}

/// A member, as far as its name says what becomes of it.
#[derive(Debug, Clone, Copy, Default)]
struct Member<'k> {
    key: Option<&'k str>,
    /// It is the value of a pair whose name the dictionary has.
    named_out: bool,
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
        let fields = self.fields;
        let charged = self.work.charge_len(units);
        let found = charged
            .and_then(|()| fields.map_or_else(|| Ok(Found::default()), |fields| find(fields, self.work)));
        found.map_err(|stopped| self.stopped = Some(stopped)).ok()
    }

    /// What becomes of a value, of which the fields say this; `open`: what is around it lets it stay.
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
        // Where there is no more work everything goes.
        self.found(1 + name.len(), |_, _| Ok(Found::default())).is_none()
            || names.has(name, &mut self.scratch)
    }

    fn element(&mut self, around: &Place, index: usize) -> Sifted<Place> {
        let found = self.found(1, |fields, work| fields.element(&around.at, index, work));
        let member = Member::default();
        found.map_or(Sifted::Goes, |found| self.say(found, !around.closed, member))
    }
}
