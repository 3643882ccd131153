//! Deliveries from the inbox or the store to a real receiver and back to the store.

mod bench;
mod schedules;

use std::time::Duration;

use bench::{Bench, Wishes, tenant};

use super::*;
use hookgate_contract::profile::{Profiles, Received, STANDARD};
use hookgate_domain::subscription::DisableReason;
use hookgate_domain::units::Span;
use hookgate_domain::{DeliveryState, Outcome, RetryPolicy, Secret, Status, Target};
use hookgate_runtime::clock::Clock;
use hookgate_testing::receiver::{Got, Reaction, Receiver};

fn assert_genuine(got: &Got, secret: &Secret) {
    assert_genuine_for(STANDARD, got, secret);
}

fn assert_genuine_for(profile: &str, got: &Got, secret: &Secret) {
    let profiles = Profiles::shipped();
    let profile = profiles.get(profile).unwrap();
    let key = profile.secret.key(secret).unwrap();
    let header = |name: &str| got.header(name);
    let received = Received {
        header: &header,
        body: &got.body,
        at: Clock::System.now(),
    };
    assert_eq!(profile.verify(&received, &[key]), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_profile_sends_its_own_body_and_signature() {
    for (profile, begins) in [
        ("synaptis", r#"{"id":"evt_1","type":"invoice.paid","created":"#),
        ("github", r#"{"n":1}"#),
        ("standard", r#"{"type":"invoice.paid","timestamp":"#),
    ] {
        let bench = Bench::start(Wishes {
            profile,
            ..Wishes::default()
        })
        .await;
        let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
        let sub = bench.subscribe(&receiver.url).await;
        let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
        let (delivery, _) = bench.finished(&id).await;
        assert!(
            matches!(delivery.state, DeliveryState::Delivered { .. }),
            "{profile}: {delivery:?}"
        );
        let got = &receiver.requests()[0];
        assert!(got.body.starts_with(begins.as_bytes()), "{profile}");
        assert_genuine_for(profile, got, &bench.secret);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_profile_cannot_sign_or_reach_is_not_sent() {
    // The events of these tests have no `call_id`, and their receivers no TLS.
    for (profile, word) in [("synthflow", "/call_id"), ("syncai", "https")] {
        let bench = Bench::start(Wishes {
            profile,
            ..Wishes::default()
        })
        .await;
        let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
        let id = bench
            .publish("evt_1", Target::Inline, Some(receiver.url.clone()))
            .await;
        let (delivery, _) = bench.until(&id, |delivery| delivery.attempts > 0).await;
        let Some(Outcome::Blocked { reason }) = &delivery.last else {
            panic!("{profile}: {delivery:?}")
        };
        assert!(reason.contains(word), "{profile}: {reason}");
        assert!(receiver.requests().is_empty(), "{profile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_arrives_signed_once() {
    let bench = Bench::start(Wishes::default()).await;
    let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
    let headers = vec![("x-own".to_owned(), Secret::new("secret value"))];
    let sub = bench.subscribe_with(&receiver.url, headers, None).await;
    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let (delivery, attempts) = bench.finished(&id).await;
    assert!(
        matches!(delivery.state, DeliveryState::Delivered { .. }),
        "{delivery:?}"
    );
    assert_eq!(attempts.len(), 1);
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    assert_genuine(&requests[0], &bench.secret);
    assert_eq!(requests[0].header("webhook-id").as_deref(), Some("evt_1"));
    assert_eq!(requests[0].header("x-own").as_deref(), Some("secret value"));
    assert_eq!(
        requests[0].header("content-type").as_deref(),
        Some("application/json")
    );
    let body = String::from_utf8(requests[0].body.clone()).unwrap();
    assert!(
        body.starts_with(r#"{"type":"invoice.paid","timestamp":"#) && body.ends_with(r#","data":{"n":1}}"#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_with_the_same_bytes() {
    let bench = Bench::start(Wishes::default()).await;
    let receiver = Receiver::start(|before| match before {
        0 => Reaction::Say("500 Oh"),
        // On a reused connection the request is sent once more, on another.
        1 | 2 => Reaction::Reset,
        _ => Reaction::Say("204 No Content"),
    })
    .await;
    let sub = bench.subscribe(&receiver.url).await;
    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let (delivery, attempts) = bench.finished(&id).await;
    assert!(matches!(delivery.state, DeliveryState::Delivered { .. }));
    let outcomes: Vec<_> = attempts.iter().map(|a| (a.number, a.outcome.word())).collect();
    assert_eq!(
        outcomes,
        [(1, "http_error"), (2, "unreachable"), (3, "delivered")]
    );
    let requests = receiver.requests();
    for got in &requests {
        assert_eq!(got.body, requests[0].body);
        assert_eq!(got.header("webhook-id"), requests[0].header("webhook-id"));
        assert_genuine(got, &bench.secret);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_are_used_up_make_a_dead_letter() {
    let retry = RetryPolicy::schedule(vec![Duration::from_millis(5); 2]).unwrap();
    let bench = Bench::start(Wishes {
        retry,
        ..Wishes::default()
    })
    .await;
    let receiver =
        Receiver::start(|_| Reaction::Last("HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\nwhy?")).await;
    let sub = bench.subscribe(&receiver.url).await;
    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let (delivery, attempts) = bench.finished(&id).await;
    assert!(
        matches!(delivery.state, DeliveryState::Dead { .. }),
        "{delivery:?}"
    );
    assert_eq!((attempts.len(), receiver.requests().len()), (3, 3));
    assert_eq!(attempts[2].response, b"why?");
    let dead = bench.store.dead_letters(&tenant(), None, 10).await.unwrap();
    assert_eq!(dead[0].0, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_endpoint_times_out() {
    let retry = RetryPolicy::schedule(vec![]).unwrap();
    let bench = Bench::start(Wishes {
        retry,
        ..Wishes::default()
    })
    .await;
    let receiver = Receiver::start(|_| Reaction::Hang).await;
    let timeout = Some(Duration::from_millis(200));
    let sub = bench.subscribe_with(&receiver.url, Vec::new(), timeout).await;
    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let (_, attempts) = bench.finished(&id).await;
    assert!(
        matches!(attempts[0].outcome, Outcome::TimedOut { .. }),
        "{attempts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_disables_and_calls_the_rest_off() {
    let bench = Bench::start(Wishes::default()).await;
    let receiver = Receiver::start(|_| Reaction::Say("410 Gone")).await;
    let sub = bench.subscribe(&receiver.url).await;
    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let (delivery, _) = bench.finished(&id).await;
    assert!(matches!(delivery.state, DeliveryState::Dead { .. }));
    let status = bench
        .registry
        .tenant(&tenant())
        .unwrap()
        .subscription(sub)
        .unwrap()
        .status
        .clone();
    assert!(
        matches!(
            status,
            Status::Disabled {
                reason: DisableReason::Gone,
                ..
            }
        ),
        "{status:?}"
    );
    let next = bench.publish("evt_2", Target::Subscription(sub), None).await;
    let (delivery, attempts) = bench.finished(&next).await;
    assert!(
        matches!(delivery.state, DeliveryState::Cancelled { .. }),
        "{delivery:?}"
    );
    assert_eq!((attempts.len(), receiver.requests().len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_off_while_the_registry_cannot_be_read() {
    let bench = Bench::start(Wishes::default()).await;
    let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
    let sub = bench.subscribe(&receiver.url).await;
    bench.registry.delete_subscription(&tenant(), sub).await.unwrap();
    let revision = bench.registry.tenant(&tenant()).unwrap().revision;
    let unreadable = vec![("chain".to_owned(), Some(bytes::Bytes::from_static(b"?")))];
    let applied = bench.store.registry_apply(&tenant(), revision, unreadable).await;
    let revision = applied.unwrap();

    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let handed_over = bench.delivery(&id).await.0.state;
    let (put_off, _) = bench.until(&id, |delivery| delivery.state != handed_over).await;
    assert!(
        matches!(put_off.state, DeliveryState::Pending { .. }),
        "{put_off:?}"
    );

    let readable = vec![("chain".to_owned(), None)];
    let applied = bench.store.registry_apply(&tenant(), revision, readable).await;
    applied.unwrap();
    let (delivery, attempts) = bench.finished(&id).await;
    assert!(
        matches!(delivery.state, DeliveryState::Cancelled { .. }),
        "{delivery:?}"
    );
    assert_eq!(attempts.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_kept_to() {
    let bench = Bench::start(Wishes::default()).await;
    let receiver = Receiver::start(|_| Reaction::Say("429 Slow\r\nretry-after: 3600")).await;
    let sub = bench.subscribe(&receiver.url).await;
    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let (delivery, _) = bench.until(&id, |delivery| delivery.attempts == 1).await;
    let DeliveryState::Pending { next } = delivery.state else {
        panic!("{delivery:?}")
    };
    let wait = next.since(Clock::System.now());
    assert!(
        wait > Duration::from_secs(3500) && wait <= Duration::from_secs(3960),
        "{wait:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_address_is_an_outcome() {
    let bench = Bench::start(Wishes {
        egress: hookgate_egress::Config::default(),
        retry: RetryPolicy::schedule(vec![]).unwrap(),
        ..Wishes::default()
    })
    .await;
    let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
    let sub = bench.subscribe(&receiver.url).await;
    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let (_, attempts) = bench.finished(&id).await;
    assert!(matches!(&attempts[0].outcome, Outcome::Blocked { reason } if reason.contains("egress.allow")));
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_own_endpoint_is_signed_with_the_tenants_secret() {
    let bench = Bench::start(Wishes::default()).await;
    let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
    let id = bench
        .publish("evt_1", Target::Inline, Some(receiver.url.clone()))
        .await;
    bench.finished(&id).await;
    assert_genuine(&receiver.requests()[0], &bench.secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_in_the_store_is_claimed() {
    let bench = Bench::start(Wishes::default()).await;
    let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
    let sub = bench.subscribe(&receiver.url).await;
    let mut ids = Vec::new();
    for n in 0..50 {
        ids.push(bench.leave(&format!("evt_{n}"), Target::Subscription(sub)).await);
    }
    for id in &ids {
        bench.finished(id).await;
    }
    assert_eq!(receiver.requests().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_endpoint_costs_no_attempts_and_is_probed_again() {
    let bench = Bench::start(Wishes {
        scheduler: Config {
            pause_after: 3,
            pause_first: Span::from_millis(100),
            attempts_between_pauses: 1,
            ..Wishes::default().scheduler
        },
        retry: RetryPolicy::schedule(vec![Duration::from_millis(5); 6]).unwrap(),
        ..Wishes::default()
    })
    .await;
    let receiver =
        Receiver::start(|before| Reaction::Say(if before < 5 { "500 Oh" } else { "200 OK" })).await;
    let sub = bench.subscribe(&receiver.url).await;
    let id = bench.publish("evt_1", Target::Subscription(sub), None).await;
    let (delivery, attempts) = bench.finished(&id).await;
    assert!(
        matches!(delivery.state, DeliveryState::Delivered { .. }),
        "{delivery:?}"
    );
    let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    // The third, fourth and fifth failure each began a pause.
    let waited = attempts[5].started.since(attempts[2].started);
    assert!(waited >= Duration::from_millis(700), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_finishes_what_has_begun_and_gives_the_rest_back() {
    let (release, released) = tokio::sync::watch::channel(false);
    let mut bench = Bench::start(Wishes {
        scheduler: Config {
            in_flight: 1,
            ..Wishes::default().scheduler
        },
        ..Wishes::default()
    })
    .await;
    let receiver = Receiver::start(move |_| Reaction::When(released.clone())).await;
    let sub = bench.subscribe(&receiver.url).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(
            bench
                .publish(&format!("evt_{n}"), Target::Subscription(sub), None)
                .await,
        );
    }
    receiver.wait_for(1).await;
    tokio::join!(bench.stop(), async { release.send(true).unwrap() });
    let (first, _) = bench.delivery(&ids[0]).await;
    assert!(
        matches!(first.state, DeliveryState::Delivered { .. }),
        "{first:?}"
    );
    for id in &ids[1..] {
        let (delivery, attempts) = bench.delivery(id).await;
        let DeliveryState::Pending { next } = delivery.state else {
            panic!("{delivery:?}")
        };
        assert!(next <= Clock::System.now() && attempts.is_empty(), "{delivery:?}");
    }
    assert_eq!(receiver.requests().len(), 1);
}
