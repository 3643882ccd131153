//! Event types: what a tenant's events are called, and what their data must look like.
//!
//! A type may have a JSON Schema (draft 2020-12). It is read once, when the type is put (`read`, which knows every keyword and
//! refuses what it does not, `weight`, which refuses a schema that would look at the same value too often), and then checks the
//! data of each event of a type that asks for it (`check`): compiled (`program`) and held against it on a budget (`evaluate`), so
//! that the work of an event is bounded before it is done. What it classifies, in the data and in the metadata (`x-metadata-schema`), becomes
//! `privacy::Fields`. `registry` keeps the types, `ingest` has events checked, `api` shows
//! them.
//!
//! Pure: a schema names nothing outside itself, so nothing is ever fetched; its patterns run in linear time. What is told of
//! data that does not fit never repeats the data.

mod assertion;
mod check;
mod evaluate;
mod graph;
mod program;
mod read;
mod same;
mod weight;

use std::sync::Arc;

use crate::privacy::{Authority, Classified, Dictionary};
use hookgate_domain::EventType;
use hookgate_json::Scratch;

pub use check::{Check, Violation};

use read::Origin;

/// An event type as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeSpec {
    /// Its name.
    pub kind: EventType,
    /// What it is about.
    pub entity: Option<String>,
    /// When it is sent.
    pub description: Option<String>,
    /// A JSON Schema of its data: compact JSON text.
    pub schema: Option<String>,
    /// Whether data that does not fit the schema is refused.
    pub validate: bool,
    /// Whose word its classification is.
    pub authority: Authority,
}

/// An event type that is ready for use.
#[derive(Debug)]
pub struct CatalogueType {
    /// As it was asked for.
    pub spec: TypeSpec,
    check: Option<Arc<Check>>,
    classified: Classified,
    publics: Vec<PublicName>,
    unusable: usize,
}

/// A member of the data or metadata that the schema names public.
#[derive(Debug)]
struct PublicName {
    name: String,
    /// Where in the schema that is said.
    pointer: String,
}

/// Something wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaProblem {
    /// Where in the schema: RFC 6901.
    pub pointer: String,
    /// What, in words.
    pub message: String,
}

impl CatalogueType {
    /// Reads the schema, if there is one.
    ///
    /// # Errors
    /// What is wrong with it: at least one problem, and at most 20.
    pub fn new(spec: TypeSpec) -> Result<Self, Vec<SchemaProblem>> {
        Self::read(spec, Origin::Given)
    }

    /// The same of a type that was taken before, by whatever release: a pattern that is too large today is unusable, so that
    /// what it would have to look at is refused or withheld ([`TextPattern::unusable`](crate::privacy::TextPattern)).
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn stored(spec: TypeSpec) -> Result<Self, Vec<SchemaProblem>> {
        Self::read(spec, Origin::Stored)
    }

    fn read(spec: TypeSpec, origin: Origin) -> Result<Self, Vec<SchemaProblem>> {
        let (mut check, mut classified, mut publics, mut unusable) =
            (None, Classified::default(), Vec::new(), 0);
        if let Some(text) = &spec.schema {
            let schema = read::parse(text)?;
            let described = schema.to_serde();
            let (graph, patterns) = read::read(&described, origin)?;
            weight::check(&graph)?;
            check::sound(&described)?;
            unusable = patterns.values().filter(|pattern| pattern.is_unusable()).count();
            check = spec.validate.then(|| Arc::new(Check::new(&schema, &patterns)));
            classified = graph.classified(text);
            publics = graph.public_names();
        }
        Ok(Self {
            spec,
            check,
            classified,
            publics,
            unusable,
        })
    }

    /// How many of its patterns are too large to be used; only of one that was stored before.
    pub fn unusable_patterns(&self) -> usize {
        self.unusable
    }

    /// The places of its data and metadata that are classified.
    pub fn classified(&self) -> &Classified {
        &self.classified
    }

    /// Where its schema names a field public that a profile takes out by its name: at most 20 places.
    pub fn against(&self, floor: &Dictionary) -> Vec<SchemaProblem> {
        let mut scratch = Scratch::default();
        let named = self.publics.iter();
        let against = named.filter(|public| floor.has(&public.name, &mut scratch));
        let told = |public: &PublicName| {
            let message = format!(
                "the tenant's profile takes `{}` out of every event, and only the operator can make it public",
                public.name
            );
            SchemaProblem::new(public.pointer.clone(), message)
        };
        against.map(told).take(MOST_TOLD).collect()
    }

    /// What checks the data of its events; `None`: any data will do.
    pub fn check(&self) -> Option<&Arc<Check>> {
        self.check.as_ref()
    }
}

/// Types by name.
pub type Types = std::collections::BTreeMap<EventType, Arc<CatalogueType>>;

impl std::fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.pointer, self.message)
        }
    }
}

impl SchemaProblem {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

/// How many problems of a schema, and violations of an event, are told.
const MOST_TOLD: usize = 20;

#[cfg(test)]
mod tests;
