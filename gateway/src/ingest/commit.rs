//! Commit of events, and the hand-over of their deliveries to this process's scheduler.

use std::sync::Arc;

use crate::dispatch::Reservation;
use crate::http::{Code, Problem};
use hookgate_domain::{DeliveryId, Event, EventId, Fate, Target, Trigger};
use hookgate_registry::Tenant;
use hookgate_runtime::telemetry::AcceptResult;
use hookgate_runtime::telemetry::traces::Recording;
use hookgate_store::{Accepted, Idempotency, LeasePolicy, Leased, NewEvent, StoreError, Submission, Token};

use super::Ingest;
use super::answer::{AcceptedEvent, EventStatus};

/// Data of an event retained while the store commits it.
struct Pending {
    id: EventId,
    filtered: bool,
    /// To whom its deliveries go, as the tenant writes it.
    subscriptions: Vec<String>,
    /// Only where this process sends the deliveries itself.
    own: Option<(Arc<Event>, Vec<Target>)>,
}

impl Ingest {
    /// Stores the events with their deliveries. Returns the result of each.
    /// Must not be dropped before its end: see `carried`.
    pub(super) async fn commit(
        self,
        tenant: Arc<Tenant>,
        events: Vec<NewEvent>,
        idempotency: Option<Idempotency>,
        trace: Option<Recording>,
    ) -> Result<Vec<AcceptedEvent>, Problem> {
        let parts = &self.inner.parts;
        let deliveries: usize = events.iter().map(|new| new.targets.len()).sum();
        let reservation = parts.inbox.reserve(&tenant.id, &events);
        let mut pending: Vec<Pending> = events
            .iter()
            .map(|new| Pending::of(&tenant, new, reservation.is_some()))
            .collect();
        let lease = match &reservation {
            Some(reservation) => reservation.lease(),
            None => LeasePolicy::Due,
        };
        let submission = Submission {
            tenant: tenant.id.clone(),
            events,
            idempotency,
            lease,
            limits: tenant.quotas.stored,
        };
        let mut span = trace.and_then(|trace| trace.span("store.accept"));
        let accepted = parts.committer.accept(submission).await;
        if let (Some(span), Err(_)) = (&mut span, &accepted) {
            span.fail();
        }
        drop(span);
        let accepted = accepted.map_err(|error| self.not_stored(&error))?;
        match accepted {
            Accepted::Stored { fresh, token } => {
                let answers: Vec<_> = pending
                    .iter_mut()
                    .zip(&fresh)
                    .map(|(pending, &fresh)| pending.answer(fresh))
                    .collect();
                self.count(&answers);
                match (reservation, token) {
                    (Some(reservation), token) => {
                        reservation.stored();
                        if let Some(token) = token {
                            hand_over(reservation, token, pending, &fresh);
                        }
                    }
                    (None, _) if deliveries > 0 => parts.inbox.due_now(),
                    (None, _) => {}
                }
                Ok(answers)
            }
            Accepted::Repeated(ids) => {
                let answers: Vec<_> = ids.into_iter().map(AcceptedEvent::duplicate).collect();
                self.count(&answers);
                Ok(answers)
            }
            Accepted::KeyReused => Err(Problem::new(
                Code::IdempotencyKeyReused,
                "The `Idempotency-Key` of this request was used for another request within the last 24 hours.",
            )),
        }
    }

    fn count(&self, answers: &[AcceptedEvent]) {
        for answer in answers {
            let result = match answer.status {
                EventStatus::Accepted => AcceptResult::Stored,
                EventStatus::Duplicate => AcceptResult::Duplicate,
                EventStatus::Filtered => AcceptResult::Filtered,
            };
            self.inner.parts.metrics.events_accepted(result, 1);
        }
    }

    fn not_stored(&self, error: &StoreError) -> Problem {
        let parts = &self.inner.parts;
        let result = match error {
            StoreError::OverQuota(_) => AcceptResult::OverQuota,
            _ => AcceptResult::Unavailable,
        };
        parts.metrics.events_accepted(result, 1);
        tracing::debug!(error = %error, "event.not_stored");
        parts.quotas.refusal(error)
    }
}

impl Pending {
    fn of(tenant: &Tenant, new: &NewEvent, own: bool) -> Self {
        Self {
            id: new.event.id.clone(),
            filtered: matches!(new.event.fate, Fate::Filtered { .. }),
            subscriptions: receivers(tenant, &new.targets),
            own: (own && !new.targets.is_empty()).then(|| (Arc::clone(&new.event), new.targets.clone())),
        }
    }

    fn answer(&mut self, fresh: bool) -> AcceptedEvent {
        let status = match (fresh, self.filtered) {
            (false, _) => EventStatus::Duplicate,
            (true, true) => EventStatus::Filtered,
            (true, false) => EventStatus::Accepted,
        };
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        if !fresh {
            subscriptions.clear();
        }
        AcceptedEvent {
            id: self.id.clone(),
            status,
            deliveries: subscriptions.len(),
            subscriptions,
            dry_run: false,
            dropped_by: None,
            reason: None,
        }
    }
}

/// Targets, as the tenant writes them.
pub(super) fn receivers(tenant: &Tenant, targets: &[Target]) -> Vec<String> {
    let name = |target: &Target| match target {
        Target::Subscription(id) => tenant.public_id(*id),
        Target::Inline => target.to_string(),
    };
    targets.iter().map(name).collect()
}

/// Hands over the deliveries that were stored with a lease of this process.
fn hand_over(mut reservation: Reservation, token: Token, pending: Vec<Pending>, fresh: &[bool]) {
    for (pending, &fresh) in pending.into_iter().zip(fresh) {
        let Some((event, targets)) = pending.own.filter(|_| fresh) else {
            continue;
        };
        for target in targets {
            // Deliveries without a place are due in the store.
            let _ = reservation.hand_over(Leased {
                id: DeliveryId {
                    event: event.id.clone(),
                    target,
                    run: 0,
                },
                event: Arc::clone(&event),
                trigger: Trigger::Published,
                token,
                attempts: 0,
                first_attempt: None,
                crashes: 0,
                body: None,
            });
        }
    }
}
