//! Shadow mode: deliveries are made, signed and recorded without a connection; initially disabled
//! subscriptions; and the switch to sending.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookgate_tests::{Client, Received, Receiver, Reply, eventually, signature};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::delivering::settled;
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    shadow_records_what_would_be_sent_and_connects_to_nothing,
    shadow_fails_nobody_and_pauses_nothing,
    subscription_created_disabled_waits_for_its_activation,
    switching_to_shadow_ends_a_pause,
);

/// A listener that answers nothing and counts connections.
struct Counter {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl Counter {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url, connections }
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The first attempt of an event's first delivery.
async fn attempt(client: &Client, event: &str) -> Value {
    let delivery = settled(client, event).await;
    let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    client.get(&path).await.expect(200)["attempts"][0].clone()
}

fn header<'a>(request: &'a Value, name: &str) -> &'a Value {
    let headers = request["headers"].as_array().unwrap().iter();
    let mut found = headers.filter(|header| header["name"] == name);
    &found.next().unwrap_or_else(|| panic!("no {name} in {request:#}"))["value"]
}

async fn shadow_records_what_would_be_sent_and_connects_to_nothing(on: On) {
    let site = Site::start(on).await;
    let counter = Counter::start().await;
    let new = json!({
        "url": format!("{}?token=planted-in-the-query", counter.url), "events": ["*"], "mode": "shadow",
        "headers": { "authorization": "Bearer planted-in-a-header" },
    });
    let made = site.acme.post("/v1/subscriptions", &new).await.expect(201);
    assert_eq!(
        (&made["mode"], &made["status"]),
        (&json!("shadow"), &json!("active"))
    );
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let path = format!("/v1/subscriptions/{id}");
    // The store has it in this form.
    let site = site.restart();
    assert_eq!(site.acme.get(&path).await.expect(200)["mode"], "shadow");

    let event = site.acme.publish("invoice.paid", json!({ "n": 8500.00 })).await;
    let delivery = settled(&site.acme, &event).await;
    assert_eq!(
        (&delivery["status"], &delivery["last_outcome"]),
        (&json!("shadowed"), &json!("shadowed"))
    );
    let made = attempt(&site.acme, &event).await;
    let request = &made["request"];
    assert_eq!(
        (&made["outcome"], &request["method"]),
        (&json!("shadowed"), &json!("POST"))
    );
    assert_eq!(made["response_status"], Value::Null);
    assert_eq!(request["url"], json!(format!("{}?…", counter.url)));
    assert_eq!(header(request, "authorization"), &Value::Null);
    assert_eq!(header(request, "webhook-id"), &json!(event));
    assert_eq!(header(request, "content-type"), "application/json");
    let told = format!("{made} {:?}", site.gateway.log());
    for planted in ["planted-in", secret, secret.trim_start_matches("whsec_")] {
        assert!(!told.contains(planted), "{planted} in {told}");
    }

    // A test event is a delivery like another, and marked as a test.
    let tried = site
        .acme
        .post(&format!("{path}/test"), &json!({}))
        .await
        .expect(202);
    let tried = attempt(&site.acme, tried["event"].as_str().unwrap()).await;
    assert_eq!(header(&tried["request"], "webhook-test"), "true");
    let listed = site.acme.get("/v1/deliveries?status=shadowed").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed:#}");
    let other = site.acme.get("/v1/deliveries?status=cancelled").await.expect(200);
    assert_eq!(other["data"], json!([]));

    // It is made again unchanged, and a shadowed delivery is never recovered.
    let again = format!("/v1/deliveries/{}/retry", delivery["id"].as_str().unwrap());
    site.acme.post(&again, &json!({})).await.expect(202);
    let recover = json!({ "since": "2020-01-01T00:00:00Z" });
    let recovered = site.acme.post(&format!("{path}/recover"), &recover).await;
    assert_eq!(recovered.expect(202)["deliveries"], 0);
    eventually("both are shadowed", async || {
        let shown = site.acme.get(&format!("/v1/events/{event}")).await.expect(200);
        let deliveries = shown["deliveries"].as_array().unwrap();
        (deliveries.len() == 2 && deliveries.iter().all(|one| one["status"] == "shadowed")).then_some(())
    })
    .await;
    let metrics = site.gateway.operator().get("/metrics").await.body;
    let metrics = metrics.as_str().unwrap();
    for line in [
        r#"hookgate_attempts_total{outcome="shadowed"} 3"#,
        r#"hookgate_deliveries_total{end="shadowed"} 3"#,
        "hookgate_attempt_seconds_count 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let usage = site.acme.get("/v1/usage").await.expect(200);
    assert_eq!(usage["quotas"]["pending_deliveries"]["used"], 0, "{usage:#}");
    assert_eq!(counter.count(), 0, "nothing was connected");

    switches_and_sends_the_same(&site, &path, (&event, secret), request).await;
    assert_eq!(counter.count(), 0);
}

/// After the switch, new events are sent; a replay of a shadowed one equals the recorded request.
async fn switches_and_sends_the_same(
    site: &Site,
    path: &str,
    (shadowed, secret): (&str, &str),
    recorded: &Value,
) {
    let receiver = Receiver::start(vec![]).await;
    let change = json!({ "mode": "send", "url": receiver.url() });
    assert_eq!(site.acme.patch(path, &change).await.expect(200)["mode"], "send");
    let next = site.acme.publish("invoice.paid", json!({ "n": 2 })).await;
    let first = receiver.wait_for(1).await.remove(0);
    assert_eq!(first.id(), next);
    let replay = json!({ "subscription": path.rsplit('/').next().unwrap() });
    let path = format!("/v1/events/{shadowed}/replay");
    site.acme.post(&path, &replay).await.expect(202);
    let sent: Received = receiver.wait_for(2).await.remove(1);
    assert_eq!(sent.id(), shadowed);
    assert_eq!(recorded["body_sha256"], hex::encode(Sha256::digest(&sent.body)));
    assert_eq!(recorded["body_bytes"], sent.body.len());
    // Every header that does not depend on place and time.
    let names: Vec<_> = recorded["headers"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), sent.headers.len(), "{recorded:#} {:?}", sent.headers);
    for one in names {
        let name = one["name"].as_str().unwrap();
        let differs = ["host", "webhook-timestamp", "webhook-signature", "authorization"].contains(&name);
        assert!(
            differs || one["value"] == sent.header(name),
            "{one} {}",
            sent.header(name)
        );
    }
    let recorded = |name| header(recorded, name).as_str().unwrap();
    let (time, signed) = (recorded("webhook-timestamp"), recorded("webhook-signature"));
    assert!(signature::verifies(secret, shadowed, time, signed, &sent.body));
}

/// A pause longer than any test, after one failure.
const LONG_PAUSE: &str = r#"
scheduler.pause_after = 1
scheduler.pause_first = "10m"
scheduler.pause_longest = "10m"
"#;

/// Disables after any failure.
const STRICT: &str = r#"
[profiles.standard.auto_disable]
over = 0.1
window = "24h"
least_attempts = 1
for_at_least = "0s"
warn_over = 0.1
"#;

async fn shadow_fails_nobody_and_pauses_nothing(on: On) {
    let site = Site::with(on, &format!("{LONG_PAUSE}{STRICT}")).await;
    let refused = json!({ "url": "http://127.0.0.1:9/", "events": ["*"], "mode": "shadow" });
    let made = site.acme.post("/v1/subscriptions", &refused).await.expect(201);
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    for n in 0..20 {
        let event = site.acme.publish("a.b", json!({ "n": n })).await;
        assert_eq!(settled(&site.acme, &event).await["status"], "shadowed");
    }
    let stats = site.acme.get(&format!("{path}/stats")).await.expect(200);
    assert_eq!(
        (&stats["totals"]["attempts"], &stats["last_failure"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(site.acme.get(&path).await.expect(200)["status"], "active");
    let metrics = site.gateway.operator().get("/metrics").await.body;
    assert!(
        !metrics
            .as_str()
            .unwrap()
            .contains("hookgate_egress_errors_total{")
    );
}

async fn subscription_created_disabled_waits_for_its_activation(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let new = json!({
        "url": receiver.url(), "events": ["invoice.*"], "filter": { "/n": { "$gte": 10 } }, "status": "disabled",
    });
    let made = site.acme.post("/v1/subscriptions", &new).await.expect(201);
    assert_eq!(
        (&made["status"], &made["disabled"]["reason"]),
        (&json!("disabled"), &json!("asked"))
    );
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    for (kind, n) in [
        ("invoice.paid", 9),
        ("invoice.paid", 10),
        ("order.made", 11),
        ("invoice.sent", 12),
    ] {
        let event = site.acme.publish(kind, json!({ "n": n })).await;
        let event = site.acme.get(&format!("/v1/events/{event}")).await.expect(200);
        assert_eq!(event["deliveries"], json!([]));
    }
    let active = site
        .acme
        .post(&format!("{path}/activate"), &json!({}))
        .await
        .expect(200);
    assert_eq!(active["status"], "active");
    let missed = &active["missed"];
    assert_eq!(
        (&missed["since"], &missed["events"], &missed["more"]),
        (&made["disabled"]["since"], &json!(2), &json!(false)),
        "{missed:#}"
    );
    assert_eq!(receiver.count(), 0, "nothing is made again by itself");
    let recover = missed["recover"].as_str().unwrap();
    let since = json!({ "since": missed["since"] });
    assert_eq!(site.acme.post(recover, &since).await.expect(202)["deliveries"], 2);
    let sent = receiver.wait_for(2).await;
    let mut numbers: Vec<_> = sent.iter().map(|got| got.json()["data"]["n"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(10), Some(12)]);
    // Nothing was missed since.
    site.acme
        .post(&format!("{path}/disable"), &json!({}))
        .await
        .expect(200);
    let active = site
        .acme
        .post(&format!("{path}/activate"), &json!({}))
        .await
        .expect(200);
    assert_eq!(
        (&active["missed"]["events"], &active["missed"]["more"]),
        (&json!(0), &json!(false))
    );
}

/// Deliveries held back by an endpoint's pause are shadowed at once, and never sent.
async fn switching_to_shadow_ends_a_pause(on: On) {
    let site = Site::with(on, LONG_PAUSE).await;
    let receiver = Receiver::start(vec![Reply::Status(500); 100]).await;
    let new = json!({ "url": receiver.url(), "events": ["*"] });
    let made = site.acme.post("/v1/subscriptions", &new).await.expect(201);
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    let event = site.acme.publish("a.b", json!({})).await;
    receiver.wait_for(1).await;
    eventually("the attempt is recorded", async || {
        let event = site.acme.get(&format!("/v1/events/{event}")).await.expect(200);
        (event["deliveries"][0]["attempts"] == 1).then_some(())
    })
    .await;
    let shadow = json!({ "mode": "shadow" });
    site.acme.patch(&path, &shadow).await.expect(200);
    let delivery = settled(&site.acme, &event).await;
    assert_eq!(
        (&delivery["status"], &delivery["attempts"]),
        (&json!("shadowed"), &json!(2))
    );
    assert_eq!(receiver.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mode_and_status_are_checked_and_the_tenants_to_say() {
    let site = Site::start(On::Embedded).await;
    let receiver = Receiver::start(vec![]).await;
    for (field, value) in [
        ("mode", json!("off")),
        ("mode", json!(true)),
        ("status", json!("gone")),
        ("status", json!({})),
    ] {
        let mut new = json!({ "url": receiver.url(), "events": ["*"] });
        new[field] = value;
        let refused = site.acme.post("/v1/subscriptions", &new).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (422, &json!(format!("/{field}"))),
            "{new}"
        );
    }
    let (id, _) = site.acme.subscribe(&receiver.url()).await;
    let path = format!("/v1/subscriptions/{id}");
    let refused = site.acme.patch(&path, &json!({ "status": "disabled" })).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_field"));

    let key = json!({ "scopes": ["consumer"] });
    let operator = site.gateway.operator();
    let made = operator.post("/v1/tenants/acme/keys", &key).await.expect(201);
    let customer = operator.with_key(made["key"].as_str().unwrap());
    let new = json!({ "url": receiver.url(), "events": ["*"], "mode": "shadow" });
    let refused = customer.post("/v1/subscriptions", &new).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["pointer"]),
        (422, &json!("/mode"))
    );
    let new = json!({ "url": receiver.url(), "events": ["*"], "status": "disabled" });
    let own = customer.post("/v1/subscriptions", &new).await.expect(201);
    let own = format!("/v1/subscriptions/{}", own["id"].as_str().unwrap());
    let refused = customer.patch(&own, &json!({ "mode": "send" })).await;
    assert_eq!(refused.status, 422);
    // The tenant switches it, and its consumer sees the requests recorded for it, and no others.
    site.acme
        .patch(&own, &json!({ "mode": "shadow" }))
        .await
        .expect(200);
    customer
        .post(&format!("{own}/activate"), &json!({}))
        .await
        .expect(200);
    let event = site.acme.publish("a.b", json!({})).await;
    let shadowed = eventually("its delivery is shadowed", async || {
        let listed = customer.get("/v1/deliveries?status=shadowed").await.expect(200);
        listed["data"].get(0).cloned()
    })
    .await;
    assert_eq!(shadowed["event"], json!(event));
    let path = format!("/v1/deliveries/{}", shadowed["id"].as_str().unwrap());
    let seen = customer.get(&path).await.expect(200);
    assert_eq!(seen["attempts"][0]["request"]["method"], "POST");
    let key = json!({ "scopes": ["consumer"], "subscription": id });
    let other = operator.post("/v1/tenants/acme/keys", &key).await.expect(201);
    let other = operator.with_key(other["key"].as_str().unwrap());
    assert_eq!(other.get(&path).await.status, 404);
}

/// The file sets a subscription's initial status and mode; a product's own route uses its own words
/// for them.
#[tokio::test(flavor = "multi_thread")]
async fn files_and_doors_have_shadow_and_disabled() {
    let receiver = Receiver::start(vec![]).await;
    let toml = format!(
        "[tenants.shop]\nkeys = [\"a-key-of-the-declared-tenant\"]\n\
         [[tenants.shop.subscriptions]]\nurl = \"{url}\"\nevents = [\"*\"]\nmode = \"shadow\"\n\
         [[tenants.shop.subscriptions]]\nname = \"later\"\nurl = \"{url}\"\nevents = [\"*\"]\nstatus = \"disabled\"\n\
         [profiles.parcels]\nextends = \"standard\"\n[profiles.parcels.door]\nactive = \"enabled\"\ndisabled = \"paused\"\n\
         [[profiles.parcels.routes]]\nmethod = \"POST\"\npath = \"/hooks\"\naction = \"create_subscription\"\nstatus = 201\n\
         in = {{ url = \"url\", events = \"events\", state = \"status\" }}\n\
         answer = [{{ name = \"state\", value = \"{{status}}\" }}]\n",
        url = receiver.url()
    );
    let site = Site::with(On::Embedded, &toml).await;
    let shop = site.acme.with_key("a-key-of-the-declared-tenant");
    let event = shop.publish("a.b", json!({})).await;
    assert_eq!(settled(&shop, &event).await["status"], "shadowed");
    let listed = shop.get("/v1/subscriptions").await.expect(200);
    let later = listed["data"].as_array().unwrap().iter();
    let later: Vec<_> = later.filter(|one| one["status"] == "disabled").collect();
    assert!(later.len() == 1 && later[0]["mode"] == "send", "{listed:#}");
    let path = format!("/v1/subscriptions/{}", later[0]["id"].as_str().unwrap());
    shop.post(&format!("{path}/activate"), &json!({}))
        .await
        .expect(200);
    let next = shop.publish("a.b", json!({})).await;
    assert_eq!(receiver.wait_for(1).await[0].id(), next);
    // The file sets the initial status only.
    let site = site.restart();
    let shop = shop.towards(site.gateway.base());
    assert_eq!(shop.get(&path).await.expect(200)["status"], "active");

    let tenant = json!({ "id": "parcels", "profile": "parcels" });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    let parcels = site.acme.with_key(made["key"].as_str().unwrap());
    for (state, expected) in [
        (json!("paused"), Some("paused")),
        (json!("enabled"), Some("enabled")),
        (Value::Null, Some("enabled")),
        (json!("disabled"), None),
        (json!(1), None),
    ] {
        let hook = json!({ "url": receiver.url(), "events": ["*"], "state": state });
        let answer = parcels.post("/hooks", &hook).await;
        match expected {
            Some(word) => assert_eq!(answer.expect(201)["state"], word),
            None => assert_eq!(
                (answer.status, &answer.body["errors"][0]["pointer"]),
                (422, &json!("/state")),
                "{hook}"
            ),
        }
    }
}
