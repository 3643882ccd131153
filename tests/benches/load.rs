//! A minimal producer: prepared requests over kept-alive connections, one at a time on each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Amount of load.
#[derive(Debug, Clone)]
pub struct Plan {
    pub events: usize,
    pub connections: usize,
}

/// Sends the plan's events and waits for every answer; each must be 2xx.
pub async fn run(to: SocketAddr, path: &str, key: &str, plan: &Plan) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections: JoinSet<Result<()>> = JoinSet::new();
    for _ in 0..plan.connections {
        let (next, events) = (next.clone(), plan.events);
        let mut connection = Connection::open(to, path, key).await?;
        connections.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= events {
                    return Ok(());
                }
                connection.post(number).await?;
            }
        });
    }
    while let Some(done) = connections.join_next().await {
        done??;
    }
    Ok(())
}

/// A kept-alive connection to a gateway.
pub struct Connection {
    stream: TcpStream,
    head: String,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(to: SocketAddr, path: &str, key: &str) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        );
        Ok(Self {
            stream,
            head,
            buffer: Vec::with_capacity(4096),
        })
    }

    /// Posts event number i and requires its acceptance.
    pub async fn post(&mut self, number: usize) -> Result<()> {
        let status = self.exchange(&event(number)).await?;
        let answer = String::from_utf8_lossy(&self.buffer);
        ensure!((200..300).contains(&status), "not accepted: {answer}");
        Ok(())
    }

    /// Posts a body and returns the status of the answer.
    pub async fn exchange(&mut self, body: &str) -> Result<u16> {
        let request = format!("{}content-length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                "the gateway hung up"
            );
            if whole(&self.buffer)? {
                break;
            }
        }
        let status = self
            .buffer
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        Ok(status.context("a status")?.parse()?)
    }
}

/// An event of 520 bytes with fields that the redact plugin removes.
pub fn event(number: usize) -> String {
    let event = format!(
        r#"{{"type":"customer.created","data":{{"number":{number},"id":"cus_8f3k2j1h","status":"active","created_at":"2026-01-15T10:30:00Z","name":"Blue Harbour Trading","email":"contact@blueharbour.example","phone":"+44 20 7946 0958","address":{{"street":"12 Quay Street","city":"Bristol","postcode":"BS1 4DJ"}},"lifetime_value":18250.75,"margin":0.31,"assigned_to":"usr_55012","segment":"wholesale","tags":["priority","net30"],"notes":"Prefers deliveries before noon"}}"#
    );
    let padding = 520_usize.saturating_sub(event.len() + r#","metadata":{"pad":""}}"#.len());
    format!(r#"{event},"metadata":{{"pad":"{}"}}}}"#, "x".repeat(padding))
}

fn whole(buffer: &[u8]) -> Result<bool> {
    let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = std::str::from_utf8(&buffer[..end]).context("a head that is text")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    Ok(buffer.len() >= end + 4 + length.transpose()?.context("a content-length in the answer")?)
}
