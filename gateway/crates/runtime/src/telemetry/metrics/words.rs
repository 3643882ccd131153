//! Words of what is counted, as labels have them.

use super::{AcceptResult, DeliveryEnd, PluginVerdict, StoreOperation};

impl AcceptResult {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Filtered => "filtered",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
            Self::OverQuota => "over_quota",
        }
    }
}

impl PluginVerdict {
    /// As a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Reject => "reject",
            Self::Delay => "delay",
            Self::Failed => "failed",
        }
    }
}

impl DeliveryEnd {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Shadowed => "shadowed",
        }
    }
}

impl StoreOperation {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Claim => "claim",
            Self::Settle => "settle",
            Self::Renew => "renew",
        }
    }
}
