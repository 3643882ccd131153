//! Tests of the server on real sockets.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::super::{Account, BodyLimits, Code, JSON, Problem, RequestBody, Response, receive, reply};
use super::*;
use hookgate_domain::Timestamp;
use hookgate_domain::units::Span;
use hookgate_runtime::memory::{self, MemoryPool};
use hookgate_runtime::telemetry::Exposition;

mod framing;

/// Handler that answers with the body's length.
/// `/wait` answers only on request; `/refuse` answers without reading the body.
#[derive(Clone)]
struct Length(CancellationToken);

impl Endpoint for Length {
    async fn answer(&self, request: Request<RequestBody>) -> Response {
        if request.uri().path() == "/wait" {
            self.0.cancelled().await;
        }
        if request.uri().path() == "/refuse" {
            return Problem::new(Code::KeyUnknown, "Who are you?").into_reply();
        }
        let limits = BodyLimits {
            max: 16,
            time: Duration::from_secs(1),
        };
        let pool = MemoryPool::new(&memory::Config::default());
        let account = Account {
            pool: &pool,
            owner: None,
        };
        let (head, body) = request.into_parts();
        match receive(&head.headers, body, limits, account).await {
            Ok(body) => reply(StatusCode::OK, JSON, Bytes::from(body.bytes.len().to_string())),
            Err(problem) => problem.into_reply(),
        }
    }
}

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    go: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn config() -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..Config::default()
    }
}

async fn start(config: Config) -> Running {
    start_counted(config, Metrics::new()).await
}

async fn start_counted(config: Config, metrics: Metrics) -> Running {
    let server = Server::bind(config).await.expect("a free port");
    let (shutdown, go) = (CancellationToken::new(), CancellationToken::new());
    let address = server.address();
    let task = tokio::spawn(server.run(Length(go.clone()), metrics, shutdown.clone()));
    Running {
        address,
        shutdown,
        go,
        task,
    }
}

/// Sends the text and reads until the server closes.
async fn exchange(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(text.as_bytes()).await.expect("written");
    to_end(stream).await
}

async fn to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the response also counts as the end.
    let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer))
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_are_answered_on_a_kept_connection() {
    let running = start(config()).await;
    let two = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nabcde";
    let answer = exchange(running.address, two).await;
    assert_eq!(answer.matches("200 OK").count(), 2, "{answer}");
    assert!(answer.ends_with("\r\n\r\n5"), "{answer}");
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_sent() {
    let running = start(config()).await;
    let answer = exchange(
        running.address,
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(20_000));
    let answer = exchange(running.address, &long).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test]
async fn slow_clients_are_let_go() {
    let config = Config {
        header_timeout: Span::from_secs(1),
        idle_timeout: Span::from_secs(1),
        ..config()
    };
    let running = start(config).await;
    assert_eq!(
        exchange(running.address, "POST / HTTP/1.1\r\nhost: x\r\nx: ").await,
        ""
    );
    assert_eq!(exchange(running.address, "").await, "");
    let slow_body = exchange(
        running.address,
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab",
    )
    .await;
    assert!(slow_body.starts_with("HTTP/1.1 408"), "{slow_body}");
    let idle = exchange(running.address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_takes_no_new_ones() {
    let running = start(config()).await;
    let mut waiting = TcpStream::connect(running.address).await.expect("it listens");
    waiting
        .write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("written");
    // The second connection is served only after the first was accepted.
    let idle = TcpStream::connect(running.address).await.expect("it listens");
    exchange(
        running.address,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    running.shutdown.cancel();
    assert_eq!(to_end(idle).await, "", "an idle connection ends at once");
    assert!(!running.task.is_finished());
    running.go.cancel();
    let answer = to_end(waiting).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    running.task.await.expect("it ended by itself");
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_told() {
    let running = start(config()).await;
    let again = Server::bind(Config {
        listen: running.address,
        ..config()
    })
    .await;
    let told = again.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(
        told.contains("in use") && told.contains("server.listen"),
        "{told}"
    );
}

#[tokio::test]
async fn connection_over_the_limit_is_refused_or_evicts() {
    let running = start(Config {
        max_connections: 2,
        max_connections_per_address: Some(2),
        ..config()
    })
    .await;
    let mut first = TcpStream::connect(running.address).await.expect("it listens");
    first
        .write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .expect("written");
    let silent = TcpStream::connect(running.address).await.expect("it listens");
    let again = exchange(
        running.address,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert!(
        again.await.starts_with("HTTP/1.1 200"),
        "it has the silent one's place"
    );
    assert_eq!(to_end(silent).await, "");
    let mut second = TcpStream::connect(running.address).await.expect("it listens");
    second
        .write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .expect("written");
    // The second is in its request once a third is refused: until then it may count as silent.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let refused = to_end(TcpStream::connect(running.address).await.expect("it listens")).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    running.go.cancel();
    assert!(to_end(first).await.starts_with("HTTP/1.1 200"));
    assert!(to_end(second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn half_closed_client_is_answered() {
    let running = start(config()).await;
    for request in [
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc",
        "GET /wait HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(running.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("written");
        stream.shutdown().await.expect("its sending side ends");
        tokio::time::sleep(Duration::from_millis(50)).await;
        running.go.cancel();
        let answer = to_end(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let mut stream = TcpStream::connect(running.address).await.expect("it listens");
    let half = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\na";
    stream.write_all(half.as_bytes()).await.expect("written");
    stream.shutdown().await.expect("its sending side ends");
    let answer = to_end(stream).await;
    assert!(!answer.contains(" 200 "), "half a body is no request: {answer}");
}

#[tokio::test]
async fn every_answer_forbids_sniffing_and_storing() {
    let running = start(config()).await;
    for path in ["/", "/refuse"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = exchange(running.address, &request).await;
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
        assert!(answer.contains("cache-control: no-store"), "{answer}");
    }
}

#[tokio::test]
async fn failed_connections_are_counted() {
    let metrics = Metrics::new();
    let running = start_counted(config(), metrics.clone()).await;
    exchange(running.address, "hello\r\n\r\n").await;
    exchange(
        running.address,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    let shown = metrics.render(Exposition::OpenMetrics, Timestamp::from_millis(1_000));
    assert!(
        shown.contains("hookgate_connection_failures_total{kind=\"parse\"} 1"),
        "{shown}"
    );
    let route = "hookgate_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"2xx\"} 1";
    assert!(shown.contains(route), "{shown}");
}

#[tokio::test]
async fn https_is_served_with_the_certificate_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let tls = super::super::Tls {
        cert: cert.clone(),
        key,
    };
    let running = start(Config {
        tls: Some(tls),
        ..config()
    })
    .await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let stream = TcpStream::connect(running.address).await.expect("it listens");
    let name = "localhost".try_into().expect("a name");
    let mut stream = connector.connect(name, stream).await.expect("they shake hands");
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .expect("written");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let swapped = super::super::Tls {
        cert: cert.clone(),
        key: cert,
    };
    let refused = Server::bind(Config {
        tls: Some(swapped),
        ..config()
    })
    .await;
    assert!(matches!(refused, Err(Error::Tls(tls::Error::Key { .. }))));
}
