//! Canaries, breakers and budgets over a real host.

use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::{Breaker, BreakerConfig, BreakerState, Canary, CanaryConfig, Watch, Watched};
use hookgate_domain::event::StepResult;
use hookgate_domain::units::Span;
use hookgate_testing::guests::{FAIL, PASS};

const TRAP: &str = "(unreachable)";

fn watched() -> Watched {
    Watched {
        tenant: "acme".parse().unwrap(),
        place: "ingress".to_owned(),
        plugin: "guest".to_owned(),
        digest: "00".to_owned(),
    }
}

#[tokio::test]
async fn an_event_whose_canary_fails_goes_the_way_that_works() {
    let bench = Bench::new(Config::default());
    let works = bench.host.load(handling("", PASS)).await.unwrap();
    let fails = bench
        .host
        .load(handling("", &format!("(nop) {FAIL}")))
        .await
        .unwrap();
    let (tell, mut told) = unbounded_channel();
    let rules = CanaryConfig {
        calls: 2,
        ..CanaryConfig::default()
    };
    let watch = Arc::new(Watch::new(rules, watched(), tell));
    let with_canary = |share| {
        let mut made = step(&works, "{}");
        made.canary = Some(Canary::new(step(&fails, "{}"), share, watch.clone()));
        vec![made]
    };
    for _ in 0..2 {
        let done = bench.run(with_canary(1_000_000), r#"{"a":1}"#).await;
        assert_eq!(done.verdict, Verdict::Pass);
        assert_eq!(text(&done.data), r#"{"a":1}"#);
        let told: Vec<_> = done
            .steps
            .iter()
            .map(|step| (step.result, step.canary, step.version.as_str()))
            .collect();
        let expected = [
            (StepResult::Failed, true, &fails.digest[..12]),
            (StepResult::Passed, false, &works.digest[..12]),
        ];
        assert_eq!(told, expected);
        assert_eq!(done.failures().count(), 1);
    }
    let tripped = told.try_recv().expect("it failed too often");
    assert_eq!((tripped.calls, tripped.failures), (2, 2));
    bench.run(with_canary(1), "{}").await;
    assert!(told.try_recv().is_err(), "another event is not its");
}

#[tokio::test]
async fn a_plugin_that_is_stopped_again_and_again_is_left_alone() {
    let bench = Bench::new(Config::default());
    let traps = bench.host.load(handling("", TRAP)).await.unwrap();
    let rules = BreakerConfig {
        failures: 2,
        ..BreakerConfig::default()
    };
    let breaker = Arc::new(Breaker::new(rules));
    let guarded = |component: &Arc<Component>| {
        let mut made = step(component, "{}");
        made.breaker = Some(breaker.clone());
        vec![made]
    };
    for expected in ["trap", "trap", "breaker", "breaker"] {
        let done = bench.run(guarded(&traps), "{}").await;
        assert_eq!(failure(&done).0, expected);
    }
    let now = 1_700_000_000_000;
    assert_eq!(breaker.state(now), BreakerState::Open);
    assert_eq!(breaker.state(now + 1_000), BreakerState::HalfOpen);
    let other = bench.run(vec![step(&traps, "{}")], "{}").await;
    assert_eq!(failure(&other).0, "trap", "another tenant's breaker is its own");
}

#[tokio::test]
async fn its_own_failures_open_no_breaker() {
    let bench = Bench::new(Config::default());
    let refuses = bench.host.load(handling("", FAIL)).await.unwrap();
    let acme = "acme".parse().unwrap();
    let breaker = bench.host.breaker(&acme, &refuses.digest);
    for _ in 0..20 {
        let mut made = step(&refuses, "{}");
        made.breaker = Some(breaker.clone());
        assert_eq!(failure(&bench.run(vec![made], "{}").await).0, "refused");
    }
    assert_eq!(
        bench.host.breaker_state(&acme, &refuses.digest),
        BreakerState::Closed
    );
}

#[tokio::test]
async fn a_tenant_over_its_budget_waits_and_no_other_does() {
    let bench = Bench::new(Config {
        budget: Some(Span::from_micros(1)),
        ..Config::default()
    });
    let component = bench.host.load(handling("", PASS)).await.unwrap();
    let run = async |tenant: &str| {
        let mut call = call(tenant, vec![], "{}");
        let owner = tenant.parse().unwrap();
        // As a tenant's snapshot holds its chains.
        let held = bench.host.chain(&owner, vec![]);
        call.chain = Arc::new(bench.host.chain(&owner, vec![step(&component, "{}")]));
        (bench.host.run(call).await.verdict, held)
    };
    let (first, held) = run("acme").await;
    assert_eq!(first, Verdict::Pass);
    let (second, _) = run("acme").await;
    let Verdict::OverBudget { wait, .. } = second else {
        panic!("{second:?}")
    };
    assert!(wait > Duration::ZERO);
    assert_eq!(run("globex").await.0, Verdict::Pass);
    drop(held);
}
