//! Connections, descriptors, bodies in flight and uploads: one client cannot exhaust them for
//! others.

use std::time::Duration;

use hookgate_tests::gateway::OPERATOR_KEY;
use hookgate_tests::{BOUND, Client, Gateway, Receiver, Setup, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::{On, Site, on_both_stores};

async fn connect(gateway: &Gateway) -> TcpStream {
    let address = gateway.base().trim_start_matches("http://").to_owned();
    TcpStream::connect(address).await.unwrap()
}

/// Opens silent connections. Those that the gateway has closed stay open on this side.
async fn silent(gateway: &Gateway, count: usize) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for _ in 0..count {
        silent.push(connect(gateway).await);
    }
    silent
}

/// A request's head.
fn head(method: &str, path: &str, key: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{headers}\r\n")
}

/// Reads one answer with a body of known length, or the bytes up to the end of the connection.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = async {
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.split("content-length: ").nth(1).unwrap_or_default();
                let length: usize = length.lines().next().unwrap_or_default().parse().unwrap_or(0);
                if body.len() >= length {
                    return text;
                }
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return text,
                Ok(read) => answer.extend_from_slice(&buffer[..read]),
            }
        }
    };
    tokio::time::timeout(BOUND, reading).await.expect("an answer")
}

/// Asserts that a tenant's event is accepted and delivered once.
async fn is_served(neighbour: &Client) {
    let receiver = Receiver::start(vec![]).await;
    neighbour.subscribe(&receiver.url()).await;
    let id = neighbour.publish("order.placed", json!({ "n": 1 })).await;
    eventually("the neighbour's delivery", async || {
        receiver
            .received()
            .iter()
            .any(|received| received.id() == id)
            .then_some(())
    })
    .await;
    let event = neighbour.get(&format!("/v1/events/{id}")).await.expect(200);
    let attempts = &event["deliveries"][0]["attempts"];
    assert_eq!(
        receiver.received().len(),
        1,
        "the first attempt went well: {attempts}"
    );
    assert_eq!(neighbour.get("/healthz").await.status, 200);
}

async fn silent_connections_leave_descriptors_to_others(on: On) {
    // With the soft limit of most systems, and with a hard limit too low for all parts.
    for limits in ["ulimit -S -n 256", "ulimit -n 256"] {
        let site = Site::under(on, limits, "server.max_connections = 1000").await;
        let silent = silent(&site.gateway, 400).await;
        is_served(&site.acme).await;
        let ready = site.acme.get("/readyz").await.expect(200);
        let warned = ready["warnings"].to_string().contains("file descriptors");
        assert_eq!(warned, limits == "ulimit -n 256", "{ready:#}");
        let refused: Vec<_> = site
            .gateway
            .log()
            .into_iter()
            .filter(|line| line.contains("connections.refused") || line.contains("not_accepted"))
            .collect();
        assert!(refused.len() <= 1, "a line for each change: {refused:#?}");
        drop(silent);
    }
}

on_both_stores!(silent_connections_leave_descriptors_to_others);

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_make_room_for_requests() {
    let site = Site::with(
        On::Embedded,
        "server.max_connections = 100\nserver.max_connections_per_address = 100",
    )
    .await;
    let silent = silent(&site.gateway, 300).await;
    is_served(&site.acme).await;
    let metrics = site.acme.get("/metrics").await.body.to_string();
    assert!(
        metrics.contains("hookgate_connections_evicted_total"),
        "{metrics}"
    );
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_bodies_are_kept_to_the_tenants_share() {
    let config =
        "memory.max_bytes_per_tenant = \"16MiB\"\nserver.body_timeout = \"10m\"\ningest.max_body = \"1MiB\"";
    let site = Site::with(On::Embedded, config).await;
    let neighbour = site.gateway.tenant("globex").await;
    let before = site.gateway.resident().unwrap();
    let headers = "content-type: application/json\r\ncontent-length: 1048576\r\n";
    let head = head("POST", "/v1/events", site.acme.key(), headers);
    // Long bodies are announced, and few bytes are sent.
    let mut open = Vec::new();
    for _ in 0..400 {
        let mut stream = connect(&site.gateway).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[b' '; 60]).await.unwrap();
        open.push(stream);
    }
    assert_eq!(neighbour.get("/healthz").await.status, 200);
    let announced = site.gateway.resident().unwrap().saturating_sub(before);
    assert!(announced < 64 << 20, "{announced} bytes for what was announced");
    // All but the last bytes are sent.
    let body = vec![b' '; 1_000_000];
    let mut refused = 0;
    for stream in &mut open {
        // The gateway may have refused the request and stopped reading.
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.write_all(&body)).await;
        let mut first = [0; 12];
        if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(1), stream.read_exact(&mut first)).await
        {
            assert_eq!(&first, b"HTTP/1.1 429");
            refused += 1;
        }
    }
    let held = site.gateway.resident().unwrap().saturating_sub(before);
    assert!(
        held < 160 << 20,
        "{held} bytes for unfinished bodies; {refused} were refused"
    );
    is_served(&neighbour).await;
    let large = json!({ "type": "a.b", "data": { "text": "x".repeat(500_000) } });
    assert_eq!(neighbour.post("/v1/events", &large).await.status, 202);
    let over = site.acme.post("/v1/events", &large).await;
    assert_eq!(
        (over.status, over.code()),
        (429, "memory_share"),
        "{:#}",
        over.body
    );
    assert_eq!(over.header("retry-after"), "1");
    drop(open);
    eventually("the share is given back", async || {
        (site.acme.post("/v1/events", &large).await.status == 202).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_one_tenant_are_few_at_once() {
    let site = Site::with(On::Embedded, "server.body_timeout = \"10m\"").await;
    let neighbour = site.gateway.tenant("globex").await;
    let headers = "content-type: application/wasm\r\ncontent-length: 1000000\r\n";
    let begin = async |extra: &str| {
        let mut stream = connect(&site.gateway).await;
        let head = head(
            "POST",
            "/v1/plugins",
            site.acme.key(),
            &format!("{headers}{extra}"),
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[0; 1000]).await.unwrap();
        stream
    };
    let mut open = Vec::new();
    for extra in ["", "", "idempotency-key: a\r\n", "idempotency-key: b\r\n"] {
        open.push(begin(extra).await);
    }
    let upload = async |client: &Client| {
        client
            .post_raw("/v1/plugins", "application/wasm", vec![0; 100])
            .await
    };
    eventually("the fifth is refused", async || {
        let fifth = upload(&site.acme).await;
        if fifth.code() == "tenant_busy" {
            return Some(());
        }
        // It preceded one of the four, which was refused instead.
        open.push(begin("").await);
        None
    })
    .await;
    assert_eq!(upload(&neighbour).await.code(), "invalid_component");
    drop(open);
    eventually("there is room again", async || {
        (upload(&site.acme).await.code() == "invalid_component").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn early_answers_leave_connections_usable_or_say_that_they_end() {
    let site = Site::with(On::Embedded, "ingest.max_in_flight_per_tenant = 1000").await;
    let (acme, operator) = (site.acme.key(), OPERATOR_KEY);
    let json = "content-type: application/json\r\n";
    for (method, path, key, headers, status) in [
        ("POST", "/v1/events", "nobody", json, 401),
        ("POST", "/v1/events", operator, json, 400),
        ("POST", "/v1/events", acme, "content-type: text/plain\r\n", 415),
        (
            "POST",
            "/v1/events",
            acme,
            "content-type: application/json; charset=latin1\r\n",
            415,
        ),
        (
            "POST",
            "/v1/events",
            acme,
            "content-type: application/json\r\ncontent-encoding: gzip\r\n",
            415,
        ),
        (
            "POST",
            "/v1/events",
            acme,
            "content-type: application/json\r\nidempotency-key: \r\n",
            400,
        ),
        ("POST", "/v1/nothing", acme, "", 404),
        ("DELETE", "/v1/events", acme, "", 405),
        ("GET", "/v1/events", acme, "", 400),
        ("GET", "/healthz", acme, "", 400),
        ("POST", "/v1/subscriptions", "nobody", json, 401),
        (
            "POST",
            "/v1/subscriptions",
            acme,
            "content-type: text/plain\r\n",
            415,
        ),
        ("POST", "/v1/tenants", acme, json, 403),
        ("PUT", "/v1/chain", "nobody", json, 401),
        ("POST", "/v1/plugins", acme, json, 415),
        ("POST", "/v1/deliveries/dlv_x~y/retry", acme, json, 400),
        ("DELETE", "/v1/subscriptions/sub_x", acme, json, 400),
        ("OPTIONS", "/v1/events", acme, "", 405),
    ] {
        for size in [0, 20, 300_000, 3_000_000] {
            let mut stream = connect(&site.gateway).await;
            let length = format!("{headers}content-length: {size}\r\n");
            let request = head(method, path, key, &length);
            stream.write_all(request.as_bytes()).await.unwrap();
            let _ = stream.write_all(&vec![b'x'; size]).await;
            let first = answer(&mut stream).await;
            let name = format!("{method} {path} {headers:?} with {size} bytes");
            // The answer may report an exceeded limit instead.
            let expected =
                first.starts_with(&format!("HTTP/1.1 {status}")) || first.starts_with("HTTP/1.1 413");
            assert!(expected || size == 0, "{name}: {first}");
            if first.contains("connection: close") {
                continue;
            }
            let body = r#"{"type":"a.b","data":null}"#;
            let length = format!("{json}content-length: {}\r\n", body.len());
            let next = head("POST", "/v1/events", acme, &length) + body;
            stream.write_all(next.as_bytes()).await.unwrap();
            let next = answer(&mut stream).await;
            assert!(next.starts_with("HTTP/1.1 202"), "after {name}: {next:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_by_a_listener_of_its_own() {
    let config = "server.health_listen = \"127.0.0.1:0\"\nserver.max_connections = 10\n\
         server.max_connections_per_address = 10\nserver.body_timeout = \"10m\"";
    let site = Site::with(On::Embedded, config).await;
    let port = eventually("the health listener's port", async || {
        let log = site.gateway.log().join("\n");
        let told = log.split_once("gateway.health_listening")?.1;
        let port = told.split_once("127.0.0.1:")?.1;
        Some(port.chars().take_while(char::is_ascii_digit).collect::<String>())
    })
    .await;
    // Requests occupy all connections of the first listener.
    let length = "content-type: application/json\r\ncontent-length: 100\r\n";
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&site.gateway).await;
        let head = head("POST", "/v1/events", site.acme.key(), length);
        let _ = stream.write_all(head.as_bytes()).await;
        open.push(stream);
    }
    let health = site.acme.towards(&format!("http://127.0.0.1:{port}"));
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(health.get(path).await.status, 200, "{path}");
    }
    assert_eq!(health.get("/v1/events").await.status, 404);
    drop(open);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_closed_producer_is_answered() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let body = r#"{"type":"a.b","data":{}}"#;
    let length = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    let mut stream = connect(&gateway).await;
    let request = head("POST", "/v1/events", acme.key(), &length) + body;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}
