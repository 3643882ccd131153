//! Tests of the adapters of the shipped profiles.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::super::rig::Rig;
use super::{SYNTHESQ, is_to_the_second, names, post_text};

#[tokio::test]
async fn synaptis_registers_as_printed() {
    let rig = Rig::start().await;
    let key = rig.tenant_with("leads", "synaptis").await;
    let body = r#"{
"url": "https://your-server.com/webhooks/synaptis",
"events": [
"lead.verified",
"delivery.success",
"delivery.failed"
],
"description": "Production webhook endpoint"
}"#;
    let bearer = format!("Bearer {key}");
    let made = post_text(&rig, ("authorization", &bearer), "/v1/webhooks", body).await;
    assert_eq!(made.headers["content-type"], "application/json");
    let made = made.expect(201);
    assert_eq!(
        names(&made),
        ["id", "url", "events", "secret", "status", "created"]
    );
    let digits = made["id"].as_str().unwrap().strip_prefix("wh_").unwrap();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(
        (&made["url"], &made["events"], &made["status"]),
        (
            &json!("https://your-server.com/webhooks/synaptis"),
            &json!(["lead.verified", "delivery.success", "delivery.failed"]),
            &json!("active")
        )
    );
    assert!(is_to_the_second(&made["created"]), "{made:#}");
    // The same subscription under its other id.
    let path = format!("/v1/subscriptions/sub_{digits}");
    let native = rig.get(&key, &path).await.expect(200);
    assert_eq!(native["description"], "Production webhook endpoint");
    let secret = rig.get(&key, &format!("{path}/secret")).await.expect(200);
    assert_eq!(secret["secret"], made["secret"]);
    let wildcard = json!({ "url": "https://example.com/", "events": ["lead.*"] });
    rig.post(&key, "/v1/webhooks", &wildcard)
        .await
        .refused(422, "invalid_field");
    let method = rig.bare(&key, Method::PUT, "/v1/webhooks").await;
    method.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn syncai_registers_as_printed() {
    let rig = Rig::start().await;
    let key = rig.tenant_with("documents", "syncai").await;
    let good = json!({
        "url": "https://your-server.com/syncai-webhook",
        "events": ["document.verified", "document.rejected"],
        "secret": "your-webhook-secret-for-hmac",
    });
    let register = async |body: &Value| {
        let header = ("X-API-Key", key.as_str());
        post_text(&rig, header, "/webhooks/register", &body.to_string()).await
    };
    let made = register(&good).await.expect(201);
    assert_eq!(names(&made), ["webhook_id", "url", "status"]);
    assert!(made["webhook_id"].as_str().unwrap().starts_with("wh_"));
    assert_eq!(made["status"], "active");

    let bearer = rig.post(&key, "/webhooks/register", &good).await;
    bearer.refused(401, "key_missing");
    assert_eq!(
        bearer.body["detail"],
        "The request has no API key. Send it as `X-API-Key: KEY`."
    );
    for (field, value, code, pointer) in [
        ("url", json!("http://your-server.com/"), "invalid_field", "/url"),
        ("url", json!("https://10.0.0.1/"), "address_refused", "/url"),
        ("url", json!("nowhere"), "invalid_field", "/url"),
        ("events", json!(["document.lost"]), "invalid_field", "/events"),
        ("events", json!(["document.*"]), "invalid_field", "/events"),
        ("events", json!([]), "invalid_field", "/events"),
        (
            "events",
            json!(["document.verified", 7]),
            "invalid_field",
            "/events/1",
        ),
        ("secret", json!(""), "invalid_field", "/secret"),
        ("secret", Value::Null, "invalid_field", ""),
        ("descripton", json!("x"), "invalid_field", "/descripton"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = register(&body).await;
        answer.refused(422, code);
        assert_eq!(
            answer.body["errors"][0]["pointer"], pointer,
            "{body}: {:#}",
            answer.body
        );
    }
    let mut misspelt = good.clone();
    misspelt["secrets"] = json!("x");
    let answer = register(&misspelt).await;
    assert!(
        answer.body["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean `secret`?")
    );
    let missing = register(&json!({ "url": "https://example.com/" })).await;
    let told: Vec<_> = missing.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["detail"])
        .collect();
    assert_eq!(
        told,
        ["the field `events` is missing", "the field `secret` is missing"]
    );
    let header = ("x-api-key", key.as_str());
    let broken = post_text(&rig, header, "/webhooks/register", r#"{"url":1,"url":2}"#).await;
    broken.refused(400, "duplicate_key");
}

#[tokio::test]
async fn synthesq_manages_subscriptions() {
    let rig = Rig::start().await;
    let key = rig.tenant_with("crm", "synthesq").await;
    let body = json!({ "url": "http://127.0.0.1:9/hook", "events": ["product.*"], "secret": "mine" });
    let created = rig.post(&key, SYNTHESQ, &body).await;
    let path = created.headers["location"].to_str().unwrap().to_owned();
    let made = created.expect(201);
    assert_eq!(
        names(&made),
        [
            "id",
            "url",
            "events",
            "description",
            "payload_mode",
            "secret",
            "status",
            "created_at"
        ]
    );
    assert_eq!(path, format!("{SYNTHESQ}/{}", made["id"].as_str().unwrap()));
    assert_eq!(
        (&made["secret"], &made["payload_mode"]),
        (&json!("mine"), &json!("full"))
    );
    let generated = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"], "payload_mode": "thin" });
    let second = rig.post(&key, SYNTHESQ, &generated).await.expect(201);
    assert!(second["secret"].as_str().unwrap().len() > 40);
    assert_eq!(second["payload_mode"], "thin");

    let one = rig.get(&key, &path).await.expect(200);
    assert_eq!(
        names(&one),
        [
            "id",
            "url",
            "events",
            "description",
            "payload_mode",
            "status",
            "created_at"
        ]
    );
    let first = rig.get(&key, &format!("{SYNTHESQ}?limit=1")).await.expect(200);
    assert_eq!(first["data"], json!([one]));
    let rest = format!(
        "{SYNTHESQ}?limit=1&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let rest = rig.get(&key, &rest).await.expect(200);
    assert_eq!(
        (&rest["data"][0]["id"], &rest["next_cursor"]),
        (&second["id"], &Value::Null)
    );

    let patch = json!({ "description": "mine", "payload_mode": "thin" });
    let patched = rig.json(&key, Method::PATCH, &path, &patch).await.expect(200);
    assert_eq!(
        (&patched["description"], &patched["payload_mode"]),
        (&json!("mine"), &json!("thin"))
    );
    let wrong = rig
        .json(&key, Method::PATCH, &path, &json!({ "payload_mode": "half" }))
        .await;
    wrong.refused(422, "invalid_field");
    assert_eq!(wrong.body["errors"][0]["pointer"], "/payload_mode");

    let act = async |what: &str| {
        rig.bare(&key, Method::POST, &format!("{path}/{what}"))
            .await
            .expect(200)
    };
    let disabled = act("disable").await;
    assert_eq!(disabled, json!({ "id": made["id"], "status": "disabled" }));
    assert_eq!(act("activate").await["status"], "active");
    let rotated = act("rotate-secret").await;
    assert_eq!(names(&rotated), ["id", "secret", "previous_secret_expires_at"]);
    assert_ne!(rotated["secret"], "mine");
    assert!(
        is_to_the_second(&rotated["previous_secret_expires_at"]),
        "{rotated:#}"
    );

    rig.bare(&key, Method::DELETE, &path).await.expect(204);
    rig.get(&key, &path).await.refused(404, "not_found");
    rig.get(&key, &format!("{SYNTHESQ}/nonsense"))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn synthesq_has_limits() {
    let rig = Rig::start().await;
    let key = rig.tenant_with("crm", "synthesq").await;
    let body = |events: &str| json!({ "url": "http://127.0.0.1:9/hook", "events": [events] });
    for events in ["invoice.*", "product.exploded", "product.created.*"] {
        let refused = rig.post(&key, SYNTHESQ, &body(events)).await;
        refused.refused(422, "invalid_field");
        assert_eq!(refused.body["errors"][0]["pointer"], "/events", "{events}");
    }
    for _ in 0..25 {
        rig.post(&key, SYNTHESQ, &body("*")).await.expect(201);
    }
    let refused = rig.post(&key, SYNTHESQ, &body("*")).await;
    refused.refused(422, "limit_reached");
    assert!(refused.body["detail"].as_str().unwrap().contains("25"));
    let untyped = Request::post(SYNTHESQ).header("authorization", format!("Bearer {key}"));
    rig.send(untyped.body(Body::from(body("*").to_string())).unwrap())
        .await
        .refused(415, "unsupported_media_type");
    let large = json!({ "url": "x".repeat(300 << 10), "events": ["*"] });
    rig.post(&key, SYNTHESQ, &large)
        .await
        .refused(413, "body_too_large");
}

#[tokio::test]
async fn synthesq_pulls_what_is_pushed() {
    let rig = Rig::start().await;
    let key = rig.tenant_with("crm", "synthesq").await;
    rig.publish(&key, "product.created").await;
    rig.publish(&key, "customer.created").await;
    let path = "/api/v1/webhooks/events";
    let first = rig.get(&key, &format!("{path}?limit=1")).await.expect(200);
    assert_eq!(names(&first), ["data", "next_cursor", "has_more"]);
    assert_eq!(names(&first["data"][0]), ["event", "data", "timestamp"]);
    assert_eq!(first["data"][0]["data"], json!({ "n": 1 }));
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = rig
        .get(
            &key,
            &format!("{path}?cursor={cursor}&types=customer.*,product.activated"),
        )
        .await
        .expect(200);
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!(rest["data"][0]["event"], "customer.created");
    assert_eq!(rest["has_more"], false);
    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("limit=many", "invalid_parameter"),
        ("limit=1&limit=2", "invalid_parameter"),
        ("limits=1", "invalid_parameter"),
        ("types=a..b", "invalid_parameter"),
        ("cursor=nonsense", "invalid_cursor"),
    ] {
        rig.get(&key, &format!("{path}?{query}")).await.refused(400, code);
    }
    let types = rig.get(&key, "/api/v1/webhooks/event-types").await.expect(200);
    assert_eq!(types["data"].as_array().unwrap().len(), 8);
    assert_eq!(
        types["data"][0],
        json!({ "type": "product.created", "entity": "Product", "description": "A new product was created" })
    );
}

#[tokio::test]
async fn synthflow_makes_the_accounts_secret() {
    let rig = Rig::start().await;
    let key = rig.tenant_with("calls", "synthflow").await;
    let path = "/settings/security/webhooks/secret";
    let made = rig.bare(&key, Method::POST, path).await.expect(201);
    assert_eq!(names(&made), ["secret"]);
    let secret = made["secret"].as_str().unwrap();
    assert!(
        secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit()),
        "256 bits"
    );
    let again = rig.bare(&key, Method::POST, path).await.expect(201);
    assert_ne!(again["secret"], made["secret"]);
}
