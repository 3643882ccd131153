//! What a subscription's chain makes of an event, once a delivery: every attempt sends it. `attempt` calls it before the first
//! attempt that comes to sending; what it made is kept in the lease, and with the delivery when the attempt fails.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Courier;
use crate::document::{Document, Limits};
use crate::domain::units::Span;
use crate::domain::{Event, Outcome, StepReport, Target, Timestamp};
use crate::plugin::{Call, Chain, Phase, Verdict};
use crate::store::Leased;
use crate::system_events::PluginFailing;

/// What a chain made.
pub(super) struct Screened {
    /// The data to send.
    pub(super) data: Bytes,
    /// What each step did.
    pub(super) steps: Vec<StepReport>,
}

/// Why nothing is sent.
pub(super) enum NotSent {
    /// The attempt came to this, after what the steps did.
    Failed(Outcome, Vec<StepReport>),
    /// There is no attempt for so long.
    Later(Duration),
    /// There never was time for an attempt: it came to this, and none follows.
    Expired(Outcome),
}

impl Courier {
    /// Runs a chain on an event of a delivery. Takes at most `time`.
    pub(super) async fn screen(
        &self,
        leased: &Leased,
        event: &Event,
        chain: &Arc<Chain>,
        time: Duration,
    ) -> Result<Screened, NotSent> {
        let call = match call(leased, event, chain) {
            Ok(call) => call,
            Err(reason) => return Err(NotSent::Failed(Outcome::Blocked { reason }, Vec::new())),
        };
        let run = self.parts.registry.host().run(call);
        let Ok(done) = tokio::time::timeout(time, run).await else {
            return Err(self.later(leased, BUSY_FOR, chain));
        };
        // Of a system event it is not told: it would come the same way and fail again.
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
            Verdict::Pass => Ok(Screened {
                data: done.data.to_bytes(),
                steps,
            }),
            Verdict::Drop { plugin, reason } => came_to(Outcome::Dropped { plugin, reason }, steps),
            Verdict::Delay { plugin, by } => {
                if may_wait(
                    leased,
                    self.parts.clock.now(),
                    by,
                    self.config.longest_delay.get(),
                ) {
                    return Err(NotSent::Later(by));
                }
                let longest = self.config.longest_delay;
                let reason = format!("it asked for a delay over {longest} in all (`delivery.longest_delay`)");
                failed(plugin, reason)
            }
            Verdict::Failed(failure) => {
                failed(failure.plugin, format!("{}: {}", failure.kind, failure.message))
            }
            // The host lets no step at delivery reject.
            Verdict::Reject { plugin, message, .. } => failed(plugin, message),
            Verdict::Busy => Err(self.later(leased, BUSY_FOR, chain)),
            Verdict::OverBudget { wait, .. } => Err(self.later(leased, wait.max(BUSY_FOR), chain)),
        }
    }

    /// A delivery whose chain cannot be run now waits as long as its retries would take, and then is given up: it would wait for
    /// ever where its tenant's plugins always use more time than they have.
    fn later(&self, leased: &Leased, by: Duration, chain: &Chain) -> NotSent {
        let longest = self.retry_policy(leased).longest().max(LEAST_WAIT);
        if may_wait(leased, self.parts.clock.now(), by, longest) {
            return NotSent::Later(by);
        }
        let plugin = chain
            .steps
            .first()
            .map_or_else(String::new, |step| step.name.clone());
        let reason = format!(
            "no_time: the tenant's plugins had no processor time left for this delivery in {}",
            Span::from_secs(longest.as_secs())
        );
        NotSent::Expired(Outcome::PluginFailed { plugin, reason })
    }
}

fn call(leased: &Leased, event: &Event, chain: &Arc<Chain>) -> Result<Call, String> {
    let read = |bytes: &[u8]| {
        let document = Document::parse(bytes, Limits::of_bytes(bytes.len()));
        document.map_err(|error| format!("the stored event cannot be read: {error}"))
    };
    let metadata = match &event.metadata {
        Some(metadata) => read(metadata)?,
        None => read(b"{}")?,
    };
    let subscription = match leased.id.target {
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
            attempt: leased.attempts.saturating_add(1),
            subscription,
        },
        metadata: Arc::new(metadata),
        data: read(&event.data)?,
    })
}

/// Whether a delivery may wait so long: it counts from when it came to be, so that none waits for ever.
fn may_wait(leased: &Leased, now: Timestamp, by: Duration, longest: Duration) -> bool {
    let began = match leased.id.run {
        0 => leased.event.created,
        run => Timestamp::from_micros(run),
    };
    now.plus(by) <= began.plus(longest)
}

/// How long a delivery may wait for its chain at least, however few retries it has.
const LEAST_WAIT: Duration = Duration::from_secs(3600);
/// When a chain is tried again that could not be run now.
const BUSY_FOR: Duration = Duration::from_secs(1);
