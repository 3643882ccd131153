//! Event types of a tenant: names and data schemas.
//!
//! A type may have a JSON Schema (draft 2020-12). The schema is read once, when the type is stored:
//! `read` knows every keyword and refuses unknown ones, and `weight` refuses a schema that would
//! visit the same value too often. `check` then applies it to the data of each event of a type with
//! validation. The schema is compiled (`program`) and evaluated on a budget (`evaluate`), so that
//! the work of an event is bounded in advance. Its classifications of the data and the metadata
//! (`x-metadata-schema`) become `privacy::Fields`. `registry` stores the types, `ingest` has events
//! checked, `api` shows them.
//!
//! Pure: a schema refers to nothing outside itself, so nothing is ever fetched; its patterns run in
//! linear time. Reported violations never repeat the data.

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

/// Event type as requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeSpec {
    /// Name of the type.
    pub kind: EventType,
    /// Subject of the type.
    pub entity: Option<String>,
    /// Condition under which the event is sent.
    pub description: Option<String>,
    /// JSON Schema of its data: compact JSON text.
    pub schema: Option<String>,
    /// Refuses data that violates the schema.
    pub validate: bool,
    /// Authority of its classification.
    pub authority: Authority,
}

/// Event type with its compiled schema.
#[derive(Debug)]
pub struct CatalogueType {
    /// Type as requested.
    pub spec: TypeSpec,
    check: Option<Arc<Check>>,
    classified: Classified,
    publics: Vec<PublicName>,
    unusable: usize,
}

/// Member of the data or metadata that the schema classifies as public.
#[derive(Debug)]
struct PublicName {
    name: String,
    /// JSON pointer of the classification in the schema.
    pointer: String,
}

/// Problem of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaProblem {
    /// JSON pointer into the schema (RFC 6901).
    pub pointer: String,
    /// Description of the problem.
    pub message: String,
}

impl CatalogueType {
    /// Reads and compiles the schema, if there is one.
    ///
    /// # Errors
    /// Problems of the schema: at least one, at most 20.
    pub fn new(spec: TypeSpec) -> Result<Self, Vec<SchemaProblem>> {
        Self::read(spec, Origin::Given)
    }

    /// Reads a type that an earlier release may have accepted.
    ///
    /// A pattern that exceeds today's limits is unusable: values that it would have to match are
    /// refused or withheld ([`TextPattern::unusable`](crate::privacy::TextPattern)).
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

    /// Number of patterns that are too large to be used; nonzero only for stored types.
    pub fn unusable_patterns(&self) -> usize {
        self.unusable
    }

    /// Classified fields of its data and metadata.
    pub fn classified(&self) -> &Classified {
        &self.classified
    }

    /// Finds fields that its schema classifies as public and a profile removes by name: at most 20.
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

    /// Check of its events' data; `None` if any data is accepted.
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

/// Maximum number of reported problems of a schema, and of violations of an event.
const MOST_TOLD: usize = 20;

#[cfg(test)]
mod tests;
