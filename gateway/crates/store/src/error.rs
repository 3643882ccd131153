//! Errors of stores.

use hookgate_domain::OverQuota;

/// Error of a store operation.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It did not answer: nothing is known of what was asked.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// It has no room: nothing happened.
    #[error("the store is full: {0}")]
    Full(String),
    /// The tenant has no room for it: nothing happened.
    #[error(transparent)]
    OverQuota(OverQuota),
    /// Somebody else changed it first: nothing happened.
    #[error("it was changed by somebody else at the same time")]
    Conflict,
    /// What it holds cannot be read.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
    /// It cannot be opened, or keeps nothing as it is set up: nothing happened.
    #[error("the store cannot be used: {0}")]
    Unusable(String),
}
