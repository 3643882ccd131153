//! Stored form of a bulk job: JSON in a note of the store, changed by compare-and-set.
//!
//! `due` is the time at which the next slice of a running job may begin, or the end of the lease of
//! the gateway that runs one: the gateway that replaces the note first has it. A gateway that
//! dies leaves the job to the others after its lease, at the place where the last page ended.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Api;
use super::filter::{BulkAction, BulkFilter};
use super::runs::name;
use crate::http::Reach;
use hookgate_domain::Timestamp;
use hookgate_registry::Tenant;
use hookgate_store::StoreError;

/// State of a bulk job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BulkJobState")]
#[serde(rename_all = "snake_case")]
pub(super) enum JobState {
    /// Open: it goes on by itself.
    Running,
    /// Open: it goes on when it is resumed.
    Paused,
    /// Ended: it looked at everything.
    Done,
    /// Ended by a request.
    Cancelled,
    /// Ended by an error.
    Failed,
}

/// Error of a bulk job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BulkJobError")]
pub(super) struct JobError {
    /// Code of a problem.
    pub code: String,
    /// Description of the problem.
    pub detail: String,
}

/// Stored bulk job. It names types and ids, no payloads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BulkJob {
    v: u8,
    pub id: String,
    pub action: BulkAction,
    pub filter: BulkFilter,
    /// Reach of the caller that started it, as text.
    reach: String,
    /// Caller that started it, in the form of the change history.
    pub by: String,
    pub state: JobState,
    pub created: u64,
    pub updated: u64,
    #[serde(default)]
    pub finished: Option<u64>,
    /// Run of its new deliveries: a page that is done twice makes none twice.
    pub run: u64,
    pub due: u64,
    #[serde(default)]
    pub place: Place,
    pub counts: Counts,
    #[serde(default)]
    pub error: Option<JobError>,
}

/// Place of a bulk job at which it goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Id of the subscription; `None`: of the first one.
    #[serde(default)]
    pub subscription: Option<String>,
    /// Cursor of the list or of the recovery.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// Counts of a bulk job, or of a page of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub looked_at: u64,
    pub matched: u64,
    pub changed: u64,
    pub skipped: u64,
}

/// Bulk job that this gateway read, and its note.
pub(super) struct Stored {
    note: Bytes,
    pub job: BulkJob,
}

impl JobState {
    /// Returns `true` if the job does not go on.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }

    /// Name in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.looked_at += other.looked_at;
        self.matched += other.matched;
        self.changed += other.changed;
        self.skipped += other.skipped;
    }
}

impl BulkJob {
    pub fn new(api: &Api, action: BulkAction, filter: BulkFilter, reach: Reach, by: String) -> Self {
        let now = api.clock.now().as_micros();
        Self {
            v: VERSION,
            id: api.ids.job(),
            action,
            filter,
            reach: match reach {
                Reach::Tenant => TENANT.to_owned(),
                Reach::Consumer => CONSUMER.to_owned(),
                Reach::One(id) => id.to_string(),
            },
            by,
            state: JobState::Running,
            created: now,
            updated: now,
            finished: None,
            run: api.ids.run(),
            due: 0,
            place: Place::default(),
            counts: Counts::default(),
            error: None,
        }
    }

    /// Reach of the caller that started it; `None`: this version cannot read it.
    pub fn reach(&self) -> Option<Reach> {
        match self.reach.as_str() {
            TENANT => Some(Reach::Tenant),
            CONSUMER => Some(Reach::Consumer),
            id => id.parse().ok().map(Reach::One),
        }
    }

    /// Ends it in a state.
    pub fn end(&mut self, state: JobState, now: Timestamp) {
        self.state = state;
        self.finished = Some(now.as_micros());
    }

    fn encode(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// Puts the note of a new job.
///
/// # Errors
/// The store's.
pub(super) async fn put(api: &Api, tenant: &Tenant, job: &BulkJob) -> Result<(), StoreError> {
    let name = name(tenant, &job.id);
    api.store
        .note_put(&name, job.encode(), api.keep_jobs, None)
        .await
        .map(|_| ())
}

/// Removes the note of a job.
///
/// # Errors
/// The store's.
pub(super) async fn remove(api: &Api, tenant: &Tenant, id: &str) -> Result<(), StoreError> {
    let name = name(tenant, id);
    if let Some(note) = api.store.note(&name).await? {
        api.store.note_replace(&name, note, None, None).await?;
    }
    Ok(())
}

/// Returns `true` if a job has no note: it has reached its end.
///
/// # Errors
/// The store's.
pub(super) async fn is_gone(api: &Api, tenant: &Tenant, id: &str) -> Result<bool, StoreError> {
    Ok(api.store.note(&name(tenant, id)).await?.is_none())
}

impl Stored {
    /// Reads a job; `None`: there is none that this version can read.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(api: &Api, tenant: &Tenant, id: &str) -> Result<Option<Self>, StoreError> {
        let note = api.store.note(&name(tenant, id)).await?;
        Ok(note.and_then(|note| {
            let job: BulkJob = serde_json::from_slice(&note).ok()?;
            (job.v == VERSION).then_some(Self { note, job })
        }))
    }

    /// Replaces the stored job by a changed one; `false`: it is another one now.
    ///
    /// # Errors
    /// The store's.
    pub async fn replace(
        &mut self,
        api: &Api,
        tenant: &Tenant,
        mut job: BulkJob,
    ) -> Result<bool, StoreError> {
        job.updated = api.clock.now().as_micros();
        let note = job.encode();
        let next = Some((note.clone(), api.keep_jobs));
        let (name, before) = (name(tenant, &job.id), self.note.clone());
        let replaced = api.store.note_replace(&name, before, next, None).await?;
        if replaced {
            *self = Self { note, job };
        }
        Ok(replaced)
    }

    /// Replaces the job during a slice; `false`: another gateway has taken it over.
    ///
    /// A request may have paused, resumed or cancelled it meanwhile: that stays.
    ///
    /// # Errors
    /// The store's.
    pub async fn save(&mut self, api: &Api, tenant: &Tenant, mut job: BulkJob) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            if self.replace(api, tenant, job.clone()).await? {
                return Ok(true);
            }
            let Some(there) = Self::load(api, tenant, &job.id).await? else {
                return Ok(false);
            };
            if there.job.due != self.job.due {
                return Ok(false);
            }
            if !job.state.has_ended() || there.job.state.has_ended() {
                job.state = there.job.state;
                job.finished = there.job.finished;
            }
            *self = there;
        }
        Ok(false)
    }
}

/// Version of the record.
const VERSION: u8 = 1;
const TENANT: &str = "tenant";
const CONSUMER: &str = "consumer";
/// Attempts of a compare-and-set before it is given up.
pub(super) const TRIES: usize = 16;
/// Lease of a slice, renewed by each of its pages.
pub(super) const LEASE: Duration = Duration::from_secs(10);
