//! Limits: a guest that exceeds one is stopped, and the failure names it.

use bytes::Bytes;

use super::{Bench, Config, Verdict, failure, step, text};
use hookgate_domain::units::Span;
use hookgate_testing::guests::{FAIL, PASS, handling};

#[tokio::test]
async fn an_endless_loop_runs_out_of_time() {
    let config = Config {
        call_deadline: Span::from_millis(20),
        ..Config::default()
    };
    let bench = Bench::new(config);
    let done = bench
        .run_guest("", "(loop $again (br $again)) (i32.const 64)", "{}")
        .await;
    assert_eq!(
        failure(&done),
        (
            "timeout",
            "ran longer than 20ms of processor time in one call (`plugins.call_deadline`)"
        )
    );
}

#[tokio::test]
async fn a_chain_has_a_deadline_of_its_own() {
    let config = Config {
        call_deadline: Span::from_millis(1_000),
        chain_deadline: Span::from_millis(20),
        ..Config::default()
    };
    let bench = Bench::new(config);
    let done = bench
        .run_guest("", "(loop $again (br $again)) (i32.const 64)", "{}")
        .await;
    assert_eq!(
        failure(&done),
        (
            "timeout",
            "the chain ran longer than 20ms of processor time, in this step (`plugins.chain_deadline`)"
        )
    );
}

#[tokio::test]
async fn memory_is_bounded() {
    let bench = Bench::new(Config::default());
    let grow =
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    let done = bench.run_guest("", grow, "{}").await;
    assert_eq!(
        failure(&done),
        ("memory", "wanted more than 16MiB of memory (`plugins.memory`)")
    );
    // A plugin that can do without the memory is not stopped for asking.
    let ask = format!("(drop (memory.grow (i32.const 10000))) {PASS}");
    assert_eq!(bench.run_guest("", &ask, "{}").await.verdict, Verdict::Pass);
}

#[tokio::test]
async fn document_operations_are_counted() {
    let config = Config {
        max_host_calls: 100,
        ..Config::default()
    };
    let bench = Bench::new(config);
    let asks = |count: u32| {
        format!(
            "(local $left i32) (local.set $left (i32.const {count}))
            (loop $again
                (drop (call $kind_of (local.get $data) (i32.const 0) (i32.const 0)))
                (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            {PASS}"
        )
    };
    assert_eq!(bench.run_guest("", &asks(100), "{}").await.verdict, Verdict::Pass);
    assert_eq!(
        failure(&bench.run_guest("", &asks(101), "{}").await),
        (
            "operations",
            "used more than 100 document operations in one call (`plugins.max_host_calls`)"
        )
    );
}

#[tokio::test]
async fn the_log_is_bounded_and_escaped() {
    let bench = Bench::new(Config::default());
    let body = format!(
        "(local $left i32) (local.set $left (i32.const 1000))
        (loop $again
            (call $log (i32.const 2) (i32.const 1024) (i32.const 100))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        {PASS}"
    );
    let items = r#"(data (i32.const 1024) "\1b[2Jsecond line\n")"#;
    let done = bench.run_guest(items, &body, "{}").await;
    assert_eq!(done.verdict, Verdict::Pass);
    let (plugin, first) = &done.log[0];
    assert_eq!(plugin, "guest");
    assert!(
        first.text.starts_with(r"\u{1b}[2Jsecond line\n"),
        "{}",
        first.text
    );
    let bytes: usize = done.log.iter().map(|(_, line)| line.text.len()).sum();
    assert!((3_000..4_500).contains(&bytes), "{bytes}");
    let (_, last) = done.log.last().unwrap();
    assert!(
        last.text.ends_with("more bytes were dropped: the log is full"),
        "{}",
        last.text
    );
}

/// Sets `/big` to a string of 40,002 bytes as often as it fits.
///
/// Afterwards `$refused` says whether one did not fit.
const SET_BIG: &str = r"(local $at i32)
    (drop (memory.grow (i32.const 2)))
    (memory.fill (i32.const 65536) (i32.const 97) (i32.const 40002))
    (i32.store8 (i32.const 65536) (i32.const 34))
    (i32.store8 (i32.const 105537) (i32.const 34))
    (call $set_json (local.get $data) (i32.const 1024) (i32.const 2) (i32.const 65536) (i32.const 40002) (i32.const 2048))
    (call $set_json (local.get $data) (i32.const 1026) (i32.const 2) (i32.const 65536) (i32.const 40002) (i32.const 2048))";
const SET_BIG_ITEMS: &str = r#"(data (i32.const 1024) "/a/b")"#;

#[tokio::test]
async fn the_output_is_bounded() {
    let bench = Bench::new(Config::default());
    let body =
        format!("{SET_BIG} (i32.add (i32.shl (i32.load8_u (i32.const 2048)) (i32.const 6)) (i32.const 64))");
    let done = bench.run_guest(SET_BIG_ITEMS, &body, "{}").await;
    assert_eq!(
        failure(&done),
        (
            "output",
            "the document would have grown to more than twice its input and 64KiB (`plugins.max_growth`), or deeper than 64 \
             (`plugins.depth`): internal: no luck"
        )
    );
    // A plugin that continues after a refused change is let go on, and the change was not made.
    let done = bench
        .run_guest(SET_BIG_ITEMS, &format!("{SET_BIG} {PASS}"), "{}")
        .await;
    assert_eq!(done.verdict, Verdict::Pass);
    assert!(text(&done.data).starts_with(r#"{"a":"aaa"#));
    assert!(text(&done.data).len() < 50_000);
    // A plugin that fails for another reason fails for that.
    assert_eq!(
        failure(&bench.run_guest("", FAIL, "{}").await),
        ("refused", "internal: no luck")
    );
}

#[tokio::test]
async fn the_output_of_a_chain_is_bounded_by_its_input_not_by_each_step_before() {
    let bench = Bench::new(Config::default());
    let body = format!("{SET_BIG} {PASS}");
    let component = bench.host.load(handling(SET_BIG_ITEMS, &body)).await.unwrap();
    let steps = (0..4).map(|_| step(&component, "{}")).collect();
    let done = bench.run(steps, "{}").await;
    assert_eq!(done.verdict, Verdict::Pass);
    assert!(text(&done.data).len() < 50_000);
}

#[tokio::test]
async fn recursion_is_bounded_and_the_trap_tells_where() {
    let bench = Bench::new(Config::default());
    let items =
        "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))";
    let done = bench
        .run_guest(items, "(drop (call $deeper (i32.const 1))) (i32.const 64)", "{}")
        .await;
    let (kind, message) = failure(&done);
    assert_eq!(kind, "trap");
    assert!(
        message.starts_with("wasm trap: call stack exhausted: it has 512KiB; in deeper, called by deeper"),
        "{message}"
    );
}

#[tokio::test]
async fn a_chain_has_so_many_steps() {
    let bench = Bench::new(Config::default());
    let component = bench.host.load(handling("", PASS)).await.unwrap();
    let steps = |count: usize| (0..count).map(|_| step(&component, "{}")).collect();
    let done = bench.run(steps(16), "{}").await;
    assert_eq!((done.verdict, done.steps.len()), (Verdict::Pass, 16));
    let done = bench.run(steps(17), "{}").await;
    assert_eq!(
        failure(&done),
        (
            "internal",
            "the chain has 17 steps; at most 16 are run (`plugins.steps`)"
        )
    );
    assert!(done.steps.is_empty());
}

#[tokio::test]
async fn patterns_that_take_too_much_work_stop_the_call() {
    let bench = Bench::new(Config {
        call_deadline: Span::from_secs(600),
        chain_deadline: Span::from_secs(600),
        ..Config::default()
    });
    let redact = Bytes::from_static(include_bytes!("../../../../../plugins/dist/redact.wasm"));
    let redact = bench.host.load(redact).await.unwrap();
    let fields: Vec<String> = (0..600).map(|n| format!("\"/**/~a|b{n}/**/c{n}\"")).collect();
    let settings = format!(r#"{{"fields":[{}]}}"#, fields.join(","));
    let data = format!("{{\"a\":{{\"a\":[{}]}}}}", vec!["[1]"; 50_000].join(","));
    let done = bench.run(vec![step(&redact, &settings)], &data).await;
    let (kind, message) = failure(&done);
    assert_eq!(kind, "operations", "{message}");
    assert!(
        message.starts_with("one document operation took more than 8000000 units of work"),
        "{message}"
    );
}
