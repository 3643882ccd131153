//! A minimal receiver: counts requests, answers 200 (or some 500) and records the arrival time of each event.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running sink.
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    start: Instant,
    count: AtomicUsize,
    /// Every request of this number is answered 500; 0: none.
    fail_every: usize,
    /// Nanoseconds from `start` to the first arrival of event number i; 0 before it.
    arrivals: Vec<AtomicU64>,
}

impl Sink {
    /// Starts a sink with room for this many events.
    pub async fn start(events: usize) -> Result<Self> {
        Self::failing(events, 0).await
    }

    /// As `start`; every `fail_every`-th request is answered 500.
    pub async fn failing(events: usize, fail_every: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let arrivals = std::iter::repeat_with(AtomicU64::default).take(events).collect();
        let state = Arc::new(State {
            start: Instant::now(),
            count: AtomicUsize::new(0),
            fail_every,
            arrivals,
        });
        let serving = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, serving.clone()));
            }
        });
        Ok(Self { address, state })
    }

    /// Number of requests so far.
    pub fn count(&self) -> usize {
        self.state.count.load(Ordering::Relaxed)
    }

    /// Number of different events so far.
    pub fn distinct(&self) -> usize {
        self.state
            .arrivals
            .iter()
            .filter(|at| at.load(Ordering::Relaxed) > 0)
            .count()
    }

    /// Arrival time of event number i, in nanoseconds of `now_nanos`.
    pub fn arrival(&self, number: usize) -> Option<u64> {
        self.state
            .arrivals
            .get(number)
            .map(|at| at.load(Ordering::Relaxed))
            .filter(|&at| at > 0)
    }

    /// Time of the sink's clock.
    pub fn now_nanos(&self) -> u64 {
        nanos(self.state.start)
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) -> Result<()> {
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        while let Some(length) = request_length(&buffer)? {
            if buffer.len() < length {
                break;
            }
            let count = state.note(&buffer[..length]);
            buffer.drain(..length);
            let status = match state.fail_every {
                every if every > 0 && count.is_multiple_of(every) => "500 No",
                _ => "200 OK",
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

impl State {
    /// Notes a request; returns how many there are.
    fn note(&self, request: &[u8]) -> usize {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(slot) = number(request).and_then(|number| self.arrivals.get(number)) {
            let _ = slot.compare_exchange(0, nanos(self.start), Ordering::Relaxed, Ordering::Relaxed);
        }
        before + 1
    }
}

/// Length of head and body together; `None` while the head is incomplete.
fn request_length(buffer: &[u8]) -> Result<Option<usize>> {
    let Some(end) = find(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&buffer[..end]).context("a head that is text")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    Ok(Some(end + 4 + length.transpose()?.unwrap_or(0)))
}

fn number(request: &[u8]) -> Option<usize> {
    const MARK: &[u8] = b"\"number\":";
    let digits = &request[find(request, MARK)? + MARK.len()..];
    let end = digits.iter().position(|b| !b.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a benchmark does not run for 500 years"
)]
fn nanos(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}
