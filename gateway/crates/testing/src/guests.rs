//! Hand-written guest components: a core module in text form with a test-specific `handle`, wrapped
//! into our world.

use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A result of `handle`: `ok(pass)`.
pub const PASS: &str = "(i32.const 64)";
/// A result of `handle`: `err(failure)`, internal, "no luck".
pub const FAIL: &str = "(i32.const 128)";

/// A hand-written guest: its description, and the bodies of its exports.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// Version, five characters long.
    pub version: &'a str,
    /// Initial pages of memory.
    pub pages: u32,
    /// Further items of the module.
    pub items: &'a str,
    /// Leaves the address of a description on the stack; 0 is a valid one.
    pub describe: &'a str,
    /// Leaves the address of a result on the stack: 64 is `ok`, 160 is the problem "no luck" at "".
    pub check_settings: &'a str,
    /// Leaves the address of a result on the stack: [`PASS`], [`FAIL`]. May use memory from 1024 to
    /// 4095, and further pages.
    pub handle: &'a str,
    /// Instructions that release the documents lent to `handle`.
    pub afterwards: &'a str,
    /// Body of the allocator: leaves an address on the stack; the last parameter is the number of
    /// bytes.
    pub realloc: &'a str,
    /// Set for a guest that declares itself as redacting.
    pub redacts: bool,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            version: "1.0.0",
            pages: 1,
            items: "",
            describe: "(i32.const 0)",
            check_settings: "(i32.const 64)",
            handle: PASS,
            afterwards: "(call $drop (local.get $metadata)) (call $drop (local.get $data))",
            realloc: "(global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (global.get $heap)
                (global.set $heap (i32.add (global.get $heap) (local.get 3)))",
            redacts: false,
        }
    }
}

/// A component whose `handle` has this body, with these further items in its module.
pub fn handling(items: &str, handle: &str) -> Bytes {
    let guest = Guest {
        items,
        handle,
        ..Guest::default()
    };
    guest.component()
}

/// A component `guest` of this version (five characters) whose `handle` has this body.
pub fn versioned(version: &str, handle: &str) -> Bytes {
    let guest = Guest {
        version,
        handle,
        ..Guest::default()
    };
    guest.component()
}

/// As [`versioned`], refusing all settings with "no luck" at "".
pub fn refusing(version: &str) -> Bytes {
    let guest = Guest {
        version,
        check_settings: "(i32.const 160)",
        ..Guest::default()
    };
    guest.component()
}

/// As [`handling`], for a plugin that redacts.
pub fn redacting(handle: &str) -> Bytes {
    let guest = Guest {
        handle,
        redacts: true,
        ..Guest::default()
    };
    guest.component()
}

impl Guest<'_> {
    /// Builds a component of our world.
    pub fn component(&self) -> Bytes {
        assert_eq!(self.version.len(), 5, "it has a place of five bytes");
        component(&self.module())
    }

    fn module(&self) -> String {
        let Self {
            version,
            pages,
            items,
            describe,
            check_settings,
            handle,
            afterwards,
            realloc,
            redacts,
        } = self;
        format!(
            r#"(module
                (import "hookgate:plugin/document@0.1.0" "[method]json.kind-of"
                    (func $kind_of (param i32 i32 i32) (result i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.length"
                    (func $length (param i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.keys"
                    (func $keys (param i32 i32 i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.get"
                    (func $get (param i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.get-many"
                    (func $get_many (param i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.get-json"
                    (func $get_json (param i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.find"
                    (func $find (param i32 i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.set-json"
                    (func $set_json (param i32 i32 i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.set"
                    (func $set (param i32 i32 i32 i32 i64 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.remove"
                    (func $remove (param i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.move"
                    (func $move (param i32 i32 i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.redact"
                    (func $redact (param i32 i32 i32 i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[method]json.retain"
                    (func $retain (param i32 i32 i32 i32)))
                (import "hookgate:plugin/document@0.1.0" "[resource-drop]json" (func $drop (param i32)))
                (import "hookgate:plugin/log@0.1.0" "log" (func $log (param i32 i32 i32)))
                (import "hookgate:plugin/config@0.1.0" "settings" (func $settings (result i32)))
                (import "hookgate:plugin/clock@0.1.0" "now-ms" (func $now_ms (result i64)))
                (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
                (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
                    (func $write (param i32 i32 i32 i32)))
                (import "wasi:filesystem/preopens@0.2.6" "open-anything" (func $open_anything))
                (memory (export "memory") {pages})
                (global $heap (mut i32) (i32.const 4096))
                {items}
                ;; A description: name, version, summary, no schema, and whether it redacts.
                (data (i32.const 0) "\40\01\00\00\05\00\00\00\45\01\00\00\05\00\00\00\4a\01\00\00\07\00\00\00\00\00\00\00")
                (data (i32.const 36) "\{redacts:02x}")
                (data (i32.const 0x140) "guest{version}A test.no luck")
                ;; A failure: it is one, whose fault, its text.
                (data (i32.const 128) "\01\00\00\00\02\00\00\00\51\01\00\00\07\00\00\00")
                ;; Problems: there are some, one of them, its pointer and its text.
                (data (i32.const 160) "\01\00\00\00\b0\00\00\00\01\00\00\00")
                (data (i32.const 176) "\51\01\00\00\00\00\00\00\51\01\00\00\07\00\00\00")
                (func $describe (export "hookgate:plugin/handler@0.1.0#describe") (result i32) {describe})
                (func $check_settings (export "hookgate:plugin/handler@0.1.0#check-settings") (param i32) (result i32)
                    (call $drop (local.get 0))
                    {check_settings})
                (func $handle (export "hookgate:plugin/handler@0.1.0#handle")
                    (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32) (param $metadata i32) (param $data i32) (result i32)
                    {handle}
                    {afterwards})
                (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    {realloc}))"#,
            redacts = u8::from(*redacts),
        )
    }
}

/// Wraps a core module into a component of our world and of the WASI imports that these guests use.
fn component(module: &str) -> Bytes {
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    resolve
        .push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../wit"))
        .unwrap();
    for wasi in WASI {
        resolve.push_str("wasi.wit", wasi).unwrap();
    }
    let package = resolve.push_str("guest.wit", WORLD).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoded = ComponentEncoder::default().module(&module).unwrap().encode();
    encoded.unwrap().into()
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
