//! Stored form of grants and sessions: JSON in notes of the store.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Capability, Grant, Portal, Session, Theme};
use hookgate_domain::{EventPattern, Timestamp};

/// Note of a link's code or of a session.
#[derive(Serialize, Deserialize)]
pub(super) struct GrantRecord {
    v: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    portal: Option<PortalRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    theme: Theme,
    created: u64,
    until: u64,
    /// End unless it is renewed; 0 of a link.
    #[serde(default)]
    expires: u64,
}

#[derive(Serialize, Deserialize)]
struct PortalRecord {
    tenant: String,
    tenant_created: u64,
    capabilities: Vec<Capability>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    types: Option<Vec<String>>,
    #[serde(default)]
    consumer: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscription: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

/// Encodes a grant, of a session that ends at `expires`.
pub(super) fn encode(grant: &Grant, expires: Timestamp) -> Bytes {
    let record = GrantRecord {
        v: VERSION,
        portal: grant.portal.as_ref().map(PortalRecord::of),
        operator: grant.operator.clone(),
        next: grant.next.clone(),
        theme: grant.theme,
        created: grant.created.as_micros(),
        until: grant.until.as_micros(),
        expires: expires.as_micros(),
    };
    serde_json::to_vec(&record).unwrap_or_default().into()
}

/// Reads a grant; `None` if this version cannot.
pub(super) fn grant(note: &[u8]) -> Option<Grant> {
    read(note).map(|(grant, _)| grant)
}

/// Reads a session; `None` if this version cannot.
pub(super) fn session(digest: &str, note: &[u8]) -> Option<Session> {
    let (grant, expires) = read(note)?;
    Some(Session {
        digest: digest.to_owned(),
        grant,
        expires,
    })
}

fn read(note: &[u8]) -> Option<(Grant, Timestamp)> {
    let record: GrantRecord = serde_json::from_slice(note).ok()?;
    if record.v != VERSION {
        return None;
    }
    let grant = Grant {
        // A record of limits that cannot be read must not become one without them.
        portal: match record.portal {
            Some(portal) => Some(portal.read()?),
            None => None,
        },
        operator: record.operator,
        next: record.next,
        theme: record.theme,
        created: Timestamp::from_micros(record.created),
        until: Timestamp::from_micros(record.until),
    };
    Some((grant, Timestamp::from_micros(record.expires)))
}

impl PortalRecord {
    fn of(portal: &Portal) -> Self {
        Self {
            tenant: portal.tenant.to_string(),
            tenant_created: portal.tenant_created.as_micros(),
            capabilities: portal.capabilities.iter().collect(),
            types: portal
                .types
                .as_ref()
                .map(|types| types.iter().map(EventPattern::to_string).collect()),
            consumer: portal.consumer,
            subscription: portal.subscription.map(|id| id.to_string()),
            label: portal.label.clone(),
        }
    }

    fn read(self) -> Option<Portal> {
        let types = self.types.map(|types| {
            let types = types.iter().map(|text| text.parse::<EventPattern>());
            types.collect::<Result<_, _>>()
        });
        Some(Portal {
            tenant: self.tenant.parse().ok()?,
            tenant_created: Timestamp::from_micros(self.tenant_created),
            capabilities: self.capabilities.into_iter().collect(),
            types: types.transpose().ok()?,
            consumer: self.consumer,
            subscription: self.subscription.map(|id| id.parse()).transpose().ok()?,
            label: self.label,
        })
    }
}

/// Version of the record.
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Capabilities;

    #[test]
    fn grants_are_read_as_they_were_written() {
        let portal = Portal {
            tenant: "acme".parse().unwrap(),
            tenant_created: Timestamp::from_micros(7),
            capabilities: Capabilities::NONE.with(Capability::SecretsView),
            types: Some(vec!["invoice.*".parse().unwrap()].into()),
            consumer: true,
            subscription: None,
            label: Some("user 7".to_owned()),
        };
        for portal in [None, Some(portal)] {
            let grant = Grant {
                operator: portal.is_none().then(|| "01ab23cd".to_owned()),
                portal,
                next: Some("/deliveries".to_owned()),
                theme: Theme::Dark,
                created: Timestamp::from_micros(8),
                until: Timestamp::from_micros(9),
            };
            let note = encode(&grant, Timestamp::from_micros(5));
            let read = session("d", &note).unwrap();
            assert_eq!((read.grant, read.expires.as_micros()), (grant, 5));
        }
        assert!(grant(br#"{"v":1,"theme":"auto","created":1,"until":2,"portal":{"tenant":"a","tenant_created":1,"capabilities":["view","else"]}}"#).is_none());
        assert!(grant(br#"{"v":2,"theme":"auto","created":1,"until":2}"#).is_none());
    }
}
