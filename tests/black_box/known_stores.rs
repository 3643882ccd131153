//! A store that was removed, emptied or exchanged: keys stay known, and no event is accepted that
//! the next start would not find.

use std::path::PathBuf;

use hookgate_tests::{Answer, eventually};
use serde_json::json;

use crate::site::{On, Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emptied_redis_refuses_events_and_keeps_its_tenants() {
    let site = Site::start(On::Redis).await;
    flush(&site);
    let told = refused(&site).await;
    assert_eq!(
        (told.code(), &told.body["retry"]),
        ("store_unfit", &json!("safe"))
    );
    site.acme.get("/v1/subscriptions").await.expect(200);
    let ready = site.acme.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.code()),
        (503, "store_unfit"),
        "{:#}",
        ready.body
    );
    let make = json!({ "id": "globex" });
    assert_eq!(
        site.gateway.operator().post("/v1/tenants", &make).await.status,
        503
    );
    for _ in 0..20 {
        site.acme.post("/v1/events", &event()).await.expect(503);
    }
    let lines = site.gateway.log();
    let unfit = lines.iter().filter(|line| line.contains("store.unfit")).count();
    assert_eq!(unfit, 1, "{lines:#?}");

    site.gateway.configure("store.accept_new = true");
    let gateway = site.gateway.restart();
    gateway.tenant("acme").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_store_file_refuses_events() {
    let site = Site::start(On::Embedded).await;
    let file = store_file(&site);
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    let told = refused(&site).await;
    assert_eq!(
        (told.code(), &told.body["retry"]),
        ("store_unfit", &json!("safe"))
    );
    let ready = site.acme.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.code()),
        (503, "store_unfit"),
        "{:#}",
        ready.body
    );
    let detail = ready.body["detail"].as_str().unwrap();
    assert!(detail.contains("removed"), "{detail}");
    std::fs::rename(&aside, &file).unwrap();
    eventually("it takes events again", async || {
        (site.acme.post("/v1/events", &event()).await.status == 202).then_some(())
    })
    .await;
    site.acme.publish("invoice.paid", json!({})).await;
    let site = site.restart();
    site.acme.get("/v1/subscriptions").await.expect(200);
}

/// A change of a store on the disk.
type Change = fn(&PathBuf);

/// Changes of a store while no gateway runs, with a word of the refusal.
const CHANGES: &[(&str, Change, &str)] = &[
    (
        "removed",
        |file| std::fs::remove_file(file).unwrap(),
        "--new-store",
    ),
    ("empty", |file| std::fs::write(file, "").unwrap(), "--new-store"),
    (
        "directory removed",
        |file| std::fs::remove_dir_all(file.parent().unwrap()).unwrap(),
        "--new-store",
    ),
    (
        "truncated",
        |file| {
            let whole = std::fs::read(file).unwrap();
            std::fs::write(file, &whole[..whole.len() / 2]).unwrap();
        },
        "backup",
    ),
    (
        "foreign",
        |file| std::fs::write(file, vec![b'x'; 1 << 20]).unwrap(),
        "backup",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_store_is_refused_at_start() {
    for (what, change, word) in CHANGES {
        let mut site = Site::start(On::Embedded).await;
        site.acme.publish("invoice.paid", json!({})).await;
        site.gateway.stop();
        change(&store_file(&site));
        let said = site.gateway.try_restart().expect_err(what).to_string();
        assert!(said.contains(word), "{what}: {said}");
        assert!(!said.contains("panicked"), "{what}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emptied_redis_is_refused_at_start() {
    let mut site = Site::start(On::Redis).await;
    site.gateway.stop();
    flush(&site);
    let said = site.gateway.try_restart().expect_err("it is empty").to_string();
    assert!(said.contains("--new-store"), "{said}");
}

fn store_file(site: &Site) -> PathBuf {
    site.gateway.dir().join("data/store/hookgate.redb")
}

fn event() -> serde_json::Value {
    json!({ "type": "invoice.paid", "data": {} })
}

/// The first answer that is not a 202.
async fn refused(site: &Site) -> Answer {
    eventually("events are refused", async || {
        let answer = site.acme.post("/v1/events", &event()).await;
        (answer.status != 202).then_some(answer)
    })
    .await
}

fn flush(site: &Site) {
    let client = redis::Client::open(site.redis.as_ref().unwrap().url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
}
