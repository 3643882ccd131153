//! Dry runs of publishing: what would become of an event, without storing or sending anything.

use hookgate_tests::{Answer, Client, Receiver};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    dry_run_names_the_receivers_and_stores_nothing,
    dry_run_refuses_and_drops_as_publishing_does,
    dry_run_reports_known_ids,
);

const DRY: &str = "/v1/events?dry_run=true";

async fn subscribe(client: &Client, url: &str, more: Value) -> String {
    let mut new = json!({ "url": url, "events": ["invoice.*"] });
    new.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let made = client.post("/v1/subscriptions", &new).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

/// Checks that nothing was stored: no event, no delivery, no attempt.
async fn nothing_is_stored(client: &Client) {
    for path in [
        "/v1/events",
        "/v1/events?order=newest",
        "/v1/deliveries",
        "/v1/attempts",
    ] {
        assert_eq!(client.get(path).await.expect(200)["data"], json!([]), "{path}");
    }
}

async fn keyed(client: &Client, path: &str, body: &Value) -> Answer {
    let request = client
        .request(Method::POST, path)
        .header("idempotency-key", "k-1");
    client.send(request.json(body)).await
}

async fn dry_run_names_the_receivers_and_stores_nothing(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![]).await;
    let all = subscribe(acme, &receiver.url(), json!({})).await;
    let filter = json!({ "/total": { "$gte": 100 } });
    let large = subscribe(acme, &receiver.url(), json!({ "filter": filter })).await;
    let invoice = |total: u32| json!({ "type": "invoice.paid", "data": { "total": total } });

    let small = acme.post(DRY, &invoice(1)).await.expect(200);
    let expected = json!({
        "id": small["id"], "status": "accepted", "deliveries": 1, "subscriptions": [all], "dry_run": true,
    });
    assert_eq!(small, expected);
    let other = json!({ "type": "order.made", "data": {}, "id": "o-1" });
    let many = acme.post(DRY, &json!([invoice(200), other])).await.expect(200);
    let (first, second) = (&many["events"][0], &many["events"][1]);
    assert_eq!(first["subscriptions"], json!([all, large]), "{many:#}");
    assert_eq!(
        (&second["id"], &second["deliveries"], &second["subscriptions"]),
        (&json!("o-1"), &json!(0), &json!([])),
        "{many:#}"
    );
    // The key of a dry run is free for the event.
    keyed(acme, DRY, &invoice(1)).await.expect(200);
    nothing_is_stored(acme).await;

    let published = keyed(acme, "/v1/events", &invoice(200)).await.expect(202);
    assert_eq!(
        (&published["status"], &published["subscriptions"]),
        (&first["status"], &first["subscriptions"]),
        "{published:#}"
    );
    receiver.wait_for(2).await;
    let feed = acme.get("/v1/events").await.expect(200);
    assert_eq!(feed["data"].as_array().unwrap().len(), 1, "{feed:#}");
}

async fn dry_run_refuses_and_drops_as_publishing_does(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![]).await;
    subscribe(acme, &receiver.url(), json!({})).await;
    let settings = json!({ "drop": { "/status": "draft" }, "reason": "a draft" });
    let chain = json!({ "steps": [{ "plugin": "filter", "settings": settings }] });
    acme.put("/v1/chain", &chain).await.expect(200);
    let event = |status: &str| json!({ "type": "invoice.paid", "data": { "status": status } });

    let dropped = acme.post(DRY, &event("draft")).await.expect(200);
    assert_eq!(
        (&dropped["status"], &dropped["deliveries"], &dropped["dropped_by"]),
        (&json!("filtered"), &json!(0), &json!("filter")),
        "{dropped:#}"
    );
    assert!(
        dropped["reason"].as_str().unwrap().contains("a draft"),
        "{dropped:#}"
    );
    let passed = acme.post(DRY, &event("final")).await.expect(200);
    assert_eq!(
        (&passed["status"], &passed["deliveries"]),
        (&json!("accepted"), &json!(1))
    );

    let schema = json!({ "type": "object", "required": ["number"] });
    let strict = json!({ "schema": schema, "validate": true });
    acme.put("/v1/event-types/invoice.paid", &strict)
        .await
        .expect(200);
    for (path, body, status, code) in [
        (DRY, event("final"), 422, "schema_mismatch"),
        (
            DRY,
            json!({ "type": "hookgate.test", "data": {} }),
            400,
            "reserved_type",
        ),
        (DRY, json!({ "data": {} }), 422, "invalid_event"),
        // A misspelt name does not publish.
        ("/v1/events?dryrun=true", event("final"), 400, "invalid_parameter"),
        ("/v1/events?dry_run=yes", event("final"), 400, "invalid_parameter"),
    ] {
        let refused = acme.post(path, &body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{path}: {:#}",
            refused.body
        );
    }
    nothing_is_stored(acme).await;
    assert_eq!(receiver.count(), 0);
}

async fn dry_run_reports_known_ids(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let event = |id: &str| json!({ "type": "invoice.paid", "data": {}, "id": id });
    acme.post("/v1/events?dry_run=false", &event("e-1"))
        .await
        .expect(202);
    let run = acme
        .post(DRY, &json!([event("e-1"), event("e-2"), event("e-2")]))
        .await
        .expect(200);
    let states: Vec<_> = run["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].clone())
        .collect();
    assert_eq!(states, ["duplicate", "accepted", "duplicate"], "{run:#}");
    // Of another tenant the id is new.
    let globex = site.gateway.tenant("globex").await;
    let run = globex.post(DRY, &event("e-1")).await.expect(200);
    assert_eq!(run["status"], "accepted", "{run:#}");
}
