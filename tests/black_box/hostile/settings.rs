//! A plugin that misbehaves while it validates settings: the change is refused with a message, and
//! nothing is changed.

use hookgate_tests::guests::Guest;
use serde_json::json;

use super::{Town, chain, has_all};
use crate::site::{On, on_both_stores};

on_both_stores!(who_does_harm_when_settings_are_checked);

async fn who_does_harm_when_settings_are_checked(on: On) {
    // Claims a hundred million problems.
    let problems = r#"(data (i32.const 1024) "\01\00\00\00\00\08\00\00\00\e1\f5\05")"#;
    let town = Town::with(on, "plugins.call_deadline = \"250ms\"").await;
    for (name, items, check, words) in [
        (
            "trap",
            "(func $oops (unreachable))",
            "(call $oops) (i32.const 64)",
            &["unreachable", "in oops"][..],
        ),
        (
            "loop",
            "",
            "(loop $again (br $again)) (i32.const 64)",
            &["ran longer than 250ms of processor time"],
        ),
        ("problems", problems, "(i32.const 1024)", &["out of bounds"]),
        (
            "memory",
            "",
            "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)",
            &["wanted more than 16MiB of memory"],
        ),
    ] {
        let guest = Guest {
            items,
            check_settings: check,
            ..Guest::default()
        };
        let client = town.author(&format!("settings-{name}"), guest.component()).await;
        let refused = client.put("/v1/chain", &chain("fail", &json!({}))).await;
        assert_eq!(refused.status, 422, "{name}: {:#}", refused.body);
        has_all(&refused.body.to_string(), words, name);
        assert_eq!(
            client.get("/v1/chain").await.expect(200)["steps"],
            json!([]),
            "{name}: nothing was changed"
        );
        town.neighbour_is_served(1).await;
    }
}
