//! A failing shard of Redis delays only its own tenants.

use hookgate_tests::{Receiver, Reply, eventually};
use serde_json::json;

use crate::site::{On, Site};

/// Claims from one shard fail: every retry of a tenant in another shard is still claimed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shard_that_fails_delays_no_other() {
    let site = Site::start(On::Redis).await;
    let redis = redis::Client::open(site.redis.as_ref().unwrap().url()).unwrap();
    let mut redis = redis.get_connection().unwrap();
    // The shard of a tenant `globex` (`store/redis/keys.rs`), claimed before that of `acme`: its
    // key is no longer a sorted set.
    let due = "{hg:09}turns";
    redis::cmd("DEL").arg(due).exec(&mut redis).unwrap();
    redis::cmd("SET").arg(due).arg("no set").exec(&mut redis).unwrap();

    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    eventually("the gateway notices", async || {
        let said = |line: &String| line.contains("store.unavailable");
        site.gateway.log().iter().any(said).then_some(())
    })
    .await;
    for n in 1..=5 {
        receiver.answer(vec![Reply::Status(500)]);
        site.acme.publish("order.created", json!({ "n": n })).await;
        receiver.wait_for(2 * n).await;
    }
    let figures = site.acme.get("/metrics").await.body;
    let lag = figures.as_str().unwrap().lines().find_map(|line| {
        let count = line.strip_prefix("hookgate_due_lag_seconds_count ")?;
        count.parse::<u64>().ok()
    });
    assert!(lag >= Some(5), "how late each was claimed is told: {lag:?}");

    redis::cmd("DEL").arg(due).exec(&mut redis).unwrap();
    eventually("the shard is claimed from again", async || {
        let said = |line: &String| line.contains("store.available");
        site.gateway.log().iter().any(said).then_some(())
    })
    .await;
}
