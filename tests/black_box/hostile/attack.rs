//! Checks applied to every guest of the tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use hookgate_tests::{Client, eventually};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Town, chain, event, has_all};

/// A guest, and the expected outcome of its tenant's events.
pub(super) struct Hostile {
    pub name: &'static str,
    pub component: Bytes,
    pub settings: Value,
    pub fate: Fate,
}

/// Outcome of an event.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    /// Accepted: the guest's actions were allowed, or denied without consequences. The dry run's
    /// log contains these words.
    Passes { log: &'static [&'static str] },
    /// The step fails.
    Fails {
        /// The kind of the failure.
        kind: &'static str,
        /// Words of the message to its author.
        words: &'static [&'static str],
        /// Functions that were running.
        backtrace: &'static [&'static str],
    },
}

impl Hostile {
    /// A guest without settings.
    pub(super) fn new(name: &'static str, component: Bytes, fate: Fate) -> Self {
        Self {
            name,
            component,
            settings: json!({}),
            fate,
        }
    }

    /// The chain of the guest. A guest that is expected to time out has a short deadline; all
    /// others have ample time.
    fn chain(&self, on_failure: &str) -> Value {
        let mut chain = chain(on_failure, &self.settings);
        if let Fate::Fails { kind: "timeout", .. } = self.fate {
            chain["steps"][0]["limits"] = json!({ "deadline": "10ms" });
        }
        chain
    }
}

impl Town {
    /// Applies all checks to each guest.
    pub(super) async fn withstands(&self, guests: Vec<Hostile>) {
        for guest in guests {
            let client = self.author(guest.name, guest.component.clone()).await;
            self.policy_decides(&client, &guest).await;
            author_sees_why(&client, &guest).await;
            self.neighbour_notices_nothing(&client, &guest).await;
            self.memory_is_back(guest.name).await;
        }
    }

    /// `fail`: the event is refused, and the producer is asked to retry. `skip`: accepted, and the
    /// event records the skip.
    async fn policy_decides(&self, client: &Client, guest: &Hostile) {
        let name = guest.name;
        client.put("/v1/chain", &guest.chain("fail")).await.expect(200);
        let answer = client.post("/v1/events", &event()).await;
        match guest.fate {
            Fate::Passes { .. } => {
                answer.expect(202);
            }
            Fate::Fails { kind, words, .. } => {
                assert_eq!((answer.status, answer.code()), (503, "plugin_failed"), "{name}");
                assert_eq!(answer.header("retry-after"), "1", "{name}");
                let plugin = &answer.body["plugin"];
                assert_eq!(
                    (&plugin["plugin"], &plugin["code"]),
                    (&json!("guest"), &json!(kind)),
                    "{name}: {plugin:#}"
                );
                has_all(plugin["message"].as_str().unwrap(), words, name);
                let feed = client.get("/v1/events").await.expect(200);
                assert_eq!(feed["data"], json!([]), "{name}: nothing was accepted");
            }
        }
        client.put("/v1/chain", &guest.chain("skip")).await.expect(200);
        let id = client.publish("a.b", event()["data"].clone()).await;
        let kept = client.get(&format!("/v1/events/{id}")).await.expect(200);
        let result = match guest.fate {
            Fate::Passes { .. } => "passed",
            Fate::Fails { .. } => "skipped",
        };
        assert_eq!(kept["steps"][0]["result"], result, "{name}: {kept:#}");
        if let Fate::Fails { .. } = guest.fate {
            assert_eq!(
                kept["data"],
                event()["data"],
                "{name}: as if it had not been called"
            );
        }
    }

    /// The tenant runs at full rate, and another tenant's events pass.
    async fn neighbour_notices_nothing(&self, client: &Client, guest: &Hostile) {
        let expected = match guest.fate {
            Fate::Passes { .. } => 202,
            Fate::Fails { .. } => 503,
        };
        client.put("/v1/chain", &guest.chain("fail")).await.expect(200);
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut attackers = JoinSet::new();
        for _ in 0..ATTACKERS {
            let (client, stop, calls) = (client.clone(), stop.clone(), calls.clone());
            attackers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.post("/v1/events", &event()).await;
                    assert_eq!(answer.status, expected, "{:#}", answer.body);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        eventually("the attack has begun", async || {
            (calls.load(Ordering::Relaxed) >= ATTACKERS).then_some(())
        })
        .await;
        self.neighbour_is_served(10).await;
        eventually("the attack goes on", async || {
            (calls.load(Ordering::Relaxed) >= ATTACKS).then_some(())
        })
        .await;
        stop.store(true, Ordering::Relaxed);
        while let Some(ended) = attackers.join_next().await {
            ended.unwrap();
        }
        self.neighbour_is_served(1).await;
    }

    async fn memory_is_back(&self, name: &str) {
        eventually(&format!("the memory is back after `{name}`"), async || {
            let grown = self
                .site
                .gateway
                .resident()
                .unwrap()
                .saturating_sub(self.resident);
            (grown < KEPT).then_some(())
        })
        .await;
    }
}

/// A dry run reports the limit, the text of the panic, or the trap and its location.
async fn author_sees_why(client: &Client, guest: &Hostile) {
    let name = guest.name;
    let trial = json!({ "event": event(), "steps": guest.chain("fail")["steps"] });
    let tried = client.post("/v1/chain/try", &trial).await.expect(200);
    let step = &tried["steps"][0];
    match guest.fate {
        Fate::Passes { log } => {
            assert_eq!(tried["verdict"], "pass", "{name}: {tried:#}");
            has_all(&step["log"].to_string(), log, name);
        }
        Fate::Fails {
            kind,
            words,
            backtrace,
        } => {
            assert_eq!(
                (&tried["verdict"], &step["code"]),
                (&json!("failed"), &json!(kind)),
                "{name}: {tried:#}"
            );
            has_all(step["reason"].as_str().unwrap(), words, name);
            has_all(&step["backtrace"].to_string(), backtrace, name);
        }
    }
}

/// Connections of an attacking tenant, each of which sends one event after the other.
const ATTACKERS: usize = 4;
/// Calls of an attack: enough to detect a leak of each call.
const ATTACKS: usize = 100;
/// Bound of the memory that the gateway may retain: the slots' first pages, and the code of the
/// uploads.
const KEPT: u64 = 128 << 20;
