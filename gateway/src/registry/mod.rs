//! Tenants, keys, subscriptions, chains and plugins: few, read at every event, changed seldom.
//!
//! Each process holds all of it in memory as immutable snapshots, one a tenant; a snapshot is replaced as a whole when the
//! tenant's revision in the store grows. An event sees a tenant before or after a change, never between.

use std::sync::Arc;

use crate::domain::{KeyId, Secret, Subscription, SubscriptionId, TenantId, Timestamp};
use crate::plugin::Chain;

/// A tenant as the hot path sees it.
#[derive(Debug)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// The store's revision of this snapshot.
    pub revision: u64,
    /// When it was made.
    pub created: Timestamp,
    /// The name of its profile.
    pub profile: String,
    /// Its API keys, hashed.
    pub keys: Vec<ApiKey>,
    /// What signs deliveries to the endpoints that events themselves name (`deliver_to`); without it there are none.
    pub signing_secret: Option<Secret>,
    /// Its subscriptions, the oldest first.
    pub subscriptions: Vec<Arc<Subscription>>,
    /// Its ingress chain; `None`: events pass as they are.
    pub chain: Option<Arc<Chain>>,
}

/// An API key: what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// The first characters, to tell keys apart.
    pub hint: String,
    /// When it was made.
    pub created: Timestamp,
}

impl Tenant {
    /// One of its subscriptions.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Arc<Subscription>> {
        self.subscriptions.iter().find(|s| s.id == id)
    }
}
