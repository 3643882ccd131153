//! Leasing: one holder at a time, the longest due first, and nothing forgotten when a holder is.

use std::collections::HashSet;

use super::*;

pub(crate) async fn a_lease_is_exclusive(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let leased = claim_one(subject, LONG).await;
    assert!(*leased.event == event(&acme, "e1"));
    assert_eq!((leased.attempts, leased.first_attempt), (0, None));
    assert!(leased.body.is_none());

    assert_eq!(claim(subject, 10, LONG).await.len(), 0);
    subject.pass(SHORT).await;
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);
}

pub(crate) async fn a_lease_that_ran_out_is_given_again(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let first = claim_one(subject, LONG).await;
    let due = now(subject).await;
    let retry = Next::RetryAt { at: due, body: None };
    settle(subject, settlement(&first, Some(attempt(1, 500)), retry)).await;

    let second = claim_one(subject, SHORT).await;
    subject.pass(SHORT).await;
    let third = claim_one(subject, LONG).await;
    assert_eq!(third.id, second.id);
    assert_ne!(third.token, second.token);
    assert_eq!(third.attempts, 1, "attempts made before are not forgotten");
    assert_eq!(third.first_attempt, Some(attempt(1, 500).started));
}

pub(crate) async fn the_longest_due_comes_first(subject: &impl Subject) {
    let acme = tenant("acme");
    let ids = ["c", "a", "e", "b", "d"];
    for id in ids {
        accept(subject, submission(&acme, &[id], &[target(1)])).await;
        subject.pass(Duration::from_millis(2)).await;
    }
    let order = |leased: Vec<Leased>| -> Vec<String> {
        let names = leased.iter().map(|l| l.id.event.as_str().to_owned());
        names.collect()
    };
    let claimed = claim(subject, 10, LONG).await;
    assert_eq!(order(claimed.clone()), ids, "as they came");

    // Due again in the order of the alphabet, all in the past.
    let base = now(subject).await.minus(Duration::from_secs(100));
    for leased in &claimed {
        let letter = u64::from(leased.id.event.as_str().as_bytes()[0]);
        let at = base.plus(Duration::from_micros(letter));
        settle(
            subject,
            settlement(leased, None, Next::RetryAt { at, body: None }),
        )
        .await;
    }
    assert_eq!(
        order(claim(subject, 10, LONG).await),
        ["a", "b", "c", "d", "e"],
        "as they are due"
    );
}

pub(crate) async fn a_claim_tells_how_late_it_is(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1", "e2"], &[target(1)])).await;
    subject.pass(SHORT).await;
    let mut late = vec![];
    for shard in 0..subject.store().shards() {
        late.extend(subject.store().claim(Shard(shard), 10, LONG).await.unwrap().late);
    }
    assert_eq!(late.len(), 2);
    assert!(late.iter().all(|late| *late >= SHORT), "{late:?}");
}

pub(crate) async fn no_more_than_asked_for(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1", "e2", "e3"], &[target(1)])).await;
    assert_eq!(claim(subject, 2, LONG).await.len(), 2);
    assert_eq!(claim(subject, 2, LONG).await.len(), 1);
    assert_eq!(claim(subject, 2, LONG).await.len(), 0);
}

pub(crate) async fn the_next_due_time_is_exact(subject: &impl Subject) {
    let acme = tenant("acme");
    assert_eq!(next_due(subject).await, None);
    accept(subject, submission(&acme, &["e1", "e2"], &[target(1)])).await;
    let claimed = claim(subject, 10, LONG).await;
    let ends = claimed.iter().map(|l| l.token.0).min();
    assert_eq!(next_due(subject).await, ends, "when the lease ends");

    let at = now(subject).await.plus(Duration::from_micros(17_000_001));
    let retry = Next::RetryAt { at, body: None };
    settle(subject, settlement(&claimed[0], None, retry)).await;
    assert_eq!(next_due(subject).await, Some(at), "when the retry is due");

    for leased in &claimed {
        settle(subject, settlement(leased, None, Next::Done)).await;
    }
    assert_eq!(next_due(subject).await, None);
}

pub(crate) async fn concurrent_claims_share_nothing(subject: &impl Subject) {
    let acme = tenant("acme");
    let ids: Vec<String> = (0..60).map(|n| format!("e{n}")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    accept(subject, submission(&acme, &names, &[target(1)])).await;
    let claims = futures_util::future::join_all((0..8).map(|_| claim(subject, 10, LONG))).await;
    let all: Vec<_> = claims.into_iter().flatten().map(|l| l.id).collect();
    let distinct: HashSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (60, 60));
}

pub(crate) async fn a_lease_is_extended(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let mut leased = claim_one(subject, SHORT).await;
    let extended = settle(subject, settlement(&leased, None, Next::Extend(LONG))).await;
    let Settled::Applied(Some(token)) = extended else {
        panic!("a new token, not {extended:?}")
    };
    assert!(token.0 > leased.token.0);
    subject.pass(SHORT).await;
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);

    let stale = settlement(&leased, None, Next::Release);
    assert_eq!(
        settle(subject, stale).await,
        Settled::Stale,
        "the old token is spent"
    );
    leased.token = token;
    assert_eq!(
        settle(subject, settlement(&leased, None, Next::Release)).await,
        Settled::Applied(None)
    );
}

pub(crate) async fn a_lease_is_released(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let leased = claim_one(subject, LONG).await;
    let release = settlement(&leased, None, Next::Release);
    assert_eq!(settle(subject, release).await, Settled::Applied(None));
    let again = claim_one(subject, LONG).await;
    assert_eq!((again.id, again.attempts), (leased.id, 0));
}
