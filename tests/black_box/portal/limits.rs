//! Limits of links and sessions, and refusals of their parameters.

use serde_json::json;

use hookgate_tests::{Fsync, RedisServer, Setup};

use super::{code, is_refused, portal};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(sessions_and_links_of_a_tenant_are_limited);

async fn sessions_and_links_of_a_tenant_are_limited(on: On) {
    let site = Site::with(on, "ui.sessions_per_tenant = 2\nui.sessions = 3").await;
    let (acme, anyone) = (&site.acme, site.acme.with_key(""));
    let (path, link) = ("/v1/portal-links", json!({}));
    let codes = [code(acme, path, &link).await, code(acme, path, &link).await];
    is_refused(&acme.post(path, &link).await, 422, "limit_reached");
    let other = site.gateway.tenant("other").await;
    let third = portal(&other, &link).await;
    let mut users = Vec::new();
    for code in codes {
        let session = anyone
            .post("/v1/session", &json!({ "code": code }))
            .await
            .expect(200);
        users.push(acme.with_key(session["token"].as_str().unwrap()));
    }
    // Used codes make room for new ones; sessions do not.
    let next = json!({ "code": code(acme, path, &link).await });
    is_refused(&anyone.post("/v1/session", &next).await, 422, "limit_reached");
    // `ui.sessions`, of all tenants.
    let next = json!({ "code": code(&other, path, &link).await });
    is_refused(&anyone.post("/v1/session", &next).await, 422, "limit_reached");
    users[0].delete("/v1/session").await.expect(204);
    let fourth = portal(&other, &link).await;
    for user in [&users[1], &third, &fourth] {
        user.get("/v1/session").await.expect(200);
    }
}

#[tokio::test]
async fn link_with_wrong_parameters_is_refused() {
    let site = Site::start(On::Embedded).await;
    let acme = &site.acme;
    for (link, pointer) in [
        (json!({ "capabilities": [] }), "/capabilities"),
        (json!({ "capabilities": ["everything"] }), "/capabilities/0"),
        (json!({ "ttl": "25h" }), "/ttl"),
        (json!({ "ttl": "0s" }), "/ttl"),
        (json!({ "session": "" }), "/session"),
        (json!({ "session": "x".repeat(65) }), "/session"),
        (json!({ "types": [] }), "/types"),
        (json!({ "types": ["a..b"] }), "/types/0"),
        (json!({ "types": vec!["a.b"; 65] }), "/types"),
        (json!({ "next": "//evil.example" }), "/next"),
        (json!({ "next": "https://evil.example" }), "/next"),
        (json!({ "theme": "#fff" }), "/theme"),
        (json!({ "subscription": "x" }), "/subscription"),
        (json!({ "tenant": "other" }), "/tenant"),
    ] {
        let refused = acme.post("/v1/portal-links", &link).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{link}: {:#}",
            refused.body
        );
    }
    let anyone = acme.with_key("");
    for code in ["", "x", &"a".repeat(43), &"a".repeat(59), &"ä".repeat(59)] {
        let refused = anyone.post("/v1/session", &json!({ "code": code })).await;
        is_refused(&refused, 401, "code_invalid");
    }
    let refused = anyone
        .post("/v1/session", &json!({ "code": "x".repeat(2000) }))
        .await;
    is_refused(&refused, 413, "body_too_large");
    let unknown = acme.with_key(&format!("hgs_{}", "a".repeat(59)));
    is_refused(&unknown.get("/v1/subscriptions").await, 401, "session_ended");
    // Only a key that may change everything of the tenant makes links.
    let reader = json!({ "scopes": ["read", "consumer", "publish"] });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants/acme/keys", &reader)
        .await
        .expect(201);
    let reader = acme.with_key(made["key"].as_str().unwrap());
    is_refused(
        &reader.post("/v1/portal-links", &json!({})).await,
        403,
        "scope_missing",
    );
    let shown = reader.get("/v1/session").await.expect(200);
    assert!(
        !shown["capabilities"].to_string().contains("chain.write"),
        "{shown:#}"
    );
}

/// Tokens and codes of nobody are refused without a read: here there is no store to read.
#[tokio::test]
async fn invented_tokens_are_refused_without_the_store() {
    let mut redis = RedisServer::start(Fsync::Always).unwrap();
    let gateway = Setup::redis(&redis.url()).start();
    let acme = gateway.tenant("acme").await;
    let user = portal(&acme, &json!({})).await;
    user.get("/v1/subscriptions").await.expect(200);
    redis.kill().unwrap();
    let gone = user.get("/v1/subscriptions").await;
    assert_eq!(gone.status, 503, "{:#}", gone.body);
    for invented in ["a".repeat(59), "0".repeat(59), user.key()[4..].to_uppercase()] {
        let user = acme.with_key(&format!("hgs_{invented}"));
        is_refused(&user.get("/v1/subscriptions").await, 401, "session_ended");
        let code = json!({ "code": invented });
        is_refused(&user.post("/v1/session", &code).await, 401, "code_invalid");
    }
}
