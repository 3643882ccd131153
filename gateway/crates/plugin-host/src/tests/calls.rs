//! Calls: a fresh instance, a verdict within its phase, a failure that leaves no trace when it is
//! skipped.

use std::sync::Arc;
use std::time::Duration;

use super::{Bench, Config, OnFailure, Phase, Step, Verdict, call, document, failure, step, text};
use hookgate_domain::event::StepResult;
use hookgate_testing::guests::{FAIL, PASS, handling, redacting};

/// Sets `/a` to 2.
const SET: &str = "(call $set_json (local.get $data) (i32.const 1024) (i32.const 2) (i32.const 1026) (i32.const 1) (i32.const 2048))";
const SET_ITEMS: &str = r#"(data (i32.const 1024) "/a2")"#;

#[tokio::test]
async fn a_guest_that_lets_pass() {
    let bench = Bench::new(Config::default());
    let done = bench
        .run_guest(SET_ITEMS, &format!("{SET} {PASS}"), r#"{"a":1,"b":true}"#)
        .await;
    assert_eq!(done.verdict, Verdict::Pass);
    assert_eq!(text(&done.data), r#"{"a":2,"b":true}"#);
    let [report] = done.steps.as_slice() else {
        panic!("one step, one report")
    };
    assert_eq!(
        (report.plugin.as_str(), report.result),
        ("guest", StepResult::Passed)
    );
    assert_eq!(report.version.len(), 12);
    assert_eq!(report.changed, ["/a"]);
}

#[tokio::test]
async fn nothing_in_memory_outlives_a_call() {
    let bench = Bench::new(Config::default());
    // Traps if a global, the first page or an added page holds data of an earlier call.
    let items = "(global $calls (mut i32) (i32.const 0))";
    let body = format!(
        "(drop (memory.grow (i32.const 20)))
        (if (i32.or (global.get $calls) (i32.or (i32.load (i32.const 3000)) (i32.load (i32.const 1300000))))
            (then (unreachable)))
        (global.set $calls (i32.const 1))
        (i32.store (i32.const 3000) (i32.const 1))
        (i32.store (i32.const 1300000) (i32.const 1))
        {PASS}"
    );
    let component = bench.host.load(handling(items, &body)).await.unwrap();
    // More calls than there are slots: every slot is used again.
    for _ in 0..300 {
        let done = bench.run(vec![step(&component, "{}")], "{}").await;
        assert_eq!(done.verdict, Verdict::Pass);
    }
}

#[tokio::test]
async fn a_panic_is_told_in_its_own_words() {
    let bench = Bench::new(Config::default());
    let items = r#"(data (i32.const 1024) "thread '<unnamed>' panicked at src/lib.rs:3:5:\0aoh \07no\0a")"#;
    let body = "(call $write (call $stderr) (i32.const 1024) (i32.const 54) (i32.const 2048)) (unreachable)";
    let done = bench.run_guest(items, body, "{}").await;
    assert_eq!(
        failure(&done),
        ("panic", r"panicked at src/lib.rs:3:5: oh \u{7}no")
    );
}

#[tokio::test]
async fn what_is_not_given_traps_by_its_name() {
    let bench = Bench::new(Config::default());
    let done = bench
        .run_guest("", "(call $open_anything) (i32.const 64)", "{}")
        .await;
    let (kind, message) = failure(&done);
    assert_eq!(kind, "trap");
    assert!(
        message.starts_with("called `wasi:filesystem/preopens#open-anything`, which plugins are not given"),
        "{message}"
    );
}

#[tokio::test]
async fn metadata_is_changed_at_ingress_by_steps_that_pass() {
    let bench = Bench::new(Config::default());
    let set = SET.replace("$data", "$metadata");
    let passes = handling(SET_ITEMS, &format!("{set} {PASS}"));
    let fails = handling(SET_ITEMS, &format!("{set} (unreachable)"));
    let passes = bench.host.load(passes).await.unwrap();
    let fails = bench.host.load(fails).await.unwrap();
    let skipped = || Step {
        on_failure: OnFailure::Skip,
        ..step(&fails, "{}")
    };
    for (steps, after) in [
        (vec![step(&passes, "{}")], r#"{"a":2,"b":1}"#),
        (vec![skipped()], r#"{"a":1,"b":1}"#),
        (
            vec![skipped(), step(&passes, "{}"), skipped()],
            r#"{"a":2,"b":1}"#,
        ),
    ] {
        let mut call = call("acme", steps, r#"{"a":1}"#);
        call.metadata = Arc::new(document(r#"{"a":1,"b":1}"#));
        let kept = Arc::clone(&call.metadata);
        let done = bench.host.run(call).await;
        assert_eq!(done.verdict, Verdict::Pass);
        assert_eq!(
            (text(&done.metadata).as_str(), text(&done.data).as_str()),
            (after, r#"{"a":1}"#)
        );
        assert_eq!(text(&kept), r#"{"a":1,"b":1}"#, "nobody else's changes with it");
        assert!(done.steps.iter().all(|step| step.changed.is_empty()));
    }
    let failed = bench.run(vec![step(&fails, "{}")], "{}").await;
    assert_eq!(text(&failed.metadata), "null");
}

#[tokio::test]
async fn metadata_stays_an_object() {
    let bench = Bench::new(Config::default());
    // The whole of it becomes 2.
    let set = SET
        .replace("$data", "$metadata")
        .replacen("(i32.const 2)", "(i32.const 0)", 1);
    let done = bench.run_guest(SET_ITEMS, &format!("{set} {PASS}"), "{}").await;
    assert_eq!(failure(&done).0, "verdict");
}

#[tokio::test]
async fn metadata_cannot_be_changed_at_delivery() {
    let bench = Bench::new(Config::default());
    let set = SET.replace("$data", "$metadata");
    // The error's case follows the result's at 2052: 3 is `read-only`.
    let body = format!(
        "{set} (if (i32.ne (i32.load8_u (i32.const 2052)) (i32.const 3)) (then (unreachable))) {PASS}"
    );
    let component = bench.host.load(handling(SET_ITEMS, &body)).await.unwrap();
    let mut call = call("acme", vec![step(&component, "{}")], "{}");
    call.phase = Phase::Delivery {
        attempt: 1,
        subscription: None,
    };
    let done = bench.host.run(call).await;
    assert_eq!(
        (done.verdict, text(&done.metadata)),
        (Verdict::Pass, "{}".to_owned())
    );
}

#[tokio::test]
async fn a_step_that_is_skipped_leaves_no_trace() {
    let bench = Bench::new(Config::default());
    let component = bench
        .host
        .load(handling(SET_ITEMS, &format!("{SET} (unreachable)")))
        .await
        .unwrap();
    let skipped = Step {
        on_failure: OnFailure::Skip,
        ..step(&component, "{}")
    };
    let done = bench.run(vec![skipped], r#"{"a":1}"#).await;
    assert_eq!(done.verdict, Verdict::Pass);
    assert_eq!(text(&done.data), r#"{"a":1}"#);
    assert_eq!(done.steps[0].result, StepResult::Skipped);
    assert!(done.steps[0].changed.is_empty());
}

#[tokio::test]
async fn a_step_that_redacts_is_never_skipped() {
    let bench = Bench::new(Config::default());
    let component = bench.host.load(redacting(FAIL)).await.unwrap();
    assert!(component.description.redacts);
    let step = Step {
        on_failure: OnFailure::Skip,
        ..step(&component, "{}")
    };
    let done = bench.run(vec![step], r#"{"email":"a@b.example"}"#).await;
    assert_eq!(failure(&done), ("refused", "internal: no luck"));
    assert_eq!(
        done.data,
        document("null"),
        "what was not redacted does not come back"
    );
}

#[tokio::test]
async fn a_step_without_its_component_fails_by_its_policy() {
    let bench = Bench::new(Config::default());
    let missing = |on_failure| Step::new("gone".to_owned(), None, document("{}").into(), on_failure);
    let done = bench.run(vec![missing(OnFailure::Fail)], "{}").await;
    assert_eq!(failure(&done), ("missing", "the component could not be loaded"));
    let done = bench.run(vec![missing(OnFailure::Skip)], r#"{"a":1}"#).await;
    assert_eq!(
        (done.verdict, text(&done.data)),
        (Verdict::Pass, r#"{"a":1}"#.to_owned())
    );
}

#[tokio::test]
async fn verdicts_within_their_phase() {
    let bench = Bench::new(Config::default());
    // A result at 1024: `ok`, the verdict's case, and its payload: the texts "no" and "never", or 1500.
    let guest = |case: u8, payload: &str| {
        let items = format!(
            r#"(data (i32.const 1024) "\00\00\00\00\{case:02x}\00\00\00{payload}") (data (i32.const 2048) "nonever")"#
        );
        handling(&items, "(i32.const 1024)")
    };
    const DROP: &str = r"\00\08\00\00\02\00\00\00";
    const REJECT: &str = r"\00\08\00\00\02\00\00\00\02\08\00\00\05\00\00\00";
    const DELAY: &str = r"\dc\05\00\00";
    let plugin = || "guest".to_owned();
    let delivery = Phase::Delivery {
        attempt: 1,
        subscription: None,
    };
    let drop = Verdict::Drop {
        plugin: plugin(),
        reason: "no".to_owned(),
    };
    let reject = Verdict::Reject {
        plugin: plugin(),
        code: "no".to_owned(),
        message: "never".to_owned(),
    };
    let delay = Verdict::Delay {
        plugin: plugin(),
        by: Duration::from_millis(1_500),
    };
    for (case, payload, phase, expected) in [
        (1, DROP, Phase::Ingress, Some(drop.clone())),
        (1, DROP, delivery, Some(drop)),
        (2, REJECT, Phase::Ingress, Some(reject)),
        (2, REJECT, delivery, None),
        (3, DELAY, Phase::Ingress, None),
        (3, DELAY, delivery, Some(delay)),
    ] {
        let component = bench.host.load(guest(case, payload)).await.unwrap();
        let mut call = call("acme", vec![step(&component, "{}")], r#"{"secret":1}"#);
        call.phase = phase;
        let done = bench.host.run(call).await;
        match expected {
            Some(expected) => assert_eq!(done.verdict, expected),
            None => assert_eq!(failure(&done).0, "verdict"),
        }
        assert_eq!(done.data, document("null"), "only what passed comes back");
    }
}
