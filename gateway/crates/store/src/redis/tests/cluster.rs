//! A cluster of three: every operation stays in one slot and reaches its server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::keys::Keys;
use super::server::Server;
use super::{Config, Real, RedisStore, patient};
use crate::contract::{accepting, feed, interrupted, leasing, registry, settling};
use crate::{Retention, StoreUrl};

/// Three primaries that know each other and have all slots together.
/// Each serves its slots whatever the state of the others.
async fn cluster() -> (Vec<Server>, StoreUrl) {
    let settings = [
        "--cluster-enabled",
        "yes",
        "--cluster-require-full-coverage",
        "no",
    ];
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Server::start_with("everysec", &settings).await);
    }
    for (server, range) in servers
        .iter()
        .zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]])
    {
        server
            .command(&["CLUSTER", "ADDSLOTSRANGE", range[0], range[1]])
            .await;
        server
            .command(&["CLUSTER", "MEET", "127.0.0.1", &servers[0].port().to_string()])
            .await;
    }
    let began = Instant::now();
    for server in &servers {
        while !server.knows_cluster(servers.len()).await {
            assert!(began.elapsed() < Duration::from_secs(60));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let url = format!("redis+cluster://127.0.0.1:{}", servers[1].port());
    (servers, url.parse().unwrap())
}

async fn subject(url: &StoreUrl, prefix: &str) -> Real {
    let config = Config {
        prefix: prefix.to_owned(),
        ..patient()
    };
    let store = RedisStore::open(url, &config, &Retention::default())
        .await
        .unwrap();
    Real {
        store: Arc::new(store),
        _server: None,
    }
}

/// The cases that together use every script and command.
/// Starting a cluster for each case would take minutes.
#[tokio::test]
async fn a_cluster_keeps_the_contract() {
    let (_servers, url) = cluster().await;
    accepting::many_at_once(&subject(&url, "many").await).await;
    accepting::a_key_repeats_its_answer(&subject(&url, "key").await).await;
    accepting::keys_and_ids_are_by_tenant(&subject(&url, "tenants").await).await;
    leasing::a_lease_that_ran_out_is_given_again(&subject(&url, "lease").await).await;
    interrupted::an_outcome_ends_the_count(&subject(&url, "crash").await).await;
    settling::a_retry_keeps_the_body_and_the_count(&subject(&url, "retry").await).await;
    settling::a_dead_delivery_is_a_dead_letter(&subject(&url, "dead").await).await;
    settling::a_replay_is_one_delivery_more(&subject(&url, "replay").await).await;
    feed::pages_meet_both_ways(&subject(&url, "feed").await).await;
    registry::a_tenant_goes_and_comes(&subject(&url, "reg").await).await;
    registry::blobs_are_kept(&subject(&url, "blob").await).await;
    let plain = subject(&url, "plain").await;
    super::faults::new_events(&plain.store).await;
    plain.store.sweep().await.unwrap();
    assert!(plain.store.health().await.accepting);
}

/// The shards of a stopped server fail, those of the others never do; it is found again.
#[tokio::test]
async fn server_that_is_away_takes_its_own_shards_only() {
    let (mut servers, url) = cluster().await;
    let subject = subject(&url, "hg").await;
    let store = &subject.store;
    let keys = Keys::new("hg");
    let mut away = Vec::new();
    for shard in Keys::shards() {
        let slot = servers[0]
            .command(&["CLUSTER", "KEYSLOT", &keys.turns(shard)])
            .await;
        away.push(matches!(slot, redis::Value::Int(10_923..)));
    }
    assert!(away.contains(&true) && away.contains(&false));

    servers[2].kill();
    for round in 0..20 {
        for (shard, away) in Keys::shards().zip(&away) {
            let claimed = store.claim(shard, 0, Duration::from_secs(1)).await;
            assert_eq!(claimed.is_err(), *away, "{round}: {shard:?}: {claimed:?}");
        }
    }
    let health = store.health().await;
    assert!(health.available, "{health:?}");
    let told = |warning: &String| warning.contains("of 17 parts");
    assert!(health.warnings.iter().any(told), "{health:?}");

    servers[2].restart().await;
    let began = Instant::now();
    for shard in Keys::shards() {
        while store.claim(shard, 0, Duration::from_secs(1)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(120), "{shard:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
