//! Guests for tests, by hand: a core module in text whose `handle` does what the test wants, made a component of our world.

use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A component whose `handle` has this body, with these further items in its module. It must leave the address of its
/// result on the stack: at 64 stands `ok(pass)`.
pub(super) fn handling(items: &str, body: &str) -> Bytes {
    component(&format!(
        r#"(module
            (import "hookgate:plugin/document@0.1.0" "[method]json.kind-of" (func $kind_of (param i32 i32 i32) (result i32)))
            (import "hookgate:plugin/document@0.1.0" "[method]json.set" (func $set (param i32 i32 i32 i32 i64 i32 i32)))
            (import "hookgate:plugin/document@0.1.0" "[resource-drop]json" (func $drop (param i32)))
            (import "hookgate:plugin/log@0.1.0" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 1)
            (global $heap (mut i32) (i32.const 4096))
            {items}
            ;; A description: name, version, summary, no schema, and whether it redacts.
            (data (i32.const 0) "\40\01\00\00\05\00\00\00\45\01\00\00\05\00\00\00\4a\01\00\00\06\00\00\00\00")
            (data (i32.const 0x140) "guest1.0.0A test.")
            (func (export "hookgate:plugin/handler@0.1.0#describe") (result i32) (i32.const 0))
            (func (export "hookgate:plugin/handler@0.1.0#check-settings") (param i32) (result i32)
                (call $drop (local.get 0))
                (i32.const 64))
            (func (export "hookgate:plugin/handler@0.1.0#handle")
                (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32) (param $metadata i32) (param $data i32) (result i32)
                {body}
                (call $drop (local.get $metadata))
                (call $drop (local.get $data)))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (global.get $heap)
                (global.set $heap (i32.add (global.get $heap) (local.get 3)))))"#
    ))
}

/// Any core module as a component of our world.
pub(super) fn component(module: &str) -> Bytes {
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"))
        .unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
        .into()
}
