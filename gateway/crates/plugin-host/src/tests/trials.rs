//! Dry runs: the result reports everything, and the metrics of production count none of it.

use bytes::Bytes;

use super::{Bench, Config, OnFailure, Step, Trial, Verdict, call, step, text};
use crate::{Call, Tried, TriedStep};
use hookgate_domain::units::Span;
use hookgate_json::{Document, Limits};
use hookgate_testing::guests::{PASS, handling};

/// Tries a guest by hand whose `handle` has this body.
async fn tried(bench: &Bench, items: &str, body: &str, data: &str) -> Tried {
    let source = handling(items, body);
    let component = bench.host.load(source.clone()).await.unwrap();
    let call = call("acme", vec![step(&component, "{}")], data);
    let sources = vec![Some(source)];
    bench.host.try_out(Trial { call, sources }).await
}

fn only(tried: &Tried) -> &TriedStep {
    match tried.steps.as_slice() {
        [step] => step,
        steps => panic!("one step, not {}", steps.len()),
    }
}

/// Sets `/a` to 2, and logs it.
const SET: &str = r#"(call $set_json (local.get $data) (i32.const 1024) (i32.const 2) (i32.const 1026) (i32.const 1) (i32.const 2048))
    (call $log (i32.const 2) (i32.const 1027) (i32.const 5))"#;
const SET_ITEMS: &str = r#"(data (i32.const 1024) "/a2hello")"#;

#[tokio::test]
async fn everything_of_a_call_is_told() {
    let bench = Bench::new(Config::default());
    let body = format!("(drop (memory.grow (i32.const 3))) {SET} {PASS}");
    let tried = tried(&bench, SET_ITEMS, &body, r#"{"a":1}"#).await;
    assert_eq!(tried.verdict, Verdict::Pass);
    assert_eq!(text(tried.after.as_ref().unwrap()), r#"{"a":2}"#);
    let step = only(&tried);
    let (before, after) = &tried.shown;
    assert_eq!(before.as_ref().unwrap().get(), r#"{"a":1}"#);
    assert_eq!(after.as_ref().unwrap().get(), r#"{"a":2}"#);
    assert_eq!(
        (step.diff.changes.len(), step.diff.changes[0].path.as_str()),
        (1, "/a")
    );
    assert_eq!((tried.diff.changes.len(), tried.cut), (1, false));
    assert_eq!(step.log[0].text, "hello");
    assert_eq!((step.used.operations, step.limits.operations), (1, 20_000));
    assert_eq!((step.used.memory, step.limits.memory), (4 << 16, 16 << 20));
    assert_eq!((step.used.output, step.limits.output), (7, 14 + (64 << 10)));
    assert_eq!((step.used.log, step.limits.log), (5, 4 << 10));
    assert!(step.used.time <= step.limits.time);
}

#[tokio::test]
async fn fuel_is_the_same_at_every_run_and_grows_with_the_work() {
    let bench = Bench::new(Config::default());
    let turns = |count: u32| {
        format!(
            "(local $n i32) (local.set $n (i32.const {count}))
            (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) {PASS}"
        )
    };
    let mut counted = Vec::new();
    for count in [100, 100, 10_000] {
        counted.push(
            only(&tried(&bench, "", &turns(count), "{}").await)
                .used
                .fuel
                .unwrap(),
        );
    }
    assert_eq!(counted[0], counted[1]);
    assert!(counted[2] > 50 * counted[0], "{counted:?}");
    // Without the component's bytes there is nothing to count with.
    let component = bench.host.load(handling("", PASS)).await.unwrap();
    let call = call("acme", vec![step(&component, "{}")], "{}");
    let tried = bench
        .host
        .try_out(Trial {
            call,
            sources: Vec::new(),
        })
        .await;
    assert_eq!(only(&tried).used.fuel, None);
}

#[tokio::test]
async fn a_failure_is_told_with_its_limit_and_where_it_was() {
    let bench = Bench::new(Config {
        call_deadline: Span::from_millis(250),
        ..Config::default()
    });
    let endless = tried(&bench, "", "(loop $again (br $again)) (i32.const 64)", "{}").await;
    let Verdict::Failed(failure) = &only(&endless).verdict else {
        panic!("{:?}", endless.verdict)
    };
    assert_eq!(failure.kind, "timeout");
    assert!(
        failure.message.contains("250ms") && failure.message.contains("plugins.call_deadline"),
        "{failure:?}"
    );
    assert_eq!(only(&endless).used.fuel, None, "it has no end to count to");

    let items = "(func $inner (unreachable)) (func $outer (call $inner))";
    let trapped = tried(&bench, items, "(call $outer) (i32.const 64)", "{}").await;
    let step = only(&trapped);
    assert_eq!(step.backtrace[..2], ["inner", "outer"]);
    assert!(trapped.after.is_none() && trapped.shown.1.is_none());
    assert!(step.used.fuel.is_some(), "up to the trap");
}

#[tokio::test]
async fn a_step_that_is_skipped_and_the_step_after_it() {
    let bench = Bench::new(Config::default());
    let failing = bench.host.load(handling("", "(unreachable)")).await.unwrap();
    let setting = bench
        .host
        .load(handling(SET_ITEMS, &format!("{SET} {PASS}")))
        .await
        .unwrap();
    let skipped = Step {
        on_failure: OnFailure::Skip,
        ..step(&failing, "{}")
    };
    let call = call("acme", vec![skipped, step(&setting, "{}")], r#"{"a":1}"#);
    let tried = bench
        .host
        .try_out(Trial {
            call,
            sources: Vec::<Option<Bytes>>::new(),
        })
        .await;
    assert_eq!(tried.verdict, Verdict::Pass);
    let [first, second] = tried.steps.as_slice() else {
        panic!("both steps were called")
    };
    assert!(first.skipped && matches!(first.verdict, Verdict::Failed(_)));
    assert!(first.diff.changes.is_empty() && !second.skipped);
    assert_eq!(second.diff.changes[0].path, "/a");
    assert_eq!(text(tried.after.as_ref().unwrap()), r#"{"a":2}"#);
}

/// Limits so wide that only those under test are reached.
fn patient() -> Config {
    Config {
        call_deadline: Span::from_secs(600),
        chain_deadline: Span::from_secs(600),
        ..Config::default()
    }
}

#[tokio::test]
async fn a_dry_run_shows_no_more_than_its_bounds() {
    let bench = Bench::new(patient());
    // Nested keys make every path as long as all of them.
    let inner = format!("[{}1]", "1,".repeat(400));
    let nested = (0..50).fold(inner, |inner, _| {
        format!(r#"{{"{}":{inner}}}"#, "k".repeat(15_000))
    });
    let redact = Bytes::from_static(include_bytes!("../../../../../plugins/dist/redact.wasm"));
    let redact = bench.host.load(redact).await.unwrap();
    let settings = format!(r#"{{"fields":["{}/7"]}}"#, "/*".repeat(50));
    let steps: Vec<Step> = (0..16).map(|_| step(&redact, &settings)).collect();
    let call = call("acme", steps, &nested);
    let sources = Vec::new();
    let tried = bench.host.try_out(Trial { call, sources }).await;
    assert_eq!((&tried.verdict, tried.steps.len()), (&Verdict::Pass, 16));
    for diff in tried.steps.iter().map(|step| &step.diff).chain([&tried.diff]) {
        assert_eq!((diff.changes.len(), diff.left_out > 0), (0, true));
    }
    assert!(!tried.cut);

    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(3 << 20));
    let guest = bench.host.load(handling("", PASS)).await.unwrap();
    let call = Call {
        data: Document::parse(long.as_bytes(), Limits::of_bytes(8 << 20)).unwrap(),
        ..self::call("acme", vec![step(&guest, "{}")], "{}")
    };
    let sources = Vec::new();
    let tried = bench.host.try_out(Trial { call, sources }).await;
    assert!(tried.cut && tried.shown.0.is_some() && tried.shown.1.is_none());
    assert!(tried.after.is_some());
}
