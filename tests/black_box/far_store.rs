//! Distant and sharded stores: latency is no failure; a shard's failure affects its tenants only.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookgate_tests::faults::cluster::RedisCluster;
use hookgate_tests::faults::proxy::{Mode, Proxy};
use hookgate_tests::{Client, Fsync, Gateway, Receiver, RedisServer, Setup, eventually};
use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinHandle;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_way_to_the_store_is_waited_for_and_told() {
    let redis = RedisServer::start(Fsync::Always).unwrap();
    let proxy = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await.unwrap();
    let settings = "store.redis.accept_timeout = \"250ms\"\nstore.redis.check_every = \"200ms\"";
    let gateway = Setup::redis(&proxy.url()).with(settings).start();
    let receiver = Receiver::start(vec![]).await;
    let acme = gateway.tenant("acme").await;
    acme.subscribe(&receiver.url()).await;
    proxy.set(Mode::Delay(Duration::from_millis(150)));
    eventually("it is told", async || {
        let ready = gateway.operator().get("/readyz").await;
        let warnings = ready.body["warnings"].to_string();
        (ready.status == 200 && warnings.contains("far away")).then_some(())
    })
    .await;
    for n in 1..=3 {
        acme.publish("invoice.paid", json!({ "n": n })).await;
    }
    receiver.wait_for(3).await;
    proxy.set(Mode::Pass);
    eventually("it is near again", async || {
        let ready = gateway.operator().get("/readyz").await;
        (!ready.body["warnings"].to_string().contains("far away")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slot_that_moves_interrupts_no_other_tenant() {
    let (cluster, site) = clustered("1m").await;
    let slot = cluster.slot(&site.key_of("tenant-0", &cluster)).unwrap();
    // Enough keys that it takes a while.
    for _ in 0..20 {
        let events: Vec<_> = (0..20).map(|_| event()).collect();
        eventually("they are accepted", async || {
            let answer = site.tenants[0].1.post("/v1/events", &json!(events)).await;
            (answer.status == 202).then_some(())
        })
        .await;
    }
    site.receiver.wait_for(400).await;
    site.receiver.take();
    let load = site.publish_all();
    cluster.move_slot(slot, 1).await.unwrap();
    let published = load.end().await;
    assert!(
        !published["tenant-0"].1.is_empty(),
        "it was seen while it moved: {published:?}"
    );
    for (tenant, (accepted, refused)) in &published {
        assert!(*accepted > 0, "{tenant}: {published:?}");
        let moves = cluster.slot(&site.key_of(tenant, &cluster)).unwrap() == slot;
        assert!(moves || refused.is_empty(), "{tenant}: {published:?}");
        assert!(
            refused.iter().all(|code| code == "store_unavailable"),
            "{tenant}: {published:?}"
        );
    }
    site.all_arrive(&published).await;
    let storm = site
        .gateway
        .count_in_log(|line| line.contains("WARN") || line.contains("ERROR"));
    assert!(storm < 30, "{}", site.gateway.log().join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn primary_that_is_killed_interrupts_its_own_tenants_only() {
    let (mut cluster, site) = clustered("1m").await;
    let slot = cluster.slot(&site.key_of("tenant-0", &cluster)).unwrap();
    let homes: HashMap<String, u16> = site
        .tenants
        .iter()
        .map(|(name, _)| (name.clone(), site.home_of(name, &cluster)))
        .collect();
    let lost = homes["tenant-0"];
    assert!(homes.values().any(|home| *home != lost), "{homes:?}");
    let load = site.publish_all();
    let down = cluster.kill_primary(slot).await.unwrap();
    let published = load.end().await;
    for (tenant, (_, refused)) in &published {
        let concerned = homes[tenant] == lost;
        assert!(concerned || refused.is_empty(), "{tenant}: {published:?}");
    }
    eventually("all are accepted again", async || {
        for (_, client) in &site.tenants {
            if client.post("/v1/events", &event()).await.status != 202 {
                return None;
            }
        }
        Some(())
    })
    .await;
    cluster.revive(down).await.unwrap();
    let storm = site
        .gateway
        .count_in_log(|line| line.contains("WARN") || line.contains("ERROR"));
    assert!(storm < 100, "{}", site.gateway.log().join("\n"));
}

/// Events of a primary that hangs are refused in time; those for another in the same batch are not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn primary_that_hangs_delays_nothing_of_other_tenants_beyond_their_time() {
    let (cluster, site) = clustered("1500ms").await;
    let lost = site.home_of("tenant-0", &cluster);
    let other = site
        .tenants
        .iter()
        .find(|(name, _)| site.home_of(name, &cluster) != lost);
    let other = other.unwrap().1.clone();
    let hanging = cluster
        .servers()
        .iter()
        .find(|server| server.port() == lost)
        .unwrap();
    hanging.signal(Signal::STOP).unwrap();
    // Shorter than the time after which the cluster replaces the primary.
    let together = (0..40).map(|n| {
        let client = if n % 2 == 0 {
            site.tenants[0].1.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move { (n, client.post("/v1/events", &event()).await) })
    });
    let together: Vec<_> = together.collect();
    let mut refused = 0;
    for answer in together {
        let (n, answer) = answer.await.unwrap();
        assert!(matches!(answer.status, 202 | 503), "{:#}", answer.body);
        assert!(n % 2 == 0 || answer.status == 202, "another's: {:#}", answer.body);
        refused += usize::from(answer.status == 503);
    }
    hanging.signal(Signal::CONT).unwrap();
    assert!(refused > 0, "it was seen while it hung");
}

/// A gateway on a cluster, with tenants in several shards.
struct Site {
    gateway: Gateway,
    receiver: Receiver,
    tenants: Vec<(String, Client)>,
}

/// By tenant: the number of accepted events and the codes of refusals.
type Published = HashMap<String, Told>;
type Told = (usize, Vec<String>);

struct Load {
    going: Arc<AtomicBool>,
    tasks: Vec<(String, JoinHandle<Told>)>,
}

/// Starts a cluster and a gateway; `patience` is the maximum wait of a new event for its shard.
async fn clustered(patience: &str) -> (RedisCluster, Site) {
    let cluster = RedisCluster::start().await.unwrap();
    let settings = format!("store.redis.accept_timeout = {patience:?}");
    let gateway = Setup::redis(&cluster.url()).with(&settings).start();
    let receiver = Receiver::start(vec![]).await;
    let mut tenants = Vec::new();
    for n in 0..6 {
        let name = format!("tenant-{n}");
        let client = gateway.tenant(&name).await;
        client.subscribe(&receiver.url()).await;
        client.publish("invoice.paid", json!({})).await;
        tenants.push((name, client));
    }
    receiver.wait_for(tenants.len()).await;
    receiver.take();
    (
        cluster,
        Site {
            gateway,
            receiver,
            tenants,
        },
    )
}

impl Site {
    /// The key of a tenant's feed, wherever it is.
    fn key_of(&self, tenant: &str, cluster: &RedisCluster) -> String {
        let pattern = format!("*feed:{tenant}");
        let found = cluster.servers().iter().find_map(|server| {
            let keys: Vec<String> =
                redis::from_redis_value(server.command(&["KEYS", &pattern]).ok()?).ok()?;
            keys.into_iter().next()
        });
        found.unwrap()
    }

    /// The port of the primary that has a tenant's keys.
    fn home_of(&self, tenant: &str, cluster: &RedisCluster) -> u16 {
        let key = self.key_of(tenant, cluster);
        let has = |server: &&RedisServer| {
            let role = server.text(&["INFO", "replication"]).unwrap_or_default();
            role.contains("role:master")
                && server
                    .command(&["EXISTS", &key])
                    .is_ok_and(|n| n == redis::Value::Int(1))
        };
        cluster.servers().iter().find(has).unwrap().port()
    }

    /// Publishes events of all tenants until it is told to end.
    fn publish_all(&self) -> Load {
        let going = Arc::new(AtomicBool::new(true));
        let tasks = self.tenants.iter().map(|(name, client)| {
            let (client, going) = (client.clone(), going.clone());
            let task = tokio::spawn(async move {
                let (mut accepted, mut refused) = (0, Vec::new());
                while going.load(Ordering::Relaxed) || accepted == 0 {
                    let answer = client.post("/v1/events", &event()).await;
                    match answer.status {
                        202 => accepted += 1,
                        _ => refused.push(answer.code().to_owned()),
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                (accepted, refused)
            });
            (name.clone(), task)
        });
        Load {
            tasks: tasks.collect(),
            going,
        }
    }

    /// As many deliveries as events, and those of refused ones that were stored all the same.
    async fn all_arrive(&self, published: &Published) {
        let accepted: usize = published.values().map(|(accepted, _)| accepted).sum();
        self.receiver.wait_for(accepted).await;
    }
}

impl Load {
    async fn end(self) -> Published {
        self.going.store(false, Ordering::Relaxed);
        let mut published = Published::new();
        for (name, task) in self.tasks {
            published.insert(name, task.await.unwrap());
        }
        published
    }
}

fn event() -> serde_json::Value {
    json!({ "type": "invoice.paid", "data": {} })
}
