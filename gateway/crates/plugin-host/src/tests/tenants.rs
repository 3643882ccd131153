//! Tenants beside each other: turns, limits of the queue, and keys of their own.

use std::num::NonZeroU32;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinHandle;

use super::{Bench, Call, Config, Host, Verdict, call, step};
use crate::Span;
use hookgate_testing::guests::{PASS, handling};

/// Time limit of an endless loop, long enough for the calls behind it to arrive on any machine.
const LONGER_THAN_A_STALL: Span = Span::from_secs(2);

#[tokio::test]
async fn a_tenant_with_a_long_queue_does_not_hold_up_another() {
    let config = Config {
        threads: Some(NonZeroU32::MIN),
        call_deadline: LONGER_THAN_A_STALL,
        chain_deadline: LONGER_THAN_A_STALL,
        ..Config::default()
    };
    let bench = Bench::new(config);
    let slow = bench
        .host
        .load(handling("", "(loop $again (br $again)) (i32.const 64)"))
        .await
        .unwrap();
    let fast = bench.host.load(handling("", PASS)).await.unwrap();
    let mut ends = FuturesUnordered::new();
    for _ in 0..20 {
        ends.push(spawn(&bench.host, call("slow", vec![step(&slow, "{}")], "{}")));
    }
    // Nearly all of them wait before the other tenant's comes.
    while bench.host.waiting() < 15 {
        tokio::task::yield_now().await;
    }
    ends.push(spawn(&bench.host, call("fast", vec![step(&fast, "{}")], "{}")));
    let mut before = 0;
    while ends.next().await.unwrap().unwrap() != Verdict::Pass {
        before += 1;
    }
    assert!(
        before <= 3,
        "{before} calls of the slow tenant ended before the fast one's"
    );
}

#[tokio::test]
async fn a_full_queue_answers_at_once() {
    let config = Config {
        threads: Some(NonZeroU32::MIN),
        queue_per_tenant: 2,
        call_deadline: LONGER_THAN_A_STALL,
        chain_deadline: LONGER_THAN_A_STALL,
        ..Config::default()
    };
    let bench = Bench::new(config);
    let slow = bench
        .host
        .load(handling("", "(loop $again (br $again)) (i32.const 64)"))
        .await
        .unwrap();
    let fast = bench.host.load(handling("", PASS)).await.unwrap();
    let runs = (0..8).map(|_| bench.host.run(call("slow", vec![step(&slow, "{}")], "{}")));
    let other = bench.host.run(call("other", vec![step(&fast, "{}")], "{}"));
    let (done, other) = tokio::join!(futures_util::future::join_all(runs), other);
    let busy = done.iter().filter(|done| done.verdict == Verdict::Busy).count();
    // The normal and the background thread run one job each, and two wait; or both wait before one
    // has begun.
    assert!(
        (4..=6).contains(&busy),
        "{busy} of 8 were refused with two threads and room for 2"
    );
    assert_eq!(other.verdict, Verdict::Pass, "another tenant still has room");
}

fn spawn(host: &Host, call: Call) -> JoinHandle<Verdict> {
    let host = host.clone();
    tokio::spawn(async move { host.run(call).await.verdict })
}
