//! The feed: the same events by pull.

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
    feed_begins_at_a_time,
    time_just_ahead_skips_nothing,
    time_before_the_retention_is_told_with_where_to_go_on,
    door_takes_a_time,
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
    // A cursor at the end continues with later events.
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

/// The feed does not read the store by itself within this test: a commit of an event of another
/// type wakes a long poll, and an event of the requested type ends it.
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

/// Time of an event's acceptance, which is its time unless its producer sets one.
async fn accepted(client: &Client, event: &str) -> String {
    let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
    event["created"].as_str().unwrap().to_owned()
}

/// Milliseconds of a time since the Unix epoch.
fn millis(time: &str) -> u128 {
    let date = std::process::Command::new("date")
        .args(["-d", time, "+%s%3N"])
        .output();
    let text = String::from_utf8(date.unwrap().stdout).unwrap();
    text.trim().parse().unwrap()
}

async fn feed_begins_at_a_time(on: On) {
    let site = Site::start(on).await;
    let first = site.acme.publish("order.created", json!({ "n": 0 })).await;
    let began = accepted(&site.acme, &first).await;
    // One that is later by any clock.
    let (later, since) = eventually("time has passed", async || {
        let event = site.acme.publish("order.created", json!({})).await;
        let time = accepted(&site.acme, &event).await;
        (millis(&time) > millis(&began) + 2_000).then_some((event, time))
    })
    .await;
    let last = site.acme.publish("invoice.paid", json!({})).await;
    let all = ids(&site.acme.get("/v1/events?limit=500").await.expect(200));
    let read = site
        .acme
        .get(&format!("/v1/events?limit=500&since={since}"))
        .await
        .expect(200);
    let found = ids(&read);
    assert!(all.ends_with(&found) && !found.contains(&first), "{found:?}");
    assert!(found.contains(&later) && found.last() == Some(&last), "{found:?}");
    // Its cursor continues like any other, and types and limits apply.
    let page = site
        .acme
        .get(&format!("/v1/events?limit=1&since={since}"))
        .await
        .expect(200);
    assert_eq!(page["has_more"], true);
    let rest = format!(
        "/v1/events?limit=500&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    assert_eq!(ids(&site.acme.get(&rest).await.expect(200)), found[1..]);
    let typed = format!("/v1/events?since={since}&types=invoice.*");
    assert_eq!(ids(&site.acme.get(&typed).await.expect(200)), [last]);
    // Nothing was removed yet: a time before all events is the beginning.
    for old in ["1970-01-01T00:00:00Z", "2020-01-01T00:00:00%2B02:00"] {
        let read = site.acme.get(&format!("/v1/events?limit=500&since={old}")).await;
        assert_eq!(ids(&read.expect(200)), all);
    }
    // A tenant reads its own events only.
    let other = site.gateway.tenant("other").await;
    let none = other
        .get("/v1/events?since=2020-01-01T00:00:00Z")
        .await
        .expect(200);
    assert_eq!(ids(&none), [] as [&str; 0]);
}

/// A reader whose clock is ahead asks for events from now on, and receives all of them.
async fn time_just_ahead_skips_nothing(on: On) {
    let site = Site::start(on).await;
    site.acme.publish("order.created", json!({})).await;
    let ahead = std::process::Command::new("date")
        .args(["-u", "-d", "+40 seconds", "+%FT%TZ"])
        .output()
        .unwrap();
    let ahead = String::from_utf8(ahead.stdout).unwrap();
    let path = format!("/v1/events?since={}", ahead.trim());
    let page = site.acme.get(&path).await.expect(200);
    assert_eq!(ids(&page), [] as [&str; 0]);
    let next = site.acme.publish("order.created", json!({})).await;
    let path = format!("/v1/events?cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(ids(&site.acme.get(&path).await.expect(200)), [next]);
}

async fn time_before_the_retention_is_told_with_where_to_go_on(on: On) {
    let site = Site::with(
        on,
        "retention.events = \"2s\"\nretention.sweep_every = \"200ms\"\nretry.attempts = 1",
    )
    .await;
    let old = site.acme.publish("order.created", json!({ "n": 1 })).await;
    let since = accepted(&site.acme, &old).await;
    for since in [since.as_str(), "2020-01-01T00:00:00Z"] {
        let path = format!("/v1/events?since={since}");
        let refused = eventually("the time is before the retention", async || {
            site.acme.publish("order.created", json!({})).await;
            let answer = site.acme.get(&path).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        assert_eq!(
            (refused.status, refused.code()),
            (410, "cursor_expired"),
            "{:#}",
            refused.body
        );
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(
            detail.contains("accepted since") && detail.contains("is kept"),
            "{detail}"
        );
    }
    // The cursor of the answer continues with the oldest stored event, as long as that is stored.
    let (read, told) = eventually("the cursor of the refusal is read", async || {
        let newest = site.acme.publish("order.created", json!({})).await;
        let refused = site.acme.get("/v1/events?since=2020-01-01T00:00:00Z").await;
        let cursor = refused.body["next_cursor"].as_str().unwrap();
        let page = site
            .acme
            .get(&format!("/v1/events?limit=500&cursor={cursor}"))
            .await;
        (page.status == 200 && ids(&page.body).contains(&newest)).then_some((page.body, refused.body))
    })
    .await;
    let detail = told["detail"].as_str().unwrap();
    let oldest = read["data"][0]["created"].as_str().unwrap();
    assert!(detail.contains(oldest), "{detail} {oldest}");
    // Events younger than the retention are never removed.
    let event = site.acme.publish("order.created", json!({})).await;
    let since = accepted(&site.acme, &event).await;
    let read = site.acme.get(&format!("/v1/events?since={since}")).await;
    if read.status == 200 {
        assert!(ids(&read.body).contains(&event), "{:#}", read.body);
    } else {
        // On a slow machine it is past the retention by now.
        assert_eq!(read.code(), "cursor_expired");
    }
}

async fn door_takes_a_time(on: On) {
    let site = Site::start(on).await;
    let tenant = json!({ "id": "crm", "profile": "synthesq" });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    let crm = site.acme.with_key(made["key"].as_str().unwrap());
    crm.publish("product.created", json!({ "id": 1 })).await;
    let feed = "/api/v1/webhooks/events";
    let all = crm.get(feed).await.expect(200);
    let since = crm
        .get(&format!("{feed}?since=2020-01-01T00:00:00Z"))
        .await
        .expect(200);
    assert_eq!(
        (&since["data"], since["data"].as_array().unwrap().len()),
        (&all["data"], 1)
    );
    let cursor = since["next_cursor"].as_str().unwrap();
    for query in [
        "since=yesterday".to_owned(),
        "since=".to_owned(),
        "since=2099-01-01T00:00:00Z".to_owned(),
        format!("since=2020-01-01T00:00:00Z&cursor={cursor}"),
    ] {
        let refused = crm.get(&format!("{feed}?{query}")).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_parameter"),
            "{query}"
        );
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
        "since=yesterday",
        "since=",
        "since=2024-01-15",
        "since=1700000000",
        "since=2024-01-15T10:00:00",
        "since=2024-13-15T10:00:00Z",
        "since=2099-01-01T00:00:00Z",
        "since=2024-01-15T10:00:00Z&since=2024-01-16T10:00:00Z",
        "since=2024-01-15T10:00:00Z&cursor=x",
    ] {
        let refused = site.acme.get(&format!("/v1/events?{query}")).await;
        assert_eq!(refused.status, 400, "{query}: {:#}", refused.body);
        assert!(!refused.code().is_empty(), "{query}: {:#}", refused.body);
    }
    // A cursor is valid for its own tenant only.
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
