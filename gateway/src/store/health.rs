//! Health of a store, as `/readyz` and the log show it.

/// How a store is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// It answers.
    pub available: bool,
    /// It takes new events (it may be full and still drain).
    pub accepting: bool,
    /// Why it keeps nothing that is sent to it, where its setup or state is such; the operator has to mend it.
    pub unfit: Option<String>,
    /// Events that the store had confirmed and has no more, since this process saw it first.
    pub lost_events: u64,
    /// Records that were found damaged since this process started.
    pub damaged_records: u64,
    /// What an operator should know: durability that is weaker than promised, memory that runs out.
    pub warnings: Vec<String>,
}
