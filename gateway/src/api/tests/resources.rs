//! Tests of tenants, subscriptions, chains and plugins over the API.

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use super::rig::{OPERATOR, Rig, request};

#[tokio::test]
async fn a_tenant_and_its_keys() {
    let rig = Rig::start().await;
    let made = rig.post(OPERATOR, "/v1/tenants", &json!({ "id": "acme" })).await;
    assert_eq!(made.headers["location"], "/v1/tenants/acme");
    let made = made.expect(201);
    let first = made["key"].as_str().unwrap().to_owned();
    assert_eq!(made["profile"], "standard");
    rig.post(OPERATOR, "/v1/tenants", &json!({ "id": "acme" }))
        .await
        .refused(409, "already_exists");
    for (body, pointer) in [
        (json!({ "id": "Not A Slug" }), "/id"),
        (json!({ "id": 7 }), "/id"),
        (json!({}), ""),
        (json!({ "id": "b", "profil": "x" }), "/profil"),
        (json!({ "id": "b", "profile": "nope" }), "/profile"),
        (json!({ "id": "b", "signing_secret": "short" }), "/signing_secret"),
    ] {
        let answer = rig.post(OPERATOR, "/v1/tenants", &body).await;
        answer.refused(422, "invalid_field");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
    let second = rig
        .bare(OPERATOR, Method::POST, "/v1/tenants/acme/keys")
        .await
        .expect(201);
    let key = second["key"].as_str().unwrap();
    rig.get(key, "/v1/events").await.expect(200);
    let path = format!("/v1/tenants/acme/keys/{}", second["id"].as_str().unwrap());
    rig.bare(OPERATOR, Method::DELETE, &path).await.expect(204);
    rig.get(key, "/v1/events").await.refused(401, "key_unknown");
    rig.bare(OPERATOR, Method::DELETE, &path)
        .await
        .refused(404, "not_found");
    let listed = rig.get(OPERATOR, "/v1/tenants/acme/keys").await.expect(200);
    assert!(listed["data"].as_array().unwrap().len() == 1 && !listed.to_string().contains(&first));
    rig.bare(OPERATOR, Method::DELETE, "/v1/tenants/acme")
        .await
        .expect(204);
    rig.get(&first, "/v1/events").await.refused(401, "key_unknown");
    rig.get(OPERATOR, "/v1/tenants/acme")
        .await
        .refused(404, "tenant_unknown");
    assert_eq!(
        rig.get(OPERATOR, "/v1/tenants").await.expect(200)["data"],
        json!([])
    );
}

#[tokio::test]
async fn a_subscriptions_life() {
    let rig = Rig::start().await;
    let (key, other) = (rig.tenant("acme").await, rig.tenant("other").await);
    let body = json!({
        "url": "http://127.0.0.1:9/hook", "events": ["invoice.*"], "headers": { "x-token": "hidden-value" },
        "timeout": "5s", "retry": { "schedule": ["1s", "1m"] }, "description": "mine",
    });
    let made = rig.post(&key, "/v1/subscriptions", &body).await.expect(201);
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(made["retry"], json!({ "schedule": ["1s", "1m"] }));
    assert_eq!(made["headers"], json!(["x-token"]));
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    let shown = rig.get(&key, &path).await.expect(200);
    assert!(
        !shown.to_string().contains("hidden-value") && shown.get("secret").is_none(),
        "{shown:#}"
    );
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::GET, format!("{path}/secret")),
    ] {
        rig.bare(&other, method, &path).await.refused(404, "not_found");
    }
    let patch =
        json!({ "events": ["*"], "timeout": null, "retry": { "base": "1s", "max": "1m", "attempts": 3 } });
    let patched = rig.json(&key, Method::PATCH, &path, &patch).await.expect(200);
    assert_eq!(
        (patched["events"].clone(), patched["timeout"].clone()),
        (json!(["*"]), Value::Null)
    );
    assert_eq!(
        (
            patched["retry"]["attempts"].as_u64(),
            patched["description"].as_str()
        ),
        (Some(3), Some("mine"))
    );
    let disabled = rig
        .bare(&key, Method::POST, &format!("{path}/disable"))
        .await
        .expect(200);
    assert_eq!(
        (
            disabled["status"].as_str(),
            disabled["disabled"]["reason"].as_str()
        ),
        (Some("disabled"), Some("asked"))
    );
    rig.bare(&key, Method::POST, &format!("{path}/test"))
        .await
        .refused(409, "wrong_state");
    rig.bare(&key, Method::POST, &format!("{path}/activate"))
        .await
        .expect(200);
    let rotated = rig
        .bare(&key, Method::POST, &format!("{path}/rotate-secret"))
        .await
        .expect(200);
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!(rotated["previous"][0]["secret"], made["secret"]);
    assert_eq!(
        rig.get(&key, &format!("{path}/secret")).await.expect(200),
        rotated
    );
    let tried = rig
        .bare(&key, Method::POST, &format!("{path}/test"))
        .await
        .expect(202);
    let event = rig
        .get(&key, &format!("/v1/events/{}", tried["event"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(
        (event["status"].as_str(), event["deliveries"][0]["id"].as_str()),
        (Some("test"), tried["delivery"].as_str())
    );
    assert_eq!(
        rig.get(&key, "/v1/events").await.expect(200)["data"],
        json!([]),
        "a test is in no feed"
    );
    rig.bare(&key, Method::DELETE, &path).await.expect(204);
    rig.get(&key, &path).await.refused(404, "not_found");
}

#[tokio::test]
async fn wrong_subscriptions_name_the_field() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let good = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"] });
    for (field, value, code, pointer) in [
        ("url", Value::Null, "invalid_field", "/url"),
        ("url", json!("nowhere"), "invalid_field", "/url"),
        ("url", json!("ftp://example.com/"), "invalid_field", "/url"),
        ("url", json!("http://user@127.0.0.1/"), "invalid_field", "/url"),
        ("url", json!("http://10.0.0.1/"), "address_refused", "/url"),
        ("url", json!("http://169.254.169.254/"), "address_refused", "/url"),
        ("events", json!([]), "invalid_field", "/events"),
        ("events", json!("*"), "invalid_field", "/events"),
        ("events", json!(["*", "a..b"]), "invalid_field", "/events/1"),
        ("secret", json!("short"), "invalid_field", "/secret"),
        ("timeout", json!("-1s"), "invalid_field", "/timeout"),
        ("timeout", json!(5), "invalid_field", "/timeout"),
        ("timeout", json!("0s"), "invalid_field", "/timeout"),
        (
            "headers",
            json!({ "host": "x" }),
            "invalid_field",
            "/headers/host",
        ),
        (
            "headers",
            json!({ "bad name": "x" }),
            "invalid_field",
            "/headers/bad name",
        ),
        ("headers", json!({ "x": 7 }), "invalid_field", "/headers/x"),
        ("retry", json!({}), "invalid_field", "/retry"),
        (
            "retry",
            json!({ "schedule": [], "attempts": 3 }),
            "invalid_field",
            "/retry",
        ),
        (
            "retry",
            json!({ "base": "9s", "max": "1s", "attempts": 3 }),
            "invalid_field",
            "/retry",
        ),
        ("payload", json!("half"), "invalid_field", "/payload"),
        ("evnets", json!(["*"]), "invalid_field", "/evnets"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = rig.post(&key, "/v1/subscriptions", &body).await;
        answer.refused(422, code);
        assert_eq!(
            answer.body["errors"][0]["pointer"], pointer,
            "{body}: {:#}",
            answer.body
        );
    }
    let twice = request(&key, Method::POST, "/v1/subscriptions").header("content-type", "application/json");
    let body = r#"{"url":"http://127.0.0.1/","url":"http://127.0.0.2/","events":["*"]}"#;
    rig.send(twice.body(Body::from(body)).unwrap())
        .await
        .refused(400, "duplicate_key");
    let untyped = request(&key, Method::POST, "/v1/subscriptions");
    rig.send(untyped.body(Body::from(good.to_string())).unwrap())
        .await
        .refused(415, "unsupported_media_type");
    assert_eq!(
        rig.get(&key, "/v1/subscriptions").await.expect(200)["data"],
        json!([])
    );
}

#[tokio::test]
async fn a_replay_needs_an_active_subscription_of_the_tenant() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let subscription = rig.subscribe(&key).await;
    let path = format!("/v1/events/{}/replay", rig.publish(&key, "a.b").await);
    let one = rig
        .post(&key, &path, &json!({ "subscription": subscription }))
        .await
        .expect(202);
    assert_eq!(one["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(
        rig.bare(&key, Method::POST, &path).await.expect(202)["deliveries"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let unknown = json!({ "subscription": "sub_01J0000000000000000000000A" });
    rig.post(&key, &path, &unknown).await.refused(404, "not_found");
    rig.post(&key, &path, &json!({ "subscription": "x" }))
        .await
        .refused(422, "invalid_field");
    rig.bare(
        &key,
        Method::POST,
        &format!("/v1/subscriptions/{subscription}/disable"),
    )
    .await
    .expect(200);
    rig.post(&key, &path, &json!({ "subscription": subscription }))
        .await
        .refused(409, "wrong_state");
}

#[tokio::test]
async fn plugins_are_listed_uploaded_and_kept_while_in_use() {
    let rig = Rig::start().await;
    let (key, other) = (rig.tenant("acme").await, rig.tenant("other").await);
    let shipped = rig.get(&key, "/v1/plugins").await.expect(200);
    let names: Vec<_> = shipped["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["filter", "redact", "reshape"]);
    let upload = async |name: &str, content_type: &str, bytes: Vec<u8>| {
        let request = request(&key, Method::POST, &format!("/v1/plugins?name={name}"))
            .header("content-type", content_type);
        rig.send(request.body(Body::from(bytes)).unwrap()).await
    };
    let wasm = "application/wasm";
    upload("mine", wasm, b"not wasm".to_vec())
        .await
        .refused(422, "invalid_component");
    upload("mine", wasm, b"\0asm\x01\0\0\0".to_vec())
        .await
        .refused(422, "invalid_component");
    upload("mine", "application/json", b"{}".to_vec())
        .await
        .refused(415, "unsupported_media_type");
    upload("mine", wasm, vec![0; (2 << 20) + 1])
        .await
        .refused(413, "body_too_large");
    let component = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../plugins/dist/redact.wasm"
    ))
    .unwrap();
    upload("redact", wasm, component.clone())
        .await
        .refused(422, "invalid_field");
    upload("Mine!", wasm, component.clone())
        .await
        .refused(422, "invalid_field");
    let made = upload("mine", wasm, component).await.expect(201);
    assert_eq!(
        (made["name"].as_str(), made["owner"].as_str()),
        (Some("mine"), Some("tenant"))
    );
    rig.get(&other, "/v1/plugins/mine")
        .await
        .refused(404, "not_found");
    let chain = json!({ "steps": [{ "plugin": "mine", "settings": { "classes": ["confidential"] } }] });
    rig.json(&other, Method::PUT, "/v1/chain", &chain)
        .await
        .refused(422, "invalid_field");
    rig.json(&key, Method::PUT, "/v1/chain", &chain).await.expect(200);
    rig.bare(&key, Method::DELETE, "/v1/plugins/mine")
        .await
        .refused(409, "in_use");
    rig.json(&key, Method::PUT, "/v1/chain", &json!({ "steps": [] }))
        .await
        .expect(200);
    rig.bare(&key, Method::DELETE, "/v1/plugins/mine")
        .await
        .expect(204);
}

#[tokio::test]
async fn a_tenants_own_secret_is_rotated_by_its_own_key() {
    let rig = Rig::start().await;
    let body = json!({ "id": "acme", "profile": "synthflow" });
    let made = rig.post(OPERATOR, "/v1/tenants", &body).await.expect(201);
    let key = made["key"].as_str().unwrap().to_owned();
    let secret = |body: &Value| body["secret"].as_str().unwrap().to_owned();
    let first = made["signing_secret"].as_str().unwrap();
    let shown = rig.get(&key, "/v1/signing-secret").await.expect(200);
    assert_eq!(shown, json!({ "secret": first, "previous": [] }));

    let rotated = rig
        .bare(&key, Method::POST, "/v1/signing-secret/rotate")
        .await
        .expect(200);
    let second = secret(&rotated);
    assert!(
        second.len() == 64 && second.bytes().all(|b| b.is_ascii_hexdigit()),
        "256 bits"
    );
    assert_eq!(rotated["previous"][0]["secret"], first);
    assert!(rotated["previous"][0]["expires"].is_string());
    assert_eq!(rig.get(&key, "/v1/signing-secret").await.expect(200), rotated);

    let at_once = json!({ "secret": "chosen by the account", "grace": "0s" });
    let chosen = rig
        .post(&key, "/v1/signing-secret/rotate", &at_once)
        .await
        .expect(200);
    assert_eq!(
        chosen,
        json!({ "secret": "chosen by the account", "previous": [] })
    );
    rig.post(&key, "/v1/signing-secret/rotate", &json!({ "secret": "" }))
        .await
        .refused(422, "invalid_field");
    // No other route shows it, and no other caller sees it.
    for (who, path) in [
        (OPERATOR, "/v1/tenants"),
        (OPERATOR, "/v1/tenants/acme"),
        (&key, "/v1/subscriptions"),
    ] {
        let shown = rig.get(who, path).await.expect(200).to_string();
        assert!(
            !shown.contains("chosen by") && !shown.contains(&second),
            "{path}: {shown}"
        );
    }
    let other = rig.tenant("other").await;
    let others = rig.get(&other, "/v1/signing-secret").await.expect(200);
    assert!(
        secret(&others).starts_with("whsec_"),
        "its own, of its own profile"
    );
}

#[tokio::test]
async fn a_subscription_may_ask_for_ed25519() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let body = |signature: &str| json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"], "signature": signature });
    let made = rig
        .post(&key, "/v1/subscriptions", &body("v1a"))
        .await
        .expect(201);
    let public = made["public_key"].as_str().unwrap().to_owned();
    assert!(
        public.starts_with("whpk_") && made["secret"].is_null(),
        "{made:#}"
    );
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    let shown = rig.get(&key, &format!("{path}/secret")).await.expect(200);
    assert_eq!(
        shown,
        json!({ "secret": null, "public_key": public, "previous": [] })
    );
    // Of the same algorithm, unless another one is requested.
    let rotate = format!("{path}/rotate-secret");
    let rotated = rig.bare(&key, Method::POST, &rotate).await.expect(200);
    assert_eq!(rotated["previous"][0]["public_key"], public);
    assert_ne!(rotated["public_key"], public);
    let hmac = rig
        .post(&key, &rotate, &json!({ "signature": "hmac" }))
        .await
        .expect(200);
    assert!(hmac["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(hmac["previous"].as_array().unwrap().len(), 2);
    assert!(!hmac.to_string().contains("whsk_"), "the private key stays here");
    let given = json!({ "secret": "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=" });
    let given = rig.post(&key, &rotate, &given).await.expect(200);
    assert!(given["public_key"].is_string() && given["secret"].is_null());
    for (wrong, pointer) in [
        (json!({ "signature": "rsa" }), "/signature"),
        (json!({ "secret": "whsk_AAAA" }), "/secret"),
        (
            json!({ "secret": "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=" }),
            "/secret",
        ),
        (
            json!({ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "signature": "v1a" }),
            "/signature",
        ),
    ] {
        let refused = rig.post(&key, &rotate, &wrong).await;
        refused.refused(422, "invalid_field");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{wrong}");
    }
    let other = rig
        .post(
            OPERATOR,
            "/v1/tenants",
            &json!({ "id": "b", "profile": "syncai" }),
        )
        .await
        .expect(201);
    let other = other["key"].as_str().unwrap();
    let body =
        json!({ "url": "https://127.0.0.1:9/hook", "events": ["document.verified"], "signature": "ed25519" });
    let refused = rig.post(other, "/v1/subscriptions", &body).await;
    refused.refused(422, "invalid_field");
    assert_eq!(refused.body["errors"][0]["pointer"], "/signature");
}
