//! Privacy rules: remove confidential fields of an event before it is first written.
//!
//! They apply independently of the tenant's chain. Rules have two sources. A profile names classes
//! of a dictionary of names (`dictionary`): keys that match names such as `email` or
//! `lifetime_value` are removed at any depth. The schema of a type classifies fields (`fields`):
//! those that are not `public` are removed; with a non-public default only public ones remain. A
//! field that the schema classifies as public remains regardless of its name. Both apply to the
//! data and to the producer's metadata (a CloudEvent's attributes); a profile or a tenant can also
//! drop all metadata.
//!
//! The removals of a tenant's profile are a floor: a schema of the tenant can remove more and never
//! less, so that a tenant's key cannot override the operator's decision. A schema of the operator
//! ([`Authority`]) or of the profile can.
//!
//! Both are compiled once, when a tenant's snapshot is created, and applied in one walk
//! ([`Rules::apply`]). `ingest` applies them before the chain, so that no plugin sees removed
//! fields, and after it, so that no plugin restores them. Rules have a mark, and an event stores
//! the mark of the rules under which it was accepted. When an event is shown or sent and its mark
//! differs, today's rules are applied again ([`Privacy::anew`]). The store is not involved, and
//! tenants without rules have no cost.
//!
//! The amount of work depends on a tenant's patterns and the size of its events. It is charged to a
//! budget, and an event that exceeds it is never passed on after an incomplete scan.
//!
//! Pure. Logs and messages never contain keys or values.

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

/// Treatment of the producer's metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metadata {
    /// Stored and shown, except for removed fields.
    #[default]
    Kept,
    /// Not stored, and no plugin sees any.
    Dropped,
}

#[cfg(test)]
mod tests;
