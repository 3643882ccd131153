//! Bulk jobs as requests and responses have them.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as Documented, StatusCode};
use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::output::Accepted;
use super::super::views::text;
use super::filter::{BulkAction, BulkFilter};
use super::record::{BulkJob, JobError, JobState};
use hookgate_domain::Timestamp;

/// New bulk job.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewBulkJob")]
#[serde(deny_unknown_fields)]
pub(super) struct BulkInput {
    /// Action on all that the filter finds.
    pub action: BulkAction,
    /// Selection of deliveries or subscriptions.
    pub filter: BulkFilter,
    /// Flag: nothing is changed, only counted.
    #[serde(default)]
    pub dry_run: bool,
}

/// Result of the dry run of a bulk job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BulkDryRun")]
pub(super) struct DryRunView {
    /// Number of deliveries or subscriptions that the filter finds.
    pub matched: usize,
    /// Flag: it looked at as much as one request may (`api.list_scan`), and there may be more.
    pub partial: bool,
}

/// Bulk job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BulkJob")]
pub(super) struct JobView {
    /// Id of the job.
    id: String,
    /// Action on all that the filter finds.
    action: BulkAction,
    /// Selection of deliveries or subscriptions.
    filter: BulkFilter,
    /// State of the job.
    state: JobState,
    /// Caller that started it: the id of an API key, `operator`, or `portal`.
    by: String,
    /// Time of the start.
    created: String,
    /// Time of the last change of this record.
    updated: String,
    /// Time of the end.
    finished: Option<String>,
    /// Number of events, dead letters or subscriptions looked at.
    looked_at: u64,
    /// Number of deliveries or subscriptions that the filter found.
    matched: u64,
    /// Number of them that were changed.
    changed: u64,
    /// Number of them that were left as they were: not in a state for the action, or changed meanwhile.
    skipped: u64,
    /// Reason for which it failed, or for which a running job waits.
    error: Option<JobError>,
}

/// Answer to the start of a bulk job: `200` with the result of a dry run, or `202` with the job.
pub(super) enum BulkAnswer<T> {
    DryRun(DryRunView),
    Started(T),
}

impl JobView {
    pub fn of(job: &BulkJob) -> Self {
        let time = |micros| text(Timestamp::from_micros(micros));
        Self {
            id: job.id.clone(),
            action: job.action,
            filter: job.filter.clone(),
            state: job.state,
            by: job.by.clone(),
            created: time(job.created),
            updated: time(job.updated),
            finished: job.finished.map(time),
            looked_at: job.counts.looked_at,
            matched: job.counts.matched,
            changed: job.counts.changed,
            skipped: job.counts.skipped,
            error: job.error.clone(),
        }
    }
}

impl<T> BulkAnswer<T> {
    /// Changes the form of a started job.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> BulkAnswer<U> {
        match self {
            Self::DryRun(found) => BulkAnswer::DryRun(found),
            Self::Started(job) => BulkAnswer::Started(form(job)),
        }
    }
}

impl<T: Serialize> IntoResponse for BulkAnswer<T> {
    fn into_response(self) -> Response {
        match self {
            Self::DryRun(found) => Json(found).into_response(),
            Self::Started(job) => Accepted(job).into_response(),
        }
    }
}

impl<T: JsonSchema> OperationOutput for BulkAnswer<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<Documented> {
        Accepted::<T>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<StatusCode>, Documented)> {
        let mut responses = Json::<DryRunView>::inferred_responses(ctx, operation);
        responses.extend(Accepted::<T>::inferred_responses(ctx, operation));
        responses
    }
}
