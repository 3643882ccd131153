//! Quotas: each refuses one tenant, names the quota and the time of a retry, and affects no other
//! tenant.

use std::time::Duration;

use hookgate_tests::{Answer, Client, Receiver, Reply, Setup, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    events_over_the_rate_are_refused_until_it_allows,
    pending_deliveries_over_the_quota_are_refused_until_they_end,
    stored_bytes_over_the_quota_are_refused_until_events_are_old,
    replays_over_the_rate_are_refused,
    tenant_overrides_profile_and_profile_the_operator,
    cloudevents_batch_is_taken_or_refused_whole,
    counts_survive_a_kill,
    test_events_count,
);

/// Publishes this many events in one request.
async fn publish(client: &Client, count: usize) -> Answer {
    let event = |n: usize| json!({ "type": "a.b", "data": { "n": n } });
    let events: Vec<Value> = (0..count).map(event).collect();
    client.post("/v1/events", &json!(events)).await
}

async fn usage(client: &Client) -> Value {
    client.get("/v1/usage").await.expect(200)
}

/// Asserts that an answer refuses over this quota, and returns its retry delay.
#[track_caller]
fn refused(answer: &Answer, quota: &str, limit: u64) -> Duration {
    assert_eq!(
        (answer.status, answer.code()),
        (429, "quota_exceeded"),
        "{:#}",
        answer.body
    );
    assert_eq!(
        (&answer.body["quota"], &answer.body["limit"]),
        (&json!(quota), &json!(limit))
    );
    assert_eq!(answer.body["retry"], "safe");
    let seconds = answer.header("retry-after").parse().expect("Retry-After");
    assert!(seconds > 0);
    Duration::from_secs(seconds)
}

/// Text that hardly compresses: the store compresses its data.
fn noise(length: usize) -> String {
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_digit((state >> 16) % 36, 36).unwrap_or_default()
    };
    (0..length).map(|_| letter()).collect()
}

/// Number of events in a tenant's feed.
async fn feed_length(client: &Client) -> usize {
    let page = client.get("/v1/events?limit=500").await.expect(200);
    page["data"].as_array().expect("events").len()
}

/// Starts an endpoint that refuses everything during a test.
async fn refusing() -> Receiver {
    Receiver::start(vec![Reply::Status(500); 5_000]).await
}

/// A distant retry: a delivery that failed once stays pending.
const LATER: &str = "[profiles.standard.retry]\nschedule = [\"1h\"]\n";

async fn events_over_the_rate_are_refused_until_it_allows(on: On) {
    let quotas = "quotas.events_per_second = 1\nquotas.burst = 50";
    let site = Site::with(on, quotas).await;
    let globex = site.gateway.tenant("globex").await;
    publish(&site.acme, 50).await.expect(202);
    // One of the 50 returns per second, so that 50 take many seconds.
    let over = publish(&site.acme, 50).await;
    let wait = refused(&over, "events_per_second", 1);
    assert!(wait <= Duration::from_secs(50));
    publish(&globex, 50).await.expect(202);
    let used = usage(&site.acme).await["quotas"]["events_per_second"].clone();
    assert_eq!((&used["limit"], &used["burst"]), (&json!(1), &json!(50)));
    assert!(used["used"].as_u64().expect("a number") <= 50);

    eventually("there is room for one", async || {
        let one = publish(&site.acme, 1).await;
        if one.status == 202 {
            return Some(());
        }
        tokio::time::sleep(refused(&one, "events_per_second", 1)).await;
        None
    })
    .await;
    let all = eventually("a request of more than the burst is judged", async || {
        let all = publish(&site.acme, 51).await;
        if all.status != 429 {
            return Some(all);
        }
        tokio::time::sleep(refused(&all, "events_per_second", 1)).await;
        None
    })
    .await;
    assert_eq!((all.status, all.code()), (422, "limit_reached"), "{}", all.body);
    assert_eq!(
        (&all.body["quota"], &all.body["limit"]),
        (&json!("events_per_second"), &json!(50))
    );
    assert_eq!(feed_length(&site.acme).await, 51);
    let metrics = site.gateway.operator().get("/metrics").await;
    let text = metrics.body.as_str().expect("text").to_owned();
    assert!(
        text.contains("hookgate_quota_refusals_total{quota=\"events_per_second\"}"),
        "{text}"
    );
}

async fn pending_deliveries_over_the_quota_are_refused_until_they_end(on: On) {
    let config = format!("quotas.pending_deliveries = 10\n{LATER}");
    let site = Site::with(on, &config).await;
    let globex = site.gateway.tenant("globex").await;
    let fails = refusing().await;
    site.acme.subscribe(&fails.url()).await;
    globex.subscribe(&fails.url()).await;
    publish(&site.acme, 6).await.expect(202);
    let over = publish(&site.acme, 6).await;
    refused(&over, "pending_deliveries", 10);
    assert_eq!(feed_length(&site.acme).await, 6, "nothing of it is there");
    publish(&site.acme, 4).await.expect(202);
    let full = publish(&site.acme, 1).await;
    refused(&full, "pending_deliveries", 10);
    let never = publish(&site.acme, 11).await;
    assert_eq!(never.status, 429, "full comes first: {}", never.body);
    publish(&globex, 10).await.expect(202);
    let pending = usage(&site.acme).await["quotas"]["pending_deliveries"].clone();
    assert_eq!(pending, json!({ "used": 10, "limit": 10 }));

    // A replay creates pending deliveries too.
    let events = site.acme.get("/v1/events?limit=1").await.expect(200);
    let event = events["data"][0]["id"].as_str().expect("an id").to_owned();
    let replay = site
        .acme
        .post(&format!("/v1/events/{event}/replay"), &json!({}))
        .await;
    refused(&replay, "pending_deliveries", 10);

    // A delivery being attempted is cancelled when its attempt ends.
    eventually("all is called off", async || {
        let pending = site
            .acme
            .get("/v1/deliveries?status=pending&limit=500")
            .await
            .expect(200);
        let pending = pending["data"].as_array().expect("deliveries").clone();
        for delivery in &pending {
            let id = delivery["id"].as_str().expect("an id");
            site.acme
                .post(&format!("/v1/deliveries/{id}/cancel"), &json!({}))
                .await;
        }
        pending.is_empty().then_some(())
    })
    .await;
    eventually("nothing is pending", async || {
        let usage = usage(&site.acme).await;
        (usage["quotas"]["pending_deliveries"]["used"] == 0).then_some(())
    })
    .await;
    eventually("events are taken again", async || {
        (publish(&site.acme, 10).await.status == 202).then_some(())
    })
    .await;
}

async fn stored_bytes_over_the_quota_are_refused_until_events_are_old(on: On) {
    let config = "quotas.stored_bytes = \"20KiB\"\nretention.events = \"10s\"\nretention.sweep_every = \"1s\"\n\
                  retry.schedule = [\"1s\"]\n";
    let site = Site::with(on, config).await;
    let globex = site.gateway.tenant("globex").await;
    let large = json!({ "type": "a.b", "data": { "text": noise(9_000) } });
    let mut stored = 0;
    let over = loop {
        let answer = site.acme.post("/v1/events", &large).await;
        if answer.status != 202 {
            break answer;
        }
        stored += 1;
        assert!(stored < 1_000, "it is never refused");
    };
    assert!(stored >= 2);
    refused(&over, "stored_bytes", 20 << 10);
    globex.post("/v1/events", &large).await.expect(202);
    let never = json!({ "type": "a.b", "data": { "text": noise(90_000) } });
    let never = globex.post("/v1/events", &never).await;
    assert_eq!(
        (never.status, never.code()),
        (422, "limit_reached"),
        "{}",
        never.body
    );
    assert_eq!(never.body["quota"], "stored_bytes");
    eventually("what is old makes room", async || {
        let usage = usage(&site.acme).await["quotas"]["stored_bytes"].clone();
        (usage["used"] == 0).then_some(())
    })
    .await;
    eventually("events are taken again", async || {
        (site.acme.post("/v1/events", &large).await.status == 202).then_some(())
    })
    .await;
}

async fn replays_over_the_rate_are_refused(on: On) {
    let site = Site::with(on, "quotas.replays_per_minute = 1").await;
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = site.acme.subscribe(&receiver.url()).await;
    let event = site.acme.publish("a.b", json!({})).await;
    receiver.wait_for(1).await;
    let replay = format!("/v1/events/{event}/replay");
    site.acme.post(&replay, &json!({})).await.expect(202);
    // One returns per minute. The test's three calls very probably take one each, and the first
    // refusal is certain unless a minute has passed.
    let over = site.acme.post(&replay, &json!({})).await;
    let wait = refused(&over, "replays_per_minute", 1);
    assert!(wait <= Duration::from_secs(60));
    let recover = format!("/v1/subscriptions/{id}/recover");
    let since = json!({ "since": "2020-01-01T00:00:00Z" });
    refused(&site.acme.post(&recover, &since).await, "replays_per_minute", 1);
    let used = usage(&site.acme).await["quotas"]["replays_per_minute"].clone();
    assert_eq!(used, json!({ "used": 1, "limit": 1, "burst": 1, "period": "1m" }));
    let globex = site.gateway.tenant("globex").await;
    let missing = globex.post("/v1/events/evt_none/replay", &json!({})).await;
    assert_eq!(missing.status, 404, "{}", missing.body);
}

async fn tenant_overrides_profile_and_profile_the_operator(on: On) {
    let config = "quotas.pending_deliveries = 5\nquotas.stored_bytes = \"1GiB\"\nquotas.events_per_second = 1000\n\
                  [profiles.own]\nextends = \"standard\"\n[profiles.own.quotas]\npending_deliveries = 7\n\
                  [tenants.globex]\nkeys = [\"hg_key_of_globex_0123\"]\nprofile = \"own\"\n\
                  [tenants.globex.quotas]\nstored_bytes = \"unlimited\"\n";
    let site = Site::with(on, config).await;
    let limits = async |client: &Client| {
        let quotas = usage(client).await["quotas"].clone();
        let limit = |name: &str| quotas[name]["limit"].clone();
        [
            limit("pending_deliveries"),
            limit("stored_bytes"),
            limit("events_per_second"),
            limit("replays_per_minute"),
        ]
    };
    assert_eq!(
        limits(&site.acme).await,
        [json!(5), json!(1 << 30), json!(1000), Value::Null]
    );
    let globex = site.acme.with_key("hg_key_of_globex_0123");
    assert_eq!(
        limits(&globex).await,
        [json!(7), Value::Null, json!(1000), Value::Null]
    );

    let operator = site.gateway.operator();
    let own = json!({ "quotas": { "pending_deliveries": 9, "events_per_second": "unlimited", "replays_per_minute": 3 } });
    let patched = operator.patch("/v1/tenants/acme", &own).await.expect(200);
    assert_eq!(patched["quotas"], own["quotas"]);
    assert_eq!(
        limits(&site.acme).await,
        [json!(9), json!(1 << 30), Value::Null, json!(3)]
    );
    let of_acme = operator.get("/v1/tenants/acme/usage").await.expect(200);
    assert_eq!(of_acme["quotas"]["pending_deliveries"]["limit"], 9);

    let raised = site.acme.patch("/v1/tenants/acme", &own).await;
    assert_eq!((raised.status, raised.code()), (403, "operator_required"));
    let in_file = operator.patch("/v1/tenants/globex", &own).await;
    assert_eq!((in_file.status, in_file.code()), (409, "declared_in_file"));
    let unknown = json!({ "quotas": { "pending_delivery": 9 } });
    let unknown = operator.patch("/v1/tenants/acme", &unknown).await;
    assert_eq!(unknown.status, 422);
    let detail = unknown.body["detail"].as_str().expect("text");
    assert!(detail.contains("did you mean `pending_deliveries`"), "{detail}");
    let none = json!({ "quotas": { "pending_deliveries": 0 } });
    assert_eq!(operator.patch("/v1/tenants/acme", &none).await.status, 422);

    let site = site.restart();
    assert_eq!(
        limits(&site.acme).await,
        [json!(9), json!(1 << 30), Value::Null, json!(3)]
    );
    let operator = site.gateway.operator();
    operator
        .patch("/v1/tenants/acme", &json!({ "quotas": null }))
        .await
        .expect(200);
    assert_eq!(
        limits(&site.acme).await,
        [json!(5), json!(1 << 30), json!(1000), Value::Null]
    );
}

#[test]
fn unknown_quota_in_the_file_is_refused_with_a_suggestion() {
    for (config, words) in [
        (
            "[quotas]\nstored_byte = \"1GiB\"\n",
            "did you mean `stored_bytes`",
        ),
        (
            "[profiles.own]\nextends = \"standard\"\n[profiles.own.quotas]\nevent_per_second = 1\n",
            "did you mean `events_per_second`",
        ),
        ("[tenants.acme.quotas]\nbursts = 1\n", "did you mean `burst`"),
        ("[quotas]\nevents_per_second = 0\n", "quotas.events_per_second"),
    ] {
        let refused = Setup::embedded()
            .with(config)
            .try_start()
            .expect_err("it does not start");
        let text = format!("{refused:#}");
        assert!(text.contains(words), "{config}: {text}");
    }
}

async fn cloudevents_batch_is_taken_or_refused_whole(on: On) {
    let config = format!("quotas.pending_deliveries = 3\n{LATER}");
    let site = Site::with(on, &config).await;
    let fails = refusing().await;
    site.acme.subscribe(&fails.url()).await;
    let batch = |from: usize, to: usize| {
        let event = |n: usize| json!({ "specversion": "1.0", "type": "a.b", "source": "/s", "id": n.to_string(), "data": { "n": n } });
        json!((from..to).map(event).collect::<Vec<_>>()).to_string()
    };
    let kind = "application/cloudevents-batch+json";
    site.acme
        .post_raw("/v1/events", kind, batch(0, 2))
        .await
        .expect(202);
    let over = site.acme.post_raw("/v1/events", kind, batch(2, 4)).await;
    refused(&over, "pending_deliveries", 3);
    assert_eq!(feed_length(&site.acme).await, 2);
    // Events that exist already add nothing.
    site.acme.post_raw("/v1/events", kind, batch(1, 3)).await;
    let pending = usage(&site.acme).await["quotas"]["pending_deliveries"]["used"].clone();
    assert!(pending.as_u64().expect("a number") <= 3);
}

async fn counts_survive_a_kill(on: On) {
    let config = format!("quotas.pending_deliveries = 10\nquotas.stored_bytes = \"1GiB\"\n{LATER}");
    let mut site = Site::with(on, &config).await;
    let fails = refusing().await;
    site.acme.subscribe(&fails.url()).await;
    publish(&site.acme, 10).await.expect(202);
    let before = usage(&site.acme).await["quotas"].clone();
    assert_eq!(before["pending_deliveries"]["used"], 10);
    let bytes = before["stored_bytes"]["used"].as_u64().expect("a number");
    assert!((10 * 30..10 * 1_000).contains(&bytes), "{bytes}");
    site.gateway.kill();
    let site = site.restart();
    let after = usage(&site.acme).await["quotas"].clone();
    for quota in ["pending_deliveries", "stored_bytes"] {
        assert_eq!(after[quota], before[quota], "{quota}");
    }
    refused(&publish(&site.acme, 1).await, "pending_deliveries", 10);
}

async fn test_events_count(on: On) {
    let config = format!("quotas.pending_deliveries = 1\n{LATER}");
    let site = Site::with(on, &config).await;
    let fails = refusing().await;
    let (id, _) = site.acme.subscribe(&fails.url()).await;
    publish(&site.acme, 1).await.expect(202);
    let test = site
        .acme
        .post(&format!("/v1/subscriptions/{id}/test"), &json!({}))
        .await;
    refused(&test, "pending_deliveries", 1);
}
