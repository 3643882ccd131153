//! What every guest of the tables is put through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use hookgate_tests::{Client, eventually};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Town, chain, event, has_all};

/// A guest, and what is to become of its tenant's events.
pub(super) struct Hostile {
    pub name: &'static str,
    pub component: Bytes,
    pub settings: Value,
    pub fate: Fate,
}

/// What becomes of an event.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    /// It is accepted: what the guest did is allowed, or was refused to it and it did without. The dry run's log has these words.
    Passes { log: &'static [&'static str] },
    /// The step fails.
    Fails {
        /// The kind of the failure.
        kind: &'static str,
        /// What its author reads.
        words: &'static [&'static str],
        /// Functions that were running.
        backtrace: &'static [&'static str],
    },
}

impl Hostile {
    /// One that needs no settings.
    pub(super) fn new(name: &'static str, component: Bytes, fate: Fate) -> Self {
        Self {
            name,
            component,
            settings: json!({}),
            fate,
        }
    }

    /// Its chain. Who is to run out of time has little of it, all others have more than they need on any machine.
    fn chain(&self, on_failure: &str) -> Value {
        let mut chain = chain(on_failure, &self.settings);
        if let Fate::Fails { kind: "timeout", .. } = self.fate {
            chain["steps"][0]["limits"] = json!({ "deadline": "10ms" });
        }
        chain
    }
}

impl Town {
    /// Puts each through all of it.
    pub(super) async fn withstands(&self, guests: Vec<Hostile>) {
        for guest in guests {
            let client = self.author(guest.name, guest.component.clone()).await;
            self.policy_decides(&client, &guest).await;
            author_sees_why(&client, &guest).await;
            self.neighbour_notices_nothing(&client, &guest).await;
            self.memory_is_back(guest.name).await;
        }
    }

    /// `fail`: nothing is accepted, and the producer is told to come again. `skip`: accepted, and the event says so.
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

    /// The tenant runs at full rate, and another one's events pass.
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

/// A dry run tells which limit, the text of the panic, or the trap and where it was.
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

/// Connections of a tenant that attacks, each sending one event after the other.
const ATTACKERS: usize = 4;
/// Calls of an attack: enough that what each left behind would be seen.
const ATTACKS: usize = 100;
/// What the gateway may keep of it all: the slots' first pages, and the code of what was uploaded.
const KEPT: u64 = 128 << 20;
