//! What a tenant's plugins take together: a budget of processor time, and a breaker for what is stopped again and again.

use hookgate_tests::guests::{PASS, handling};
use hookgate_tests::{Client, Receiver, eventually};
use serde_json::{Value, json};

use super::{Town, chain, event, has_all};
use crate::site::{On, on_both_stores};

on_both_stores!(
    a_tenant_over_its_budget_is_refused_and_no_other_is,
    deliveries_over_the_budget_wait,
    what_is_stopped_again_and_again_is_left_alone,
);

async fn a_tenant_over_its_budget_is_refused_and_no_other_is(on: On) {
    let town = Town::with(on, "plugins.budget = \"30ms\"").await;
    let endless = handling("", "(loop $again (br $again)) (unreachable)");
    let client = town.author("endless", endless).await;
    client
        .put("/v1/chain", &chain("fail", &json!({})))
        .await
        .expect(200);
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
        &["processor time", "30ms", "`plugins.budget`"],
        "the budget",
    );
    town.neighbour_is_served(20).await;
    eventually("its time comes again", async || {
        let answer = client.post("/v1/events", &event()).await;
        (answer.status == 503).then_some(())
    })
    .await;
    let figures = figures(&town).await;
    has_all(
        &figures,
        &["hookgate_chains_not_run_total{reason=\"budget\"}"],
        "the figures",
    );
}

async fn deliveries_over_the_budget_wait(on: On) {
    let town = Town::with(on, "plugins.budget = \"20ms\"").await;
    let slow = format!(
        "(local $n i32) (local.set $n (i32.const 3000000))
        (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) {PASS}"
    );
    let client = town.author("slow", handling("", &slow)).await;
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = client.subscribe(&receiver.url()).await;
    let path = format!("/v1/subscriptions/{id}/chain");
    client.put(&path, &chain("fail", &json!({}))).await.expect(200);
    for _ in 0..EVENTS {
        client.publish("a.b", json!({})).await;
    }
    town.neighbour_is_served(5).await;
    assert_eq!(receiver.wait_for(EVENTS).await.len(), EVENTS);
    let made = client.get("/v1/deliveries?status=delivered").await.expect(200);
    for delivery in made["data"].as_array().unwrap() {
        assert_eq!(delivery["attempts"], 1, "to wait is no failure: {delivery:#}");
    }
}

async fn what_is_stopped_again_and_again_is_left_alone(on: On) {
    let toml = "plugins.breaker.failures = 3\nplugins.breaker.pause = \"2s\"\nplugins.breaker.longest_pause = \"2s\"";
    let town = Town::with(on, toml).await;
    let traps_at_bad = handling(
        r#"(data (i32.const 1024) "/bad")"#,
        &format!(
            "(if (i32.ne (call $kind_of (local.get $data) (i32.const 1024) (i32.const 4)) (i32.const 0)) (then (unreachable)))
            {PASS}"
        ),
    );
    let client = town.author("trapping", traps_at_bad.clone()).await;
    let other = town.author("careful", traps_at_bad).await;
    for tenant in [&client, &other] {
        tenant
            .put("/v1/chain", &chain("fail", &json!({})))
            .await
            .expect(200);
        tenant.publish("a.b", json!({})).await;
    }
    let bad = json!({ "type": "a.b", "data": { "bad": 1 } });
    for expected in ["trap", "trap", "trap", "breaker"] {
        let answer = client.post("/v1/events", &bad).await;
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

    eventually("a probe goes through and closes it", async || {
        client.publish("a.b", json!({})).await;
        (breaker(&client).await == "closed").then_some(())
    })
    .await;
    let figures = figures(&town).await;
    for words in [
        "hookgate_plugin_breakers_total{plugin=\"guest\",",
        "to=\"open\"} 1",
        "to=\"closed\"} 1",
    ] {
        has_all(&figures, &[words], "the figures");
    }
}

/// How the gateway says that it stands with the tenant's plugin.
async fn breaker(client: &Client) -> Value {
    let plugin = client.get("/v1/plugins/guest").await.expect(200);
    plugin["versions"][0]["breaker"].clone()
}

async fn figures(town: &Town) -> String {
    let figures = town.site.gateway.operator().get("/metrics").await.expect(200);
    figures.as_str().unwrap().to_owned()
}

const EVENTS: usize = 10;
