//! Tests of the client against real receivers.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use hookgate_domain::Outcome;
use hookgate_domain::delivery::Stage;
use hookgate_runtime::clock::Clock;
use hookgate_testing::receiver::{Reaction, Receiver};

/// Configuration that permits requests to a receiver.
fn reaching(receiver: &Receiver) -> Config {
    Config {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ca_file: receiver.ca_file(),
        ..Config::default()
    }
}

fn client(receiver: &Receiver) -> Client {
    Client::new(&reaching(receiver), Clock::System).unwrap()
}

async fn send(client: &Client, receiver: &Receiver, timeout: Duration) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("x-own", HeaderValue::from_static("1"));
    let request = Request {
        url: &receiver.url,
        headers,
        body: Bytes::from_static(b"{\"a\":1}"),
        timeout,
    };
    client.send(request).await
}

#[tokio::test]
async fn replaced_destinations_hold_for_kept_connections_too() {
    let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
    let client = client(&receiver);
    let outcome = async || send(&client, &receiver, LONG).await.outcome;
    let adopt = |config: &Config| client.adopt(Destinations::of(config).unwrap());
    let delivered = Outcome::Delivered { status: 200 };
    assert_eq!(outcome().await, delivered);
    adopt(&Config::default());
    let blocked = outcome().await;
    assert!(matches!(blocked, Outcome::Blocked { .. }), "{blocked:?}");
    adopt(&reaching(&receiver));
    assert_eq!(outcome().await, delivered);
    assert_eq!(receiver.connections(), 2, "the first was not kept");
}

/// An answer that comes, and an end, before the request was read: 413, 401.
#[tokio::test]
async fn answer_before_the_request_was_read_counts() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = b"HTTP/1.1 413 Too Large\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                .await
                .unwrap();
        }
    });
    let config = Config {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Config::default()
    };
    let client = Client::new(&config, Clock::System).unwrap();
    for _ in 0..20 {
        let request = Request {
            url: &url,
            headers: HeaderMap::new(),
            body: vec![b' '; 4 << 20].into(),
            timeout: LONG,
        };
        let outcome = client.send(request).await.outcome;
        let expected = Outcome::Refused {
            status: 413,
            retry_after: Some(Duration::from_secs(9)),
        };
        assert_eq!(outcome, expected);
    }
}

/// Outcome of one request to a receiver that always reacts in this way.
async fn outcome(reaction: fn() -> Reaction, timeout: Duration) -> Answer {
    let receiver = Receiver::start(move |_| reaction()).await;
    send(&client(&receiver), &receiver, timeout).await
}

mod answers;

const LONG: Duration = Duration::from_secs(60);
/// Timeout that suffices to connect.
const SHORT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn the_request_arrives_as_it_is() {
    let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
    let answer = send(&client(&receiver), &receiver, LONG).await;
    assert_eq!(answer.outcome, Outcome::Delivered { status: 200 });
    let got = &receiver.requests()[0];
    assert!(got.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", got.head);
    assert_eq!(got.body, b"{\"a\":1}");
    assert_eq!(got.header("x-own").as_deref(), Some("1"));
    let port = receiver.url.port().unwrap();
    assert_eq!(got.header("host"), Some(format!("127.0.0.1:{port}")));
}

#[tokio::test]
async fn statuses_and_what_they_ask_for() {
    let refused = |status, retry_after: Option<u64>| Outcome::Refused {
        status,
        retry_after: retry_after.map(Duration::from_secs),
    };
    let table: [(fn() -> Reaction, Outcome); 5] = [
        (
            || Reaction::Say("204 No Content"),
            Outcome::Delivered { status: 204 },
        ),
        (|| Reaction::Say("500 Oh"), refused(500, None)),
        (|| Reaction::Say("410 Gone"), refused(410, None)),
        (
            || Reaction::Say("429 Slow\r\nretry-after: 7"),
            refused(429, Some(7)),
        ),
        (
            || Reaction::Say("503 No\r\nretry-after: soon"),
            refused(503, None),
        ),
    ];
    for (reaction, expected) in table {
        assert_eq!(outcome(reaction, LONG).await.outcome, expected);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let receiver = Receiver::start(|_| Reaction::Say("302 Found\r\nlocation: /elsewhere")).await;
    let answer = send(&client(&receiver), &receiver, LONG).await;
    assert!(matches!(answer.outcome, Outcome::Refused { status: 302, .. }));
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn the_deadline_covers_the_head() {
    let hung = outcome(|| Reaction::Hang, SHORT).await.outcome;
    assert_eq!(hung, Outcome::TimedOut { during: Stage::Head });
    let begun = outcome(|| Reaction::Keep("HTTP/1.1 200 OK\r\n"), SHORT)
        .await
        .outcome;
    assert_eq!(begun, Outcome::TimedOut { during: Stage::Head });
}

#[tokio::test]
async fn a_gigabyte_is_not_listened_to() {
    let answer = outcome(|| Reaction::Flood, LONG).await;
    assert_eq!(answer.outcome, Outcome::Delivered { status: 200 });
    assert_eq!(answer.body.len(), 4096);
}

#[tokio::test]
async fn what_breaks_is_unreachable() {
    for reaction in [
        || Reaction::Reset,
        || Reaction::Last(""),
        || Reaction::Last("SSH-2.0-OpenSSH_9.2\r\n"),
        || Reaction::Last("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n"),
        || Reaction::Last("HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let outcome = outcome(reaction, LONG).await.outcome;
        assert!(matches!(outcome, Outcome::Unreachable { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let receiver = Receiver::start(|_| Reaction::Hang).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}/").parse().unwrap();
    let request = Request {
        url: &url,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: LONG,
    };
    let outcome = client(&receiver).send(request).await.outcome;
    let Outcome::Unreachable {
        during: Stage::Connect,
        reason,
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(reason, "the connection was refused");
}

#[tokio::test]
async fn connections_are_kept_and_closed_ones_are_replaced() {
    let receiver = Receiver::start(|before| match before {
        0..3 => Reaction::Say("200 OK"),
        3 => Reaction::Last("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        _ => Reaction::Say("200 OK"),
    })
    .await;
    let client = client(&receiver);
    for _ in 0..6 {
        let answer = send(&client, &receiver, LONG).await;
        assert_eq!(answer.outcome, Outcome::Delivered { status: 200 });
    }
    assert_eq!((receiver.requests().len(), receiver.connections()), (6, 2));
}

#[tokio::test]
async fn blocked_without_a_connection() {
    let receiver = Receiver::start(|_| Reaction::Say("200 OK")).await;
    let strict = Client::new(&Config::default(), Clock::System).unwrap();
    let port = receiver.url.port().unwrap();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let url = url.parse().unwrap();
        assert!(strict.admit(&url).await.is_err(), "{url}");
        let request = Request {
            url: &url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: LONG,
        };
        let outcome = strict.send(request).await.outcome;
        assert!(matches!(outcome, Outcome::Blocked { .. }), "{url}: {outcome:?}");
    }
    assert_eq!(receiver.connections(), 0);
    assert!(client(&receiver).admit(&receiver.url).await.is_ok());
}

#[tokio::test]
async fn tls_of_known_authorities_only() {
    let receiver = Receiver::start_tls(|_| Reaction::Say("200 OK")).await;
    let trusting = client(&receiver);
    for _ in 0..2 {
        let answer = send(&trusting, &receiver, LONG).await;
        assert_eq!(answer.outcome, Outcome::Delivered { status: 200 });
    }
    assert_eq!(receiver.connections(), 1);
    let config = Config {
        ca_file: None,
        ..reaching(&receiver)
    };
    let strict = Client::new(&config, Clock::System).unwrap();
    let outcome = send(&strict, &receiver, LONG).await.outcome;
    let Outcome::Unreachable {
        during: Stage::Tls,
        reason,
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert!(reason.contains("UnknownIssuer"), "{reason}");
    assert_eq!(receiver.requests().len(), 2);
}

proptest! {
    /// Every URL is either an endpoint with a checked literal address, or refused.
    #[test]
    fn any_url_is_taken_apart(text in "https?://[a-z0-9.\\[\\]:@%]{1,30}(:[0-9]{1,5})?/[ -~]{0,30}") {
        if let Ok(url) = text.parse::<url::Url>()
            && let Ok(endpoint) = UrlPolicy::default().endpoint(&url) {
            prop_assert_eq!(endpoint.origin.literal.is_some(), !matches!(url.host(), Some(url::Host::Domain(_))));
            prop_assert!(url.username().is_empty());
        }
    }
}
