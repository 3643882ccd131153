//! Statistics of a subscription: its attempts in the rolling window, by time, and the last results.

use std::time::Duration;

use aide::axum::routing::{ApiMethodRouter, get_with};
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::Api;
use super::super::describe::described;
use super::super::input::{Consuming, Id};
use super::super::views::text;
use crate::http::Problem;
use hookgate_domain::stats::{Counts, LastFailure};
use hookgate_domain::units::Span;
use hookgate_domain::{OutcomeKind, Status, Subscription, SubscriptionId};
use hookgate_registry::Tenant;

/// Statistics of a subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SubscriptionStats")]
pub(in crate::api) struct StatsView {
    /// Subscription id.
    pub subscription: String,
    /// Status of the subscription.
    #[schemars(with = "super::views::StatusView")]
    pub status: &'static str,
    /// Length of the window over which attempts are counted.
    pub window: Span,
    /// Start of the counts: that of the window, or the last activation if it was later. Attempts
    /// before it are in `buckets` only.
    pub since: String,
    /// Attempts since then.
    pub totals: CountsView,
    /// Attempts by time, the oldest bucket first. Buckets without attempts are left out.
    pub buckets: Vec<BucketView>,
    /// Time of the last successful delivery.
    pub last_success: Option<String>,
    /// Last failure.
    pub last_failure: Option<FailureView>,
    /// Time of the last warning to the owner that the subscription keeps failing.
    pub warned: Option<String>,
    /// Policy that disables the subscription when it keeps failing; `null` if there is none.
    pub auto_disable: Option<PolicyView>,
}

/// Counts of attempts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AttemptCounts")]
pub(in crate::api) struct CountsView {
    /// All attempts. Those of test events do not count.
    pub attempts: u64,
    /// Attempts that succeeded.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Share of attempts that failed, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub failed_share: f64,
    /// Median duration of successful attempts, rounded up; `null` if none succeeded.
    pub p50: Option<Span>,
    /// 95th percentile of their duration, rounded up.
    pub p95: Option<Span>,
}

/// Attempts that ended in a bucket of time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AttemptBucket")]
pub(in crate::api) struct BucketView {
    /// Start of the bucket.
    pub start: String,
    #[serde(flatten)]
    pub counts: CountsView,
}

/// Attempt that failed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LastFailure")]
pub(in crate::api) struct FailureView {
    /// Time of the failure.
    pub at: String,
    /// Its outcome.
    #[schemars(with = "super::super::words::AttemptOutcome")]
    pub outcome: String,
    /// HTTP status of the response, if there was one.
    #[schemars(range(min = 100, max = 999))]
    pub http_status: Option<u16>,
    /// Time of the delivery's next attempt; `null` if there is none.
    pub next_attempt: Option<String>,
}

/// Policy that disables a subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AutoDisable")]
pub(in crate::api) struct PolicyView {
    /// Share of failed attempts that must be exceeded.
    #[schemars(range(min = 0, max = 1))]
    pub over: f64,
    /// Minimum number of attempts in the window.
    pub least_attempts: u32,
    /// Minimum time for which the subscription has been failing.
    pub for_at_least: Span,
    /// Share of failed attempts above which the owner is warned first.
    #[schemars(range(min = 0, max = 1))]
    pub warn_over: Option<f64>,
}

pub(super) fn method() -> ApiMethodRouter<Api> {
    get_with(
        stats,
        described(
            super::TAG,
            "getSubscriptionStats",
            "How a subscription fares",
            "Its attempts over a rolling window, of all gateways together. Counted in steps of a 24th of the window.",
        ),
    )
}

async fn stats(State(api): State<Api>, caller: Consuming, id: Id) -> Result<Json<StatsView>, Problem> {
    let id = id.subscription(&caller.tenant)?;
    of(&api, &caller, id).await.map(Json)
}

/// Returns the statistics of a subscription. Shared by all routes that show them.
pub(in crate::api) async fn of(
    api: &Api,
    caller: &Consuming,
    id: SubscriptionId,
) -> Result<StatsView, Problem> {
    let tenant = &caller.tenant;
    let subscription = caller.subscription(id)?;
    let found = api.store.stats(&tenant.id, subscription.id).await?;
    let oldest = api.clock.now().minus(tenant.stats_window());
    let since = oldest.max(subscription.activated);
    let kept = found.buckets.iter().filter(|bucket| bucket.start >= oldest);
    let buckets = kept.map(|bucket| BucketView {
        start: text(bucket.start),
        counts: CountsView::from(&bucket.counts),
    });
    Ok(StatsView {
        subscription: tenant.public_id(subscription.id),
        status: status(subscription),
        window: span(tenant.stats_window()),
        since: text(since),
        totals: CountsView::from(&found.since(since)),
        buckets: buckets.collect(),
        last_success: found.last_success.map(text),
        last_failure: found.last_failure.map(FailureView::from),
        warned: subscription.warned.map(text),
        auto_disable: policy(tenant),
    })
}

fn status(subscription: &Subscription) -> &'static str {
    match subscription.status {
        Status::Active => "active",
        Status::Disabled { .. } => "disabled",
    }
}

fn policy(tenant: &Tenant) -> Option<PolicyView> {
    let policy = tenant.contract.as_ref()?.auto_disable.as_ref()?;
    Some(PolicyView {
        over: policy.over,
        least_attempts: policy.least_attempts,
        for_at_least: span(policy.for_at_least),
        warn_over: policy.warn_over,
    })
}

fn span(duration: Duration) -> Span {
    Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

impl From<&Counts> for CountsView {
    fn from(counts: &Counts) -> Self {
        Self {
            attempts: counts.attempts(),
            delivered: counts.delivered(),
            failed: counts.failed(),
            dead: counts.dead(),
            failed_share: counts.share_failed(),
            p50: counts.latency(50).map(span),
            p95: counts.latency(95).map(span),
        }
    }
}

impl From<LastFailure> for FailureView {
    fn from(failure: LastFailure) -> Self {
        Self {
            at: text(failure.at),
            // As older versions wrote it.
            outcome: match failure.outcome.as_str() {
                "refused" => OutcomeKind::HttpError.word().to_owned(),
                _ => failure.outcome,
            },
            http_status: failure.status,
            next_attempt: failure.retry.map(text),
        }
    }
}
