//! Bulk jobs: one action on all that a filter finds, done in the background in bounded pages.
//!
//! A request starts a job (`filter` checks it), stores it as a note (`record`) and names it in the
//! tenant's registry. Every gateway runs slices of open jobs (`run`), page by page (`work`).

mod config;
mod filter;
mod operator;
mod record;
mod run;
pub(super) mod runs;
mod views;
mod work;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;

pub use config::Config;
pub(super) use run::run;

use super::Api;
use super::describe::{described, does};
use super::input::{Body, By, Consuming, Id, NoDelivery, Params, not_found};
use super::page::{self, Page, PageQuery};
use crate::http::{Code, Problem, Reach};
use crate::ui::Capability;
use filter::BulkAction;
use hookgate_registry::{Actor, BulkJobLimits, RegistryError};
use hookgate_store::StoreError;
use record::{BulkJob, JobState, Stored, TRIES};
use views::{BulkAnswer, BulkInput, DryRunView, JobView};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route("/v1/bulk", post_with(start, described(TAG, "startBulkJob", "Act on all that a filter finds", WORDS)))
        .api_route(
            "/v1/jobs",
            get_with(
                list,
                described(
                    TAG,
                    "listBulkJobs",
                    "List bulk jobs",
                    "The newest first; they are kept for `retention.jobs`, the last `bulk.jobs_kept` of them.",
                ),
            ),
        )
        .api_route("/v1/jobs/{id}", get_with(get, does(TAG, "getBulkJob", "One bulk job")))
        .api_route("/v1/jobs/{id}/pause", post_with(pause, does(TAG, "pauseBulkJob", "Pause a bulk job")))
        .api_route("/v1/jobs/{id}/resume", post_with(resume, does(TAG, "resumeBulkJob", "Resume a bulk job")))
        .api_route(
            "/v1/jobs/{id}/cancel",
            post_with(
                cancel,
                described(
                    TAG,
                    "cancelBulkJob",
                    "Cancel a bulk job",
                    "What it has changed stays; a page that is under way is finished.",
                ),
            ),
        )
        .merge(operator::routes())
}

async fn start(
    State(api): State<Api>,
    _: NoDelivery,
    caller: Consuming,
    By(by): By,
    Body(input): Body<BulkInput>,
) -> Result<BulkAnswer<JobView>, Problem> {
    begin(&api, &caller, &by, input).await
}

/// Starts a job, or does its dry run.
///
/// # Errors
/// `invalid_field`, `forbidden`, `tenant_busy`, those of the registry and of the store.
async fn begin(
    api: &Api,
    caller: &Consuming,
    by: &Actor,
    input: BulkInput,
) -> Result<BulkAnswer<JobView>, Problem> {
    let BulkInput {
        action,
        filter,
        dry_run,
    } = input;
    if action == BulkAction::Disable {
        caller.granted.check(Capability::EndpointsWrite)?;
    }
    let filter = filter.checked(action, caller)?;
    if dry_run {
        let (matched, partial) = work::dry_run(api, caller, (action, &filter)).await?;
        return Ok(BulkAnswer::DryRun(DryRunView { matched, partial }));
    }
    let tenant = &caller.tenant;
    let job = BulkJob::new(api, action, filter, caller.reach, by.to_string());
    record::put(api, tenant, &job).await?;
    let limits = BulkJobLimits {
        open: api.bulk.jobs_per_tenant,
        kept: api.bulk.jobs_kept,
    };
    let evicted = match api.registry.open_job(&tenant.id, &job.id, limits).await {
        Ok(evicted) => evicted,
        Err(RegistryError::LimitReached { limit, .. }) => {
            record::remove(api, tenant, &job.id).await?;
            let detail = format!(
                "The tenant has {limit} open bulk jobs, as many as it may have (`bulk.jobs_per_tenant`)."
            );
            return Err(Problem::new(Code::TenantBusy, detail)
                .at_most(limit as u64)
                .fix("Wait until one has ended, or cancel one.")
                .retry_after(BUSY));
        }
        Err(error) => return Err(error.into()),
    };
    for id in evicted {
        // Otherwise it goes at its end.
        if let Err(error) = record::remove(api, tenant, &id).await {
            tracing::warn!(tenant = %tenant.id, job = %id, %error, "bulk_job.not_removed");
        }
    }
    tracing::info!(tenant = %tenant.id, job = %job.id, what = action.word(), %by, "bulk_job.started");
    Ok(BulkAnswer::Started(JobView::of(&job)))
}

async fn list(
    State(api): State<Api>,
    caller: Consuming,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    let jobs = caller.tenant.bulk_jobs.iter().rev();
    let named = page::of(jobs, |job| page::newest_first(&job.id), &query)?;
    let mut data = Vec::with_capacity(named.data.len());
    for job in named.data {
        let stored = Stored::load(&api, &caller.tenant, &job.id).await?;
        let stored = stored.filter(|stored| is_seen(&caller, &stored.job));
        data.extend(stored.map(|stored| JobView::of(&stored.job)));
    }
    Ok(Json(Page {
        data,
        next_cursor: named.next_cursor,
    }))
}

async fn get(State(api): State<Api>, caller: Consuming, id: Id) -> Result<Json<JobView>, Problem> {
    let stored = seen(&api, &caller, &id.0).await?;
    Ok(Json(JobView::of(&stored.job)))
}

async fn pause(
    State(api): State<Api>,
    caller: Consuming,
    By(by): By,
    id: Id,
) -> Result<Json<JobView>, Problem> {
    switch(&api, &caller, &by, &id.0, JobState::Paused)
        .await
        .map(Json)
}

async fn resume(
    State(api): State<Api>,
    _: NoDelivery,
    caller: Consuming,
    By(by): By,
    id: Id,
) -> Result<Json<JobView>, Problem> {
    switch(&api, &caller, &by, &id.0, JobState::Running)
        .await
        .map(Json)
}

async fn cancel(
    State(api): State<Api>,
    caller: Consuming,
    By(by): By,
    id: Id,
) -> Result<Json<JobView>, Problem> {
    switch(&api, &caller, &by, &id.0, JobState::Cancelled)
        .await
        .map(Json)
}

/// Pauses, resumes or cancels an open job. Idempotent.
///
/// # Errors
/// `not_found`, `wrong_state`, `conflict`, those of the registry and of the store.
async fn switch(
    api: &Api,
    caller: &Consuming,
    by: &Actor,
    id: &str,
    to: JobState,
) -> Result<JobView, Problem> {
    let tenant = &caller.tenant;
    for _ in 0..TRIES {
        let mut stored = seen(api, caller, id).await?;
        let mut job = stored.job.clone();
        if job.state != to {
            if job.state.has_ended() {
                return Err(Problem::new(Code::WrongState, "The job has ended already."));
            }
            if job.action == BulkAction::Disable {
                caller.granted.check(Capability::EndpointsWrite)?;
            }
            job.state = to;
            if to.has_ended() {
                job.end(to, api.clock.now());
            }
            if !stored.replace(api, tenant, job).await? {
                continue;
            }
            tracing::info!(tenant = %tenant.id, job = %id, outcome = to.word(), %by, "bulk_job.switched");
        }
        if to.has_ended() {
            api.registry.close_job(&tenant.id, id).await?;
        }
        return Ok(JobView::of(&stored.job));
    }
    Err(StoreError::Conflict.into())
}

/// Loads a job that the caller may see.
async fn seen(api: &Api, caller: &Consuming, id: &str) -> Result<Stored, Problem> {
    let stored = Stored::load(api, &caller.tenant, id).await?;
    stored
        .filter(|stored| is_seen(caller, &stored.job))
        .ok_or_else(not_found)
}

/// Returns `true` if a job is about nothing that the caller does not reach.
fn is_seen(caller: &Consuming, job: &BulkJob) -> bool {
    let reached = caller.reach == Reach::Tenant || job.reach() == Some(caller.reach);
    let types: Vec<_> = job.filter.patterns().cloned().collect();
    let covered = !types.is_empty() && caller.granted.check_patterns(&types).is_ok();
    reached && (!caller.granted.is_typed() || covered)
}

const TAG: &str = "Deliveries";
const WORDS: &str = "`retry`: the deliveries that the filter finds in the list of deliveries; a pending one is attempted now, and of several \
                     deliveries of an event to an endpoint the newest one is delivered again, with at most one new delivery for the job. \
                     `cancel`: the pending ones. `recover`: what the active subscriptions of the filter missed since `since` (`until`, \
                     `types`, `subscription`). `disable`: the active subscriptions of the filter (`subscription`, or those that take no \
                     other than its `types`). What is made after the start is left alone. With `dry_run` nothing is changed, and the \
                     answer is 200 with the number of what is found.";
/// `Retry-After` while the tenant has as many open jobs as it may have.
const BUSY: std::time::Duration = std::time::Duration::from_secs(10);
