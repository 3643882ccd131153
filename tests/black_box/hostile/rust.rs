//! Failures of ordinary Rust code: `tests/guests/careless`, under the same checks as the other
//! guests.

use hookgate_tests::gateway::root;
use serde_json::json;

use super::Town;
use super::attack::{Fate, Hostile};
use crate::site::{On, on_both_stores};

on_both_stores!(what_goes_wrong_in_rust);

async fn what_goes_wrong_in_rust(on: On) {
    let file = root().join("target/guests/built/careless.wasm");
    let component = std::fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: plugins/build --out target/guests/built",
            file.display()
        )
    });
    let table = [
        (
            "panics",
            "panic",
            &[
                "panicked at",
                "careless/src/lib.rs",
                "no such customer: \\u{1b}[31mcus_7",
            ][..],
            &["rust_panic"][..],
        ),
        (
            "unwraps",
            "panic",
            &["panicked at", "called `Option::unwrap()` on a `None` value"],
            &[],
        ),
        (
            "out-of-memory",
            "memory",
            &["wanted more than 16MiB of memory (`plugins.memory`)"],
            &[],
        ),
        (
            "leaks",
            "memory",
            &["wanted more than 16MiB of memory (`plugins.memory`)"],
            &[],
        ),
        (
            "recurses",
            "trap",
            &["wasm trap", "hookgate_careless::deeper"],
            &["hookgate_careless::deeper"],
        ),
        ("exits", "trap", &["ended itself with `exit`"], &[]),
        ("fails", "refused", &["internal: no luck today"], &[]),
    ];
    let guests = table.into_iter().map(|(name, kind, words, backtrace)| Hostile {
        name,
        component: component.clone().into(),
        settings: json!({ "do": name }),
        fate: Fate::Fails {
            kind,
            words,
            backtrace,
        },
    });
    Town::new(on).await.withstands(guests.collect()).await;
}
