//! Publication of snapshots: changed tenants are read from the store and swapped in one by one.
//!
//! One lock per tenant is held from the read to the swap, so that an older state never replaces a
//! newer one; only the swap itself is shared by all tenants. Nothing here waits for a component
//! (`loads`).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::Mutex as AsyncMutex;
use tracing::warn;

use super::chain_record::ChainRecord;
use super::entry::{TENANT, key_entry};
use super::snapshot::Snapshot;
use super::tenant_chain::TenantChain;
use super::tenant_state::TenantState;
use super::{ApiKey, ChainSpec, KeyUse, Place, RateBuckets, Registry, RegistryError, Tenant};
use hookgate_contract::catalogue::Types;
use hookgate_contract::privacy::{Metadata, OwnFields, Privacy};
use hookgate_contract::profile::Profile;
use hookgate_domain::{KeyId, Quotas, TenantId, TenantQuotas, Timestamp};
use hookgate_runtime::telemetry::error_chain;
use hookgate_store::{FeedPosition, RegistryRecord};

/// Tenants with changes in the store that are not published yet.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Version of the store at the last poll. Held while the store is asked.
    seen: AsyncMutex<u64>,
    tenants: Mutex<BTreeMap<TenantId, u64>>,
}

impl Changed {
    /// Ids of these tenants.
    pub(super) fn tenants(&self) -> Vec<TenantId> {
        self.lock().keys().cloned().collect()
    }

    /// Records changed tenants, with the version of the store at which the change was seen.
    fn note(&self, tenants: Vec<TenantId>, version: u64) {
        self.lock()
            .extend(tenants.into_iter().map(|tenant| (tenant, version)));
    }

    /// Version at which a tenant was seen to have changed; `None`: its snapshot is current.
    fn version(&self, tenant: &TenantId) -> Option<u64> {
        self.lock().get(tenant).copied()
    }

    /// Records that a tenant was read after this version was seen.
    fn done(&self, tenant: &TenantId, version: u64) {
        let mut tenants = self.lock();
        if tenants.get(tenant) == Some(&version) {
            tenants.remove(tenant);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, u64>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Polls the store for tenants that changed since the last poll, and records them.
    ///
    /// # Errors
    /// `Store`.
    pub(super) async fn look(&self) -> Result<(), RegistryError> {
        let changed = &self.inner.changed;
        let mut seen = changed.seen.lock().await;
        let (mut version, mut tenants) = self.inner.store.registry_changes(*seen).await?;
        if version < *seen {
            // The store's version went back: it was emptied or restored. Its present content alone
            // is valid.
            warn!(revision = version, "registry.reset");
            (version, tenants) = self.inner.store.registry_changes(0).await?;
            tenants.extend(self.held());
        }
        changed.note(tenants, version);
        *seen = version;
        Ok(())
    }

    /// Publishes all changes since the last poll. For callers that must decide on current data.
    ///
    /// # Errors
    /// `Store`; or a tenant that cannot be read: the others are current, and the next call tries it
    /// again.
    pub async fn catch_up(&self) -> Result<(), RegistryError> {
        self.look().await?;
        let changed = self.inner.changed.tenants();
        let published = changed
            .into_iter()
            .map(|id| async move { self.publish_changed(&id).await });
        let mut published = std::pin::pin!(stream::iter(published).buffer_unordered(PUBLISHED_AT_ONCE));
        let mut failed = None;
        while let Some(result) = published.next().await {
            match result {
                Err(away @ RegistryError::Store(_)) => return Err(away),
                Err(unreadable) => failed = Some(unreadable),
                Ok(()) => {}
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Publishes one tenant, if it changed since the last poll. Waits for no other tenant.
    ///
    /// # Errors
    /// `Store`, or the tenant cannot be read.
    pub async fn catch_up_on(&self, id: &TenantId) -> Result<(), RegistryError> {
        self.look().await?;
        self.publish_changed(id).await
    }

    /// Publishes a changed tenant, unless another task has done so meanwhile.
    pub(super) async fn publish_changed(&self, id: &TenantId) -> Result<(), RegistryError> {
        let lock = self.publishing(id);
        let _turn = lock.lock().await;
        let Some(version) = self.inner.changed.version(id) else {
            return Ok(());
        };
        self.publish(id).await?;
        self.inner.changed.done(id, version);
        Ok(())
    }

    /// Publishes the current state of one tenant in the store.
    pub(super) async fn refresh(&self, id: &TenantId) -> Result<(), RegistryError> {
        let lock = self.publishing(id);
        let _turn = lock.lock().await;
        self.publish(id).await
    }

    /// Lock of a tenant's read and publication.
    fn publishing(&self, id: &TenantId) -> Arc<AsyncMutex<()>> {
        self.inner.publishing.of(id.clone(), AsyncMutex::default)
    }

    /// Reads a tenant and puts it into the snapshot. The caller holds the tenant's lock.
    async fn publish(&self, id: &TenantId) -> Result<(), RegistryError> {
        if *id == TenantId::operator() {
            return self.publish_shared().await;
        }
        match self.load(id).await {
            Ok(Some((tenant, tenant_state))) => {
                let lacking = tenant.chains().flat_map(|(_, chain)| &chain.lacking);
                let lacking = lacking.cloned().collect();
                self.inner.recent.put(tenant_state);
                self.swap(|snapshot| snapshot.put(id, Some(Arc::new(tenant))));
                self.begin_loading(id, lacking);
                Ok(())
            }
            Ok(None) => {
                self.host().forget(id);
                self.inner.recent.forget(id);
                self.swap(|snapshot| snapshot.put(id, None));
                self.begin_loading(id, Vec::new());
                Ok(())
            }
            Err(away @ RegistryError::Store(_)) => Err(away),
            Err(error) => {
                let mut first = false;
                self.swap(|snapshot| first = snapshot.fall_behind(id, &error_chain(&error).to_string()));
                if first {
                    tracing::error!(tenant = %id, error = %error_chain(&error), "tenant.unreadable");
                }
                Err(error)
            }
        }
    }

    /// Gives a tenant the current contract of its profile.
    pub(super) async fn renew_contract(&self, id: &TenantId) {
        let lock = self.publishing(id);
        let _turn = lock.lock().await;
        let Some(tenant) = self.tenant(id) else { return };
        let contract = self.inner.profiles.load().get(&tenant.profile).cloned();
        let mut next = Tenant::clone(&tenant);
        next.privacy = privacy(contract.as_deref(), &next.types, next.keep_metadata);
        next.quotas = self.quotas(contract.as_deref(), next.own_quotas);
        next.contract = contract;
        self.swap(|snapshot| snapshot.replace(Arc::new(next)));
    }

    /// Records the names and digests of the operator's plugins. Their other data is read on demand.
    pub(super) async fn publish_shared(&self) -> Result<(), RegistryError> {
        match self.shared().await {
            Ok(shared) => self.inner.components.share(&shared),
            Err(away @ RegistryError::Store(_)) => return Err(away),
            // Operations that need them return the error.
            Err(error) => warn!(error = %error_chain(&error), "shared_plugins.unreadable"),
        }
        Ok(())
    }

    /// Replaces the snapshot. Short and synchronous: the only step that all tenants share.
    fn swap(&self, change: impl FnOnce(&mut Snapshot)) {
        let inner = &self.inner;
        let _turn = inner.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot::clone(&inner.snapshot.load());
        change(&mut next);
        inner.metrics.tenants_are(next.len());
        inner.snapshot.store(Arc::new(next));
        inner.published.notify_waiters();
    }

    /// Rebuilds a tenant's chains whose components were loaded or turned out to be missing.
    pub(super) async fn rebuild_chains(&self, id: &TenantId) {
        let lock = self.publishing(id);
        let _turn = lock.lock().await;
        let Some(tenant) = self.tenant(id) else { return };
        let missing = self.inner.loads.missing(id);
        let components = &self.inner.components;
        let moved: Vec<_> = tenant
            .chains()
            .filter(|(_, chain)| components.has_moved(chain, &missing))
            .map(|(place, chain)| {
                let rebuilt = components.chain(id, place, &chain.source, &missing);
                (place, Arc::new(rebuilt))
            })
            .collect();
        if moved.is_empty() {
            return;
        }
        let mut next = Tenant::clone(&tenant);
        for (place, chain) in moved {
            next.set_chain(place, chain);
        }
        self.swap(|snapshot| snapshot.replace(Arc::new(next)));
    }

    /// Waits until a chain's components are loaded or missing, at most `LOADED_WITHIN`.
    /// After that the chain's events wait.
    pub(super) async fn loaded(&self, id: &TenantId, place: Place) {
        let loaded = async {
            loop {
                let published = self.inner.published.notified();
                let mut published = std::pin::pin!(published);
                published.as_mut().enable();
                if self.tenant(id).is_none_or(|tenant| !tenant.is_loading(place)) {
                    return;
                }
                published.await;
            }
        };
        let _ = tokio::time::timeout(LOADED_WITHIN, loaded).await;
    }

    /// Waits until no chain is loading any more, at most this long.
    pub async fn wait_loaded(&self, longest: Duration) {
        let all = async {
            while self.loading() > 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let _ = tokio::time::timeout(longest, all).await;
    }

    /// Number of tenants with chains that cannot run yet.
    pub fn loading(&self) -> usize {
        let snapshot = self.inner.snapshot.load();
        let loading = |tenant: &&Arc<Tenant>| tenant.chains().any(|(_, chain)| chain.is_loading());
        snapshot.tenants().filter(loading).count()
    }

    /// Current entries of a tenant in the store, decoded.
    pub(super) async fn tenant_state(&self, id: &TenantId) -> Result<Option<TenantState>, RegistryError> {
        let Some(record) = self.read(id).await? else {
            return Ok(None);
        };
        if bytes_of(&record) <= INLINE_BYTES {
            return self.decode(id, record).map(Some);
        }
        drop(record);
        // One request per tenant at a time: a tenant with many requests does not take all permits.
        let own = self.inner.decoding.of(id.clone(), AsyncMutex::default);
        let _own = own.lock().await;
        let _place = self.build_place().await;
        let Some(record) = self.read(id).await? else {
            return Ok(None);
        };
        let (registry, tenant) = (self.clone(), id.clone());
        let decoded = blocking(move || registry.decode(&tenant, record)).await?;
        self.inner.recent.put(decoded.clone());
        Ok(Some(decoded))
    }

    /// Reads and builds a tenant, with the entries that it is made of. The caller holds its lock.
    async fn load(&self, id: &TenantId) -> Result<Option<(Tenant, TenantState)>, RegistryError> {
        let Some(record) = self.read(id).await? else {
            return Ok(None);
        };
        if bytes_of(&record) <= INLINE_BYTES {
            let tenant_state = self.decode(id, record)?;
            return Ok(Some((self.build(&tenant_state)?, tenant_state)));
        }
        // A revocation must not wait for the build, which may take long.
        self.revoke(id, &record);
        drop(record);
        let _place = self.build_place().await;
        let Some(record) = self.read(id).await? else {
            return Ok(None);
        };
        self.revoke(id, &record);
        let (registry, tenant) = (self.clone(), id.clone());
        let build = move || {
            let tenant_state = registry.decode(&tenant, record)?;
            Ok((registry.build(&tenant_state)?, tenant_state))
        };
        blocking(build).await.map(Some)
    }

    /// Reads a tenant's stored entries, with a permit for reads.
    async fn read(&self, id: &TenantId) -> Result<Option<RegistryRecord>, RegistryError> {
        let _place = self.inner.reads.acquire().await;
        Ok(self.inner.store.registry_load(id).await?)
    }

    async fn build_place(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.inner.builds.acquire().await.ok()
    }

    fn decode(&self, id: &TenantId, record: RegistryRecord) -> Result<TenantState, RegistryError> {
        let former = self.inner.recent.get(id);
        TenantState::decode(id, record, &self.inner.sealer, former.as_deref())
    }

    /// Removes revoked keys from the snapshot before anything else of the tenant is processed.
    fn revoke(&self, id: &TenantId, record: &RegistryRecord) {
        let Some(tenant) = self.tenant(id) else { return };
        let stored = |key: KeyId| {
            let name = key_entry(key);
            record
                .entries
                .binary_search_by(|(entry, _)| entry.cmp(&name))
                .is_ok()
        };
        let revoked: Vec<_> = tenant.keys.iter().filter(|key| !stored(key.id)).collect();
        if !revoked.is_empty() {
            self.swap(|snapshot| revoked.iter().for_each(|key| snapshot.revoke(&key.digest)));
        }
    }

    /// Builds a tenant from its entries. Does not wait; chains with missing components are marked
    /// as loading.
    fn build(&self, tenant_state: &TenantState) -> Result<Tenant, RegistryError> {
        let id = &tenant_state.id;
        let created = Timestamp::from_micros(tenant_state.tenant.created);
        // A new tenant takes over nothing from a deleted tenant of its name.
        let former = self.tenant(id).filter(|held| held.created == created);
        if former.is_none() {
            self.host().forget(id);
        }
        let types = self.ready_types(tenant_state)?;
        let contract = self
            .inner
            .profiles
            .load()
            .get(&tenant_state.tenant.profile)
            .cloned();
        let keep_metadata = tenant_state.tenant.keep_metadata;
        let privacy = privacy(contract.as_deref(), &types, keep_metadata);
        let own_quotas = Quotas::from(tenant_state.tenant.quotas);
        let quotas = self.quotas(contract.as_deref(), own_quotas);
        let mut subscriptions: Vec<_> = tenant_state
            .subscriptions
            .values()
            .map(|kept| Arc::clone(&kept.value))
            .collect();
        subscriptions.sort_by_key(|s| (s.created, s.id));
        let mut tenant = Tenant {
            id: id.clone(),
            revision: tenant_state.revision,
            created,
            feed_from: match tenant_state.tenant.feed_from {
                Some((major, minor)) => FeedPosition { major, minor },
                None => FeedPosition::START,
            },
            contract,
            profile: tenant_state.tenant.profile.clone(),
            keys: tenant_state
                .keys
                .values()
                .map(|key| {
                    Arc::new(ApiKey {
                        last_use: self.inner.uses.of(key.value.id, KeyUse::default),
                        ..key.value.clone()
                    })
                })
                .collect(),
            signing_secrets: tenant_state.signing_secrets.clone(),
            subscriptions,
            types,
            privacy,
            account: self.host().cpu_budget(&tenant_state.id),
            quotas,
            own_quotas,
            keep_metadata,
            buckets: self.inner.buckets.of(id.clone(), RateBuckets::default),
            chain: None,
            chain_spec: ChainSpec::default(),
            chain_states: Vec::new(),
            delivery: HashMap::new(),
            ingress: None,
            bulk_jobs: tenant_state.bulk_jobs.jobs.as_slice().into(),
            bytes: tenant_state.bytes(),
            behind: Arc::default(),
        };
        let missing = self.inner.loads.missing(id);
        let sources = tenant_state.chain.iter().map(|source| (Place::Ingress, source));
        let delivery = tenant_state.delivery.iter();
        for (place, source) in sources.chain(delivery.map(|(id, source)| (Place::Delivery(*id), source))) {
            let same = former.as_ref().and_then(|former| former.unchanged(place, source));
            let chain = match same {
                Some(chain) => chain,
                None => Arc::new(self.inner.components.chain(id, place, source, &missing)),
            };
            tenant.set_chain(place, chain);
        }
        Ok(tenant)
    }

    /// Effective quotas of a tenant: its own override its profile's, which override the gateway's.
    fn quotas(&self, contract: Option<&Profile>, own: Quotas) -> TenantQuotas {
        let of_profile = contract.map(|profile| profile.quotas).unwrap_or_default();
        let config = &self.inner.config;
        own.over(of_profile.over(config.quotas))
            .resolve(config.max_events)
    }
}

impl Tenant {
    /// Existing chain of the same source with all of its components, to be taken over.
    fn unchanged(&self, place: Place, source: &Arc<ChainRecord>) -> Option<Arc<TenantChain>> {
        let held = match place {
            Place::Ingress => self.ingress.as_ref(),
            Place::Delivery(id) => self.delivery.get(&id),
        };
        let complete = held.filter(|chain| chain.lacking.is_empty());
        let same = complete.filter(|chain| Arc::ptr_eq(&chain.source, source) || chain.source == *source);
        same.cloned()
    }
}

fn privacy(contract: Option<&Profile>, types: &Types, keep_metadata: Option<bool>) -> Privacy {
    let profile = contract.map(|profile| &profile.privacy);
    let names = profile.and_then(|privacy| privacy.names.as_ref());
    let nothing = BTreeMap::new();
    let floor = profile.map_or(&nothing, |privacy| &privacy.fields);
    let metadata = match (profile.map(|privacy| privacy.metadata), keep_metadata) {
        (Some(Metadata::Dropped), _) | (_, Some(false)) => Metadata::Dropped,
        _ => Metadata::Kept,
    };
    let own = types.iter().map(|(kind, own)| {
        let own = OwnFields {
            fields: own.classified().clone(),
            authority: own.spec.authority,
        };
        (kind.clone(), own)
    });
    Privacy::new(names, floor, own, metadata)
}

fn bytes_of(record: &RegistryRecord) -> usize {
    let entries = record.entries.iter();
    entries.map(|(name, bytes)| name.len() + bytes.len()).sum()
}

/// Runs long work on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(RegistryError::unreadable(TENANT, "the gateway is ending")),
        },
    }
}

/// Maximum of tenants published concurrently.
const PUBLISHED_AT_ONCE: usize = 32;
/// Maximum of concurrent reads of tenants from the store.
pub(super) const READS: usize = 32;
/// Maximum of large tenants decoded or built concurrently.
pub(super) const BUILDS: usize = 4;
/// Maximum size of entries decoded in place, in bytes.
/// A larger tenant is decoded on a blocking thread.
const INLINE_BYTES: usize = 64 << 10;
/// Interval at which a wait for components checks whether all are loaded.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Longest wait of a request for the chain that it set.
const LOADED_WITHIN: Duration = Duration::from_secs(60);
