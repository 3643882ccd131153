//! Retry schedules of each product on a clock that only the test advances.
//!
//! A delivery that fails is attempted when the product's document says, not earlier and no more
//! often.

use std::time::Duration;

use super::bench::{Bench, Wishes};
use crate::scheduler::Config;
use hookgate_contract::profile::{Profiles, Received};
use hookgate_domain::units::Span;
use hookgate_domain::{Attempt, DeliveryState, RetryPolicy, Target, Timestamp};
use hookgate_runtime::clock::{Clock, ManualClock};
use hookgate_testing::receiver::{Got, Reaction, Receiver};

/// A product, one of its events, and the seconds between each attempt and the one before it.
struct Printed {
    profile: &'static str,
    event: (&'static str, &'static str),
    delays: &'static [u64],
}

#[tokio::test(flavor = "multi_thread")]
async fn synaptis_tries_again_after_1_and_5_and_30_minutes_and_2_and_24_hours() {
    let printed = Printed {
        profile: "synaptis",
        event: (
            "lead.verified",
            r#"{"lead_id":"lead_456def","quality_score":92.50}"#,
        ),
        delays: &[60, 5 * 60, 30 * 60, 2 * 3600, 24 * 3600],
    };
    let requests = run(printed).await;
    // Each attempt is signed anew, with its own time.
    let times: Vec<u64> = requests
        .iter()
        .map(|got| {
            let header = got.header("x-synaptis-signature").unwrap();
            header.split([',', '=']).nth(1).unwrap().parse().unwrap()
        })
        .collect();
    let offsets: Vec<_> = times.iter().map(|time| time - times[0]).collect();
    assert_eq!(offsets, [0, 60, 6 * 60, 36 * 60, 156 * 60, (156 + 24 * 60) * 60]);
}

#[tokio::test(flavor = "multi_thread")]
async fn synthesq_makes_5_attempts_in_all() {
    run(Printed {
        profile: "synthesq",
        event: ("customer.created", r#"{"id":7}"#),
        delays: &[60, 5 * 60, 30 * 60, 2 * 3600],
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syncai_tries_3_times_more_and_waits_twice_as_long_each_time() {
    run(Printed {
        profile: "syncai",
        event: ("document.verified", r#"{"document_id":"doc_abc123"}"#),
        delays: &[60, 120, 240],
    })
    .await;
}

/// The document has no schedule: the gateway's default applies.
#[tokio::test(flavor = "multi_thread")]
async fn synthflow_has_the_gateways_own() {
    run(Printed {
        profile: "synthflow",
        event: ("call.completed", r#"{"call_id":"d8b3-4"}"#),
        delays: &[7, 7],
    })
    .await;
}

/// Backlog of 1,000 deliveries to an endpoint that is away for all of the printed hours.
///
/// The document says "It must hold for every event": whether the endpoint refuses or never answers,
/// each delivery is attempted when the document says, and has all of its attempts.
#[tokio::test(flavor = "multi_thread")]
async fn printed_hours_hold_for_each_of_a_backlog_of_1000() {
    backlog(Receiver::start(|_| Reaction::Say("503 Oh")).await, None).await;
    let soon = Duration::from_millis(10);
    backlog(Receiver::start(|_| Reaction::Hang).await, Some(soon)).await;
}

/// `timeout` is the subscription's own: what hangs takes real time.
async fn backlog(receiver: Receiver, timeout: Option<Duration>) {
    const DELAYS: &[u64] = &[60, 5 * 60, 30 * 60, 2 * 3600, 24 * 3600];
    let clock = ManualClock::at(Timestamp::from_millis(1_768_473_000_000));
    let bench = Bench::start(Wishes {
        scheduler: Config {
            poll_interval: Span::from_millis(5),
            ..Config::default()
        },
        profile: "synaptis",
        clock: Clock::Manual(clock.clone()),
        event: ("lead.verified", r#"{"lead_id":"lead_456def"}"#),
        ..Wishes::default()
    })
    .await;
    let subscription = bench.subscribe_with(&receiver.url, Vec::new(), timeout).await;
    let mut ids = Vec::new();
    for n in 0..1_000 {
        let target = Target::Subscription(subscription);
        ids.push(bench.leave(&format!("evt_{n}"), target).await);
    }
    for (made, &seconds) in (1..).zip(DELAYS) {
        let next = clock.now().plus(Duration::from_secs(seconds));
        for id in &ids {
            let (delivery, _) = bench.until(id, |delivery| delivery.attempts >= made).await;
            assert_eq!(
                (delivery.attempts, delivery.state),
                (made, DeliveryState::Pending { next }),
                "{id}"
            );
        }
        clock.advance(Duration::from_secs(seconds) - MOMENT);
        assert!(!is_due(&bench).await, "a moment before attempt {}", made + 1);
        clock.advance(MOMENT);
    }
    for id in &ids {
        let (delivery, attempts) = bench.finished(id).await;
        assert!(
            matches!(delivery.state, DeliveryState::Dead { .. }),
            "{delivery:?}"
        );
        assert_eq!(between(&attempts), DELAYS, "{id}");
    }
    clock.advance(Duration::from_secs(7 * 24 * 3600));
    assert!(!is_due(&bench).await, "nothing follows the last attempt");
}

/// Lets each attempt fail and advances the clock to the next; returns the received requests.
async fn run(printed: Printed) -> Vec<Got> {
    let clock = ManualClock::at(Timestamp::from_millis(1_768_473_000_000));
    let receiver = match printed.profile {
        "syncai" => Receiver::start_tls(|_| Reaction::Say("500 Oh")).await,
        _ => Receiver::start(|_| Reaction::Say("500 Oh")).await,
    };
    let bench = Bench::start(Wishes {
        scheduler: Config {
            // The scheduler is not notified of the clock's move.
            poll_interval: Span::from_millis(5),
            ..Config::default()
        },
        egress: hookgate_egress::Config {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            ca_file: receiver.ca_file(),
            ..hookgate_egress::Config::default()
        },
        retry: RetryPolicy::schedule(vec![Duration::from_secs(7); 2]).unwrap(),
        profile: printed.profile,
        clock: Clock::Manual(clock.clone()),
        event: printed.event,
    })
    .await;
    // The account's one secret signs requests to the URL that an event names.
    let (target, deliver_to) = match printed.profile {
        "synthflow" => (Target::Inline, Some(receiver.url.clone())),
        _ => (Target::Subscription(bench.subscribe(&receiver.url).await), None),
    };
    let id = bench.publish("evt_1", target, deliver_to).await;
    for (made, &seconds) in (1..).zip(printed.delays) {
        if seconds > 0 {
            let (delivery, _) = bench.until(&id, |delivery| delivery.attempts >= made).await;
            let next = clock.now().plus(Duration::from_secs(seconds));
            assert_eq!(
                (delivery.attempts, delivery.state),
                (made, DeliveryState::Pending { next })
            );
            clock.advance(Duration::from_secs(seconds) - MOMENT);
            assert!(!is_due(&bench).await, "a moment before attempt {}", made + 1);
            clock.advance(MOMENT);
        }
    }
    let (delivery, attempts) = bench.finished(&id).await;
    assert!(
        matches!(delivery.state, DeliveryState::Dead { .. }),
        "{delivery:?}"
    );
    assert_eq!(between(&attempts), printed.delays);
    let requests = receiver.requests();
    assert_eq!(requests.len(), attempts.len());
    for (got, attempt) in requests.iter().zip(&attempts) {
        assert_eq!(got.body, requests[0].body, "the same bytes");
        assert_genuine(&bench, printed.profile, got, attempt.started);
    }
    clock.advance(Duration::from_secs(7 * 24 * 3600));
    assert!(!is_due(&bench).await, "nothing follows the last attempt");
    requests
}

/// The seconds between attempts.
fn between(attempts: &[Attempt]) -> Vec<u64> {
    let pairs = attempts.windows(2);
    pairs
        .map(|pair| pair[1].started.since(pair[0].started).as_secs())
        .collect()
}

/// Returns `true` if any delivery could be claimed now.
async fn is_due(bench: &Bench) -> bool {
    for shard in 0..bench.store.shards() {
        let shard = hookgate_store::Shard(shard);
        let claimed = bench
            .store
            .claim(shard, 1, Duration::from_secs(60))
            .await
            .unwrap();
        if !claimed.leased.is_empty() {
            return true;
        }
    }
    false
}

fn assert_genuine(bench: &Bench, profile: &str, got: &Got, at: Timestamp) {
    let profiles = Profiles::shipped();
    let profile = profiles.get(profile).unwrap();
    let key = profile.secret.key(&bench.secret).unwrap();
    let header = |name: &str| got.header(name);
    let received = Received {
        header: &header,
        body: &got.body,
        at,
    };
    assert_eq!(profile.verify(&received, &[key]), Ok(()));
}

const MOMENT: Duration = Duration::from_millis(1);
