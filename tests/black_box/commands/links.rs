//! Links into the portal and the dashboard, and their sessions.

use hookgate_tests::{Client, Gateway, Setup};
use serde_json::{Value, json};

use super::User;

/// Signs in with a link.
async fn sign_in(gateway: &Gateway, url: &str) -> (Client, Value) {
    let (page, code) = url.trim().split_once("#code=").expect("a code in the fragment");
    assert!(page.starts_with(gateway.base()), "{url}");
    let anyone = gateway.operator().with_key("");
    let session = anyone
        .post("/v1/session", &json!({ "code": code }))
        .await
        .expect(200);
    (anyone.with_key(session["token"].as_str().unwrap()), session)
}

#[tokio::test]
async fn portal_links_sign_in_and_their_sessions_end() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    acme.publish("invoice.paid", json!({})).await;
    acme.publish("order.made", json!({})).await;
    let user = User::of(&gateway, acme.key());
    let link = ["link", "portal", "--capabilities", "view,retry"];
    let told = user
        .run(
            &[
                &link[..],
                &["--session", "user 42", "--types", "invoice.*,bill.*"],
            ]
            .concat(),
        )
        .await;
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert_eq!(told.out.lines().count(), 1, "{}", told.out);
    assert!(
        told.errors.contains("once") && !told.errors.contains("code="),
        "{}",
        told.errors
    );
    let (labelled, session) = sign_in(&gateway, &told.out).await;
    assert_eq!(session["capabilities"], json!(["view", "retry"]), "{session:#}");
    let seen = labelled.get("/v1/events?order=newest").await.expect(200);
    assert_eq!(seen["data"].as_array().unwrap().len(), 1, "{seen:#}");

    // The operator makes one for the tenant.
    let operator = User::operator(&gateway).with("HG_TENANT", "acme");
    let made = operator
        .json(&[
            "link",
            "portal",
            "--ttl",
            "2h",
            "--next",
            "/deliveries?status=dead",
        ])
        .await;
    let (other, _) = sign_in(&gateway, made["url"].as_str().unwrap()).await;

    let said = user.ok(&["session", "end-portal", "--session", "user 42"]).await;
    assert!(said.contains("user 42"), "{said}");
    let ended = labelled.get("/v1/subscriptions").await;
    assert_eq!((ended.status, ended.code()), (401, "session_ended"));
    other.get("/v1/subscriptions").await.expect(200);
    user.ok(&["session", "end-portal"]).await;
    other.get("/v1/subscriptions").await.expect(401);

    let bad = user.fails(2, &["link", "portal", "--capabilities", "all"]).await;
    assert!(bad.contains("endpoints.write"), "{bad}");
    let bad = user.fails(1, &["link", "portal", "--ttl", "48h"]).await;
    assert!(bad.contains("24h"), "{bad}");
}

#[tokio::test]
async fn dashboard_links_sign_in_and_their_sessions_end() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let operator = User::operator(&gateway);
    let url = operator
        .ok(&["link", "dashboard", "--ttl", "8h", "--theme", "dark"])
        .await;
    let (dashboard, session) = sign_in(&gateway, &url).await;
    assert_eq!(session["theme"], "dark", "{session:#}");
    dashboard.get("/v1/tenants").await.expect(200);
    let made = operator.json(&["link", "dashboard"]).await;
    assert!(
        made["url"].as_str().unwrap().contains("/dashboard#code="),
        "{made:#}"
    );
    operator.ok(&["session", "end-dashboard"]).await;
    dashboard.get("/v1/tenants").await.expect(401);

    let tenants = User::new()
        .with("HG_URL", gateway.base())
        .with("HG_OPERATOR_KEY", acme.key());
    for command in [["link", "dashboard"], ["session", "end-dashboard"]] {
        let refused = tenants.fails(1, &command).await;
        assert!(refused.contains("403"), "{refused}");
    }
}
