//! Tests of odd, broken and endless responses, and of connections that close.

use super::*;

/// Reaction of a receiver to a request.
type React = fn() -> Reaction;

/// The head is the answer, regardless of the body.
#[tokio::test]
async fn answer_counts_from_its_head_on() {
    let delivered = Outcome::Delivered { status: 200 };
    let refused = |status, retry_after: Option<u64>| Outcome::Refused {
        status,
        retry_after: retry_after.map(Duration::from_secs),
    };
    let table: Vec<(React, Outcome)> = vec![
        (|| Reaction::Drip, delivered.clone()),
        (
            || Reaction::Keep("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"),
            delivered.clone(),
        ),
        (
            || Reaction::Last("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
            delivered.clone(),
        ),
        (
            || Reaction::Keep("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            delivered.clone(),
        ),
        (
            || Reaction::Last("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello\r\n"),
            delivered.clone(),
        ),
        (
            || Reaction::Last("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
            delivered.clone(),
        ),
        (
            || Reaction::Last("HTTP/1.1 200 OK\r\n\r\nto the end"),
            delivered.clone(),
        ),
        (
            || Reaction::Cut("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
            delivered.clone(),
        ),
        (
            || Reaction::Last("HTTP/1.1 410 Gone\r\ncontent-length: 500\r\n\r\nno"),
            refused(410, None),
        ),
        (
            || Reaction::Last("HTTP/1.1 429 Slow\r\nretry-after: 30\r\ncontent-length: 500\r\n\r\nno"),
            refused(429, Some(30)),
        ),
        (
            || Reaction::Keep("HTTP/1.1 503 No\r\nretry-after: 30\r\ntransfer-encoding: chunked\r\n\r\n"),
            refused(503, Some(30)),
        ),
        // Framing that RFC 9112 permits a client to reject: the status counts nevertheless.
        (
            || Reaction::Last("HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok"),
            delivered.clone(),
        ),
        (
            || Reaction::Last("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"),
            delivered.clone(),
        ),
        (
            || Reaction::Last("HTTP/1.0 410 Gone\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            refused(410, None),
        ),
    ];
    for (number, (reaction, expected)) in table.into_iter().enumerate() {
        assert_eq!(
            outcome(reaction, SHORT).await.outcome,
            expected,
            "answer {number}"
        );
    }
}

/// Heads of RFC 9112, and deviations of old servers.
#[tokio::test]
async fn odd_heads_are_read() {
    for answer in [
        "HTTP/1.1 200 OK\r\nx-long: a\r\n b\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-by : php\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nPHP Warning\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nset-cookie: a=b\u{1}c\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 Très bien\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 \u{1}\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1  200  OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-length: 0\n\n",
        "\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let receiver = Receiver::start(move |_| Reaction::Last(answer)).await;
        let outcome = send(&client(&receiver), &receiver, LONG).await.outcome;
        assert_eq!(outcome, Outcome::Delivered { status: 200 }, "{answer:?}");
    }
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "set-cookie: a=b\r\n".repeat(200)
    );
    let many: &'static str = many.leak();
    let receiver = Receiver::start(move |_| Reaction::Last(many)).await;
    let outcome = send(&client(&receiver), &receiver, LONG).await.outcome;
    assert_eq!(outcome, Outcome::Delivered { status: 200 });
}

#[tokio::test]
async fn switched_protocol_is_a_refusal() {
    let receiver = Receiver::start(|_| {
        Reaction::Keep("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
    })
    .await;
    let client = client(&receiver);
    for _ in 0..2 {
        let outcome = send(&client, &receiver, LONG).await.outcome;
        assert!(
            matches!(outcome, Outcome::Refused { status: 101, .. }),
            "{outcome:?}"
        );
    }
    assert_eq!(receiver.connections(), 2, "no other request goes over it");
}

/// A flood is cut off long before the timeout; otherwise each of these would last until then.
#[tokio::test]
async fn floods_are_cut_off() {
    let too_large = Outcome::Unreachable {
        during: Stage::Head,
        reason: "the answer's head is too large".to_owned(),
    };
    let delivered = Outcome::Delivered { status: 200 };
    let table: Vec<(React, &Outcome)> = vec![
        (
            || Reaction::Endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
            &too_large,
        ),
        (
            || Reaction::Endless("", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
            &too_large,
        ),
        (
            || Reaction::Endless("HTTP/1.1 200 OK\r\n", "x-more: 1\r\n"),
            &too_large,
        ),
        (
            || Reaction::Endless("HTTP/1.1 200 OK\r\nx-long: ", "x"),
            &too_large,
        ),
        (
            || {
                Reaction::Endless(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                    "1\r\nx\r\n",
                )
            },
            &delivered,
        ),
        (
            || Reaction::Endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", "x=y;"),
            &delivered,
        ),
    ];
    for (number, (reaction, expected)) in table.into_iter().enumerate() {
        assert_eq!(&outcome(reaction, LONG).await.outcome, expected, "flood {number}");
        let receiver = Receiver::start_tls(move |_| reaction()).await;
        let encrypted = send(&client(&receiver), &receiver, LONG).await;
        assert_eq!(&encrypted.outcome, expected, "flood {number} over TLS");
    }
}

/// An endpoint may close a connection while the next request is on its way.
#[tokio::test]
async fn request_on_a_kept_connection_that_ended_is_made_again() {
    for last in [
        || Reaction::Reset,
        || Reaction::Last(""),
        || Reaction::Last("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n"),
    ] {
        let receiver = Receiver::start(move |before| match before {
            1 => last(),
            _ => Reaction::Say("200 OK"),
        })
        .await;
        let client = client(&receiver);
        for _ in 0..2 {
            let answer = send(&client, &receiver, LONG).await;
            assert_eq!(answer.outcome, Outcome::Delivered { status: 200 });
        }
        assert_eq!((receiver.requests().len(), receiver.connections()), (3, 2));
    }
}

#[tokio::test]
async fn request_is_not_made_again_once_an_answer_began_or_on_a_new_connection() {
    let unreachable = |outcome: &Outcome| {
        matches!(
            outcome,
            Outcome::Unreachable {
                during: Stage::Head,
                ..
            }
        )
    };
    let begun = Receiver::start(|before| match before {
        0 => Reaction::Say("200 OK"),
        _ => Reaction::Last("HTTP/1.1 2"),
    })
    .await;
    let own = client(&begun);
    send(&own, &begun, LONG).await;
    let outcome = send(&own, &begun, LONG).await.outcome;
    assert!(unreachable(&outcome), "{outcome:?}");
    assert_eq!(begun.requests().len(), 2);

    // Only once: the new connection ends in the same way.
    let ending = Receiver::start(|before| match before {
        0 => Reaction::Say("200 OK"),
        _ => Reaction::Reset,
    })
    .await;
    let own = client(&ending);
    send(&own, &ending, LONG).await;
    let outcome = send(&own, &ending, LONG).await.outcome;
    assert!(unreachable(&outcome), "{outcome:?}");
    assert_eq!((ending.requests().len(), ending.connections()), (3, 2));
}

#[tokio::test]
async fn kept_connection_with_an_answer_to_nothing_is_not_used() {
    let receiver = Receiver::start(|before| match before {
        0 => Reaction::Keep(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n",
        ),
        1 => Reaction::Say("200 OK\r\nconnection: close"),
        2 => Reaction::Say("200 OK\r\nkeep-alive: timeout=0"),
        _ => Reaction::Say("200 OK"),
    })
    .await;
    let client = client(&receiver);
    for _ in 0..5 {
        let answer = send(&client, &receiver, LONG).await;
        assert_eq!(answer.outcome, Outcome::Delivered { status: 200 });
    }
    assert_eq!((receiver.requests().len(), receiver.connections()), (5, 4));
}
