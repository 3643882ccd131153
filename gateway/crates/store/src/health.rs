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
    /// Number of confirmed events that the store has lost since this process first saw it.
    pub lost_events: u64,
    /// Number of damaged records found since this process started.
    pub damaged_records: u64,
    /// Warnings for operators: durability that is weaker than promised, memory that runs out.
    pub warnings: Vec<String>,
}
