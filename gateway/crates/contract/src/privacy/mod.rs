//! What of an event is for nobody outside: taken out before it is first written, whatever the tenant's chain does.
//!
//! Two things say so. A profile names classes of a dictionary of names (`dictionary`): what reads like `email` or
//! `lifetime_value` goes, at any depth. A type's schema classifies places (`fields`): what is not `public` goes, and with a
//! default that is not public, only what is. A place that the schema names public stays whatever its name reads like. Both hold
//! for the producer's metadata (a CloudEvent's attributes) as for the data; a profile or a tenant can have all of it dropped.
//!
//! What a tenant's profile takes out is a floor: a schema that the tenant itself put takes out more and never less, so that
//! its key cannot undo what the operator decided. A schema of the operator's ([`Authority`]) or of the profile can.
//!
//! Both are compiled once, when a tenant's snapshot is made, and applied together in one walk ([`Rules::apply`]): `ingest` does
//! so before the chain, so that no plugin sees what goes, and after it, so that none puts it back. Rules have a mark; an event
//! keeps the mark of those that it was stored under, and whoever shows or sends it applies today's where the mark differs
//! ([`Privacy::anew`]). Nothing is asked of the store, and nothing is done for tenants without rules.
//!
//! A tenant's patterns and the size of its events decide how much work that is: it is charged to a budget, and an event that
//! takes more is not let through half looked at.
//!
//! Pure. Nothing here logs or tells keys or values.

mod class;
mod dictionary;
mod exposure;
mod fields;
mod pattern;
mod rules;

pub use class::{BadClass, Class};
pub use dictionary::{BadName, Dictionary};
pub use exposure::{Basis, ExposedPath, Exposure};
pub use fields::{Classified, Field, FieldId, Fields};
pub use pattern::{BadPattern, TextPattern};
pub use rules::{Authority, OwnFields, Privacy, Rules};

/// What becomes of the producer's metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metadata {
    /// It is stored and shown, but for what is taken out of it.
    #[default]
    Kept,
    /// None is stored, and no plugin sees any.
    Dropped,
}

#[cfg(test)]
mod tests;
