//! A tenant's registry as decoded entries: what a snapshot is built from, and what a change is decided on.

use std::collections::BTreeMap;

use super::ApiKey;
use super::Place;
use super::chain_record::{ChainRecord, GoneRecord, PluginRecord};
use super::error::RegistryError;
use super::event_types::TypeRecord;
use super::history::HistoryRecord;
use super::record::{KeyRecord, SubscriptionRecord, TenantRecord, decode};
use super::seal::Sealer;
use crate::catalogue::TypeSpec;
use crate::domain::subscription::SigningSecret;
use crate::domain::{EventType, KeyId, Subscription, SubscriptionId, TenantId};
use crate::store::RegistryRecord;

/// Decoded entries under their revision.
#[derive(Debug)]
pub(super) struct Draft {
    pub id: TenantId,
    pub revision: u64,
    pub tenant: TenantRecord,
    /// The tenant's own, the newest first.
    pub signing_secrets: Vec<SigningSecret>,
    pub keys: BTreeMap<KeyId, Declarable<ApiKey>>,
    pub subscriptions: BTreeMap<SubscriptionId, Declarable<Subscription>>,
    pub chain: Option<ChainRecord>,
    pub types: BTreeMap<EventType, Declarable<TypeSpec>>,
    pub delivery: BTreeMap<SubscriptionId, ChainRecord>,
    pub history: HistoryRecord,
    pub plugins: BTreeMap<String, PluginRecord>,
    /// Versions of plugins that are there no more.
    pub gone: BTreeMap<String, GoneRecord>,
    /// The names of all entries, of unknown kinds too.
    pub entries: Vec<String>,
}

/// An entry, and whether the configuration file declares it.
#[derive(Debug, Clone)]
pub(super) struct Declarable<T> {
    pub value: T,
    pub declared: bool,
}

impl Draft {
    /// Decodes what the store holds. Entries of kinds that this build does not know are left alone.
    pub(super) fn decode(
        id: &TenantId,
        record: &RegistryRecord,
        sealer: &Sealer,
    ) -> Result<Self, RegistryError> {
        let tenant = record.entries.iter().find(|(name, _)| name == TENANT);
        let (_, bytes) = tenant.ok_or_else(|| RegistryError::unreadable(TENANT, "it is missing"))?;
        let tenant: TenantRecord = decode(TENANT, bytes)?;
        let mut draft = Self {
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
            plugins: BTreeMap::new(),
            gone: BTreeMap::new(),
            entries: record.entries.iter().map(|(name, _)| name.clone()).collect(),
        };
        for (name, bytes) in &record.entries {
            draft.take(name, bytes, sealer)?;
        }
        Ok(draft)
    }

    /// The names of the tenant's own event types.
    pub(super) fn own_types(&self) -> Vec<EventType> {
        self.types.keys().cloned().collect()
    }

    fn take(&mut self, name: &str, bytes: &[u8], sealer: &Sealer) -> Result<(), RegistryError> {
        if name == CHAIN {
            self.chain = Some(decode(name, bytes)?);
        } else if name == HISTORY {
            self.history = decode(name, bytes)?;
        } else if let Some(id) = name.strip_prefix(DELIVERY_CHAIN) {
            let id = id.parse().map_err(|e| RegistryError::unreadable(name, e))?;
            self.delivery.insert(id, decode(name, bytes)?);
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
            let value = record.into_subscription(&self.id, id, sealer)?;
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

impl Draft {
    /// The tenant's chains, the ingress chain first.
    pub(super) fn chains(&self) -> impl Iterator<Item = (Place, &ChainRecord)> {
        let ingress = self.chain.iter().map(|chain| (Place::Ingress, chain));
        let delivery = self.delivery.iter();
        ingress.chain(delivery.map(|(id, chain)| (Place::Delivery(*id), chain)))
    }

    /// What goes with a subscription that goes.
    pub(super) fn without_chain(&self, id: SubscriptionId) -> Option<(String, Option<bytes::Bytes>)> {
        let there = self.delivery.contains_key(&id);
        there.then(|| (chain_entry(Place::Delivery(id)), None))
    }

    /// One of them.
    pub(super) fn chain_at(&self, place: Place) -> Option<&ChainRecord> {
        match place {
            Place::Ingress => self.chain.as_ref(),
            Place::Delivery(id) => self.delivery.get(&id),
        }
    }
}

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

pub(super) const TENANT: &str = "tenant";
pub(super) const CHAIN: &str = "chain";
pub(super) const HISTORY: &str = "history";
const DELIVERY_CHAIN: &str = "chain:";
const KEY: &str = "key:";
pub(super) const SUBSCRIPTION: &str = "sub:";
const PLUGIN: &str = "plugin:";
const GONE: &str = "gone:";
const TYPE: &str = "type:";
