//! Producers: post numbered events of tenants at a rate, and again where the answer or the lack of one says that a retry is safe.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::oracle::Oracle;
use crate::Client;

/// Of each tenant a client towards each gateway.
type Targets = Vec<Vec<Client>>;

/// Producers of a round.
pub(super) struct Producers {
    targets: Arc<Mutex<Targets>>,
    stopped: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    connections: JoinSet<()>,
}

impl Producers {
    /// Starts to post to these gateways in turn.
    pub(super) fn start(targets: Targets, rate: u32, oracle: &Oracle) -> Self {
        let mut producers = Self {
            targets: Arc::new(Mutex::new(targets)),
            stopped: Arc::default(),
            next: Arc::new(AtomicU64::new(1)),
            connections: JoinSet::new(),
        };
        let began = Instant::now();
        for _ in 0..CONNECTIONS {
            let one = Producer {
                targets: producers.targets.clone(),
                stopped: producers.stopped.clone(),
                oracle: oracle.clone(),
            };
            let next = producers.next.clone();
            producers.connections.spawn(async move {
                let mut rest = (began, 0);
                while !one.stopped.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    // After a pause the rate is as before: what was not posted meanwhile is not made up for.
                    let due = rest.0 + Duration::from_secs(number - rest.1) / rate;
                    if due + SLIP < Instant::now() {
                        rest = (Instant::now(), number);
                    }
                    sleep_until(due).await;
                    one.post(number).await;
                }
            });
        }
        producers
    }

    /// Posts to these gateways from now on.
    pub(super) fn redirect(&self, to: Targets) {
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

struct Producer {
    targets: Arc<Mutex<Targets>>,
    stopped: Arc<AtomicBool>,
    oracle: Oracle,
}

impl Producer {
    /// Posts a number until it is accepted, with the same idempotency key each time; one of three without a key, and once.
    async fn post(&self, number: u64) {
        self.oracle.posted(number);
        let event = json!({ "type": "order.created", "data": { "n": number } });
        let keyed = !number.is_multiple_of(3);
        for turn in number.. {
            let client = self.target(number, turn);
            let mut request = client
                .request(reqwest::Method::POST, "/v1/events")
                .timeout(PATIENCE);
            if keyed {
                request = request.header("idempotency-key", format!("n-{number}"));
            }
            match client.try_send(request.json(&event)).await {
                Ok(answer) if answer.status == 202 => {
                    let id = answer.body["id"].as_str().unwrap_or_default();
                    return self.oracle.accepted(number, id);
                }
                Ok(answer) => {
                    let again = !answer.header("retry-after").is_empty();
                    self.oracle.refused(answer.status, answer.code(), again);
                }
                Err(_) => {}
            }
            if !keyed || self.stopped.load(Ordering::Relaxed) {
                return;
            }
            // The moment a gateway needs, rather than the whole seconds that it names: the fault is what is measured.
            sleep(PAUSE).await;
        }
    }

    fn target(&self, number: u64, turn: u64) -> Client {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = |number: u64, count: usize| usize::try_from(number).unwrap_or(0) % count.max(1);
        let gateways = &targets[nth(number, targets.len())];
        gateways[nth(turn / targets.len() as u64, gateways.len())].clone()
    }
}

const CONNECTIONS: u64 = 8;
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
const SLIP: Duration = Duration::from_secs(1);
