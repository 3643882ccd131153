//! Tests of authentication at an adapter, and of the adapter of a made-up product.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::super::rig::{OPERATOR, Rig};
use super::{SYNTHESQ, is_to_the_second, names, post_text};
use crate::ingest;
use hookgate_contract::profile::{Problem, Profiles};

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
    rig.get("hg_nobody", SYNTHESQ).await.refused(401, "key_unknown");
    rig.get("", SYNTHESQ).await.refused(401, "key_missing");
    rig.get(OPERATOR, SYNTHESQ).await.refused(400, "forbidden");
    let acting = Request::get(SYNTHESQ)
        .header("authorization", format!("Bearer {OPERATOR}"))
        .header("hookgate-tenant", "crm");
    let listed = rig.send(acting.body(Body::empty()).unwrap()).await.expect(200);
    assert_eq!(listed["data"][0]["id"], made["id"]);
}

/// Profile of a made-up product.
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

    // Errors have the product's shape and names.
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
    assert_eq!(feed["parameters"].as_array().unwrap().len(), 5);
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
