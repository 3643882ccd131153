//! How a subscription fares: its attempts over the rolling window, by time, and what it last said.

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
use crate::domain::stats::{Counts, LastFailure};
use crate::domain::units::Span;
use crate::domain::{OutcomeKind, Status, Subscription, SubscriptionId};
use crate::http::Problem;
use crate::registry::Tenant;

/// How a subscription fares.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SubscriptionStats")]
pub(in crate::api) struct StatsView {
    /// The subscription.
    pub subscription: String,
    /// `active` or `disabled`.
    pub status: &'static str,
    /// Over how long attempts are counted.
    pub window: Span,
    /// Since when: the window, or the last activation if that was later. What was before is among the `buckets` only.
    pub since: String,
    /// The attempts since then.
    pub totals: CountsView,
    /// The attempts by time, the oldest first. Stretches without attempts are left out.
    pub buckets: Vec<BucketView>,
    /// When it last took a delivery.
    pub last_success: Option<String>,
    /// How it last failed.
    pub last_failure: Option<FailureView>,
    /// When its owner was last warned that it keeps failing.
    pub warned: Option<String>,
    /// By what it is disabled when it keeps failing; null: it is not.
    pub auto_disable: Option<PolicyView>,
}

/// Attempts counted.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct CountsView {
    /// All attempts. Those of test events do not count.
    pub attempts: u64,
    /// Those that succeeded.
    pub delivered: u64,
    /// Those that failed.
    pub failed: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// The share of attempts that failed, 0 to 1.
    pub failed_share: f64,
    /// How long half of the successes took at most, rounded up; null where none succeeded.
    pub p50: Option<Span>,
    /// How long 95 in a hundred of them took at most, rounded up.
    pub p95: Option<Span>,
}

/// Attempts that ended in a stretch of time.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct BucketView {
    /// When it began.
    pub start: String,
    #[serde(flatten)]
    pub counts: CountsView,
}

/// An attempt that failed.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct FailureView {
    /// When.
    pub at: String,
    /// Its outcome: `http_error` (an answer that is not 2xx), `timed_out`, `unreachable` or `blocked`.
    pub outcome: String,
    /// The status of the answer, if there was one.
    pub http_status: Option<u16>,
    /// When that delivery is tried again; null: never.
    pub next_attempt: Option<String>,
}

/// When it is disabled.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AutoDisable")]
pub(in crate::api) struct PolicyView {
    /// The share of failed attempts that must be exceeded.
    pub over: f64,
    /// How many attempts there must be in the window.
    pub least_attempts: u32,
    /// For how long it must have been failing.
    pub for_at_least: Span,
    /// The share that is warned of first.
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

/// How one fares, whichever route asks for it.
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
