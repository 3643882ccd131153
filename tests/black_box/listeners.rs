//! Two listeners: one for products' customers, and one for everything else.

use hookgate_tests::gateway::{OPERATOR_KEY, command};
use hookgate_tests::{Answer, Authority, Client, Gateway, Receiver, Setup, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::{On, Site, on_both_stores};
use crate::wording::{assert_neutral, assert_refusal};

on_both_stores!(product_lives_on_the_public_listener);

const APART: &str = "server.public = { listen = \"127.0.0.1:0\" }";

/// A client of the public listener with the same key.
async fn towards_public(gateway: &Gateway, client: &Client) -> Client {
    let address = eventually("the public listener's address", async || {
        let log = gateway.log().join("\n");
        let told = log.split_once("gateway.public_listening")?.1;
        let (_, rest) = told.split_once("127.0.0.1:")?;
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let scheme = if told.lines().next()?.contains("https://") {
            "https"
        } else {
            "http"
        };
        Some(format!("{scheme}://127.0.0.1:{port}"))
    })
    .await;
    client.towards(&address)
}

async fn tenant(gateway: &Gateway, id: &str, profile: &str) -> Client {
    let tenant = json!({ "id": id, "profile": profile });
    let made = gateway.operator().post("/v1/tenants", &tenant).await.expect(201);
    gateway.operator().with_key(made["key"].as_str().unwrap())
}

/// Every operation of the OpenAPI document: method, path, and whether it belongs to a product.
fn operations(document: &Value) -> Vec<(Method, String, bool)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            let path = path
                .replace("{id}", "x")
                .replace("{key}", "x")
                .replace("{version}", "x");
            (
                method.to_uppercase().parse().unwrap(),
                path,
                tag.starts_with("Front door"),
            )
        })
    });
    operations.collect()
}

/// An answer without its time.
fn said(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
    (answer.status, headers.collect(), answer.body.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_serve_their_own_routes_and_no_other() {
    let gateway = Setup::embedded().with(APART).start();
    let admin = gateway.operator();
    let public = towards_public(&gateway, &admin).await;
    let document = admin.get("/openapi.json").await.expect(200);
    let nothing = public.get("/nothing").await;
    assert_refusal(&nothing, 404, "route_unknown", "nothing");
    let missing = admin.get("/nothing").await.expect(404);
    let (mut own, mut doors) = (0, 0);
    for (method, path, at_door) in operations(&document) {
        let ask = async |client: &Client| {
            let request = client
                .request(method.clone(), &path)
                .header("x-api-key", client.key());
            client.send(request.json(&json!({}))).await
        };
        let (outside, inside) = (ask(&public).await, ask(&admin).await);
        let place = format!("{method} {path}");
        if at_door {
            doors += 1;
            // The operator's request names no tenant.
            assert_refusal(&outside, 400, "forbidden", &place);
            assert_eq!((inside.status, inside.code()), (404, "route_unknown"), "{place}");
            assert_eq!(inside.body["detail"], missing["detail"], "{place}");
        } else {
            own += 1;
            assert_eq!(said(&outside), said(&nothing), "{place}");
            assert_ne!(inside.code(), "route_unknown", "{place}");
        }
    }
    assert!(
        own > 60 && doors > 20,
        "{own} routes of the API, {doors} of products"
    );
    for path in [
        "/",
        "/docs",
        "/docs/errors/not_found",
        "/openapi.json",
        "/v1/event",
        "/v1",
        "/metrics/",
        "//healthz",
    ] {
        for method in [Method::GET, Method::DELETE, Method::OPTIONS] {
            let answer = public.send(public.request(method, path)).await;
            assert_eq!(said(&answer), said(&nothing), "{path}");
        }
    }
    // The checks of the head come first, and their answers are not in a product's words either.
    let looped = public
        .request(Method::GET, "/v1/events")
        .header("webhook-hops", "3");
    assert_eq!(said(&public.send(looped).await), said(&nothing));
    let wrong = public.send(public.request(Method::PUT, "/v1/webhooks")).await;
    assert_refusal(&wrong, 405, "method_not_allowed", "a door");
}

async fn product_lives_on_the_public_listener(on: On) {
    let site = Site::with(on, APART).await;
    let crm = tenant(&site.gateway, "crm", "synthesq").await;
    let key = json!({ "scopes": ["consumer"] });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants/crm/keys", &key)
        .await
        .expect(201);
    let customer = crm.with_key(made["key"].as_str().unwrap());
    let customer = towards_public(&site.gateway, &customer).await;
    let receiver = Receiver::start(vec![]).await;
    let subscriptions = "/api/v1/webhooks/subscriptions";
    let new = json!({ "url": receiver.url(), "events": ["*"] });
    customer.post(subscriptions, &new).await.expect(201);
    crm.post(
        "/v1/events",
        &json!({ "type": "product.created", "data": { "id": 1 } }),
    )
    .await
    .expect(202);
    receiver.wait_for(1).await;
    let feed = customer.get("/api/v1/webhooks/events").await.expect(200);
    assert_eq!(feed["data"][0]["event"], "product.created");
    // Neither listener is a valid endpoint.
    let root = customer.request(Method::GET, "").build().unwrap();
    let public = format!("{}x", root.url());
    for url in [public, format!("{}/x", site.gateway.base())] {
        let new = json!({ "url": url, "events": ["*"] });
        let refused = customer.post(subscriptions, &new).await;
        assert_refusal(&refused, 422, "invalid_field", &url);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_listener_serves_more_where_asked_in_neutral_words() {
    let config = "ingest.max_body = \"32KiB\"\n[server.public]\nlisten = \"127.0.0.1:0\"\nalso = [\"publish\", \"feed\", \"health\"]\n\
        [server.admin]\nlisten = \"127.0.0.1:0\"";
    let gateway = Setup::embedded().with(config).start();
    let acme = gateway.tenant("acme").await;
    let public = towards_public(&gateway, &acme).await;
    let event = json!({ "type": "a.b", "data": {} });
    let accepted = public.post("/v1/events", &event).await;
    assert_neutral(&accepted, "an event");
    accepted.expect(202);
    assert_eq!(
        public.get("/v1/events").await.expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for path in ["/healthz", "/readyz"] {
        let answer = public.with_key(OPERATOR_KEY).get(path).await;
        assert_neutral(&answer, path);
        assert_eq!(answer.expect(200)["status"], "ok");
    }
    assert_eq!(public.get("/readyz").await.body, json!({ "status": "ok" }));
    for path in ["/metrics", "/v1/subscriptions", "/v1/events/x", "/openapi.json"] {
        assert_refusal(&public.get(path).await, 404, "route_unknown", path);
    }
    let put = public.send(public.request(Method::PUT, "/v1/events")).await;
    assert_refusal(&put, 404, "route_unknown", "PUT /v1/events");
    let large = json!({ "type": "a.b", "data": "x".repeat(40_000) });
    for (body, status, code) in [
        (json!({ "type": "hookgate.x", "data": {} }), 400, "invalid_event"),
        (json!({ "type": "", "data": {} }), 422, "invalid_event"),
        (large.clone(), 413, "body_too_large"),
    ] {
        assert_refusal(&public.post("/v1/events", &body).await, status, code, code);
    }
    assert_refusal(
        &public.with_key("x").post("/v1/events", &event).await,
        401,
        "key_unknown",
        "a key",
    );
    // The limit applies at the other listener too, in its own words.
    let told = acme.post("/v1/events", &large).await;
    assert_eq!((told.status, told.code()), (413, "body_too_large"));
    assert!(told.body["type"].as_str().unwrap().starts_with("/docs/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_have_certificates_and_connections_of_their_own() {
    let authority = Authority::new();
    let (cert, key) = authority.server_files();
    let config = format!(
        "[server.public]\nlisten = \"127.0.0.1:0\"\ntls = {{ cert = {cert:?}, key = {key:?} }}\nmax_connections = 3\n\
         max_connections_per_address = 2"
    );
    let gateway = Setup::embedded().with(&config).start();
    let crm = tenant(&gateway, "crm", "synthesq").await;
    assert!(
        gateway.base().starts_with("http://"),
        "the admin's has no certificate"
    );
    let public = towards_public(&gateway, &crm).await.trusting(authority.file());
    public.get("/api/v1/webhooks/subscriptions").await.expect(200);
    let url = public.request(Method::GET, "/").build().unwrap().url().clone();
    let address = format!("127.0.0.1:{}", url.port().unwrap());
    // Connections over the limit are closed without an answer: there is no handshake for them.
    let mut open = Vec::new();
    for _ in 0..12 {
        open.push(TcpStream::connect(&address).await.unwrap());
    }
    eventually("those over the limit are closed", async || {
        let mut closed = 0;
        for stream in &open {
            closed += usize::from(!is_open(stream));
        }
        (closed >= 9).then_some(())
    })
    .await;
    crm.get("/v1/subscriptions").await.expect(200);
    drop(open);
}

/// Returns `true` if a connection is open, without bytes to read.
fn is_open(stream: &TcpStream) -> bool {
    let read = stream.try_read(&mut [0]);
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[tokio::test(flavor = "multi_thread")]
async fn full_listener_refuses_without_a_name() {
    let config = "[server.public]\nlisten = \"127.0.0.1:0\"\nmax_connections_per_address = 1";
    let gateway = Setup::embedded().with(config).start();
    let leads = tenant(&gateway, "leads", "synaptis").await;
    let public = towards_public(&gateway, &leads).await;
    let port = public
        .request(Method::GET, "/")
        .build()
        .unwrap()
        .url()
        .port()
        .unwrap();
    let connect = || TcpStream::connect(("127.0.0.1", port));
    let mut first = connect().await.unwrap();
    // In the middle of a request, so that the next connection does not replace it.
    let head = format!(
        "POST /v1/webhooks HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 9\r\n\r\n{{",
        leads.key()
    );
    first.write_all(head.as_bytes()).await.unwrap();
    let refused = eventually("a connection is refused", async || {
        let mut next = connect().await.ok()?;
        let _ = next
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await;
        let mut answer = String::new();
        let _ = next.read_to_string(&mut answer).await;
        answer.starts_with("HTTP/1.1 503").then_some(answer)
    })
    .await;
    assert!(!refused.to_lowercase().contains("gate"), "{refused}");
    drop(first);
}

#[test]
fn listeners_that_cannot_be_are_refused_by_name() {
    for (toml, words) in [
        (
            "[server.public]\nlisten = \"127.0.0.1:8099\"\nalzo = []",
            &["server.public", "alzo", "also"][..],
        ),
        (
            "[server.public]\nlisten = \"127.0.0.1:8099\"\nalso = [\"docs\"]",
            &["server.public.also", "docs", "publish"],
        ),
        ("[server.admin]\nmax_connections = 3", &["server.admin", "listen"]),
        (
            "[server.admin]\nlisten = \"127.0.0.1:8080\"",
            &["server.admin.listen", "`server.listen` is 127.0.0.1:8080 too"],
        ),
        (
            "[server.public]\nlisten = \"127.0.0.1:8099\"\nmax_connections = 0",
            &["server.public.max_connections", "1 or more"],
        ),
        (
            "[profiles.one]\nextends = \"syncai\"\n[profiles.one.headers]\nresponse = { Server = \"One\" }",
            &[
                "profiles.one.routes",
                "the profile `syncai`",
                "leave routes, door and headers",
            ],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("hookgate.toml"), toml).unwrap();
        let mut check = command();
        let refused = check
            .args(["config", "check"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in\n{said}");
        }
    }
}
