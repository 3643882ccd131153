//! Last uses of keys: shown to the operator, persistent over restarts, and known to every gateway
//! on a store.

use hookgate_tests::{Client, Fsync, Gateway, RedisServer, Setup, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    last_use_of_keys_is_shown_and_survives_a_restart,
    last_use_is_of_keys_that_open_something,
    last_use_of_a_former_tenant_is_forgotten,
    keys_that_all_have_every_scope_are_advised,
);

/// Creates a further key of the tenant and returns its id and a client.
async fn key(gateway: &Gateway, body: &Value) -> (String, Client) {
    let operator = gateway.operator();
    let made = operator.post("/v1/tenants/acme/keys", body).await.expect(201);
    assert_eq!(
        (&made["last_used"], &made["expired"]),
        (&Value::Null, &json!(false))
    );
    let id = made["id"].as_str().unwrap().to_owned();
    (id, operator.with_key(made["key"].as_str().unwrap()))
}

/// The operator's view of a key.
async fn told(operator: &Client, id: &str) -> Value {
    let listed = operator.get("/v1/tenants/acme/keys").await.expect(200);
    let mut keys = listed["data"].as_array().unwrap().iter();
    keys.find(|key| key["id"] == id).unwrap().clone()
}

async fn last_use_of_keys_is_shown_and_survives_a_restart(on: On) {
    let mut site = Site::start(on).await;
    let (used, client) = key(&site.gateway, &json!({ "scopes": ["publish"] })).await;
    let (unused, _) = key(&site.gateway, &json!({ "scopes": ["publish"] })).await;
    let event = json!({ "type": "a.b", "data": {} });
    client.post("/v1/events", &event).await.expect(202);
    let operator = site.gateway.operator();
    let last = told(&operator, &used).await["last_used"].clone();
    // To the minute, and recent.
    let at: jiff::Timestamp = last.as_str().unwrap().parse().unwrap();
    assert_eq!(at.as_second() % 60, 0);
    let age = jiff::Timestamp::now().as_second() - at.as_second();
    assert!((0..3_600).contains(&age), "{age} s ago");
    assert_eq!(told(&operator, &unused).await["last_used"], Value::Null);

    assert!(site.gateway.stop().success());
    site = site.restart();
    let operator = site.gateway.operator();
    assert_eq!(told(&operator, &used).await["last_used"], last);
    assert_eq!(told(&operator, &unused).await["last_used"], Value::Null);
}

async fn last_use_is_of_keys_that_open_something(on: On) {
    let site = Site::start(on).await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let ending = json!({ "scopes": ["publish"], "expires": soon.to_string() });
    let (id, client) = key(&site.gateway, &ending).await;
    let operator = site.gateway.operator();
    eventually("the key has ended", async || {
        (told(&operator, &id).await["expired"] == true).then_some(())
    })
    .await;
    let refused = client.get("/v1/events").await;
    assert_eq!((refused.status, refused.code()), (401, "key_expired"));
    assert_eq!(told(&operator, &id).await["last_used"], Value::Null);
    // A request that a key's scopes refuse is a use of the key too.
    let (id, client) = key(&site.gateway, &json!({ "scopes": ["publish"] })).await;
    assert_eq!(client.get("/v1/events").await.status, 403);
    assert_ne!(told(&operator, &id).await["last_used"], Value::Null);
}

async fn last_use_of_a_former_tenant_is_forgotten(on: On) {
    let mut site = Site::with(on, "auth.last_used_interval = \"1h\"").await;
    site.acme.get("/v1/events").await.expect(200);
    site.gateway.stop();
    site = site.restart();
    let operator = site.gateway.operator();
    operator.delete("/v1/tenants/acme").await.expect(204);
    let acme = site.gateway.tenant("acme").await;
    if let Some(redis) = &site.redis {
        let note = |key: &String| key.contains("note:key-uses:acme");
        let mut connection = redis::Client::open(redis.url())
            .unwrap()
            .get_connection()
            .unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        assert!(!keys.iter().any(note), "{keys:?}");
    }
    let listed = operator.get("/v1/tenants/acme/keys").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["last_used"], Value::Null);
    acme.get("/v1/events").await.expect(200);
    let listed = operator.get("/v1/tenants/acme/keys").await.expect(200);
    assert_ne!(listed["data"][0]["last_used"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn last_use_at_one_gateway_is_told_by_the_other() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url()).with("auth.last_used_interval = \"50ms\"");
    let mut one = setup.start();
    let sealing = std::fs::read_to_string(one.dir().join("data/secrets.key")).unwrap();
    let two = setup
        .clone()
        .with(&format!("auth.sealing_keys = {:?}", sealing.trim()))
        .start();
    one.tenant("acme").await;
    let (here, at_one) = key(&one, &json!({ "scopes": ["read"] })).await;
    let (there, at_two) = key(&one, &json!({ "scopes": ["read"] })).await;
    let at_two = at_two.towards(two.base());
    at_one.get("/v1/events").await.expect(200);
    eventually("the other gateway knows the key", async || {
        (at_two.get("/v1/events").await.status == 200).then_some(())
    })
    .await;
    for operator in [one.operator(), two.operator()] {
        for id in [&here, &there] {
            eventually("the use is told", async || {
                told(&operator, id).await["last_used"].as_str().map(drop)
            })
            .await;
        }
    }
    // A recorded use outlives the killed process.
    one.kill();
    assert_ne!(told(&two.operator(), &here).await["last_used"], Value::Null);
}

#[tokio::test]
async fn last_used_interval_of_zero_is_refused() {
    let setup = Setup::embedded().with("auth.last_used_interval = \"0s\"");
    let refused = setup.try_start().map(drop).unwrap_err();
    assert!(
        format!("{refused:#}").contains("auth.last_used_interval"),
        "{refused:#}"
    );
}

async fn keys_that_all_have_every_scope_are_advised(on: On) {
    let site = Site::start(on).await;
    let operator = site.gateway.operator();
    let doctor = || {
        let mut doctor = hookgate_tests::gateway::command();
        doctor.args(["doctor", "--json"]).current_dir(site.gateway.dir());
        let output = doctor.output().unwrap();
        assert!(output.status.success(), "advice is no failure");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut findings = told["findings"].as_array().unwrap().iter();
        let keys = findings.find(|finding| finding["check"] == "keys");
        keys.unwrap().clone()
    };
    let ready = operator.get("/readyz").await.expect(200);
    let advice = ready["advice"][0].as_str().unwrap();
    assert!(
        advice.contains("`acme`") && advice.contains("every scope"),
        "{advice}"
    );
    let found = doctor();
    match on {
        // A running gateway has locked the file.
        On::Embedded => assert!(found["says"].as_str().unwrap().contains("/readyz"), "{found}"),
        On::Redis => {
            assert_eq!(found["state"], "warning");
            assert!(found["says"].as_str().unwrap().contains("`acme`"), "{found}");
        }
    }
    // A key with few scopes shows that its owner has chosen them.
    key(&site.gateway, &json!({ "scopes": ["publish"] })).await;
    let ready = operator.get("/readyz").await.expect(200);
    assert_eq!(ready["advice"], Value::Null);
    assert_eq!(doctor()["state"], "ok");
}
