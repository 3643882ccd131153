//! A tenant's decoded registry entries: the input of snapshots and of changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::ApiKey;
use super::Place;
use super::audit_record::HistoryRecord;
use super::bulk_jobs::BulkJobsRecord;
use super::chain_record::{ChainRecord, GoneRecord, PluginRecord};
use super::entry::{
    BULK_JOBS, CHAIN, DELIVERY_CHAIN, GONE, HISTORY, KEY, PLUGIN, SUBSCRIPTION, TENANT, TYPE, chain_entry,
};
use super::error::RegistryError;
use super::event_type_record::TypeRecord;
use super::record::{KeyRecord, SubscriptionRecord, TenantRecord, decode};
use super::seal::Sealer;
use hookgate_contract::catalogue::TypeSpec;
use hookgate_domain::subscription::SigningSecret;
use hookgate_domain::{EventType, KeyId, Subscription, SubscriptionId, TenantId};
use hookgate_store::RegistryRecord;

/// Decoded entries of a tenant at one revision.
#[derive(Clone)]
pub(super) struct TenantState {
    pub id: TenantId,
    pub revision: u64,
    pub tenant: TenantRecord,
    /// Tenant's own signing secrets, the newest first.
    pub signing_secrets: Vec<SigningSecret>,
    pub keys: BTreeMap<KeyId, Declarable<ApiKey>>,
    pub subscriptions: BTreeMap<SubscriptionId, Declarable<Arc<Subscription>>>,
    pub chain: Option<Arc<ChainRecord>>,
    pub types: BTreeMap<EventType, Declarable<TypeSpec>>,
    pub delivery: BTreeMap<SubscriptionId, Arc<ChainRecord>>,
    pub history: HistoryRecord,
    pub bulk_jobs: BulkJobsRecord,
    pub plugins: BTreeMap<String, PluginRecord>,
    /// Deleted versions of plugins.
    pub gone: BTreeMap<String, GoneRecord>,
    /// All entries in their stored form, including those of unknown kinds.
    pub entries: BTreeMap<String, Bytes>,
}

/// Decoded entry, and the mark of one that the configuration file declares.
#[derive(Debug, Clone)]
pub(super) struct Declarable<T> {
    pub value: T,
    pub declared: bool,
}

impl TenantState {
    /// Decodes stored entries; entries of unknown kinds are preserved.
    /// Subscriptions, chains and event types with the same bytes in `former` are taken from it:
    /// their secrets need not be opened again.
    pub(super) fn decode(
        id: &TenantId,
        record: RegistryRecord,
        sealer: &Sealer,
        former: Option<&Self>,
    ) -> Result<Self, RegistryError> {
        let tenant = record.entries.iter().find(|(name, _)| name == TENANT);
        let (_, bytes) = tenant.ok_or_else(|| RegistryError::unreadable(TENANT, "it is missing"))?;
        let tenant: TenantRecord = decode(TENANT, bytes)?;
        let mut tenant_state = Self {
            id: id.clone(),
            revision: record.revision,
            signing_secrets: tenant.signing_secrets(id, sealer)?,
            tenant,
            keys: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            chain: None,
            types: BTreeMap::new(),
            delivery: BTreeMap::new(),
            history: HistoryRecord::default(),
            bulk_jobs: BulkJobsRecord::default(),
            plugins: BTreeMap::new(),
            gone: BTreeMap::new(),
            entries: BTreeMap::new(),
        };
        for (name, bytes) in &record.entries {
            let known = former.filter(|former| former.entries.get(name) == Some(bytes));
            if !known.is_some_and(|former| tenant_state.take_over(name, former)) {
                tenant_state.take(name, bytes, sealer)?;
            }
        }
        tenant_state.entries = record.entries.into_iter().collect();
        Ok(tenant_state)
    }

    /// Size of all entries with their names, in bytes: the size that the tenant's quota limits.
    pub(super) fn bytes(&self) -> usize {
        let entries = self.entries.iter();
        entries.map(|(name, bytes)| name.len() + bytes.len()).sum()
    }

    /// The names of the tenant's own event types.
    pub(super) fn own_types(&self) -> Vec<EventType> {
        self.types.keys().cloned().collect()
    }

    /// Takes an unchanged entry from a former draft. Returns `false` if its kind cannot be taken
    /// over.
    fn take_over(&mut self, name: &str, former: &Self) -> bool {
        if name == CHAIN {
            self.chain.clone_from(&former.chain);
            return self.chain.is_some();
        }
        if let Some(id) = name.strip_prefix(DELIVERY_CHAIN).and_then(|id| id.parse().ok()) {
            let known = former.delivery.get(&id);
            return known.is_some_and(|chain| self.delivery.insert(id, Arc::clone(chain)).is_none());
        }
        if let Some(id) = name.strip_prefix(SUBSCRIPTION).and_then(|id| id.parse().ok()) {
            let known = former.subscriptions.get(&id);
            return known.is_some_and(|kept| self.subscriptions.insert(id, kept.clone()).is_none());
        }
        if let Some(kind) = name
            .strip_prefix(TYPE)
            .and_then(|kind| kind.parse::<EventType>().ok())
        {
            let known = former.types.get(&kind);
            return known.is_some_and(|kept| self.types.insert(kind, kept.clone()).is_none());
        }
        false
    }

    fn take(&mut self, name: &str, bytes: &[u8], sealer: &Sealer) -> Result<(), RegistryError> {
        if name == CHAIN {
            self.chain = Some(Arc::new(decode(name, bytes)?));
        } else if name == HISTORY {
            self.history = decode(name, bytes)?;
        } else if name == BULK_JOBS {
            self.bulk_jobs = decode(name, bytes)?;
        } else if let Some(id) = name.strip_prefix(DELIVERY_CHAIN) {
            let id = id.parse().map_err(|e| RegistryError::unreadable(name, e))?;
            self.delivery.insert(id, Arc::new(decode(name, bytes)?));
        } else if let Some(id) = name.strip_prefix(KEY) {
            let id = id.parse().map_err(|e| RegistryError::unreadable(name, e))?;
            let record: KeyRecord = decode(name, bytes)?;
            let declared = record.declared;
            let value = record.into_key(id, name)?;
            self.keys.insert(id, Declarable { value, declared });
        } else if let Some(id) = name.strip_prefix(SUBSCRIPTION) {
            let id = id.parse().map_err(|e| RegistryError::unreadable(name, e))?;
            let record: SubscriptionRecord = decode(name, bytes)?;
            let declared = record.declared;
            let value = Arc::new(record.into_subscription(&self.id, id, sealer)?);
            self.subscriptions.insert(id, Declarable { value, declared });
        } else if let Some(kind) = name.strip_prefix(TYPE) {
            let kind: EventType = kind.parse().map_err(|e| RegistryError::unreadable(name, e))?;
            let record: TypeRecord = decode(name, bytes)?;
            let declared = record.declared;
            let value = record.into_spec(kind.clone());
            self.types.insert(kind, Declarable { value, declared });
        } else if let Some(plugin) = name.strip_prefix(PLUGIN) {
            self.plugins.insert(plugin.to_owned(), decode(name, bytes)?);
        } else if let Some(plugin) = name.strip_prefix(GONE) {
            self.gone.insert(plugin.to_owned(), decode(name, bytes)?);
        }
        Ok(())
    }
}

impl TenantState {
    /// The tenant's chains, the ingress chain first.
    pub(super) fn chains(&self) -> impl Iterator<Item = (Place, &ChainRecord)> {
        let ingress = self.chain.iter().map(|chain| (Place::Ingress, &**chain));
        let delivery = self.delivery.iter();
        ingress.chain(delivery.map(|(id, chain)| (Place::Delivery(*id), &**chain)))
    }

    /// Change that removes the delivery chain of a deleted subscription, if it has one.
    pub(super) fn without_chain(&self, id: SubscriptionId) -> Option<(String, Option<Bytes>)> {
        let there = self.delivery.contains_key(&id);
        there.then(|| (chain_entry(Place::Delivery(id)), None))
    }

    /// Chain at a place.
    pub(super) fn chain_at(&self, place: Place) -> Option<&ChainRecord> {
        match place {
            Place::Ingress => self.chain.as_deref(),
            Place::Delivery(id) => self.delivery.get(&id).map(|chain| &**chain),
        }
    }
}
