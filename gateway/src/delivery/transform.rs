//! Transformation of an event by a subscription's chain, once per delivery.
//!
//! `attempt` calls it before the first attempt that gets as far as sending; every attempt sends its
//! result. The result is in the lease, and is stored with the delivery when the attempt fails.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Attempter;
use crate::system_events::PluginFailing;
use hookgate_domain::units::Span;
use hookgate_domain::{Event, Outcome, StepReport, Target, Timestamp};
use hookgate_json::budget::TooMuchWork;
use hookgate_json::{Document, Limits};
use hookgate_plugin_host::{Call, Chain, LaneRefusal, Phase, TenantLane, Verdict};
use hookgate_registry::Tenant;
use hookgate_runtime::telemetry::traces::Recording;
use hookgate_store::Leased;

/// Event and data to send.
pub(super) struct Transformed {
    /// The event with the privacy rules that apply now.
    pub(super) event: Arc<Event>,
    /// Output of the chain.
    pub(super) made: Option<Made>,
}

/// Output of a chain.
pub(super) struct Made {
    /// The data to send.
    pub(super) data: Bytes,
    /// Report of each step.
    pub(super) steps: Vec<StepReport>,
}

/// Reason for not sending.
pub(super) enum NotSent {
    /// The attempt failed with this outcome, after these steps.
    Failed(Outcome, Vec<StepReport>),
    /// The attempt is deferred by this time.
    Deferred(Duration),
    /// There was no time for an attempt until the delivery expired: this outcome is final.
    Expired(Outcome),
}

impl Attempter {
    /// Transforms the event of a delivery, in the tenant's lane. Takes at most `time`.
    ///
    /// Removes data that was classified since the event was stored, and runs the chain, if there is
    /// one.
    pub(super) async fn transform(
        &self,
        leased: &Leased,
        tenant: &Arc<Tenant>,
        (chain, trace): (Option<Arc<Chain>>, Option<Recording>),
        time: Duration,
    ) -> Result<Transformed, NotSent> {
        let blocked = |reason| NotSent::Failed(Outcome::Blocked { reason }, Vec::new());
        let (own, stored) = (Arc::clone(tenant), Arc::clone(&leased.event));
        let (target, attempt) = (leased.id.target, leased.attempts.saturating_add(1));
        let waiting = chain.clone();
        let job = move |lane: &mut TenantLane<'_>| -> Result<_, String> {
            let event = match own.privacy.anew(&stored) {
                Some(rules) => Arc::new(rules.shown(&stored, &lane.work()).map_err(unclassified)?),
                None => stored,
            };
            let Some(chain) = chain else {
                return Ok((event, None));
            };
            let call = call((target, attempt), &event, &chain)?;
            let span = trace.and_then(|trace| trace.span("chain"));
            let done = lane.chain(call);
            if let Some(mut span) = span {
                span.set("hookgate.chain", "delivery");
                done.record(span);
            }
            Ok((event, Some(done)))
        };
        let ran = self
            .parts
            .registry
            .host()
            .run_on_account(&tenant.id, tenant.account.clone(), job);
        let Ok(ran) = tokio::time::timeout(time, ran).await else {
            return Err(self.later(leased, BUSY_FOR, waiting.as_deref()));
        };
        let (event, done) = ran
            .map_err(|refusal| self.refused(leased, refusal, waiting.as_deref()))?
            .map_err(blocked)?;
        let Some(done) = done else {
            return Ok(Transformed { event, made: None });
        };
        // Failures on system events are not reported: the report would take the same chain and fail
        // again.
        for (step, kind) in done.failures().filter(|_| !event.kind.is_system()) {
            let failing = PluginFailing::of(&event.tenant, step, kind);
            let events = &self.parts.system_events;
            events.plugin_failing(failing, self.parts.clock.now());
        }
        let steps = done.steps;
        let came_to = |outcome, steps| Err(NotSent::Failed(outcome, steps));
        let failed =
            |plugin: String, reason: String| came_to(Outcome::PluginFailed { plugin, reason }, steps.clone());
        match done.verdict {
            Verdict::Pass => {
                let data = done.data.to_bytes();
                let made = Some(Made { data, steps });
                Ok(Transformed { event, made })
            }
            Verdict::Drop { plugin, reason } => came_to(Outcome::Dropped { plugin, reason }, steps),
            Verdict::Delay { plugin, by } => {
                if may_wait(
                    leased,
                    self.parts.clock.now(),
                    by,
                    self.config.longest_delay.get(),
                ) {
                    return Err(NotSent::Deferred(by));
                }
                let longest = self.config.longest_delay;
                let reason = format!("it asked for a delay over {longest} in all (`delivery.longest_delay`)");
                failed(plugin, reason)
            }
            Verdict::Failed(failure) => {
                failed(failure.plugin, format!("{}: {}", failure.kind, failure.message))
            }
            // The host does not allow `Reject` at delivery.
            Verdict::Reject { plugin, message, .. } => failed(plugin, message),
            // The lane refuses before it runs anything.
            Verdict::Busy | Verdict::OverBudget { .. } => {
                Err(self.later(leased, BUSY_FOR, waiting.as_deref()))
            }
        }
    }

    /// Defers a delivery whose chain cannot run now, or gives it up.
    ///
    /// It waits as long as its retries would take. Without this limit it would wait for ever if its
    /// tenant's plugins always exceed their processor time.
    fn later(&self, leased: &Leased, by: Duration, chain: Option<&Chain>) -> NotSent {
        let least = self.config.max_plugin_wait.get();
        let longest = self.retry_policy(leased).longest().max(least);
        if may_wait(leased, self.parts.clock.now(), by, longest) {
            return NotSent::Deferred(by);
        }
        let first = chain.and_then(|chain| chain.steps.first());
        let plugin = first.map_or_else(String::new, |step| step.name.clone());
        let reason = format!(
            "no_time: the tenant's plugins had no processor time left for this delivery in {}",
            Span::from_secs(longest.as_secs())
        );
        NotSent::Expired(Outcome::PluginFailed { plugin, reason })
    }

    fn refused(&self, leased: &Leased, refusal: LaneRefusal, chain: Option<&Chain>) -> NotSent {
        match refusal {
            LaneRefusal::Busy => self.later(leased, BUSY_FOR, chain),
            LaneRefusal::OverBudget { wait, .. } => self.later(leased, wait.max(BUSY_FOR), chain),
            LaneRefusal::Failed => {
                let outcome = Outcome::PluginFailed {
                    plugin: String::new(),
                    reason: "internal: the plugin host failed; its log says how".to_owned(),
                };
                NotSent::Failed(outcome, Vec::new())
            }
        }
    }
}

fn unclassified(cause: TooMuchWork) -> String {
    format!(
        "what was classified since the event was stored cannot be taken out: {cause} (`plugins.max_event_work`)"
    )
}

fn call((target, attempt): (Target, u32), event: &Event, chain: &Arc<Chain>) -> Result<Call, String> {
    let read = |bytes: &[u8]| {
        let document = Document::parse(bytes, Limits::of_bytes(bytes.len()));
        document.map_err(|error| format!("the stored event cannot be read: {error}"))
    };
    let metadata = match &event.metadata {
        Some(metadata) => read(metadata)?,
        None => read(b"{}")?,
    };
    let subscription = match target {
        Target::Subscription(id) => Some(id),
        Target::Inline => None,
    };
    Ok(Call {
        tenant: event.tenant.clone(),
        chain: Arc::clone(chain),
        id: event.id.clone(),
        kind: event.kind.clone(),
        created: event.created,
        phase: Phase::Delivery {
            attempt,
            subscription,
        },
        metadata: Arc::new(metadata),
        data: read(&event.data)?,
    })
}

/// Checks that a delivery may wait this long.
///
/// The limit counts from the delivery's creation by the gateway's clock, not from the producer's
/// `created`, so that none waits for ever.
fn may_wait(leased: &Leased, now: Timestamp, by: Duration, longest: Duration) -> bool {
    let began = match leased.id.run {
        0 => leased.event.accepted,
        run => Timestamp::from_micros(run),
    };
    now.plus(by) <= began.plus(longest)
}

/// Retry delay of a delivery whose chain could not run.
const BUSY_FOR: Duration = Duration::from_secs(1);
