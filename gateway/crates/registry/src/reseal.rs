//! Key rotation at rest: counts stored texts by sealing key, and reseals them with the current key.
//!
//! Each tenant is one compare-and-set. Texts sealed with the current key already are not touched,
//! so an interrupted run is continued by the next one. `keyring` decides when to run it.

use std::collections::BTreeMap;

use super::edit::TRIES;
use super::entry::Changes;
use super::entry::{SUBSCRIPTION, TENANT};
use super::record::{QUERY, SubscriptionRecord, TenantRecord, decode, encode, place};
use super::{Registry, RegistryError, Sealer};
use hookgate_domain::TenantId;
use hookgate_store::RegistryRecord;

/// Result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Tenants with resealed texts.
    pub tenants: usize,
    /// Resealed texts.
    pub texts: usize,
}

impl Registry {
    /// Number of sealed texts in the store, by the id of their key, whether the ring has it or not.
    ///
    /// # Errors
    /// `Store`, `Unreadable`.
    pub async fn sealed_with(&self) -> Result<BTreeMap<String, usize>, RegistryError> {
        let mut counts = BTreeMap::new();
        for id in self.stored_tenants().await? {
            let Some(record) = self.inner.store.registry_load(&id).await? else {
                continue;
            };
            for mut entry in Entry::all(&record)? {
                for (_, sealed) in entry.texts() {
                    *counts.entry(Sealer::key_of(sealed)?.to_owned()).or_default() += 1;
                }
            }
        }
        Ok(counts)
    }

    /// Reseals all texts that are sealed with another key than the ring's first one.
    ///
    /// # Errors
    /// `Store`, `Unreadable`, `Conflict`; `Sealed` where a key is not in the ring. Tenants resealed
    /// before the error stay so.
    pub async fn reseal(&self) -> Result<Resealed, RegistryError> {
        let mut done = Resealed::default();
        for id in self.stored_tenants().await? {
            let texts = self.reseal_tenant(&id).await?;
            done.tenants += usize::from(texts > 0);
            done.texts += texts;
        }
        Ok(done)
    }

    /// Reseals the texts of one tenant. Returns their number.
    pub(super) async fn reseal_tenant(&self, id: &TenantId) -> Result<usize, RegistryError> {
        for _ in 0..TRIES {
            let Some(record) = self.inner.store.registry_load(id).await? else {
                return Ok(0);
            };
            let (changes, texts) = resealed(&self.inner.sealer, id, &record)?;
            if changes.is_empty() || self.apply_to(id, record.revision, changes).await? {
                return Ok(texts);
            }
        }
        Err(RegistryError::Conflict)
    }

    /// Tenants in the store, which may be more than this process has read.
    async fn stored_tenants(&self) -> Result<Vec<TenantId>, RegistryError> {
        Ok(self.inner.store.registry_changes(0).await?.1)
    }
}

fn resealed(
    sealer: &Sealer,
    tenant: &TenantId,
    record: &RegistryRecord,
) -> Result<(Changes, usize), RegistryError> {
    let ring = sealer.ring();
    let (mut changes, mut texts) = (Changes::new(), 0);
    for mut entry in Entry::all(record)? {
        let (name, before) = (entry.name.clone(), texts);
        if let Kind::Subscription(record) = &mut entry.kind {
            texts += usize::from(record.seal_query(tenant, &name, sealer));
        }
        for (field, sealed) in entry.texts() {
            if Sealer::key_of(sealed)? == ring.sealing() {
                continue;
            }
            let place = place(tenant, &name, &field);
            *sealed = sealer.seal(&place, &sealer.open(&place, sealed)?);
            texts += 1;
        }
        if texts > before {
            changes.push((name, Some(entry.encoded())));
        }
    }
    Ok((changes, texts))
}

/// Entry with sealed texts.
struct Entry {
    name: String,
    kind: Kind,
}

enum Kind {
    Tenant(TenantRecord),
    Subscription(SubscriptionRecord),
}

impl Entry {
    fn all(record: &RegistryRecord) -> Result<Vec<Self>, RegistryError> {
        let entries = record.entries.iter().filter_map(|(name, bytes)| {
            let kind = if name == TENANT {
                decode(name, bytes).map(Kind::Tenant)
            } else if name.starts_with(SUBSCRIPTION) {
                decode(name, bytes).map(Kind::Subscription)
            } else {
                return None;
            };
            let name = name.clone();
            Some(kind.map(|kind| Self { name, kind }))
        });
        entries.collect()
    }

    /// Sealed texts of the entry, each with the field that it is bound to.
    fn texts(&mut self) -> Vec<(String, &mut String)> {
        let secret = || SECRET.to_owned();
        match &mut self.kind {
            Kind::Tenant(record) => {
                let newest = record.signing_secret.iter_mut();
                let previous = record.previous_secrets.iter_mut().map(|old| &mut old.sealed);
                newest.chain(previous).map(|text| (secret(), text)).collect()
            }
            Kind::Subscription(record) => {
                let secrets = record.secrets.iter_mut().map(|one| (secret(), &mut one.sealed));
                let headers = record.headers.iter_mut();
                let headers = headers.map(|(name, value)| (name.clone(), value));
                let query = record.query.iter_mut().map(|query| (QUERY.to_owned(), query));
                secrets.chain(headers).chain(query).collect()
            }
        }
    }

    fn encoded(&self) -> bytes::Bytes {
        match &self.kind {
            Kind::Tenant(record) => encode(record),
            Kind::Subscription(record) => encode(record),
        }
    }
}

/// Field name of every signing secret.
const SECRET: &str = "secret";
