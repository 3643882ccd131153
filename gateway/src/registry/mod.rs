//! Tenants, keys, subscriptions, chains, plugins and event types: few, read at every event, changed seldom.
//!
//! Each process holds all of it in memory as immutable snapshots, one a tenant; a snapshot is replaced as a whole when the
//! tenant's revision in the store grows. An event sees a tenant before or after a change, never between.
//!
//! # How a change is made
//! A caller hands a parsed request (`spec`) to [`Registry`]. It loads the tenant's entries from the store (`draft`), decides
//! on the new ones, and applies them if the revision is still the same; if somebody was faster it starts again, a few times.
//! Then it refreshes this process's snapshot, so that the caller sees what it did. Other processes learn of it by polling
//! the store's changes ([`Sync`]), each within `registry.poll_interval`.
//!
//! # What waits for whom
//! A snapshot is published as soon as it is read (`publish`), tenant by tenant, each under a lock of its own. The components of
//! its chains are loaded afterwards, by a task of the tenant's own (`loads`): no key, subscription or deletion of anybody waits
//! for a compilation.
//!
//! # What the store never sees
//! API keys (only their SHA-256 is kept) and secrets (sealed by `seal` for the place that they stand in).

mod apply;
mod canary;
mod chain_record;
mod chains;
mod components;
mod config;
mod contracts;
mod declared;
mod draft;
mod error;
mod event_types;
mod failing;
mod former;
mod handle;
mod history;
mod import;
mod key;
mod key_record;
mod key_use;
mod loads;
mod moves;
mod plugins;
mod profile_change;
mod publish;
mod recent;
mod record;
mod reseal;
mod rotation;
pub mod seal;
mod shared;
mod shown;
mod snapshot;
pub mod spec;
mod subscriptions;
mod sweep;
mod sync;
mod tenant_chain;
mod tenants;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trials;
mod version;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::catalogue::Types;
use crate::domain::subscription::{self, SigningSecret};
use crate::domain::{
    Event, EventType, KeyId, Quotas, Scopes, Secret, Subscription, SubscriptionId, TenantId, TenantQuotas,
    Timestamp, TokenBucket,
};
use crate::plugin::{Budget, Chain};
use crate::privacy::Privacy;
use crate::profile::Profile;
use crate::store::FeedPosition;

pub use components::is_shipped;
pub use config::Config;
pub use declared::{DeclaredSubscription, DeclaredTenant};
pub use error::RegistryError;
pub use handle::{Behind, Parts, Registry};
pub use history::{Actor, Change, Deed};
pub use import::{
    Begin, ImportMode, ImportRules, ImportedKey, ImportedStatus, ImportedSubscription, ImportedTenant,
    Outcome, Row, RowKind, RowOutcome, TenantImport,
};
pub use key::{PREFIX as KEY_PREFIX, digest as key_digest, new_api_key};
pub use key_record::have_every_scope;
pub use key_use::KeyUse;
pub use profile_change::{Blocked, BlockedPart};
pub use reseal::Resealed;
pub use seal::Sealer;
pub(crate) use shown::show;
pub use spec::{
    CanarySpec, CanaryState, ChainSpec, InitialStatus, NewKey, NewSubscription, NewTenant, Owner, Place,
    PluginInfo, PluginVersion, Running, Share, StepMove, StepSpec, StepState, Stopped, SubscriptionPatch,
    TenantPatch, Uploaded,
};
pub use sync::Sync;
pub use tenant_chain::TenantChain;
pub use trials::TrialChain;

pub use crate::plugin::LaneRefusal;

/// A tenant as the hot path sees it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// The store's revision of this snapshot.
    pub revision: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Where its feed begins: after that of a tenant that had its name before.
    pub feed_from: FeedPosition,
    /// The name of its profile.
    pub profile: String,
    /// The profile itself; `None`: the configuration has it no more, and nothing can be sent.
    pub contract: Option<Arc<Profile>>,
    /// Its API keys, hashed.
    pub keys: Vec<Arc<ApiKey>>,
    /// What signs deliveries to the endpoints that events themselves name (`deliver_to`), and with a profile of one secret
    /// a tenant everything else: the newest first, as a subscription's. Without one there are no such deliveries.
    pub signing_secrets: Vec<SigningSecret>,
    /// Its subscriptions, the oldest first.
    pub subscriptions: Vec<Arc<Subscription>>,
    /// Its own event types, by name; those of its profile are in `contract`.
    pub types: Types,
    /// What is taken out of its events before they are stored, and when they are shown and sent.
    pub privacy: Privacy,
    /// The account that its work is charged to, if it has one: kept from one snapshot to the next.
    pub account: Option<Arc<Budget>>,
    /// The quotas that hold for it.
    pub quotas: TenantQuotas,
    /// What overrides those of its profile and of the operator.
    pub own_quotas: Quotas,
    /// What it says itself of its events' metadata.
    pub(crate) keep_metadata: Option<bool>,
    /// What its rates have taken in this process: kept from one snapshot to the next.
    pub buckets: Arc<RateBuckets>,
    /// Its ingress chain; `None`: events pass as they are.
    pub chain: Option<Arc<Chain>>,
    /// The chain as it was asked for: for showing.
    pub chain_spec: ChainSpec,
    /// What its steps run at present, one for each.
    pub chain_states: Vec<StepState>,
    /// The chains of its deliveries, by subscription; the subscription itself may be gone.
    pub delivery: HashMap<SubscriptionId, Arc<TenantChain>>,
    /// Its ingress chain, with what the three fields above are taken from.
    pub(super) ingress: Option<Arc<TenantChain>>,
    /// Bytes of its entries in the store, names included.
    pub bytes: usize,
    /// Whether the store has it otherwise, in a way that this process cannot read: it may have subscriptions that are not here.
    pub behind: Arc<AtomicBool>,
}

/// Token buckets of a tenant's rates.
#[derive(Debug, Default)]
pub struct RateBuckets {
    /// Of events.
    pub events: TokenBucket,
    /// Of calls that make deliveries again.
    pub replays: TokenBucket,
}

/// An API key: what is kept of it.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// The first characters, to tell keys apart.
    pub hint: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it may be used for.
    pub scopes: Scopes,
    /// It opens nothing from then on.
    pub expires: Option<Timestamp>,
    /// The one subscription that it reaches; `None`: as its scopes say.
    pub subscription: Option<SubscriptionId>,
    /// Its last use in this process: kept from one snapshot to the next.
    pub last_use: Arc<KeyUse>,
}

impl ApiKey {
    /// Whether it opens nothing any more.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

impl Tenant {
    /// Its own secrets that sign at this time, the newest first.
    pub fn signing_at(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        subscription::signing_at(&self.signing_secrets, now)
    }

    /// Whether events of this type are warnings of its profile, which the gateway alone makes.
    pub fn is_warning(&self, kind: &EventType) -> bool {
        self.contract
            .as_ref()
            .is_some_and(|profile| profile.warnings.has(kind))
    }

    /// Whether an event is a warning about this subscription, which is not sent to itself.
    pub fn is_warning_about(&self, event: &Event, subscription: SubscriptionId) -> bool {
        let profile = self.contract.as_ref();
        profile.is_some_and(|profile| profile.warnings.is_about(event, subscription))
    }

    /// Whether the store has it otherwise, in a way that this process cannot read.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Whether one of its chains cannot run yet, because its components are being loaded: events of that place are not taken.
    pub fn is_loading(&self, place: Place) -> bool {
        let chain = match place {
            Place::Ingress => self.ingress.as_ref(),
            Place::Delivery(id) => self.delivery.get(&id),
        };
        chain.is_some_and(|chain| chain.is_loading())
    }

    /// Its chains, the ingress chain first.
    pub(super) fn chains(&self) -> impl Iterator<Item = (Place, &Arc<TenantChain>)> {
        let ingress = self.ingress.iter().map(|chain| (Place::Ingress, chain));
        let delivery = self.delivery.iter();
        ingress.chain(delivery.map(|(id, chain)| (Place::Delivery(*id), chain)))
    }

    /// Puts a chain in the place of one.
    pub(super) fn set_chain(&mut self, place: Place, chain: Arc<TenantChain>) {
        match place {
            Place::Ingress => {
                self.chain = Some(Arc::clone(&chain.run));
                self.chain_spec.clone_from(&chain.spec);
                self.chain_states.clone_from(&chain.states);
                self.ingress = Some(chain);
            }
            Place::Delivery(id) => {
                self.delivery.insert(id, chain);
            }
        }
    }

    /// One of its subscriptions.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Arc<Subscription>> {
        self.subscriptions.iter().find(|s| s.id == id)
    }

    /// Reads the id of a subscription as this API writes it, or as the tenant's product does.
    pub fn subscription_id(&self, text: &str) -> Option<SubscriptionId> {
        let of_product = || self.contract.as_ref()?.door.subscription_id(text);
        text.parse().ok().or_else(of_product)
    }

    /// The id of a subscription as the tenant's product writes it, on every route.
    pub fn public_id(&self, id: SubscriptionId) -> String {
        let contract = self.contract.as_ref();
        contract.map_or_else(|| id.to_string(), |profile| profile.door.public_id(id))
    }

    /// Over how long it is counted how its subscriptions fare: what the profile disables by, or a day.
    pub fn stats_window(&self) -> Duration {
        let policy = self
            .contract
            .as_ref()
            .and_then(|profile| profile.auto_disable.as_ref());
        policy.map_or(DAY, |policy| policy.window)
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
