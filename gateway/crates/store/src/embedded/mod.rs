//! Store on one machine: one file, one process, no server.
//!
//! Only `writer` writes: it groups waiting operations (accepted events, settlements, replays,
//! registry changes) into one transaction and one disk sync. Reads use snapshots and never wait. A
//! pending delivery is stored twice: on the disk with its due time (`tables::DUE`), and in memory
//! with its lease (`index`). Claiming writes nothing.
//!
//! Leases therefore end with the process: deliveries that it held are due at once when the file is
//! opened again, and are attempted again with the same id. There is one shard, and time is the
//! gateway's clock.

mod accept;
mod attempt_log;
mod backup;
mod config;
mod damage;
mod disk_space;
mod file;
mod forget;
mod index;
mod inspect;
mod interrupted;
mod jobs;
mod keys;
mod lazy_table;
mod lock;
mod notes;
mod overlay;
mod read;
mod registry;
mod row_checksum;
mod salvage;
mod series;
mod settle;
mod stats;
mod sweep;
mod tables;
mod usage;
mod write_txn;
mod writer;

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    Accepted, Claimed, FeedPage, FeedPosition, Health, Interrupted, Next, NoteOwner, Pace, Pick,
    RegistryRecord, Retention, Settled, Settlement, Shard, Store, StoreError, StoredEvent, Submission, Token,
    Turns,
};
pub use backup::{FILE, restore};
pub use config::Config;
use damage::{Damage, guarded_read};
use disk_space::DiskSpace;
use file::File;
use hookgate_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, EventId, Stats, StoredLimits, StoredUsage, SubscriptionId,
    TenantId, Timestamp, Trigger,
};
use hookgate_runtime::clock::Clock;
use index::Index;
pub use inspect::{Inspection, TableState, inspect};
use jobs::Job;
use lock::DirectoryLock;
use read::{FeedRange, Snapshot};
pub use salvage::{Salvaged, salvage};
use sweep::Stage;
use write_txn::Rules;
use writer::{Shared, Writer, answered};

/// Embedded store. Dropping it waits until all submitted operations are on the disk.
pub struct Embedded {
    shared: Arc<Shared>,
    /// Queue to the writer; `None` only during the drop.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    sync_every: Duration,
    _lock: DirectoryLock,
}

impl Embedded {
    /// Opens the store in a directory; creates it if it does not exist.
    /// Blocks while it reads the pending deliveries.
    ///
    /// # Errors
    /// `Unusable` if another process uses the directory (the error names it) or the file cannot be
    /// opened; `Corrupt` if the pending deliveries cannot be read.
    pub fn open(
        directory: &Path,
        config: &Config,
        retention: Retention,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let cannot = |what: &str, error: std::io::Error| StoreError::Unusable(format!("{what}: {error}"));
        std::fs::create_dir_all(directory)
            .map_err(|error| cannot(&format!("{} cannot be made", directory.display()), error))?;
        let lock = DirectoryLock::take(directory)?;
        let file = File::open(directory, config)?;
        let damage = Damage::default();
        let (index, stored) = guarded_read(|| {
            let snapshot = file.snapshot()?;
            let pending = snapshot.pending(&damage)?;
            Ok((Index::build(pending, &Index::default()), snapshot.stored()?))
        })?;
        let shared = Arc::new(Shared {
            file,
            index: Mutex::new(index),
            stored: Mutex::new(stored),
            clock,
            rules: Rules {
                retention,
                max_pending: config.max_pending,
            },
            room: DiskSpace::new(directory, config.min_free_disk),
            damage,
        });
        let (jobs, queue) = sync_channel(config.queue.max(1));
        let sync_every = config.sync_every.get();
        let writer = Writer::new(shared.clone(), queue, sync_every);
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(|| writer.run())
            .map_err(|error| cannot("its writer cannot be started", error))?;
        Ok(Self {
            shared,
            jobs: Some(jobs),
            writer: Some(writer),
            sync_every,
            _lock: lock,
        })
    }

    /// Sends an operation to the writer and waits for the answer.
    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let Some(jobs) = &self.jobs else {
            return Err(ended());
        };
        jobs.try_send(job(reply)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Full("too many batches wait for its disk".to_owned()),
            TrySendError::Disconnected(_) => ended(),
        })?;
        answered(answer).await
    }

    /// Sends a batch to the writer and waits for one answer each.
    async fn ask_each<T>(
        &self,
        count: usize,
        job: impl FnOnce(oneshot::Sender<Vec<Result<T, StoreError>>>) -> Job,
    ) -> Vec<Result<T, StoreError>> {
        match self.ask(job).await {
            Ok(answers) => answers,
            Err(error) => (0..count).map(|_| Err(error.clone())).collect(),
        }
    }

    /// Reads on a blocking thread, because a page may have to come from the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        let work = move || {
            let done = guarded_read(|| read(&shared.file.snapshot()?));
            if let Err(error @ StoreError::Corrupt(reason)) = &done {
                shared.damage.row(reason.as_bytes(), error);
            }
            done
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(StoreError::Unavailable(format!("a reader failed: {error}"))))
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.shared.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the end of the lease, which is only in memory, to a pending delivery.
    fn with_lease(&self, tenant: &TenantId, delivery: Delivery) -> Delivery {
        let key = keys::delivery(tenant, &delivery.id);
        match (delivery.state, self.index().score(&key)) {
            (DeliveryState::Pending { .. }, Some(next)) => Delivery {
                state: DeliveryState::Pending { next },
                ..delivery
            },
            _ => delivery,
        }
    }
}

#[async_trait]
impl Store for Embedded {
    async fn accept(&self, batch: Vec<Submission>) -> Vec<Result<Accepted, StoreError>> {
        self.ask_each(batch.len(), |reply| Job::Accept(batch, reply))
            .await
    }

    async fn turns(&self, shard: Shard, max: usize) -> Result<Turns, StoreError> {
        let now = self.shared.clock.now();
        let index = self.index();
        let (endpoints, next) = match shard {
            Shard(0) => (index.turns(now, max), index.next_turn()),
            _ => (Vec::new(), None),
        };
        Ok(Turns { endpoints, now, next })
    }

    async fn claim_from(&self, _: Shard, picks: &[Pick], lease: Duration) -> Result<Claimed, StoreError> {
        let now = self.shared.clock.now();
        let (end, mut claimed) = (now.plus(lease), Vec::new());
        let (more, next_due) = {
            let mut index = self.index();
            let more = picks
                .iter()
                .map(|pick| index.claim(pick, now, end, &mut claimed))
                .collect();
            (more, index.next_turn())
        };
        let late = claimed.iter().map(|claim| now.since(claim.due)).collect();
        let leased = if claimed.is_empty() {
            Vec::new()
        } else {
            let shared = self.shared.clone();
            self.read(move |snapshot| snapshot.leased(&claimed, Token(end), &shared.damage))
                .await?
        };
        Ok(Claimed {
            leased,
            late,
            more,
            now,
            next_due,
        })
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Vec<Result<Settled, StoreError>> {
        if batch.iter().all(|one| matches!(one.next, Next::Extend(_))) {
            let mut index = self.index();
            let extended = batch.iter().filter_map(|one| settle::extend(&mut index, one));
            return extended.map(Ok).collect();
        }
        self.ask_each(batch.len(), |reply| Job::Settle(batch, reply))
            .await
    }

    async fn interrupted(&self, deliveries: Vec<Interrupted>) -> Result<usize, StoreError> {
        self.ask(|reply| Job::Interrupted(deliveries, reply)).await?
    }

    async fn enqueue(
        &self,
        tenant: &TenantId,
        deliveries: Vec<(DeliveryId, Trigger)>,
        limits: StoredLimits,
    ) -> Result<usize, StoreError> {
        let tenant = tenant.clone();
        self.ask(|reply| Job::Enqueue(tenant, deliveries, limits, reply))
            .await?
    }

    async fn feed(
        &self,
        tenant: &TenantId,
        after: FeedPosition,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        let tenant = tenant.clone();
        self.read(move |snapshot| snapshot.feed(&tenant, FeedRange::After(after), limit))
            .await
    }

    async fn feed_back(
        &self,
        tenant: &TenantId,
        before: FeedPosition,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        let tenant = tenant.clone();
        self.read(move |snapshot| snapshot.feed(&tenant, FeedRange::Before(before), limit))
            .await
    }

    async fn feed_since(&self, tenant: &TenantId, since: Timestamp) -> Result<FeedPosition, StoreError> {
        let tenant = tenant.clone();
        self.read(move |snapshot| snapshot.feed_since(&tenant, since))
            .await
    }

    async fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        let (of, id) = (tenant.clone(), id.clone());
        let found = self.read(move |snapshot| snapshot.event(&of, &id)).await?;
        Ok(found.map(|found| self.with_leases(tenant, found)))
    }

    async fn delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError> {
        let (of, id) = (tenant.clone(), id.clone());
        let found = self.read(move |snapshot| snapshot.delivery(&of, &id)).await?;
        Ok(found.map(|(delivery, attempts)| (self.with_lease(tenant, delivery), attempts)))
    }

    async fn dead_letters(
        &self,
        tenant: &TenantId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<(DeliveryId, Timestamp)>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |snapshot| snapshot.dead_letters(&tenant, before, limit))
            .await
    }

    async fn stats(&self, tenant: &TenantId, id: SubscriptionId) -> Result<Stats, StoreError> {
        let tenant = tenant.clone();
        self.read(move |snapshot| snapshot.stats(&tenant, id)).await
    }

    async fn forget_stats(&self, tenant: &TenantId, ids: &[SubscriptionId]) -> Result<(), StoreError> {
        let (tenant, ids) = (tenant.clone(), ids.to_vec());
        self.ask(|reply| Job::ForgetStats(tenant, ids, reply)).await?
    }

    async fn forget_tenant(&self, tenant: &TenantId, until: FeedPosition) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        self.ask(|reply| Job::ForgetTenant(tenant, until, reply)).await?
    }

    async fn usage(&self, tenant: &TenantId, _: Duration) -> Result<StoredUsage, StoreError> {
        Ok(self.shared.usage(tenant))
    }

    fn last_usage(&self, tenant: &TenantId) -> Option<StoredUsage> {
        Some(self.shared.usage(tenant))
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let mut stage = Some(Stage::FIRST);
        while let Some(next) = stage {
            stage = self.ask(|reply| Job::Sweep(next, reply)).await??;
        }
        Ok(())
    }

    async fn registry_changes(&self, since: u64) -> Result<(u64, Vec<TenantId>), StoreError> {
        self.read(move |snapshot| snapshot.registry_changes(since)).await
    }

    async fn registry_load(&self, tenant: &TenantId) -> Result<Option<RegistryRecord>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |snapshot| snapshot.registry(&tenant)).await
    }

    async fn registry_apply(
        &self,
        tenant: &TenantId,
        expected: u64,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<u64, StoreError> {
        let tenant = tenant.clone();
        self.ask(|reply| Job::Registry(tenant, expected, changes, reply))
            .await?
    }

    async fn blob_put(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.ask(|reply| Job::Blob(name, bytes, reply)).await?
    }

    async fn blob_get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let name = name.to_owned();
        self.read(move |snapshot| snapshot.blob(&name)).await
    }

    async fn blob_delete(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.ask(|reply| Job::Forget(name, reply)).await?
    }

    async fn note(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let (name, now) = (name.to_owned(), self.shared.clock.now());
        self.read(move |snapshot| snapshot.note(&name, now)).await
    }

    async fn note_put(
        &self,
        name: &str,
        note: Bytes,
        keep: Duration,
        owner: Option<&NoteOwner>,
    ) -> Result<Option<Bytes>, StoreError> {
        let (name, owner) = (name.to_owned(), owner.cloned());
        self.ask(|reply| Job::PutNote(name, note, keep, owner, reply))
            .await?
    }

    async fn note_replace(
        &self,
        name: &str,
        expected: Bytes,
        next: Option<(Bytes, Duration)>,
        _: Option<&NoteOwner>,
    ) -> Result<bool, StoreError> {
        // The owner of a note is stored in a separate row.
        let name = name.to_owned();
        self.ask(|reply| Job::ReplaceNote(name, expected, next, reply))
            .await?
    }

    async fn notes_of(&self, owner: &str) -> Result<u64, StoreError> {
        let owner = owner.to_owned();
        self.read(move |snapshot| snapshot.notes_of(&owner)).await
    }

    async fn backup(&self, file: &Path, pace: Pace) -> Option<Result<u64, StoreError>> {
        let file = file.to_owned();
        Some(
            self.read(move |snapshot| backup::copy(snapshot, &file, &pace))
                .await,
        )
    }

    async fn health(&self) -> Health {
        let mut warnings = Vec::new();
        if !self.sync_every.is_zero() {
            warnings.push(
                "commits are not synced to the disk one by one: a crash loses the last ones".to_owned(),
            );
        }
        let (refusal, failure) = (
            self.shared.room.refusal(&self.shared.file),
            self.shared.room.failure(),
        );
        let (pending, most) = (self.index().len(), self.shared.rules.max_pending);
        if pending >= most / 20 * 17 {
            warnings.push(format!(
                "{pending} deliveries are pending; beyond {most} new events are refused"
            ));
        }
        let running = self.writer.as_ref().is_some_and(|writer| !writer.is_finished());
        let available = running && self.shared.file.snapshot().is_ok();
        let unfit = match &refusal {
            Some(StoreError::Unusable(reason)) => Some(reason.clone()),
            _ => failure,
        };
        let damage = &self.shared.damage;
        let unfit = damage.broken().or(unfit);
        let accepting = available && refusal.is_none() && unfit.is_none() && pending < most;
        if let Some(StoreError::Full(shortage)) = refusal {
            warnings.push(shortage);
        }
        warnings.extend(unfit.clone());
        warnings.extend(damage.warning());
        Health {
            available,
            accepting,
            unfit,
            lost_events: 0,
            damaged_records: damage.rows(),
            warnings,
        }
    }

    fn shards(&self) -> u16 {
        1
    }

    fn shard_of(&self, _: &TenantId) -> Shard {
        Shard(0)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Closing the queue ends the writer.
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            // The writer has logged its errors; there is no caller to return them to.
            let _ = writer.join();
        }
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("its writer has ended".to_owned())
}

#[cfg(test)]
mod tests;
