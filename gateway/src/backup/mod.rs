//! Backups of the embedded store, on request or by schedule.
//!
//! One backup runs at a time. Each is a file that opens as a store. The oldest files are removed.

mod config;
mod files;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use hookgate_domain::Timestamp;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::tasks::Tasks;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::{Pace, Store};

pub use config::Config;
pub use files::BackupFile;
use files::Directory;

/// Makes backups. Cheap to clone.
#[derive(Clone)]
pub struct Backups {
    inner: Arc<Inner>,
}

/// Parts that backups work with.
pub struct Parts {
    /// Store that is backed up.
    pub store: Arc<dyn Store>,
    /// File of the embedded store; `None` for another store.
    pub store_file: Option<PathBuf>,
    /// Directory of the backups if the configuration names none.
    pub directory: PathBuf,
    /// Source of the time.
    pub clock: Clock,
    /// Tasks that carry on a requested backup.
    pub tasks: Tasks,
    /// Shutdown signal, which stops a running backup.
    pub shutdown: CancellationToken,
    /// Shows when the last one was made.
    pub metrics: Metrics,
}

struct Inner {
    config: Config,
    parts: Parts,
    directory: Directory,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    last: Option<Ended>,
}

/// Backup in progress.
#[derive(Debug, Clone)]
pub struct Running {
    /// File name.
    pub name: String,
    /// Start time.
    pub began: Timestamp,
    /// Count of the copied bytes.
    pub pace: Pace,
}

/// Backup that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// File name.
    pub name: String,
    /// Start time.
    pub began: Timestamp,
    /// End time.
    pub ended: Timestamp,
    /// Reason for the failure; `None` if the backup succeeded.
    pub error: Option<String>,
}

/// State of the backups.
#[derive(Debug, Clone)]
pub struct Status {
    /// Directory of the files.
    pub directory: PathBuf,
    /// Backup in progress.
    pub running: Option<Running>,
    /// Last backup that ended since the gateway started.
    pub last: Option<Ended>,
    /// Backup files, newest first.
    pub files: Vec<BackupFile>,
}

/// Reason for which no backup is started.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store is a Redis.
    #[error("the store is a Redis, which has tools of its own for it")]
    NotEmbedded,
    /// Another backup is in progress.
    #[error("the backup {0} is under way")]
    UnderWay(String),
    /// The copy could fill the disk, which other files need.
    #[error("{} has about {free} MiB free, and a copy with the room that is kept needs {needed} MiB", directory.display())]
    NoRoom {
        /// Directory of the backups.
        directory: PathBuf,
        /// Free space in MiB.
        free: u64,
        /// Required space in MiB.
        needed: u64,
    },
    /// The directory cannot be used.
    #[error("the directory {} of the backups cannot be used: {source}", directory.display())]
    Directory {
        /// Directory of the backups.
        directory: PathBuf,
        /// Cause of the error.
        source: std::io::Error,
    },
}

impl Backups {
    /// Creates the backups with these settings.
    pub fn new(config: Config, parts: Parts) -> Self {
        let directory = config.directory.clone();
        let directory = Directory::new(directory.unwrap_or_else(|| parts.directory.clone()));
        if parts.store_file.is_some() {
            count_from(&directory, &config, &parts.metrics);
        }
        Self {
            inner: Arc::new(Inner {
                config,
                parts,
                directory,
                state: Mutex::default(),
            }),
        }
    }

    /// Starts a backup, which continues independently of the caller, and returns its file name.
    ///
    /// # Errors
    /// See `BackupError`; no backup is started.
    pub fn begin(&self) -> Result<String, BackupError> {
        let (running, work) = self.prepare()?;
        let name = running.name.clone();
        drop(self.inner.parts.tasks.spawn(work));
        Ok(name)
    }

    /// Makes backups by schedule until the shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let Some(every) = self.inner.config.every else {
            return;
        };
        if self.inner.parts.store_file.is_none() {
            return;
        }
        loop {
            if shutdown
                .run_until_cancelled(tokio::time::sleep(every.get()))
                .await
                .is_none()
            {
                return;
            }
            match self.prepare() {
                Ok((_, work)) => work.await,
                Err(BackupError::UnderWay(_)) => {}
                Err(error) => {
                    self.inner.parts.metrics.backup_ended(false);
                    error!(%error, "backup.failed");
                }
            }
        }
    }

    /// Returns the state of the backups. Reads the directory.
    ///
    /// # Errors
    /// `Directory`.
    pub fn status(&self) -> Result<Status, BackupError> {
        let files = self.inner.directory.files();
        let files = files.map_err(|source| self.unusable(source))?;
        let state = self.state();
        Ok(Status {
            directory: self.inner.directory.path().to_owned(),
            running: state.running.clone(),
            last: state.last.clone(),
            files,
        })
    }

    /// Checks that a backup may start now, and registers it as the one in progress.
    fn prepare(&self) -> Result<(Running, impl Future<Output = ()> + Send + 'static), BackupError> {
        let inner = &self.inner;
        let store_file = inner.parts.store_file.as_ref().ok_or(BackupError::NotEmbedded)?;
        let mut state = self.state();
        if let Some(running) = &state.running {
            return Err(BackupError::UnderWay(running.name.clone()));
        }
        let began = inner.parts.clock.now();
        let directory = &inner.directory;
        let prepared = directory.prepare().and_then(|()| directory.free());
        let free = prepared.map_err(|source| self.unusable(source))?;
        let size = std::fs::metadata(store_file).map_or(0, |found| found.len());
        let needed = size.saturating_add(inner.config.min_free_disk.bytes() as u64);
        if free < needed {
            let directory = directory.path().to_owned();
            let (free, needed) = (free >> 20, needed.div_ceil(1 << 20));
            return Err(BackupError::NoRoom {
                directory,
                free,
                needed,
            });
        }
        let running = Running {
            name: files::name(began),
            began,
            pace: Pace::new(inner.config.rate, inner.parts.shutdown.clone()),
        };
        state.running = Some(running.clone());
        drop(state);
        let (backups, of) = (self.clone(), running.clone());
        Ok((running, async move { backups.make(of).await }))
    }

    async fn make(&self, running: Running) {
        let inner = &self.inner;
        let draft = inner.directory.draft(&running.name);
        let copied = inner.parts.store.backup(&draft, running.pace.clone()).await;
        let made = match copied {
            Some(Ok(_)) => inner.directory.publish(&running.name, inner.config.keep),
            Some(Err(error)) => Err(std::io::Error::other(error.to_string())),
            None => Err(std::io::Error::other("the store has no backups")),
        };
        let ended = inner.parts.clock.now();
        let (name, millis) = (&running.name, ended.since(running.began).as_millis());
        match &made {
            Ok(()) => {
                inner.parts.metrics.newest_backup_is_of(running.began);
                info!(name, bytes = running.pace.copied(), millis, "backup.made");
            }
            Err(error) => {
                error!(name, %error, "backup.failed");
                // Its disk may be the cause: the draft is removed again before the next backup.
                let _ = std::fs::remove_file(&draft);
            }
        }
        inner.parts.metrics.backup_ended(made.is_ok());
        let mut state = self.state();
        state.running = None;
        state.last = Some(Ended {
            name: running.name,
            began: running.began,
            ended,
            error: made.err().map(|error| error.to_string()),
        });
    }

    fn unusable(&self, source: std::io::Error) -> BackupError {
        BackupError::Directory {
            directory: self.inner.directory.path().to_owned(),
            source,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the schedule, and the newest of the files that are there.
fn count_from(directory: &Directory, config: &Config, metrics: &Metrics) {
    if let Some(every) = config.every {
        metrics.backups_are_made_every(every.get());
    }
    let newest = directory.files().unwrap_or_default().into_iter().next();
    if let Some(began) = newest.and_then(|file| files::began(&file.name)) {
        metrics.newest_backup_is_of(began);
    }
}
