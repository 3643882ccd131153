//! Fairness and limits, step by step.

use proptest::prelude::*;

use super::super::endpoint_queue::EndpointKey;
use super::*;

const RULES: Rules = Rules {
    in_flight: 32,
    slow: Duration::from_secs(1),
    pauses: PauseRules {
        after: 3,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
        attempts_between: 3,
    },
    endpoint_queues: QueueLimits {
        in_all: 1_000,
        named_by_tenant: 1_000,
    },
};
const QUICKLY: Duration = Duration::from_millis(1);

fn key(tenant: &str, endpoint: &str) -> Key {
    Key {
        tenant: tenant.parse().expect("a tenant"),
        endpoint: EndpointKey::Inline(endpoint.into()),
    }
}

/// An endpoint of a subscription. Those that events name have a bound in the queue itself.
fn subscribed(tenant: &str, number: u128) -> Key {
    let id = hookgate_domain::SubscriptionId::new(ulid::Ulid(number));
    Key {
        tenant: tenant.parse().expect("a tenant"),
        endpoint: EndpointKey::Subscription(id),
    }
}

/// All that may start now.
fn starts(queue: &mut Queue<u32>, now: Instant) -> Vec<Start<u32>> {
    std::iter::from_fn(|| queue.next(now)).collect()
}

fn finish(start: &Start<u32>, signal: Signal, took: Duration) -> Finish {
    Finish {
        key: start.key.clone(),
        age: start.age,
        forced: start.forced,
        signal,
        took,
    }
}

/// A queue in which these endpoints are known to be quick.
fn warm(keys: &[Key], now: Instant) -> Queue<u32> {
    let mut queue = Queue::new(RULES);
    for key in keys {
        assert!(queue.push(key, AttemptClass::Fresh, 0, now).is_none());
        let start = queue.next(now).expect("room");
        queue.finished(&finish(&start, Signal::Success, QUICKLY), now);
    }
    queue
}

#[test]
fn tenants_take_turns_whatever_they_brought() {
    let now = Instant::now();
    let keys = [key("loud", "a"), key("loud", "b"), key("calm", "c")];
    let mut queue = warm(&keys, now);
    for n in 0..100 {
        queue.push(&keys[0], AttemptClass::Fresh, n, now);
        queue.push(&keys[1], AttemptClass::Fresh, n, now);
    }
    for n in 0..3 {
        queue.push(&keys[2], AttemptClass::Fresh, n, now);
    }
    let order: Vec<_> = starts(&mut queue, now)
        .into_iter()
        .take(6)
        .map(|start| start.key)
        .collect();
    let expected = [&keys[0], &keys[2], &keys[1], &keys[2], &keys[0], &keys[2]];
    assert_eq!(order.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn an_endpoint_keeps_to_its_limit_and_goes_on_when_one_comes_back() {
    let now = Instant::now();
    let endpoint_queue = key("t", "a");
    let mut queue = warm(std::slice::from_ref(&endpoint_queue), now);
    for n in 0..20 {
        queue.push(&endpoint_queue, AttemptClass::Fresh, n, now);
    }
    let started = starts(&mut queue, now);
    assert_eq!(
        started.iter().map(|s| s.item).collect::<Vec<_>>(),
        (0..8).collect::<Vec<_>>()
    );
    queue.finished(&finish(&started[0], Signal::Success, QUICKLY), now);
    assert_eq!(starts(&mut queue, now).len(), 1);
    assert_eq!((queue.waiting(), queue.in_flight()), (11, 8));
}

#[test]
fn an_endpoint_too_many_waits_outside_and_holds_nobody_up() {
    let now = Instant::now();
    let endpoint_queues = QueueLimits {
        in_all: 1_000,
        named_by_tenant: 2,
    };
    let mut queue = Queue::new(Rules {
        endpoint_queues,
        ..RULES
    });
    let keys: Vec<_> = (0..3).map(|n| key("loud", &n.to_string())).collect();
    assert!(queue.push(&keys[0], AttemptClass::Fresh, 0, now).is_none());
    assert!(queue.push(&keys[1], AttemptClass::Fresh, 1, now).is_none());
    let postponed = queue
        .push(&keys[2], AttemptClass::Fresh, 2, now)
        .expect("no endpoint queue");
    assert_eq!((postponed.items, postponed.until > now), (vec![2], true));
    assert!(
        queue
            .push(&key("calm", "a"), AttemptClass::Fresh, 3, now)
            .is_none()
    );
    for start in starts(&mut queue, now) {
        queue.finished(&finish(&start, Signal::Success, QUICKLY), now);
    }
    assert!(queue.push(&keys[2], AttemptClass::Fresh, 4, now).is_none());
    assert_eq!(starts(&mut queue, now).len(), 1);
}

#[test]
fn slow_endpoints_leave_three_quarters_to_the_others() {
    let now = Instant::now();
    let slow: Vec<_> = (0..8).map(|n| key("t", &format!("slow{n}"))).collect();
    let quick = key("t", "quick");
    let mut queue = warm(std::slice::from_ref(&quick), now);
    for endpoint_queue in &slow {
        queue.push(endpoint_queue, AttemptClass::Fresh, 0, now);
    }
    for start in starts(&mut queue, now) {
        queue.finished(&finish(&start, Signal::Success, Duration::from_secs(5)), now);
    }
    for n in 0..20 {
        for endpoint_queue in slow.iter().chain([&quick]) {
            queue.push(endpoint_queue, AttemptClass::Fresh, n, now);
        }
    }
    let started = starts(&mut queue, now);
    let of_quick = started.iter().filter(|start| start.key == quick).count();
    assert_eq!((started.len() - of_quick, of_quick), (8, 8));
    // A place that a slow one gives back is taken by the next slow one.
    let back = started
        .iter()
        .find(|start| start.key != quick)
        .expect("a slow one");
    queue.finished(&finish(back, Signal::Success, Duration::from_secs(5)), now);
    assert_eq!(starts(&mut queue, now).len(), 1);
}

#[test]
fn an_endpoint_that_hangs_is_found_out_before_it_times_out() {
    let now = Instant::now();
    let keys: Vec<_> = (0..4).map(|n| key("t", &format!("hangs{n}"))).collect();
    let mut queue = Queue::new(RULES);
    for n in 0..40 {
        queue.push(&keys[n % 4], AttemptClass::Fresh, 0, now);
    }
    // Unknown endpoints have half.
    assert_eq!(starts(&mut queue, now).len(), 16);
    let later = now + Duration::from_secs(2);
    queue.tick(later);
    assert_eq!(starts(&mut queue, later).len(), 0);
    let fresh = key("t", "fresh");
    queue.push(&fresh, AttemptClass::Fresh, 0, later);
    assert_eq!(starts(&mut queue, later).len(), 1);
}

#[test]
fn later_attempts_leave_half_to_the_first_ones() {
    let now = Instant::now();
    let keys: Vec<_> = (0..4).map(|n| key("t", &format!("{n}"))).collect();
    let mut queue = warm(&keys, now);
    for n in 0..40 {
        queue.push(&keys[n % 4], AttemptClass::Retry, 0, now);
    }
    let started = starts(&mut queue, now);
    assert_eq!(started.len(), 16);
    queue.push(&keys[0], AttemptClass::Fresh, 1, now);
    assert_eq!(
        starts(&mut queue, now).iter().map(|s| s.item).collect::<Vec<_>>(),
        [1]
    );
    queue.finished(&finish(&started[0], Signal::Success, QUICKLY), now);
    assert_eq!(starts(&mut queue, now).len(), 1);
}

#[test]
fn a_failing_endpoint_is_paused_then_probed() {
    let now = Instant::now();
    let endpoint_queue = subscribed("t", 1);
    let mut queue = warm(std::slice::from_ref(&endpoint_queue), now);
    for n in 0..10 {
        queue.push(&endpoint_queue, AttemptClass::Fresh, n, now);
    }
    let started = starts(&mut queue, now);
    let failed = |start| finish(start, Signal::Failed, QUICKLY);
    assert!(queue.finished(&failed(&started[0]), now).is_none());
    assert!(queue.finished(&failed(&started[1]), now).is_none());
    let postponed = queue.finished(&failed(&started[2]), now).expect("a pause");
    assert_eq!(postponed.items, [8, 9]);
    assert_eq!(postponed.until, now + Duration::from_secs(1));
    for start in &started[3..] {
        assert!(queue.finished(&failed(start), now).is_none());
    }
    assert!(
        queue
            .push(&endpoint_queue, AttemptClass::Fresh, 11, now)
            .is_some()
    );
    for n in 12..15 {
        assert!(
            queue
                .push(&endpoint_queue, AttemptClass::Fresh, n, postponed.until)
                .is_none()
        );
    }
    let probe = starts(&mut queue, postponed.until);
    assert_eq!(probe.len(), 1);
    queue.finished(&finish(&probe[0], Signal::Success, QUICKLY), postponed.until);
    assert_eq!(starts(&mut queue, postponed.until).len(), 2);
}

/// An endpoint that was paused, and when its pause ends.
fn paused(endpoint_queue: &Key, now: Instant) -> (Queue<u32>, Instant) {
    let mut queue = warm(std::slice::from_ref(endpoint_queue), now);
    for n in 0..3 {
        queue.push(endpoint_queue, AttemptClass::Fresh, n, now);
    }
    let started = starts(&mut queue, now);
    for start in &started {
        queue.finished(&finish(start, Signal::Failed, QUICKLY), now);
    }
    let capacities = queue.take_capacities();
    let (_, last) = capacities.last().expect("the pause is told");
    let until = last.closed_until.expect("a pause");
    (queue, until)
}

#[test]
fn breaker_lets_what_is_due_through_a_few_at_a_time_between_pauses() {
    let (now, endpoint_queue) = (Instant::now(), subscribed("t", 1));
    let (mut queue, until) = paused(&endpoint_queue, now);
    for n in 10..15 {
        assert!(
            queue
                .push(&endpoint_queue, AttemptClass::Fresh, n, until)
                .is_none()
        );
    }
    let probe = starts(&mut queue, until);
    assert_eq!(probe.len(), 1);
    assert!(
        queue
            .finished(&finish(&probe[0], Signal::Failed, QUICKLY), until)
            .is_none()
    );
    let more = starts(&mut queue, until);
    assert_eq!(more.len(), 2, "three between two pauses");
    let postponed = queue.finished(&finish(&more[0], Signal::Failed, QUICKLY), until);
    assert_eq!(postponed.expect("the next pause").items, [13, 14]);
    assert!(
        queue
            .finished(&finish(&more[1], Signal::Failed, QUICKLY), until)
            .is_none()
    );
}

#[test]
fn retry_after_keeps_all_of_an_endpoints_deliveries() {
    let (now, endpoint_queue, asked) = (Instant::now(), subscribed("t", 1), Duration::from_secs(10));
    let mut queue = warm(std::slice::from_ref(&endpoint_queue), now);
    for n in 0..20 {
        queue.push(&endpoint_queue, AttemptClass::Fresh, n, now);
    }
    let started = starts(&mut queue, now);
    let throttled = finish(&started[0], Signal::Throttled(Some(asked)), QUICKLY);
    let postponed = queue.finished(&throttled, now).expect("it asked for time");
    assert_eq!((postponed.items.len(), postponed.until), (12, now + asked));
    queue.finished(&finish(&started[1], Signal::Success, QUICKLY), now);
    assert!(
        queue
            .push(&endpoint_queue, AttemptClass::Fresh, 30, now)
            .is_some(),
        "another's success changes nothing"
    );
    for start in &started[2..] {
        queue.finished(&finish(start, Signal::Nothing, QUICKLY), now);
    }
    assert!(
        queue
            .push(&endpoint_queue, AttemptClass::Fresh, 31, now + asked)
            .is_none()
    );
    assert_eq!(starts(&mut queue, now + asked).len(), 1);
}

#[test]
fn a_test_passes_a_pause_and_its_success_ends_it() {
    let (now, endpoint_queue) = (Instant::now(), subscribed("t", 1));
    let (mut queue, _) = paused(&endpoint_queue, now);
    assert!(queue.push_forced(&endpoint_queue, 20, now).is_none());
    let test = starts(&mut queue, now);
    assert_eq!(test[0].item, 20);
    queue.finished(&finish(&test[0], Signal::Failed, QUICKLY), now);
    assert!(
        queue
            .push(&endpoint_queue, AttemptClass::Fresh, 21, now)
            .is_some(),
        "it is paused still"
    );
    assert!(queue.push_forced(&endpoint_queue, 22, now).is_none());
    let test = starts(&mut queue, now);
    queue.finished(&finish(&test[0], Signal::Success, QUICKLY), now);
    assert!(
        queue
            .push(&endpoint_queue, AttemptClass::Fresh, 23, now)
            .is_none()
    );
    assert_eq!(starts(&mut queue, now).len(), 1);
}

#[test]
fn a_pause_ends_when_the_endpoint_is_another() {
    let (now, endpoint_queue) = (Instant::now(), subscribed("t", 1));
    let (mut queue, _) = paused(&endpoint_queue, now);
    queue.paused_with(&endpoint_queue, Some(1));
    queue.revise(now, |_| Some(1));
    assert!(
        queue
            .push(&endpoint_queue, AttemptClass::Fresh, 20, now)
            .is_some()
    );
    queue.revise(now, |_| Some(2));
    assert!(
        queue
            .push(&endpoint_queue, AttemptClass::Fresh, 21, now)
            .is_none()
    );
    let told = queue.take_capacities();
    assert_eq!(told.last().expect("it is told").1.closed_until, None);
}

#[test]
fn capacity_is_what_an_endpoint_can_use() {
    let (now, quick, hangs) = (Instant::now(), key("t", "quick"), key("t", "hangs"));
    let mut queue = warm(std::slice::from_ref(&quick), now);
    let (_, of_quick) = queue.take_capacities().pop().expect("it is told");
    assert!(of_quick.places >= 1_000, "{of_quick:?}");
    for n in 0..100 {
        assert!(queue.push(&hangs, AttemptClass::Fresh, n, now).is_none());
    }
    assert_eq!(starts(&mut queue, now).len(), 8);
    let later = now + Duration::from_secs(2);
    let shed = queue.tick(later);
    let told = queue.take_capacities();
    let (_, of_hanging) = told.iter().find(|(key, _)| *key == hangs).expect("it is told");
    assert_eq!((shed.len(), of_hanging.places), (100 - of_hanging.places, 48));
    assert_eq!(shed[0], 99, "the newest go first");
}

#[test]
fn unused_lanes_are_forgotten() {
    let now = Instant::now();
    let mut queue = warm(&[key("t", "a")], now);
    queue.tick(now + Duration::from_secs(60));
    assert!(!queue.is_idle());
    queue.tick(now + Duration::from_secs(3600));
    assert!(queue.is_idle());
}

#[derive(Debug, Clone)]
enum Step {
    Push(u8, bool),
    Next,
    Finish(usize, u8),
    Later(u16),
    Look,
    Force(u8),
    Revise(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..12_u8, any::<bool>()).prop_map(|(endpoint_queue, old)| Step::Push(endpoint_queue, old)),
        3 => Just(Step::Next),
        3 => (any::<usize>(), 0..7_u8).prop_map(|(which, signal)| Step::Finish(which, signal)),
        1 => (0..3000_u16).prop_map(Step::Later),
        1 => Just(Step::Look),
        1 => (0..12_u8).prop_map(Step::Force),
        1 => (0..3_u64).prop_map(Step::Revise),
    ]
}

fn signal(n: u8) -> Signal {
    [
        Signal::Success,
        Signal::Answered,
        Signal::Overloaded,
        Signal::Failed,
        Signal::Nothing,
        Signal::Throttled(None),
        Signal::Throttled(Some(Duration::from_secs(30))),
    ][usize::from(n)]
}

proptest! {
    /// Invariants: no delivery is lost, none starts twice, and the budget holds.
    ///
    /// When all attempts come back well, all deliveries start.
    #[test]
    fn nothing_is_lost_or_stuck(steps in proptest::collection::vec(step(), 0..300)) {
        let mut queue = Queue::new(RULES);
        let mut now = Instant::now();
        let (mut pushed, mut left, mut flying) = (0_u32, 0_u32, Vec::new());
        for step in steps {
            let mut postponed = None;
            match step {
                Step::Push(endpoint_queue, old) => {
                    let key = key(["a", "b", "c"][usize::from(endpoint_queue % 3)], &endpoint_queue.to_string());
                    let age = if old { AttemptClass::Retry } else { AttemptClass::Fresh };
                    pushed += 1;
                    postponed = queue.push(&key, age, pushed, now);
                }
                Step::Next => {
                    if let Some(start) = queue.next(now) {
                        left += 1;
                        flying.push(start);
                    }
                }
                Step::Finish(which, n) if !flying.is_empty() => {
                    let start = flying.swap_remove(which % flying.len());
                    postponed = queue.finished(&finish(&start, signal(n), QUICKLY), now);
                }
                Step::Finish(..) => {}
                Step::Later(millis) => now += Duration::from_millis(millis.into()),
                Step::Look => left += u32::try_from(queue.tick(now).len()).expect("few"),
                Step::Force(endpoint_queue) => {
                    let key = key(["a", "b", "c"][usize::from(endpoint_queue % 3)], &endpoint_queue.to_string());
                    pushed += 1;
                    postponed = queue.push_forced(&key, pushed, now);
                }
                Step::Revise(revision) => queue.revise(now, |_| Some(revision)),
            }
            left += postponed.map_or(0, |p| u32::try_from(p.items.len()).expect("few"));
            prop_assert!(queue.in_flight() <= RULES.in_flight);
            prop_assert_eq!(queue.in_flight(), flying.len());
            prop_assert_eq!(usize::try_from(pushed - left).expect("few"), queue.waiting());
        }
        now += Duration::from_secs(120);
        for _ in 0..1000 {
            while let Some(start) = queue.next(now) {
                flying.push(start);
            }
            let Some(start) = flying.pop() else { break };
            queue.finished(&finish(&start, Signal::Success, QUICKLY), now);
        }
        prop_assert_eq!((queue.waiting(), queue.in_flight()), (0, 0));
    }
}
