//! Persistently failing endpoints: warning, auto-disable, system events about both, statistics, and
//! reactivation.

use hookgate_tests::{Client, Received, Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    who_keeps_failing_is_warned_of_then_disabled_and_told_of,
    dead_letters_are_told_of_together_and_never_feed_themselves,
    plugins_that_keep_failing_are_told_of,
    a_count_alone_disables_nobody_and_activation_offers_what_was_missed,
    pause_ends_on_activation_changed_url_and_test,
);

/// As in the SynthesQ profile, with dead letters at once.
const POLICY: &str = r#"
[profiles.standard.auto_disable]
over = 0.95
window = "24h"
least_attempts = 10
for_at_least = "0s"
warn_over = 0.8
[profiles.standard.retry]
schedule = ["0s"]
"#;

/// Creates a subscription to system events of a tenant and returns its secret.
async fn listen(client: &Client, receiver: &Receiver) -> String {
    let wanted = json!({ "url": receiver.url(), "events": ["hookgate.*"] });
    let made = client.post("/v1/subscriptions", &wanted).await.expect(201);
    made["secret"].as_str().unwrap().to_owned()
}

async fn subscribe(client: &Client, receiver: &Receiver) -> String {
    let wanted = json!({ "url": receiver.url(), "events": ["*"] });
    let made = client.post("/v1/subscriptions", &wanted).await.expect(201);
    format!("/v1/subscriptions/{}", made["id"].as_str().unwrap())
}

/// Waits until the path has the wanted status.
async fn status(client: &Client, path: &str, wanted: &str) -> Value {
    eventually(&format!("{path} is {wanted}"), async || {
        let found = client.get(path).await.expect(200);
        (found["status"] == wanted).then_some(found)
    })
    .await
}

/// Waits for system events whose types have this prefix.
async fn told(receiver: &Receiver, kind: &str, count: usize) -> Vec<Received> {
    eventually(&format!("{count} {kind}"), async || {
        let mut received = receiver.received();
        received.retain(|got| got.json()["type"].as_str().unwrap().starts_with(kind));
        (received.len() >= count).then_some(received)
    })
    .await
}

async fn who_keeps_failing_is_warned_of_then_disabled_and_told_of(on: On) {
    let site = Site::with(on, POLICY).await;
    let operator = site.gateway.operator().acting_for("operator");
    let (desk, own) = (Receiver::start(vec![]).await, Receiver::start(vec![]).await);
    let secret = listen(&operator, &desk).await;
    listen(&site.acme, &own).await;
    let broken = Receiver::start(vec![Reply::Status(500); 100]).await;
    let path = subscribe(&site.acme, &broken).await;
    let before = site.acme.get(&format!("{path}/stats")).await.expect(200);
    assert_eq!(
        (&before["totals"]["attempts"], &before["last_failure"]),
        (&json!(0), &Value::Null)
    );

    let mut ids = Vec::new();
    for n in 0..4 {
        let data = json!({ "secret": format!("planted-{n}") });
        ids.push(site.acme.publish("invoice.paid", data).await);
    }
    let warned = told(&desk, "hookgate.subscription", 1).await;
    assert_eq!(warned[0].json()["type"], "hookgate.subscription.failing");
    assert_eq!(site.acme.get(&path).await.expect(200)["status"], "active");
    for n in 4..8 {
        ids.push(site.acme.publish("invoice.paid", json!({ "n": n })).await);
    }
    let disabled = status(&site.acme, &path, "disabled").await;
    assert_eq!(disabled["disabled"]["reason"], "failing");
    for receiver in [&desk, &own] {
        let events = told(receiver, "hookgate.subscription", 2).await;
        let kinds: Vec<_> = events.iter().map(|got| got.json()["type"].clone()).collect();
        assert_eq!(
            kinds,
            ["hookgate.subscription.failing", "hookgate.subscription.disabled"]
        );
        let data = events[1].json()["data"].clone();
        assert_eq!(
            (&data["tenant"], &data["reason"]),
            (&json!("acme"), &json!("failing"))
        );
        assert!(path.ends_with(data["subscription"].as_str().unwrap()));
        assert!(data["failed"].as_u64().unwrap() >= 10, "{data}");
    }
    for got in desk.received() {
        assert!(got.verifies(&secret));
        assert!(!String::from_utf8_lossy(&got.body).contains("planted"));
    }
    let feed = operator
        .get("/v1/events?types=hookgate.subscription.*")
        .await
        .expect(200);
    assert_eq!(feed["data"].as_array().unwrap().len(), 2);
    let ours = site.acme.get("/v1/events?types=invoice.*").await.expect(200);
    assert_eq!(ours["data"].as_array().unwrap().len(), 8);

    // Its pending deliveries are cancelled when they are due.
    for id in ids {
        eventually("nothing is pending", async || {
            let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
            (event["deliveries"][0]["status"] != "pending").then_some(())
        })
        .await;
    }

    // Events during the disablement stay in the feed.
    let kept = site.acme.publish("invoice.paid", json!({})).await;
    let kept = site.acme.get(&format!("/v1/events/{kept}")).await.expect(200);
    assert_eq!(kept["deliveries"], json!([]));
    let stats = site.acme.get(&format!("{path}/stats")).await.expect(200);
    assert_eq!(stats["totals"]["failed_share"], 1.0);
    assert!(stats["totals"]["attempts"].as_u64().unwrap() >= 10, "{stats}");
    assert_eq!(stats["last_failure"]["http_status"], 500);
    assert_ne!(stats["warned"], Value::Null);

    // The count and the disablement persist over a restart; an activation resets them.
    let site = site.restart();
    let again = site.acme.get(&format!("{path}/stats")).await.expect(200);
    assert_eq!(again["buckets"], stats["buckets"]);
    broken.answer(vec![Reply::Status(500)]);
    let active = site
        .acme
        .post(&format!("{path}/activate"), &json!({}))
        .await
        .expect(200);
    assert_eq!(active["status"], "active");
    for n in 0..4 {
        site.acme.publish("invoice.paid", json!({ "n": n })).await;
    }
    let stats = eventually("one failed and four delivered", async || {
        let stats = site.acme.get(&format!("{path}/stats")).await.expect(200);
        let (failed, delivered) = (&stats["totals"]["failed"], &stats["totals"]["delivered"]);
        (*failed == 1 && *delivered == 4).then_some(stats)
    })
    .await;
    assert_ne!(stats["last_success"], Value::Null);
    assert_ne!(stats["totals"]["p95"], Value::Null);
    assert_eq!(site.acme.get(&path).await.expect(200)["status"], "active");

    // A test event counts nowhere.
    let tried = site.acme.post(&format!("{path}/test"), &json!({})).await;
    let tried = tried.expect(202)["event"].as_str().unwrap().to_owned();
    eventually("the test event", async || {
        let event = site.acme.get(&format!("/v1/events/{tried}")).await.expect(200);
        (event["deliveries"][0]["status"] == "delivered").then_some(())
    })
    .await;
    site.acme.publish("invoice.paid", json!({})).await;
    eventually("five delivered", async || {
        let stats = site.acme.get(&format!("{path}/stats")).await.expect(200);
        (stats["totals"]["delivered"] == 5).then_some(())
    })
    .await;

    // A deleted subscription has no statistics; another tenant's are never visible.
    site.acme.delete(&path).await.expect(204);
    assert_eq!(site.acme.get(&format!("{path}/stats")).await.code(), "not_found");
}

async fn dead_letters_are_told_of_together_and_never_feed_themselves(on: On) {
    let site = Site::with(on, &format!("system_events.window = \"1s\"\n{POLICY}")).await;
    let operator = site.gateway.operator().acting_for("operator");
    // The operator's own endpoint fails too: no system events are sent about its dead letters.
    let desk = Receiver::start(vec![Reply::Status(500); 2]).await;
    listen(&operator, &desk).await;
    let broken = Receiver::start(vec![Reply::Status(500); 8]).await;
    subscribe(&site.acme, &broken).await;
    for n in 0..4 {
        site.acme.publish("invoice.paid", json!({ "n": n })).await;
    }
    let feed = eventually("all four are told of", async || {
        let feed = operator
            .get("/v1/events?types=hookgate.delivery.dead")
            .await
            .expect(200);
        let counts = feed["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["data"]["count"].as_u64().unwrap());
        (counts.sum::<u64>() == 4).then_some(feed)
    })
    .await;
    for event in feed["data"].as_array().unwrap() {
        assert_eq!(event["data"]["tenant"], "acme", "{event}");
        assert_eq!(event["data"]["last"]["http_status"], 500, "{event}");
    }
    eventually("one of the operator's own is dead", async || {
        let dead = operator.get("/v1/deliveries?status=dead").await.expect(200);
        dead["data"].get(0).map(|_| ())
    })
    .await;
    // A producer cannot send any of these.
    let refused = site
        .acme
        .post(
            "/v1/events",
            &json!({ "type": "hookgate.delivery.dead", "data": {} }),
        )
        .await;
    assert_eq!((refused.status, refused.code()), (400, "reserved_type"));
}

async fn plugins_that_keep_failing_are_told_of(on: On) {
    let site = Site::with(on, "system_events.plugin_failures = 3").await;
    let operator = site.gateway.operator().acting_for("operator");
    let failing = json!({ "operations": [{ "move": "/not/there", "to": "/here", "required": true }] });
    let steps = json!({ "steps": [{ "plugin": "reshape", "settings": failing }] });
    site.acme.put("/v1/chain", &steps).await.expect(200);
    for _ in 0..3 {
        let event = json!({ "type": "invoice.paid", "data": {} });
        assert_eq!(site.acme.post("/v1/events", &event).await.code(), "plugin_failed");
    }
    let told = eventually("the plugin is told of", async || {
        let feed = operator
            .get("/v1/events?types=hookgate.plugin.*")
            .await
            .expect(200);
        feed["data"].as_array().unwrap().first().cloned()
    })
    .await;
    let data = &told["data"];
    assert_eq!(
        (&data["tenant"], &data["plugin"], &data["count"]),
        (&json!("acme"), &json!("reshape"), &json!(3))
    );
    assert_eq!(data["reason"], "refused");
    assert_eq!(data["version"].as_str().unwrap().len(), 12);
}

async fn a_count_alone_disables_nobody_and_activation_offers_what_was_missed(on: On) {
    let site = Site::start(on).await;
    let operator = site.gateway.operator().acting_for("operator");
    let desk = Receiver::start(vec![]).await;
    listen(&operator, &desk).await;
    let wrong = Receiver::start(vec![Reply::Status(404); 10_000]).await;
    let path = subscribe(&site.acme, &wrong).await;
    for n in 0..60 {
        site.acme.publish("a.b", json!({ "n": n })).await;
    }
    eventually("more attempts than the profile asks for", async || {
        let stats = site.acme.get(&format!("{path}/stats")).await.expect(200);
        (stats["totals"]["failed"].as_u64()? > 120).then_some(())
    })
    .await;
    let warned = told(&desk, "hookgate.subscription", 1).await;
    assert_eq!(warned[0].json()["type"], "hookgate.subscription.failing");
    let active = site.acme.post(&format!("{path}/activate"), &json!({})).await;
    let active = active.expect(200);
    assert_eq!(
        (&active["status"], &active["missed"]),
        (&json!("active"), &Value::Null)
    );

    let disabled = site.acme.post(&format!("{path}/disable"), &json!({})).await;
    let since = disabled.expect(200)["disabled"]["since"].clone();
    let activated = site.acme.post(&format!("{path}/activate"), &json!({})).await;
    let recover = format!("{path}/recover");
    assert_eq!(
        activated.expect(200)["missed"],
        json!({ "since": since, "events": 0, "more": false, "recover": recover })
    );
}

/// A pause longer than any test, after one failure.
const LONG_PAUSE: &str = r#"
scheduler.pause_after = 1
scheduler.pause_first = "10m"
scheduler.pause_longest = "10m"
"#;

async fn pause_ends_on_activation_changed_url_and_test(on: On) {
    let site = Site::with(on, LONG_PAUSE).await;
    let receiver = Receiver::start(vec![]).await;
    let path = subscribe(&site.acme, &receiver).await;
    let acme = &site.acme;
    for way in ["activate", "url", "test"] {
        receiver.answer(vec![Reply::Status(500)]);
        let event = acme.publish("a.b", json!({ "way": way })).await;
        eventually("it failed once", async || {
            let event = acme.get(&format!("/v1/events/{event}")).await.expect(200);
            (event["deliveries"][0]["attempts"] == 1).then_some(())
        })
        .await;
        match way {
            "activate" => {
                acme.post(&format!("{path}/disable"), &json!({}))
                    .await
                    .expect(200);
                acme.post(&format!("{path}/activate"), &json!({}))
                    .await
                    .expect(200);
            }
            "url" => {
                let url = json!({ "url": format!("{}/moved", receiver.url()) });
                acme.patch(&path, &url).await.expect(200);
            }
            _ => drop(acme.post(&format!("{path}/test"), &json!({})).await.expect(202)),
        }
        let next = acme.publish("a.b", json!({ "after": way })).await;
        eventually("what comes after is sent", async || {
            receiver
                .received()
                .iter()
                .any(|got| got.id() == next)
                .then_some(())
        })
        .await;
        eventually("nothing waits for the pause", async || {
            let pending = acme.get("/v1/deliveries?status=pending").await.expect(200);
            (pending["data"] == json!([])).then_some(())
        })
        .await;
    }
}
