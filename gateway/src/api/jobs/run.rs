//! Time slices of the open bulk jobs: at most a second's work each, then the other tenants' jobs.
//!
//! Every gateway looks for open jobs in its registry and runs the slices that are due. A slice does
//! pages and records each, so that a gateway that dies loses one page's record. A page that fails
//! for a while (a quota, the store) is done again later, and the job says why it waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::super::Api;
use super::record::{BulkJob, JobError, JobState, LEASE, Stored, is_gone};
use super::work::{Most, Page, caller, page};
use crate::http::{Code, Problem, Retry};
use hookgate_domain::Timestamp;
use hookgate_registry::Tenant;

/// Runs slices until the gateway stops, which drops those under way.
pub(in crate::api) async fn run(api: Api) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = Looks::new();
    loop {
        ticks.tick().await;
        let slices =
            stream::iter(api.registry.with_open_jobs()).map(|tenant| run_slices(&api, tenant, &looks));
        looks = slices
            .buffer_unordered(TENANTS_AT_ONCE)
            .concat()
            .await
            .into_iter()
            .collect();
    }
}

/// Times at which this gateway reads the open jobs again, by job.
type Looks = HashMap<String, Instant>;

/// Runs the slices of a tenant's jobs that are due, the oldest job first. Returns when to read each job again.
async fn run_slices(api: &Api, tenant: Arc<Tenant>, looks: &Looks) -> Vec<(String, Instant)> {
    let open: Vec<_> = tenant.bulk_jobs.iter().filter(|job| job.open).collect();
    // The rate is that of all jobs together, at whichever gateways they are.
    let share = |of: usize| (of / open.len().max(1)).max(1);
    let most = Most {
        changes: share(api.bulk.rate),
        looks: share(api.bulk.scan),
    };
    let mut next = Vec::with_capacity(open.len());
    for job in &open {
        let begun = Instant::now();
        let look = match looks.get(&job.id) {
            Some(look) if *look > begun => *look,
            _ => {
                let done = run_slice(api, &tenant, &job.id, most).await;
                let wait = done.unwrap_or_else(|problem| {
                    let error = problem.detail();
                    tracing::warn!(tenant = %tenant.id, job = %job.id, error, "bulk_job.slice_failed");
                    SLICE
                });
                // It may be resumed or cancelled meanwhile.
                begun + wait.min(SLICE)
            }
        };
        next.push((job.id.clone(), look));
    }
    next
}

/// Runs a slice of a job if it is due and no other gateway has it. Returns the time from the beginning until the next one is due.
async fn run_slice(api: &Api, tenant: &Arc<Tenant>, id: &str, most: Most) -> Result<Duration, Problem> {
    let Some(mut stored) = Stored::load(api, tenant, id).await? else {
        // What a newer version wrote is left to it.
        if is_gone(api, tenant, id).await? {
            api.registry.close_job(&tenant.id, id).await?;
        }
        return Ok(SLICE);
    };
    let begun = api.feed.store_now();
    let mut job = stored.job.clone();
    match job.state {
        JobState::Running if job.due <= begun.as_micros() => {}
        JobState::Running => return Ok(Timestamp::from_micros(job.due).since(begun)),
        JobState::Paused => return Ok(SLICE),
        JobState::Done | JobState::Cancelled | JobState::Failed => {
            api.registry.close_job(&tenant.id, id).await?;
            return Ok(SLICE);
        }
    }
    job.due = begun.plus(LEASE).as_micros();
    if !stored.replace(api, tenant, job.clone()).await? {
        return Ok(SLICE);
    }
    let mut left = most;
    loop {
        let done = work(api, tenant, &job, left).await;
        let now = api.feed.store_now();
        let wait = match done {
            Ok(done) => {
                left.changes = left.changes.saturating_sub(size(done.counts.changed));
                // One at least, so that a slice ends.
                left.looks = left.looks.saturating_sub(size(done.counts.looked_at).max(1));
                advance(api, &mut job, done);
                None
            }
            Err(problem) => Some(refused(api, &mut job, &problem)),
        };
        let goes_on = wait.is_none() && left.changes > 0 && left.looks > 0 && now.since(begun) < SLICE;
        let due = match wait {
            _ if goes_on => now.plus(LEASE),
            Some(wait) => now.plus(wait),
            None => begun.plus(SLICE),
        };
        job.due = due.as_micros();
        if !stored.save(api, tenant, job).await? {
            return Ok(SLICE);
        }
        job = stored.job.clone();
        if job.state.has_ended() {
            let (count, outcome) = (job.counts.changed, job.state.word());
            tracing::info!(tenant = %tenant.id, job = %id, count, outcome, "bulk_job.ended");
            api.registry.close_job(&tenant.id, id).await?;
            return Ok(SLICE);
        }
        if !goes_on || job.state != JobState::Running {
            return Ok(due.since(begun));
        }
    }
}

/// Does the next page of a job, at most what is left of its slice.
async fn work(api: &Api, tenant: &Arc<Tenant>, job: &BulkJob, left: Most) -> Result<Page, Problem> {
    let reach = job.reach().ok_or_else(|| {
        Problem::new(Code::InternalError, "A newer hookgate started the job.").retry_after(LONGEST_WAIT)
    })?;
    let most = Most {
        changes: left.changes.min(PAGE),
        ..left
    };
    page(api, &caller(tenant, reach), job, most).await
}

/// Records a page.
fn advance(api: &Api, job: &mut BulkJob, done: Page) {
    job.counts.add(done.counts);
    job.error = None;
    match done.next {
        Some(place) => job.place = place,
        None => job.end(JobState::Done, api.clock.now()),
    }
}

/// Records why a page was not done; returns the time to wait if the job goes on.
fn refused(api: &Api, job: &mut BulkJob, problem: &Problem) -> Duration {
    job.error = Some(JobError {
        code: problem.code().name().to_owned(),
        detail: problem.detail().to_owned(),
    });
    if problem.code().retry() == Retry::No {
        job.end(JobState::Failed, api.clock.now());
    }
    problem.wait().unwrap_or(WAIT).clamp(SLICE, LONGEST_WAIT)
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Interval of looking for slices that are due.
const TICK: Duration = Duration::from_millis(250);
/// Time from the beginning of a slice to the next one: the unit of `bulk.rate`.
const SLICE: Duration = Duration::from_secs(1);
/// Time to wait after a refusal that names none.
const WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Maximum number of changes in a page.
const PAGE: usize = 100;
/// Tenants whose jobs run at once.
const TENANTS_AT_ONCE: usize = 8;
