//! Tests of message framing on raw sockets: the end of a request, and the start of the next one.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{config, exchange, start};

/// Reads one response with a body of known length.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = async {
        loop {
            let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
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
    tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .expect("an answer")
}

#[tokio::test]
async fn early_refusal_keeps_the_connection_usable_or_says_that_it_ends() {
    let running = start(config()).await;
    let chunked = |size: usize| format!("{size:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(size));
    let plain = |size: usize| "x".repeat(size);
    let length = |size: usize| format!("content-length: {size}\r\n");
    let encoding = "transfer-encoding: chunked\r\n".to_owned();
    for (name, headers, body, goes_on) in [
        ("a short body", length(20), plain(20), Some(true)),
        ("a short chunked body", encoding.clone(), chunked(20), Some(true)),
        ("a body of some packets", length(30_000), plain(30_000), None),
        ("chunks of some packets", encoding.clone(), chunked(30_000), None),
        ("a long body", length(300_000), plain(300_000), Some(false)),
        ("long chunks", encoding, chunked(300_000), Some(false)),
        (
            "a body that does not come",
            length(50_000),
            String::new(),
            Some(false),
        ),
        (
            "a body that comes in part",
            length(10_000_000),
            plain(100_000),
            Some(false),
        ),
        (
            "a body that waits to be asked for",
            format!("expect: 100-continue\r\n{}", length(20)),
            String::new(),
            Some(false),
        ),
    ] {
        let mut stream = TcpStream::connect(running.address).await.expect("it listens");
        let head = format!("POST /refuse HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.expect("written");
        stream.write_all(body.as_bytes()).await.expect("written");
        let answer = one_answer(&mut stream).await;
        assert!(answer.starts_with("http/1.1 401"), "{name}: {answer}");
        let said = !answer.contains("connection: close");
        assert!(
            goes_on.is_none_or(|expected| expected == said),
            "{name}: {answer}"
        );
        if said {
            let next = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
            stream.write_all(next.as_bytes()).await.expect("written");
            let next = one_answer(&mut stream).await;
            assert!(next.starts_with("http/1.1 200"), "{name}: {next}");
        }
    }
}

#[tokio::test]
async fn requests_that_could_be_read_in_two_ways_are_refused() {
    let running = start(config()).await;
    let next = "GET /next HTTP/1.1\r\nhost: x\r\n\r\n";
    for (name, request, status) in [
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        (
            "two hosts",
            "GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "no host in the host",
            "GET / HTTP/1.1\r\nhost: a@b\r\n\r\n".to_owned(),
            "400",
        ),
        ("no host before 1.1", "GET / HTTP/1.0\r\n\r\n".to_owned(), "200"),
        (
            "an absolute target",
            "GET http://y/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
            "200",
        ),
        (
            "two lengths",
            format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc{next}"),
            "400",
        ),
        (
            "a list of lengths",
            format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3, 4\r\n\r\nabc{next}"),
            "400",
        ),
        (
            "a signed length",
            format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +3\r\n\r\nabc{next}"),
            "400",
        ),
        (
            // The length is ignored and the connection ends: RFC 9112 §6.3.
            "a length and an encoding",
            format!(
                "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{next}"
            ),
            "200",
        ),
        (
            "an encoding and a length",
            format!(
                "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n{next}"
            ),
            "200",
        ),
        (
            "an encoding that is not chunked",
            format!("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n{next}"),
            "400",
        ),
        (
            "chunked before another encoding",
            format!("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, gzip\r\n\r\n{next}"),
            "400",
        ),
        (
            "an encoding before 1.1",
            format!("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{next}"),
            "400",
        ),
        (
            "a space before the colon",
            format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length : 3\r\n\r\nabc{next}"),
            "400",
        ),
        (
            "a folded header",
            format!("GET / HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n{next}"),
            "400",
        ),
        (
            "a chunk without a size",
            format!("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nx\r\n{next}"),
            "400",
        ),
        (
            "a chunk longer than it says",
            format!(
                "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n{next}"
            ),
            "400",
        ),
        ("no request", "hello\r\n\r\n".to_owned(), "400"),
        (
            "a long head",
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(300_000)),
            "4",
        ),
    ] {
        let answer = exchange(running.address, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}"))
                || answer.starts_with(&format!("HTTP/1.0 {status}")),
            "{name}: {answer}"
        );
        assert_eq!(
            answer.matches("HTTP/1.").count(),
            1,
            "{name}: nothing is smuggled: {answer}"
        );
    }
    let trailers = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-secret: y\r\n\r\n";
    let kept = format!("{trailers}GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = exchange(running.address, &kept).await;
    assert_eq!(
        answer.matches("200 OK").count(),
        2,
        "trailers are left out: {answer}"
    );
    let asked = "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 3\r\n\r\n";
    let mut stream = TcpStream::connect(running.address).await.expect("it listens");
    stream.write_all(asked.as_bytes()).await.expect("written");
    let go = one_answer(&mut stream).await;
    assert!(go.starts_with("http/1.1 100"), "{go}");
    stream.write_all(b"abc").await.expect("written");
    let answer = one_answer(&mut stream).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
}
