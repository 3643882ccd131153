//! Statistics: attempts are counted once, with their settlements, by subscription and tenant.

use super::*;
use hookgate_domain::stats::{DEAD, FAILED, LastFailure};
use hookgate_domain::{Stats, Tally};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn tally(number: u128, bucket: Timestamp) -> Tally {
    Tally {
        subscription: SubscriptionId::new(ulid::Ulid(number)),
        bucket,
        keep_from: bucket.minus(Duration::from_secs(10)),
    }
}

async fn stats(subject: &impl Subject, tenant: &TenantId, number: u128) -> Stats {
    let id = SubscriptionId::new(ulid::Ulid(number));
    subject.store().stats(tenant, id).await.unwrap()
}

/// Settlements of as many deliveries of one event, counted for subscription 1.
async fn settlements(
    subject: &impl Subject,
    tenant: &TenantId,
    event: &str,
    bucket: Timestamp,
    ends: Vec<(u16, Next)>,
) -> Vec<Settlement> {
    let targets: Vec<_> = (1..=ends.len())
        .map(|n| target(u128::try_from(n).unwrap()))
        .collect();
    accept(subject, submission(tenant, &[event], &targets)).await;
    let leased = claim(subject, 100, LONG).await;
    assert_eq!(leased.len(), ends.len());
    let all = leased.iter().zip(ends);
    all.map(|(leased, (status, next))| Settlement {
        tally: Some(tally(1, bucket)),
        ..settlement(leased, Some(attempt(1, status)), next)
    })
    .collect()
}

pub(crate) async fn attempts_are_counted_with_their_settlements(subject: &impl Subject) {
    let acme = tenant("acme");
    assert_eq!(stats(subject, &acme, 1).await, Stats::default());
    let later = now(subject).await.plus(LONG * 2);
    let retry = Next::RetryAt {
        at: later,
        body: None,
    };
    let ends = vec![
        (200, Next::Done),
        (500, retry),
        (200, Next::Done),
        (410, Next::Dead),
    ];
    let batch = settlements(subject, &acme, "e1", START, ends).await;
    for answer in subject.store().settle(batch.clone()).await {
        assert!(matches!(answer, Ok(Settled::Applied(_))));
    }
    // A repeated settlement has been applied already.
    for answer in subject.store().settle(batch).await {
        assert!(!matches!(answer, Ok(Settled::Applied(_))));
    }
    let found = stats(subject, &acme, 1).await;
    assert_eq!(found.buckets.len(), 1);
    assert_eq!(found.buckets[0].start, START);
    let counts = found.buckets[0].counts;
    assert_eq!((counts.0[0], counts.0[FAILED], counts.0[DEAD]), (2, 2, 1));
    assert_eq!((counts.attempts(), counts.delivered()), (4, 2));
    let ended = attempt(1, 200).started.plus(attempt(1, 200).took);
    assert_eq!(found.last_success, Some(ended));
    let failure = found.last_failure.unwrap();
    assert_eq!((failure.at, failure.outcome.as_str()), (ended, "http_error"));
    let known = [(Some(410), None), (Some(500), Some(later))];
    assert!(known.contains(&(failure.status, failure.retry)), "{failure:?}");
    for (tenant, number) in [(&acme, 2), (&tenant("other"), 1)] {
        assert_eq!(stats(subject, tenant, number).await, Stats::default());
    }
}

pub(crate) async fn what_is_not_applied_or_told_is_not_counted(subject: &impl Subject) {
    let acme = tenant("acme");
    let later = now(subject).await.plus(LONG * 2);
    let retry = Next::RetryAt {
        at: later,
        body: None,
    };
    let batch = settlements(
        subject,
        &acme,
        "e1",
        START,
        vec![(500, retry.clone()), (500, retry)],
    )
    .await;
    let mut stale = batch[0].clone();
    stale.token = Token(Timestamp::from_micros(7));
    assert_eq!(settle(subject, stale).await, Settled::Stale);
    let mut untold = batch[1].clone();
    untold.tally = None;
    settle(subject, untold).await;
    assert_eq!(stats(subject, &acme, 1).await, Stats::default());
}

pub(crate) async fn old_buckets_go_when_a_new_one_begins(subject: &impl Subject) {
    let acme = tenant("acme");
    let secs = Duration::from_secs;
    for (n, offset) in [0, 5, 10, 11].into_iter().enumerate() {
        let bucket = START.plus(secs(offset));
        let event = format!("e{n}");
        let batch = settlements(subject, &acme, &event, bucket, vec![(503, Next::Dead)]).await;
        settle(subject, batch[0].clone()).await;
    }
    let found = stats(subject, &acme, 1).await;
    let starts: Vec<_> = found
        .buckets
        .iter()
        .map(|bucket| bucket.start.since(START))
        .collect();
    assert_eq!(starts, [secs(5), secs(10), secs(11)]);
    assert_eq!(found.since(START.plus(secs(10))).failed(), 2);
    let died = LastFailure {
        retry: None,
        ..found.last_failure.unwrap()
    };
    assert_eq!((died.status, died.retry), (Some(503), None));
}

pub(crate) async fn statistics_are_forgotten(subject: &impl Subject) {
    let acme = tenant("acme");
    let batch = settlements(subject, &acme, "e1", START, vec![(200, Next::Done)]).await;
    settle(subject, batch[0].clone()).await;
    let id = SubscriptionId::new(ulid::Ulid(1));
    let store = subject.store();
    store.forget_stats(&tenant("other"), &[id]).await.unwrap();
    assert_ne!(stats(subject, &acme, 1).await, Stats::default());
    store.forget_stats(&acme, &[]).await.unwrap();
    store.forget_stats(&acme, &[id]).await.unwrap();
    assert_eq!(stats(subject, &acme, 1).await, Stats::default());
}
