//! A Redis that answers and stores nothing: producers are asked to retry, and operators get one
//! description of the fix.

use hookgate_tests::{RedisServer, eventually};
use serde_json::json;

use crate::site::{On, Site};

/// A setting that makes Redis unfit, the setting that repairs it, and the word that names it.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    ("maxmemory-policy", "allkeys-lru", "noeviction", "allkeys-lru"),
    ("min-replicas-to-write", "1", "0", "min-replicas-to-write"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfit_redis_is_a_503_that_names_the_fault() {
    let site = Site::with(On::Redis, "store.redis.check_every = \"200ms\"").await;
    let redis = site.redis.as_ref().unwrap();
    let event = json!({ "type": "a.b", "data": {} });
    for (n, (setting, bad, good, word)) in (1..).zip(FAULTS) {
        set(redis, setting, bad);
        let told = eventually("producers are told", async || {
            let answer = site.acme.post("/v1/events", &event).await;
            assert_ne!(answer.status, 500, "{:#}", answer.body);
            (answer.status == 503).then_some(answer)
        })
        .await;
        assert_eq!(told.code(), "store_unfit", "{setting}: {:#}", told.body);
        assert_eq!(told.body["retry"], "safe");
        assert!(!told.header("retry-after").is_empty(), "{setting}");
        for _ in 0..20 {
            site.acme.post("/v1/events", &event).await.expect(503);
        }
        let ready = eventually("it is not ready", async || {
            let answer = site.acme.get("/readyz").await;
            (answer.status == 503).then_some(answer)
        })
        .await;
        assert_eq!(ready.code(), "store_unfit");
        let detail = ready.body["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{setting}: {detail}");

        set(redis, setting, good);
        eventually("events are taken again", async || {
            let answer = site.acme.post("/v1/events", &event).await;
            (answer.status == 202).then_some(())
        })
        .await;
        eventually("it is ready again", async || {
            (site.acme.get("/readyz").await.status == 200).then_some(())
        })
        .await;
        let lines = |word: &str| {
            site.gateway
                .log()
                .iter()
                .filter(|line| line.contains(word))
                .count()
        };
        eventually("the log has the end of the fault", async || {
            (lines("store.fit") >= n).then_some(())
        })
        .await;
        assert_eq!(
            (lines("store.unfit"), lines("store.fit"), lines("request.failed")),
            (n, n, 0),
            "{setting}: a line a change"
        );
    }
}

fn set(redis: &RedisServer, setting: &str, value: &str) {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut command = redis::cmd("CONFIG");
    command
        .arg("SET")
        .arg(setting)
        .arg(value)
        .exec(&mut connection)
        .unwrap();
}
