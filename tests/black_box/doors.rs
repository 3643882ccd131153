//! Product-specific routes over the running gateway, as products' customers know them.

use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use hookgate_tests::client::Answer;
use hookgate_tests::gateway::command;
use hookgate_tests::{Client, Gateway, Receiver, curl};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    the_printed_registrations_work_as_printed,
    a_subscription_lives_its_whole_life_at_the_door,
    the_feed_has_exactly_what_is_pushed,
    an_account_makes_its_secret,
    a_made_up_product_comes_from_the_configuration,
);

/// Creates a tenant with a profile and returns its key.
async fn tenant(gateway: &Gateway, id: &str, profile: &str) -> String {
    let tenant = json!({ "id": id, "profile": profile });
    let made = gateway.operator().post("/v1/tenants", &tenant).await.expect(201);
    made["key"].as_str().unwrap().to_owned()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

const SYNAPTIS: &str = r#"curl -X POST https://api.synaptis.io/v1/webhooks \
-H "Authorization: Bearer sk_live_..." \
-H "Content-Type: application/json" \
-d '{
"url": "https://your-server.com/webhooks/synaptis",
"events": [
"lead.verified",
"delivery.success",
"delivery.failed"
],
"description": "Production webhook endpoint"
}'"#;

const SYNCAI: &str = r#"curl -X POST https://sync-ai.up.railway.app/webhooks/register \
-H "Content-Type: application/json" \
-H "X-API-Key: YOUR_API_KEY" \
-d '{
"url": "https://your-server.com/syncai-webhook",
"events": ["document.verified", "document.rejected"],
"secret": "your-webhook-secret-for-hmac"
}'"#;

async fn the_printed_registrations_work_as_printed(on: On) {
    let site = Site::start(on).await;
    let key = tenant(&site.gateway, "leads", "synaptis").await;
    let line = SYNAPTIS
        .replace("https://api.synaptis.io", site.gateway.base())
        .replace("sk_live_...", &key);
    let (status, made) = curl(&line).await;
    assert_eq!(status, 201, "{made:#}");
    assert_eq!(
        names(&made),
        ["id", "url", "events", "secret", "status", "created"]
    );
    assert!(made["id"].as_str().unwrap().starts_with("wh_"));
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let created = made["created"].as_str().unwrap();
    assert!(
        created.len() == "2024-01-15T10:00:00Z".len() && created.ends_with('Z'),
        "{created}"
    );

    let key = tenant(&site.gateway, "documents", "syncai").await;
    let line = SYNCAI
        .replace("https://sync-ai.up.railway.app", site.gateway.base())
        .replace("YOUR_API_KEY", &key);
    let (status, made) = curl(&line).await;
    assert_eq!(status, 201, "{made:#}");
    assert_eq!(names(&made), ["webhook_id", "url", "status"]);
    assert_eq!(made["status"], "active");
    let (status, refused) = curl(&line.replace("X-API-Key", "X-Other")).await;
    assert_eq!((status, &refused["code"]), (401, &json!("key_missing")));
}

const SUBSCRIPTIONS: &str = "/api/v1/webhooks/subscriptions";

async fn a_subscription_lives_its_whole_life_at_the_door(on: On) {
    let site = Site::start(on).await;
    let key = tenant(&site.gateway, "crm", "synthesq").await;
    let crm = site.acme.with_key(&key);
    let receiver = Receiver::start(vec![]).await;
    let body = json!({ "url": receiver.url(), "events": ["product.*"], "secret": "first" });
    let made = crm.post(SUBSCRIPTIONS, &body).await.expect(201);
    let path = format!("{SUBSCRIPTIONS}/{}", made["id"].as_str().unwrap());
    let act = async |what: &str| crm.post(&format!("{path}/{what}"), &json!({})).await.expect(200);

    crm.publish("product.created", json!({ "id": 1 })).await;
    let sent = receiver.wait_for(1).await.remove(0);
    assert_eq!(sent.header("x-webhook-signature"), hex(b"first", &sent.body));

    let rotated = act("rotate-secret").await;
    let second = rotated["secret"].as_str().unwrap();
    crm.publish("product.created", json!({ "id": 2 })).await;
    let sent = receiver.wait_for(2).await.remove(1);
    assert_eq!(
        sent.header("x-webhook-signature"),
        hex(second.as_bytes(), &sent.body)
    );
    assert_eq!(
        sent.header("x-webhook-signature-previous"),
        hex(b"first", &sent.body)
    );

    assert_eq!(act("disable").await["status"], "disabled");
    crm.publish("product.created", json!({ "id": 3 })).await;
    assert_eq!(act("activate").await["status"], "active");
    crm.publish("product.created", json!({ "id": 4 })).await;
    let seen: Vec<_> = receiver
        .wait_for(3)
        .await
        .iter()
        .map(|sent| sent.json()["data"]["id"].clone())
        .collect();
    assert_eq!(seen, [1, 2, 4], "what came while it was disabled is not sent");

    // All of it persists over a restart.
    let site = site.restart();
    let crm = site.acme.with_key(&key);
    assert_eq!(crm.get(&path).await.expect(200)["status"], "active");
    crm.delete(&path).await.expect(204);
    assert_eq!(crm.get(&path).await.code(), "not_found");
    assert_eq!(crm.get(SUBSCRIPTIONS).await.expect(200)["data"], json!([]));
}

fn hex(secret: &[u8], body: &[u8]) -> String {
    hex::encode(hmac(secret, body))
}

fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

async fn the_feed_has_exactly_what_is_pushed(on: On) {
    let site = Site::start(on).await;
    let crm = site
        .acme
        .with_key(&tenant(&site.gateway, "crm", "synthesq").await);
    crm.redact().await;
    let receiver = Receiver::start(vec![]).await;
    let body = json!({ "url": receiver.url(), "events": ["*"] });
    crm.post(SUBSCRIPTIONS, &body).await.expect(201);
    let data = json!({ "id": 7, "status": "active", "email": "ann@example.com", "lifetime_value": 8500.0 });
    crm.publish("customer.created", data).await;
    let pushed = receiver.wait_for(1).await.remove(0);
    let pushed = std::str::from_utf8(&pushed.body).unwrap();
    assert!(
        !pushed.contains("ann@example.com") && pushed.contains("\"status\""),
        "{pushed}"
    );

    let feed = "/api/v1/webhooks/events";
    let request = crm.request(Method::GET, feed);
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(
        text.starts_with(&format!("{{\"data\":[{pushed}],")),
        "{pushed}\nis not in\n{text}"
    );

    // A long poll at the end receives the next event.
    let cursor = serde_json::from_str::<Value>(&text).unwrap()["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let waiting = tokio::spawn({
        let crm = crm.clone();
        async move {
            crm.get(&format!("{feed}?wait=20&types=product.*&cursor={cursor}"))
                .await
        }
    });
    crm.publish("customer.created", json!({ "id": 8 })).await;
    crm.publish("product.created", json!({ "id": 9 })).await;
    let page = waiting.await.unwrap().expect(200);
    assert_eq!(page["data"][0]["event"], "product.created", "{page:#}");
}

async fn an_account_makes_its_secret(on: On) {
    let site = Site::start(on).await;
    let calls = site
        .acme
        .with_key(&tenant(&site.gateway, "calls", "synthflow").await);
    let made = calls
        .send(calls.request(Method::POST, "/settings/security/webhooks/secret"))
        .await
        .expect(201);
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 64, "256 bits in hexadecimal digits");
    let receiver = Receiver::start(vec![]).await;
    let event = json!({
        "type": "call.completed", "data": { "call_id": "c-1", "status": "done" }, "deliver_to": receiver.url(),
    });
    calls.post("/v1/events", &event).await.expect(202);
    let sent = receiver.wait_for(1).await.remove(0);
    let expected = BASE64.encode(hmac(secret.as_bytes(), b"c-1"));
    assert_eq!(sent.header("synthflow-signature"), expected);
    assert_eq!(sent.header("http_synthflow_signature"), expected);
}

/// A new product, described by an operator.
const PARCELS: &str = r#"
[profiles.parcels]
summary = "Parcels: hooks on shipments"
envelope.body = "{data}"
signature = { content = "{body}", encoding = "hex", headers = { X-Parcels-Signature = "{first}" } }
secret = { form = "text", encoding = "hex", prefix = "prc_" }

[profiles.parcels.door]
key = "X-Parcels-Key"
id_prefix = "hook_"
active = "enabled"
disabled = "paused"
errors = { within = "error", members = [
    { name = "code", value = "{code}" },
    { name = "message", value = "{detail}" },
] }

[[profiles.parcels.routes]]
method = "POST"
path = "/hooks"
action = "create_subscription"
in = { callback = "url", topics = "events" }
required = ["callback"]
status = 201
answer = [
    { name = "object", constant = "hook" },
    { name = "id", value = "{id}" },
    { name = "state", value = "{status}" },
    { name = "signing_key", value = "{secret}" },
]

[[profiles.parcels.routes]]
method = "POST"
path = "/hooks/{id}/ping"
action = "test_subscription"
status = 202
answer = [{ name = "event", value = "{id}" }]

[profiles.sandbox]
extends = "synaptis"
endpoint.timeout = "2s"
"#;

async fn a_made_up_product_comes_from_the_configuration(on: On) {
    let site = Site::with(on, PARCELS).await;
    let key = tenant(&site.gateway, "parcels", "parcels").await;
    let nobody = site.acme.with_key("");
    let send = async |path: &str, body: &Value| -> Answer {
        let request = nobody.request(Method::POST, path).header("x-parcels-key", &key);
        nobody.send(request.json(body)).await
    };
    let receiver = Receiver::start(vec![]).await;
    let hook = json!({ "callback": receiver.url(), "topics": ["shipment.*"] });
    let made = send("/hooks", &hook).await.expect(201);
    assert_eq!(names(&made), ["object", "id", "state", "signing_key"]);
    assert_eq!(
        (&made["object"], &made["state"]),
        (&json!("hook"), &json!("enabled"))
    );
    let secret = made["signing_key"].as_str().unwrap();
    assert!(secret.starts_with("prc_"));
    send(
        &format!("/hooks/{}/ping", made["id"].as_str().unwrap()),
        &json!({}),
    )
    .await
    .expect(202);
    let sent = receiver.wait_for(1).await.remove(0);
    assert_eq!(
        sent.header("x-parcels-signature"),
        hex(secret.as_bytes(), &sent.body)
    );

    let wrong = json!({ "callbak": receiver.url(), "topics": ["shipment.*"] });
    let refused = send("/hooks", &wrong).await.expect(422);
    assert_eq!(names(&refused), ["error"]);
    assert_eq!(names(&refused["error"]), ["code", "message"]);
    let private = json!({ "callback": "http://10.0.0.1/", "topics": ["*"] });
    let refused = send("/hooks", &private).await.expect(422);
    assert_eq!(refused["error"]["code"], "address_refused");
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("/callback: ")
    );
    // A key is valid only for the routes of its tenant's product, and only in their place.
    assert_eq!(send("/v1/webhooks", &hook).await.code(), "key_missing");
    let parcels = site.acme.with_key(&key);
    assert_eq!(parcels.post("/v1/webhooks", &hook).await.code(), "route_unknown");
    assert_eq!(
        parcels.post("/hooks", &hook).await.expect(401)["error"]["code"],
        "key_missing"
    );
    shared_door(&site.gateway, &site.acme).await;
}

/// A profile that extends another has its routes; the key decides the product of a request.
async fn shared_door(gateway: &Gateway, client: &Client) {
    let sandbox = client.with_key(&tenant(gateway, "sandbox", "sandbox").await);
    let hook = json!({ "url": "http://127.0.0.1:9/", "events": ["lead.verified"] });
    let made = sandbox.post("/v1/webhooks", &hook).await.expect(201);
    assert_eq!(made["status"], "active");
}

#[test]
fn doors_that_meet_are_refused_at_start() {
    let taken = PARCELS.replace("\"/hooks\"", "\"/v1/webhooks\"");
    let hidden = PARCELS.replace("\"/hooks\"", "\"/v1/events\"");
    let both = format!(
        "{PARCELS}\n[profiles.rival]\nextends = \"syncai\"\n[[profiles.rival.routes]]\nmethod = \"POST\"\n\
         path = \"/hooks\"\naction = \"create_subscription\"\nin = {{ url = \"url\", events = \"events\" }}\n"
    );
    let place = |toml: &str, path: &str| {
        let at = toml.rfind(&format!("path = {path}\n")).unwrap();
        format!("hookgate.toml:{}", 1 + toml[..at].matches('\n').count())
    };
    for (toml, line, words) in [
        (
            &taken,
            place(&taken, "\"/v1/webhooks\""),
            &["the profile `synaptis`", "profiles.synaptis.routes = []"][..],
        ),
        (
            &hidden,
            place(&hidden, "\"/v1/events\""),
            &["hide the gateway's own `/v1/events`", "another path"],
        ),
        (
            &both,
            place(&both, "\"/hooks\""),
            &["`/hooks` is taken by `/hooks`", "another path"],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("hookgate.toml"), toml).unwrap();
        for arguments in [["config", "check"].as_slice(), &["serve"]] {
            let refused = command()
                .args(arguments)
                .current_dir(dir.path())
                .output()
                .unwrap();
            let said = said(&refused);
            assert_eq!(refused.status.code(), Some(2), "{said}");
            assert!(said.contains(&line), "{line} is not in\n{said}");
            for word in words {
                assert!(said.contains(word), "`{word}` is not in\n{said}");
            }
        }
        assert!(!dir.path().join("hookgate-data").exists(), "nothing was started");
    }
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
