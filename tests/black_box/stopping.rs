//! A gateway that is told to stop: connections that clients keep are answered once more, and a store that is away is not waited for.

use hookgate_tests::{Fsync, Receiver, RedisServer, Reply, Setup, eventually};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_connections_are_answered_and_told_that_it_was_the_last() {
    let mut gateway = Setup::embedded().with("server.grace = \"30s\"").start();
    let acme = gateway.tenant("acme").await;
    let address = gateway.base().trim_start_matches("http://").to_owned();
    let mut kept = Vec::new();
    for _ in 0..16 {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        let head = post(&mut connection, acme.key()).await;
        assert!(
            head.starts_with("http/1.1 202") && !head.contains("connection: close"),
            "{head}"
        );
        kept.push(connection);
    }
    gateway.signal(Signal::TERM);
    eventually("it stops", async || {
        let refused = TcpStream::connect(&address).await.is_err();
        refused.then_some(())
    })
    .await;
    for mut connection in kept {
        let head = post(&mut connection, acme.key()).await;
        assert!(
            head.starts_with("http/1.1 202") && head.contains("connection: close"),
            "{head}"
        );
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).await.unwrap();
    }
    assert!(gateway.ended().success());
    let gateway = gateway.restart();
    let feed = acme.towards(gateway.base()).get("/v1/events").await.expect(200);
    assert_eq!(feed["data"].as_array().unwrap().len(), 32);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_that_is_away_is_not_waited_for() {
    let redis = RedisServer::start(Fsync::Always).unwrap();
    // Longer than any test waits for an end.
    let settings = "scheduler.lease = \"1h\"\nscheduler.drain = \"30m\"\nstore.redis.response_timeout = \"1s\"\n\
        store.redis.accept_timeout = \"1s\"\nstore.redis.connect_timeout = \"1s\"";
    let mut gateway = Setup::redis(&redis.url()).with(settings).start();
    let receiver = Receiver::start(vec![Reply::After(Duration::from_secs(2))]).await;
    let acme = gateway.tenant("acme").await;
    acme.subscribe(&receiver.url()).await;
    acme.publish("invoice.paid", json!({})).await;
    receiver.wait_for(1).await;
    redis.signal(Signal::STOP).unwrap();
    assert!(gateway.stop().success());
    let abandoned = gateway.count_in_log(|line| line.contains("scheduler.abandoned"));
    assert_eq!(abandoned, 1, "{}", gateway.log().join("\n"));
}

/// Posts an event on a connection that stays; the head of the answer, in lower case.
async fn post(connection: &mut TcpStream, key: &str) -> String {
    let body = json!({ "type": "invoice.paid", "data": {} }).to_string();
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = connection.read(&mut chunk).await.unwrap();
        assert!(
            read > 0,
            "it hung up after {:?}",
            String::from_utf8_lossy(&answer)
        );
        answer.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap_or("0").trim().parse().unwrap() {
                return head.to_owned();
            }
        }
    }
}
