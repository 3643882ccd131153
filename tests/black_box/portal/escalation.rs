//! Sessions and keys that try to get more rights, or a longer life, than they were given.

use hookgate_tests::{Receiver, Setup};
use serde_json::json;

use super::{is_refused, portal, sign_in};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    dashboard_session_makes_no_link_and_is_ended,
    trusted_proxy_signs_the_operator_in,
    link_has_no_more_rights_than_its_key,
    session_of_some_types_changes_nothing_of_others,
    session_sends_headers_to_no_other_server,
    long_poll_shows_nothing_after_the_end_of_its_session,
);

const LINKS: &str = "/v1/operator/dashboard-links";

async fn dashboard_session_makes_no_link_and_is_ended(on: On) {
    let site = Site::start(on).await;
    let operator = site.gateway.operator();
    let (one, _) = sign_in(&operator, LINKS, &json!({})).await;
    is_refused(&one.post(LINKS, &json!({})).await, 403, "forbidden");
    one.get("/v1/tenants").await.expect(200);
    operator
        .delete("/v1/operator/dashboard-sessions")
        .await
        .expect(204);
    is_refused(&one.get("/v1/tenants").await, 401, "session_ended");
    let (other, _) = sign_in(&operator, LINKS, &json!({})).await;
    other.get("/v1/tenants").await.expect(200);
}

async fn trusted_proxy_signs_the_operator_in(on: On) {
    let proxied = "auth.trusted_header = \"x-forwarded-user\"\nauth.trusted_secret = \"a secret of a proxy\"";
    let site = Site::with(on, proxied).await;
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let browser = browser.build().unwrap();
    let (user, secret) = (("x-forwarded-user", "ann"), "x-hookgate-proxy-secret");
    let opened = async |headers: &[(&str, &str)]| {
        let url = format!("{}/dashboard/sign-in", site.gateway.base());
        let request = headers.iter().fold(browser.get(url), |request, (name, value)| {
            request.header(*name, *value)
        });
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 303);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    for headers in [
        &[][..],
        &[user],
        &[user, (secret, "another secret")],
        &[(secret, "a secret of a proxy")],
    ] {
        assert_eq!(opened(headers).await, "/dashboard", "{headers:?}");
    }
    let link = opened(&[user, (secret, "a secret of a proxy")]).await;
    let code = link.strip_prefix("/dashboard#code=").expect(&link);
    let anyone = site.acme.with_key("");
    let session = anyone
        .post("/v1/session", &json!({ "code": code }))
        .await
        .expect(200);
    let operator = anyone.with_key(session["token"].as_str().unwrap());
    operator.get("/v1/tenants").await.expect(200);
    // The header signs in there alone: no route of the API takes it for a key.
    let asked = anyone.request(reqwest::Method::GET, "/v1/tenants");
    let asked = asked.header(user.0, user.1).header(secret, "a secret of a proxy");
    assert_eq!(anyone.send(asked).await.status, 401);
    let log = site.gateway.log().join("\n");
    assert!(
        log.contains("dashboard_link.proxied") && !log.contains("ann\""),
        "{log}"
    );
}

#[tokio::test]
async fn dashboard_session_ends_with_the_operators_key() {
    let gateway = Setup::embedded().start();
    let (session, _) = sign_in(&gateway.operator(), LINKS, &json!({})).await;
    session.get("/v1/tenants").await.expect(200);
    let path = gateway.dir().join("hookgate.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let other = "hg_test_another_key_0123456789abcdef";
    std::fs::write(&path, text.replace(hookgate_tests::gateway::OPERATOR_KEY, other)).unwrap();
    let gateway = gateway.restart();
    let session = session.towards(gateway.base());
    is_refused(&session.get("/v1/tenants").await, 401, "session_ended");
    let operator = session.with_key(other);
    operator.get("/v1/tenants").await.expect(200);
}

async fn link_has_no_more_rights_than_its_key(on: On) {
    let site = Site::start(on).await;
    let operator = site.gateway.operator();
    let new = json!({ "scopes": ["manage"] });
    let made = operator.post("/v1/tenants/acme/keys", &new).await.expect(201);
    let manager = site.acme.with_key(made["key"].as_str().unwrap());
    for beyond in ["view", "payloads"] {
        let answer = manager
            .post("/v1/portal-links", &json!({ "capabilities": [beyond] }))
            .await;
        is_refused(&answer, 422, "invalid_field");
    }
    let link = json!({ "capabilities": ["endpoints.write"] });
    manager.post("/v1/portal-links", &link).await.expect(201);
    // The code of a link works once, with a key of repetition too.
    let (code, body) = (
        super::code(&site.acme, "/v1/portal-links", &json!({})).await,
        "idempotency-key",
    );
    for status in [200, 401] {
        let request = site
            .acme
            .request(reqwest::Method::POST, "/v1/session")
            .header(body, "again");
        let answer = site.acme.send(request.json(&json!({ "code": code }))).await;
        assert_eq!(answer.status, status, "{:#}", answer.body);
    }
}

async fn session_of_some_types_changes_nothing_of_others(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![]).await;
    let new = json!({ "url": receiver.url(), "events": ["payout.*"] });
    let made = acme.post("/v1/subscriptions", &new).await.expect(201);
    let other = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    let all: Vec<&str> = super::ALL.to_vec();
    let user = portal(acme, &json!({ "capabilities": all, "types": ["order.*"] })).await;
    let steps = json!({ "steps": [] });
    let (forged, none) = (json!({ "type": "payout.sent", "data": {} }), json!({}));
    for answer in [
        user.put("/v1/chain", &steps).await,
        user.put(&format!("{other}/chain"), &steps).await,
        user.post(&format!("{other}/test"), &forged).await,
        user.post(&format!("{other}/disable"), &none).await,
        user.post(&format!("{other}/activate"), &none).await,
        user.post(&format!("{other}/rotate-secret"), &none).await,
        user.delete(&other).await,
        user.get("/v1/plugins/redact/logs").await,
    ] {
        is_refused(&answer, 403, "forbidden");
    }
    assert_eq!(acme.get(&other).await.expect(200)["status"], "active");
}

async fn session_sends_headers_to_no_other_server(on: On) {
    let site = Site::start(on).await;
    let (own, other) = (Receiver::start(vec![]).await, Receiver::start(vec![]).await);
    let new = json!({ "url": own.url(), "events": ["*"], "headers": { "x-auth": "of the endpoint" } });
    let made = site.acme.post("/v1/subscriptions", &new).await.expect(201);
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    let user = portal(
        &site.acme,
        &json!({ "capabilities": ["endpoints.write", "test"] }),
    )
    .await;
    let answer = user.patch(&path, &json!({ "url": other.url() })).await;
    is_refused(&answer, 422, "invalid_field");
    assert_eq!(answer.body["errors"][0]["pointer"], "/headers");
    let same = json!({ "url": format!("http://{}/elsewhere", own.address()) });
    user.patch(&path, &same).await.expect(200);
    let anew = json!({ "url": other.url(), "headers": {} });
    user.patch(&path, &anew).await.expect(200);
    user.post(&format!("{path}/test"), &json!({})).await.expect(202);
    other.wait_for(1).await;
    assert!(!other.take()[0].headers.contains_key("x-auth"));
}

async fn long_poll_shows_nothing_after_the_end_of_its_session(on: On) {
    let site = Site::start(on).await;
    let user = portal(&site.acme, &json!({ "capabilities": ["view", "payloads"] })).await;
    let poll = tokio::spawn({
        let user = user.clone();
        async move { user.get("/v1/events?wait=60").await }
    });
    // It waits by then, or is refused at its beginning: it shows nothing either way.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    user.delete("/v1/session").await.expect(204);
    site.acme.publish("a.b", json!({})).await;
    is_refused(&poll.await.unwrap(), 401, "session_ended");
}
