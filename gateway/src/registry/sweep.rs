//! What is thrown away: the bytes of components that nobody names any more, and machine code that was not wanted for long.
//!
//! A version that was deleted, or made room for another, is remembered (`GoneRecord`), so that it never comes back with other
//! bytes. Its own bytes go a day later, unless somebody names them: another tenant may have uploaded the same.

use std::collections::HashSet;

use tracing::info;

use super::apply::TRIES;
use super::chain_record::{GoneRecord, VersionRecord};
use super::draft::{Draft, TENANT, gone_entry};
use super::record::encode;
use super::{Registry, RegistryError};
use crate::domain::{TenantId, Timestamp};

impl Registry {
    /// Throws away what nobody wants. Called now and then; several processes may do it at once.
    ///
    /// # Errors
    /// `Store`; or a tenant that cannot be read: it may name what is to go, so nothing does.
    pub async fn sweep(&self) -> Result<(), RegistryError> {
        self.sweep_at(self.inner.clock.now()).await
    }

    pub(super) async fn sweep_at(&self, now: Timestamp) -> Result<(), RegistryError> {
        self.host().sweep(self.inner.components.in_use()).await;
        let store = &self.inner.store;
        let (seen, mut owners) = store.registry_changes(0).await?;
        owners.push(TenantId::operator());
        let before = now.minus(KEPT);
        let (mut named, mut due) = (HashSet::new(), Vec::new());
        for owner in owners {
            let Some(draft) = self.draft(&owner).await? else {
                continue;
            };
            named.extend(draft.named().map(str::to_owned));
            due.extend(draft.due(before).map(|digest| (owner.clone(), digest.to_owned())));
        }
        let mut swept: Vec<TenantId> = Vec::new();
        for (owner, digest) in due {
            if !named.contains(&digest) {
                self.throw_away(&digest, seen).await?;
            }
            if !swept.contains(&owner) {
                swept.push(owner);
            }
        }
        for owner in swept {
            self.mark_swept(&owner, before).await?;
        }
        Ok(())
    }

    /// Deletes a component's bytes, and puts them back if somebody named them since the registry was read.
    async fn throw_away(&self, digest: &str, seen: u64) -> Result<(), RegistryError> {
        let store = &self.inner.store;
        let Some(bytes) = store.blob_get(digest).await? else {
            return Ok(());
        };
        store.blob_delete(digest).await?;
        let (_, changed) = store.registry_changes(seen).await?;
        for tenant in changed.into_iter().chain([TenantId::operator()]) {
            let draft = self.draft(&tenant).await?;
            if draft.is_some_and(|draft| draft.named().any(|named| named == digest)) {
                store.blob_put(digest, bytes).await?;
                return Ok(());
            }
        }
        info!(version = digest.get(..12), bytes = bytes.len(), "plugin.swept");
        Ok(())
    }

    async fn mark_swept(&self, owner: &TenantId, before: Timestamp) -> Result<(), RegistryError> {
        let marked = self.change(owner, |draft| {
            let mut changes = Vec::new();
            for (name, record) in &draft.gone {
                let mut record = record.clone();
                if record.mark_swept(before) {
                    changes.push((gone_entry(name), Some(encode(&record))));
                }
            }
            Ok((changes, ()))
        });
        match marked.await {
            // It was deleted meanwhile, or somebody else marks it: the next sweep looks again.
            Err(RegistryError::NotFound(_) | RegistryError::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Remembers what a tenant that is deleted had, so that its bytes are swept.
    pub(super) async fn remember_components(&self, tenant: &TenantId) -> Result<(), RegistryError> {
        let operator = TenantId::operator();
        for _ in 0..TRIES {
            let Some(draft) = self.draft(tenant).await? else {
                return Ok(());
            };
            let versions: Vec<_> = draft
                .plugins
                .values()
                .flat_map(|record| &record.versions)
                .collect();
            let unswept = draft.gone.values().flat_map(GoneRecord::unswept);
            let now = self.inner.clock.now();
            let there = self.owned(&operator).await?;
            let before = there.gone.get(OF_TENANTS).cloned().unwrap_or_default();
            let record =
                before
                    .without_swept()
                    .and_all(unswept)
                    .with(versions.into_iter(), now, MOST_OF_TENANTS);
            if record.versions == before.versions {
                return Ok(());
            }
            let mut changes = vec![(gone_entry(OF_TENANTS), Some(encode(&record)))];
            if there.revision == 0 {
                changes.push((TENANT.to_owned(), Some(encode(&there.tenant))));
            }
            if self.apply(&operator, there.revision, changes).await? {
                return Ok(());
            }
        }
        Err(RegistryError::Conflict)
    }
}

impl Draft {
    /// Every component that is named here, by its digest.
    fn named(&self) -> impl Iterator<Item = &str> {
        let versions = self.plugins.values().flat_map(|record| &record.versions);
        let chains = self
            .chains()
            .flat_map(|(_, chain)| chain.digests().chain(chain.previous()));
        versions
            .map(|version: &VersionRecord| version.digest.as_str())
            .chain(chains)
    }

    /// Components of versions that went before then and are not swept yet.
    fn due(&self, before: Timestamp) -> impl Iterator<Item = &str> {
        let unswept = self.gone.values().flat_map(GoneRecord::unswept);
        unswept
            .filter(move |gone| gone.at <= before.as_micros())
            .map(|gone| gone.digest.as_str())
    }
}

/// How long the bytes of a version stay after it went: whoever deletes one by mistake uploads it again without a trace.
pub(super) const KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Under which name the operator's entries remember what deleted tenants had. No plugin can have it.
const OF_TENANTS: &str = "*";
/// How many of those: the bytes of what is over it stay.
const MOST_OF_TENANTS: usize = 10_000;
