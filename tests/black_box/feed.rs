//! The feed: the same events, pulled.

use hookgate_tests::{Client, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    pages_join_without_gap_or_repeat,
    types_are_filtered,
    a_long_poll_waits_for_the_next_event,
    long_poll_is_woken_by_the_commit,
    long_polls_of_one_tenant_leave_places_to_others,
    a_profile_says_how_long_its_feed_is,
    a_tenant_made_again_has_a_feed_of_its_own
);

async fn pages_join_without_gap_or_repeat(on: On) {
    let site = Site::start(on).await;
    let mut published = Vec::new();
    for n in 0..25 {
        published.push(site.acme.publish("order.created", json!({ "n": n })).await);
    }
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = site
            .acme
            .get(&format!("/v1/events?limit=10{cursor}"))
            .await
            .expect(200);
        let ids = ids(&page);
        if ids.is_empty() {
            break;
        }
        read.extend(ids);
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    }
    assert_eq!(read, published);
    // A cursor at the end goes on with what comes later.
    let later = site.acme.publish("order.created", json!({})).await;
    assert_eq!(
        ids(&site
            .acme
            .get(&format!("/v1/events?limit=10{cursor}"))
            .await
            .expect(200)),
        [later]
    );
}

async fn types_are_filtered(on: On) {
    let site = Site::start(on).await;
    let paid = site.acme.publish("invoice.paid", json!({})).await;
    site.acme.publish("order.created", json!({})).await;
    let voided = site.acme.publish("invoice.voided", json!({})).await;
    let page = site.acme.get("/v1/events?types=invoice.*").await.expect(200);
    assert_eq!(ids(&page), [paid.clone(), voided]);
    assert_eq!(
        ids(&site
            .acme
            .get("/v1/events?types=invoice.paid,nothing.here")
            .await
            .expect(200)),
        [paid]
    );
}

async fn a_long_poll_waits_for_the_next_event(on: On) {
    let site = Site::start(on).await;
    site.acme.publish("order.created", json!({})).await;
    let first = site.acme.get("/v1/events").await.expect(200);
    let path = format!(
        "/v1/events?wait=20&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let waiting = tokio::spawn({
        let client = site.acme.clone();
        async move { client.get(&path).await }
    });
    let id = site.acme.publish("order.created", json!({ "late": true })).await;
    assert_eq!(ids(&waiting.await.unwrap().expect(200)), [id]);
}

async fn long_polls_of_one_tenant_leave_places_to_others(on: On) {
    let few = "feed.max_waiting = 3\nfeed.max_waiting_per_tenant = 2\nfeed.max_wait = \"1h\"";
    let site = Site::with(on, few).await;
    let other = site.gateway.tenant("globex").await;
    let wait = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { client.get("/v1/events?wait=3600").await })
    };
    let waiting = async |client: &Client, count: u64| {
        eventually("requests wait", async || {
            let usage = client.get("/v1/usage").await.expect(200);
            (usage["waiting_polls"]["used"] == count).then_some(())
        })
        .await;
    };
    let polls = [wait(&site.acme), wait(&site.acme)];
    waiting(&site.acme, 2).await;
    let over = site.acme.get("/v1/events?wait=3600").await;
    assert_eq!((over.status, over.code()), (429, "too_many_waiting"));
    let beside = wait(&other);
    waiting(&other, 1).await;
    let id = other.publish("order.created", json!({})).await;
    assert_eq!(ids(&beside.await.unwrap().expect(200)), [id]);
    assert!(polls.iter().all(|poll| !poll.is_finished()));
}

/// It does not look by itself within this test: each event that it did not ask for wakes it, and the one that it did ends it.
async fn long_poll_is_woken_by_the_commit(on: On) {
    let idle = "feed.poll_interval = \"1h\"\nfeed.max_wait = \"1h\"";
    let site = Site::with(on, idle).await;
    let other = site.gateway.tenant("globex").await;
    let mut waiting: Vec<_> = (0..5)
        .map(|_| {
            let client = site.acme.clone();
            tokio::spawn(async move { client.get("/v1/events?wait=3600&types=wanted.*").await })
        })
        .collect();
    let beside = tokio::spawn(async move { other.get("/v1/events?wait=3600").await });
    for n in 0..20 {
        site.acme.publish("order.created", json!({ "n": n })).await;
    }
    assert!(
        waiting.iter().all(|poll| !poll.is_finished()),
        "nothing came for them"
    );
    let id = site.acme.publish("wanted.one", json!({})).await;
    for poll in waiting.drain(..) {
        let page = tokio::time::timeout(hookgate_tests::BOUND, poll).await;
        assert_eq!(
            ids(&page.expect("a commit wakes").unwrap().expect(200)),
            std::slice::from_ref(&id)
        );
    }
    assert!(!beside.is_finished(), "another tenant's commits are not its own");
}

async fn a_profile_says_how_long_its_feed_is(on: On) {
    let short = "[profiles.short]\nextends = \"standard\"\n[profiles.short.retention]\nfeed = \"2s\"";
    let site = Site::with(on, short).await;
    let made = json!({ "id": "globex", "profile": "short" });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &made)
        .await
        .expect(201);
    let globex = site.gateway.operator().with_key(made["key"].as_str().unwrap());
    let old = globex.publish("order.created", json!({ "n": 1 })).await;
    let page = globex.get("/v1/events?limit=1").await.expect(200);
    let cursor = format!("/v1/events?cursor={}", page["next_cursor"].as_str().unwrap());
    globex.publish("order.created", json!({ "n": 2 })).await;
    let expired = eventually("the cursor is older than the feed", async || {
        let answer = globex.get(&cursor).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!((expired.status, expired.code()), (410, "cursor_expired"));
    eventually("what is new is all that is there", async || {
        let new = globex.publish("order.created", json!({ "n": 3 })).await;
        (ids(&globex.get("/v1/events").await.expect(200)) == [new]).then_some(())
    })
    .await;
    globex.get(&format!("/v1/events/{old}")).await.expect(200);
}

async fn a_tenant_made_again_has_a_feed_of_its_own(on: On) {
    let site = Site::start(on).await;
    for round in 0..3 {
        let globex = site.gateway.tenant("globex").await;
        assert_eq!(ids(&globex.get("/v1/events").await.expect(200)), [] as [&str; 0]);
        let event = globex.publish("order.created", json!({ "round": round })).await;
        let read = globex.get("/v1/events").await.expect(200);
        assert_eq!(ids(&read), [event]);
        let listed = globex.get("/v1/deliveries").await.expect(200);
        assert_eq!(listed["data"], json!([]));
        site.gateway.operator().delete("/v1/tenants/globex").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_cursors_and_parameters_are_refused() {
    let site = Site::start(On::Embedded).await;
    site.acme.publish("order.created", json!({})).await;
    for query in [
        "cursor=nonsense",
        "cursor=",
        "limit=0",
        "limit=1000000",
        "limit=x",
        "types=a..b",
        "wait=-1",
        "wait=x",
        "curser=a",
    ] {
        let refused = site.acme.get(&format!("/v1/events?{query}")).await;
        assert_eq!(refused.status, 400, "{query}: {:#}", refused.body);
        assert!(!refused.code().is_empty(), "{query}: {:#}", refused.body);
    }
    // A cursor is its tenant's own.
    let cursor = site.acme.get("/v1/events").await.expect(200)["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let other: Client = site.gateway.tenant("other").await;
    let foreign = other.get(&format!("/v1/events?cursor={cursor}")).await;
    assert_eq!(
        (foreign.status, foreign.code()),
        (400, "invalid_cursor"),
        "{:#}",
        foreign.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_cursor_is_told_so() {
    let site = Site::with(
        On::Embedded,
        "retention.events = \"1s\"\nretention.sweep_every = \"200ms\"\nretry.attempts = 1",
    )
    .await;
    site.acme.publish("order.created", json!({ "n": 1 })).await;
    let cursor = site.acme.get("/v1/events?limit=1").await.expect(200)["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    site.acme.publish("order.created", json!({ "n": 2 })).await;
    let expired = eventually("the cursor has expired", async || {
        site.acme.publish("order.created", json!({})).await;
        let answer = site.acme.get(&format!("/v1/events?cursor={cursor}")).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(
        (expired.status, expired.code()),
        (410, "cursor_expired"),
        "{:#}",
        expired.body
    );
}

fn ids(page: &Value) -> Vec<String> {
    let events = page["data"].as_array().expect("a list");
    events
        .iter()
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect()
}
