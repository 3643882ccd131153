//! What a redaction removed is nowhere: not in a delivery, the feed, an answer, the store's bytes, the log, the metrics.

use std::path::Path;

use hookgate_tests::{Receiver, Reply};
use serde_json::json;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(what_was_redacted_is_nowhere, what_a_failed_plugin_saw_is_nowhere);

/// Each stands in a field that the redact plugin takes out; none may be found anywhere.
const PLANTED: &[&str] = &[
    "planted-mail@secret.example",
    "+49-planted-phone",
    "planted-street-7",
    "912837465",
    "planted-free-text",
    "planted-credential",
];

async fn what_was_redacted_is_nowhere(on: On) {
    let site = Site::with(on, "telemetry.level = \"trace\"\nretry.attempts = 2").await;
    site.acme.redact().await;
    // One endpoint delivers, one ends as a dead letter: both keep their records.
    let good = Receiver::start(vec![]).await;
    let bad = Receiver::start(vec![Reply::Status(500); 9]).await;
    site.acme.subscribe(&good.url()).await;
    site.acme.subscribe(&bad.url()).await;
    let data = json!({
        "customer_id": "cus_1", "status": "active", "created_at": "2026-01-15T10:30:00Z",
        "email": PLANTED[0],
        "contacts": [{ "phoneNumber": PLANTED[1], "relationship_id": "rel_9" }],
        "billing": { "address": { "street": PLANTED[2] } },
        "lifetime_value": 912_837_465, "notes": PLANTED[4], "api_key": PLANTED[5],
    });
    let id = site.acme.publish("customer.created", data).await;
    let received = good.wait_for(1).await.remove(0);
    bad.wait_for(2).await;
    let kept = &received.json()["data"];
    assert_eq!(
        (kept["customer_id"].as_str(), kept["status"].as_str()),
        (Some("cus_1"), Some("active"))
    );
    assert_eq!(kept["contacts"][0]["relationship_id"], "rel_9");

    let mut places = vec![("delivery", received.body.to_vec())];
    for path in [
        "/v1/events".to_owned(),
        format!("/v1/events/{id}"),
        "/v1/deliveries".to_owned(),
        "/metrics".to_owned(),
    ] {
        places.push(("answer", site.acme.get(&path).await.body.to_string().into_bytes()));
    }
    places.push((
        "metrics",
        site.gateway
            .operator()
            .get("/metrics")
            .await
            .body
            .to_string()
            .into_bytes(),
    ));
    places.push(("log", site.gateway.log().join("\n").into_bytes()));
    places.extend(stored(&site).into_iter().map(|bytes| ("store", bytes)));
    for (place, bytes) in places {
        for secret in PLANTED {
            assert!(!contains(&bytes, secret), "{secret} is in the {place}");
        }
    }
}

/// A chain that fails before it has redacted: nothing of the event is kept, and the answer does not repeat it.
async fn what_a_failed_plugin_saw_is_nowhere(on: On) {
    let site = Site::with(on, "telemetry.level = \"trace\"").await;
    let failing = json!({ "operations": [{ "move": "/not/there", "to": "/here", "required": true }] });
    let redact = json!({ "plugin": "redact", "settings": { "classes": ["confidential"] } });
    let steps = json!({ "steps": [{ "plugin": "reshape", "settings": failing }, redact] });
    site.acme.put("/v1/chain", &steps).await.expect(200);
    let event = json!({ "type": "customer.created", "data": { "email": PLANTED[0], "notes": PLANTED[4] } });
    let refused = site.acme.post("/v1/events", &event).await;
    assert_eq!(
        (refused.status, refused.code()),
        (503, "plugin_failed"),
        "{:#}",
        refused.body
    );
    let mut places = vec![
        refused.body.to_string().into_bytes(),
        site.gateway.log().join("\n").into_bytes(),
    ];
    places.extend(stored(&site));
    assert!(
        places
            .iter()
            .all(|bytes| PLANTED.iter().all(|secret| !contains(bytes, secret)))
    );
}

/// Every byte the store holds: the files of the embedded one, every key's content of Redis.
fn stored(site: &Site) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    read_all(&site.gateway.dir().join("data"), &mut found);
    if let Some(redis) = &site.redis {
        let mut connection = redis::Client::open(redis.url())
            .unwrap()
            .get_connection()
            .unwrap();
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        assert!(!keys.is_empty());
        for key in keys {
            found.push(everything(&mut connection, &key));
        }
    }
    assert!(
        found.iter().any(|bytes| contains(bytes, "acme")),
        "the search finds what is there"
    );
    found
}

fn everything(connection: &mut redis::Connection, key: &[u8]) -> Vec<u8> {
    let kind: String = redis::cmd("TYPE").arg(key).query(connection).unwrap();
    let mut command = match kind.as_str() {
        "string" => redis::cmd("GET").arg(key).to_owned(),
        "hash" => redis::cmd("HGETALL").arg(key).to_owned(),
        "zset" => redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).to_owned(),
        "stream" => redis::cmd("XRANGE").arg(key).arg("-").arg("+").to_owned(),
        "set" => redis::cmd("SMEMBERS").arg(key).to_owned(),
        "list" => redis::cmd("LRANGE").arg(key).arg(0).arg(-1).to_owned(),
        other => panic!("a key of type {other}"),
    };
    let value: redis::Value = command.take().query(connection).unwrap();
    let mut bytes = key.to_vec();
    flatten(&value, &mut bytes);
    bytes
}

fn flatten(value: &redis::Value, into: &mut Vec<u8>) {
    match value {
        redis::Value::BulkString(bytes) => into.extend_from_slice(bytes),
        redis::Value::Array(values) => values.iter().for_each(|value| flatten(value, into)),
        redis::Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            flatten(key, into);
            flatten(value, into);
        }),
        other => into.extend_from_slice(format!("{other:?}").as_bytes()),
    }
}

fn read_all(folder: &Path, into: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap().map_while(Result::ok) {
        if entry.path().is_dir() {
            read_all(&entry.path(), into);
        } else {
            into.push(std::fs::read(entry.path()).unwrap_or_default());
        }
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
