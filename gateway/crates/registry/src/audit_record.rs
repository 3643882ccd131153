//! Stored form of the history of a tenant's changes.

use serde::{Deserialize, Serialize};

/// Kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// A chain was set.
    ChainSet,
    /// A chain was removed.
    ChainRemoved,
    /// A version was uploaded.
    Uploaded,
    /// A version, or a plugin with all of them, was deleted.
    Deleted,
    /// A step moved to an uploaded version.
    #[serde(rename = "moved")]
    Upgraded,
    /// A step kept its version: the uploaded one does not accept its settings.
    Kept,
    /// A step's canary was started.
    CanaryBegun,
    /// A step's canary was promoted to the step's version.
    Promoted,
    /// A step's canary was stopped.
    CanaryStopped,
    /// A step was rolled back to the version before.
    RolledBack,
}

impl AuditAction {
    /// Name in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::ChainSet => "chain_set",
            Self::ChainRemoved => "chain_removed",
            Self::Uploaded => "uploaded",
            Self::Deleted => "deleted",
            Self::Upgraded => "moved",
            Self::Kept => "kept",
            Self::CanaryBegun => "canary_begun",
            Self::Promoted => "promoted",
            Self::CanaryStopped => "canary_stopped",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// Entry `history`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct HistoryRecord {
    pub v: u8,
    /// Changes, the newest first.
    pub changes: Vec<ChangeRecord>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ChangeRecord {
    pub at: u64,
    pub who: String,
    pub deed: AuditAction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
