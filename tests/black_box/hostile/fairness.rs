//! Limits on all plugins of a tenant together: a budget of processor time, and a circuit breaker
//! for plugins stopped repeatedly.

use bytes::Bytes;
use hookgate_tests::guests::{PASS, handling};
use hookgate_tests::{Client, Receiver, eventually};
use serde_json::{Value, json};

use super::{Town, chain, event, has_all};
use crate::site::{On, on_both_stores};

on_both_stores!(
    a_tenant_over_its_budget_is_refused_and_no_other_is,
    deliveries_over_the_budget_wait,
    what_is_stopped_again_and_again_is_left_alone,
    a_probe_that_goes_through_closes_the_breaker,
);

async fn a_tenant_over_its_budget_is_refused_and_no_other_is(on: On) {
    // One call uses five seconds' worth: the next call comes before they are over.
    let town = Town::with(on, "plugins.budgets.endless = \"10ms\"").await;
    let endless = handling("", "(loop $again (br $again)) (unreachable)");
    let client = town.author("endless", endless).await;
    let mut steps = chain("fail", &json!({}));
    steps["steps"][0]["limits"] = json!({ "deadline": "50ms" });
    client.put("/v1/chain", &steps).await.expect(200);
    let refused = eventually("it is over its budget", async || {
        let answer = client.post("/v1/events", &event()).await;
        if answer.status == 503 {
            assert_eq!(answer.body["plugin"]["code"], "timeout", "{:#}", answer.body);
            return None;
        }
        Some(answer)
    })
    .await;
    assert_eq!(
        (refused.status, refused.code()),
        (429, "tenant_busy"),
        "{:#}",
        refused.body
    );
    assert_ne!(refused.header("retry-after"), "");
    has_all(
        &refused.body["detail"].to_string(),
        &["processor time", "10ms", "`plugins.budget`"],
        "the budget",
    );
    town.neighbour_is_served(20).await;
    eventually("its time comes again", async || {
        let answer = client.post("/v1/events", &event()).await;
        (answer.status == 503).then_some(())
    })
    .await;
    has_all(&figures(&town).await, &[OVER_BUDGET], "the figures");
}

async fn deliveries_over_the_budget_wait(on: On) {
    let town = Town::with(on, "plugins.budgets.slow = \"5ms\"").await;
    let slow = format!(
        "(local $n i32) (local.set $n (i32.const 10000000))
        (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) {PASS}"
    );
    let client = town.author("slow", handling("", &slow)).await;
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = client.subscribe(&receiver.url()).await;
    let path = format!("/v1/subscriptions/{id}/chain");
    client.put(&path, &chain("fail", &json!({}))).await.expect(200);
    for _ in 0..DELIVERIES {
        client.publish("a.b", json!({})).await;
    }
    town.neighbour_is_served(5).await;
    assert_eq!(receiver.wait_for(DELIVERIES).await.len(), DELIVERIES);
    let made = client.get("/v1/deliveries?status=delivered").await.expect(200);
    for delivery in made["data"].as_array().unwrap() {
        assert_eq!(delivery["attempts"], 1, "to wait is no failure: {delivery:#}");
    }
    has_all(&figures(&town).await, &[OVER_BUDGET], "the figures");
}

async fn what_is_stopped_again_and_again_is_left_alone(on: On) {
    let town = Town::with(on, &breaking("1h")).await;
    let client = town.author("trapping", traps_at_bad()).await;
    let other = town.author("careful", traps_at_bad()).await;
    for tenant in [&client, &other] {
        tenant
            .put("/v1/chain", &chain("fail", &json!({})))
            .await
            .expect(200);
        tenant.publish("a.b", json!({})).await;
    }
    for expected in ["trap", "trap", "trap", "breaker"] {
        let answer = client.post("/v1/events", &bad()).await;
        let plugin = &answer.body["plugin"];
        assert_eq!(
            (answer.status, &plugin["code"]),
            (503, &json!(expected)),
            "{:#}",
            answer.body
        );
    }
    assert_eq!(breaker(&client).await, "open");
    assert_eq!(breaker(&other).await, "closed", "another tenant's is its own");
    other.publish("a.b", json!({})).await;

    client
        .put("/v1/chain", &chain("skip", &json!({})))
        .await
        .expect(200);
    let id = client.publish("a.b", json!({})).await;
    let kept = client.get(&format!("/v1/events/{id}")).await.expect(200);
    assert_eq!(
        kept["steps"][0]["result"], "skipped",
        "the policy decides: {kept:#}"
    );
    let opened = [
        "hookgate_plugin_breakers_total{plugin=\"other\",",
        "to=\"open\"} 1",
    ];
    has_all(&figures(&town).await, &opened, "the figures");
}

async fn a_probe_that_goes_through_closes_the_breaker(on: On) {
    let town = Town::with(on, &breaking("1s")).await;
    let client = town.author("trapping", traps_at_bad()).await;
    client
        .put("/v1/chain", &chain("fail", &json!({})))
        .await
        .expect(200);
    eventually("the plugin is left alone", async || {
        let answer = client.post("/v1/events", &bad()).await;
        (answer.body["plugin"]["code"] == "breaker").then_some(())
    })
    .await;
    client
        .put("/v1/chain", &chain("skip", &json!({})))
        .await
        .expect(200);
    eventually("a probe goes through and closes it", async || {
        client.publish("a.b", json!({})).await;
        (breaker(&client).await == "closed").then_some(())
    })
    .await;
    has_all(&figures(&town).await, &["to=\"closed\"} 1"], "the figures");
}

/// Opens after three failures in a row, with pauses of constant length.
fn breaking(pause: &str) -> String {
    format!(
        "plugins.breaker.failures = 3\nplugins.breaker.pause = \"{pause}\"\nplugins.breaker.longest_pause = \"{pause}\""
    )
}

fn traps_at_bad() -> Bytes {
    handling(
        r#"(data (i32.const 1024) "/bad")"#,
        &format!(
            "(if (i32.ne (call $kind_of (local.get $data) (i32.const 1024) (i32.const 4)) (i32.const 0)) (then (unreachable)))
            {PASS}"
        ),
    )
}

fn bad() -> Value {
    json!({ "type": "a.b", "data": { "bad": 1 } })
}

/// State of the circuit breaker of the tenant's plugin, as the API shows it.
async fn breaker(client: &Client) -> Value {
    let plugin = client.get("/v1/plugins/guest").await.expect(200);
    plugin["versions"][0]["breaker"].clone()
}

async fn figures(town: &Town) -> String {
    let figures = town.site.gateway.operator().get("/metrics").await.expect(200);
    figures.as_str().unwrap().to_owned()
}

/// More than a budget of one second in advance covers, on a machine of any speed.
const DELIVERIES: usize = 10;
const OVER_BUDGET: &str = "hookgate_chains_not_run_total{reason=\"budget\"}";
