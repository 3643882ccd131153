//! Settlement of an attempt: writes the result to the store, disables the subscription, and
//! reports.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::{Attempted, Attempter};
use crate::dispatch::leases::Lease;
use crate::system_events::Change;
use hookgate_domain::decide::{Decision, decide};
use hookgate_domain::subscription::DisableReason;
use hookgate_domain::{
    Attempt, DeliveryMode, Outcome, RetryRules, Status, Subscription, Tally, Target, Trigger,
};
use hookgate_runtime::telemetry::DeliveryEnd;
use hookgate_store::{About, Leased, Next, Settled, Settlement, StoreError};

impl Attempter {
    /// Ends the lease as the attempt requires. Returns `true` if the store has a record of the
    /// attempt.
    ///
    /// While the store does not answer, it is asked again for a minute, or for a longer lease's
    /// time. If another process has claimed the delivery meanwhile, the store refuses all but a
    /// success.
    pub async fn settle(&self, leased: Leased, lease: &Lease, attempted: Attempted) -> bool {
        let returned = matches!(attempted, Attempted::Returned);
        let made = match attempted {
            Attempted::Crashed => Attempted::Made(self.crashed(&leased, leased.crashes)),
            other => other,
        };
        let (attempt, tally, next) = match made {
            Attempted::Made(attempt) => {
                let decision = self.decide(&leased, &attempt);
                self.report(&leased, &attempt, decision);
                if decision == Decision::Disable {
                    self.disable(&leased).await;
                }
                (Some(attempt), self.tally(&leased), next(decision, &leased))
            }
            Attempted::Expired(attempt) => {
                self.report(&leased, &attempt, Decision::GiveUp);
                (Some(attempt), self.tally(&leased), Next::Dead)
            }
            Attempted::CalledOff { reason } => {
                called_off(&leased, reason);
                (None, None, Next::Cancelled)
            }
            Attempted::Postponed { by } => {
                let at = self.parts.store_clock.now().plus(by);
                let body = leased.body.clone();
                (None, None, Next::RetryAt { at, body })
            }
            // `Crashed` has become an attempt above.
            Attempted::TooLate | Attempted::Returned | Attempted::Crashed => (None, None, Next::Release),
        };
        let about = attempt.as_ref().map(|_| About {
            kind: leased.event.kind.clone(),
            trigger: leased.trigger,
        });
        let made = attempt.is_some();
        let settlement = Settlement {
            tenant: leased.event.tenant.clone(),
            id: leased.id.clone(),
            token: leased.token,
            attempt,
            about,
            tally,
            next,
        };
        let settled = self.commit(&leased, lease, settlement, returned).await;
        made && matches!(settled, Some(Settled::Applied(_)))
    }

    /// Counter for an attempt; `None`: the attempt is not counted.
    ///
    /// Not counted are tests, shadow deliveries, deliveries to a deleted subscription, and
    /// warnings: no warning leads to a warning.
    fn tally(&self, leased: &Leased) -> Option<Tally> {
        let Target::Subscription(id) = leased.id.target else {
            return None;
        };
        if leased.trigger == Trigger::Test {
            return None;
        }
        let tenant = self.parts.registry.tenant(&leased.event.tenant)?;
        if tenant.is_warning(&leased.event.kind) {
            return None;
        }
        let subscription = tenant.subscription(id)?;
        if subscription.mode == DeliveryMode::Shadow {
            return None;
        }
        let now = self.parts.store_clock.now();
        Some(Tally::new(id, subscription.activated, tenant.stats_window(), now))
    }

    fn decide(&self, leased: &Leased, attempt: &Attempt) -> Decision {
        if attempt.outcome.is_success() {
            return Decision::Finish;
        }
        let rules = RetryRules {
            policy: self.retry_policy(leased),
            answers: self.answer_rules(leased),
        };
        let now = self.parts.store_clock.now();
        decide(
            &attempt.outcome,
            attempt.number,
            &rules,
            now,
            rand::rng().random(),
        )
    }

    /// Settles a delivery, and retries while the store does not answer; `None`: the result is
    /// unknown.
    ///
    /// `returned`: the delivery is claimed again when its endpoint has capacity, so no due time is
    /// reported.
    async fn commit(
        &self,
        leased: &Leased,
        lease: &Lease,
        mut settlement: Settlement,
        returned: bool,
    ) -> Option<Settled> {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        let tried_for = SETTLE_FOR.max(self.parts.inbox.lease_time());
        loop {
            let mut locked = lease.locked().await;
            settlement.token = locked.token();
            match self.parts.committer.settle(settlement.clone()).await {
                Ok(Settled::Stale) if locked.refused() => continue,
                Ok(settled) => {
                    locked.settled();
                    if returned && matches!(settled, Settled::Applied(_)) {
                        return Some(settled);
                    }
                    if self.settling_fails.load(Relaxed) {
                        self.settling_fails.store(false, Relaxed);
                    }
                    self.settled(leased, &settlement, settled);
                    return Some(settled);
                }
                Err(error) if began.elapsed() >= tried_for => {
                    given_up(leased, &error);
                    return None;
                }
                Err(error) => {
                    // One line for all deliveries that wait for the same store.
                    if !self.settling_fails.swap(true, Relaxed) {
                        tracing::warn!(
                            tenant = %leased.event.tenant,
                            delivery = %leased.id,
                            error = %error,
                            "delivery.settle_failed"
                        );
                    }
                }
            }
            // It is renewed meanwhile.
            drop(locked);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn settled(&self, leased: &Leased, settlement: &Settlement, settled: Settled) {
        let metrics = &self.parts.metrics;
        if let Settled::Applied(_) = settled {
            self.tell(leased, settlement);
        }
        match (settled, &settlement.next) {
            (Settled::Applied(_), Next::Done) => metrics.delivery_ended(DeliveryEnd::Delivered),
            (Settled::Applied(_), Next::Dead) => metrics.delivery_ended(DeliveryEnd::Dead),
            (Settled::Applied(_), Next::Cancelled) => metrics.delivery_ended(DeliveryEnd::Cancelled),
            (Settled::Applied(_), Next::Shadowed) => metrics.delivery_ended(DeliveryEnd::Shadowed),
            (Settled::Applied(_), Next::RetryAt { at, .. }) => self.parts.inbox.due_at(*at),
            (Settled::Applied(_), Next::Release) => self.parts.inbox.due_now(),
            (Settled::Applied(_), Next::Extend(_)) => {}
            (Settled::Stale | Settled::Missing, _) => tracing::info!(
                tenant = %leased.event.tenant,
                delivery = %leased.id,
                reason = "the lease ran out before",
                "delivery.not_settled"
            ),
        }
    }

    /// Reports a failed attempt to the failure watch, and a dead letter to the system events.
    fn tell(&self, leased: &Leased, settlement: &Settlement) {
        let ended = matches!(settlement.next, Next::Cancelled | Next::Shadowed);
        let failed = |attempt: &&Attempt| !attempt.outcome.is_success() && !ended;
        let Some(attempt) = settlement.attempt.as_ref().filter(failed) else {
            return;
        };
        if let Some(tally) = &settlement.tally {
            self.parts.watch.failed(&settlement.tenant, tally.subscription);
        }
        if let Next::Dead = settlement.next
            && leased.trigger != Trigger::Test
        {
            let now = self.parts.clock.now();
            let events = &self.parts.system_events;
            events.dead(&leased.event, &leased.id, &attempt.outcome, now);
        }
    }

    async fn disable(&self, leased: &Leased) {
        let Target::Subscription(id) = leased.id.target else {
            return;
        };
        let tenant = &leased.event.tenant;
        match self
            .parts
            .registry
            .disable_subscription(tenant, id, DisableReason::Gone)
            .await
        {
            Ok(disabled) => self.disabled(&disabled),
            // The next 410 tries again.
            Err(error) => tracing::warn!(%tenant, subscription = %id, %error, "subscription.not_disabled"),
        }
    }

    /// Reports a disabled subscription. Concurrent attempts give the same report, which is sent
    /// once.
    fn disabled(&self, subscription: &Subscription) {
        let Status::Disabled {
            since,
            reason: reason @ DisableReason::Gone,
        } = subscription.status
        else {
            return;
        };
        let (tenant, id) = (&subscription.tenant, subscription.id);
        tracing::warn!(%tenant, subscription = %id, reason = "gone", "subscription.disabled");
        self.parts.metrics.subscription_disabled(reason);
        let change = Change::new(tenant.clone(), id, since);
        self.parts.system_events.disabled(change, reason);
    }

    /// Logs an attempt and counts it in the metrics.
    fn report(&self, leased: &Leased, attempt: &Attempt, decision: Decision) {
        self.parts
            .metrics
            .delivery_attempted(&attempt.outcome, attempt.took);
        let event = &leased.event;
        let (outcome, took_ms) = (attempt.outcome.word(), attempt.took.as_millis());
        let Details {
            status,
            stage,
            reason,
        } = details(&attempt.outcome);
        let next_ms = match decision {
            Decision::TryAgainAt(at) => Some(self.parts.store_clock.until(at).as_millis()),
            Decision::Finish
            | Decision::GiveUp
            | Decision::Disable
            | Decision::CallOff
            | Decision::Shadow => None,
        };
        macro_rules! tell {
            ($level:ident) => {
                tracing::$level!(
                    tenant = %event.tenant,
                    event = %event.id,
                    event_type = %event.kind,
                    subscription = %leased.id.target,
                    attempt = attempt.number,
                    outcome,
                    status,
                    stage,
                    reason,
                    took_ms,
                    next_ms,
                    "delivery.attempted"
                )
            };
        }
        match decision {
            // Thousands of them a second; each is in the store and in the metrics.
            Decision::Finish | Decision::CallOff | Decision::Shadow => tell!(debug),
            Decision::TryAgainAt(_) => tell!(info),
            Decision::GiveUp | Decision::Disable => tell!(warn),
        }
    }
}

fn next(decision: Decision, leased: &Leased) -> Next {
    match decision {
        Decision::Finish => Next::Done,
        Decision::TryAgainAt(at) => Next::RetryAt {
            at,
            body: leased.body.clone(),
        },
        Decision::GiveUp | Decision::Disable => Next::Dead,
        Decision::CallOff => Next::Cancelled,
        Decision::Shadow => Next::Shadowed,
    }
}

/// Fields of an outcome in a log line.
struct Details<'a> {
    status: Option<u16>,
    stage: Option<&'static str>,
    reason: Option<&'a str>,
}

fn details(outcome: &Outcome) -> Details<'_> {
    let (status, stage, reason) = match outcome {
        Outcome::Delivered { status } | Outcome::Refused { status, .. } => (Some(*status), None, None),
        Outcome::TimedOut { during } => (None, Some(during.word()), None),
        Outcome::Unreachable { during, reason } => (None, Some(during.word()), Some(reason.as_str())),
        Outcome::Blocked { reason } => (None, None, Some(reason.as_str())),
        // The plugin's text may hold any data.
        Outcome::PluginFailed { plugin, .. } | Outcome::Dropped { plugin, .. } => {
            (None, None, Some(plugin.as_str()))
        }
        Outcome::Postponed { .. } | Outcome::Crashed { .. } | Outcome::Shadowed { .. } => (None, None, None),
    };
    Details {
        status,
        stage,
        reason,
    }
}

fn called_off(leased: &Leased, reason: &'static str) {
    tracing::info!(
        tenant = %leased.event.tenant,
        event = %leased.event.id,
        subscription = %leased.id.target,
        reason,
        "delivery.called_off"
    );
}

fn given_up(leased: &Leased, error: &StoreError) {
    tracing::warn!(
        tenant = %leased.event.tenant,
        delivery = %leased.id,
        %error,
        "delivery.not_settled"
    );
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Minimum time for which a settlement is tried again.
const SETTLE_FOR: Duration = Duration::from_secs(60);
