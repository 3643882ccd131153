//! The one commit of an event, and the passing on of its deliveries to this process's own scheduler.

use std::sync::Arc;

use crate::dispatch::Reservation;
use crate::domain::{DeliveryId, Event, EventId, Fate, Target, Trigger};
use crate::http::{Code, Problem};
use crate::registry::Tenant;
use crate::store::{Accepted, Idempotency, LeasePolicy, Leased, NewEvent, StoreError, Submission, Token};
use crate::telemetry::AcceptResult;

use super::Ingest;
use super::answer::{AcceptedEvent, EventStatus};

/// What is remembered of an event while the store has it.
struct Pending {
    id: EventId,
    filtered: bool,
    deliveries: usize,
    /// Only where this process sends the deliveries itself.
    own: Option<(Arc<Event>, Vec<Target>)>,
}

impl Ingest {
    /// Stores the events with their deliveries; answers for each what became of it. Not to be dropped half-way: see `carried`.
    pub(super) async fn commit(
        self,
        tenant: Arc<Tenant>,
        events: Vec<NewEvent>,
        idempotency: Option<Idempotency>,
    ) -> Result<Vec<AcceptedEvent>, Problem> {
        let parts = &self.inner.parts;
        let deliveries: usize = events.iter().map(|new| new.targets.len()).sum();
        let reservation = parts.handover.reserve(&tenant.id, &events);
        let pending: Vec<Pending> = events
            .iter()
            .map(|new| Pending::of(new, reservation.is_some()))
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
        let accepted = parts
            .committer
            .accept(submission)
            .await
            .map_err(|error| self.not_stored(&error))?;
        match accepted {
            Accepted::Stored { fresh, token } => {
                let answers: Vec<_> = pending
                    .iter()
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
                    (None, _) if deliveries > 0 => parts.handover.due_now(),
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
    fn of(new: &NewEvent, own: bool) -> Self {
        Self {
            id: new.event.id.clone(),
            filtered: matches!(new.event.fate, Fate::Filtered { .. }),
            deliveries: new.targets.len(),
            own: (own && !new.targets.is_empty()).then(|| (Arc::clone(&new.event), new.targets.clone())),
        }
    }

    fn answer(&self, fresh: bool) -> AcceptedEvent {
        let status = match (fresh, self.filtered) {
            (false, _) => EventStatus::Duplicate,
            (true, true) => EventStatus::Filtered,
            (true, false) => EventStatus::Accepted,
        };
        let deliveries = if fresh { self.deliveries } else { 0 };
        AcceptedEvent {
            id: self.id.clone(),
            status,
            deliveries,
        }
    }
}

/// Passes on the deliveries that were stored leased to this process.
fn hand_over(mut reservation: Reservation, token: Token, pending: Vec<Pending>, fresh: &[bool]) {
    for (pending, &fresh) in pending.into_iter().zip(fresh) {
        let Some((event, targets)) = pending.own.filter(|_| fresh) else {
            continue;
        };
        for target in targets {
            // Those without a place are due in the store.
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
