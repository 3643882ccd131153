//! Time series: what was accepted and attempted, by step, of many subscriptions at once.

use hookgate_tests::{Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    series_count_what_happened_and_outlive_a_restart,
    series_show_what_plugins_did,
    series_sample_what_is_pending_and_sum_all_tenants,
);

fn sum(page: &Value, key: &str, measure: &str) -> u64 {
    let series = page["series"].as_array().unwrap().iter();
    let values = series
        .filter(|one| one["key"] == key)
        .flat_map(|one| one["values"][measure].as_array().unwrap());
    values.map(|value| value.as_u64().unwrap_or_default()).sum()
}

async fn series_count_what_happened_and_outlive_a_restart(on: On) {
    let site = Site::with(on, "retry.attempts = 2").await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    let scopes = json!({ "scopes": ["consumer"] });
    let key = operator.post("/v1/tenants/acme/keys", &scopes).await.expect(201);
    let customer = operator.with_key(key["key"].as_str().unwrap());
    let fails = Receiver::start(vec![Reply::Status(500), Reply::Status(404)]).await;
    let takes = Receiver::start(vec![]).await;
    let (failing, _) = acme.subscribe(&fails.url()).await;
    let (taking, _) = acme.subscribe(&takes.url()).await;
    for kind in ["invoice.paid", "order.made"] {
        acme.publish(kind, json!({})).await;
        eventually("the first is given up", async || {
            let dead = acme.get("/v1/deliveries?status=dead").await.expect(200);
            (dead["data"].as_array().unwrap().len() == 1).then_some(())
        })
        .await;
    }
    let total = "/v1/metrics/series?measure=accepted,attempts,delivered,failed,dead,p95&step=1m";
    let all = eventually("all is counted", async || {
        let page = acme.get(total).await.expect(200);
        (sum(&page, "all", "attempts") == 5 && sum(&page, "all", "accepted") == 2).then_some(page)
    })
    .await;
    let sums = ["delivered", "failed", "dead"].map(|measure| sum(&all, "all", measure));
    assert_eq!(sums, [3, 2, 1], "{all:#}");
    assert_eq!(all["times"].as_array().unwrap().len(), 60, "{all:#}");
    assert!(sum(&all, "all", "p95") > 0);

    let by = format!(
        "/v1/metrics/series?measure=attempts,delivered&by=subscription&step=1h&subscription={failing},{taking}"
    );
    let page = acme.get(&by).await.expect(200);
    assert_eq!(
        (sum(&page, &taking, "delivered"), sum(&page, &taking, "attempts")),
        (2, 2),
        "{page:#}"
    );
    assert_eq!(sum(&page, &failing, "attempts"), 3, "{page:#}");
    let page = acme
        .get("/v1/metrics/series?measure=attempts&by=status_class&step=1m")
        .await
        .expect(200);
    let classes = ["2xx", "4xx", "5xx", "network"].map(|class| sum(&page, class, "attempts"));
    assert_eq!(classes, [3, 1, 1, 0], "{page:#}");
    let page = acme
        .get("/v1/metrics/series?measure=accepted&by=type&step=1m")
        .await
        .expect(200);
    assert_eq!(
        (
            sum(&page, "order.made", "accepted"),
            sum(&page, "other", "accepted")
        ),
        (1, 0),
        "{page:#}"
    );
    // A consumer sees what goes to its own.
    let page = customer
        .get("/v1/metrics/series?measure=attempts&step=1m")
        .await
        .expect(200);
    assert_eq!(sum(&page, "all", "attempts"), 0, "{page:#}");
    let page = customer.get(&by).await.expect(200);
    assert_eq!(sum(&page, &taking, "attempts"), 0, "{page:#}");
    for (query, word) in [
        ("measure=colour&step=1m", "measure"),
        ("measure=attempts&step=1s", "1s"),
        ("measure=attempts&step=1m&since=2020-01-01T00:00:00Z", "steps"),
        ("measure=failed&by=status_class&step=1m", "status_class"),
        ("measure=attempts&step=1m&of=all", "of"),
    ] {
        let refused = acme.get(&format!("/v1/metrics/series?{query}")).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_parameter"),
            "{query}"
        );
        assert!(
            refused.body["detail"].as_str().unwrap().contains(word),
            "{:#}",
            refused.body
        );
    }
    let site = site.restart();
    let page = site.acme.get(total).await.expect(200);
    assert_eq!(sum(&page, "all", "attempts"), 5, "{page:#}");
}

async fn series_show_what_plugins_did(on: On) {
    let site = Site::start(on).await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    let redact = json!({ "plugin": "redact", "settings": { "fields": ["/email"] } });
    let filter = json!({ "plugin": "filter", "settings": { "drop": { "/status": "draft" } } });
    acme.put("/v1/chain", &json!({ "steps": [redact, filter] }))
        .await
        .expect(200);
    for data in [
        json!({ "email": "a@b.example" }),
        json!({ "email": "a@b.example", "status": "draft" }),
        json!({ "status": "final" }),
    ] {
        acme.post("/v1/events", &json!({ "type": "invoice.paid", "data": data }))
            .await
            .expect(202);
    }
    let by = "/v1/metrics/series?measure=calls,failed,dropped,redacted&by=plugin&step=1m";
    let page = eventually("all calls are counted", async || {
        let page = acme.get(by).await.expect(200);
        (sum(&page, "redact", "calls") == 3 && sum(&page, "filter", "calls") == 3).then_some(page)
    })
    .await;
    let of = |plugin: &str| ["failed", "dropped", "redacted"].map(|measure| sum(&page, plugin, measure));
    assert_eq!((of("redact"), of("filter")), ([0, 0, 2], [0, 1, 0]), "{page:#}");
    for (client, path) in [
        (
            acme,
            "/v1/metrics/series?measure=dropped,redacted,accepted&step=1m",
        ),
        (
            &operator,
            "/v1/operator/metrics/series?measure=dropped,redacted,accepted&step=1h&tenant=acme",
        ),
    ] {
        let page = client.get(path).await.expect(200);
        let sums = ["dropped", "redacted", "accepted"].map(|measure| sum(&page, "all", measure));
        assert_eq!(sums, [1, 2, 3], "{path}: {page:#}");
    }
    let scopes = json!({ "scopes": ["consumer"] });
    let key = operator.post("/v1/tenants/acme/keys", &scopes).await.expect(201);
    let customer = operator.with_key(key["key"].as_str().unwrap());
    for (client, query, word) in [
        (acme, "measure=attempts&by=plugin&step=1m", "plugin"),
        (acme, "measure=calls&step=1m", "calls"),
        (acme, "measure=pending&by=type&step=1m", "pending"),
        (&customer, "measure=redacted&step=1m", "tenant's key"),
        (&customer, "measure=calls&by=plugin&step=1m", "tenant's"),
    ] {
        let refused = client.get(&format!("/v1/metrics/series?{query}")).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_parameter"),
            "{query}"
        );
        assert!(
            refused.body["detail"].as_str().unwrap().contains(word),
            "{:#}",
            refused.body
        );
    }
}

/// Greatest value of a measure.
fn most(page: &Value, key: &str, measure: &str) -> u64 {
    let series = page["series"].as_array().unwrap().iter();
    let values = series
        .filter(|one| one["key"] == key)
        .flat_map(|one| one["values"][measure].as_array().unwrap());
    values.filter_map(Value::as_u64).max().unwrap_or_default()
}

async fn series_sample_what_is_pending_and_sum_all_tenants(on: On) {
    let site = Site::start(on).await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    let globex = site.gateway.tenant("globex").await;
    let fails = Receiver::start(vec![Reply::Status(500); 8]).await;
    let takes = Receiver::start(vec![]).await;
    // What fails is tried again in hours: it stays pending.
    let late = json!({ "url": fails.url(), "events": ["*"], "retry": { "schedule": ["2h"] } });
    let failing = acme.post("/v1/subscriptions", &late).await.expect(201);
    let failing = failing["id"].as_str().unwrap().to_owned();
    let (taking, _) = acme.subscribe(&takes.url()).await;
    globex.post("/v1/subscriptions", &late).await.expect(201);
    for n in 0..3 {
        acme.publish("invoice.paid", json!({ "n": n })).await;
    }
    globex.publish("invoice.paid", json!({})).await;
    let by = "/v1/metrics/series?measure=pending,oldest_pending,attempts&by=subscription&step=1m";
    let page = eventually("pending deliveries are sampled", async || {
        let page = acme.get(by).await.expect(200);
        (most(&page, &failing, "pending") > 0).then_some(page)
    })
    .await;
    assert_eq!(sum(&page, &taking, "attempts"), 3, "{page:#}");
    assert_eq!(
        most(&page, &failing, "oldest_pending"),
        0,
        "their time has not come: {page:#}"
    );
    let total = "/v1/operator/metrics/series?measure=pending,attempts,accepted&step=1m";
    let all = eventually("all tenants are summed", async || {
        let all = operator.get(total).await.expect(200);
        (most(&all, "all", "pending") > 0 && sum(&all, "all", "attempts") == 7).then_some(all)
    })
    .await;
    assert_eq!(sum(&all, "all", "accepted"), 4, "{all:#}");
    let each = operator.get(&format!("{total}&by=tenant")).await.expect(200);
    let of = |tenant: &str| ["attempts", "accepted"].map(|measure| sum(&each, tenant, measure));
    assert_eq!((of("acme"), of("globex")), ([6, 3], [1, 1]), "{each:#}");
    assert!(most(&each, "globex", "pending") > 0, "{each:#}");
    let one = operator
        .get(&format!("{total}&by=tenant&tenant=globex"))
        .await
        .expect(200);
    assert_eq!(one["series"].as_array().unwrap().len(), 1, "{one:#}");
    let classes = "/v1/operator/metrics/series?measure=attempts&by=status_class&step=1m";
    let classes = operator.get(classes).await.expect(200);
    assert_eq!(
        ["2xx", "5xx"].map(|class| sum(&classes, class, "attempts")),
        [3, 4],
        "{classes:#}"
    );
    // What was never sampled is not none.
    let before = format!("{total}&since=2020-01-01T00:00:00Z&until=2020-01-01T00:02:00Z");
    let before = operator.get(&before).await.expect(200);
    assert_eq!(
        before["series"][0]["values"]["pending"],
        json!([null, null]),
        "{before:#}"
    );
    for (client, path, status) in [
        (acme, "/v1/operator/metrics/series?measure=attempts&step=1m", 403),
        (
            &operator,
            "/v1/operator/metrics/series?measure=calls&step=1m",
            400,
        ),
        (
            &operator,
            "/v1/operator/metrics/series?measure=attempts&step=1m&tenant=nobody",
            400,
        ),
    ] {
        assert_eq!(client.get(path).await.status, status, "{path}");
    }
}
