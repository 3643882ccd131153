//! Sessions and the grants that links give them.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Capabilities;
use hookgate_domain::{EventPattern, EventType, SubscriptionId, TenantId, Timestamp};

/// Rights and settings that a link gives to its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Rights within a tenant; `None`: the operator's rights.
    pub portal: Option<Portal>,
    /// Mark of the operator's key that a dashboard link was made with: a new key ends its sessions.
    pub operator: Option<String>,
    /// Path within the pages to open first.
    pub next: Option<String>,
    /// Theme of the pages.
    pub theme: Theme,
    /// Creation time of the link, by the store's clock.
    pub created: Timestamp,
    /// End of the session, however often it is renewed.
    pub until: Timestamp,
}

/// Rights of a portal session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// The tenant.
    pub tenant: TenantId,
    /// Creation time of the tenant, which separates it from a later one of the same name.
    pub tenant_created: Timestamp,
    /// Permitted actions.
    pub capabilities: Capabilities,
    /// Event types that the session sees; `None`: all.
    pub types: Option<Arc<[EventPattern]>>,
    /// Set when the session reaches no more than a consumer's key does.
    pub consumer: bool,
    /// Only subscription within reach, if the session is limited to one.
    pub subscription: Option<SubscriptionId>,
    /// Label by which its maker ends it.
    pub label: Option<String>,
}

/// Theme of the pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageTheme")]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Theme of the user's system.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// Session: what a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Digest of the token, hexadecimal.
    pub(super) digest: String,
    /// Rights and settings.
    pub grant: Grant,
    /// End of the session unless it is renewed.
    pub expires: Timestamp,
}

impl Session {
    /// Id of the session: a digest, which does not open it.
    pub fn id(&self) -> &str {
        &self.digest
    }
}

impl Portal {
    /// Returns `true` if the session sees events of this type.
    pub fn sees(&self, kind: &EventType) -> bool {
        let types = self.types.as_ref();
        types.is_none_or(|types| types.iter().any(|pattern| pattern.matches(kind)))
    }

    /// Returns `true` if the session sees every event that the pattern matches.
    pub fn covers(&self, pattern: &EventPattern) -> bool {
        let types = self.types.as_ref();
        types.is_none_or(|types| types.iter().any(|own| own.covers(pattern)))
    }

    /// Intersection of the patterns of a query with those of the session; `None`: nothing is in both.
    /// No patterns at all stand for every type.
    pub fn narrow(&self, asked: Vec<EventPattern>) -> Option<Vec<EventPattern>> {
        let Some(own) = &self.types else {
            return Some(asked);
        };
        if asked.is_empty() {
            return Some(own.to_vec());
        }
        let both = asked.iter().flat_map(|asked| {
            own.iter().filter_map(move |own| match () {
                () if own.covers(asked) => Some(asked.clone()),
                () if asked.covers(own) => Some(own.clone()),
                () => None,
            })
        });
        let mut both: Vec<_> = both.collect();
        both.sort();
        both.dedup();
        (!both.is_empty()).then_some(both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<EventPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn session_types_narrow_those_of_a_query() {
        for (own, asked, expected) in [
            (&["invoice.*"][..], &[][..], Some(&["invoice.*"][..])),
            (&["invoice.*"], &["*"], Some(&["invoice.*"])),
            (&["invoice.*"], &["invoice.paid"], Some(&["invoice.paid"])),
            (&["invoice.paid"], &["invoice.*", "*"], Some(&["invoice.paid"])),
            (&["invoice.*"], &["order.*"], None),
            (
                &["invoice.*", "order.paid"],
                &["order.*", "x.y"],
                Some(&["order.paid"]),
            ),
            (&["*"], &["hookgate.*"], None),
            (&["hookgate.*"], &["*"], None),
        ] {
            let portal = Portal {
                tenant: "acme".parse().unwrap(),
                tenant_created: Timestamp::from_micros(0),
                capabilities: Capabilities::ALL,
                types: Some(patterns(own).into()),
                consumer: false,
                subscription: None,
                label: None,
            };
            let narrowed = portal.narrow(patterns(asked));
            assert_eq!(narrowed, expected.map(patterns), "{own:?} {asked:?}");
        }
    }
}
