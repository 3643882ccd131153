//! Handle of the registry: reads from the snapshots in memory, and the start that loads them.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore, mpsc};

use super::components::Components;
use super::loads::Loads;
use super::publish::{BUILDS, Changed, READS};
use super::recent::Recent;
use super::snapshot::Snapshot;
use super::sync::Sync;
use super::{ApiKey, Config, KeyUse, RateBuckets, RegistryError, Sealer, Tenant, key};
use hookgate_contract::profile::{Profile, Profiles};
use hookgate_domain::{KeyId, TenantId};
use hookgate_plugin_host::{Host, WeakMap};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::tasks::Tasks;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::Store;

/// Registry of all tenants in memory. Cheap to clone; reads neither wait nor fail.
#[derive(Clone)]
pub struct Registry {
    pub(super) inner: Arc<Inner>,
}

/// Dependencies of the registry.
pub struct Parts {
    /// Durable store of its entries.
    pub store: Arc<dyn Store>,
    /// Plugin host: loads components and checks settings.
    pub host: Host,
    /// Encryption of stored secrets.
    pub sealer: Sealer,
    /// Profiles that tenants can have.
    pub profiles: Profiles,
    /// Source of the time.
    pub clock: Clock,
    /// Metrics that it updates.
    pub metrics: Metrics,
    /// Background tasks: loading of components, and the purge of deleted tenants.
    pub tasks: Tasks,
}

pub(super) struct Inner {
    pub config: Config,
    pub store: Arc<dyn Store>,
    pub components: Components,
    pub sealer: Sealer,
    pub profiles: ArcSwap<Profiles>,
    pub clock: Clock,
    pub ids: IdSource,
    pub metrics: Metrics,
    pub tasks: Tasks,
    pub snapshot: ArcSwap<Snapshot>,
    /// Held while the snapshot is replaced.
    pub swapping: Mutex<()>,
    /// Notified after the snapshot was replaced.
    pub published: Notify,
    /// Lock per tenant, held from its read to its publication: a newer state is never replaced.
    pub publishing: WeakMap<TenantId, AsyncMutex<()>>,
    /// Lock per tenant, held while a large tenant is decoded for a change.
    pub decoding: WeakMap<TenantId, AsyncMutex<()>>,
    /// Lock per tenant, held during a change that waits for the store only.
    pub changing: WeakMap<TenantId, AsyncMutex<()>>,
    pub reads: Semaphore,
    pub builds: Semaphore,
    /// Token buckets of tenants' rates.
    pub buckets: WeakMap<TenantId, RateBuckets>,
    /// Last uses of keys.
    pub uses: WeakMap<KeyId, KeyUse>,
    pub changed: Changed,
    pub loads: Loads,
    pub recent: Recent,
}

/// Tenants whose current entries in the store this process cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Their number.
    pub count: usize,
    /// One of these tenants.
    pub first: TenantId,
    /// Reason why it cannot be read.
    pub reason: String,
}

impl Registry {
    /// Publishes every tenant, and returns the service that keeps them current.
    /// The components of chains are loaded in the background.
    ///
    /// # Errors
    /// The store or an entry in it cannot be read.
    pub async fn start(config: Config, parts: Parts) -> Result<(Self, Sync), RegistryError> {
        let (tell, tripped) = mpsc::unbounded_channel();
        let components = Components::new(parts.host, Arc::clone(&parts.store), tell);
        let registry = Self {
            inner: Arc::new(Inner {
                config,
                store: parts.store,
                components,
                sealer: parts.sealer,
                profiles: ArcSwap::from_pointee(parts.profiles),
                ids: IdSource::new(parts.clock.clone()),
                clock: parts.clock,
                metrics: parts.metrics,
                tasks: parts.tasks,
                snapshot: ArcSwap::default(),
                swapping: Mutex::default(),
                published: Notify::new(),
                publishing: WeakMap::default(),
                decoding: WeakMap::default(),
                changing: WeakMap::default(),
                reads: Semaphore::new(READS),
                builds: Semaphore::new(BUILDS),
                buckets: WeakMap::default(),
                uses: WeakMap::default(),
                changed: Changed::default(),
                loads: Loads::default(),
                recent: Recent::default(),
            }),
        };
        // First, because it decides how the calls of the chains' steps are labelled.
        registry.publish_shared().await?;
        registry.catch_up().await?;
        let sync = Sync::new(registry.clone(), tripped);
        Ok((registry, sync))
    }

    /// A tenant by its name.
    pub fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.inner.snapshot.load().tenant(id).cloned()
    }

    /// Tenant of an API key, and the key's record.
    /// The look-up is by the key's digest, so its duration reveals nothing about keys.
    pub fn by_key(&self, key: &str) -> Option<(Arc<Tenant>, Arc<ApiKey>)> {
        let snapshot = self.inner.snapshot.load();
        let (tenant, key) = snapshot.by_key_digest(&key::digest(key))?;
        Some((Arc::clone(tenant), Arc::clone(key)))
    }

    /// Returns `true` if a tenant has a key of this digest.
    pub(super) fn has_key(&self, digest: &[u8; 32]) -> bool {
        self.inner.snapshot.load().by_key_digest(digest).is_some()
    }

    /// Returns `true` if the key has expired.
    pub fn has_expired(&self, key: &ApiKey) -> bool {
        // Most keys do not expire: the clock is not read for them.
        key.expires.is_some() && key.has_expired(self.inner.clock.now())
    }

    /// All tenants, by name.
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        let mut tenants: Vec<_> = self.inner.snapshot.load().tenants().cloned().collect();
        tenants.sort_by(|a, b| a.id.cmp(&b.id));
        tenants
    }

    /// Number of tenants.
    pub fn count(&self) -> usize {
        self.inner.snapshot.load().len()
    }

    /// Encryption of secrets, also used for stored responses.
    pub fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }

    /// Plugin host that runs the chains.
    pub fn host(&self) -> &Host {
        self.inner.components.host()
    }

    /// Limits of the registry.
    pub fn limits(&self) -> &Config {
        &self.inner.config
    }

    /// Profiles that tenants can have at present.
    pub fn profiles(&self) -> Profiles {
        Profiles::clone(&self.inner.profiles.load())
    }

    /// Profile of this name.
    pub(super) fn profile(&self, name: &str) -> Result<Arc<Profile>, RegistryError> {
        let profiles = self.inner.profiles.load();
        profiles.get(name).cloned().ok_or_else(|| {
            let names = profiles.names();
            RegistryError::invalid("profile", format!("there is no such profile; there are {names}"))
        })
    }

    /// Tenants whose newer state in the store this process cannot read; `None`: there are none.
    pub fn behind(&self) -> Option<Behind> {
        let snapshot = self.inner.snapshot.load();
        let (first, reason) = snapshot.behind.first_key_value()?;
        Some(Behind {
            count: snapshot.behind.len(),
            first: first.clone(),
            reason: reason.clone(),
        })
    }

    /// Ids of the tenants that this process holds.
    pub(super) fn held(&self) -> Vec<TenantId> {
        self.inner
            .snapshot
            .load()
            .tenants()
            .map(|t| t.id.clone())
            .collect()
    }
}
