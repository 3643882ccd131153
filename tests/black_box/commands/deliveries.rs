//! Lists of events, deliveries and attempts.

use hookgate_tests::{Receiver, Reply, Setup, eventually};
use serde_json::{Value, json};

use super::{User, lines};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    list_commands_filter_page_and_retry,
    delivery_cancel_ends_pending_deliveries,
    event_replay_delivers_again
);

async fn list_commands_filter_page_and_retry(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let (gateway, acme) = (&site.gateway, &site.acme);
    let receiver = Receiver::start(vec![Reply::Status(500), Reply::Status(500)]).await;
    let (subscription, _) = acme.subscribe(&receiver.url()).await;
    let mut events = Vec::new();
    for number in 0..2 {
        events.push(acme.publish("invoice.paid", json!({ "number": number })).await);
        receiver.wait_for(number + 1).await;
    }
    events.push(acme.publish("order.made", json!({ "number": 2 })).await);
    receiver.wait_for(3).await;
    let user = User::of(gateway, acme.key());
    let dead = ["delivery", "list", "--status", "dead"];
    let listed = eventually("two are dead, one is delivered", async || {
        let dead = user.json(&dead).await["data"].as_array()?.clone();
        let delivered = user.json(&["delivery", "list", "--status", "delivered"]).await;
        (dead.len() == 2 && delivered["data"].as_array()?.len() == 1).then_some(dead)
    })
    .await;

    let text = user.ok(&dead).await;
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(
        text.contains("http_error 500") && text.contains("invoice.paid"),
        "{text}"
    );
    for filter in [
        ["--status-class", "5xx"],
        ["--types", "invoice.*"],
        ["--query", &events[0]],
        ["--since", "1h"],
        ["--subscription", &subscription],
    ] {
        let count = match filter[0] {
            "--query" => 1,
            "--since" | "--subscription" => 3,
            _ => 2,
        };
        let found = user.json(&[&["delivery", "list"][..], &filter].concat()).await;
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{filter:?}");
    }
    let none = user.json(&["delivery", "list", "--until", "1h"]).await;
    assert_eq!(none["data"], json!([]));

    // Page by page, and at once.
    let first = user.json(&["event", "list", "--limit", "2"]).await;
    assert_eq!(first["data"][0]["id"], json!(events[2]), "the newest first");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = user
        .json(&["event", "list", "--limit", "2", "--cursor", cursor])
        .await;
    assert_eq!(second["data"][0]["id"], json!(events[0]));
    let all = user
        .ok(&["event", "list", "--limit", "1", "--all", "--json"])
        .await;
    let all: Vec<Value> = lines(&all).iter().map(|event| event["id"].clone()).collect();
    assert_eq!(all, [events[2].as_str(), &events[1], &events[0]]);
    let more = user.run(&["event", "list", "--limit", "2"]).await;
    assert!(
        more.errors.contains("--cursor ") && more.out.contains("1 delivered"),
        "{}",
        more.out
    );

    // One is delivered again, and is open no more.
    let id = listed[0]["id"].as_str().unwrap();
    let said = user.ok(&["delivery", "retry", id]).await;
    let again = said.trim().rsplit(' ').next().unwrap().to_owned();
    receiver.wait_for(4).await;
    let shown = eventually("it is delivered", async || {
        let shown = user.ok(&["delivery", "show", &again]).await;
        shown.contains("delivered 200").then_some(shown)
    })
    .await;
    assert!(shown.contains("replay") && shown.contains("attempt 1"), "{shown}");
    assert!(user.ok(&["delivery", "show", id]).await.contains(&again));
    let open = user
        .json(&["delivery", "list", "--status", "dead", "--open"])
        .await;
    assert_eq!(open["data"].as_array().unwrap().len(), 1);
    let unknown = "dlv_evt_none~sub_01J0000000000000000000000A";
    let refused = user
        .run(&["delivery", "retry", unknown, listed[1]["id"].as_str().unwrap()])
        .await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.errors.contains(unknown) && refused.out.contains("delivered again"),
        "{}",
        refused.errors
    );

    let attempts = user.ok(&["attempt", "list", "--status-class", "5xx"]).await;
    assert_eq!(attempts.lines().count(), 3, "{attempts}");
    let shown = user.ok(&["event", "show", &events[0]]).await;
    assert!(
        shown.contains("invoice.paid") && shown.contains("\"number\": 0"),
        "{shown}"
    );

    // The operator sees all tenants, with their names.
    let operator = User::operator(gateway);
    for list in ["event", "delivery", "attempt"] {
        let all = operator.ok(&[list, "list", "--all-tenants"]).await;
        assert!(all.contains("acme "), "{all}");
        let none = operator
            .fails(1, &[list, "list", "--all-tenants", "--tenant", "nobody"])
            .await;
        assert!(none.contains("tenant"), "{none}");
    }
    let bad = user.fails(2, &["event", "list", "--since", "yesterday"]).await;
    assert!(bad.contains("15m"), "{bad}");
    user.fails(2, &["delivery", "list", "--status", "lost"]).await;
}

async fn delivery_cancel_ends_pending_deliveries(on: On) {
    let site = Site::with(on, "retry.schedule = [\"1h\"]").await;
    let (gateway, acme) = (&site.gateway, &site.acme);
    let receiver = Receiver::start(vec![Reply::Status(500); 3]).await;
    acme.subscribe(&receiver.url()).await;
    for number in 0..3 {
        acme.publish("invoice.paid", json!({ "number": number })).await;
    }
    let user = User::of(gateway, acme.key());
    let ids = eventually("all wait for another attempt", async || {
        let failed = user.json(&["delivery", "list", "--status-class", "5xx"]).await;
        let ids = failed["data"].as_array()?.iter();
        let ids: Vec<_> = ids.map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        (ids.len() == 3).then_some(ids)
    })
    .await;
    let said = user.ok(&["delivery", "cancel", &ids[0], &ids[1]]).await;
    assert_eq!(
        said,
        format!("{} is cancelled\n{} is cancelled\n", ids[0], ids[1])
    );
    let left = user.json(&["delivery", "list", "--status", "pending"]).await;
    assert_eq!(left["data"].as_array().unwrap().len(), 1, "{left:#}");
    let cancelled = user.json(&["delivery", "cancel", &ids[2]]).await;
    assert_eq!(
        (&cancelled["id"], &cancelled["status"]),
        (&json!(ids[2]), &json!("cancelled"))
    );
    let refused = user.fails(1, &["delivery", "cancel", &ids[0]]).await;
    assert!(
        refused.contains(&ids[0]) && refused.contains("ended already"),
        "{refused}"
    );
}

async fn event_replay_delivers_again(on: On) {
    let site = Site::start(on).await;
    let (gateway, acme) = (&site.gateway, &site.acme);
    let receivers = [Receiver::start(vec![]).await, Receiver::start(vec![]).await];
    acme.subscribe(&receivers[0].url()).await;
    let (second, _) = acme.subscribe(&receivers[1].url()).await;
    let event = acme.publish("invoice.paid", json!({ "n": 1 })).await;
    for receiver in &receivers {
        receiver.wait_for(1).await;
    }
    let user = User::of(gateway, acme.key());
    let replay = ["event", "replay", &event];
    let made = user.ok(&replay).await;
    assert_eq!(made.lines().count(), 2, "{made}");
    for receiver in &receivers {
        assert_eq!(receiver.wait_for(2).await[1].id(), event);
    }
    let one = user
        .json(&[&replay[..], &["--subscription", &second]].concat())
        .await;
    let one = one["deliveries"].as_array().unwrap();
    assert_eq!(one.len(), 1, "{one:?}");
    receivers[1].wait_for(3).await;
    let shown = user.ok(&["delivery", "show", one[0].as_str().unwrap()]).await;
    assert!(shown.contains("replay") && shown.contains(&second), "{shown}");
    let unknown = user.fails(1, &["event", "replay", "evt_none"]).await;
    assert!(unknown.contains("404"), "{unknown}");
    let unknown = user
        .fails(1, &[&replay[..], &["--subscription", "sub_none"]].concat())
        .await;
    assert!(unknown.contains("subscription"), "{unknown}");
}

#[tokio::test]
async fn event_commands_keep_the_digits_of_numbers() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    let data = r#"{"total":8500.00,"id":12345678901234567890123}"#;
    let tried = user
        .ok(&["event", "send", "invoice.paid", data, "--dry-run"])
        .await;
    let tried: Value = serde_json::from_str(&tried).unwrap();
    assert_eq!(tried["dry_run"], true, "{tried:#}");
    let listed = user.ok(&["event", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["data"], serde_json::json!([]), "{listed:#}");
    let sent = user.ok(&["event", "send", "invoice.paid", data]).await;
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let id = sent["id"].as_str().unwrap();
    for arguments in [
        &["event", "show", id][..],
        &["event", "show", id, "--json"],
        &["feed"],
        &["feed", "--json"],
    ] {
        let shown = user.ok(arguments).await;
        assert!(
            shown.contains("8500.00") && shown.contains("12345678901234567890123"),
            "{shown}"
        );
    }
}
