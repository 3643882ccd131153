//! Guests that are accepted and misbehave when they are called.

use hookgate_tests::guests::{FAIL, Guest, PASS, handling};

use super::Town;
use super::attack::{Fate, Hostile};
use crate::site::{On, on_both_stores};

on_both_stores!(
    who_takes_time,
    who_takes_memory,
    who_is_large,
    who_floods_the_host,
    who_breaks_the_boundary,
);

const fn fails(kind: &'static str, words: &'static [&'static str]) -> Fate {
    Fate::Fails {
        kind,
        words,
        backtrace: &[],
    }
}

const fn traps(words: &'static [&'static str], backtrace: &'static [&'static str]) -> Fate {
    Fate::Fails {
        kind: "trap",
        words,
        backtrace,
    }
}

const PASSES: Fate = Fate::Passes { log: &[] };
const OUT_OF_TIME: Fate = fails(
    "timeout",
    &["ran longer than 10ms of processor time in one call (`plugins.call_deadline`)"],
);

async fn who_takes_time(on: On) {
    let looping = |handle: &str| handling("", &format!("(local $n i32) {handle} {PASS}"));
    let spins_at_start = Guest {
        // Not during `describe`, where the clock returns zero.
        items: "(func $spin (if (i64.ne (call $now_ms) (i64.const 0)) (then (loop $again (br $again))))) (start $spin)",
        ..Guest::default()
    };
    let spins_in_realloc = Guest {
        realloc: "(loop $again (br $again)) (unreachable)",
        ..Guest::default()
    };
    let guests = vec![
        Hostile::new("endless-loop", looping("(loop $again (br $again))"), OUT_OF_TIME),
        // A few milliseconds for every event, forever.
        Hostile::new(
            "slow-but-legal",
            looping(
                "(local.set $n (i32.const 3000000))
                (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))",
            ),
            PASSES,
        ),
        Hostile::new("spins-at-start", spins_at_start.component(), OUT_OF_TIME),
        Hostile::new("spins-in-realloc", spins_in_realloc.component(), OUT_OF_TIME),
        Hostile::new("many-functions", many_functions(10_000), PASSES),
    ];
    Town::new(on).await.withstands(guests).await;
}

async fn who_takes_memory(on: On) {
    const GROWS: &str = "(local $page i32)
        (loop $again
            (local.set $page (memory.grow (i32.const 1)))
            (if (i32.ne (local.get $page) (i32.const -1)) (then
                (memory.fill (i32.shl (local.get $page) (i32.const 16)) (i32.const 7) (i32.const 65536))
                (br $again))))
        (unreachable)";
    const GROWS_TABLE: &str = "(loop $again
            (br_if $again (i32.ne (table.grow $elements (ref.null func) (i32.const 1000)) (i32.const -1))))
        (unreachable)";
    const DEEPER: &str =
        "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))";
    let guests = vec![
        Hostile::new(
            "memory-growth",
            handling("", GROWS),
            fails("memory", &["wanted more than 16MiB of memory (`plugins.memory`)"]),
        ),
        Hostile::new(
            "table-growth",
            handling("(table $elements 1 funcref)", GROWS_TABLE),
            fails(
                "memory",
                &["wanted more than 20000 elements of a table (`plugins.table_elements`)"],
            ),
        ),
        Hostile::new(
            "deep-recursion",
            handling(DEEPER, "(drop (call $deeper (i32.const 1))) (unreachable)"),
            traps(
                &["call stack exhausted", "512KiB", "in deeper, called by deeper"],
                &["deeper", "deeper"],
            ),
        ),
        Hostile::new("largest-data", largest_data(), PASSES),
        Hostile::new("many-data-segments", many_data_segments(), PASSES),
    ];
    Town::new(on).await.withstands(guests).await;
}

async fn who_is_large(on: On) {
    const GROWS: &str =
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    let data = format!(r#"(data (i32.const 65536) "{}")"#, "x".repeat(2_500_000));
    let large = |handle: &str| {
        let guest = Guest {
            items: &data,
            pages: 40,
            handle,
            ..Guest::default()
        };
        guest.component()
    };
    // Writes to all of the image, which makes each page private to this instance.
    let spoils = format!("(memory.fill (i32.const 65536) (i32.const 7) (i32.const 2500000)) {PASS}");
    let guests = vec![
        Hostile::new(
            "large-growth",
            large(GROWS),
            fails(
                "memory",
                &["wanted more than 64MiB of memory (`plugins.large.memory`)"],
            ),
        ),
        Hostile::new("large-image", large(&spoils), PASSES),
    ];
    let town = Town::with(on, "plugins.large.upload = \"8MiB\"").await;
    town.withstands(guests).await;
}

async fn who_floods_the_host(on: On) {
    let forever =
        |items: &str, call: &str| handling(items, &format!("(loop $again {call} (br $again)) (unreachable)"));
    let guests = vec![
        Hostile::new(
            "host-call-flood",
            forever("", "(drop (call $kind_of (local.get $data) (i32.const 0) (i32.const 0)))"),
            fails("operations", &["used more than 1000 document operations in one call (`plugins.max_host_calls`)"]),
        ),
        Hostile::new(
            "log-flood",
            forever(r#"(data (i32.const 1024) "\1b[2J\1b]0;owned\07")"#, "(call $log (i32.const 4) (i32.const 1024) (i32.const 500))"),
            OUT_OF_TIME,
        ),
        Hostile::new(
            "terminal-escapes",
            handling(
                r#"(data (i32.const 1024) "\1b[2J\1b]0;owned\07\e2\80\ae")"#,
                &format!(
                    "(call $log (i32.const 4) (i32.const 1024) (i32.const 17))
                    (call $log (i32.const 4) (i32.const 1024) (i32.const 1000))
                    (call $log (i32.const 4) (i32.const 8192) (i32.const 50000))
                    (call $write (call $stderr) (i32.const 1024) (i32.const 17) (i32.const 2048)) {PASS}"
                ),
            ),
            Fate::Passes {
                log: &[r"\\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{202e}", "more bytes were dropped: the log is full"],
            },
        ),
        Hostile::new(
            "log-of-nothing",
            forever("", "(call $log (i32.const 0) (i32.const 0) (i32.const 0))"),
            OUT_OF_TIME,
        ),
        // All of the memory, 5 MiB.
        Hostile::new(
            "giant-string",
            handling(
                "",
                &format!(
                    "(drop (memory.grow (i32.const 80)))
                    (drop (call $kind_of (local.get $data) (i32.const 0) (i32.const 5242880))) {PASS}"
                ),
            ),
            fails("memory", &["gave more than 4MiB to one operation (`plugins.operation_input`)"]),
        ),
        Hostile::new(
            "output-blow-up",
            handling(
                r#"(data (i32.const 1024) "/a/b/c/d/e")"#,
                &format!(
                    "(local $at i32)
                    (drop (memory.grow (i32.const 2)))
                    (memory.fill (i32.const 65536) (i32.const 97) (i32.const 40002))
                    (i32.store8 (i32.const 65536) (i32.const 34))
                    (i32.store8 (i32.const 105537) (i32.const 34))
                    (local.set $at (i32.const 1024))
                    (loop $again
                        (call $set_json (local.get $data) (local.get $at) (i32.const 2) (i32.const 65536) (i32.const 40002) (i32.const 2048))
                        (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 2))) (i32.const 1034))))
                    {FAIL}"
                ),
            ),
            fails("output", &["twice its input and 64KiB (`plugins.max_growth`)"]),
        ),
        // A hundred thousand nested arrays.
        Hostile::new(
            "deep-json",
            handling(
                r#"(data (i32.const 1024) "/a")"#,
                &format!(
                    "(drop (memory.grow (i32.const 4)))
                    (memory.fill (i32.const 65536) (i32.const 91) (i32.const 100000))
                    (memory.fill (i32.const 165536) (i32.const 93) (i32.const 100000))
                    (call $set_json (local.get $data) (i32.const 1024) (i32.const 2) (i32.const 65536) (i32.const 200000) (i32.const 2048))
                    {FAIL}"
                ),
            ),
            fails("output", &["deeper than 64 (`plugins.depth`)"]),
        ),
        Hostile::new(
            "handle-leak",
            forever("", "(drop (call $settings))"),
            fails("memory", &["kept more than 256 handles (`plugins.handles`)"]),
        ),
    ];
    Town::new(on).await.withstands(guests).await;
}

async fn who_breaks_the_boundary(on: On) {
    const NESTED: &str = "(func $inner (unreachable)) (func $outer (call $inner))";
    const NO_UTF_8: &str = r#"(data (i32.const 1024) "\c3\28\ff\fe")"#;
    // A drop whose reason is not UTF-8.
    let reason = r#"(data (i32.const 1024) "\c3\28\ff\fe") (data (i32.const 1032) "\00\00\00\00\01\00\00\00\00\04\00\00\04\00\00\00")"#;
    let keeps = Guest {
        afterwards: "(call $drop (local.get $metadata))",
        ..Guest::default()
    };
    let gives_nothing = Guest {
        realloc: "(i32.const -16)",
        ..Guest::default()
    };
    let calls_back = Guest {
        realloc: "(drop (call $now_ms)) (i32.const 4096)",
        ..Guest::default()
    };
    let with = |items: &str, call: &str| handling(items, &format!("{call} {PASS}"));
    let guests = vec![
        Hostile::new(
            "trap-in-handle",
            handling(NESTED, "(call $outer) (i32.const 64)"),
            traps(&["unreachable", "in inner, called by outer"], &["inner", "outer"]),
        ),
        Hostile::new(
            "wrong-utf-8",
            with(
                NO_UTF_8,
                "(call $log (i32.const 2) (i32.const 1024) (i32.const 4))",
            ),
            traps(&["invalid utf-8"], &[]),
        ),
        Hostile::new(
            "wrong-utf-8-in-a-reason",
            handling(reason, "(i32.const 1032)"),
            traps(&["invalid utf-8"], &[]),
        ),
        Hostile::new(
            "string-beyond-memory",
            with(
                "",
                "(call $log (i32.const 2) (i32.const 65000) (i32.const 1000000))",
            ),
            traps(&["out of bounds"], &[]),
        ),
        Hostile::new(
            "result-beyond-memory",
            handling("", "(i32.const 65532)"),
            traps(&["out of bounds"], &[]),
        ),
        Hostile::new(
            "result-of-no-kind",
            handling(r#"(data (i32.const 1024) "\63")"#, "(i32.const 1024)"),
            traps(&["discriminant"], &[]),
        ),
        Hostile::new(
            "keeps-a-document",
            keeps.component(),
            traps(&["borrow handles still remain"], &[]),
        ),
        Hostile::new(
            "gives-back-twice",
            with("", "(call $drop (local.get $data))"),
            traps(&["handle"], &[]),
        ),
        Hostile::new(
            "makes-a-handle-up",
            with(
                "",
                "(drop (call $kind_of (i32.const 77) (i32.const 0) (i32.const 0)))",
            ),
            traps(&["handle"], &[]),
        ),
        Hostile::new(
            "realloc-gives-no-room",
            gives_nothing.component(),
            traps(&["realloc"], &[]),
        ),
        Hostile::new(
            "calls-back-from-realloc",
            calls_back.component(),
            traps(&["leave"], &[]),
        ),
        Hostile::new(
            "calls-what-it-is-not-given",
            with("", "(call $open_anything)"),
            traps(
                &["called `wasi:filesystem/preopens#open-anything`, which plugins are not given"],
                &[],
            ),
        ),
    ];
    Town::new(on).await.withstands(guests).await;
}

/// A component with many functions, none of them empty.
fn many_functions(count: u32) -> bytes::Bytes {
    let functions: String = (0..count)
        .map(|n| format!("(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const {n})))"))
        .collect();
    handling(&functions, PASS)
}

/// Nearly the maximum data of an upload, to be written into every instance's memory.
fn largest_data() -> bytes::Bytes {
    let data = "x".repeat(1_900_000);
    with_pages(40, &format!(r#"(data (i32.const 65536) "{data}")"#))
}

/// Many data segments, each to be written separately.
fn many_data_segments() -> bytes::Bytes {
    let segments = r#"(data (i32.const 65536) "x")"#.repeat(5_000);
    with_pages(2, &segments)
}

fn with_pages(pages: u32, items: &str) -> bytes::Bytes {
    let guest = Guest {
        items,
        pages,
        ..Guest::default()
    };
    guest.component()
}
