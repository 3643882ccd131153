//! `hookgate export --dir` and `hookgate apply`.

use hookgate_tests::{Client, Setup};
use serde_json::{Value, json};

use super::User;
use crate::site::{On, Site, on_both_stores};

on_both_stores!(apply_command_makes_a_gateway_as_exported);

const URL: &str = "http://127.0.0.1:9/hook?token=hidden";

async fn subscriptions(client: &Client) -> Vec<Value> {
    let listed = client.get("/v1/subscriptions").await.expect(200);
    listed["data"].as_array().unwrap().clone()
}

async fn apply_command_makes_a_gateway_as_exported(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let body = r#"{"url":"http://127.0.0.1:9/hook?token=hidden","events":["order.*"],
        "filter":{"/total":{"$gte":12345678901234567890.50}},"headers":{"x-token":"a secret value"},"retry":{"schedule":["1m"]}}"#;
    let made = acme
        .post_raw("/v1/subscriptions", "application/json", body)
        .await
        .expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let (other, _) = acme.subscribe("http://127.0.0.1:9/other").await;
    acme.post(&format!("/v1/subscriptions/{other}/disable"), &json!({}))
        .await
        .expect(200);
    let schema = json!({ "type": "object", "properties": { "total": { "type": "number" } } });
    acme.put(
        "/v1/event-types/order.made",
        &json!({ "schema": schema, "validate": true }),
    )
    .await
    .expect(200);
    acme.redact().await;
    let step = json!({ "plugin": "reshape", "settings": { "operations": [{ "remove": "/internal" }] } });
    let path = format!("/v1/subscriptions/{id}/chain");
    acme.put(&path, &json!({ "steps": [step] })).await.expect(200);

    let user = User::operator(&site.gateway);
    user.ok(&["export", "--dir", "tenants"]).await;
    let text = std::fs::read_to_string(user.path("tenants/acme.json")).unwrap();
    let key_digits = "12345678901234567890.50";
    assert!(
        text.contains(&id) && text.contains("redact") && text.contains(key_digits),
        "{text}"
    );
    for secret in ["whsec_", "a secret value", "digest", "signing_secrets"] {
        assert!(!text.contains(secret), "`{secret}` is declared: {text}");
    }
    // What was exported is what there is.
    for arguments in [
        &["apply", "-f", "tenants", "--plan"][..],
        &["apply", "-f", "tenants", "--prune"],
    ] {
        assert_eq!(user.ok(arguments).await.trim(), "no changes");
    }

    // Another gateway is made the same; its plan changes nothing.
    let second = Setup::embedded().start();
    let there = User::operator(&second);
    let dir = user.path("tenants");
    let dir = dir.to_str().unwrap();
    let plan = there
        .ok(&["apply", "-f", dir, "--plan", "--tenant", "acme"])
        .await;
    for line in [
        "+ tenant acme",
        &format!("+ subscription {id} of acme"),
        "+ event type order.made",
        "+ chain acme",
    ] {
        assert!(plan.contains(line), "`{line}` is missing: {plan}");
    }
    assert!(
        plan.contains("would be created") && !plan.contains("hidden"),
        "{plan}"
    );
    second.operator().get("/v1/tenants/acme").await.expect(404);
    let applied = there.ok(&["apply", "-f", dir]).await;
    assert!(applied.contains("created 6"), "{applied}");
    assert_eq!(there.ok(&["apply", "-f", dir]).await.trim(), "no changes");
    let copy = second.operator().acting_for("acme");
    let found = subscriptions(&copy).await;
    assert_eq!(found.len(), 2);
    let of = |id: &str| found.iter().find(|one| one["id"] == id).unwrap().clone();
    assert_eq!(
        json!([of(&id)["status"], of(&other)["status"], of(&id)["url"]]),
        json!(["active", "disabled", URL])
    );
    assert_eq!(
        copy.get("/v1/chain").await.expect(200)["steps"][0]["plugin"],
        "redact"
    );
    let chain = copy.get(&path).await.expect(200);
    assert_eq!(chain["steps"][0]["plugin"], "reshape");
    there.ok(&["export", "--dir", "again"]).await;
    assert_eq!(
        std::fs::read_to_string(there.path("again/acme.json")).unwrap(),
        text
    );
}

#[tokio::test]
async fn apply_command_shows_differences_and_prunes_only_when_asked() {
    let gateway = Setup::embedded().start();
    let user = User::operator(&gateway);
    std::fs::create_dir(user.path("d")).unwrap();
    let shop = r#"
profile = "standard"
quotas = { events_per_second = 50 }
chain = [{ plugin = "redact", settings = { classes = ["confidential"] } }]
[[event_types]]
type = "order.made"
description = "An order"
[[subscriptions]]
name = "erp"
url = "http://127.0.0.1:9/erp"
events = ["order.*"]
chain = [{ plugin = "redact", settings = { classes = ["restricted"] } }]
"#;
    let file = user.path("d/shop.toml");
    std::fs::write(&file, shop).unwrap();
    let first = user.json(&["apply", "-f", "d"]).await;
    assert_eq!(
        json!([first["created"], first["changed"], first["deleted"]]),
        json!([5, 0, 0]),
        "{first:#}"
    );
    assert_eq!(
        user.ok(&["apply", "-f", "d/shop.toml"]).await.trim(),
        "no changes"
    );
    let shop_client = gateway.operator().acting_for("shop");
    let erp = subscriptions(&shop_client).await.remove(0);
    assert_eq!(
        erp["status"], "active",
        "it was disabled only until it had its chain"
    );
    let id = erp["id"].as_str().unwrap();

    // What is not declared is left, until it is asked for.
    let (extra, _) = shop_client.subscribe("http://127.0.0.1:9/extra").await;
    assert_eq!(user.ok(&["apply", "-f", "d"]).await.trim(), "no changes");
    let changed = shop
        .replace("/erp\"", "/new?token=hidden\"")
        .replace("events_per_second = 50", "events_per_second = 60")
        .replace(
            "[[event_types]]\ntype = \"order.made\"\ndescription = \"An order\"\n",
            "",
        )
        .replace(
            "chain = [{ plugin = \"redact\", settings = { classes = [\"restricted\"] } }]\n",
            "",
        );
    std::fs::write(&file, changed).unwrap();
    let plan = user.ok(&["apply", "-f", "d", "--plan", "--prune"]).await;
    for words in [
        "~ tenant shop",
        "{\"events_per_second\":50} -> {\"events_per_second\":60}",
        &format!("~ subscription {id} of shop"),
        "\"http://127.0.0.1:9/erp\" -> \"http://127.0.0.1:9/new?…\"",
        &format!("- chain {id} of shop"),
        &format!("- subscription {extra} of shop"),
        "- event type order.made of shop",
        "would be created 0, changed 2, deleted 3",
    ] {
        assert!(plan.contains(words), "`{words}` is missing: {plan}");
    }
    assert_eq!(
        subscriptions(&shop_client).await.len(),
        2,
        "nothing is changed by a plan"
    );
    let kept = user.json(&["apply", "-f", "d"]).await;
    assert_eq!(json!([kept["changed"], kept["deleted"]]), json!([2, 0]));
    assert_eq!(
        subscriptions(&shop_client).await.len(),
        2,
        "nothing is deleted without `--prune`"
    );
    user.ok(&["apply", "-f", "d", "--prune"]).await;
    assert_eq!(subscriptions(&shop_client).await.len(), 1);
    let chain = shop_client
        .get(&format!("/v1/subscriptions/{id}/chain"))
        .await
        .expect(200);
    assert_eq!(chain["steps"], json!([]));
    assert_eq!(
        user.ok(&["apply", "-f", "d", "--prune"]).await.trim(),
        "no changes"
    );

    // A subscription that is disabled is not activated by a file that says nothing of it.
    shop_client
        .post(&format!("/v1/subscriptions/{id}/disable"), &json!({}))
        .await
        .expect(200);
    assert_eq!(user.ok(&["apply", "-f", "d"]).await.trim(), "no changes");

    // A tenant's own key applies its file, but for what is the operator's.
    let made = gateway
        .operator()
        .post("/v1/tenants/shop/keys", &json!({ "scopes": ["manage", "read"] }))
        .await
        .expect(201);
    let key = made["key"].as_str().unwrap();
    let own = ["apply", "-f", "d", "--tenant", "shop", "--key", key];
    assert_eq!(user.ok(&own).await.trim(), "no changes");

    // Mistakes are named with their file, and nothing is changed.
    let name = "tenant shop: subscription";
    for (text, code, words) in [
        (shop.replace("[[sub", "[[subs"), 2, "shop.toml"),
        (shop.replace("name = \"erp\"\n", ""), 2, "`id` or `name`"),
        (
            shop.replace("http://127.0.0.1:9/erp", "http://10.0.0.1/"),
            1,
            name,
        ),
        (shop.replace("events = [", "event = ["), 1, name),
        (
            shop.replace("plugin = \"redact\"", "plugins = \"redact\""),
            2,
            "chain of shop",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let refused = user.fails(code, &["apply", "-f", "d"]).await;
        assert!(refused.contains(words), "`{words}`: {refused}");
    }
    assert_eq!(
        subscriptions(&shop_client).await[0]["url"],
        "http://127.0.0.1:9/new?token=hidden"
    );
    std::fs::write(user.path("d/shop.json"), "{}").unwrap();
    assert!(user.fails(2, &["apply", "-f", "d"]).await.contains("two files"));
    assert!(user.fails(2, &["apply", "-f", "none"]).await.contains("none"));
}
