//! Every function that a guest may call, with the arguments that cost the host most.
//!
//! Each call ends at a named limit, or has a small bound by construction.

use super::{Bench, Config, Verdict, failure};
use crate::Call;
use hookgate_domain::units::{Size, Span};
use hookgate_json::{Document, Limits};
use hookgate_testing::guests::{FAIL, Guest, PASS};

/// A function of the WIT, and the end of a guest that calls it so.
struct Row {
    /// `interface.function`; of a resource's methods the name alone.
    function: &'static str,
    call: &'static str,
    bound: Bound,
}

/// Bound of the host's work.
enum Bound {
    /// A limit stops the call: its failure's kind, and words of its message.
    Limit(&'static str, &'static str),
    /// The operation is refused, and the guest gives up; the text that the failure contains.
    Refused(&'static str),
    /// It costs no more than the guest's input (`operation_input`) and the document's size.
    ///
    /// It returns a few bytes.
    Construction,
}

const OUTPUT: Bound = Bound::Limit(
    "operations",
    "read more than 64KiB with the document operations of one call (`plugins.operation_output`)",
);
const WORK: Bound = Bound::Limit(
    "operations",
    "one document operation took more than 8000000 units of work",
);

/// Memory of the guest: texts and lists. From 128 KiB on all bytes are zero.
const ITEMS: &str =
    r#"(data (i32.const 1024) "/s/k/l/m/**/l/*") (data (i32.const 1100) "\80\04\00\00\ff\2e\00\00")"#;

const ROWS: &[Row] = &[
    row("kind-of", "(drop (call $kind_of (local.get $data) (i32.const 131072) (i32.const 3000000)))", Bound::Construction),
    row("length", "(call $length (local.get $data) (i32.const 131072) (i32.const 3000000) (i32.const 2048))", Bound::Construction),
    row("keys", "(call $keys (local.get $data) (i32.const 1026) (i32.const 2) (i32.const 0) (i32.const -1) (i32.const 2048))", OUTPUT),
    row("get", "(call $get (local.get $data) (i32.const 1024) (i32.const 2) (i32.const 2048))", OUTPUT),
    // Of zeros: as many times the whole document, which is no scalar.
    row("get-many", "(call $get_many (local.get $data) (i32.const 131072) (i32.const 50000) (i32.const 2048))", OUTPUT),
    row("get-json", "(call $get_json (local.get $data) (i32.const 0) (i32.const 0) (i32.const 2048))", OUTPUT),
    row("find", "(call $find (local.get $data) (i32.const 1032) (i32.const 3) (i32.const -1) (i32.const 2048))", OUTPUT),
    row("find", "(call $find (local.get $data) (i32.const 1152) (i32.const 12031) (i32.const -1) (i32.const 2048))", WORK),
    row(
        "set",
        "(call $set (local.get $data) (i32.const 1024) (i32.const 2) (i32.const 5) (i64.const 131072) (i32.const 3000000) (i32.const 2048))",
        Bound::Refused("plugins.max_growth"),
    ),
    row(
        "set-json",
        "(memory.fill (i32.const 131072) (i32.const 91) (i32.const 3000000))
        (call $set_json (local.get $data) (i32.const 1024) (i32.const 2) (i32.const 131072) (i32.const 3000000) (i32.const 2048))",
        Bound::Refused("plugins.depth"),
    ),
    row("remove", "(call $remove (local.get $data) (i32.const 1152) (i32.const 12031) (i32.const 2048))", WORK),
    row(
        "move",
        "(call $move (local.get $data) (i32.const 1026) (i32.const 2) (i32.const 1030) (i32.const 2) (i32.const 2048))",
        Bound::Construction,
    ),
    row(
        "redact",
        "(call $redact (local.get $data) (i32.const 1100) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2048))",
        WORK,
    ),
    // A mask of a megabyte for every element of a list.
    row(
        "redact",
        "(i64.store (i32.const 1108) (i64.const 0x40000040B))
        (call $redact (local.get $data) (i32.const 1108) (i32.const 1) (i32.const 1) (i32.const 131072) (i32.const 1000000) (i32.const 2048))",
        WORK,
    ),
    row("retain", "(call $retain (local.get $data) (i32.const 1100) (i32.const 1) (i32.const 2048))", WORK),
    row("log", "(call $log (i32.const 2) (i32.const 131072) (i32.const 3000000))", Bound::Construction),
    row("settings", "(drop (call $settings))", Bound::Construction),
    row("now-ms", "(drop (call $now_ms))", Bound::Construction),
    row("wasi:io/streams", "(call $write (call $stderr) (i32.const 131072) (i32.const 3000000) (i32.const 2048))", Bound::Construction),
];

const fn row(function: &'static str, call: &'static str, bound: Bound) -> Row {
    Row {
        function,
        call,
        bound,
    }
}

/// 20,000 members whose keys end in `a`, as many elements, and a long text.
fn data() -> String {
    let members: Vec<String> = (0..20_000).map(|n| format!(r#""{n}a":1"#)).collect();
    let elements = "1,".repeat(20_000);
    format!(
        r#"{{"s":"{}","k":{{{}}},"l":[{elements}1]}}"#,
        "x".repeat(100_000),
        members.join(",")
    )
}

#[tokio::test]
async fn every_function_of_the_host_is_bounded() {
    let bench = Bench::new(Config {
        operation_output: Size::from_bytes(64 << 10),
        call_deadline: Span::from_secs(600),
        chain_deadline: Span::from_secs(600),
        ..Config::default()
    });
    let data = data();
    // 4000 names of a letter: every key's end is compared with each.
    let names = format!(
        r#"{ITEMS} (data (i32.const 1152) "/**/~*a{}")"#,
        "|*a".repeat(4_008)
    );
    for Row {
        function,
        call,
        bound,
    } in ROWS
    {
        let gives_up = matches!(bound, Bound::Refused(_));
        let guest = Guest {
            items: &names,
            pages: 64,
            handle: &format!("{call} {}", if gives_up { FAIL } else { PASS }),
            // What is given to it lies behind all of that.
            realloc: "(i32.const 3200000)",
            ..Guest::default()
        };
        let component = bench.host.load(guest.component()).await.unwrap();
        let call = Call {
            data: Document::parse(data.as_bytes(), Limits::of_bytes(8 << 20)).unwrap(),
            ..super::call("acme", vec![super::step(&component, "{}")], "{}")
        };
        let done = bench.host.run(call).await;
        match bound {
            Bound::Limit(kind, words) => {
                let (found, message) = failure(&done);
                assert_eq!(found, *kind, "{function}: {message}");
                assert!(message.starts_with(words), "{function}: {message}");
            }
            Bound::Refused(limit) => {
                let (kind, message) = failure(&done);
                assert_eq!(kind, "output", "{function}: {message}");
                assert!(message.contains(limit), "{function}: {message}");
            }
            Bound::Construction => assert_eq!(done.verdict, Verdict::Pass, "{function}"),
        }
        let log: usize = done.log.iter().map(|(_, line)| line.text.len()).sum();
        // An escape makes eight characters of a byte.
        assert!(log < 8 * (4 << 10), "{function}: {log} bytes of log");
    }
}

#[test]
fn no_function_of_the_wit_is_missing_in_the_table() {
    let wit = include_str!("../../../../../wit/plugin.wit");
    let offered = wit.split("interface handler").next().unwrap();
    let functions = offered
        .lines()
        .filter_map(|line| line.trim().split_once(": func("));
    let functions: Vec<&str> = functions.map(|(name, _)| name).collect();
    assert!(functions.len() > 15, "{functions:?}");
    for function in functions {
        assert!(ROWS.iter().any(|row| row.function == function), "{function}");
    }
}

#[tokio::test]
async fn the_deadline_ends_an_operation_in_the_middle() {
    let bench = Bench::new(Config {
        call_deadline: Span::from_millis(1),
        ..Config::default()
    });
    // Without a check of the deadline it would end with its work.
    let body = format!(
        "(call $find (local.get $data) (i32.const 1152) (i32.const 12031) (i32.const -1) (i32.const 2048)) {PASS}"
    );
    let names = format!(r#"(data (i32.const 1152) "/**/~*a{}")"#, "|*a".repeat(4_008));
    let guest = Guest {
        items: &names,
        handle: &body,
        pages: 2,
        // Behind the names.
        realloc: "(i32.const 65536)",
        ..Guest::default()
    };
    let component = bench.host.load(guest.component()).await.unwrap();
    let done = bench.run(vec![super::step(&component, "{}")], &data()).await;
    assert_eq!(failure(&done).0, "timeout");
}
