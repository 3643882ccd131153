//! Producers: post numbered events at a rate, and retry where the answer, or its absence, makes a
//! retry safe.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::oracle::Oracle;
use crate::Client;

/// Producers of a round.
pub(super) struct Producers {
    targets: Arc<Mutex<Vec<Client>>>,
    stopped: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    connections: JoinSet<()>,
}

impl Producers {
    /// Starts posting to these gateways in rotation.
    pub(super) fn start(targets: Vec<Client>, rate: u32, oracle: &Oracle) -> Self {
        let producers = Self {
            targets: Arc::new(Mutex::new(targets)),
            stopped: Arc::default(),
            next: Arc::new(AtomicU64::new(1)),
            connections: JoinSet::new(),
        };
        producers.spawn(rate, oracle)
    }

    fn spawn(mut self, rate: u32, oracle: &Oracle) -> Self {
        let began = Instant::now();
        for _ in 0..CONNECTIONS {
            let (targets, stopped, next) = (self.targets.clone(), self.stopped.clone(), self.next.clone());
            let oracle = oracle.clone();
            self.connections.spawn(async move {
                while !stopped.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    sleep_until(began + Duration::from_secs(number) / rate).await;
                    oracle.posted(number);
                    post(&targets, number, &oracle, &stopped).await;
                }
            });
        }
        self
    }

    /// Posts to these gateways from now on.
    pub(super) fn redirect(&self, to: Vec<Client>) {
        *self.targets.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// A number that is not posted yet; all later ones are not posted either.
    pub(super) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed) + CONNECTIONS
    }

    /// Stops posting, and waits until all posts are answered or given up.
    pub(super) async fn stop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        while self.connections.join_next().await.is_some() {}
    }
}

/// Posts a number until it is accepted, with the same idempotency key each time.
async fn post(targets: &Mutex<Vec<Client>>, number: u64, oracle: &Oracle, stopped: &AtomicBool) {
    let event = json!({ "type": "order.created", "data": { "n": number } });
    for turn in number.. {
        let client = {
            let targets = targets.lock().unwrap_or_else(PoisonError::into_inner);
            let index = usize::try_from(turn).unwrap_or(0) % targets.len();
            targets[index].clone()
        };
        let request = client
            .request(reqwest::Method::POST, "/v1/events")
            .header("idempotency-key", format!("n-{number}"))
            .timeout(PATIENCE)
            .json(&event);
        let wait = match client.try_send(request).await {
            Ok(answer) if answer.status == 202 => {
                oracle.accepted(number, answer.body["id"].as_str().unwrap_or_default());
                return;
            }
            // A gateway's own recovery time, not the whole seconds that it names: the fault is
            // measured.
            Ok(_) | Err(_) => PAUSE,
        };
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        sleep(wait).await;
    }
}

const CONNECTIONS: u64 = 8;
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
