//! The registry's handle: reads from memory, and the loading that fills it.

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
use hookgate_plugin_host::{Host, Kept};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::tasks::Tasks;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::Store;

/// All tenants, in memory. Cheap to clone; reads neither wait nor fail.
#[derive(Clone)]
pub struct Registry {
    pub(super) inner: Arc<Inner>,
}

/// What the registry works with.
pub struct Parts {
    /// Where it is kept.
    pub store: Arc<dyn Store>,
    /// What loads components and checks settings.
    pub host: Host,
    /// What seals secrets.
    pub sealer: Sealer,
    /// The contracts that tenants can have.
    pub profiles: Profiles,
    /// What the time is.
    pub clock: Clock,
    /// Where it counts.
    pub metrics: Metrics,
    /// What loads components and removes what deleted tenants left.
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
    /// Held over replacing the snapshot.
    pub swapping: Mutex<()>,
    /// Tells that the snapshot was replaced.
    pub published: Notify,
    /// Held over reading and publishing a tenant, so that what is published never goes back in time.
    pub publishing: Kept<TenantId, AsyncMutex<()>>,
    /// Held over decoding a large tenant for a change.
    pub decoding: Kept<TenantId, AsyncMutex<()>>,
    /// Held over a change of a tenant that does not wait for anything but the store.
    pub changing: Kept<TenantId, AsyncMutex<()>>,
    pub reads: Semaphore,
    pub builds: Semaphore,
    /// What tenants' rates have taken.
    pub buckets: Kept<TenantId, RateBuckets>,
    /// When keys were last used.
    pub uses: Kept<KeyId, KeyUse>,
    pub changed: Changed,
    pub loads: Loads,
    pub recent: Recent,
}

/// Tenants that a process cannot read as they are in the store now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// How many there are.
    pub count: usize,
    /// One of them.
    pub first: TenantId,
    /// Why it cannot be read.
    pub reason: String,
}

impl Registry {
    /// Publishes every tenant, and gives the service that keeps them current. The components of chains are loaded in the
    /// background.
    ///
    /// # Errors
    /// The store cannot be read, or an entry in it cannot.
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
                publishing: Kept::default(),
                decoding: Kept::default(),
                changing: Kept::default(),
                reads: Semaphore::new(READS),
                builds: Semaphore::new(BUILDS),
                buckets: Kept::default(),
                uses: Kept::default(),
                changed: Changed::default(),
                loads: Loads::default(),
                recent: Recent::default(),
            }),
        };
        // First: it decides how the calls of the chains' steps are labelled.
        registry.publish_shared().await?;
        registry.catch_up().await?;
        let sync = Sync::new(registry.clone(), tripped);
        Ok((registry, sync))
    }

    /// A tenant by its name.
    pub fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.inner.snapshot.load().tenant(id).cloned()
    }

    /// The tenant that an API key belongs to, and what is kept of the key. The look-up is by the key's digest: its time tells
    /// nothing about keys.
    pub fn by_key(&self, key: &str) -> Option<(Arc<Tenant>, Arc<ApiKey>)> {
        let snapshot = self.inner.snapshot.load();
        let (tenant, key) = snapshot.by_key_digest(&key::digest(key))?;
        Some((Arc::clone(tenant), Arc::clone(key)))
    }

    /// Whether a key of this digest is a tenant's.
    pub(super) fn has_key(&self, digest: &[u8; 32]) -> bool {
        self.inner.snapshot.load().by_key_digest(digest).is_some()
    }

    /// Whether a key opens nothing any more.
    pub fn has_expired(&self, key: &ApiKey) -> bool {
        // Most have no end, and the time is not asked for.
        key.expires.is_some() && key.has_expired(self.inner.clock.now())
    }

    /// All tenants, by name.
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        let mut tenants: Vec<_> = self.inner.snapshot.load().tenants().cloned().collect();
        tenants.sort_by(|a, b| a.id.cmp(&b.id));
        tenants
    }

    /// How many tenants there are.
    pub fn count(&self) -> usize {
        self.inner.snapshot.load().len()
    }

    /// What seals secrets, its own and those of answers that are kept.
    pub fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }

    /// What runs the chains.
    pub fn host(&self) -> &Host {
        self.inner.components.host()
    }

    /// What limits it.
    pub fn limits(&self) -> &Config {
        &self.inner.config
    }

    /// The contracts that tenants can have at present.
    pub fn profiles(&self) -> Profiles {
        Profiles::clone(&self.inner.profiles.load())
    }

    /// The profile of this name.
    pub(super) fn profile(&self, name: &str) -> Result<Arc<Profile>, RegistryError> {
        let profiles = self.inner.profiles.load();
        profiles.get(name).cloned().ok_or_else(|| {
            let names = profiles.names();
            RegistryError::invalid("profile", format!("there is no such profile; there are {names}"))
        })
    }

    /// Tenants of which the store has something newer that this process cannot read; `None`: there are none.
    pub fn behind(&self) -> Option<Behind> {
        let snapshot = self.inner.snapshot.load();
        let (first, reason) = snapshot.behind.first_key_value()?;
        Some(Behind {
            count: snapshot.behind.len(),
            first: first.clone(),
            reason: reason.clone(),
        })
    }

    /// Which tenants this process holds.
    pub(super) fn held(&self) -> Vec<TenantId> {
        self.inner
            .snapshot
            .load()
            .tenants()
            .map(|t| t.id.clone())
            .collect()
    }
}
