//! Memory of the plugin host: data collected for a guest, a chain or a dry run is charged first.
//!
//! The charge precedes the copy. The gateway runs under a container's memory limit, and a neighbour
//! is served meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hookgate_tests::gateway::root;
use hookgate_tests::{Client, Receiver};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    what_a_guest_reads_is_bounded,
    values_are_redacted_within_the_events_own_size,
    dry_runs_show_a_bounded_answer,
    reports_of_changes_are_bounded_and_name_no_key,
);

/// Memory limit of the gateway's process, as in a container.
const LIMIT: u64 = 3 << 30;

/// Bound of the gateway's resident memory under every attack here.
const PEAK: u64 = 768 << 20;

/// Limits other than those under test, too wide for a slow machine to reach.
const PATIENT: &str = "plugins.call_deadline = \"20s\"\nplugins.chain_deadline = \"60s\"\nplugins.breaker.failures = 0\n\
    store.redis.accept_timeout = \"30s\"\nstore.redis.response_timeout = \"60s\"";

/// A gateway with a neighbour that publishes and requests the health endpoint continuously.
struct Street {
    site: Site,
    process: u32,
    stop: Arc<AtomicBool>,
    neighbour: JoinHandle<usize>,
}

impl Street {
    async fn start(on: On) -> Self {
        let site = Site::limited(on, PATIENT, LIMIT).await;
        let stop = Arc::new(AtomicBool::new(false));
        let (client, stopped) = (site.acme.clone(), stop.clone());
        let neighbour = tokio::spawn(async move {
            let mut served = 0;
            while !stopped.load(Ordering::Relaxed) {
                client.get("/healthz").await.expect(200);
                client.publish("a.b", json!({ "n": served })).await;
                served += 1;
            }
            served
        });
        let process = site.gateway.pid();
        Self {
            site,
            process,
            stop,
            neighbour,
        }
    }

    /// Asserts that the same process served the neighbour to the end, within its memory bound.
    async fn nobody_noticed(self, attack: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let served = self.neighbour.await.unwrap();
        assert!(served > 0, "{attack}: the neighbour was served");
        assert_eq!(self.site.gateway.pid(), self.process, "{attack}");
        let peak = self.site.gateway.peak_resident().unwrap();
        assert!(
            peak < PEAK,
            "{attack}: {} MiB at the most, neighbour served {served} times",
            peak >> 20
        );
    }
}

/// Nested objects under long keys: every pointer to the inside is as long as all keys together.
fn nest(inside: Value, levels: usize, key: usize) -> Value {
    (0..levels).fold(inside, |inside, _| json!({ "k".repeat(key): inside }))
}

fn guest(name: &str) -> Bytes {
    let file = root().join(format!("target/guests/built/{name}.wasm"));
    let component = std::fs::read(&file);
    let component = component.unwrap_or_else(|error| {
        let file = file.display();
        panic!("{file}: {error}: plugins/build --out target/guests/built")
    });
    component.into()
}

async fn set_chain(client: &Client, steps: &Value) {
    client
        .put("/v1/chain", &json!({ "steps": steps }))
        .await
        .expect(200);
}

async fn what_a_guest_reads_is_bounded(on: On) {
    let street = Street::start(on).await;
    let evil = street.site.gateway.tenant("evil").await;
    evil.post_raw("/v1/plugins", "application/wasm", guest("careless"))
        .await
        .expect(201);
    let text = json!({ "s": "x".repeat(1_000_000) });
    let numbers = nest(json!(vec![1; 10_000]), 50, 8_000);
    for (settings, data) in [
        (
            json!({ "do": "reads-many", "pointer": "/s", "count": 4_000 }),
            text,
        ),
        (json!({ "do": "finds", "pattern": "/**" }), numbers),
    ] {
        let step = json!({ "plugin": "guest", "settings": settings });
        set_chain(&evil, &json!([step])).await;
        let event = json!({ "type": "a.b", "data": data });
        for answer in [
            evil.post("/v1/events", &event).await,
            evil.post("/v1/events", &event).await,
        ] {
            assert_eq!((answer.status, answer.code()), (503, "plugin_failed"));
            let plugin = &answer.body["plugin"];
            assert_eq!(plugin["code"], "operations", "{plugin:#}");
            let message = plugin["message"].as_str().unwrap();
            assert!(
                message.contains("8MiB") && message.contains("`plugins.operation_output`"),
                "{message}"
            );
        }
        let trial = json!({ "event": event, "settings": settings });
        let tried = evil.post("/v1/plugins/guest/try", &trial).await.expect(200);
        assert_eq!(tried["steps"][0]["code"], "operations");
    }
    street.nobody_noticed("reads of a guest").await;
}

async fn values_are_redacted_within_the_events_own_size(on: On) {
    let street = Street::start(on).await;
    let honest = street.site.gateway.tenant("honest").await;
    let steps = json!([{ "plugin": "redact", "settings": { "values": ["email"] } }]);
    let data = nest(json!(vec!["planted@b.example"; 20_000]), 50, 8_000);
    let redacted = nest(json!([]), 50, 8_000);

    // A delivery that killed the process would kill the next process too.
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = honest.subscribe(&receiver.url()).await;
    let chain = format!("/v1/subscriptions/{subscription}/chain");
    honest.put(&chain, &json!({ "steps": steps })).await.expect(200);
    honest.publish("a.b", data.clone()).await;
    assert_eq!(receiver.wait_for(1).await[0].json()["data"], redacted);

    set_chain(&honest, &steps).await;
    let id = honest.publish("a.b", data).await;
    let kept = honest.get(&format!("/v1/events/{id}")).await.expect(200);
    assert_eq!(kept["data"], redacted);
    assert_eq!(kept["steps"][0]["changed"], json!([""]));
    street.nobody_noticed("values of nested events").await;
}

async fn dry_runs_show_a_bounded_answer(on: On) {
    let street = Street::start(on).await;
    let evil = street.site.gateway.tenant("evil").await;
    let members: serde_json::Map<String, Value> = (0..500).map(|n| (format!("f{n}"), json!(1))).collect();
    let every = format!("/{}*", "*/".repeat(60));
    let steps: Vec<Value> = (0..16)
        .map(|n| {
            let settings = json!({ "fields": [every], "action": "mask", "mask": format!("m{n}") });
            json!({ "plugin": "redact", "settings": settings })
        })
        .collect();
    let data = nest(members.into(), 60, 15_000);
    let trial = json!({ "event": { "type": "a.b", "data": data }, "steps": steps });
    let tried = evil.post("/v1/chain/try", &trial).await.expect(200);
    let bytes = tried.to_string().len();
    assert!(bytes < 5 << 20, "{bytes} bytes");
    assert_eq!(
        (&tried["verdict"], &tried["cut"]),
        (&json!("pass"), &json!(false))
    );
    assert_eq!(
        (&tried["diff"], &tried["diff_left_out"]),
        (&json!([]), &json!(500))
    );
    assert_eq!(tried["before"], data);
    let steps = tried["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 16);
    assert!(steps.iter().all(|step| step["diff_left_out"] == 500));
    street.nobody_noticed("dry runs of nested events").await;
}

async fn reports_of_changes_are_bounded_and_name_no_key(on: On) {
    let street = Street::start(on).await;
    let acme = street.site.gateway.tenant("honest").await;
    let masks = json!([{ "plugin": "redact", "settings": { "fields": ["/**/~secretx"], "action": "mask" } }]);
    set_chain(&acme, &masks).await;
    let secrets = json!(vec![json!({ "secretx": 1 }); 64]);
    let id = acme.publish("a.b", nest(secrets, 60, 15_000)).await;
    let kept = acme.get(&format!("/v1/events/{id}")).await.expect(200);
    assert_eq!(kept["steps"][0]["changed"], json!(["/*".repeat(62)]));

    // The logs of a guest that prints its input name no key either.
    acme.post_raw("/v1/plugins", "application/wasm", guest("careless"))
        .await
        .expect(201);
    let spells =
        json!([{ "plugin": "guest", "settings": { "do": "removes-found", "pattern": "/contacts/*" } }]);
    set_chain(&acme, &spells).await;
    let contacts = json!({ "id": 1, "contacts": { "planted@b.example": 1, "+49-planted": 2 } });
    let id = acme.publish("a.b", contacts).await;
    let kept = acme.get(&format!("/v1/events/{id}")).await.expect(200);
    assert_eq!(kept["data"], json!({ "id": 1, "contacts": {} }));
    assert_eq!(kept["steps"][0]["changed"], json!(["/*/*"]));
    street.nobody_noticed("reports of nested events").await;
}
