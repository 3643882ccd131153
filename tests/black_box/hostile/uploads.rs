//! Refused uploads: the answer explains the refusal, and the gateway continues.

use bytes::Bytes;
use hookgate_tests::guests::{Guest, PASS, handling};

use super::{Town, has_all, upload};
use crate::site::{On, on_both_stores};

on_both_stores!(what_is_not_taken_is_refused_in_words);

struct Refused {
    name: &'static str,
    component: Bytes,
    status: u16,
    words: &'static [&'static str],
}

async fn what_is_not_taken_is_refused_in_words(on: On) {
    let town = Town::with(
        on,
        "plugins.compile_memory = \"256MiB\"\nplugins.compile_time = \"2m\"\nplugins.call_deadline = \"250ms\"",
    )
    .await;
    let client = town.site.gateway.tenant("uploads").await;
    for refused in outside().into_iter().chain(inside()).chain(in_describe()) {
        let Refused {
            name,
            component,
            status,
            words,
        } = refused;
        let answer = upload(&client, component).await;
        assert_eq!(answer.status, status, "{name}: {:#}", answer.body);
        let told = format!("{} {}", answer.code(), answer.body["detail"]);
        has_all(&told, words, name);
        town.neighbour_is_served(1).await;
    }
    let listed = client.get("/v1/plugins/guest").await;
    assert_eq!(listed.status, 404, "nothing was kept: {:#}", listed.body);
    upload(&client, handling("", PASS)).await.expect(201);
}

fn refused(name: &'static str, component: impl Into<Bytes>, words: &'static [&'static str]) -> Refused {
    Refused {
        name,
        component: component.into(),
        status: 422,
        words,
    }
}

fn text(component: &str) -> Vec<u8> {
    wat::parse_str(component).unwrap()
}

/// Mistakes found before compilation.
fn outside() -> Vec<Refused> {
    let too_large = Refused {
        status: 413,
        ..refused("too-large", vec![0; (2 << 20) + 1], &["body_too_large"])
    };
    let mut cut_off = handling("", PASS).to_vec();
    cut_off.truncate(cut_off.len() / 2);
    let modules = format!(
        r#"(component {} (instance $i) (export "hookgate:plugin/handler@0.1.0" (instance $i)))"#,
        "(core module)".repeat(17)
    );
    vec![
        too_large,
        refused(
            "no-wasm",
            &b"GIF89a"[..],
            &["invalid_component", "not a WebAssembly component"],
        ),
        refused(
            "cut-off",
            cut_off,
            &["invalid_component", "not a WebAssembly component"],
        ),
        refused(
            "core-module",
            text("(module)"),
            &["core WebAssembly module", "wasm32-wasip2"],
        ),
        refused(
            "no-plugin",
            text("(component)"),
            &["exports no `hookgate:plugin/handler@0.1.0`"],
        ),
        refused(
            "imports-sockets",
            text(r#"(component (import "wasi:sockets/network@0.2.0" (instance)))"#),
            &["imports what plugins are not given: wasi:sockets/network@0.2.0"],
        ),
        refused(
            "imports-a-function",
            text(r#"(component (import "read-all-events" (func)))"#),
            &["imports what plugins are not given: read-all-events"],
        ),
        refused(
            "too-many-modules",
            text(&modules),
            &["17 core modules; at most 16 are taken"],
        ),
    ]
}

/// Mistakes found by compilation and linking.
fn inside() -> Vec<Refused> {
    let of_the_world = |core: &str| {
        text(&format!(
            r#"(component (core module $m {core}) (core instance (instantiate $m))
                (instance $i) (export "hookgate:plugin/handler@0.1.0" (instance $i)))"#
        ))
    };
    let mut broken = handling("", PASS).to_vec();
    let code = broken.len() / 3;
    broken[code..code + 64].fill(0xff);
    vec![
        refused("broken", broken, &["invalid_component"]),
        refused(
            "wrong-type",
            text(r#"(component (instance $i) (export "hookgate:plugin/handler@0.1.0" (instance $i)))"#),
            &["does not fit the world `hookgate:plugin/plugin@0.1.0`"],
        ),
        refused(
            "much-memory",
            of_the_world("(memory 1000)"),
            &["more than a plugin may have (`plugins.memory`"],
        ),
        refused(
            "large-table",
            of_the_world("(table 1000000 funcref)"),
            &["`plugins.table_elements`"],
        ),
        refused(
            "explodes",
            of_the_world(&explodes(10_000, 1_000)),
            &[
                "cannot be compiled",
                "256MiB of memory (`plugins.compile_memory`)",
                "`plugins.compile_time`",
            ],
        ),
    ]
}

/// Mistakes found by calling `describe`.
fn in_describe() -> Vec<Refused> {
    let describes = |items: &str, describe: &str| {
        let guest = Guest {
            items,
            describe,
            ..Guest::default()
        };
        guest.component()
    };
    let no_utf_8 = r#"(data (i32.const 0x400) "\40\01\00\00\05\00\00\00\45\01\00\00\05\00\00\00\00\05\00\00\02\00\00\00\00\00\00\00")
        (data (i32.const 0x500) "\ff\fe")"#;
    let no_name = r#"(data (i32.const 0x400) "\00\05\00\00\02\00\00\00\45\01\00\00\05\00\00\00\4a\01\00\00\07\00\00\00\00\00\00\00")
        (data (i32.const 0x500) "\1b[")"#;
    vec![
        refused(
            "trap-in-describe",
            describes("(func $oops (unreachable))", "(call $oops) (i32.const 0)"),
            &["its `describe` failed (trap): wasm trap", "in oops"],
        ),
        refused(
            "spins-in-describe",
            describes("", "(loop $again (br $again)) (i32.const 0)"),
            &["its `describe` failed (timeout): ran longer than 250ms"],
        ),
        refused(
            "spins-at-start",
            describes(
                "(func $spin (loop $again (br $again))) (start $spin)",
                "(i32.const 0)",
            ),
            &["its `describe` failed (timeout): ran longer than 250ms"],
        ),
        refused(
            "wrong-utf-8",
            describes(no_utf_8, "(i32.const 0x400)"),
            &["its `describe` failed (trap): ", "utf-8"],
        ),
        refused(
            "no-name",
            describes(no_name, "(i32.const 0x400)"),
            &["its `describe` gives a name that is not"],
        ),
    ]
}

/// A function with a short text and a long compilation: each of many variables may have another
/// value in each of many nested loops.
fn explodes(variables: usize, loops: usize) -> String {
    let locals = "i64 ".repeat(variables);
    let uses: String = (0..variables)
        .map(|n| format!("(local.set {n} (i64.add (local.get {n}) (i64.const {n})))"))
        .collect();
    let (open, close) = ("(loop ".repeat(loops), ")".repeat(loops));
    format!("(func (local {locals}) {open} {uses} (br_if 0 (i64.eqz (local.get 0))) {close})")
}
