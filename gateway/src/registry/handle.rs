//! The registry's handle: reads from memory, and the loading that fills it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{Mutex, mpsc};

use super::chain_record::ChainRecord;
use super::components::Components;
use super::draft::Draft;
use super::snapshot::Snapshot;
use super::sync::{Progress, Sync};
use super::{Config, DeliveryChain, Place, RegistryError, Sealer, Tenant, key};
use crate::catalogue::Types;
use crate::clock::Clock;
use crate::domain::{KeyId, Scopes, TenantId, Timestamp};
use crate::ids::IdSource;
use crate::plugin::Host;
use crate::privacy::Privacy;
use crate::profile::{Profile, Profiles};
use crate::store::{FeedPosition, Store};
use crate::telemetry::{Metrics, error_chain};

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
}

pub(super) struct Inner {
    pub config: Config,
    pub store: Arc<dyn Store>,
    pub components: Components,
    pub sealer: Sealer,
    pub profiles: Profiles,
    pub clock: Clock,
    pub ids: IdSource,
    pub metrics: Metrics,
    snapshot: ArcSwap<Snapshot>,
    /// Held over loading and publishing, so that what is published never goes back in time.
    pub publishing: Mutex<Progress>,
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
    /// Loads every tenant, and gives the service that keeps them current.
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
                profiles: parts.profiles,
                ids: IdSource::new(parts.clock.clone()),
                clock: parts.clock,
                metrics: parts.metrics,
                snapshot: ArcSwap::default(),
                publishing: Mutex::default(),
            }),
        };
        registry.catch_up().await?;
        let sync = Sync::new(registry.clone(), tripped);
        Ok((registry, sync))
    }

    /// A tenant by its name.
    pub fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.inner.snapshot.load().tenant(id).cloned()
    }

    /// The tenant that an API key belongs to, and what the key may be used for. The look-up is by the key's digest: its time
    /// tells nothing about keys.
    pub fn by_key(&self, key: &str) -> Option<(Arc<Tenant>, KeyId, Scopes)> {
        let snapshot = self.inner.snapshot.load();
        let (tenant, key, scopes) = snapshot.by_key_digest(&key::digest(key))?;
        Some((Arc::clone(tenant), key, scopes))
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

    /// The contracts that tenants can have.
    pub fn profiles(&self) -> &Profiles {
        &self.inner.profiles
    }

    /// The profile of this name.
    pub(super) fn profile(&self, name: &str) -> Result<&Arc<Profile>, RegistryError> {
        let found = self.inner.profiles.get(name);
        found.ok_or_else(|| {
            let names = self.inner.profiles.names();
            RegistryError::invalid("profile", format!("there is no such profile; there are {names}"))
        })
    }

    /// Loads these tenants and publishes them together. One that cannot be read stays as it is and holds up no other.
    ///
    /// # Errors
    /// `Store`: nothing is published; or why one of them cannot be read.
    pub(super) async fn publish(
        &self,
        progress: &mut Progress,
        ids: Vec<TenantId>,
    ) -> Result<(), RegistryError> {
        let loads = ids.into_iter().map(|id| async {
            match self.load(&id).await {
                Err(away @ RegistryError::Store(_)) => Err(away),
                loaded => Ok((id, loaded)),
            }
        });
        let loaded: Vec<_> = stream::iter(loads)
            .buffer_unordered(LOADS_AT_ONCE)
            .try_collect()
            .await?;
        let mut next = Snapshot::clone(&self.inner.snapshot.load());
        let mut unreadable = None;
        for (id, tenant) in loaded {
            match tenant {
                Ok(tenant) => {
                    progress.note(&id, tenant.as_deref());
                    next.put(&id, tenant);
                }
                Err(error) => {
                    if next.fall_behind(&id, &error_chain(&error).to_string()) {
                        tracing::error!(tenant = %id, error = %error_chain(&error), "tenant.unreadable");
                    }
                    unreadable = Some(error);
                }
            }
        }
        self.inner.metrics.tenants_are(next.len());
        self.inner.snapshot.store(Arc::new(next));
        unreadable.map_or(Ok(()), Err)
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

    async fn load(&self, id: &TenantId) -> Result<Option<Arc<Tenant>>, RegistryError> {
        // What is the operator's own is looked up when it is needed.
        if *id == TenantId::operator() {
            return Ok(None);
        }
        let Some(draft) = self.draft(id).await? else {
            self.host().forget(id);
            return Ok(None);
        };
        let created = Timestamp::from_micros(draft.tenant.created);
        // Whoever has the name now is shown nothing of whoever had it before.
        if self.tenant(id).is_none_or(|held| held.created != created) {
            self.host().forget(id);
        }
        let types = self.ready_types(&draft)?;
        let contract = self.inner.profiles.get(&draft.tenant.profile).cloned();
        let privacy = privacy(contract.as_deref(), &types);
        let chain = match &draft.chain {
            Some(record) => Some(self.inner.components.chain(id, Place::Ingress, record).await),
            None => None,
        };
        let mut delivery = HashMap::new();
        for (subscription, record) in &draft.delivery {
            let place = Place::Delivery(*subscription);
            let run = self.inner.components.chain(id, place, record).await;
            let (spec, states) = (record.to_spec(), record.states());
            delivery.insert(*subscription, DeliveryChain { spec, states, run });
        }
        let mut subscriptions: Vec<_> = draft
            .subscriptions
            .into_values()
            .map(|s| Arc::new(s.value))
            .collect();
        subscriptions.sort_by_key(|s| (s.created, s.id));
        Ok(Some(Arc::new(Tenant {
            id: id.clone(),
            revision: draft.revision,
            created,
            feed_from: match draft.tenant.feed_from {
                Some((major, minor)) => FeedPosition { major, minor },
                None => FeedPosition::START,
            },
            contract,
            profile: draft.tenant.profile,
            keys: draft.keys.into_values().map(|key| key.value).collect(),
            signing_secrets: draft.signing_secrets,
            subscriptions,
            types,
            privacy,
            chain,
            chain_states: draft.chain.as_ref().map(ChainRecord::states).unwrap_or_default(),
            chain_spec: draft.chain.map(|chain| chain.to_spec()).unwrap_or_default(),
            delivery,
            behind: AtomicBool::new(false),
        })))
    }

    /// A tenant's entries as the store has them now.
    pub(super) async fn draft(&self, id: &TenantId) -> Result<Option<Draft>, RegistryError> {
        let record = self.inner.store.registry_load(id).await?;
        record
            .map(|record| Draft::decode(id, &record, &self.inner.sealer))
            .transpose()
    }
}

fn privacy(contract: Option<&Profile>, types: &Types) -> Privacy {
    let names = contract.and_then(|profile| profile.privacy.names.as_ref());
    let classified = types
        .iter()
        .filter_map(|(kind, own)| Some((kind.clone(), Arc::clone(own.fields()?))));
    Privacy::new(names, classified)
}

/// At start, how many tenants are loaded from the store at the same time.
const LOADS_AT_ONCE: usize = 32;
