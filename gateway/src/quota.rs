//! Quotas: charges a tenant's requests before they are processed, and refuses those over a quota.
//!
//! Rates are token buckets of this process, one set per tenant, which the registry carries from one
//! snapshot to the next. The store counts what it holds. Here its last known counts are checked
//! before the body of a request is read; the store itself decides at the commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::{Code, Problem};
use hookgate_domain::{BucketEmpty, Quota, Rate, StoredUsage, TokenBucket};
use hookgate_registry::Tenant;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::{Store, StoreError};

/// Charges the quotas of tenants. Cheap to clone.
#[derive(Clone)]
pub struct QuotaGate {
    /// Start of the buckets' clock.
    started: Instant,
    store: Arc<dyn Store>,
    metrics: Metrics,
}

/// Tokens taken from the rates of a tenant in this process. `None`: no limit, nothing is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateUsage {
    /// Tokens of the event rate.
    pub events: Option<u32>,
    /// Tokens of the rate of calls that make deliveries again.
    pub replays: Option<u32>,
}

impl QuotaGate {
    /// Creates a gate before a store.
    pub fn new(store: Arc<dyn Store>, metrics: Metrics) -> Self {
        Self {
            started: Instant::now(),
            store,
            metrics,
        }
    }

    /// Charges a request with events, before its body is read.
    ///
    /// It is charged one event, and must find room in the store for one.
    ///
    /// # Errors
    /// `quota_exceeded`.
    pub async fn admit_request(&self, tenant: &Tenant) -> Result<(), Problem> {
        if let Some(rate) = tenant.quotas.events {
            self.take(&tenant.buckets.events, Quota::EventsPerSecond, rate, 1)?;
        }
        self.check_room(tenant).await
    }

    /// Charges the further events of a request, all or none.
    ///
    /// If the rate does not allow them, the first event of the request is given back, so that the
    /// request can be repeated as a whole.
    ///
    /// # Errors
    /// `quota_exceeded`; `limit_reached` if there are more events than the rate ever allows at
    /// once.
    pub fn admit_events(&self, tenant: &Tenant, events: usize) -> Result<(), Problem> {
        let Some(rate) = tenant.quotas.events else {
            return Ok(());
        };
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let bucket = &tenant.buckets.events;
        let taken = if events > rate.burst.get() {
            Err(self.too_many(rate, events))
        } else {
            self.take(bucket, Quota::EventsPerSecond, rate, events.saturating_sub(1))
        };
        taken.inspect_err(|_| bucket.give_back(rate, 1))
    }

    /// Charges a call that makes deliveries again, before it searches for any.
    ///
    /// # Errors
    /// `quota_exceeded`.
    pub fn admit_replay(&self, tenant: &Tenant) -> Result<(), Problem> {
        match tenant.quotas.replays {
            Some(rate) => self.take(&tenant.buckets.replays, Quota::ReplaysPerMinute, rate, 1),
            None => Ok(()),
        }
    }

    /// Converts an error of the store to a problem; counts a refusal over a quota.
    pub fn refusal(&self, error: &StoreError) -> Problem {
        if let StoreError::OverQuota(over) = error {
            self.metrics.quota_refused(over.quota.name());
        }
        Problem::from(error)
    }

    /// Returns the tokens that a tenant's rates have taken in this process.
    pub fn rates(&self, tenant: &Tenant) -> RateUsage {
        let now = self.started.elapsed();
        let missing = |bucket: &TokenBucket, rate: Option<Rate>| rate.map(|rate| bucket.missing(rate, now));
        RateUsage {
            events: missing(&tenant.buckets.events, tenant.quotas.events),
            replays: missing(&tenant.buckets.replays, tenant.quotas.replays),
        }
    }

    /// Refuses a tenant without any room in the store.
    ///
    /// The store is asked only if the last known usage is at a limit.
    async fn check_room(&self, tenant: &Tenant) -> Result<(), Problem> {
        let limits = tenant.quotas.stored;
        let full = |usage| limits.check(usage, StoredUsage::LEAST).err();
        if limits.is_unlimited() || self.store.last_usage(&tenant.id).and_then(full).is_none() {
            return Ok(());
        }
        let usage = self.store.usage(&tenant.id, FRESH).await?;
        match full(usage) {
            Some(over) => Err(self.refusal(&StoreError::OverQuota(over))),
            None => Ok(()),
        }
    }

    /// Checks a rate limit: takes tokens, or refuses with the time to wait.
    fn take(&self, bucket: &TokenBucket, quota: Quota, rate: Rate, tokens: u32) -> Result<(), Problem> {
        bucket
            .take(rate, tokens, self.started.elapsed())
            .map_err(|empty| match empty {
                BucketEmpty::Wait(wait) => self.too_fast(quota, rate, wait),
                BucketEmpty::TooMany => self.too_many(rate, tokens),
            })
    }

    fn too_fast(&self, quota: Quota, rate: Rate, wait: Duration) -> Problem {
        self.metrics.quota_refused(quota.name());
        let (what, per) = match quota {
            Quota::ReplaysPerMinute => ("calls that make deliveries again", "minute"),
            Quota::EventsPerSecond | Quota::PendingDeliveries | Quota::StoredBytes | Quota::KeptAnswers => {
                ("events", "second")
            }
        };
        let detail = format!(
            "The tenant's quota `{}` is used up: {} {what} in a {per}, {} at once.",
            quota.name(),
            rate.count,
            rate.burst,
        );
        // Rounded up to whole seconds, so that no client returns before there are tokens.
        let wait = Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        Problem::new(Code::QuotaExceeded, detail)
            .quota(quota, rate.count.get().into())
            .retry_after(wait)
    }

    fn too_many(&self, rate: Rate, events: u32) -> Problem {
        let quota = Quota::EventsPerSecond;
        self.metrics.quota_refused(quota.name());
        let detail = format!(
            "The request brings {events} events; the tenant's quota `{}` lets {} come at once.",
            quota.name(),
            rate.burst,
        );
        Problem::new(Code::LimitReached, detail)
            .quota(quota, rate.burst.get().into())
            .fix("Send fewer events in one request.")
    }
}

/// Maximum age of the usage figures by which a tenant is refused.
const FRESH: Duration = Duration::from_millis(250);
