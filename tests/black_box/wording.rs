//! Wording for products' customers: no answer at a product's own route, and no delivery, names the
//! gateway behind it.

use hookgate_tests::{Answer, Client, Gateway, Receiver, Setup, eventually};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::{On, Site};

/// Words that must not appear in answers to customers.
pub(crate) const INTERNAL: &[&str] = &[
    "hookgate",
    "gateway",
    "operator",
    "configur",
    "tenant",
    "plugin",
    "egress",
    "registry",
    "/docs",
    "/v1/subscriptions",
];

/// A shipped product: its profile, the place of its keys, and its routes.
struct Product {
    profile: &'static str,
    key_header: &'static str,
    create: &'static str,
    body: fn() -> Value,
    list: Option<&'static str>,
}

const PRODUCTS: &[Product] = &[
    Product {
        profile: "synaptis",
        key_header: "authorization",
        create: "/v1/webhooks",
        body: || json!({ "url": "http://127.0.0.1:9/", "events": ["lead.verified"] }),
        list: Some("/v1/webhooks"),
    },
    Product {
        profile: "synthesq",
        key_header: "authorization",
        create: "/api/v1/webhooks/subscriptions",
        body: || json!({ "url": "http://127.0.0.1:9/", "events": ["*"] }),
        list: Some("/api/v1/webhooks/subscriptions"),
    },
    Product {
        profile: "syncai",
        key_header: "x-api-key",
        create: "/webhooks/register",
        body: || json!({ "url": "https://127.0.0.1:9/", "events": ["document.verified"], "secret": "a-secret-of-16-bytes" }),
        list: Some("/webhooks"),
    },
    Product {
        profile: "synthflow",
        key_header: "authorization",
        create: "/settings/security/webhooks/secret",
        body: || json!({}),
        list: None,
    },
];

/// Asserts that an answer does not name the gateway behind the product.
#[track_caller]
pub(crate) fn assert_neutral(answer: &Answer, occasion: &str) {
    let headers = answer.headers.iter();
    let headers =
        headers.map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    let text = format!("{}{}", headers.collect::<String>(), answer.body).to_lowercase();
    for word in INTERNAL {
        assert!(!text.contains(word), "{occasion}: `{word}` is in\n{text}");
    }
}

/// Asserts a refusal in the products' shape, for cases that their documents do not print.
#[track_caller]
pub(crate) fn assert_refusal(answer: &Answer, status: u16, code: &str, occasion: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (status, code),
        "{occasion}: {:#}",
        answer.body
    );
    assert_neutral(answer, occasion);
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{occasion}"
    );
    let mut names: Vec<_> = answer
        .body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.retain(|name| *name != "errors");
    assert_eq!(
        names,
        ["title", "status", "code", "detail", "retry"],
        "{occasion}"
    );
}

async fn keys(gateway: &Gateway, product: &Product) -> [String; 3] {
    let operator = gateway.operator();
    let tenant = json!({ "id": product.profile, "profile": product.profile });
    let made = operator.post("/v1/tenants", &tenant).await.expect(201);
    let path = format!("/v1/tenants/{}/keys", product.profile);
    let mut keys = vec![made["key"].as_str().unwrap().to_owned()];
    for scope in ["consumer", "publish"] {
        let made = operator
            .post(&path, &json!({ "scopes": [scope] }))
            .await
            .expect(201);
        keys.push(made["key"].as_str().unwrap().to_owned());
    }
    keys.try_into().unwrap()
}

impl Product {
    fn request(&self, client: &Client, key: &str, method: Method, path: &str) -> RequestBuilder {
        let bearer = self.key_header == "authorization";
        let key = if bearer {
            format!("Bearer {key}")
        } else {
            key.to_owned()
        };
        client
            .with_key("")
            .request(method, path)
            .header(self.key_header, key)
    }
}

/// Sends every kind of request that is invalid by itself.
async fn wrong_requests(gateway: &Gateway, product: &Product, other: &str) {
    let client = gateway.operator();
    let [_, key, publisher] = keys(gateway, product).await;
    let Product { profile, create, .. } = *product;
    let post = |key: &str| product.request(&client, key, Method::POST, create);
    let refused = async |request: RequestBuilder, status: u16, code: &str| {
        let answer = client.send(request).await;
        assert_refusal(&answer, status, code, &format!("{profile}, {code}"));
        answer
    };
    let good = (product.body)();
    let bare = client.with_key("");
    let missing = refused(bare.request(Method::POST, create).json(&good), 401, "key_missing").await;
    let form = if product.key_header == "x-api-key" {
        "X-API-Key: KEY"
    } else {
        "Authorization: Bearer KEY"
    };
    assert!(
        missing.body["detail"].as_str().unwrap().contains(form),
        "{:#}",
        missing.body
    );
    refused(post("nobody's").json(&good), 401, "key_unknown").await;
    refused(post(&publisher).json(&good), 403, "scope_missing").await;
    refused(post(other).json(&good), 404, "route_unknown").await;
    refused(
        post(&key).header("hookgate-tenant", "acme").json(&good),
        403,
        "forbidden",
    )
    .await;
    refused(post(client.key()).json(&good), 400, "forbidden").await;
    refused(
        post(client.key()).header("hookgate-tenant", "none").json(&good),
        404,
        "not_found",
    )
    .await;
    for (name, value, status, code) in [
        ("webhook-hops", "3", 508, "loop_detected"),
        ("hookgate-hops", "3", 508, "loop_detected"),
        ("webhook-hops", "x", 400, "invalid_parameter"),
        ("idempotency-key", "", 400, "invalid_parameter"),
        ("content-encoding", "gzip", 415, "unsupported_encoding"),
    ] {
        refused(post(&key).header(name, value).json(&good), status, code).await;
    }
    let long = "k".repeat(300);
    refused(
        post(&key).header("idempotency-key", long).json(&good),
        400,
        "invalid_parameter",
    )
    .await;
    let text = |text: String| post(&key).header("content-type", "application/json").body(text);
    refused(text("{".to_owned()), 400, "invalid_json").await;
    refused(text(r#"{"a":1,"a":2}"#.to_owned()), 400, "duplicate_key").await;
    refused(text("[".repeat(500) + &"]".repeat(500)), 400, "too_deep").await;
    refused(text("[]".to_owned()), 422, "invalid_field").await;
    refused(
        text(format!("{{\"a\":\"{}\"}}", "x".repeat(40_000))),
        413,
        "body_too_large",
    )
    .await;
    let mut unknown = good.clone();
    unknown["gateway_url"] = json!("x");
    let answer = client.send(post(&key).json(&unknown)).await;
    assert_eq!(
        (answer.status, answer.code()),
        (422, "invalid_field"),
        "{profile}"
    );
    assert_eq!(answer.body["errors"][0]["pointer"], "/gateway_url");
    let other_method = product.request(&client, &key, Method::PUT, create);
    let answer = refused(other_method.json(&good), 405, "method_not_allowed").await;
    assert!(!answer.header("allow").is_empty());
    assert!(answer.body["detail"].as_str().unwrap().contains("PUT"));
    if good.get("url").is_some() {
        wrong_subscriptions(gateway, product, &key).await;
    }
    // The same under one idempotency key, and then another.
    let once = |body: &Value| post(&key).header("idempotency-key", "once").json(body);
    let made = client.send(once(&good)).await;
    assert_eq!(made.status, 201, "{profile}: {:#}", made.body);
    assert_neutral(&made, profile);
    assert_neutral(&client.send(once(&good)).await, profile);
    refused(once(&json!({ "events": [] })), 422, "idempotency_key_reused").await;
}

/// Sends subscriptions that are refused, and lists, and ids.
async fn wrong_subscriptions(gateway: &Gateway, product: &Product, key: &str) {
    let client = gateway.operator();
    let Product { profile, create, .. } = *product;
    let post = |body: &Value| product.request(&client, key, Method::POST, create).json(body);
    let refused = async |request: RequestBuilder, status: u16, code: &str, occasion: &str| {
        let answer = client.send(request).await;
        assert_refusal(&answer, status, code, &format!("{profile}, {occasion}"));
    };
    let text = product
        .request(&client, key, Method::POST, create)
        .header("content-type", "text/plain");
    refused(text.body("{}"), 415, "unsupported_media_type", "a text").await;
    let own = gateway.base().replace("http:", "https:");
    for (field, value, code) in [
        ("url", json!(7), "invalid_field"),
        ("url", json!("ftp://example.com/"), "invalid_field"),
        ("url", json!("https://u:p@example.com/"), "invalid_field"),
        (
            "url",
            json!(format!("https://example.com/{}", "x".repeat(4_000))),
            "invalid_field",
        ),
        ("url", json!("https://example.com:81/"), "invalid_field"),
        ("url", json!(own), "invalid_field"),
        ("url", json!("https://10.0.0.1/"), "address_refused"),
        ("url", json!("https://169.254.169.254/"), "address_refused"),
        (
            "url",
            json!("https://localhost.localdomain:99999/"),
            "invalid_field",
        ),
        ("events", json!([]), "invalid_field"),
        ("events", json!(["x".repeat(300)]), "invalid_field"),
        ("events", json!("*"), "invalid_field"),
        ("events", json!(["x.y", "*"]), "invalid_field"),
        ("secret", json!("x".repeat(600)), "invalid_field"),
        ("description", json!("x".repeat(2_000)), "invalid_field"),
    ] {
        let mut body = (product.body)();
        body[field] = value;
        let answer = client.send(post(&body)).await;
        assert_refusal(&answer, 422, code, &format!("{profile}, {body}"));
    }
    let list = product.list.unwrap();
    let get = |path: &str| product.request(&client, key, Method::GET, path);
    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("limit=many", "invalid_parameter"),
        ("limit=1&limit=2", "invalid_parameter"),
        ("cursor=x", "invalid_cursor"),
        ("page=2", "invalid_parameter"),
    ] {
        refused(get(&format!("{list}?{query}")), 400, code, query).await;
    }
    for id in [
        "x",
        "wh_01M8ZZZZZZZZZZZZZZZZZZZZZZ",
        "sub_01M8ZZZZZZZZZZZZZZZZZZZZZZ",
        "%00",
    ] {
        refused(get(&format!("{list}/{id}")), 404, "not_found", id).await;
    }
    let patch = product.request(&client, key, Method::PATCH, &format!("{list}/x"));
    refused(patch.json(&json!({})), 404, "not_found", "a change").await;
    for _ in 0..2 {
        let made = client.send(post(&(product.body)())).await;
        assert_eq!(made.status, 201, "{profile}: {:#}", made.body);
        assert_neutral(&made, profile);
    }
    let limit = client.send(post(&(product.body)())).await;
    assert_refusal(&limit, 422, "limit_reached", profile);
    assert!(
        limit.body["detail"].as_str().unwrap().contains('2'),
        "{:#}",
        limit.body
    );
    // Room for one more.
    let listed = client.send(get(list)).await;
    assert_neutral(&listed, profile);
    let first = &listed.body["data"][0];
    let id = first["id"].as_str().or(first["webhook_id"].as_str()).unwrap();
    let gone = product.request(&client, key, Method::DELETE, &format!("{list}/{id}"));
    assert_eq!(client.send(gone).await.status, 204);
}

/// Checks of the head, each on its own connection: the route decides the wording.
async fn bad_heads(gateway: &Gateway, product: &Product) {
    let address = gateway.base().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 0\r\n\r\n",
        product.create
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(
        answer.contains("\"code\":\"invalid_parameter\"") && !answer.contains("\"type\""),
        "{answer}"
    );
    let lower = answer.to_lowercase();
    assert!(INTERNAL.iter().all(|word| !lower.contains(word)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_at_doors_name_nothing_behind_the_product() {
    let limits: String = PRODUCTS
        .iter()
        .map(|product| format!("[profiles.{}.limits]\nsubscriptions = 2\n", product.profile))
        .collect();
    let setup = format!("ingest.max_body = \"32KiB\"\negress.ports = [443, 9]\n{limits}");
    let gateway = Setup::embedded().with(&setup).start();
    let acme = gateway.tenant("acme").await;
    for product in PRODUCTS {
        wrong_requests(&gateway, product, acme.key()).await;
        bad_heads(&gateway, product).await;
    }
    // The feed has its own limits.
    let crm = gateway.operator();
    let made = json!({ "scopes": ["consumer"] });
    let made = crm.post("/v1/tenants/synthesq/keys", &made).await.expect(201);
    let crm = crm.with_key(made["key"].as_str().unwrap());
    for (query, code) in [("cursor=x", "invalid_cursor"), ("wait=-1", "invalid_parameter")] {
        let answer = crm.get(&format!("/api/v1/webhooks/events?{query}")).await;
        assert_refusal(&answer, 400, code, query);
    }
    assert_neutral(&crm.get("/api/v1/webhooks/events").await, "the feed");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_and_test_events_name_the_product_only() {
    let toml = "[profiles.mine]\nsummary = \"Mine\"\nextends = \"github\"\nheaders.user_agent = \"Mine/2.1\"";
    let gateway = Setup::embedded().with(toml).start();
    for (profile, agent) in [
        ("standard", "webhooks/1"),
        ("synaptis", "Synaptis-Webhooks/1.0"),
        ("synthesq", "SynthesQ-Webhooks/1.0"),
        ("syncai", "SyncAI-Webhooks/1.0"),
        ("synthflow", "Synthflow-Webhooks/1.0"),
        ("mine", "Mine/2.1"),
    ] {
        let tenant = json!({ "id": profile, "profile": profile });
        let made = gateway.operator().post("/v1/tenants", &tenant).await.expect(201);
        let client = gateway.operator().with_key(made["key"].as_str().unwrap());
        let receiver = Receiver::start(vec![]).await;
        let data = json!({ "call_id": "c", "id": 1 });
        let kind = if profile == "syncai" {
            "document.verified"
        } else {
            "product.created"
        };
        if profile == "synthflow" {
            client
                .post("/settings/security/webhooks/secret", &json!({}))
                .await
                .expect(201);
        }
        let event = json!({ "type": kind, "data": data, "deliver_to": receiver.url() });
        // https only: an event with its own endpoint needs no subscription.
        let accepted = client.post("/v1/events", &event).await;
        if profile == "syncai" {
            assert_eq!(accepted.status, 422, "{:#}", accepted.body);
            continue;
        }
        accepted.expect(202);
        let sent = receiver.wait_for(1).await.remove(0);
        assert_eq!(sent.header("user-agent"), agent, "{profile}");
        let told = format!("{:?}{}", sent.headers, String::from_utf8_lossy(&sent.body)).to_lowercase();
        assert!(
            !told.contains("hookgate") && !told.contains("gateway"),
            "{profile}: {told}"
        );
    }
}

const WORDS: &str = r#"
[profiles.synaptis.headers]
response = { Server = "Synaptis" }
request_id = "X-Synaptis-Request"
[profiles.synaptis.door]
errors = { within = "error", members = [
    { name = "message", value = "{detail}" },
    { name = "type", value = "{code}" },
] }
[profiles.synaptis.door.messages]
key_missing = "Log in first: {key}."
not_found = "No such webhook ({request_id})."
invalid_field = "Please look at {field}."
"#;

#[tokio::test(flavor = "multi_thread")]
async fn doors_have_the_texts_and_headers_of_their_profile() {
    let gateway = Setup::embedded().with(WORDS).start();
    let tenant = json!({ "id": "leads", "profile": "synaptis" });
    let made = gateway.operator().post("/v1/tenants", &tenant).await.expect(201);
    let leads = gateway.operator().with_key(made["key"].as_str().unwrap());
    let listed = leads.get("/v1/webhooks").await;
    let missing = leads.with_key("").get("/v1/webhooks").await;
    let gone = leads.get("/v1/webhooks/wh_x").await;
    let wrong = leads
        .post("/v1/webhooks", &json!({ "url": 1, "events": [] }))
        .await;
    let other = leads.request(Method::PUT, "/v1/webhooks").send().await.unwrap();
    assert_eq!(other.headers()["server"], "Synaptis");
    let mut ids = Vec::new();
    for answer in [&listed, &missing, &gone, &wrong] {
        assert_eq!(answer.header("server"), "Synaptis", "{:#}", answer.body);
        ids.push(answer.header("x-synaptis-request").to_owned());
    }
    assert!(ids.iter().all(|id| id.starts_with("req_")), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each has its own");
    let message = |answer: &Answer| answer.body["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(message(&missing), "Log in first: Authorization: Bearer KEY.");
    assert_eq!(
        message(&gone),
        format!("No such webhook ({}).", gone.header("x-synaptis-request"))
    );
    assert_eq!(message(&wrong), "Please look at url.");
    assert_eq!(wrong.body["error"]["type"], "invalid_field");
    // Routes outside the product are unchanged.
    let own = leads.get("/v1/subscriptions/x").await;
    assert_eq!((own.header("server"), own.code()), ("", "not_found"));
    assert!(own.body["type"].as_str().unwrap().starts_with("/docs/"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_that_fails_is_a_503_without_its_name() {
    let site = Site::with(On::Redis, "store.redis.check_every = \"200ms\"").await;
    let tenant = json!({ "id": "leads", "profile": "synaptis" });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    let leads = site.acme.with_key(made["key"].as_str().unwrap());
    let client = redis::Client::open(site.redis.as_ref().unwrap().url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut command = redis::cmd("CONFIG");
    let command = command.arg("SET").arg("min-replicas-to-write").arg("1");
    command.exec(&mut connection).unwrap();
    let new = json!({ "url": "http://127.0.0.1:9/", "events": ["lead.verified"] });
    let refused = eventually("customers are told", async || {
        let answer = leads.post("/v1/webhooks", &new).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_refusal(&refused, 503, "unavailable", "a store");
    assert!(!refused.header("retry-after").is_empty());
    let told = refused.body["detail"].as_str().unwrap().to_lowercase();
    assert!(
        told.contains("not available") && !told.contains("store") && !told.contains("redis"),
        "{told}"
    );
}
