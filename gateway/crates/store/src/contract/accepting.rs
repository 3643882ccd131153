//! Accepting: exactly once, atomic, and durable.

use super::*;
use crate::codec;
use hookgate_domain::StepReport;
use hookgate_domain::event::StepResult;

pub(crate) async fn an_accepted_event_is_there(subject: &impl Subject) {
    let acme = tenant("acme");
    let mut one = submission(&acme, &["e1"], &[target(1), Target::Inline]);
    let event = changed(&mut one, 0);
    event.data = Bytes::from(vec![b'x'; 5000]);
    event.metadata = Some(Bytes::from_static(b"{\"a\":1}"));
    event.deliver_to = Some("https://example.com/hook".parse().unwrap());
    let event = event.clone();

    assert_eq!(accept(subject, one).await, stored(&[true]));

    let found = subject.store().event(&acme, &event.id).await.unwrap().unwrap();
    assert!(found.event == event, "all of it comes back");
    let ids: Vec<_> = found.deliveries.iter().map(|d| d.id.clone()).collect();
    assert_eq!(
        ids,
        [delivery_id("e1", target(1)), delivery_id("e1", Target::Inline)]
    );
    let (pending, attempts) = delivery(subject, &acme, &ids[0]).await;
    assert!(matches!(
        pending.state,
        hookgate_domain::DeliveryState::Pending { .. }
    ));
    assert_eq!((pending.attempts, pending.last, attempts.len()), (0, None, 0));
    let unknown = "unknown".parse().unwrap();
    assert!(subject.store().event(&acme, &unknown).await.unwrap().is_none());
}

pub(crate) async fn a_given_id_is_accepted_once(subject: &impl Subject) {
    let acme = tenant("acme");
    assert_eq!(
        accept(subject, submission(&acme, &["e1", "e1"], &[target(1)])).await,
        stored(&[true, false]),
        "within one submission"
    );
    let mut again = submission(&acme, &["e1", "e2"], &[target(2)]);
    changed(&mut again, 0).data = Bytes::from_static(b"{}");
    assert_eq!(
        accept(subject, again).await,
        stored(&[false, true]),
        "in another one"
    );

    let found = subject
        .store()
        .event(&acme, &"e1".parse().unwrap())
        .await
        .unwrap();
    let found = found.unwrap();
    assert!(
        found.event == event(&acme, "e1"),
        "the first one is left as it was"
    );
    assert_eq!(found.deliveries.len(), 1);
    let mut claimed: Vec<_> = claim(subject, 10, LONG).await.into_iter().map(|l| l.id).collect();
    claimed.sort();
    assert_eq!(
        claimed,
        [delivery_id("e1", target(1)), delivery_id("e2", target(2))]
    );
}

pub(crate) async fn a_key_repeats_its_answer(subject: &impl Subject) {
    let acme = tenant("acme");
    let first = keyed(submission(&acme, &["e1", "e2"], &[target(1)]), "key", 1);
    assert_eq!(accept(subject, first).await, stored(&[true, true]));

    let again = keyed(submission(&acme, &["e3", "e4"], &[target(1)]), "key", 1);
    let ids = ["e1", "e2"].map(|id| id.parse().unwrap());
    assert_eq!(accept(subject, again).await, Accepted::Repeated(ids.to_vec()));

    assert_eq!(claim(subject, 10, LONG).await.len(), 2);
    assert!(
        subject
            .store()
            .event(&acme, &"e3".parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
}

pub(crate) async fn a_key_for_another_request_changes_nothing(subject: &impl Subject) {
    let acme = tenant("acme");
    accept(subject, keyed(submission(&acme, &["e1"], &[target(1)]), "key", 1)).await;

    let other = keyed(submission(&acme, &["e2"], &[target(1)]), "key", 2);
    assert_eq!(accept(subject, other).await, Accepted::KeyReused);

    assert_eq!(claim(subject, 10, LONG).await.len(), 1);
    assert!(
        subject
            .store()
            .event(&acme, &"e2".parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
}

pub(crate) async fn keys_and_ids_are_by_tenant(subject: &impl Subject) {
    // One name is a prefix of the other; neither tenant sees the other's data.
    let (acme, other) = (tenant("acme"), tenant("acme-2"));
    for (of, request) in [(&acme, 1), (&other, 2)] {
        let one = keyed(submission(of, &["e1"], &[target(1)]), "key", request);
        assert_eq!(accept(subject, one).await, stored(&[true]));
    }
    for of in [&acme, &other] {
        let found = subject.store().event(of, &"e1".parse().unwrap()).await.unwrap();
        assert!(found.unwrap().event == event(of, "e1"));
    }
    let claimed = claim(subject, 10, LONG).await;
    assert_eq!(claimed.len(), 2, "one delivery of each");
    let acmes = claimed.iter().find(|l| l.event.tenant == acme).unwrap();
    settle(subject, settlement(acmes, Some(attempt(1, 200)), Next::Done)).await;
    let (others, _) = delivery(subject, &other, &delivery_id("e1", target(1))).await;
    assert!(
        matches!(others.state, hookgate_domain::DeliveryState::Pending { .. }),
        "the other's is not touched"
    );
}

pub(crate) async fn submissions_are_answered_in_order(subject: &impl Subject) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    let answers = subject
        .store()
        .accept(vec![
            keyed(submission(&acme, &["e1"], &[target(1)]), "key", 1),
            keyed(submission(&acme, &["e2"], &[target(1)]), "key", 1),
            keyed(submission(&acme, &["e3"], &[target(1)]), "key", 2),
            submission(&acme, &["e1", "e4"], &[target(1)]),
            submission(&other, &["e1"], &[]),
        ])
        .await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        answers,
        [
            stored(&[true]),
            Accepted::Repeated(vec!["e1".parse().unwrap()]),
            Accepted::KeyReused,
            stored(&[false, true]),
            stored(&[true]),
        ]
    );
}

pub(crate) async fn one_key_at_the_same_time_stores_once(subject: &impl Subject) {
    let acme = tenant("acme");
    let ids: Vec<String> = (0..16).map(|n| format!("e{n}")).collect();
    let calls = ids
        .iter()
        .map(|id| accept(subject, keyed(submission(&acme, &[id], &[target(1)]), "key", 1)));
    let answers = futures_util::future::join_all(calls).await;
    let stored_ones = answers.iter().filter(|a| matches!(a, Accepted::Stored { .. }));
    assert_eq!(stored_ones.count(), 1);
    assert_eq!(claim(subject, 100, LONG).await.len(), 1);
}

pub(crate) async fn held_deliveries_are_leased_from_the_start(subject: &impl Subject) {
    let acme = tenant("acme");
    let mut one = submission(&acme, &["e1"], &[target(1), target(2)]);
    one.lease = LeasePolicy::Hold(LONG);
    let Accepted::Stored {
        token: Some(token), ..
    } = accept(subject, one).await
    else {
        panic!("stored with a token")
    };
    assert_eq!(claim(subject, 10, LONG).await.len(), 0);

    let done = Settlement {
        tenant: acme.clone(),
        id: delivery_id("e1", target(1)),
        token,
        attempt: Some(attempt(1, 200)),
        about: None,
        tally: None,
        next: Next::Done,
    };
    assert_eq!(settle(subject, done.clone()).await, Settled::Applied(None));
    let release = Settlement {
        id: delivery_id("e1", target(2)),
        attempt: None,
        about: None,
        tally: None,
        next: Next::Release,
        ..done
    };
    assert_eq!(settle(subject, release).await, Settled::Applied(None));
    assert_eq!(claim_one(subject, LONG).await.id, delivery_id("e1", target(2)));

    let mut two = submission(&acme, &["e2"], &[target(1)]);
    two.lease = LeasePolicy::Hold(SHORT);
    accept(subject, two).await;
    subject.pass(SHORT).await;
    let claimed = claim_one(subject, LONG).await;
    assert_eq!(
        claimed.id,
        delivery_id("e2", target(1)),
        "who held it did not settle in time"
    );
}

/// The largest event, delivery and attempt: chain reports are truncated, the rest is stored.
pub(crate) async fn the_largest_record_is_bounded_and_kept(subject: &impl Subject) {
    let acme = tenant("acme");
    // Incompressible bytes.
    let noise = |length: usize| {
        let mut state = 0x9e37_79b9_u32;
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[1]
        };
        Bytes::from((0..length).map(next).collect::<Vec<u8>>())
    };
    let step = |n: usize| StepReport {
        plugin: format!("plugin-{n}"),
        version: "v".repeat(1000),
        release: "r".repeat(1000).into(),
        canary: true,
        result: StepResult::Passed,
        failure: Some("f".repeat(1000)),
        took: Duration::from_millis(1),
        changed: (0..8)
            .map(|k| format!("/{k}/{}", "long/".repeat(20_000)))
            .collect(),
    };
    let steps: Vec<StepReport> = (0..16).map(step).collect();
    let mut large = submission(&acme, &["e1"], &[target(1)]);
    let event = changed(&mut large, 0);
    event.data = noise(1 << 20);
    event.metadata = Some(noise(1 << 20));
    event.steps.clone_from(&steps);
    let record = codec::encode_event(event, &[target(1)]);
    assert!(record.len() < (2 << 20) + codec::MOST_BESIDE, "{}", record.len());
    let (data, metadata) = (event.data.clone(), event.metadata.clone());
    accept(subject, large).await;

    let leased = claim_one(subject, LONG).await;
    assert!(leased.event.data == data && leased.event.metadata == metadata);
    assert_eq!(leased.event.steps.len(), 16);
    assert_eq!(leased.event.steps[0].plugin, "plugin-0");
    assert_eq!(leased.event.steps[0].changed, ["…"]);

    let made = Attempt {
        response: noise(4096).to_vec(),
        steps,
        outcome: Outcome::PluginFailed {
            plugin: "p".repeat(10_000),
            reason: "é".repeat(1 << 20),
        },
        ..attempt(1, 500)
    };
    assert!(codec::encode_attempt(&made).len() < 4096 + codec::MOST_BESIDE);
    let body = noise(1 << 20);
    let at = now(subject).await;
    let retry = Next::RetryAt {
        at,
        body: Some(body.clone()),
    };
    let settled = settle(subject, settlement(&leased, Some(made), retry)).await;
    assert_eq!(settled, Settled::Applied(None));
    subject.pass(Duration::from_millis(1)).await;
    let again = claim_one(subject, LONG).await;
    assert!(again.body == Some(body) && again.event.data == data);
    let (_, attempts) = delivery(subject, &acme, &leased.id).await;
    assert_eq!(attempts[0].response.len(), 4096);
    let Outcome::PluginFailed { plugin, reason } = &attempts[0].outcome else {
        panic!("{:?}", attempts[0].outcome)
    };
    assert!(plugin.len() <= 128 && reason.len() <= 4096 && reason.starts_with("éé"));
}

pub(crate) async fn many_at_once(subject: &impl Subject) {
    let acme = tenant("acme");
    let batch: Vec<_> = (0..300)
        .map(|n| {
            let ids = [0, 1, 2].map(|k| format!("e{n}-{k}"));
            submission(
                &acme,
                &ids.each_ref().map(String::as_str),
                &[target(1), target(2)],
            )
        })
        .collect();
    for answer in subject.store().accept(batch).await {
        assert_eq!(answer.unwrap(), stored(&[true, true, true]));
    }
    let claimed = claim(subject, 5000, LONG).await;
    assert_eq!(claimed.len(), 1800);
    let settlements = claimed
        .iter()
        .map(|l| settlement(l, Some(attempt(1, 200)), Next::Done));
    for answer in subject.store().settle(settlements.collect()).await {
        assert_eq!(answer.unwrap(), Settled::Applied(None));
    }
    assert_eq!(next_due(subject).await, None);
}
