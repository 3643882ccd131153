//! Unit tests of the queue.

use super::*;

const LONG: Duration = Duration::from_millis(10);

fn lane(name: &str) -> Lane {
    Some(name.parse().unwrap())
}

fn queue(per_lane: usize, in_all: usize) -> FairQueue<u32> {
    FairQueue::new(Bounds {
        per_lane,
        in_all,
        at_once: 1,
    })
}

fn two_at_once(room: usize) -> FairQueue<u32> {
    FairQueue::new(Bounds {
        per_lane: room,
        in_all: room,
        at_once: 2,
    })
}

/// Takes the next job for a worker, as if the last one took no time.
fn take(queue: &FairQueue<u32>, worker: usize, priority: Priority) -> Option<u32> {
    queue.lock().next(worker, priority, 0)
}

fn finish_job(queue: &FairQueue<u32>, worker: usize, used: Duration) {
    queue.lock().finish_job(worker, used, 0);
}

/// Reports a lasting job as the detector does.
fn is_long(queue: &FairQueue<u32>, worker: usize, used: Duration) {
    let turn = queue.lock().workers[worker].as_ref().unwrap().turn;
    queue.is_long(worker, turn, used);
}

fn drain(queue: &FairQueue<u32>, priority: Priority) -> Vec<u32> {
    std::iter::from_fn(|| {
        let job = take(queue, 0, priority);
        finish_job(queue, 0, Duration::ZERO);
        job
    })
    .collect()
}

#[test]
fn tenants_take_turns_however_much_one_of_them_sends() {
    let queue = queue(100, 100);
    for job in 0..5 {
        queue.push(lane("busy"), job).unwrap();
    }
    queue.push(lane("quiet"), 10).unwrap();
    queue.push(lane("other"), 20).unwrap();
    assert_eq!(drain(&queue, Priority::Normal), [0, 10, 20, 1, 2, 3, 4]);
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn a_full_lane_refuses_and_leaves_room_to_the_others() {
    let queue = queue(2, 3);
    assert_eq!(queue.push(lane("a"), 1), Ok(()));
    assert_eq!(queue.push(lane("a"), 2), Ok(()));
    assert_eq!(queue.push(lane("a"), 3), Err(Full));
    assert_eq!(queue.push(lane("b"), 4), Ok(()));
    assert_eq!(queue.push(lane("c"), 5), Err(Full), "full in all");
    queue.close();
    assert_eq!(queue.push(lane("b"), 6), Err(Full));
    assert!(queue.next(0, Priority::Normal, Duration::ZERO).is_none());
}

#[test]
fn a_tenant_waits_out_what_it_used_while_others_have_work() {
    let queue = queue(100, 100);
    for job in 0..4 {
        queue.push(lane("slow"), job).unwrap();
        queue.push(lane("fast"), 10 + job).unwrap();
    }
    assert_eq!(take(&queue, 0, Priority::Normal), Some(0));
    finish_job(&queue, 0, Duration::from_millis(2));
    assert_eq!(drain(&queue, Priority::Normal), [10, 11, 12, 1, 13, 2, 3]);
}

#[test]
fn who_made_long_calls_goes_behind_and_comes_back() {
    let queue = queue(100, 100);
    queue.push(lane("long"), 0).unwrap();
    queue.push(lane("long"), 1).unwrap();
    assert_eq!(take(&queue, 0, Priority::Normal), Some(0));
    is_long(&queue, 0, LONG);
    finish_job(&queue, 0, LONG);
    queue.push(lane("short"), 10).unwrap();
    assert_eq!(
        drain(&queue, Priority::Normal),
        [10],
        "what was waiting goes behind too"
    );
    queue.push(lane("long"), 2).unwrap();
    assert_eq!(drain(&queue, Priority::Background), [1, 2]);
    queue.push(lane("long"), 3).unwrap();
    let later = queue.lock().next(0, Priority::Background, 60_000_000);
    assert_eq!(later, None, "it owes no more");
    let later = queue.lock().next(0, Priority::Normal, 60_000_000);
    assert_eq!(later, Some(3));
}

#[test]
fn a_long_call_steps_aside_and_its_lane_goes_behind() {
    let queue = queue(100, 100);
    for job in 0..3 {
        queue.push(lane("long"), job).unwrap();
    }
    assert_eq!(take(&queue, 0, Priority::Normal), Some(0));
    queue.push(lane("short"), 10).unwrap();
    assert_eq!(take(&queue, 1, Priority::Normal), None, "one at once");
    let mut lasting = Vec::new();
    queue.tick(&mut lasting);
    assert!(lasting.is_empty());
    queue.tick(&mut lasting);
    let [(0, turn)] = lasting[..] else {
        panic!("{lasting:?}")
    };
    queue.is_long(0, turn, LONG);
    queue.is_long(0, turn, LONG);
    assert_eq!(take(&queue, 1, Priority::Normal), Some(10));
    finish_job(&queue, 1, Duration::ZERO);
    assert_eq!(take(&queue, 2, Priority::Background), Some(1));
    finish_job(&queue, 2, Duration::ZERO);
    finish_job(&queue, 0, LONG);
    queue.is_long(0, turn, LONG);
    assert_eq!(
        take(&queue, 2, Priority::Background),
        Some(2),
        "it owes for the one"
    );
    assert_eq!(queue.lock().normal.running, 0);
}

#[test]
fn a_thread_that_waits_is_woken() {
    let queue = queue(1, 1);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| queue.next(0, Priority::Normal, Duration::ZERO));
        queue.push(lane("a"), 7).unwrap();
        assert_eq!(waiter.join().unwrap(), Some(7));
    });
}

#[test]
fn what_goes_behind_wakes_who_waits_there() {
    let queue = queue(2, 2);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| queue.next(1, Priority::Background, Duration::ZERO));
        queue.push(lane("a"), 7).unwrap();
        queue.push(lane("a"), 8).unwrap();
        assert_eq!(queue.next(0, Priority::Normal, Duration::ZERO), Some(7));
        is_long(&queue, 0, LONG);
        let other = scope.spawn(|| queue.next(0, Priority::Normal, LONG));
        assert_eq!(waiter.join().unwrap(), Some(8));
        queue.close();
        assert_eq!(other.join().unwrap(), None);
    });
}

#[test]
fn a_thread_is_left_to_the_others_while_there_are_any() {
    let queue = two_at_once(10_000);
    for job in 0..2_000 {
        queue.push(lane("busy"), job).unwrap();
    }
    assert!(take(&queue, 0, Priority::Normal).is_some());
    assert!(take(&queue, 1, Priority::Normal).is_some(), "alone it takes all");
    finish_job(&queue, 1, Duration::ZERO);
    queue.push(lane("quiet"), 10_000).unwrap();
    assert_eq!(take(&queue, 1, Priority::Normal), Some(10_000));
    finish_job(&queue, 1, Duration::ZERO);
    assert_eq!(
        take(&queue, 1, Priority::Normal),
        None,
        "who was there may come again"
    );
    queue.push(lane("quiet"), 10_001).unwrap();
    assert_eq!(take(&queue, 1, Priority::Normal), Some(10_001));
    finish_job(&queue, 1, Duration::ZERO);
    for _ in 0..=COMPANY {
        finish_job(&queue, 0, Duration::ZERO);
        assert!(take(&queue, 0, Priority::Normal).is_some());
    }
    assert!(take(&queue, 1, Priority::Normal).is_some(), "nobody came");
}

#[test]
fn a_lane_that_goes_behind_does_not_keep_the_thread_that_finds_it() {
    let queue = two_at_once(10);
    for (name, job) in [("busy", 0), ("busy", 1), ("long", 10), ("long", 11)] {
        queue.push(lane(name), job).unwrap();
    }
    assert_eq!(take(&queue, 0, Priority::Normal), Some(0));
    assert_eq!(take(&queue, 1, Priority::Normal), Some(10));
    is_long(&queue, 1, LONG);
    assert_eq!(take(&queue, 2, Priority::Normal), None, "`busy` has its share");
    assert_eq!(take(&queue, 3, Priority::Background), Some(11));
}

#[test]
fn who_has_paid_comes_to_the_front_with_the_next_job() {
    let queue = queue(10, 10);
    queue.push(lane("once"), 0).unwrap();
    assert_eq!(take(&queue, 0, Priority::Normal), Some(0));
    is_long(&queue, 0, LONG);
    queue.push(lane("once"), 1).unwrap();
    finish_job(&queue, 0, LONG);
    assert_eq!(take(&queue, 0, Priority::Normal), None);
    let add = |job, now_us| queue.lock().add(lane("once"), job, now_us);
    add(2, 1).unwrap();
    assert_eq!(take(&queue, 0, Priority::Normal), None, "it still owes");
    add(3, 10_000_000).unwrap();
    assert_eq!(queue.lock().next(0, Priority::Normal, 10_000_000), Some(1));
}

#[test]
fn what_a_lane_used_while_it_was_alone_is_soon_forgotten() {
    let queue = queue(1_000, 1_000);
    for job in 0..100 {
        queue.push(lane("slow"), job).unwrap();
    }
    for _ in 0..90 {
        assert!(take(&queue, 0, Priority::Normal).is_some());
        finish_job(&queue, 0, Duration::from_secs(1));
    }
    for job in 0..200 {
        queue.push(lane("fast"), 1_000 + job).unwrap();
    }
    let turns = drain(&queue, Priority::Normal);
    let first = turns.iter().position(|job| *job == 90);
    assert_eq!(first, Some(100), "after a hundred turns of the other");
}
