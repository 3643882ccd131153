//! Capabilities of portal sessions: the permissions that a link names.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Permission of a portal session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[repr(u8)]
pub enum Capability {
    /// Reads subscriptions without their secrets, deliveries, attempts, lists of events, event types, series, usage and the chain.
    #[serde(rename = "view")]
    View = 1,
    /// Reads payloads of events and endpoints' answers.
    #[serde(rename = "payloads")]
    Payloads = 2,
    /// Reads signing secrets.
    #[serde(rename = "secrets.view")]
    SecretsView = 4,
    /// Rotates signing secrets.
    #[serde(rename = "secrets.rotate")]
    SecretsRotate = 8,
    /// Creates, changes, pauses and deletes subscriptions.
    #[serde(rename = "endpoints.write")]
    EndpointsWrite = 16,
    /// Retries, replays, recovers and cancels deliveries.
    #[serde(rename = "retry")]
    Retry = 32,
    /// Sends test events.
    #[serde(rename = "test")]
    Test = 64,
    /// Changes chains and tries them.
    #[serde(rename = "chain.write")]
    ChainWrite = 128,
}

/// Set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capability {
    /// All capabilities.
    pub const ALL: [Self; 8] = [
        Self::View,
        Self::Payloads,
        Self::SecretsView,
        Self::SecretsRotate,
        Self::EndpointsWrite,
        Self::Retry,
        Self::Test,
        Self::ChainWrite,
    ];

    /// Name of the capability.
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Payloads => "payloads",
            Self::SecretsView => "secrets.view",
            Self::SecretsRotate => "secrets.rotate",
            Self::EndpointsWrite => "endpoints.write",
            Self::Retry => "retry",
            Self::Test => "test",
            Self::ChainWrite => "chain.write",
        }
    }
}

impl Capabilities {
    /// Empty set.
    pub const NONE: Self = Self(0);
    /// All capabilities.
    pub const ALL: Self = Self(u8::MAX);

    /// Checks whether a capability is in the set.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & capability as u8 != 0
    }

    /// Returns the set with a capability.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | capability as u8)
    }

    /// Capabilities of the set, in the order of [`Capability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        let held = Capability::ALL.into_iter();
        held.filter(move |capability| self.has(*capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<T: IntoIterator<Item = Capability>>(capabilities: T) -> Self {
        capabilities.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_one_name_each() {
        for capability in Capability::ALL {
            let written = serde_json::to_value(capability).unwrap();
            assert_eq!(written, capability.name());
            let only: Capabilities = [capability].into_iter().collect();
            assert_eq!(only.iter().collect::<Vec<_>>(), [capability]);
        }
        let all: Capabilities = Capability::ALL.into_iter().collect();
        assert_eq!(all, Capabilities::ALL);
    }
}
