//! Tenants, subscriptions and chains.

use hookgate_tests::gateway::OPERATOR_KEY;
use hookgate_tests::{Receiver, Reply, Setup};
use serde_json::{Value, json};

use super::User;

#[tokio::test]
async fn api_calls_any_route_with_the_contexts_key() {
    let gateway = Setup::embedded().start();
    let operator = User::operator(&gateway);
    operator
        .ok(&["api", "post", "/v1/tenants", r#"{"id":"acme"}"#])
        .await;
    let made = operator
        .ok(&[
            "api",
            "POST",
            "/v1/tenants/acme/keys",
            r#"{"scopes":["manage","read"]}"#,
        ])
        .await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let user = User::of(&gateway, made["key"].as_str().unwrap());
    let receiver = Receiver::start(vec![]).await;
    let made = user
        .json(&["subscription", "create", &receiver.url(), "--events", "a.*"])
        .await;
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{"description":"ours"}"#).unwrap();
    let at_file = format!("@{}", file.path().display());
    user.ok(&["api", "patch", &path, &at_file]).await;
    let shown: Value = serde_json::from_str(&user.ok(&["api", "get", &path]).await).unwrap();
    assert_eq!(shown["description"], "ours");
    let before = user.ok(&["api", "get", &format!("{path}/secret")]).await;
    user.ok(&["api", "post", &format!("{path}/rotate-secret"), "{}"])
        .await;
    assert_ne!(user.ok(&["api", "get", &format!("{path}/secret")]).await, before);
    assert_eq!(user.ok(&["api", "delete", &path]).await, "");
    let refused = user.fails(1, &["api", "get", &path]).await;
    assert!(
        refused.contains("not_found") || refused.contains("404"),
        "{refused}"
    );
    let refused = user.fails(2, &["api", "get", "v1/usage"]).await;
    assert!(refused.contains("/v1/"), "{refused}");
    let refused = user.fails(2, &["api", "post", "/v1/bulk", "{"]).await;
    assert!(refused.contains("not JSON"), "{refused}");
}

#[tokio::test]
async fn tenant_commands_create_show_list_and_delete() {
    let gateway = Setup::embedded().start();
    let operator = User::operator(&gateway);
    let made = operator
        .json(&[
            "tenant",
            "create",
            "acme",
            "--quota",
            "events_per_second=7",
            "--quota",
            "stored_bytes=1GiB",
        ])
        .await;
    assert!(made["key"].as_str().unwrap().starts_with("hg_"));
    assert_eq!(
        made["quotas"],
        json!({ "events_per_second": 7, "stored_bytes": "1GiB" })
    );

    // A key that is kept is printed nowhere, and is used from now on.
    let said = operator.ok(&["tenant", "create", "shop", "--use"]).await;
    assert!(said.contains("context shop") && !said.contains("hg_"), "{said}");
    let as_json = operator.json(&["tenant", "create", "other", "--use"]).await;
    assert_eq!(as_json["key"], Value::Null);
    operator.ok(&["context", "use", "shop"]).await;
    operator.ok(&["event", "send", "a.b", "{}"]).await;
    let events = gateway
        .operator()
        .acting_for("shop")
        .get("/v1/events")
        .await
        .expect(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 1);

    let list = operator.ok(&["tenant", "list"]).await;
    for name in ["NAME", "acme", "shop", "other"] {
        assert!(list.contains(name), "{list}");
    }
    let shown = operator.ok(&["tenant", "show", "acme"]).await;
    assert!(
        shown.contains("7 in 1s") && shown.contains("never used"),
        "{shown}"
    );
    let shown = operator.json(&["tenant", "show", "acme"]).await;
    assert_eq!(shown["usage"]["quotas"]["events_per_second"]["limit"], 7);
    assert_eq!(shown["keys"].as_array().unwrap().len(), 1);

    let refused = operator.fails(2, &["tenant", "delete", "acme"]).await;
    assert!(refused.contains("--yes"), "{refused}");
    gateway.operator().get("/v1/tenants/acme").await.expect(200);
    operator.ok(&["tenant", "delete", "acme", "--yes"]).await;
    let gone = operator.fails(1, &["tenant", "show", "acme"]).await;
    assert!(gone.contains("404"), "{gone}");
    let denied = User::of(&gateway, "hg_none").with("HG_OPERATOR_KEY", "hg_none");
    assert!(denied.fails(1, &["tenant", "list"]).await.contains("401"));
    let bad = operator
        .fails(2, &["tenant", "create", "x", "--quota", "events"])
        .await;
    assert!(bad.contains("NAME=VALUE"), "{bad}");
}

#[tokio::test]
async fn subscription_commands_work_end_to_end() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    let receiver = Receiver::start(vec![]).await;
    let made = user
        .json(&[
            "subscription",
            "create",
            &receiver.url(),
            "--events",
            "invoice.*,order.paid",
            "--filter",
            r#"{"/total":{"$gte":100.50}}"#,
            "-H",
            "x-team: blue",
            "--description",
            "ERP",
            "--timeout",
            "5s",
            "--payload",
            "thin",
            "--retry",
            r#"{"schedule":["1m","10m"]}"#,
        ])
        .await;
    let id = made["id"].as_str().unwrap().to_owned();
    let stored = acme.get(&format!("/v1/subscriptions/{id}")).await.expect(200);
    assert_eq!(stored["events"], json!(["invoice.*", "order.paid"]));
    assert_eq!(
        json!([
            stored["headers"],
            stored["description"],
            stored["timeout"],
            stored["payload"],
            stored["retry"]
        ]),
        json!([["x-team"], "ERP", "5s", "thin", { "schedule": ["1m", "10m"] }])
    );
    let text = user.ok(&["subscription", "show", &id]).await;
    assert!(text.contains("100.50"), "{text}");
    let raw = acme.request(reqwest::Method::GET, &format!("/v1/subscriptions/{id}"));
    let raw = raw.send().await.unwrap().text().await.unwrap();
    assert!(raw.contains("100.50"), "the digits arrive: {raw}");

    let list = user.ok(&["subscription", "list"]).await;
    assert!(
        list.contains(&id) && list.contains("active") && list.contains(&receiver.url()),
        "{list}"
    );

    user.ok(&[
        "subscription",
        "test",
        &id,
        "--type",
        "invoice.paid",
        "--data",
        r#"{"id":"in_1"}"#,
    ])
    .await;
    assert_eq!(receiver.wait_for(1).await[0].header("x-team"), "blue");
    receiver.answer(vec![Reply::Status(500)]);
    let failed = user.fails(1, &["subscription", "test", &id]).await;
    assert!(failed.contains("http_error 500"), "{failed}");

    user.ok(&["subscription", "pause", &id]).await;
    assert_eq!(
        acme.get(&format!("/v1/subscriptions/{id}")).await.expect(200)["status"],
        "disabled"
    );
    assert!(user.ok(&["subscription", "list"]).await.contains("disabled"));
    assert!(
        user.fails(1, &["subscription", "test", &id])
            .await
            .contains("disabled")
    );
    acme.publish("order.paid", json!({ "total": 200 })).await;
    let resumed = user.ok(&["subscription", "resume", &id]).await;
    assert!(
        resumed.contains("is active") && resumed.contains(": 1"),
        "{resumed}"
    );

    user.ok(&["subscription", "delete", &id]).await;
    assert!(
        user.fails(1, &["subscription", "show", &id])
            .await
            .contains("404")
    );
    let second = user
        .ok(&["subscription", "create", &receiver.url(), "--disabled"])
        .await;
    assert!(second.contains("whsec_"), "{second}");
    assert_eq!(
        user.json(&["subscription", "list"]).await["data"][0]["status"],
        "disabled"
    );
    let refused = user
        .fails(1, &["subscription", "create", "http://10.0.0.1/"])
        .await;
    assert!(refused.contains("422") || refused.contains("400"), "{refused}");
    let refused = user
        .fails(2, &["subscription", "create", &receiver.url(), "--filter", "{"])
        .await;
    assert!(refused.contains("filter: it is not JSON"), "{refused}");
    // A header's value may be a secret.
    let refused = user
        .fails(
            2,
            &["subscription", "create", &receiver.url(), "-H", "token hidden"],
        )
        .await;
    assert!(!refused.contains("hidden"), "{refused}");

    // The operator acts for a tenant.
    let operator = User::operator(&gateway);
    assert_eq!(
        operator.json(&["subscription", "list", "--tenant", "acme"]).await["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let named = User::operator(&gateway).with("HG_TENANT", "acme");
    named.ok(&["subscription", "list", "--key", OPERATOR_KEY]).await;
}

#[tokio::test]
async fn chain_commands_set_and_show_steps() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    assert!(user.ok(&["chain", "show"]).await.contains("no steps"));
    let step = r#"redact={"classes":["confidential"]}"#;
    let said = user.ok(&["chain", "set", "--step", step]).await;
    assert!(said.contains("1. redact {\"classes\""), "{said}");
    let chain = acme.get("/v1/chain").await.expect(200);
    assert_eq!(
        chain["steps"][0]["settings"],
        json!({ "classes": ["confidential"] })
    );

    // What is shown as JSON can be set.
    let shown = user.ok(&["chain", "show", "--json"]).await;
    std::fs::write(user.path("chain.json"), &shown).unwrap();
    let (id, _) = acme.subscribe("http://127.0.0.1:9/").await;
    user.ok(&["chain", "set", "--empty"]).await;
    assert_eq!(acme.get("/v1/chain").await.expect(200)["steps"], json!([]));
    user.ok(&["chain", "set", "--file", "chain.json"]).await;
    assert_eq!(acme.get("/v1/chain").await.expect(200), chain);
    let step = r#"redact@^0={"classes":["restricted"]}"#;
    let own = user
        .json(&["chain", "set", "--subscription", &id, "--step", step])
        .await;
    assert_eq!(own["steps"][0]["version"], "^0");
    let of_subscription = acme
        .get(&format!("/v1/subscriptions/{id}/chain"))
        .await
        .expect(200);
    assert_eq!(own, of_subscription);

    let refused = user.fails(1, &["chain", "set", "--step", "nothing"]).await;
    assert!(refused.contains("nothing"), "{refused}");
    let refused = user
        .fails(2, &["chain", "set", "--step", "redact=[", "--json"])
        .await;
    assert!(refused.contains("settings"), "{refused}");
    user.fails(2, &["chain", "set"]).await;
}
