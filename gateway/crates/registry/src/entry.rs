//! Names of a tenant's registry entries, and changes of them.

use bytes::Bytes;

use super::Place;
use hookgate_domain::{EventType, KeyId, SubscriptionId};

/// Entries to write (`Some`) and to remove (`None`).
pub(super) type Changes = Vec<(String, Option<Bytes>)>;

pub(super) fn chain_entry(place: Place) -> String {
    match place {
        Place::Ingress => CHAIN.to_owned(),
        Place::Delivery(id) => format!("{DELIVERY_CHAIN}{id}"),
    }
}

pub(super) fn key_entry(id: KeyId) -> String {
    format!("{KEY}{id}")
}

pub(super) fn subscription_entry(id: SubscriptionId) -> String {
    format!("{SUBSCRIPTION}{id}")
}

pub(super) fn plugin_entry(name: &str) -> String {
    format!("{PLUGIN}{name}")
}

pub(super) fn gone_entry(name: &str) -> String {
    format!("{GONE}{name}")
}

pub(super) fn type_entry(kind: &EventType) -> String {
    format!("{TYPE}{kind}")
}

/// Kind of entry that names components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Chain,
    Plugin,
    Gone,
}

impl Kind {
    /// Kind of an entry; `None`: it names no components.
    pub(super) fn of(entry: &str) -> Option<Self> {
        if entry == CHAIN || entry.starts_with(DELIVERY_CHAIN) {
            Some(Self::Chain)
        } else if entry.starts_with(PLUGIN) {
            Some(Self::Plugin)
        } else {
            entry.starts_with(GONE).then_some(Self::Gone)
        }
    }
}

pub(super) const TENANT: &str = "tenant";
pub(super) const CHAIN: &str = "chain";
pub(super) const HISTORY: &str = "history";
pub(super) const BULK_JOBS: &str = "jobs";
pub(super) const DELIVERY_CHAIN: &str = "chain:";
pub(super) const KEY: &str = "key:";
pub(super) const SUBSCRIPTION: &str = "sub:";
pub(super) const PLUGIN: &str = "plugin:";
pub(super) const GONE: &str = "gone:";
pub(super) const TYPE: &str = "type:";
