//! Large components: an engine and limits of their own, and the same isolation.

use bytes::Bytes;

use super::{Bench, Component, Config, Verdict, failure, step, text};
use crate::UploadError;
use hookgate_domain::units::{Size, Span};
use hookgate_testing::guests::{Guest, PASS};

/// Creates a host that allows large components.
fn bench() -> Bench {
    let mut config = Config::default();
    config.large.upload = Some(Size::from_bytes(8 << 20));
    Bench::new(config)
}

/// A guest with this much data, from the fifth page on.
fn bringing(bytes: usize, handle: &str) -> Bytes {
    let data = format!(r#"(data (i32.const {DATA}) "{}")"#, "A".repeat(bytes));
    let guest = Guest {
        pages: u32::try_from((DATA + bytes).div_ceil(64 << 10)).unwrap(),
        items: &data,
        handle,
        ..Guest::default()
    };
    guest.component()
}

const DATA: usize = 4 << 16;

/// Handler that passes if the memory is in its initial state, and then changes it.
///
/// It writes at both ends of the data and before it.
fn spoiling(bytes: usize) -> String {
    let (before, first, last) = (DATA - 1, DATA, DATA + bytes - 1);
    format!(
        "(if (i32.or
                (i32.or (i32.ne (i32.load8_u (i32.const {first})) (i32.const 65))
                        (i32.ne (i32.load8_u (i32.const {last})) (i32.const 65)))
                (i32.load8_u (i32.const {before})))
            (then (unreachable)))
        (i32.store8 (i32.const {before}) (i32.const 66))
        (i32.store8 (i32.const {first}) (i32.const 66))
        (i32.store8 (i32.const {last}) (i32.const 66))
        {PASS}"
    )
}

fn memory(bench: &Bench, component: &Component) -> Size {
    bench.host.limits_of(component).memory
}

#[tokio::test]
async fn whoever_brings_much_data_is_large_where_that_is_let_in() {
    let few = bringing(1_000, PASS);
    let much = bringing(300_000, PASS);
    let over = bringing(3 << 20, PASS);
    let bench = bench();
    let small = bench.host.load(few).await.unwrap();
    assert_eq!(memory(&bench, &small), Size::from_bytes(16 << 20));
    for bytes in [&much, &over] {
        let large = bench.host.load(bytes.clone()).await.unwrap();
        assert_eq!(memory(&bench, &large), Size::from_bytes(64 << 20));
        let done = bench
            .run(vec![step(&large, "{}"), step(&small, "{}")], "{}")
            .await;
        assert_eq!(done.verdict, Verdict::Pass);
    }
    let artifacts = std::fs::read_dir(bench.directory.path()).unwrap();
    let names = artifacts.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".large.cwasm")).count(), 2);
    let far_over = bringing(9 << 20, PASS);
    let refused = bench.host.load(far_over).await.unwrap_err().to_string();
    assert!(
        refused.ends_with("at most 8MiB are taken (`plugins.large.upload`)"),
        "{refused}"
    );

    let without = Bench::new(Config::default());
    let small = without.host.load(much).await.unwrap();
    assert_eq!(memory(&without, &small), Size::from_bytes(16 << 20));
    let refused = without.host.load(over).await.unwrap_err();
    assert!(matches!(refused, UploadError::TooLarge { .. }), "{refused}");
    assert!(
        refused
            .to_string()
            .ends_with("at most 2MiB are taken (`plugins.upload`)"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_fresh_instance_has_the_image_as_it_was_brought() {
    for bench in [bench(), Bench::new(Config::default())] {
        let bytes = 400_000;
        let component = bench.host.load(bringing(bytes, &spoiling(bytes))).await.unwrap();
        let other = bench
            .host
            .load(bringing(bytes + 1, &spoiling(bytes + 1)))
            .await
            .unwrap();
        for component in [&component, &component, &other, &component] {
            let done = bench.run(vec![step(component, "{}")], r#"{"a":1}"#).await;
            assert_eq!(
                (done.verdict, text(&done.data)),
                (Verdict::Pass, r#"{"a":1}"#.to_owned())
            );
        }
    }
}

#[tokio::test]
async fn large_components_are_bounded_too_and_told_by_which_key() {
    let mut config = Config::default();
    config.large.upload = Some(Size::from_bytes(8 << 20));
    config.large.call_deadline = Span::from_millis(250);
    let bench = Bench::new(config);
    let grow =
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    for (body, expected) in [
        (
            grow,
            (
                "memory",
                "wanted more than 64MiB of memory (`plugins.large.memory`)",
            ),
        ),
        (
            "(loop $again (br $again)) (i32.const 64)",
            (
                "timeout",
                "ran longer than 250ms of processor time in one call (`plugins.large.call_deadline`)",
            ),
        ),
    ] {
        let component = bench.host.load(bringing(300_000, body)).await.unwrap();
        let done = bench.run(vec![step(&component, "{}")], "{}").await;
        assert_eq!(failure(&done), expected);
    }
}
