//! Tests of publishing, through the ingest and a real chain.

use std::time::Duration;

use axum::body::Body;
use futures_util::FutureExt;
use http::Method;
use serde_json::json;

use super::rig::{OPERATOR, Rig, request};
use crate::ingest::Config;
use hookgate_domain::units::Size;
use hookgate_domain::{Timestamp, Trigger};
use hookgate_store::{Next, Settlement};

#[tokio::test]
async fn a_202_is_stored_and_handed_over_with_its_lease() {
    let mut rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let subscription = rig.subscribe(&key).await;
    let body = json!({ "type": "invoice.paid", "data": { "total": 1.50 }, "metadata": { "by": "me" } });
    let accepted = rig.post(&key, "/v1/events", &body).await.expect(202);
    assert_eq!(
        (accepted["status"].as_str(), accepted["deliveries"].as_u64()),
        (Some("accepted"), Some(1))
    );
    let id = accepted["id"].as_str().unwrap();
    let ready = rig.ready.try_recv().expect("it is sent at once");
    assert_eq!(ready.leased.id.to_string(), format!("dlv_{id}~{subscription}"));
    let event = rig.get(&key, &format!("/v1/events/{id}")).await.expect(200);
    assert_eq!(event["data"].to_string(), r#"{"total":1.5}"#);
    assert_eq!(
        (event["status"].as_str(), event["metadata"]["by"].as_str()),
        (Some("published"), Some("me"))
    );
    assert_eq!(event["deliveries"][0]["status"], "pending");
}

#[tokio::test]
async fn the_feed_shows_what_the_chain_let_through() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let chain = json!({ "steps": [{ "plugin": "redact", "settings": { "classes": ["confidential"] } }] });
    rig.json(&key, Method::PUT, "/v1/chain", &chain).await.expect(200);
    let body = json!({ "type": "customer.created", "data": { "id": "c1", "email": "a@b.example" } });
    rig.post(&key, "/v1/events", &body).await.expect(202);
    let feed = rig.get(&key, "/v1/events").await.expect(200);
    assert_eq!(feed["data"][0]["data"], json!({ "id": "c1" }));
    let refused = json!({ "steps": [{ "plugin": "redact", "settings": { "classes": 7 } }] });
    let answer = rig.json(&key, Method::PUT, "/v1/chain", &refused).await;
    answer.refused(422, "invalid_settings");
    assert!(
        answer.body["errors"][0]["pointer"]
            .as_str()
            .unwrap()
            .starts_with("/steps/0/settings/classes")
    );
    assert_eq!(
        rig.get(&key, "/v1/chain").await.expect(200)["steps"],
        chain_as_shown()
    );
}

#[tokio::test]
async fn a_producer_that_hangs_up_before_the_answer_delays_nothing() {
    let mut rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    rig.subscribe(&key).await;
    let body = json!({ "type": "invoice.paid", "data": {} });
    // Polled once: up to the wait for the store's answer.
    let answered = rig.post(&key, "/v1/events", &body).now_or_never();
    assert!(answered.is_none(), "it was dropped too late");
    let ready = tokio::time::timeout(Duration::from_secs(10), rig.ready.recv()).await;
    assert_eq!(ready.unwrap().unwrap().leased.attempts, 0);
}

#[tokio::test]
async fn whoever_makes_a_delivery_wakes_the_scheduler() {
    let mut rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let subscription = rig.subscribe(&key).await;
    let event = rig.publish(&key, "invoice.paid").await;
    let leased = rig.ready.try_recv().unwrap().leased;
    let done = Settlement {
        tenant: leased.event.tenant.clone(),
        id: leased.id.clone(),
        token: leased.token,
        attempt: None,
        about: None,
        tally: None,
        next: Next::Done,
    };
    rig.store.settle(vec![done]).await[0].clone().unwrap();
    for path in [
        format!("/v1/events/{event}/replay"),
        format!("/v1/deliveries/{}/retry", leased.id),
    ] {
        assert_eq!(rig.inbox.next_due(), None);
        rig.bare(&key, Method::POST, &path).await.expect(202);
        assert_eq!(rig.inbox.next_due(), Some(Timestamp::default()), "{path}");
        rig.inbox.forget_due();
    }
    let path = format!("/v1/subscriptions/{subscription}/test");
    rig.bare(&key, Method::POST, &path).await.expect(202);
    let test = rig.ready.recv().await.expect("it is sent at once");
    assert_eq!(test.leased.trigger, Trigger::Test);
}

fn chain_as_shown() -> serde_json::Value {
    json!([{ "plugin": "redact", "version": null, "settings": { "classes": ["confidential"] }, "on_failure": "fail" }])
}

#[tokio::test]
async fn what_a_plugin_drops_is_recorded_without_its_data() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let settings = json!({ "drop": { "/status": "draft" }, "reason": "a draft" });
    let chain = json!({ "steps": [{ "plugin": "filter", "settings": settings }] });
    rig.json(&key, Method::PUT, "/v1/chain", &chain).await.expect(200);
    let body = json!({ "type": "a.b", "data": { "status": "draft", "secret": 1 }, "metadata": { "m": 1 } });
    let filtered = rig.post(&key, "/v1/events", &body).await.expect(202);
    assert_eq!(filtered["status"], "filtered");
    let kept = rig
        .get(&key, &format!("/v1/events/{}", filtered["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(
        (kept["status"].as_str(), kept["data"].is_null()),
        (Some("filtered"), true),
        "{kept:#}"
    );
    assert!(kept["metadata"].is_null() && kept["reason"].as_str().unwrap().contains("a draft"));
    rig.post(
        &key,
        &format!("/v1/events/{}/replay", kept["id"].as_str().unwrap()),
        &json!({}),
    )
    .await
    .refused(409, "wrong_state");
}

#[tokio::test]
async fn ids_and_keys_are_accepted_once() {
    let rig = Rig::start().await;
    let (key, other) = (rig.tenant("acme").await, rig.tenant("other").await);
    let event = json!({ "id": "e1", "type": "a.b", "data": {} });
    assert_eq!(
        rig.post(&key, "/v1/events", &event).await.expect(202)["status"],
        "accepted"
    );
    assert_eq!(
        rig.post(&key, "/v1/events", &event).await.expect(202)["status"],
        "duplicate"
    );
    assert_eq!(
        rig.post(&other, "/v1/events", &event).await.expect(202)["status"],
        "accepted"
    );
    let keyed = async |body: &str| {
        let request = request(&key, Method::POST, "/v1/events");
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", "k1");
        rig.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let first = keyed(r#"[{"type":"a.b","data":1},{"type":"a.c","data":2}]"#)
        .await
        .expect(202);
    let again = keyed(r#"[{"type":"a.b","data":1},{"type":"a.c","data":2}]"#)
        .await
        .expect(202);
    assert_eq!(first["events"][1]["id"], again["events"][1]["id"]);
    assert_eq!(again["events"][1]["status"], "duplicate");
    keyed(r#"{"type":"a.b","data":1}"#)
        .await
        .refused(422, "idempotency_key_reused");
}

#[tokio::test]
async fn who_calls_decides_for_whom() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    rig.tenant("other").await;
    let event = json!({ "type": "a.b", "data": {} });
    rig.post("", "/v1/events", &event)
        .await
        .refused(401, "key_missing");
    rig.post("hg_wrong", "/v1/events", &event)
        .await
        .refused(401, "key_unknown");
    rig.post(OPERATOR, "/v1/events", &event)
        .await
        .refused(400, "tenant_required");
    for (key, tenant, expected) in [
        (OPERATOR, "acme", None),
        (OPERATOR, "nobody", Some((404, "tenant_unknown"))),
        (OPERATOR, "Not A Name", Some((404, "tenant_unknown"))),
        (key.as_str(), "acme", None),
        (key.as_str(), "other", Some((403, "operator_required"))),
    ] {
        let request = request(key, Method::GET, "/v1/events").header("hookgate-tenant", tenant);
        let answer = rig.send(request.body(Body::empty()).unwrap()).await;
        match expected {
            None => drop(answer.expect(200)),
            Some((status, code)) => answer.refused(status, code),
        }
    }
    rig.post(&key, "/v1/tenants", &json!({ "id": "mine" }))
        .await
        .refused(403, "operator_required");
    let by_header = request("", Method::GET, "/v1/events").header("x-api-key", &key);
    rig.send(by_header.body(Body::empty()).unwrap()).await.expect(200);
}

#[tokio::test]
async fn bounds_of_a_request() {
    let config = Config {
        max_body: Size::from_bytes(512),
        max_metadata: Size::from_bytes(16),
        ..Config::default()
    };
    let rig = Rig::with(config).await;
    let key = rig.tenant("acme").await;
    let long = json!({ "type": "a.b", "data": "x".repeat(600) });
    rig.post(&key, "/v1/events", &long)
        .await
        .refused(413, "body_too_large");
    let noted = json!({ "type": "a.b", "data": 1, "metadata": { "note": "x".repeat(20) } });
    rig.post(&key, "/v1/events", &noted)
        .await
        .refused(422, "invalid_event");
    let inward = json!({ "type": "a.b", "data": 1, "deliver_to": "http://10.0.0.1/" });
    rig.post(&key, "/v1/events", &inward)
        .await
        .refused(422, "address_refused");
    let odd =
        json!([{ "type": "a.b", "data": 1 }, { "type": "a.b", "data": 1, "deliver_to": "ftp://x.example/" }]);
    let answer = rig.post(&key, "/v1/events", &odd).await;
    answer.refused(422, "invalid_event");
    assert_eq!(answer.body["errors"][0]["pointer"], "/1/deliver_to");
    assert_eq!(
        rig.get(&key, "/v1/events").await.expect(200)["data"],
        json!([]),
        "nothing was stored"
    );
}

#[tokio::test]
async fn too_much_in_flight_is_refused_at_once() {
    for (in_all, of_tenant, status, code) in [(0, 10, 503, "overloaded"), (10, 0, 429, "tenant_busy")] {
        let rig = Rig::with(Config {
            max_in_flight: in_all,
            max_in_flight_per_tenant: of_tenant,
            ..Config::default()
        })
        .await;
        let key = rig.tenant("acme").await;
        let body = json!({ "type": "a.b", "data": 1 });
        let refused = rig.post(&key, "/v1/events", &body).await;
        refused.refused(status, code);
        assert_eq!(refused.headers["retry-after"], "1");
    }
}

#[tokio::test]
async fn bodies_are_read_as_json_in_utf_8_alone() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let event = r#"{"type":"a.b","data":{}}"#;
    let cloud = r#"{"specversion":"1.0","type":"a.b","source":"/s","id":"ID","data":{}}"#;
    let subscription = r#"{"url":"http://127.0.0.1:9/hook","events":["*"]}"#;
    for (n, (path, content_type, body)) in [
        ("/v1/events", "application/json", event.to_owned()),
        ("/v1/events", "application/json", format!("[{event}]")),
        ("/v1/events", "application/cloudevents+json", cloud.to_owned()),
        (
            "/v1/events",
            "application/cloudevents-batch+json",
            format!("[{cloud}]"),
        ),
        ("/v1/subscriptions", "application/json", subscription.to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let body = body.replace("ID", &format!("id-{n}"));
        let utf_16: Vec<u8> = std::iter::once(0xfeff)
            .chain(body.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let marked = [b"\xef\xbb\xbf", body.as_bytes()].concat();
        for (headers, bytes, expected) in [
            (vec![], utf_16, Err((400, "invalid_json", "UTF-16"))),
            (
                vec![("content-encoding", "gzip")],
                body.clone().into(),
                Err((415, "unsupported_encoding", "gzip")),
            ),
            (vec![("content-encoding", "identity")], marked, Ok(())),
        ] {
            let mut builder = request(&key, Method::POST, path).header("content-type", content_type);
            for (name, value) in headers {
                builder = builder.header(name, value);
            }
            let answer = rig.send(builder.body(Body::from(bytes)).unwrap()).await;
            match expected {
                Ok(()) => assert!((200..300).contains(&answer.status), "{path}: {:#}", answer.body),
                Err((status, code, word)) => {
                    answer.refused(status, code);
                    assert!(
                        answer.body["detail"].as_str().unwrap().contains(word),
                        "{:#}",
                        answer.body
                    );
                }
            }
        }
        let latin = format!("{content_type}; charset=iso-8859-1");
        let builder = request(&key, Method::POST, path).header("content-type", latin);
        let answer = rig.send(builder.body(Body::from(body)).unwrap()).await;
        answer.refused(415, "unsupported_media_type");
        assert!(answer.body["detail"].as_str().unwrap().contains("iso-8859-1"));
    }
}
