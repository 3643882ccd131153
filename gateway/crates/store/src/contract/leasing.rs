//! Leasing: one holder at a time, the longest due first, and no delivery lost with a holder.

use std::collections::HashSet;

use super::*;
use hookgate_domain::DeliveryState;

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

    // Due again in alphabetical order, all in the past.
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
    let token = Token(now(subject).await.plus(LONG));
    let extension = settlement(&leased, None, Next::Extend(token.0));
    let extended = Settled::Applied(Some(token));
    assert_eq!(settle(subject, extension.clone()).await, extended);
    subject.pass(SHORT).await;
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);
    assert_eq!(next_due(subject).await, Some(token.0));
    assert_eq!(settle(subject, extension).await, extended, "it is safe to repeat");

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

pub(crate) async fn a_lease_that_ended_is_extended_until_it_is_claimed(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, submission(&acme, &["e1"], &[target(1)])).await;
    let mut leased = claim_one(subject, SHORT).await;
    subject.pass(SHORT).await;
    let token = Token(now(subject).await.plus(SHORT));
    let extension = settlement(&leased, None, Next::Extend(token.0));
    assert_eq!(settle(subject, extension).await, Settled::Applied(Some(token)));
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);

    leased.token = token;
    subject.pass(SHORT).await;
    let other = claim_one(subject, LONG).await;
    let late = settlement(&leased, None, Next::Extend(other.token.0.plus(LONG)));
    assert_eq!(settle(subject, late).await, Settled::Stale);
    assert_eq!(next_due(subject).await, Some(other.token.0));
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

/// Endpoint of a tenant's subscription.
fn endpoint(tenant: &TenantId, number: u128) -> Endpoint {
    Endpoint {
        tenant: tenant.clone(),
        target: target(number),
    }
}

/// Endpoints whose turn has come in a tenant's shard.
async fn turns(subject: &impl Subject, tenant: &TenantId) -> Vec<Endpoint> {
    let store = subject.store();
    store.turns(store.shard_of(tenant), 10).await.unwrap().endpoints
}

/// Claims from one endpoint: the leased deliveries, and `true` if there are more.
async fn pick(subject: &impl Subject, pick: Pick) -> (Vec<Leased>, bool) {
    let store = subject.store();
    let shard = store.shard_of(&pick.endpoint.tenant);
    let claimed = store.claim_from(shard, &[pick], LONG).await.unwrap();
    (claimed.leased, claimed.more[0])
}

pub(crate) async fn endpoints_take_turns(subject: &impl Subject) {
    let acme = tenant("acme");
    let (loud, calm) = (endpoint(&acme, 1), endpoint(&acme, 2));
    let ids: Vec<String> = (0..30).map(|n| format!("e{n}")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    accept(subject, submission(&acme, &names, &[target(1)])).await;
    subject.pass(Duration::from_millis(2)).await;
    accept(subject, submission(&acme, &["late"], &[target(2)])).await;
    assert_eq!(turns(subject, &acme).await, [loud.clone(), calm.clone()]);
    subject.pass(Duration::from_millis(2)).await;

    let (leased, more) = pick(subject, Pick::of(loud.clone(), 3)).await;
    assert_eq!((leased.len(), more), (3, true));
    assert_eq!(turns(subject, &acme).await, [calm.clone(), loud.clone()]);
    let (late, more) = pick(subject, Pick::of(calm.clone(), 3)).await;
    assert_eq!((late.len(), more), (1, false));
    assert_eq!(turns(subject, &acme).await, std::slice::from_ref(&loud));

    // An endpoint with a due delivery has a turn again, a finished one has none.
    let now = now(subject).await;
    let retry = Next::RetryAt { at: now, body: None };
    settle(subject, settlement(&late[0], None, retry)).await;
    assert!(turns(subject, &acme).await.contains(&calm));
    let (all, more) = pick(subject, Pick::of(loud, 100)).await;
    assert_eq!((all.len(), more), (27, false));
    for done in leased.iter().chain(&all) {
        settle(subject, settlement(done, None, Next::Done)).await;
    }
    assert_eq!(turns(subject, &acme).await, [calm]);
}

pub(crate) async fn a_hold_is_one_record_for_all_that_waits(subject: &impl Subject) {
    let acme = tenant("acme");
    let (paused, other) = (endpoint(&acme, 1), endpoint(&acme, 2));
    let both = [target(1), target(2)];
    accept(subject, submission(&acme, &["e1", "e2"], &both)).await;
    let hold = Pick {
        hold: LONG,
        ..Pick::of(paused.clone(), 0)
    };
    let (leased, more) = pick(subject, hold.clone()).await;
    assert_eq!((leased.len(), more), (0, true));
    assert_eq!(turns(subject, &acme).await, std::slice::from_ref(&other));
    let (leased, _) = pick(subject, Pick::of(other, 10)).await;
    let ends = next_due(subject).await.expect("something waits");
    assert!(ends <= leased[0].token.0, "no later than the next lease ends");
    assert!(ends > now(subject).await);

    let (leased, _) = pick(subject, Pick::of(paused.clone(), 1)).await;
    assert_eq!(
        leased.len(),
        1,
        "it can be picked all the same, which ends the hold"
    );
    assert_eq!(turns(subject, &acme).await, std::slice::from_ref(&paused));
    let (leased, more) = pick(subject, Pick { max: 10, ..hold }).await;
    assert_eq!((leased.len(), more), (1, false));
    let release = settlement(&leased[0], None, Next::Release);
    assert_eq!(settle(subject, release).await, Settled::Applied(None));
    let (again, _) = pick(subject, Pick::of(paused, 10)).await;
    assert_eq!(again.len(), 1, "nothing is lost in a hold");
}

pub(crate) async fn some_targets_are_held_and_others_due(subject: &impl Subject) {
    let acme = tenant("acme");
    for (id, id_given) in [("given", true), ("new", false)] {
        let mut new = submission(&acme, &[id], &[target(1), target(2)]);
        new.events[0].id_given = id_given;
        new.lease = LeasePolicy::HoldExcept(LONG, vec![target(2)]);
        let Accepted::Stored {
            token: Some(token), ..
        } = accept(subject, new).await
        else {
            panic!("some are held")
        };
        let due = claim_one(subject, LONG).await;
        assert_eq!(due.id, delivery_id(id, target(2)));
        let (held, _) = delivery(subject, &acme, &delivery_id(id, target(1))).await;
        assert_eq!(held.state, DeliveryState::Pending { next: token.0 });
        settle(subject, settlement(&due, None, Next::Done)).await;
    }
}
