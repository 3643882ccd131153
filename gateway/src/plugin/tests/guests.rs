//! Guests for tests, by hand: a core module in text whose `handle` does what the test wants, made a component of our world.

use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A result of `handle`: `ok(pass)`.
pub(crate) const PASS: &str = "(i32.const 64)";
/// A result of `handle`: `err(failure)`, internal, "no luck".
pub(crate) const FAIL: &str = "(i32.const 128)";

/// A component whose `handle` has this body, with these further items in its module. The body leaves the address of its
/// result on the stack. It may use memory from 1024 to 4095, and further pages.
pub(super) fn handling(items: &str, body: &str) -> Bytes {
    component(&module(items, body, false))
}

/// A component `guest` of this version, of five characters, whose `handle` has this body.
pub(crate) fn versioned(version: &str, body: &str) -> Bytes {
    assert_eq!(version.len(), 5, "it takes the place of another");
    component(&module("", body, false).replace("guest1.0.0", &format!("guest{version}")))
}

/// The same of one that refuses all settings, with "no luck" at "".
pub(crate) fn refusing(version: &str) -> Bytes {
    let module = module("", PASS, false).replace("guest1.0.0", &format!("guest{version}"));
    let takes = "(call $drop (local.get 0))\n                (i32.const 64))";
    assert!(module.contains(takes));
    component(&module.replace(takes, "(call $drop (local.get 0)) (i32.const 160))"))
}

/// The same of a plugin that redacts.
pub(super) fn redacting(body: &str) -> Bytes {
    component(&module("", body, true))
}

fn module(items: &str, body: &str, redacts: bool) -> String {
    format!(
        r#"(module
            (import "hookgate:plugin/document@0.1.0" "[method]json.kind-of"
                (func $kind_of (param i32 i32 i32) (result i32)))
            (import "hookgate:plugin/document@0.1.0" "[method]json.set-json"
                (func $set_json (param i32 i32 i32 i32 i32 i32)))
            (import "hookgate:plugin/document@0.1.0" "[resource-drop]json" (func $drop (param i32)))
            (import "hookgate:plugin/log@0.1.0" "log" (func $log (param i32 i32 i32)))
            (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
            (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
                (func $write (param i32 i32 i32 i32)))
            (import "wasi:filesystem/preopens@0.2.6" "open-anything" (func $open_anything))
            (memory (export "memory") 1)
            (global $heap (mut i32) (i32.const 4096))
            {items}
            ;; A description: name, version, summary, no schema, and whether it redacts.
            (data (i32.const 0) "\40\01\00\00\05\00\00\00\45\01\00\00\05\00\00\00\4a\01\00\00\07\00\00\00\00\00\00\00")
            (data (i32.const 36) "\{redacts:02x}")
            (data (i32.const 0x140) "guest1.0.0A test.no luck")
            ;; A failure: it is one, whose fault, its text.
            (data (i32.const 128) "\01\00\00\00\02\00\00\00\51\01\00\00\07\00\00\00")
            ;; Problems: there are some, one of them, its pointer and its text.
            (data (i32.const 160) "\01\00\00\00\b0\00\00\00\01\00\00\00")
            (data (i32.const 176) "\51\01\00\00\00\00\00\00\51\01\00\00\07\00\00\00")
            (func (export "hookgate:plugin/handler@0.1.0#describe") (result i32) (i32.const 0))
            (func (export "hookgate:plugin/handler@0.1.0#check-settings") (param i32) (result i32)
                (call $drop (local.get 0))
                (i32.const 64))
            (func $handle (export "hookgate:plugin/handler@0.1.0#handle")
                (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32) (param $metadata i32) (param $data i32) (result i32)
                {body}
                (call $drop (local.get $metadata))
                (call $drop (local.get $data)))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (global.get $heap)
                (global.set $heap (i32.add (global.get $heap) (local.get 3)))))"#,
        redacts = u8::from(redacts),
    )
}

/// A core module as a component of our world and of what the guests here use of WASI.
fn component(module: &str) -> Bytes {
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    resolve
        .push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"))
        .unwrap();
    for wasi in WASI {
        resolve.push_str("wasi.wit", wasi).unwrap();
    }
    let package = resolve.push_str("guest.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap().into()
}

const WORLD: &str = "
    package test:guest;
    world guest {
        include hookgate:plugin/plugin@0.1.0;
        import wasi:cli/stderr@0.2.6;
        import wasi:filesystem/preopens@0.2.6;
    }";

/// Of a later patch version than any function that the host knows by name.
const WASI: [&str; 3] = [
    "package wasi:io@0.2.6;
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }",
    "package wasi:cli@0.2.6;
    interface stderr {
        use wasi:io/streams@0.2.6.{output-stream};
        get-stderr: func() -> output-stream;
    }",
    "package wasi:filesystem@0.2.6;
    interface preopens { open-anything: func(); }",
];
