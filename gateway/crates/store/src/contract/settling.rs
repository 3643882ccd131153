//! Settling: the token decides, a success always counts, and finished deliveries do not change.

use super::*;
use hookgate_domain::{DeliveryState, Trigger, UnsentRequest};

pub(crate) async fn a_success_ends_it(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let leased = claim_one(subject, LONG).await;
    let done = settlement(&leased, Some(attempt(1, 200)), Next::Done);
    assert_eq!(settle(subject, done.clone()).await, Settled::Applied(None));
    assert_eq!(
        settle(subject, done).await,
        Settled::Missing,
        "a second time changes nothing"
    );

    let (delivered, attempts) = delivery(subject, &acme, &leased.id).await;
    assert!(matches!(delivered.state, DeliveryState::Delivered { .. }));
    assert_eq!(delivered.attempts, 1);
    assert_eq!(delivered.first_attempt, Some(attempt(1, 200).started));
    assert_eq!(delivered.last, Some(attempt(1, 200).outcome));
    assert_eq!(attempts, [attempt(1, 200)]);
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);
    assert_eq!(next_due(subject).await, None);
}

pub(crate) async fn a_retry_keeps_the_body_and_the_count(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let body = Bytes::from(vec![7; 3000]);
    for (number, body_now) in [(1, Some(body.clone())), (2, None)] {
        let leased = claim_one(subject, LONG).await;
        assert_eq!(leased.attempts, number - 1);
        let at = now(subject).await;
        let next = Next::RetryAt { at, body: body_now };
        let retry = settlement(&leased, Some(attempt(number, 500)), next);
        assert_eq!(settle(subject, retry).await, Settled::Applied(None));
    }
    let leased = claim_one(subject, LONG).await;
    assert_eq!(leased.attempts, 2);
    assert_eq!(leased.first_attempt, Some(attempt(1, 500).started));
    assert!(leased.body == Some(body), "every attempt sends the same");

    // Postponed without an attempt: nothing is counted.
    let at = now(subject).await;
    let next = Next::RetryAt { at, body: None };
    settle(subject, settlement(&leased, None, next)).await;
    let leased = claim_one(subject, LONG).await;
    assert_eq!(leased.attempts, 2);
    assert!(leased.body.is_some());
}

pub(crate) async fn a_stale_token_changes_nothing(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let late = claim_one(subject, SHORT).await;
    subject.pass(SHORT).await;
    let holder = claim_one(subject, LONG).await;

    let at = now(subject).await;
    let all = [
        Next::RetryAt {
            at,
            body: Some(Bytes::from_static(b"late")),
        },
        Next::Dead,
        Next::Cancelled,
        Next::Release,
        Next::Extend(at.plus(2 * LONG)),
    ];
    for next in all {
        let stale = settlement(&late, Some(attempt(1, 500)), next);
        assert_eq!(settle(subject, stale).await, Settled::Stale);
    }
    let (pending, attempts) = delivery(subject, &acme, &holder.id).await;
    assert_eq!((pending.attempts, attempts.len()), (0, 0));
    assert_eq!(pending.state, DeliveryState::Pending { next: holder.token.0 });
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);
    let done = settlement(&holder, Some(attempt(1, 200)), Next::Done);
    assert_eq!(settle(subject, done).await, Settled::Applied(None));
}

pub(crate) async fn a_late_success_counts(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let late = claim_one(subject, SHORT).await;
    subject.pass(SHORT).await;
    let holder = claim_one(subject, LONG).await;

    let done = settlement(&late, Some(attempt(1, 200)), Next::Done);
    assert_eq!(settle(subject, done).await, Settled::Applied(None));
    let (delivered, _) = delivery(subject, &acme, &late.id).await;
    assert!(matches!(delivered.state, DeliveryState::Delivered { .. }));
    let retry = Next::RetryAt {
        at: now(subject).await,
        body: None,
    };
    let answer = settle(subject, settlement(&holder, Some(attempt(1, 500)), retry)).await;
    assert_eq!(answer, Settled::Missing, "it is delivered");
    assert_eq!(next_due(subject).await, None);
}

pub(crate) async fn a_dead_delivery_is_a_dead_letter(subject: &impl Subject) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    for id in ["e1", "e2", "e3"] {
        accept(subject, submission(&acme, &[id], &[target(1)])).await;
        let leased = claim_one(subject, LONG).await;
        let dead = settlement(&leased, Some(attempt(1, 500)), Next::Dead);
        assert_eq!(settle(subject, dead).await, Settled::Applied(None));
        subject.pass(Duration::from_millis(2)).await;
    }
    let store = subject.store();
    let all = store.dead_letters(&acme, None, 10).await.unwrap();
    let names: Vec<_> = all.iter().map(|(id, _)| id.event.as_str()).collect();
    assert_eq!(names, ["e3", "e2", "e1"], "the newest first");
    let (dead, attempts) = delivery(subject, &acme, &all[0].0).await;
    assert_eq!(dead.state, DeliveryState::Dead { at: all[0].1 });
    assert_eq!(attempts.len(), 1);

    let page = store.dead_letters(&acme, None, 1).await.unwrap();
    assert_eq!(page, all[..1]);
    let older = store.dead_letters(&acme, Some(all[0].1), 10).await.unwrap();
    assert_eq!(older, all[1..]);
    assert_eq!(store.dead_letters(&other, None, 10).await.unwrap(), []);
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);
}

pub(crate) async fn a_cancelled_delivery_is_never_claimed(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let leased = claim_one(subject, SHORT).await;
    let cancel = settlement(&leased, None, Next::Cancelled);
    assert_eq!(settle(subject, cancel).await, Settled::Applied(None));
    subject.pass(SHORT).await;
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);
    let (cancelled, _) = delivery(subject, &acme, &leased.id).await;
    assert!(matches!(cancelled.state, DeliveryState::Cancelled { .. }));
}

pub(crate) async fn what_does_not_exist_is_missing(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let leased = claim_one(subject, LONG).await;
    let mut others_target = settlement(&leased, None, Next::Done);
    others_target.id.target = target(2);
    let mut other_run = settlement(&leased, None, Next::Done);
    other_run.id.run = 1;
    let mut other_tenant = settlement(&leased, None, Next::Done);
    other_tenant.tenant = tenant("other");
    for unknown in [others_target, other_run, other_tenant] {
        let id = unknown.id.clone();
        let of = unknown.tenant.clone();
        assert_eq!(settle(subject, unknown).await, Settled::Missing);
        assert!(subject.store().delivery(&of, &id).await.unwrap().is_none());
    }
}

pub(crate) async fn attempts_are_kept_in_order(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    for number in 1..=12 {
        let leased = claim_one(subject, LONG).await;
        let retry = Next::RetryAt {
            at: now(subject).await,
            body: None,
        };
        settle(subject, settlement(&leased, Some(attempt(number, 500)), retry)).await;
    }
    let leased = claim_one(subject, LONG).await;
    settle(subject, settlement(&leased, Some(attempt(13, 200)), Next::Done)).await;
    let (delivered, attempts) = delivery(subject, &acme, &leased.id).await;
    assert_eq!(delivered.attempts, 13);
    let numbers: Vec<_> = attempts.iter().map(|a| a.number).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<_>>());
    assert_eq!(attempts[12], attempt(13, 200));
    assert_eq!(attempts[3], attempt(4, 500));
}

pub(crate) async fn a_replay_is_one_delivery_more(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(2), target(1)])).await;
    for leased in claim(subject, 10, LONG).await {
        settle(subject, settlement(&leased, Some(attempt(1, 500)), Next::Dead)).await;
    }
    let replay = |event: &str, run| DeliveryId {
        run,
        ..delivery_id(event, target(1))
    };
    let wanted = vec![
        (replay("e1", 77), Trigger::Replay),
        (replay("unknown", 77), Trigger::Replay),
        (replay("e1", 0), Trigger::Replay),
    ];
    let store = subject.store();
    assert_eq!(
        store
            .enqueue(&acme, wanted.clone(), StoredLimits::default())
            .await
            .unwrap(),
        1,
        "unknown and existing ones are left out"
    );
    assert_eq!(
        store
            .enqueue(&acme, wanted.clone(), StoredLimits::default())
            .await
            .unwrap(),
        0,
        "once"
    );
    assert_eq!(
        store
            .enqueue(&tenant("other"), wanted, StoredLimits::default())
            .await
            .unwrap(),
        0,
        "another tenant has no such event"
    );

    let leased = claim_one(subject, LONG).await;
    assert_eq!((&leased.id, leased.trigger), (&replay("e1", 77), Trigger::Replay));
    assert!(*leased.event == event(&acme, "e1"));
    settle(subject, settlement(&leased, Some(attempt(1, 200)), Next::Done)).await;
    assert_eq!(
        store
            .enqueue(
                &acme,
                vec![(replay("e1", 77), Trigger::Replay)],
                StoredLimits::default()
            )
            .await
            .unwrap(),
        0,
        "a finished one exists too"
    );

    let test = (replay("e1", 9), Trigger::Test);
    assert_eq!(
        store
            .enqueue(&acme, vec![test], StoredLimits::default())
            .await
            .unwrap(),
        1
    );
    let found = store.event(&acme, &"e1".parse().unwrap()).await.unwrap().unwrap();
    let ids: Vec<_> = found.deliveries.iter().map(|d| d.id.clone()).collect();
    let published = [delivery_id("e1", target(2)), delivery_id("e1", target(1))];
    assert_eq!(ids[..2], published, "the published ones as they were given");
    assert_eq!(
        ids[2..],
        [replay("e1", 9), replay("e1", 77)],
        "then the others by time"
    );
    assert!(matches!(
        found.deliveries[3].state,
        DeliveryState::Delivered { .. }
    ));
    assert!(matches!(found.deliveries[0].state, DeliveryState::Dead { .. }));
    assert_eq!(found.deliveries[2].trigger, Trigger::Test);
}

pub(crate) async fn settlements_are_answered_in_order(subject: &impl Subject) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    accept(subject, submission(&acme, &["e1", "e2", "e3"], &[target(1)])).await;
    accept(subject, submission(&other, &["e1"], &[target(1)])).await;
    let mut leased = claim(subject, 10, LONG).await;
    leased.sort_by_key(|l| (l.event.tenant.clone(), l.id.clone()));
    let mut stale = settlement(&leased[1], None, Next::Dead);
    stale.token.0 = stale.token.0.plus(Duration::from_micros(1));
    let mut unknown = settlement(&leased[2], None, Next::Done);
    unknown.id.run = 5;
    let batch = vec![
        settlement(&leased[0], Some(attempt(1, 200)), Next::Done),
        settlement(&leased[0], Some(attempt(1, 200)), Next::Done),
        stale,
        unknown,
        settlement(&leased[2], None, Next::Release),
        settlement(&leased[3], Some(attempt(1, 200)), Next::Done),
    ];
    let answers: Vec<_> = subject.store().settle(batch).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        answers,
        [
            Settled::Applied(None),
            Settled::Missing,
            Settled::Stale,
            Settled::Missing,
            Settled::Applied(None),
            Settled::Applied(None),
        ]
    );
}

pub(crate) async fn a_shadowed_delivery_ends_with_its_request(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let leased = claim_one(subject, LONG).await;
    let outcome = Outcome::Shadowed {
        request: Box::new(UnsentRequest {
            url: "https://example.com/hook".to_owned(),
            query: true,
            headers: vec![
                ("webhook-id".to_owned(), Some("e1".to_owned())),
                ("authorization".to_owned(), None),
            ],
            more_headers: 0,
            body_digest: [7; 32],
            body_bytes: 300,
        }),
    };
    let made = Attempt {
        outcome: outcome.clone(),
        ..attempt(1, 200)
    };
    let late = Settlement {
        token: Token(leased.token.0.minus(Duration::from_micros(1))),
        ..settlement(&leased, Some(made.clone()), Next::Shadowed)
    };
    assert_eq!(settle(subject, late).await, Settled::Stale);
    let ends = settlement(&leased, Some(made.clone()), Next::Shadowed);
    assert_eq!(settle(subject, ends.clone()).await, Settled::Applied(None));
    assert_eq!(settle(subject, ends).await, Settled::Missing);
    let (shadowed, attempts) = delivery(subject, &acme, &leased.id).await;
    assert!(matches!(shadowed.state, DeliveryState::Shadowed { .. }));
    assert_eq!((shadowed.attempts, shadowed.last), (1, Some(outcome)));
    assert_eq!(attempts, [made]);
    assert_eq!(next_due(subject).await, None);
    let used = subject.store().usage(&acme, Duration::ZERO).await.unwrap();
    assert_eq!(used.pending_deliveries, 0);
}
