//! Bulk jobs: each action on all that a filter finds, once, whatever ends the gateway meanwhile.

use std::collections::HashMap;

use hookgate_tests::{Client, Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    bulk_retry_makes_one_new_delivery_of_each_dead_letter,
    bulk_cancel_and_disable_reach_what_the_filter_finds,
    bulk_recover_makes_what_was_missed_once,
    bulk_job_is_paused_resumed_and_cancelled,
    bulk_retry_survives_a_killed_gateway,
    bulk_jobs_wait_for_quotas_and_are_limited,
    bulk_jobs_show_what_the_caller_reaches,
);

/// Starts a job.
pub(crate) async fn start(client: &Client, action: &str, filter: Value) -> String {
    let job = json!({ "action": action, "filter": filter });
    let made = client.post("/v1/bulk", &job).await.expect(202);
    made["id"].as_str().unwrap().to_owned()
}

/// Result of a dry run.
async fn dry(client: &Client, action: &str, filter: Value) -> Value {
    let dry = json!({ "action": action, "filter": filter, "dry_run": true });
    client.post("/v1/bulk", &dry).await.expect(200)
}

/// The job, once it is in a state.
pub(crate) async fn job_is(client: &Client, id: &str, state: &str) -> Value {
    eventually(&format!("the job is {state}"), async || {
        let job = client.get(&format!("/v1/jobs/{id}")).await.expect(200);
        (job["state"] == state).then_some(job)
    })
    .await
}

pub(crate) fn counts(job: &Value) -> [u64; 3] {
    ["matched", "changed", "skipped"].map(|name| job[name].as_u64().unwrap())
}

async fn list(client: &Client, query: &str) -> Vec<Value> {
    let page = client.get(&format!("/v1/deliveries?limit=500&{query}")).await;
    page.expect(200)["data"].as_array().unwrap().clone()
}

/// Publishes events whose deliveries die.
pub(crate) async fn dead(client: &Client, kind: &str, count: usize) {
    let before = list(client, "status=dead").await.len();
    for n in 0..count {
        client.publish(kind, json!({ "n": n })).await;
    }
    eventually("they are dead", async || {
        (list(client, "status=dead").await.len() == before + count).then_some(())
    })
    .await;
}

/// Number of deliveries of each event.
pub(crate) async fn per_event(client: &Client, query: &str) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for delivery in list(client, query).await {
        let event = delivery["event"].as_str().unwrap().to_owned();
        *times.entry(event).or_default() += 1;
    }
    times
}

async fn bulk_retry_makes_one_new_delivery_of_each_dead_letter(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![Reply::Status(500); 7]).await;
    acme.subscribe(&receiver.url()).await;
    dead(acme, "invoice.paid", 5).await;
    dead(acme, "order.made", 2).await;

    let filter = json!({ "status": "dead", "types": ["invoice.*"], "replayed": false });
    let found = dry(acme, "retry", filter.clone()).await;
    assert_eq!(found, json!({ "matched": 5, "partial": false }));
    assert_eq!(receiver.count(), 7, "a dry run changes nothing");
    assert_eq!(acme.get("/v1/jobs").await.expect(200)["data"], json!([]));

    let id = start(acme, "retry", filter.clone()).await;
    let job = job_is(acme, &id, "done").await;
    assert_eq!(counts(&job), [5, 5, 0], "{job:#}");
    assert!(job["finished"].is_string() && job["error"].is_null(), "{job:#}");
    assert_eq!(job["filter"], filter);
    receiver.wait_for(12).await;
    let times = per_event(acme, "types=invoice.*").await;
    assert!(
        times.len() == 5 && times.values().all(|times| *times == 2),
        "{times:?}"
    );
    let again = list(acme, "status=dead&types=invoice.*").await;
    assert!(
        again.iter().all(|one| one["replayed_as"].is_string()),
        "{again:?}"
    );
    assert_eq!(dry(acme, "retry", filter).await["matched"], 0);
    // What it made, and what became of it.
    let made = eventually("its deliveries have arrived", async || {
        let made = list(acme, &format!("job={id}&status=delivered")).await;
        (made.len() == 5).then_some(made)
    })
    .await;
    assert!(made.iter().all(|one| one["trigger"] == "replay"), "{made:?}");
    let operator = site.gateway.operator();
    let all = format!("/v1/operator/deliveries?job={id}");
    let page = operator.get(&format!("{all}&tenant=acme")).await.expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 5, "{page:#}");
    let attempts = acme.get(&format!("/v1/attempts?job={id}")).await.expect(200);
    assert_eq!(attempts["data"].as_array().unwrap().len(), 5, "{attempts:#}");
    for refused in [
        operator.get(&all).await,
        acme.get("/v1/deliveries?job=job_x").await,
    ] {
        assert_eq!((refused.status, refused.code()), (400, "invalid_parameter"));
    }
    // By the feed, and of several deliveries of an event the newest alone.
    let id = start(acme, "retry", json!({ "types": ["invoice.*"] })).await;
    let job = job_is(acme, &id, "done").await;
    assert_eq!(counts(&job), [10, 5, 5], "{job:#}");
    receiver.wait_for(17).await;

    // The list, the newest first, page by page.
    let first = acme.get("/v1/jobs?limit=1").await.expect(200);
    assert_eq!(first["data"][0]["id"], json!(id));
    let next = first["next_cursor"].as_str().unwrap();
    let second = acme
        .get(&format!("/v1/jobs?limit=1&cursor={next}"))
        .await
        .expect(200);
    assert_eq!(
        (second["data"].as_array().unwrap().len(), &second["next_cursor"]),
        (1, &Value::Null)
    );
}

async fn bulk_cancel_and_disable_reach_what_the_filter_finds(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![Reply::Status(500); 6]).await;
    let subscribe = async |events: &str| {
        let retry = json!({ "schedule": ["1h"] });
        let new = json!({ "url": receiver.url(), "events": [events], "retry": retry });
        let made = acme.post("/v1/subscriptions", &new).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let (one, narrow) = (subscribe("*").await, subscribe("order.made").await);
    for _ in 0..2 {
        acme.publish("invoice.paid", json!({})).await;
        acme.publish("order.made", json!({})).await;
    }
    // Recorded, so that none is being attempted.
    eventually("each was attempted", async || {
        let pending = list(acme, "status=pending&status_class=5xx").await;
        (pending.len() == 6).then_some(())
    })
    .await;
    let filter = json!({ "subscription": one, "types": ["order.*"] });
    assert_eq!(dry(acme, "cancel", filter.clone()).await["matched"], 2);
    let id = start(acme, "cancel", filter).await;
    let job = job_is(acme, &id, "done").await;
    assert_eq!(counts(&job), [2, 2, 0], "{job:#}");
    assert_eq!(list(acme, "status=cancelled").await.len(), 2);
    assert_eq!(list(acme, "status=pending").await.len(), 4);
    // What is pending is attempted now.
    let id = start(
        acme,
        "retry",
        json!({ "status": "pending", "types": ["invoice.*"] }),
    )
    .await;
    let job = job_is(acme, &id, "done").await;
    assert_eq!(counts(&job), [2, 2, 0], "{job:#}");
    receiver.wait_for(8).await;

    let filter = json!({ "types": ["order.*"] });
    assert_eq!(dry(acme, "disable", filter.clone()).await["matched"], 1);
    let id = start(acme, "disable", filter).await;
    job_is(acme, &id, "done").await;
    for (id, status) in [(&narrow, "disabled"), (&one, "active")] {
        let shown = acme.get(&format!("/v1/subscriptions/{id}")).await.expect(200);
        assert_eq!(shown["status"], status, "{shown:#}");
    }

    for (action, filter, pointer) in [
        ("retry", json!({}), "/filter"),
        ("retry", json!({ "colour": "red" }), "/filter/colour"),
        ("retry", json!({ "since": "yesterday" }), "/filter/since"),
        ("retry", json!({ "types": ["a..b"] }), "/filter/types/0"),
        ("retry", json!({ "subscription": "x" }), "/filter/subscription"),
        ("cancel", json!({ "status": "dead" }), "/filter/status"),
        ("recover", json!({ "types": ["*"] }), "/filter/since"),
        ("disable", json!({ "status": "dead" }), "/filter/status"),
        ("delete", json!({ "types": ["*"] }), "/action"),
    ] {
        let refused = acme
            .post("/v1/bulk", &json!({ "action": action, "filter": filter }))
            .await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{action} {filter} {:#}",
            refused.body
        );
    }
}

async fn bulk_recover_makes_what_was_missed_once(on: On) {
    let site = Site::with(on, "retry.attempts = 1\nbulk.rate = 2").await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![]).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(acme.subscribe(&receiver.url()).await.0);
    }
    let first = acme.publish("invoice.paid", json!({})).await;
    receiver.wait_for(2).await;
    for id in &ids {
        acme.post(&format!("/v1/subscriptions/{id}/disable"), &json!({}))
            .await
            .expect(200);
    }
    for _ in 0..3 {
        acme.publish("order.made", json!({})).await;
    }
    acme.publish("invoice.paid", json!({})).await;
    for id in &ids {
        acme.post(&format!("/v1/subscriptions/{id}/activate"), &json!({}))
            .await
            .expect(200);
    }
    let since = acme.get(&format!("/v1/events/{first}")).await.expect(200)["created"].clone();
    let filter = json!({ "since": since, "types": ["order.*"] });
    assert_eq!(dry(acme, "recover", filter.clone()).await["matched"], 6);
    let id = start(acme, "recover", filter).await;
    let job = job_is(acme, &id, "done").await;
    assert_eq!(counts(&job), [6, 6, 0], "{job:#}");
    let received = receiver.wait_for(8).await;
    assert_eq!(received.len(), 8);
    let times = per_event(acme, "types=order.*").await;
    assert!(
        times.len() == 3 && times.values().all(|times| *times == 2),
        "{times:?}"
    );
}

async fn bulk_job_is_paused_resumed_and_cancelled(on: On) {
    let site = Site::with(on, "retry.attempts = 1\nbulk.rate = 1").await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![Reply::Status(500); 6]).await;
    acme.subscribe(&receiver.url()).await;
    dead(acme, "invoice.paid", 6).await;
    let filter = json!({ "status": "dead" });
    let id = start(acme, "retry", filter.clone()).await;
    let act = async |id: &str, step: &str| acme.post(&format!("/v1/jobs/{id}/{step}"), &json!({})).await;
    for _ in 0..2 {
        let paused = act(&id, "pause").await.expect(200);
        assert_eq!(paused["state"], "paused");
    }
    let at = acme.get(&format!("/v1/jobs/{id}")).await.expect(200);
    assert!(at["changed"].as_u64().unwrap() < 6, "{at:#}");
    // A job that is started and ends later: the paused one had its turns meanwhile.
    let other = start(acme, "cancel", json!({ "types": ["none.*"] })).await;
    job_is(acme, &other, "done").await;
    let still = acme.get(&format!("/v1/jobs/{id}")).await.expect(200);
    assert_eq!(still["state"], "paused");
    assert_eq!(act(&id, "resume").await.expect(200)["state"], "running");
    let job = job_is(acme, &id, "done").await;
    assert_eq!(counts(&job), [6, 6, 0], "{job:#}");
    for step in ["pause", "resume", "cancel"] {
        let refused = act(&id, step).await;
        assert_eq!((refused.status, refused.code()), (409, "wrong_state"), "{step}");
    }
    receiver.wait_for(12).await;

    let id = start(acme, "retry", filter).await;
    let job = act(&id, "cancel").await.expect(200);
    assert!(
        job["state"] == "cancelled" && job["finished"].is_string(),
        "{job:#}"
    );
    assert_eq!(act(&id, "cancel").await.expect(200)["state"], "cancelled");
    let refused = act("job_01J00000000000000000000000", "cancel").await;
    assert_eq!((refused.status, refused.code()), (404, "not_found"));
}

async fn bulk_retry_survives_a_killed_gateway(on: On) {
    const LETTERS: usize = 12;
    // On Redis, what the dead gateway held is claimed when its leases end.
    let lease = "delivery.timeout = \"10s\"\ndelivery.max_timeout = \"10s\"\nscheduler.lease = \"13s\"";
    let mut site = Site::with(on, &format!("retry.attempts = 1\nbulk.rate = 3\n{lease}")).await;
    let receiver = Receiver::start(vec![Reply::Status(500); LETTERS]).await;
    site.acme.subscribe(&receiver.url()).await;
    dead(&site.acme, "invoice.paid", LETTERS).await;
    let id = start(
        &site.acme,
        "retry",
        json!({ "status": "dead", "replayed": false }),
    )
    .await;
    // In the middle of a page or between two.
    receiver.wait_for(LETTERS + 2).await;
    site.gateway.kill();
    let site = site.restart();
    let job = job_is(&site.acme, &id, "done").await;
    assert_eq!(counts(&job), [LETTERS as u64, LETTERS as u64, 0], "{job:#}");
    eventually("all are delivered", async || {
        (list(&site.acme, "status=delivered").await.len() == LETTERS).then_some(())
    })
    .await;
    let times = per_event(&site.acme, "types=*").await;
    assert!(times.values().all(|times| *times == 2), "{times:?}");
}

async fn bulk_jobs_wait_for_quotas_and_are_limited(on: On) {
    let site = Site::with(on, "retry.attempts = 1\nbulk.jobs_per_tenant = 1").await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    let receiver = Receiver::start(vec![Reply::Status(500)]).await;
    acme.subscribe(&receiver.url()).await;
    dead(acme, "invoice.paid", 1).await;
    // The bucket's only token is taken.
    let quotas = json!({ "quotas": { "replays_per_minute": 1 } });
    operator.patch("/v1/tenants/acme", &quotas).await.expect(200);
    let letter = list(acme, "status=dead").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let again = format!("/v1/deliveries/{letter}/retry");
    eventually("the quota holds", async || {
        (acme.post(&again, &json!({})).await.status == 429).then_some(())
    })
    .await;
    let id = start(acme, "retry", json!({ "status": "dead" })).await;
    let job = eventually("the job waits", async || {
        let job = acme.get(&format!("/v1/jobs/{id}")).await.expect(200);
        job["error"].is_object().then_some(job)
    })
    .await;
    assert_eq!(
        (&job["state"], &job["error"]["code"]),
        (&json!("running"), &json!("quota_exceeded"))
    );

    let filter = json!({ "action": "retry", "filter": { "status": "dead" } });
    let refused = acme.post("/v1/bulk", &filter).await;
    assert_eq!((refused.status, refused.code()), (429, "tenant_busy"));
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("bulk.jobs_per_tenant")
    );
    assert_eq!(refused.header("retry-after"), "10");
    // Another tenant is not concerned.
    let globex = site.gateway.tenant("globex").await;
    let other = start(&globex, "retry", json!({ "status": "dead" })).await;
    job_is(&globex, &other, "done").await;
    acme.post(&format!("/v1/jobs/{id}/cancel"), &json!({}))
        .await
        .expect(200);
    acme.post("/v1/bulk", &filter).await.expect(202);
}

async fn bulk_jobs_show_what_the_caller_reaches(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    let globex = site.gateway.tenant("globex").await;
    let scopes = json!({ "scopes": ["consumer"] });
    let key = operator.post("/v1/tenants/acme/keys", &scopes).await.expect(201);
    let customer = operator.with_key(key["key"].as_str().unwrap());
    let receiver = Receiver::start(vec![Reply::Status(500); 2]).await;
    let (subscription, _) = acme.subscribe(&receiver.url()).await;
    let new = json!({ "url": receiver.url(), "events": ["*"] });
    customer.post("/v1/subscriptions", &new).await.expect(201);
    acme.publish("invoice.paid", json!({})).await;
    eventually("both are dead", async || {
        (list(acme, "status=dead").await.len() == 2).then_some(())
    })
    .await;
    let all = json!({ "types": ["*"] });
    assert_eq!(dry(&globex, "retry", all.clone()).await["matched"], 0);
    assert_eq!(
        dry(&globex, "retry", json!({ "subscription": subscription })).await["matched"],
        0
    );
    assert_eq!(
        dry(&customer, "retry", json!({ "subscription": subscription })).await["matched"],
        0
    );
    let theirs = start(&customer, "retry", all.clone()).await;
    let job = job_is(&customer, &theirs, "done").await;
    assert_eq!(counts(&job), [1, 1, 0], "{job:#}");
    receiver.wait_for(3).await;

    let filter = json!({ "tenant": "acme", "status": "dead", "replayed": false });
    let bulk = json!({ "action": "retry", "filter": filter });
    let made = operator.post("/v1/operator/bulk", &bulk).await.expect(202);
    assert_eq!(
        (&made["tenant"], &made["by"]),
        (&json!("acme"), &json!("operator"))
    );
    let id = made["id"].as_str().unwrap();
    let job = job_is(acme, id, "done").await;
    assert_eq!(counts(&job), [1, 1, 0], "{job:#}");
    // The tenant sees all of its jobs, a consumer its own, another tenant none.
    for (client, count) in [(acme, 2), (&customer, 1), (&globex, 0)] {
        let seen = client.get("/v1/jobs").await.expect(200);
        assert_eq!(seen["data"].as_array().unwrap().len(), count, "{seen:#}");
        let shown = client.get(&format!("/v1/jobs/{id}")).await;
        assert_eq!(shown.status == 200, count == 2);
        let refused = client.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).await;
        assert_eq!(refused.status, if count == 2 { 409 } else { 404 });
    }
    let all = operator.get("/v1/operator/jobs").await.expect(200);
    assert_eq!(
        (&all["data"][0]["id"], &all["data"][0]["tenant"]),
        (&json!(id), &json!("acme"))
    );
    let none = operator.get("/v1/operator/jobs?tenant=globex").await.expect(200);
    assert_eq!(none["data"], json!([]));
    let refused = operator.get("/v1/operator/jobs?tenant=nobody").await;
    assert_eq!((refused.status, refused.code()), (400, "invalid_parameter"));
    operator.get(&format!("/v1/operator/jobs/{id}")).await.expect(200);
    let refused = operator
        .post(&format!("/v1/operator/jobs/{id}/pause"), &json!({}))
        .await;
    assert_eq!((refused.status, refused.code()), (409, "wrong_state"));
    let unknown = json!({ "action": "retry", "filter": { "tenant": "nobody", "status": "dead" } });
    let refused = operator.post("/v1/operator/bulk", &unknown).await;
    assert_eq!(refused.body["errors"][0]["pointer"], "/filter/tenant");
    // A tenant that is made again has no jobs of the former one.
    operator.delete("/v1/tenants/acme").await.expect(204);
    let again = site.gateway.tenant("acme").await;
    assert_eq!(again.get(&format!("/v1/jobs/{id}")).await.status, 404);
}
