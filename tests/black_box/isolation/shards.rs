//! A part of Redis that fails stops its own tenants and nobody else.

use hookgate_tests::{Receiver, Reply, eventually};
use serde_json::json;

use crate::site::{On, Site};

/// Claims from one shard fail: every retry of a tenant of another shard is claimed all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shard_that_fails_delays_no_other() {
    let site = Site::start(On::Redis).await;
    let globex = site.gateway.tenant("globex").await;
    let redis = redis::Client::open(site.redis.as_ref().unwrap().url()).unwrap();
    let mut redis = redis.get_connection().unwrap();
    // The shard of `acme` (`store/redis/keys.rs`): no sorted set any more.
    let due = "{hg:12}due";
    redis::cmd("DEL").arg(due).exec(&mut redis).unwrap();
    redis::cmd("SET").arg(due).arg("no set").exec(&mut redis).unwrap();

    let receiver = Receiver::start(vec![]).await;
    globex.subscribe(&receiver.url()).await;
    eventually("the gateway notices", async || {
        let said = |line: &String| line.contains("store.unavailable");
        site.gateway.log().iter().any(said).then_some(())
    })
    .await;
    for n in 1..=5 {
        receiver.answer(vec![Reply::Status(500)]);
        globex.publish("order.created", json!({ "n": n })).await;
        receiver.wait_for(2 * n).await;
    }

    redis::cmd("DEL").arg(due).exec(&mut redis).unwrap();
    eventually("the shard is claimed from again", async || {
        let said = |line: &String| line.contains("store.available");
        site.gateway.log().iter().any(said).then_some(())
    })
    .await;
}
