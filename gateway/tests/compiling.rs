//! Components are compiled by the gateway's own executable in a process with limits.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use hookgate_domain::units::{Size, Span};
use hookgate_plugin_host::{Artifacts, Compiler, Component, ComponentLoader, Config, Host, UploadError};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;

const REDACT: &[u8] = include_bytes!("../../plugins/dist/redact.wasm");

async fn load(config: Config, component: Bytes) -> Result<Arc<Component>, UploadError> {
    let directory = tempfile::tempdir().unwrap();
    let compiler = Compiler::ChildProcess {
        exe: env!("CARGO_BIN_EXE_hookgate").into(),
    };
    let artifacts = Artifacts::new(directory.path().to_owned(), [1; 32]);
    let workshop = ComponentLoader::new(compiler, artifacts, NonZeroU32::MIN);
    // Time for `describe`, which is not what these tests are about.
    let config = Config {
        call_deadline: Span::from_secs(10),
        ..config
    };
    let host = Host::start(
        &Arc::new(config),
        Clock::System,
        Metrics::new(),
        workshop,
        [2; 32],
    )
    .unwrap();
    host.load(component).await
}

#[tokio::test]
async fn a_component_is_compiled() {
    let component = load(Config::default(), Bytes::from_static(REDACT)).await.unwrap();
    assert_eq!(component.description.name, "redact");
}

#[tokio::test]
async fn what_does_not_compile_is_told() {
    // Whole from outside; inside, a function that promises a number and gives none.
    let component = wat::parse_str(
        r#"(component
            (core module (func (result i32)))
            (instance $i) (export "hookgate:plugin/handler@0.1.0" (instance $i)))"#,
    );
    let error = load(Config::default(), component.unwrap().into())
        .await
        .unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("cannot be compiled: "), "{message}");
    assert!(message.contains("type mismatch"), "{message}");
}

#[tokio::test]
async fn the_process_has_limits() {
    let no_memory = Config {
        compile_memory: Size::from_bytes(1 << 20),
        ..Config::default()
    };
    let message = load(no_memory, Bytes::from_static(REDACT))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("it may use 1MiB of memory (`plugins.compile_memory`)"),
        "{message}"
    );

    // A hundred thousand values that all live at the same time keep the register allocator busy for long.
    let short = Config {
        compile_time: Span::from_secs(1),
        ..Config::default()
    };
    let (values, sums) = (
        "(call $f (local.get 0)) ".repeat(100_000),
        "i32.add ".repeat(99_999),
    );
    let component = wat::parse_str(format!(
        r#"(component
            (core module (func $f (param i32) (result i32) {values} {sums}))
            (instance $i) (export "hookgate:plugin/handler@0.1.0" (instance $i)))"#
    ));
    let error = load(short, component.unwrap().into()).await.unwrap_err();
    let message = error.to_string();
    // Where the machine is so busy that a second of processor time takes long, the clock ends it.
    let ended = message.contains("SIGXCPU")
        && message.contains("1s of processor time (`plugins.compile_time`)")
        || message.contains("it took longer than 1s (`plugins.compile_time`)");
    assert!(ended, "{message}");
}
