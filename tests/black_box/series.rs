//! Time series: what was accepted and attempted, by step, of many subscriptions at once.

use hookgate_tests::{Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(series_count_what_happened_and_outlive_a_restart);

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
