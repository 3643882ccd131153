//! Filters of subscriptions: set, shown, changed, refused, and their effect on the recipients.

use hookgate_tests::{Client, Receiver, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    a_filter_decides_what_is_sent,
    a_declared_filter_is_applied_and_kept_over_a_restart
);

async fn subscribe(client: &Client, receiver: &Receiver, filter: Value) -> Value {
    let wanted = json!({ "url": receiver.url(), "events": ["invoice.*"], "filter": filter });
    client.post("/v1/subscriptions", &wanted).await.expect(201)
}

/// Number of deliveries of an event.
async fn deliveries(client: &Client, event: &str) -> usize {
    let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
    event["deliveries"].as_array().unwrap().len()
}

async fn a_filter_decides_what_is_sent(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let filter = json!({ "/total": { "$gte": 100 }, "$not": { "/test": true } });
    let made = subscribe(&site.acme, &receiver, filter.clone()).await;
    assert_eq!(made["filter"], filter);
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    assert_eq!(site.acme.get(&path).await.expect(200)["filter"], filter);

    let small = site.acme.publish("invoice.paid", json!({ "total": 99.99 })).await;
    let tried = site
        .acme
        .publish("invoice.paid", json!({ "total": 100, "test": true }))
        .await;
    let large = site.acme.publish("invoice.paid", json!({ "total": 100.0 })).await;
    assert_eq!(receiver.wait_for(1).await[0].id(), large);
    for unwanted in [&small, &tried] {
        assert_eq!(deliveries(&site.acme, unwanted).await, 0);
    }
    // A replay to all subscriptions obeys the filters; a replay to a named one ignores them.
    site.acme
        .post(&format!("/v1/events/{small}/replay"), &json!({}))
        .await
        .expect(202);
    assert_eq!(deliveries(&site.acme, &small).await, 0);
    let named = json!({ "subscription": made["id"] });
    site.acme
        .post(&format!("/v1/events/{small}/replay"), &named)
        .await
        .expect(202);
    assert_eq!(receiver.wait_for(2).await[1].id(), small);

    // Numbers are compared with all their digits, in the event and in the filter.
    let exact = r#"{"filter":{"/n":12345678901234567890}}"#;
    let patch = site
        .acme
        .request(reqwest::Method::PATCH, &path)
        .header("content-type", "application/json")
        .body(exact);
    site.acme.send(patch).await.expect(200);
    for (n, received) in [("12345678901234567891", 2), ("12345678901234567890.0", 3)] {
        let event = format!(r#"{{"type":"invoice.paid","data":{{"n":{n}}}}}"#);
        site.acme
            .post_raw("/v1/events", "application/json", event)
            .await
            .expect(202);
        assert_eq!(receiver.wait_for(received).await.len(), received, "{n}");
    }
    let cleared = site
        .acme
        .patch(&path, &json!({ "filter": null }))
        .await
        .expect(200);
    assert_eq!(cleared["filter"], Value::Null);
    let any = site.acme.publish("invoice.paid", json!({})).await;
    assert_eq!(receiver.wait_for(4).await[3].id(), any);
}

async fn a_declared_filter_is_applied_and_kept_over_a_restart(on: On) {
    let receiver = Receiver::start(vec![]).await;
    let declared = format!(
        "[tenants.globex]\nkeys = [\"globex-key-0123456789\"]\n[[tenants.globex.subscriptions]]\nurl = {:?}\n\
         events = [\"*\"]\nfilter = {{ \"/region\" = {{ \"$in\" = [\"eu\", \"uk\"] }} }}",
        receiver.url()
    );
    let mut site = Site::with(on, &declared).await;
    for round in 1..=2 {
        let globex = site.gateway.operator().with_key("globex-key-0123456789");
        let elsewhere = globex.publish("order.created", json!({ "region": "us" })).await;
        let wanted = globex.publish("order.created", json!({ "region": "uk" })).await;
        assert_eq!(receiver.wait_for(round).await[round - 1].id(), wanted);
        assert_eq!(deliveries(&globex, &elsewhere).await, 0);
        // Deliveries that a killed gateway has not recorded as delivered are repeated.
        eventually("the delivery is noted", async || {
            let event = globex.get(&format!("/v1/events/{wanted}")).await.expect(200);
            (event["deliveries"][0]["status"] == "delivered").then_some(())
        })
        .await;
        site = site.restart();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_filter_is_refused_with_its_place() {
    let site = Site::with(On::Embedded, "registry.max_filter_operators = 2").await;
    let receiver = Receiver::start(vec![]).await;
    for (filter, pointer, hint) in [
        (
            json!({ "/total": { "$gtt": 1 } }),
            "/filter/~1total/$gtt",
            "`$gt`",
        ),
        (json!({ "total": 1 }), "/filter/total", "`/total`"),
        (json!({ "/a": { "$in": [] } }), "/filter/~1a/$in", "empty"),
        (
            json!({ "/a": { "$gt": 2, "$lt": 1 } }),
            "/filter/~1a",
            "contradicts",
        ),
        (json!({}), "/filter", "empty"),
        (json!([1]), "/filter", "not a condition"),
        (json!({ "/a": 1, "/b": 2, "/c": 3 }), "/filter", "at most 2"),
    ] {
        let wanted = json!({ "url": receiver.url(), "events": ["*"], "filter": filter });
        let refused = site.acme.post("/v1/subscriptions", &wanted).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, "invalid_field"),
            "{filter}"
        );
        let error = &refused.body["errors"][0];
        assert_eq!(error["pointer"], pointer, "{error:#}");
        assert!(error["detail"].as_str().unwrap().contains(hint), "{error:#}");
    }
}
