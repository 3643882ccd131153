//! Garbage collection of unreferenced components in the store and of unused machine code.
//!
//! A version that was deleted or evicted is remembered (`GoneRecord`), so that it never returns
//! with other bytes. Its bytes are deleted a day later, unless an entry references them: another
//! tenant may have uploaded the same ones.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tracing::info;

use super::chain_record::{ChainRecord, GoneRecord, PluginRecord};
use super::edit::{Charge, TRIES};
use super::entry::{Kind, TENANT, gone_entry};
use super::record::{decode, encode};
use super::{Registry, RegistryError};
use hookgate_domain::{TenantId, Timestamp};
use hookgate_store::RegistryRecord;

impl Registry {
    /// Collects garbage. Called at an interval; several processes may run it concurrently.
    ///
    /// # Errors
    /// `Store`; or a tenant that cannot be read: it may reference any component, so nothing is
    /// deleted.
    pub async fn sweep(&self) -> Result<(), RegistryError> {
        self.sweep_at(self.inner.clock.now()).await
    }

    pub(super) async fn sweep_at(&self, now: Timestamp) -> Result<(), RegistryError> {
        self.host().sweep(self.inner.components.in_use()).await;
        let (seen, mut owners) = self.inner.store.registry_changes(0).await?;
        owners.push(TenantId::operator());
        let before = now.minus(KEPT);
        let (mut named, mut due) = (HashSet::new(), Vec::new());
        let read = owners.into_iter().map(|owner| async move {
            let names = self.names(&owner).await?;
            Ok::<_, RegistryError>((owner, names))
        });
        let mut read = stream::iter(read).buffer_unordered(READ_AT_ONCE);
        while let Some((owner, names)) = read.try_next().await? {
            due.extend(names.due(before).map(|digest| (owner.clone(), digest.to_owned())));
            named.extend(names.named);
        }
        drop(read);
        let mut swept: HashMap<TenantId, bool> = HashMap::new();
        for (owner, digest) in due {
            let done = named.contains(&digest) || self.throw_away(&digest, seen).await?;
            *swept.entry(owner).or_insert(true) &= done;
        }
        for (owner, all) in swept {
            // A component that another process is working on is handled by the next run.
            if all {
                self.mark_swept(&owner, before).await?;
            }
        }
        Ok(())
    }

    /// Deletes a component's bytes, unless an entry references them since the registry was read.
    /// The component's lock excludes new references between the check and the deletion:
    /// `keep_component` holds it while a reference is added. Returns `false` if another process
    /// holds the lock.
    pub(super) async fn throw_away(&self, digest: &str, seen: u64) -> Result<bool, RegistryError> {
        let turn = match self.lock_named(turn_of(digest)).await {
            Ok(turn) => turn,
            Err(RegistryError::StillGoing) => return Ok(false),
            Err(error) => return Err(error),
        };
        let done = self.throw_away_in_turn(digest, seen).await;
        self.unlock(turn).await;
        done.map(|()| true)
    }

    async fn throw_away_in_turn(&self, digest: &str, seen: u64) -> Result<(), RegistryError> {
        let store = &self.inner.store;
        let (_, changed) = store.registry_changes(seen).await?;
        for tenant in changed.into_iter().chain([TenantId::operator()]) {
            if self.names(&tenant).await?.named.contains(digest) {
                return Ok(());
            }
        }
        store.blob_delete(digest).await?;
        info!(version = digest.get(..12), "plugin.swept");
        Ok(())
    }

    /// Stores a component's bytes and adds a reference to them with `name`.
    /// The component's lock excludes garbage collection in between. A run that checked the
    /// component before does not delete it either.
    pub(super) async fn keep_component<T>(
        &self,
        digest: &str,
        bytes: Bytes,
        name: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let take = || async {
            let turn = self.lock_named(turn_of(digest)).await;
            turn.map_err(|error| match error {
                RegistryError::StillGoing => RegistryError::Conflict,
                other => other,
            })
        };
        let turn = take().await?;
        let named = async {
            self.inner.store.blob_put(digest, bytes.clone()).await?;
            name.await
        };
        let named = named.await;
        if !self.unlock(turn).await && named.is_ok() {
            // The lock expired in the meantime. A run that began since sees the reference, or ends
            // now.
            let turn = take().await?;
            self.inner.store.blob_put(digest, bytes).await?;
            self.unlock(turn).await;
        }
        named
    }

    /// References to components in a tenant's entries, and its deleted versions. Other entries are
    /// not read.
    async fn names(&self, owner: &TenantId) -> Result<Names, RegistryError> {
        let record = self.inner.store.registry_load(owner).await?;
        record.as_ref().map_or_else(|| Ok(Names::default()), Names::of)
    }

    async fn mark_swept(&self, owner: &TenantId, before: Timestamp) -> Result<(), RegistryError> {
        let marked = self.change_freely(owner, |tenant_state| {
            let mut changes = Vec::new();
            for (name, record) in &tenant_state.gone {
                let mut record = record.clone();
                if record.mark_swept(before) {
                    changes.push((gone_entry(name), Some(encode(&record))));
                }
            }
            Ok((changes, ()))
        });
        match marked.await {
            // The tenant was deleted, or another process marks it: the next run checks it again.
            Err(RegistryError::NotFound(_) | RegistryError::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Remembers the components of a tenant that is being deleted, so that they are collected.
    pub(super) async fn remember_components(&self, tenant: &TenantId) -> Result<(), RegistryError> {
        let operator = TenantId::operator();
        for _ in 0..TRIES {
            let Some(tenant_state) = self.tenant_state(tenant).await? else {
                return Ok(());
            };
            let versions: Vec<_> = tenant_state
                .plugins
                .values()
                .flat_map(|record| &record.versions)
                .collect();
            let unswept = tenant_state.gone.values().flat_map(GoneRecord::unswept);
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
            if self.apply(&there, changes, Charge::Free).await? {
                return Ok(());
            }
        }
        Err(RegistryError::Conflict)
    }
}

/// Components that a tenant's entries reference, by their digests.
#[derive(Debug, Default)]
struct Names {
    named: HashSet<String>,
    gone: Vec<GoneRecord>,
}

impl Names {
    fn of(record: &RegistryRecord) -> Result<Self, RegistryError> {
        let mut names = Self::default();
        for (name, bytes) in &record.entries {
            match Kind::of(name) {
                Some(Kind::Chain) => {
                    let chain: ChainRecord = decode(name, bytes)?;
                    let digests = chain.digests().chain(chain.previous());
                    names.named.extend(digests.map(str::to_owned));
                }
                Some(Kind::Plugin) => {
                    let plugin: PluginRecord = decode(name, bytes)?;
                    let digests = plugin.versions.into_iter().map(|version| version.digest);
                    names.named.extend(digests);
                }
                Some(Kind::Gone) => names.gone.push(decode(name, bytes)?),
                None => {}
            }
        }
        Ok(names)
    }

    /// Components of versions that were deleted before this time and are not collected yet.
    fn due(&self, before: Timestamp) -> impl Iterator<Item = &str> {
        let unswept = self.gone.iter().flat_map(GoneRecord::unswept);
        unswept
            .filter(move |gone| gone.at <= before.as_micros())
            .map(|gone| gone.digest.as_str())
    }
}

/// Name of a component's lock, held while it is stored, referenced or deleted.
fn turn_of(digest: &str) -> String {
    format!("component:{digest}")
}

/// Maximum of tenants read concurrently.
const READ_AT_ONCE: usize = 8;
/// Delay before the bytes of a deleted version are deleted.
/// A version deleted by mistake can be uploaded again within it, with no other effect.
pub(super) const KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Name in the operator's entries for the components of deleted tenants. No plugin can have it.
const OF_TENANTS: &str = "*";
/// Maximum of such components; the bytes of those beyond it are not collected.
const MOST_OF_TENANTS: usize = 10_000;
