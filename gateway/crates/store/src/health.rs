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
    /// What an operator should know: durability that is weaker than promised, memory that runs out.
    pub warnings: Vec<String>,
}
