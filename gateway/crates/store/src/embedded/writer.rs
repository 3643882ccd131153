//! Writer thread: performs waiting operations in one transaction, and answers after the commit.
//!
//! The next group forms in the queue while one transaction is in progress. A failed transaction
//! answers no operation: a missing answer means that the outcome is unknown. The file is then
//! reopened, because only that shows what was committed.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::damage::{Damage, guarded, guarded_read};
use super::disk_space::DiskSpace;
use super::file::{File, Sync};
use super::index::Index;
use super::jobs::{Answer, Job};
use super::usage::Stored;
use super::write_txn::{Known, Rules, WriteTxn};
use crate::StoreError;
use hookgate_runtime::clock::Clock;

/// Maximum number of operations in one transaction.
/// Each is a batch already, and the first should not wait for too many later ones.
const MOST_JOBS: usize = 64;
/// Wait for a job, after a failed commit, before an empty commit is tried.
const RETRY: Duration = Duration::from_secs(1);
/// Pause between attempts to reopen the file.
const PAUSE: Duration = Duration::from_millis(500);

/// Operations in a group from which the writer waits for more before the next. A commit costs as much
/// as writing a dozen events; if that many come during one, more follow. Single ones never wait.
const CROWD: usize = 8;
/// Duration of that wait.
const GATHERING: Duration = Duration::from_micros(400);

/// State shared by the writer and the readers.
pub(super) struct Shared {
    pub(super) file: File,
    pub(super) index: Mutex<Index>,
    /// Committed rows of `tables::USAGE`.
    pub(super) stored: Mutex<Stored>,
    pub(super) clock: Clock,
    pub(super) rules: Rules,
    pub(super) room: DiskSpace,
    pub(super) damage: Damage,
}

/// State of the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    known: Known,
    /// Maximum time until a commit is synced to disk.
    sync_every: Duration,
    /// Time of the first commit that is not on the disk yet.
    unsynced: Option<Instant>,
    /// Time of the last failure to reopen the file.
    failed: Option<Instant>,
    /// Set when the last group had many operations.
    crowded: bool,
}

impl Writer {
    /// Creates a writer that takes jobs from this queue.
    pub(super) fn new(shared: Arc<Shared>, jobs: Receiver<Job>, sync_every: Duration) -> Self {
        Self {
            shared,
            jobs,
            known: Known::default(),
            sync_every,
            unsynced: None,
            failed: None,
            crowded: false,
        }
    }

    /// Runs until the queue is closed and everything is on the disk.
    pub(super) fn run(mut self) {
        loop {
            match self.next() {
                Ok(first) => {
                    if self.crowded {
                        std::thread::sleep(GATHERING);
                    }
                    let group = self.gather(first);
                    self.crowded = group.iter().map(Job::operations).sum::<usize>() >= CROWD;
                    let sync = self.sync_of_next();
                    self.write(group, sync);
                }
                Err(RecvTimeoutError::Timeout) => self.write(Vec::new(), Sync::Now),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.unsynced.is_some() {
            self.write(Vec::new(), Sync::Now);
        }
    }

    /// Next job; `Timeout` if commits must be synced now, or if failed commits have to be retried.
    fn next(&self) -> Result<Job, RecvTimeoutError> {
        match self.unsynced {
            None if self.shared.room.is_failing() => self.jobs.recv_timeout(RETRY),
            None => self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(since) => self
                .jobs
                .recv_timeout(self.sync_every.saturating_sub(since.elapsed())),
        }
    }

    fn gather(&self, first: Job) -> Vec<Job> {
        let mut group = vec![first];
        group.extend(self.jobs.try_iter().take(MOST_JOBS - 1));
        group
    }

    fn sync_of_next(&self) -> Sync {
        let waited = self.unsynced.map_or(Duration::ZERO, |since| since.elapsed());
        if waited >= self.sync_every {
            Sync::Now
        } else {
            Sync::Later
        }
    }

    fn write(&mut self, group: Vec<Job>, sync: Sync) {
        let damaged = match guarded(AssertUnwindSafe(|| self.commit(group, sync))) {
            Ok(done) => done,
            Err(reason) => {
                self.shared.damage.file(&reason);
                Err(redb::Error::Corrupted(reason))
            }
        };
        match damaged {
            Ok(answers) => {
                self.shared.room.succeeded();
                answers.into_iter().for_each(|answer| answer());
            }
            Err(error) => {
                if let redb::Error::Corrupted(reason) = &error {
                    self.shared.damage.file(reason);
                }
                self.shared.room.failed(&error);
                self.recover();
            }
        }
    }

    /// Performs a group in one transaction; returns the answers, to be sent now.
    fn commit(&mut self, group: Vec<Job>, sync: Sync) -> Result<Vec<Answer>, redb::Error> {
        let shared = &*self.shared;
        let forced = group.is_empty();
        let transaction = shared.file.write(sync)?;
        let now = shared.clock.now();
        let mut txn = WriteTxn::begin(&transaction, &shared.rules, &shared.index, &mut self.known, now)?;
        txn.refusing = shared.room.refusal(&shared.file);
        if let Some(broken) = shared.damage.broken() {
            txn.refusing = Some(StoreError::Unusable(broken));
        }
        let answers: Result<Vec<_>, _> = group.into_iter().map(|job| job.perform(&mut txn)).collect();
        let answers = answers?;
        txn.write_counted()?;
        txn.write_used()?;
        txn.write_logged()?;
        let (wrote, effects) = txn.end();
        if wrote || forced {
            transaction.commit()?;
            self.unsynced = match sync {
                Sync::Now => None,
                Sync::Later => self.unsynced.or_else(|| Some(Instant::now())),
            };
        } else {
            transaction.abort()?;
        }
        effects.apply(&shared.index, &shared.stored);
        Ok(answers)
    }

    /// Reopens the file and rebuilds the index of pending deliveries.
    /// Current leases continue. A file with unreadable pending deliveries is closed again: memory
    /// does not agree with it, and no transaction may build on that.
    fn recover(&mut self) {
        if self.failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        self.known.clear();
        self.unsynced = None;
        let shared = &*self.shared;
        let reopened = guarded_read(|| shared.file.reopen().map_err(super::read::broken));
        let known = guarded_read(|| {
            reopened?;
            let snapshot = shared.file.snapshot()?;
            Ok((snapshot.pending(&shared.damage)?, snapshot.stored()?))
        });
        match known {
            Ok((rows, stored)) => {
                *shared.stored.lock().unwrap_or_else(PoisonError::into_inner) = stored;
                let mut index = shared.index.lock().unwrap_or_else(PoisonError::into_inner);
                *index = Index::build(rows, &index);
                self.failed = None;
                tracing::debug!(count = index.len(), "store.reopened");
            }
            Err(error) => {
                shared.file.close();
                if self.failed.replace(Instant::now()).is_none() {
                    tracing::error!(error = %error, "store.reopen_failed");
                }
            }
        }
    }
}

/// Waits for the writer's answer.
pub(super) async fn answered<T>(answer: oneshot::Receiver<T>) -> Result<T, StoreError> {
    answer
        .await
        .map_err(|_| StoreError::Unavailable("its writer failed or has ended".to_owned()))
}
