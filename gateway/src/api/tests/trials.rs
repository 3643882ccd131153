//! Tests of dry runs over the API.

use http::Method;
use serde_json::{Value, json};

use super::rig::{OPERATOR, Rig};

fn redacting() -> Value {
    json!({ "plugin": "redact", "settings": { "classes": ["confidential"] } })
}

#[tokio::test]
async fn a_plugin_is_tried_on_an_event_that_is_sent_along() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let event = r#"{"settings":{"classes":["confidential"]},
        "event":{"type":"customer.created","data":{"id":"cus_1","total":12.50,"email":"a@b.example"}}}"#;
    let request = super::rig::request(&key, Method::POST, "/v1/plugins/redact/try")
        .header("content-type", "application/json")
        .body(axum::body::Body::from(event))
        .unwrap();
    let tried = rig.send(request).await.expect(200);
    assert_eq!(tried["verdict"], "pass");
    assert_eq!(
        tried["before"],
        json!({ "id": "cus_1", "total": 12.50, "email": "a@b.example" })
    );
    assert_eq!(tried["after"], json!({ "id": "cus_1", "total": 12.50 }));
    assert_eq!(
        tried["diff"],
        json!([{ "op": "remove", "path": "/email", "old": "a@b.example" }])
    );
    let step = &tried["steps"][0];
    assert_eq!(
        (&step["plugin"], &step["verdict"]),
        (&json!("redact"), &json!("pass"))
    );
    for figure in [
        "time_us",
        "operations",
        "memory_bytes",
        "output_bytes",
        "log_bytes",
    ] {
        let (used, limit) = (
            step["usage"][figure]["used"].as_u64().unwrap(),
            step["usage"][figure]["limit"].as_u64().unwrap(),
        );
        assert!(used <= limit && limit > 0, "{figure}: {used} of {limit}");
    }
    assert!(step["usage"]["operations"]["used"].as_u64().unwrap() >= 1);
    assert!(step["usage"]["fuel"].as_u64().unwrap() > 100, "{step:#}");
    let feed = rig.get(&key, "/v1/events").await.expect(200);
    assert_eq!(feed["data"], json!([]), "nothing is stored");
}

#[tokio::test]
async fn a_chain_is_tried_before_it_is_set() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let filter = json!({ "plugin": "filter", "settings": { "drop": { "/test": true }, "reason": "a test" } });
    let tried = |event: Value| json!({ "steps": [redacting(), filter], "event": event });
    let event = json!({ "type": "a.b", "data": { "test": true, "email": "x@y.example" } });
    let dropped = rig.post(&key, "/v1/chain/try", &tried(event)).await.expect(200);
    assert_eq!(
        (
            &dropped["verdict"],
            &dropped["ended_by"],
            &dropped["reason"],
            &dropped["after"]
        ),
        (&json!("drop"), &json!("filter"), &json!("a test"), &Value::Null)
    );
    let verdicts: Vec<_> = dropped["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["verdict"])
        .collect();
    assert_eq!(verdicts, ["pass", "drop"]);
    assert_eq!(
        rig.get(&key, "/v1/chain").await.expect(200)["steps"],
        json!([]),
        "it is not set"
    );

    // The configured chain, and a stored event as the chain left it.
    let set = json!({ "steps": [redacting()] });
    rig.json(&key, Method::PUT, "/v1/chain", &set).await.expect(200);
    let sent = json!({ "type": "a.b", "data": { "n": 1, "email": "x@y.example" } });
    let id = rig.post(&key, "/v1/events", &sent).await.expect(202)["id"].clone();
    let again = rig
        .post(&key, "/v1/chain/try", &json!({ "event_id": id }))
        .await
        .expect(200);
    assert_eq!(
        (&again["before"], &again["diff"]),
        (&json!({ "n": 1 }), &json!([]))
    );
}

#[tokio::test]
async fn dry_run_shows_the_metadata_that_would_be_stored() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let metadata = json!({ "source": "/crm", "email": "planted" });
    let mut body = json!({ "event": { "type": "a.b", "data": {}, "metadata": metadata } });
    let tried = rig.post(&key, "/v1/plugins/redact/try", &body).await.expect(200);
    assert_eq!(tried["metadata"], json!({ "source": "/crm" }));
    // A delivery has no metadata that a step could change.
    body["phase"] = json!("delivery");
    let tried = rig.post(&key, "/v1/plugins/redact/try", &body).await.expect(200);
    assert_eq!(
        (&tried["verdict"], &tried["metadata"]),
        (&json!("pass"), &metadata)
    );
}

#[tokio::test]
async fn a_dry_run_that_cannot_be_says_why() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let event = json!({ "type": "a.b", "data": {} });
    for (path, body, pointer) in [
        ("/v1/plugins/redact/try", json!({}), "/event"),
        (
            "/v1/plugins/redact/try",
            json!({ "event": event, "event_id": "evt_1" }),
            "/event_id",
        ),
        (
            "/v1/plugins/redact/try",
            json!({ "event": event, "version": "9.9.9" }),
            "/version",
        ),
        ("/v1/plugins/redact/try", json!({ "evnt": event }), "/evnt"),
        (
            "/v1/chain/try",
            json!({ "event": { "type": "a.b", "data": {}, "metadata": [] } }),
            "/event/metadata",
        ),
        (
            "/v1/chain/try",
            json!({ "event": { "type": "a..b", "data": {} } }),
            "/event/type",
        ),
    ] {
        let answer = rig.post(&key, path, &body).await;
        answer.refused(422, "invalid_field");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
    let settings = json!({ "event": event, "settings": { "colour": 1 } });
    let refused = rig.post(&key, "/v1/plugins/redact/try", &settings).await;
    refused.refused(422, "invalid_settings");
    assert_eq!(refused.body["errors"][0]["pointer"], "/settings/colour");
    for (path, body) in [
        ("/v1/plugins/nope/try", json!({ "event": event })),
        ("/v1/chain/try", json!({ "event_id": "evt_nope" })),
    ] {
        rig.post(&key, path, &body).await.refused(404, "not_found");
    }
    let stored = rig.post(&key, "/v1/events", &event).await.expect(202)["id"].clone();
    let other = rig.tenant("other").await;
    rig.post(&other, "/v1/chain/try", &json!({ "event_id": stored }))
        .await
        .refused(404, "not_found");
    rig.post(OPERATOR, "/v1/chain/try", &json!({ "event": event }))
        .await
        .refused(400, "tenant_required");
}
