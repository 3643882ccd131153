//! Pages of the feed: memory held for readers that request large pages and do not read them.

use hookgate_tests::{Client, eventually};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(pages_that_nobody_reads_hold_a_bounded_memory);

/// Memory limit of the gateway's process, as in a container.
const LIMIT: u64 = 3 << 30;

/// Bound of the gateway's resident memory: without limits, the pages below would take several GiB.
const PEAK: u64 = 768 << 20;

/// Number of events of about one MiB; a page may hold as many.
const EVENTS: usize = 500;

/// Readers of one tenant that do not read.
const READERS: usize = 20;

async fn pages_that_nobody_reads_hold_a_bounded_memory(on: On) {
    let patient = "store.redis.accept_timeout = \"30s\"\nstore.redis.response_timeout = \"60s\"";
    let site = Site::limited(on, patient, LIMIT).await;
    let evil = site.gateway.tenant("evil").await;
    let text = "x".repeat(1_000_000);
    let mut published = Vec::new();
    for n in 0..EVENTS {
        published.push(evil.publish("a.b", json!({ "n": n, "text": text })).await);
    }
    let address = site.gateway.base().trim_start_matches("http://").to_owned();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut reader = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "GET /v1/events?limit={EVENTS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
            evil.key()
        );
        reader.write_all(head.as_bytes()).await.unwrap();
        readers.push(reader);
    }
    eventually("each has the beginning of an answer", async || {
        let mut byte = [0];
        for reader in &readers {
            if reader.peek(&mut byte).await.ok()? == 0 {
                return None;
            }
        }
        Some(())
    })
    .await;
    // A neighbour reads and publishes meanwhile.
    let id = site.acme.publish("a.b", json!({ "n": 1 })).await;
    let page = site.acme.get("/v1/events").await.expect(200);
    assert_eq!(page["data"][0]["id"], json!(id));
    drop(readers);
    // A client that reads receives all of them, page by page.
    assert_eq!(read_all(&evil).await, published);
    let peak = site.gateway.peak_resident().unwrap();
    assert!(peak < PEAK, "{} MiB at the most", peak >> 20);
}

/// All ids of a feed. Memory held for the earlier readers is freed when the gateway notices their
/// disconnection.
async fn read_all(client: &Client) -> Vec<String> {
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/events?limit={EVENTS}{cursor}");
        let page = eventually("there is memory for a page", async || {
            let answer = client.get(&path).await;
            match answer.status {
                429 | 503 => None,
                _ => Some(answer.expect(200)),
            }
        })
        .await;
        let events = page["data"].as_array().unwrap();
        if events.is_empty() {
            return read;
        }
        let bytes = page.to_string().len();
        assert!(bytes < 6 << 20, "a page of {bytes} bytes");
        read.extend(
            events
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    }
}
