//! What the writer is asked for, and how each is done and answered.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::sweep::Stage;
use super::turn::Turn;
use crate::domain::{DeliveryId, StoredLimits, SubscriptionId, TenantId, Trigger};
use crate::store::{
    Accepted, FeedPosition, Interrupted, NoteOwner, Settled, Settlement, StoreError, Submission,
};

/// Gives an answer; called when the transaction is committed, dropped when it failed.
pub(super) type Answer = Box<dyn FnOnce() + Send>;
type Reply<T> = oneshot::Sender<T>;
type Each<T> = Vec<Result<T, StoreError>>;

/// An operation that writes.
pub(super) enum Job {
    /// `Store::accept`.
    Accept(Vec<Submission>, Reply<Each<Accepted>>),
    /// `Store::settle`.
    Settle(Vec<Settlement>, Reply<Each<Settled>>),
    /// `Store::interrupted`.
    Interrupted(Vec<Interrupted>, Reply<Result<usize, StoreError>>),
    /// `Store::enqueue`.
    Enqueue(
        TenantId,
        Vec<(DeliveryId, Trigger)>,
        StoredLimits,
        Reply<Result<usize, StoreError>>,
    ),
    /// `Store::registry_apply`: whose, the revision expected, the changes.
    Registry(
        TenantId,
        u64,
        Vec<(String, Option<Bytes>)>,
        Reply<Result<u64, StoreError>>,
    ),
    /// `Store::forget_stats`.
    ForgetStats(TenantId, Vec<SubscriptionId>, Reply<Result<(), StoreError>>),
    /// `Store::forget_tenant`.
    ForgetTenant(TenantId, FeedPosition, Reply<Result<bool, StoreError>>),
    /// `Store::blob_put`.
    Blob(String, Bytes, Reply<Result<(), StoreError>>),
    /// `Store::blob_delete`.
    Forget(String, Reply<Result<(), StoreError>>),
    /// `Store::note_put`.
    PutNote(
        String,
        Bytes,
        Duration,
        Option<NoteOwner>,
        Reply<Result<Option<Bytes>, StoreError>>,
    ),
    /// `Store::note_replace`.
    ReplaceNote(
        String,
        Bytes,
        Option<(Bytes, Duration)>,
        Reply<Result<bool, StoreError>>,
    ),
    /// A step of `Store::sweep`.
    Sweep(Stage, Reply<Result<Option<Stage>, StoreError>>),
}

impl Job {
    /// How many things are asked for.
    pub(super) fn operations(&self) -> usize {
        match self {
            Self::Accept(batch, _) => batch.len(),
            Self::Settle(batch, _) => batch.len(),
            _ => 1,
        }
    }

    /// Does it in a transaction.
    pub(super) fn perform(self, turn: &mut Turn<'_>) -> Result<Answer, redb::Error> {
        Ok(match self {
            Self::Accept(batch, reply) => {
                let answers = batch.iter().map(|submission| turn.accept(submission));
                with(reply, answers.collect::<Result<_, _>>()?)
            }
            Self::Settle(batch, reply) => {
                let answers = batch.iter().map(|settlement| turn.settle(settlement));
                with(reply, answers.collect::<Result<_, _>>()?)
            }
            Self::Interrupted(deliveries, reply) => with(reply, turn.interrupted(&deliveries)?),
            Self::Enqueue(tenant, deliveries, limits, reply) => {
                with(reply, turn.enqueue(&tenant, &deliveries, limits)?)
            }
            Self::Registry(tenant, expected, changes, reply) => {
                with(reply, turn.change_registry(&tenant, expected, &changes)?)
            }
            Self::ForgetStats(tenant, ids, reply) => with(reply, turn.forget_stats(&tenant, &ids)?),
            Self::ForgetTenant(tenant, until, reply) => with(reply, turn.forget_tenant(&tenant, until)?),
            Self::Blob(name, bytes, reply) => with(reply, turn.keep_blob(&name, &bytes)?),
            Self::Forget(name, reply) => with(reply, turn.forget_blob(&name)?),
            Self::PutNote(name, note, keep, owner, reply) => {
                with(reply, turn.put_note(&name, &note, keep, owner.as_ref())?)
            }
            Self::ReplaceNote(name, expected, next, reply) => {
                with(reply, turn.replace_note(&name, &expected, next.as_ref())?)
            }
            Self::Sweep(stage, reply) => with(reply, turn.sweep(stage)?),
        })
    }
}

fn with<T: Send + 'static>(reply: Reply<T>, answer: T) -> Answer {
    Box::new(move || {
        // Who has stopped waiting does not hear of it: it happened all the same.
        let _ = reply.send(answer);
    })
}
