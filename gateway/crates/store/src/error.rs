//! Errors of stores.

use hookgate_domain::OverQuota;

/// Error of a store operation.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer: the outcome is unknown.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// The store is full: nothing happened.
    #[error("the store is full: {0}")]
    Full(String),
    /// The tenant's quota is exhausted: nothing happened.
    #[error(transparent)]
    OverQuota(OverQuota),
    /// A concurrent change came first: nothing happened.
    #[error("it was changed by somebody else at the same time")]
    Conflict,
    /// The stored data cannot be read.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
    /// It cannot be opened, or its setup persists nothing: nothing happened.
    #[error("the store cannot be used: {0}")]
    Unusable(String),
}
