//! Products' own routes: those of the shipped profiles as their documents print them, and those of a made-up product.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::rig::{Answer, OPERATOR, Rig};
use crate::ingest;
use crate::profile::{Problem, Profiles};

/// The names of an object's members, in order.
fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// `2024-01-15T10:00:00Z`
fn is_to_the_second(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 20 && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

async fn post_text(rig: &Rig, header: (&str, &str), path: &str, text: &str) -> Answer {
    let request = Request::post(path)
        .header(header.0, header.1)
        .header("content-type", "application/json");
    rig.send(request.body(Body::from(text.to_owned())).unwrap()).await
}

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
    // The same subscription by its other name.
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
    assert_eq!(bearer.body["fix"], "Send the key as `X-API-Key: KEY`.");
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

const SYNTHESQ: &str = "/api/v1/webhooks/subscriptions";

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

#[tokio::test]
async fn a_door_lets_in_its_own_tenants() {
    let rig = Rig::start().await;
    let crm = rig.tenant_with("crm", "synthesq").await;
    let other = rig.tenant_with("other", "synthesq").await;
    let standard = rig.tenant("acme").await;
    let body = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"] });
    let made = rig.post(&crm, SYNTHESQ, &body).await.expect(201);
    let path = format!("{SYNTHESQ}/{}", made["id"].as_str().unwrap());
    rig.get(&other, &path).await.refused(404, "not_found");
    rig.bare(&other, Method::DELETE, &path)
        .await
        .refused(404, "not_found");
    let stranger = rig.get(&standard, SYNTHESQ).await;
    stranger.refused(404, "route_unknown");
    assert!(stranger.body["detail"].as_str().unwrap().contains("`synthesq`"));
    rig.get("hg_nobody", SYNTHESQ).await.refused(401, "key_unknown");
    rig.get("", SYNTHESQ).await.refused(401, "key_missing");
    rig.get(OPERATOR, SYNTHESQ).await.refused(400, "tenant_required");
    let acting = Request::get(SYNTHESQ)
        .header("authorization", format!("Bearer {OPERATOR}"))
        .header("hookgate-tenant", "crm");
    let listed = rig.send(acting.body(Body::empty()).unwrap()).await.expect(200);
    assert_eq!(listed["data"][0]["id"], made["id"]);
}

/// A product that nobody has heard of.
const ACME: &str = r#"
[acme]
summary = "Acme"
envelope.body = "{data}"
signature = { content = "{body}", encoding = "hex", headers = { X-Acme = "{signatures}" } }
secret = { form = "text", encoding = "hex" }

[acme.door]
key = "X-Acme-Key"
id_prefix = "hook-"
active = "on"
disabled = "off"

[acme.door.errors]
within = "error"
members = [
    { name = "reason", value = "{code}" },
    { name = "message", value = "{detail}" },
    { name = "status", value = "{status}" },
    { name = "help", constant = "https://acme.example/help" },
]

[[acme.routes]]
method = "PUT"
path = "/hooks/new"
action = "create_subscription"
in = { target = "url", topics = "events", note = "description" }
required = ["target", "topics"]
answer = [
    { name = "ok", constant = true },
    { name = "hook", value = "{id}" },
    { name = "state", value = "{status}" },
    { name = "key", value = "{secret}" },
]

[[acme.routes]]
method = "GET"
path = "/hooks/{id}/key"
action = "reveal_secret"
answer = [{ name = "key", value = "{secret}" }, { name = "old_until", value = "{previous_expires}" }]

[[acme.routes]]
method = "POST"
path = "/hooks/{id}/key"
action = "rotate_secret"
in = { seconds = "grace" }
answer = [{ name = "key", value = "{secret}" }, { name = "old_until", value = "{previous_expires}" }]

[[acme.routes]]
method = "POST"
path = "/hooks/{id}/ping"
action = "test_subscription"
status = 202
answer = [{ name = "sent", value = "{id}" }]

[[acme.routes]]
method = "POST"
path = "/hooks/{id}/off"
action = "disable_subscription"
answer = [{ name = "state", value = "{status}" }]

[[acme.routes]]
method = "POST"
path = "/log"
action = "feed"
in = { page = "limit", after = "cursor", topics = "types" }
answer = [{ name = "entries", value = "{items}" }, { name = "after", value = "{next_cursor}" }]
item = [{ name = "topic", value = "{type}" }, { name = "entry", value = "{data}" }]
"#;

fn profiles(text: &str) -> Result<Profiles, Vec<Problem>> {
    let files: BTreeMap<String, _> = toml_edit::de::from_str(text).expect("TOML");
    Profiles::new(&files)
}

#[tokio::test]
async fn a_made_up_product_has_its_own_words() {
    let extended = format!("{ACME}\n[staging]\nextends = \"acme\"\n");
    assert!(profiles(&extended).is_err(), "only shipped ones are extended");
    let rig = Rig::with_profiles(ingest::Config::default(), profiles(ACME).expect("a profile")).await;
    let key = rig.tenant_with("acme", "acme").await;
    let send = async |method: Method, path: &str, body: Value| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-acme-key", &key)
            .header("content-type", "application/json");
        rig.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    };
    let good = json!({ "target": "http://127.0.0.1:9/hook", "topics": ["*"], "note": "mine" });
    let made = send(Method::PUT, "/hooks/new", good.clone()).await.expect(200);
    assert_eq!(names(&made), ["ok", "hook", "state", "key"]);
    assert_eq!((&made["ok"], &made["state"]), (&json!(true), &json!("on")));
    let hook = made["hook"].as_str().unwrap();
    assert!(hook.starts_with("hook-"));
    let shown = send(Method::GET, &format!("/hooks/{hook}/key"), json!(null))
        .await
        .expect(200);
    assert_eq!(shown, json!({ "key": made["key"], "old_until": null }));
    let path = format!("/hooks/{hook}/key");
    let rotated = send(Method::POST, &path, json!({ "seconds": 60 }))
        .await
        .expect(200);
    assert!(rotated["key"] != made["key"] && is_to_the_second(&rotated["old_until"]));
    let refused = send(Method::POST, &path, json!({ "seconds": "soon" }))
        .await
        .expect(422);
    assert_eq!(
        refused["error"]["message"],
        "/seconds: it is a whole number of seconds"
    );
    let sent = send(Method::POST, &format!("/hooks/{hook}/ping"), json!(null))
        .await
        .expect(202);
    assert!(sent["sent"].as_str().unwrap().starts_with("evt_"));
    let off = send(Method::POST, &format!("/hooks/{hook}/off"), json!(null))
        .await
        .expect(200);
    assert_eq!(off, json!({ "state": "off" }));

    // What goes wrong is told in the product's shape and with its names.
    let mut wrong = good.clone();
    wrong["target"] = json!("ftp://example.com/");
    let answer = send(Method::PUT, "/hooks/new", wrong).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let told = answer.expect(422);
    assert_eq!(names(&told["error"]), ["reason", "message", "status", "help"]);
    assert_eq!(
        (&told["error"]["reason"], &told["error"]["status"]),
        (&json!("invalid_field"), &json!(422))
    );
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("/target: "),
        "{told:#}"
    );
    let nobody = rig.bare("", Method::POST, &path).await;
    assert_eq!(nobody.headers["www-authenticate"], "Bearer");
    assert_eq!(nobody.expect(401)["error"]["reason"], "key_missing");

    rig.publish(&key, "a.b").await;
    rig.publish(&key, "c.d").await;
    let query = json!({ "page": 5, "topics": ["c.*"] });
    let page = send(Method::POST, "/log", query).await.expect(200);
    assert_eq!(page["entries"], json!([{ "topic": "c.d", "entry": { "n": 1 } }]));
    let query = json!({ "after": page["after"] });
    assert_eq!(
        send(Method::POST, "/log", query).await.expect(200)["entries"],
        json!([])
    );
    let large = send(Method::POST, "/log", json!({ "page": 501 }))
        .await
        .expect(400);
    assert_eq!(large["error"]["message"], "`page` is 1 to 500, not 501.");
}

#[tokio::test]
async fn profiles_that_extend_another_share_its_door() {
    let both = profiles("[staging]\nextends = \"syncai\"\nendpoint.https_only = false\n").expect("a profile");
    let rig = Rig::with_profiles(ingest::Config::default(), both).await;
    let (live, staging) = (
        rig.tenant_with("live", "syncai").await,
        rig.tenant_with("staging", "staging").await,
    );
    let body = json!({ "url": "http://127.0.0.1:9/", "events": ["document.verified"], "secret": "s" });
    for (key, status) in [(live, 422), (staging, 201)] {
        let header = ("x-api-key", key.as_str());
        let answer = post_text(&rig, header, "/webhooks/register", &body.to_string()).await;
        assert_eq!(answer.status, status, "{:#}", answer.body);
    }
}

#[test]
fn one_request_has_one_door() {
    let taken = ACME.replace("/hooks/new", SYNTHESQ).replace("PUT", "POST");
    let found = profiles(&taken).expect_err("the path is taken");
    let told: Vec<_> = found.iter().map(ToString::to_string).collect();
    let told = told.join("\n");
    assert!(told.contains("profiles.acme.routes.0.path"), "{told}");
    assert!(told.contains("profiles.synthesq.routes = []"), "{told}");
    let given_up = format!("{ACME}\n[synaptis]\nroutes = []\n").replace("/hooks/new", "/v1/webhooks");
    profiles(&given_up.replace("PUT", "POST")).expect("nobody else has it");
}

#[tokio::test]
async fn doors_are_in_the_document() {
    let rig = Rig::with_profiles(ingest::Config::default(), profiles(ACME).expect("a profile")).await;
    let document = rig.get("", "/openapi.json").await.expect(200);
    let create = &document["paths"]["/v1/webhooks"]["post"];
    assert_eq!(create["tags"], json!(["Front door: synaptis"]));
    let schema = &create["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["required"], json!(["url", "events"]));
    assert_eq!(
        names(&create["responses"]["201"]["content"]["application/json"]["schema"]["properties"]).len(),
        6
    );
    let feed = &document["paths"]["/api/v1/webhooks/events"]["get"];
    assert_eq!(feed["parameters"].as_array().unwrap().len(), 4);
    let own = &document["components"]["securitySchemes"]["key_in_x-acme-key"];
    assert_eq!(
        (&own["in"], &own["name"]),
        (&json!("header"), &json!("X-Acme-Key"))
    );
    let sections: Vec<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    assert!(sections.contains(&&json!("Front door: acme")), "{sections:?}");
}
