//! Registry of tenants, keys, subscriptions, chains, plugins and event types.
//! It is small, read for every event, and changes rarely.
//!
//! Each process has all of it in memory as immutable snapshots, one per tenant; a snapshot is
//! replaced as a whole when the tenant's revision in the store grows. An event sees a tenant before
//! or after a change, never in between.
//!
//! # Changes
//! A caller passes a parsed request (`spec`) to [`Registry`]. It loads the tenant's entries from
//! the store (`tenant_state`), decides on the new ones, and applies them by compare-and-set on the
//! revision; after a conflict it starts again, a few times. Then it refreshes this process's
//! snapshot, so that the caller sees its change. Other processes learn of it by polling the store
//! ([`Sync`]), each within `registry.poll_interval`.
//!
//! # Independence of tenants
//! A snapshot is published as soon as it is read (`publish`), tenant by tenant, each under its own
//! lock. The components of its chains are loaded afterwards by a task of the tenant (`loads`): no
//! change of a key or subscription and no deletion waits for a compilation.
//!
//! # Secrets
//! The store never has API keys, only their SHA-256, and secrets only sealed (`seal`), each bound
//! to its location.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

mod audit;
mod audit_record;
mod auto_disable;
mod bulk_jobs;
mod canary;
mod chain_record;
mod chains;
mod components;
mod config;
mod contracts;
mod declared;
mod edit;
mod entry;
mod error;
mod event_type_record;
mod event_types;
mod handle;
mod import;
mod key;
mod key_record;
mod key_use;
mod loads;
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
mod tenant_purge;
mod tenant_state;
mod tenants;
#[cfg(test)]
mod tests;
mod trials;
mod upgrades;
mod version;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookgate_contract::catalogue::Types;
use hookgate_contract::privacy::Privacy;
use hookgate_contract::profile::Profile;
use hookgate_domain::subscription::{self, SigningSecret};
use hookgate_domain::{
    Event, EventType, KeyId, Quotas, Scopes, Secret, Subscription, SubscriptionId, TenantId, TenantQuotas,
    Timestamp, TokenBucket,
};
use hookgate_plugin_host::{Budget, Chain};
use hookgate_store::FeedPosition;

pub use audit::{Actor, Change};
pub use audit_record::AuditAction;
pub use bulk_jobs::{BulkJobLimits, BulkJobRef};
pub use components::is_shipped;
pub use config::Config;
pub use declared::{DeclaredSubscription, DeclaredTenant};
pub use error::RegistryError;
pub use handle::{Behind, Parts, Registry};
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
pub use shown::show;
pub use spec::{
    CanarySpec, CanaryState, ChainSpec, InitialStatus, NewKey, NewSubscription, NewTenant, Owner, Place,
    PluginInfo, PluginVersion, Running, Share, StepMove, StepSpec, StepState, Stopped, SubscriptionPatch,
    TenantPatch, Uploaded,
};
pub use sync::Sync;
pub use tenant_chain::TenantChain;
pub use trials::TrialChain;

pub use hookgate_plugin_host::LaneRefusal;

/// Snapshot of a tenant for the hot path.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Id of the tenant.
    pub id: TenantId,
    /// Revision of this snapshot in the store.
    pub revision: u64,
    /// Creation time.
    pub created: Timestamp,
    /// Start of its feed, after that of a deleted tenant of its name.
    pub feed_from: FeedPosition,
    /// Name of its profile.
    pub profile: String,
    /// Profile; `None`: the configuration has no such profile any more, and nothing can be sent.
    pub contract: Option<Arc<Profile>>,
    /// API keys, hashed.
    pub keys: Vec<Arc<ApiKey>>,
    /// Signing secrets of `deliver_to` deliveries (to endpoints that events name), newest first.
    /// With a profile of one secret per tenant they sign all deliveries. Without any there are no
    /// `deliver_to` deliveries.
    pub signing_secrets: Vec<SigningSecret>,
    /// Subscriptions, the oldest first.
    pub subscriptions: Vec<Arc<Subscription>>,
    /// Event types of the tenant, by name; those of its profile are in `contract`.
    pub types: Types,
    /// Fields that are taken out of its events before they are stored, shown or sent.
    pub privacy: Privacy,
    /// CPU budget that the tenant's work is charged to, if any; carried over to the next snapshot.
    pub account: Option<Arc<Budget>>,
    /// Effective quotas.
    pub quotas: TenantQuotas,
    /// The tenant's own quotas, which override those of its profile and of the operator.
    pub own_quotas: Quotas,
    /// The tenant's own setting for the metadata of its events.
    pub keep_metadata: Option<bool>,
    /// Token buckets of its rates in this process; carried over to the next snapshot.
    pub buckets: Arc<RateBuckets>,
    /// Ingress chain; `None`: events pass unchanged.
    pub chain: Option<Arc<Chain>>,
    /// Ingress chain as requested, for display.
    pub chain_spec: ChainSpec,
    /// Version that each step of the ingress chain runs at present.
    pub chain_states: Vec<StepState>,
    /// Delivery chains, by subscription; the subscription may have been deleted.
    pub delivery: HashMap<SubscriptionId, Arc<TenantChain>>,
    /// Ingress chain, from which the three fields above are derived.
    pub(crate) ingress: Option<Arc<TenantChain>>,
    /// Bulk jobs, the oldest first.
    pub bulk_jobs: Arc<[BulkJobRef]>,
    /// Size of its entries in the store with their names, in bytes.
    pub bytes: usize,
    /// Set while the store has a newer state that this process cannot read.
    /// That state may have subscriptions that are missing here.
    pub behind: Arc<AtomicBool>,
}

/// Token buckets of a tenant's rates.
#[derive(Debug, Default)]
pub struct RateBuckets {
    /// Bucket of events.
    pub events: TokenBucket,
    /// Bucket of replay calls, which make deliveries again.
    pub replays: TokenBucket,
}

/// Stored API key.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Id of the key.
    pub id: KeyId,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// First characters of the key, to tell keys apart.
    pub hint: String,
    /// Creation time.
    pub created: Timestamp,
    /// Scopes.
    pub scopes: Scopes,
    /// End of its validity.
    pub expires: Option<Timestamp>,
    /// The only subscription that it reaches; `None`: as its scopes permit.
    pub subscription: Option<SubscriptionId>,
    /// Last use in this process; carried over to the next snapshot.
    pub last_use: Arc<KeyUse>,
}

impl ApiKey {
    /// Returns `true` if the key has expired.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

impl Tenant {
    /// Signing secrets that are valid at this time, the newest first.
    pub fn signing_at(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        subscription::signing_at(&self.signing_secrets, now)
    }

    /// Returns `true` for warnings of its profile, which only the gateway creates.
    pub fn is_warning(&self, kind: &EventType) -> bool {
        self.contract
            .as_ref()
            .is_some_and(|profile| profile.warnings.has(kind))
    }

    /// Returns `true` for a warning about this subscription, which is not sent to itself.
    pub fn is_warning_about(&self, event: &Event, subscription: SubscriptionId) -> bool {
        let profile = self.contract.as_ref();
        profile.is_some_and(|profile| profile.warnings.is_about(event, subscription))
    }

    /// Returns `true` while the store has a newer state that this process cannot read.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Returns `true` while a chain waits for its components: its place accepts no events.
    pub fn is_loading(&self, place: Place) -> bool {
        let chain = match place {
            Place::Ingress => self.ingress.as_ref(),
            Place::Delivery(id) => self.delivery.get(&id),
        };
        chain.is_some_and(|chain| chain.is_loading())
    }

    /// Chains, the ingress chain first.
    pub(crate) fn chains(&self) -> impl Iterator<Item = (Place, &Arc<TenantChain>)> {
        let ingress = self.ingress.iter().map(|chain| (Place::Ingress, chain));
        let delivery = self.delivery.iter();
        ingress.chain(delivery.map(|(id, chain)| (Place::Delivery(*id), chain)))
    }

    /// Replaces the chain at a place.
    pub(crate) fn set_chain(&mut self, place: Place, chain: Arc<TenantChain>) {
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

    /// Subscription of this id.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Arc<Subscription>> {
        self.subscriptions.iter().find(|s| s.id == id)
    }

    /// Parses a subscription's id in the native form or in that of the tenant's product.
    pub fn subscription_id(&self, text: &str) -> Option<SubscriptionId> {
        let of_product = || self.contract.as_ref()?.door.subscription_id(text);
        text.parse().ok().or_else(of_product)
    }

    /// Subscription's id in the form of the tenant's product, used on every route.
    pub fn public_id(&self, id: SubscriptionId) -> String {
        let contract = self.contract.as_ref();
        contract.map_or_else(|| id.to_string(), |profile| profile.door.public_id(id))
    }

    /// Window of subscription statistics: that of the profile's disable policy, or a day.
    pub fn stats_window(&self) -> Duration {
        let policy = self
            .contract
            .as_ref()
            .and_then(|profile| profile.auto_disable.as_ref());
        policy.map_or(DAY, |policy| policy.window)
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
