//! Fairness and limits, step by step.

use proptest::prelude::*;

use super::super::lane::EndpointKey;
use super::*;

const RULES: Rules = Rules {
    in_flight: 32,
    slow: Duration::from_secs(1),
    pauses: PauseRules {
        after: 3,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
    },
    lanes: Most {
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

/// All that may start now.
fn starts(queue: &mut Queue<u32>, now: Instant) -> Vec<Start<u32>> {
    std::iter::from_fn(|| queue.next(now)).collect()
}

fn finish(start: &Start<u32>, signal: Signal, took: Duration) -> Finish {
    Finish {
        key: start.key.clone(),
        age: start.age,
        signal,
        took,
    }
}

/// A queue in which these endpoints are known to be quick.
fn warm(keys: &[Key], now: Instant) -> Queue<u32> {
    let mut queue = Queue::new(RULES);
    for key in keys {
        assert!(queue.push(key, Age::Young, 0, now).is_none());
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
        queue.push(&keys[0], Age::Young, n, now);
        queue.push(&keys[1], Age::Young, n, now);
    }
    for n in 0..3 {
        queue.push(&keys[2], Age::Young, n, now);
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
    let lane = key("t", "a");
    let mut queue = warm(std::slice::from_ref(&lane), now);
    for n in 0..20 {
        queue.push(&lane, Age::Young, n, now);
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
    let lanes = Most {
        in_all: 1_000,
        named_by_tenant: 2,
    };
    let mut queue = Queue::new(Rules { lanes, ..RULES });
    let keys: Vec<_> = (0..3).map(|n| key("loud", &n.to_string())).collect();
    assert!(queue.push(&keys[0], Age::Young, 0, now).is_none());
    assert!(queue.push(&keys[1], Age::Young, 1, now).is_none());
    let postponed = queue.push(&keys[2], Age::Young, 2, now).expect("no lane");
    assert_eq!((postponed.items, postponed.until > now), (vec![2], true));
    assert!(queue.push(&key("calm", "a"), Age::Young, 3, now).is_none());
    for start in starts(&mut queue, now) {
        queue.finished(&finish(&start, Signal::Success, QUICKLY), now);
    }
    assert!(queue.push(&keys[2], Age::Young, 4, now).is_none());
    assert_eq!(starts(&mut queue, now).len(), 1);
}

#[test]
fn slow_endpoints_leave_three_quarters_to_the_others() {
    let now = Instant::now();
    let slow: Vec<_> = (0..8).map(|n| key("t", &format!("slow{n}"))).collect();
    let quick = key("t", "quick");
    let mut queue = warm(std::slice::from_ref(&quick), now);
    for lane in &slow {
        queue.push(lane, Age::Young, 0, now);
    }
    for start in starts(&mut queue, now) {
        queue.finished(&finish(&start, Signal::Success, Duration::from_secs(5)), now);
    }
    for n in 0..20 {
        for lane in slow.iter().chain([&quick]) {
            queue.push(lane, Age::Young, n, now);
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
        queue.push(&keys[n % 4], Age::Young, 0, now);
    }
    // Unknown endpoints have half.
    assert_eq!(starts(&mut queue, now).len(), 16);
    let later = now + Duration::from_secs(2);
    queue.look_around(later);
    assert_eq!(starts(&mut queue, later).len(), 0);
    let fresh = key("t", "fresh");
    queue.push(&fresh, Age::Young, 0, later);
    assert_eq!(starts(&mut queue, later).len(), 1);
}

#[test]
fn later_attempts_leave_half_to_the_first_ones() {
    let now = Instant::now();
    let keys: Vec<_> = (0..4).map(|n| key("t", &format!("{n}"))).collect();
    let mut queue = warm(&keys, now);
    for n in 0..40 {
        queue.push(&keys[n % 4], Age::Old, 0, now);
    }
    let started = starts(&mut queue, now);
    assert_eq!(started.len(), 16);
    queue.push(&keys[0], Age::Young, 1, now);
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
    let lane = key("t", "a");
    let mut queue = warm(std::slice::from_ref(&lane), now);
    for n in 0..10 {
        queue.push(&lane, Age::Young, n, now);
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
    assert!(queue.push(&lane, Age::Young, 11, now).is_some());
    for n in 12..15 {
        assert!(queue.push(&lane, Age::Young, n, postponed.until).is_none());
    }
    let probe = starts(&mut queue, postponed.until);
    assert_eq!(probe.len(), 1);
    queue.finished(&finish(&probe[0], Signal::Success, QUICKLY), postponed.until);
    assert_eq!(starts(&mut queue, postponed.until).len(), 2);
}

#[test]
fn unused_lanes_are_forgotten() {
    let now = Instant::now();
    let mut queue = warm(&[key("t", "a")], now);
    queue.look_around(now + Duration::from_secs(60));
    assert!(!queue.is_idle());
    queue.look_around(now + Duration::from_secs(3600));
    assert!(queue.is_idle());
}

#[derive(Debug, Clone)]
enum Step {
    Push(u8, bool),
    Next,
    Finish(usize, u8),
    Later(u16),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..12_u8, any::<bool>()).prop_map(|(lane, old)| Step::Push(lane, old)),
        3 => Just(Step::Next),
        3 => (any::<usize>(), 0..5_u8).prop_map(|(which, signal)| Step::Finish(which, signal)),
        1 => (0..3000_u16).prop_map(Step::Later),
        1 => Just(Step::Look),
    ]
}

fn signal(n: u8) -> Signal {
    [
        Signal::Success,
        Signal::Answered,
        Signal::Overloaded,
        Signal::Failed,
        Signal::Nothing,
    ][usize::from(n)]
}

proptest! {
    /// Whatever happens: nothing is lost, nothing starts twice, the budget holds, and when all comes back well, all starts.
    #[test]
    fn nothing_is_lost_or_stuck(steps in proptest::collection::vec(step(), 0..300)) {
        let mut queue = Queue::new(RULES);
        let mut now = Instant::now();
        let (mut pushed, mut left, mut flying) = (0_u32, 0_u32, Vec::new());
        for step in steps {
            let mut postponed = None;
            match step {
                Step::Push(lane, old) => {
                    let key = key(["a", "b", "c"][usize::from(lane % 3)], &lane.to_string());
                    let age = if old { Age::Old } else { Age::Young };
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
                Step::Look => queue.look_around(now),
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
