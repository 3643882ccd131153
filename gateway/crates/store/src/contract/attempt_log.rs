//! The attempt log: what is settled is in it, in that order, and no more of it than may be.

use super::*;
use crate::{About, FeedPosition, Left, LogEntry, LogRange};
use hookgate_domain::{OutcomeKind, Trigger};

/// A settlement whose attempt is logged.
fn logged(leased: &Leased, attempt: Option<Attempt>, next: Next) -> Settlement {
    let about = About {
        kind: leased.event.kind.clone(),
        trigger: leased.trigger,
    };
    Settlement {
        about: Some(about),
        ..settlement(leased, attempt, next)
    }
}

async fn entries(subject: &impl Subject, tenant: &TenantId, range: LogRange, limit: usize) -> Vec<LogEntry> {
    subject.store().attempts(tenant, range, limit).await.unwrap()
}

async fn all(subject: &impl Subject, tenant: &TenantId) -> Vec<LogEntry> {
    entries(subject, tenant, LogRange::After(FeedPosition::START), 10_000).await
}

/// Settles a delivery of one event to each of so many endpoints, all at once.
async fn settle_many(subject: &impl Subject, tenant: &TenantId, event: &str, count: u128) {
    let targets: Vec<_> = (1..=count).map(target).collect();
    accept(subject, submission(tenant, &[event], &targets)).await;
    let leased = claim(subject, targets.len(), LONG).await;
    assert_eq!(leased.len(), targets.len());
    let batch = leased
        .iter()
        .map(|leased| logged(leased, Some(attempt(1, 200)), Next::Done));
    for answer in subject.store().settle(batch.collect()).await {
        assert_eq!(answer.unwrap(), Settled::Applied(None));
    }
}

pub(crate) async fn settled_attempts_are_logged_newest_last(subject: &impl Subject) {
    let (acme, other) = (tenant("acme"), tenant("acme-2"));
    let begun = now(subject).await;
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let later = now(subject).await;
    for (number, status, next) in [
        (
            1,
            500,
            Next::RetryAt {
                at: later,
                body: None,
            },
        ),
        (
            2,
            503,
            Next::RetryAt {
                at: later,
                body: None,
            },
        ),
        (3, 200, Next::Done),
    ] {
        let leased = claim_one(subject, LONG).await;
        settle(subject, logged(&leased, Some(attempt(number, status)), next)).await;
        subject.pass(Duration::from_millis(5)).await;
    }
    settle_many(subject, &other, "e2", 3).await;

    let found = all(subject, &acme).await;
    let told: Vec<_> = found
        .iter()
        .map(|entry| {
            let LogEntry { attempt, .. } = entry;
            assert_eq!(attempt.delivery, delivery_id("e1", target(1)));
            assert_eq!(
                (attempt.kind.as_str(), attempt.trigger),
                ("invoice.paid", Trigger::Published)
            );
            assert_eq!(attempt.took_ms, 7);
            assert!(entry.at >= Timestamp::from_millis(begun.as_millis()) && entry.at <= begun.plus(LONG));
            (attempt.number, attempt.outcome, attempt.status, attempt.left)
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, OutcomeKind::HttpError, Some(500), Left::Pending),
            (2, OutcomeKind::HttpError, Some(503), Left::Pending),
            (3, OutcomeKind::Delivered, Some(200), Left::Delivered),
        ]
    );
    assert!(found.windows(2).all(|two| two[0].position < two[1].position));

    // Both ways, from each place and to any number.
    let back = entries(subject, &acme, LogRange::Before(FeedPosition::END), 10).await;
    assert!(back.iter().eq(found.iter().rev()));
    for (at, entry) in found.iter().enumerate() {
        let after = entries(subject, &acme, LogRange::After(entry.position), 1).await;
        assert_eq!(after.first(), found.get(at + 1));
        let before = entries(subject, &acme, LogRange::Before(entry.position), 10).await;
        assert!(before.iter().eq(found[..at].iter().rev()));
        let since = subject.store().attempts_since(entry.at);
        let since = entries(subject, &acme, LogRange::After(since), 10).await;
        assert!(
            since.contains(entry) && since.len() == found.len() - at,
            "{since:?}"
        );
    }
    // Many of one commit are pages, too.
    let both = all(subject, &other).await;
    assert_eq!(both.len(), 3);
    let middle = both[1].position;
    assert_eq!(
        entries(subject, &other, LogRange::After(middle), 10).await,
        both[2..]
    );
    assert_eq!(
        entries(subject, &other, LogRange::Before(middle), 10).await,
        both[..1]
    );
    assert_eq!(
        entries(subject, &other, LogRange::Before(FeedPosition::END), 1).await,
        both[2..]
    );
    assert_eq!(
        entries(subject, &other, LogRange::Before(FeedPosition::START), 1).await,
        []
    );
    assert_eq!(
        entries(subject, &other, LogRange::After(FeedPosition::END), 1).await,
        []
    );
}

pub(crate) async fn what_changes_nothing_is_in_no_log(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let late = claim_one(subject, SHORT).await;
    subject.pass(SHORT).await;
    let holder = claim_one(subject, LONG).await;
    let stale = logged(&late, Some(attempt(1, 500)), Next::Dead);
    assert_eq!(settle(subject, stale).await, Settled::Stale);
    let extended = logged(&holder, None, Next::Extend(holder.token.0.plus(LONG)));
    let Settled::Applied(Some(token)) = settle(subject, extended).await else {
        panic!("the lease goes on")
    };
    let holder = Leased { token, ..holder };
    let silent = settlement(&holder, Some(attempt(1, 200)), Next::Done);
    assert_eq!(settle(subject, silent).await, Settled::Applied(None));
    let again = logged(&holder, Some(attempt(1, 200)), Next::Done);
    assert_eq!(settle(subject, again).await, Settled::Missing);
    assert_eq!(all(subject, &acme).await, []);
}

pub(crate) async fn events_of_a_key_are_found(subject: &impl Subject) {
    let acme = tenant("acme");
    let both = keyed(submission(&acme, &["e1", "e2"], &[]), "k", 1);
    accept(subject, both).await;
    let found = subject.store().events_of_key(&acme, "k").await.unwrap();
    let ids: Vec<_> = found.iter().map(hookgate_domain::EventId::as_str).collect();
    assert_eq!(ids, ["e1", "e2"]);
    for (tenant, key) in [(&acme, "other"), (&tenant("globex"), "k")] {
        assert_eq!(subject.store().events_of_key(tenant, key).await.unwrap(), []);
    }
}

pub(crate) async fn log_is_capped_by_number(subject: &impl Subject) {
    let acme = tenant("acme");
    for event in ["e1", "e2", "e3", "e4"] {
        settle_many(subject, &acme, event, 150).await;
    }
    let kept = all(subject, &acme).await;
    // A Redis removes whole nodes of a stream; the embedded store whole commits, and not with each.
    assert!((100..=400).contains(&kept.len()), "{}", kept.len());
    let newest = kept.last().unwrap().attempt.delivery.event.clone();
    assert_eq!(newest.as_str(), "e4");
}

pub(crate) async fn log_is_capped_by_age(subject: &impl Subject) {
    let acme = tenant("acme");
    settle_many(subject, &acme, "e1", 2).await;
    subject.pass(OLD).await;
    settle_many(subject, &acme, "e2", 1).await;
    subject.store().sweep().await.unwrap();
    let kept = all(subject, &acme).await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0].attempt.delivery.event.as_str(), "e2");
    subject
        .store()
        .forget_tenant(&acme, FeedPosition::END)
        .await
        .unwrap();
    while subject
        .store()
        .forget_tenant(&acme, FeedPosition::END)
        .await
        .unwrap()
    {}
    assert_eq!(all(subject, &acme).await, []);
}
