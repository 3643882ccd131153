//! Crashes during attempts: each counts once, until an attempt has an outcome.

use super::*;
use hookgate_domain::DeliveryState;

async fn tell(subject: &impl Subject, leased: &[&Leased]) -> usize {
    let interrupted = |leased: &&Leased| Interrupted {
        tenant: leased.event.tenant.clone(),
        id: leased.id.clone(),
        token: leased.token,
        attempts: leased.attempts,
    };
    let deliveries = leased.iter().map(interrupted).collect();
    subject.store().interrupted(deliveries).await.unwrap()
}

/// Claims the only due delivery, at another time than the previous claim.
/// Leases are distinguished by their ends.
async fn claim_next(subject: &impl Subject) -> Leased {
    subject.pass(Duration::from_millis(1)).await;
    claim_one(subject, LONG).await
}

pub(crate) async fn a_crash_is_counted_once_and_ends_the_lease(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1", "e2"], &[target(1)])).await;
    let first = claim(subject, 10, LONG).await;
    assert!(first.iter().all(|leased| leased.crashes == 0));
    let (crashed, other) = (&first[0], &first[1]);
    assert_eq!(tell(subject, &[crashed]).await, 1);
    assert_eq!(tell(subject, &[crashed]).await, 0, "a lease counts once");

    let again = claim_next(subject).await;
    assert_eq!((&again.id, again.crashes), (&crashed.id, 1));
    assert!(*again.event == *crashed.event);
    assert_eq!(tell(subject, &[&again]).await, 1);
    let again = claim_next(subject).await;
    assert_eq!(again.crashes, 2);
    settle(subject, settlement(&again, Some(attempt(1, 200)), Next::Done)).await;
    settle(subject, settlement(other, Some(attempt(1, 200)), Next::Done)).await;
    assert_eq!(next_due(subject).await, None);
}

pub(crate) async fn an_outcome_ends_the_count(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let first = claim_one(subject, LONG).await;
    assert_eq!(tell(subject, &[&first]).await, 1);

    // Without a recorded attempt the store does not know that it was made.
    let second = claim_next(subject).await;
    let at = now(subject).await;
    let later = Next::RetryAt { at, body: None };
    settle(subject, settlement(&second, None, later.clone())).await;
    let third = claim_next(subject).await;
    assert_eq!((third.attempts, third.crashes), (0, 1));
    settle(subject, settlement(&third, None, Next::Release)).await;
    let fourth = claim_next(subject).await;
    assert_eq!(fourth.crashes, 1);

    settle(subject, settlement(&fourth, Some(attempt(1, 500)), later)).await;
    let fifth = claim_next(subject).await;
    assert_eq!((fifth.attempts, fifth.crashes), (1, 0));
    assert_eq!(tell(subject, &[&fourth]).await, 0, "its attempt was recorded");
    assert_eq!(tell(subject, &[&fifth]).await, 1);
    let sixth = claim_next(subject).await;
    assert_eq!((sixth.attempts, sixth.crashes), (1, 1));
}

pub(crate) async fn a_crash_of_what_has_ended_counts_nothing(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1", "e2"], &[target(1)])).await;
    let leased = claim(subject, 10, LONG).await;
    let ends = [
        (Some(attempt(1, 200)), Next::Done),
        (Some(attempt(1, 500)), Next::Dead),
    ];
    for (leased, (attempt, next)) in leased.iter().zip(ends) {
        settle(subject, settlement(leased, attempt, next)).await;
    }
    let mut unknown = leased[0].clone();
    unknown.id.event = "e3".parse().unwrap();
    assert_eq!(tell(subject, &[&leased[0], &leased[1], &unknown]).await, 0);
    assert_eq!(next_due(subject).await, None);
    let event = subject.store().event(&acme, &unknown.id.event).await.unwrap();
    assert!(event.is_none(), "it does not come back without content");
    let (delivery, _) = delivery(subject, &acme, &leased[0].id).await;
    assert!(matches!(delivery.state, DeliveryState::Delivered { .. }));
}

/// Another process holds the lease by now: the crash counts, and the lease continues.
pub(crate) async fn a_crash_leaves_anothers_lease(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let first = claim_one(subject, SHORT).await;
    subject.pass(SHORT).await;
    let second = claim_one(subject, LONG).await;
    assert_eq!(tell(subject, &[&first]).await, 1);
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);
    let at = now(subject).await;
    let retry = Next::RetryAt { at, body: None };
    let settled = settle(subject, settlement(&second, None, retry)).await;
    assert_eq!(settled, Settled::Applied(None));
    assert_eq!(claim_next(subject).await.crashes, 1);
}
