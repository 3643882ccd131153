//! Operations of the writer, and their answers.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::sweep::Stage;
use super::write_txn::WriteTxn;
use crate::series::RollUp;
use crate::{Accepted, FeedPosition, Interrupted, NoteOwner, Settled, Settlement, StoreError, Submission};
use hookgate_domain::{DeliveryId, StoredLimits, SubscriptionId, TenantId, Trigger};

/// Sends an answer; called after the commit, dropped if the transaction failed.
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
    /// `Store::registry_apply`: tenant, expected revision, changes.
    Registry(
        TenantId,
        u64,
        Vec<(String, Option<Bytes>)>,
        Reply<Result<u64, StoreError>>,
    ),
    /// `Series::roll_up`.
    RollUp(Vec<RollUp>, Reply<Result<(), StoreError>>),
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
    /// Number of operations in the job.
    pub(super) fn operations(&self) -> usize {
        match self {
            Self::Accept(batch, _) => batch.len(),
            Self::Settle(batch, _) => batch.len(),
            _ => 1,
        }
    }

    /// Executes the job in a transaction.
    pub(super) fn perform(self, txn: &mut WriteTxn<'_>) -> Result<Answer, redb::Error> {
        Ok(match self {
            Self::Accept(batch, reply) => {
                let answers = batch.iter().map(|submission| txn.accept(submission));
                with(reply, answers.collect::<Result<_, _>>()?)
            }
            Self::Settle(batch, reply) => {
                let answers = batch.iter().map(|settlement| txn.settle(settlement));
                with(reply, answers.collect::<Result<_, _>>()?)
            }
            Self::Interrupted(deliveries, reply) => with(reply, txn.interrupted(&deliveries)?),
            Self::Enqueue(tenant, deliveries, limits, reply) => {
                with(reply, txn.enqueue(&tenant, &deliveries, limits)?)
            }
            Self::Registry(tenant, expected, changes, reply) => {
                with(reply, txn.change_registry(&tenant, expected, &changes)?)
            }
            Self::RollUp(counts, reply) => with(reply, txn.roll_up(&counts)?),
            Self::ForgetStats(tenant, ids, reply) => with(reply, txn.forget_stats(&tenant, &ids)?),
            Self::ForgetTenant(tenant, until, reply) => with(reply, txn.forget_tenant(&tenant, until)?),
            Self::Blob(name, bytes, reply) => with(reply, txn.keep_blob(&name, &bytes)?),
            Self::Forget(name, reply) => with(reply, txn.forget_blob(&name)?),
            Self::PutNote(name, note, keep, owner, reply) => {
                with(reply, txn.put_note(&name, &note, keep, owner.as_ref())?)
            }
            Self::ReplaceNote(name, expected, next, reply) => {
                with(reply, txn.replace_note(&name, &expected, next.as_ref())?)
            }
            Self::Sweep(stage, reply) => with(reply, txn.sweep(stage)?),
        })
    }
}

fn with<T: Send + 'static>(reply: Reply<T>, answer: T) -> Answer {
    Box::new(move || {
        // A caller that stopped waiting gets no answer; the operation happened all the same.
        let _ = reply.send(answer);
    })
}
