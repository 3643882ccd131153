//! Health of a store, as `/readyz` and the log show it.

/// Health of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Flag: the store answers.
    pub available: bool,
    /// Flag: the store accepts new events (a full store may still deliver).
    pub accepting: bool,
    /// Reason why the store persists no data, because of its setup or state; an operator must act.
    pub unfit: Option<String>,
    /// Warnings for the operator: durability weaker than promised, memory nearly exhausted.
    pub warnings: Vec<String>,
}
