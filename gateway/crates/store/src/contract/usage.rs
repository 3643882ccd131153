//! Usage: a tenant's sums change with its data; a limit refuses a whole submission.

use super::*;
use crate::FeedPosition;
use hookgate_domain::{OverQuota, Quota, StoredUsage, Trigger};

async fn usage(subject: &impl Subject, tenant: &TenantId) -> StoredUsage {
    subject.store().usage(tenant, Duration::ZERO).await.unwrap()
}

/// Bytes that the store counts for the events of a submission.
fn bytes(submission: &Submission) -> u64 {
    let records = submission
        .events
        .iter()
        .map(|new| crate::codec::encode_event(&new.event, &new.targets).len() as u64);
    records.sum()
}

fn limited(submission: Submission, pending: Option<u64>, stored_bytes: Option<u64>) -> Submission {
    Submission {
        limits: StoredLimits {
            pending_deliveries: pending,
            stored_bytes,
        },
        ..submission
    }
}

/// Submission with new ids, which cannot have been accepted before.
fn fresh(mut submission: Submission) -> Submission {
    submission.events.iter_mut().for_each(|new| new.id_given = false);
    submission
}

async fn refused(subject: &impl Subject, submission: Submission) -> OverQuota {
    match subject.store().accept(vec![submission]).await.remove(0) {
        Err(StoreError::OverQuota(over)) => over,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) async fn usage_is_what_was_stored_and_has_not_ended(subject: &impl Subject) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    assert_eq!(usage(subject, &acme).await, StoredUsage::default());
    let plain = fresh(submission(&acme, &["e1", "e2"], &[target(1), target(2)]));
    let careful = keyed(submission(&acme, &["e3"], &[target(1)]), "k", 1);
    let mut stored_bytes = bytes(&plain) + bytes(&careful);
    accept(subject, plain).await;
    accept(subject, careful).await;
    let theirs = submission(&other, &["e1"], &[target(1)]);
    let their_bytes = bytes(&theirs);
    accept(subject, theirs).await;

    let of = |pending_deliveries, stored_bytes| StoredUsage {
        pending_deliveries,
        stored_bytes,
    };
    assert_eq!(usage(subject, &acme).await, of(5, stored_bytes));
    assert_eq!(usage(subject, &other).await, of(1, their_bytes));

    let mut leased = claim(subject, 10, LONG).await;
    leased.retain(|one| one.event.tenant == acme);
    let ends = [
        (Next::Done, 4),
        (Next::Dead, 3),
        (Next::Cancelled, 2),
        (Next::Release, 2),
        (
            Next::RetryAt {
                at: now(subject).await,
                body: None,
            },
            2,
        ),
    ];
    for (one, (next, pending)) in leased.iter().zip(ends) {
        settle(subject, settlement(one, Some(attempt(1, 500)), next)).await;
        assert_eq!(usage(subject, &acme).await, of(pending, stored_bytes));
    }
    // Repeated: it has ended already.
    settle(subject, settlement(&leased[0], Some(attempt(2, 200)), Next::Done)).await;
    let replay = DeliveryId {
        run: 7,
        ..leased[0].id.clone()
    };
    let store = subject.store();
    let again = vec![(replay, Trigger::Replay)];
    for made in [1, 0] {
        let enqueued = store.enqueue(&acme, again.clone(), StoredLimits::default()).await;
        assert_eq!(enqueued.unwrap(), made);
        assert_eq!(usage(subject, &acme).await, of(3, stored_bytes));
    }
    let more = submission(&acme, &["e4"], &[]);
    stored_bytes += bytes(&more);
    accept(subject, more).await;
    assert_eq!(usage(subject, &acme).await, of(3, stored_bytes));
    assert_eq!(usage(subject, &other).await, of(1, their_bytes));
}

pub(crate) async fn submission_over_a_limit_stores_nothing(subject: &impl Subject) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    let make = |ids: &[&str]| fresh(submission(&acme, ids, &[target(1), target(2)]));
    accept(subject, limited(make(&["e1", "e2"]), Some(6), None)).await;
    let over = refused(subject, limited(make(&["e3", "e4"]), Some(6), None)).await;
    assert_eq!(
        over,
        OverQuota {
            quota: Quota::PendingDeliveries,
            limit: 6,
            used: 4,
            added: 4
        }
    );
    accept(subject, limited(make(&["e5"]), Some(6), None)).await;
    let size = bytes(&make(&["e6"]));
    let stored = usage(subject, &acme).await.stored_bytes;
    let over = refused(subject, limited(make(&["e6"]), None, Some(stored + size - 1))).await;
    assert_eq!((over.quota, over.used), (Quota::StoredBytes, stored));
    let careful = keyed(make(&["e7"]), "k", 1);
    refused(subject, limited(careful, Some(6), None)).await;

    let store = subject.store();
    for id in ["e3", "e4", "e6", "e7"] {
        assert!(
            store.event(&acme, &id.parse().unwrap()).await.unwrap().is_none(),
            "{id}"
        );
    }
    let page = store.feed(&acme, FeedPosition::START, 10).await.unwrap();
    assert_eq!(page.events.len(), 3);
    let theirs = limited(submission(&other, &["e3"], &[target(1)]), Some(6), None);
    accept(subject, theirs).await;

    let done = claim(subject, 10, LONG).await;
    let done = done.iter().find(|one| one.event.tenant == acme).unwrap();
    settle(subject, settlement(done, Some(attempt(1, 200)), Next::Done)).await;
    // A store may learn with a delay that there is space again.
    subject.pass(SHORT).await;
    let one = fresh(submission(&acme, &["e8"], &[target(1)]));
    accept(subject, limited(one, Some(6), Some(stored + size))).await;
}

pub(crate) async fn duplicates_add_nothing_to_usage(subject: &impl Subject) {
    let acme = tenant("acme");
    let first = keyed(submission(&acme, &["e1"], &[target(1)]), "k", 1);
    accept(subject, first.clone()).await;
    let before = usage(subject, &acme).await;
    assert!(matches!(accept(subject, first).await, Accepted::Repeated(_)));
    let same_id = submission(&acme, &["e1"], &[target(1), target(2)]);
    assert_eq!(accept(subject, same_id).await, stored(&[false]));
    assert_eq!(usage(subject, &acme).await, before);
}

pub(crate) async fn replays_over_the_limit_are_refused_whole(subject: &impl Subject) {
    let (store, acme) = (subject.store(), tenant("acme"));
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let replay = |run| {
        let id = delivery_id("e1", target(1));
        (DeliveryId { run, ..id }, Trigger::Replay)
    };
    let limits = StoredLimits {
        pending_deliveries: Some(3),
        stored_bytes: Some(1),
    };
    let three = vec![replay(1), replay(2), replay(3)];
    let refused = store.enqueue(&acme, three, limits).await;
    assert!(
        matches!(refused, Err(StoreError::OverQuota(over)) if over.used == 1 && over.added == 3),
        "{refused:?}"
    );
    assert_eq!(usage(subject, &acme).await.pending_deliveries, 1);
    let two = vec![replay(1), replay(2)];
    assert_eq!(store.enqueue(&acme, two, limits).await.unwrap(), 2);
    assert_eq!(usage(subject, &acme).await.pending_deliveries, 3);
}

pub(crate) async fn forgotten_tenant_uses_nothing(subject: &impl Subject) {
    let (store, acme, other) = (subject.store(), tenant("acme"), tenant("other"));
    accept(subject, submission(&acme, &["e1", "e2"], &[target(1), target(2)])).await;
    let mut unlisted = submission(&acme, &["test"], &[target(3)]);
    changed(&mut unlisted, 0).fate = Fate::Test;
    accept(subject, unlisted).await;
    accept(subject, submission(&other, &["e1"], &[target(1)])).await;
    let theirs = usage(subject, &other).await;
    let last = store.feed_back(&acme, FeedPosition::END, 1).await.unwrap().events[0].0;
    while store.forget_tenant(&acme, last).await.unwrap() {}
    assert_eq!(usage(subject, &acme).await, StoredUsage::default());
    assert_eq!(usage(subject, &other).await, theirs);
}

pub(crate) async fn old_events_free_their_bytes(subject: &impl Subject) {
    let (store, acme) = (subject.store(), tenant("acme"));
    let mut unlisted = submission(&acme, &["test"], &[]);
    changed(&mut unlisted, 0).fate = Fate::Test;
    accept(subject, unlisted).await;
    accept(subject, submission(&acme, &["done", "pending"], &[target(1)])).await;
    let leased = claim(subject, 10, LONG).await;
    let done = leased.iter().find(|one| one.id.event.as_str() == "done").unwrap();
    settle(subject, settlement(done, Some(attempt(1, 200)), Next::Done)).await;
    subject.pass(OLD).await;
    let young = submission(&acme, &["young"], &[]);
    let pending = submission(&acme, &["pending"], &[target(1)]);
    let kept = bytes(&young) + bytes(&pending);
    accept(subject, young).await;
    for _ in 0..2 {
        store.sweep().await.unwrap();
        let usage = usage(subject, &acme).await;
        assert_eq!((usage.pending_deliveries, usage.stored_bytes), (1, kept));
    }
}
