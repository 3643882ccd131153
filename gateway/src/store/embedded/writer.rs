//! The one writer: a thread that takes what waits, does all of it in one transaction, and answers when that is on the disk.
//!
//! While one transaction is under way the next group forms in the queue. A transaction that fails answers nobody: whoever asked
//! finds the answer missing, which means that nothing is known. Then the file is opened anew, for only that tells what is so.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::file::{File, Sync};
use super::index::Index;
use super::jobs::{Answer, Job};
use super::room::Room;
use super::turn::{Rules, Sequences, Turn};
use super::usage::Stored;
use crate::clock::Clock;
use crate::store::StoreError;

/// Operations in one transaction: each is a batch already, and who came first should not wait for too many who came later.
const MOST_JOBS: usize = 64;
/// Wait for a job, after a failed commit, before an empty commit is tried.
const RETRY: Duration = Duration::from_secs(1);
/// How long a file that could not be opened again is left alone.
const PAUSE: Duration = Duration::from_millis(500);

/// Operations of a group after which the writer waits a moment for more, before the next: a commit costs as much as writing a
/// dozen events does, and where that many come during one, more come at once. Who comes alone never waits.
const CROWD: usize = 8;
/// That moment.
const GATHERING: Duration = Duration::from_micros(400);

/// What the writer and the readers share.
pub(super) struct Shared {
    pub(super) file: File,
    pub(super) index: Mutex<Index>,
    /// What is committed of `tables::USAGE`.
    pub(super) stored: Mutex<Stored>,
    pub(super) clock: Clock,
    pub(super) rules: Rules,
    pub(super) room: Room,
}

/// The thread's own.
pub(super) struct Writer {
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    sequences: Sequences,
    /// How long a commit may wait for the disk.
    sync_every: Duration,
    /// When something was committed first that is not on the disk yet.
    unsynced: Option<Instant>,
    /// When the file failed to open again.
    failed: Option<Instant>,
    /// The last group was of many operations.
    crowded: bool,
}

impl Writer {
    /// A writer that takes jobs from this queue.
    pub(super) fn new(shared: Arc<Shared>, jobs: Receiver<Job>, sync_every: Duration) -> Self {
        Self {
            shared,
            jobs,
            sequences: Sequences::new(),
            sync_every,
            unsynced: None,
            failed: None,
            crowded: false,
        }
    }

    /// Writes until nobody can ask any more, and everything is on the disk.
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

    /// The next job; `Timeout` when what was committed must be on the disk now, or it is time to see whether commits still fail.
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
        match self.commit(group, sync) {
            Ok(answers) => {
                self.shared.room.succeeded();
                answers.into_iter().for_each(|answer| answer());
            }
            Err(error) => {
                self.shared.room.failed(&error);
                self.recover();
            }
        }
    }

    /// Does all of a group in one transaction. The answers, to be given now that it is committed.
    fn commit(&mut self, group: Vec<Job>, sync: Sync) -> Result<Vec<Answer>, redb::Error> {
        let shared = &*self.shared;
        let forced = group.is_empty();
        let transaction = shared.file.write(sync)?;
        let now = shared.clock.now();
        let mut turn = Turn::begin(
            &transaction,
            &shared.rules,
            &shared.index,
            &mut self.sequences,
            now,
        )?;
        turn.refusing = shared.room.refusal(&shared.file);
        let answers: Result<Vec<_>, _> = group.into_iter().map(|job| job.perform(&mut turn)).collect();
        let answers = answers?;
        turn.write_counted()?;
        turn.write_used()?;
        let (wrote, effects) = turn.end();
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

    /// Opens the file anew and learns from it what is pending. Leases that are held go on. A file that cannot say what is
    /// pending is closed again: memory does not agree with it, and no transaction may build on that.
    fn recover(&mut self) {
        if self.failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        self.sequences.clear();
        self.unsynced = None;
        let shared = &*self.shared;
        let reopened = shared.file.reopen().map_err(super::read::broken);
        let known = reopened.and_then(|()| {
            let snapshot = shared.file.snapshot()?;
            Ok((snapshot.pending()?, snapshot.stored()?))
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
