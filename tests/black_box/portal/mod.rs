//! Links into the portal and the dashboard, and the sessions that they begin.

mod escalation;
mod limits;
mod routes;

use hookgate_tests::{Client, Fsync, Receiver, RedisServer, Setup};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::delivering::settled;
use crate::site::{On, Site, on_both_stores};
use crate::tail::Tail;
use crate::two_gateways::beside;

on_both_stores!(
    link_signs_in_once_and_session_ends,
    session_of_a_dashboard_has_the_operators_rights,
    session_sees_its_event_types_only,
    session_without_payloads_sees_none,
    session_reaches_consumers_subscriptions_only,
    tail_ends_with_its_session,
);

/// Every capability.
const ALL: [&str; 8] = [
    "view",
    "payloads",
    "secrets.view",
    "secrets.rotate",
    "endpoints.write",
    "retry",
    "test",
    "chain.write",
];

/// The code of a new link.
async fn code(maker: &Client, path: &str, link: &Value) -> String {
    let made = maker.post(path, link).await.expect(201);
    let url = made["url"].as_str().unwrap();
    url.split_once("#code=")
        .expect("a code in the fragment")
        .1
        .to_owned()
}

/// Exchanges the code of a new link: the answer, and a client with its token.
async fn sign_in(maker: &Client, path: &str, link: &Value) -> (Client, Value) {
    let code = code(maker, path, link).await;
    let anyone = maker.with_key("");
    let session = anyone
        .post("/v1/session", &json!({ "code": code }))
        .await
        .expect(200);
    (maker.with_key(session["token"].as_str().unwrap()), session)
}

/// A session of the portal, made with a tenant's key.
async fn portal(tenant: &Client, link: &Value) -> Client {
    sign_in(tenant, "/v1/portal-links", link).await.0
}

fn ids(page: &Value) -> Vec<&str> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|one| one["id"].as_str().unwrap()).collect()
}

#[track_caller]
fn is_refused(answer: &hookgate_tests::Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (status, code),
        "{:#}",
        answer.body
    );
}

async fn link_signs_in_once_and_session_ends(on: On) {
    let site = Site::with(on, "telemetry.level = \"debug\"").await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    let link =
        json!({ "session": "user-1", "next": "/deliveries?status=dead", "theme": "dark", "ttl": "2h" });
    let code = code(acme, "/v1/portal-links", &link).await;
    let anyone = acme.with_key("");
    // Several exchanges at once: one gets the token.
    let mut tries = JoinSet::new();
    for _ in 0..8 {
        let (anyone, body) = (anyone.clone(), json!({ "code": code }));
        tries.spawn(async move { anyone.post("/v1/session", &body).await });
    }
    let tries = tries.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = tries.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    lost.iter()
        .for_each(|answer| is_refused(answer, 401, "code_invalid"));
    let session = &won[0].body;
    let token = session["token"].as_str().unwrap();
    assert!(token.starts_with("hgs_"), "{token}");
    assert_eq!(
        (
            &session["kind"],
            &session["tenant"],
            &session["next"],
            &session["theme"]
        ),
        (
            &json!("portal"),
            &json!("acme"),
            &json!("/deliveries?status=dead"),
            &json!("dark")
        )
    );
    assert_eq!(session["capabilities"], json!(["view"]));
    let user = acme.with_key(token);
    let shown = user.get("/v1/session").await.expect(200);
    assert_eq!(shown["token"], Value::Null);
    assert_eq!(
        (&shown["expires"], &shown["next"]),
        (&session["expires"], &session["next"])
    );
    user.get("/v1/subscriptions").await.expect(200);
    is_refused(&user.get("/v1/signing-secret").await, 403, "forbidden");
    is_refused(&user.get("/v1/tenants").await, 403, "forbidden");

    let renewed = user.post("/v1/session/renew", &json!({})).await.expect(200);
    assert_eq!(renewed["renewable_until"], session["renewable_until"]);
    assert!(
        renewed["expires"].as_str() >= session["expires"].as_str(),
        "{renewed:#}"
    );
    user.delete("/v1/session").await.expect(204);
    for ended in [user.get("/v1/subscriptions").await, user.get("/v1/session").await] {
        is_refused(&ended, 401, "session_ended");
    }

    // By label, and all: used links and those that are not used yet.
    let one = portal(acme, &json!({ "session": "user-1" })).await;
    let two = portal(acme, &json!({ "session": "user-2" })).await;
    let unused = self::code(acme, "/v1/portal-links", &json!({ "session": "user-1" })).await;
    acme.delete("/v1/portal-sessions?session=user-1")
        .await
        .expect(204);
    is_refused(&one.get("/v1/session").await, 401, "session_ended");
    let refused = anyone.post("/v1/session", &json!({ "code": unused })).await;
    is_refused(&refused, 401, "code_invalid");
    two.get("/v1/session").await.expect(200);
    let again = portal(acme, &json!({ "session": "user-1" })).await;
    operator
        .delete("/v1/tenants/acme/portal-sessions")
        .await
        .expect(204);
    for ended in [&two, &again] {
        is_refused(&ended.get("/v1/session").await, 401, "session_ended");
    }

    // A tenant of the same name is another one.
    let (former, _) = sign_in(&operator, "/v1/tenants/acme/portal-links", &json!({})).await;
    former.get("/v1/session").await.expect(200);
    operator.delete("/v1/tenants/acme").await.expect(204);
    is_refused(&former.get("/v1/subscriptions").await, 401, "session_ended");
    site.gateway.tenant("acme").await;
    is_refused(&former.get("/v1/subscriptions").await, 401, "session_ended");

    let log = site.gateway.log().join("\n");
    assert!(log.contains("portal_session.begun"), "{log}");
    for secret in [
        code.as_str(),
        token,
        token.trim_start_matches("hgs_"),
        former.key(),
    ] {
        assert!(!log.contains(secret), "the log has a code or a token");
    }
    // The store has digests.
    let digest = hex::encode(Sha256::digest(former.key()));
    match &site.redis {
        Some(redis) => {
            let names = format!("{:?}", redis.command(&["KEYS", "*"]).unwrap());
            assert!(
                names.contains(&digest) && !names.contains(former.key()),
                "{names}"
            );
        }
        None => {
            let has = |text: &str| files_have(&site.gateway.dir().join("data/store"), text.as_bytes());
            assert!(has(&digest) && !has(former.key()) && !has(&code));
        }
    }
}

/// Returns `true` if a file below a directory contains these bytes.
fn files_have(directory: &std::path::Path, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut contents = files
        .filter(|path| path.is_file())
        .map(|path| std::fs::read(path).unwrap());
    contents.any(|content| content.windows(bytes.len()).any(|window| window == bytes))
}

async fn session_of_a_dashboard_has_the_operators_rights(on: On) {
    let site = Site::start(on).await;
    let operator = site.gateway.operator();
    let (user, session) = sign_in(&operator, "/v1/operator/dashboard-links", &json!({})).await;
    assert_eq!(
        (&session["kind"], &session["tenant"]),
        (&json!("dashboard"), &Value::Null)
    );
    assert_eq!(session["capabilities"], json!(ALL));
    user.get("/v1/tenants").await.expect(200);
    user.post("/v1/tenants", &json!({ "id": "new" }))
        .await
        .expect(201);
    // Also at the route that the router does not serve otherwise.
    let acting = user.acting_for("acme");
    let event = json!({ "type": "a.b", "data": {} });
    let id = acting.post("/v1/events", &event).await.expect(202)["id"].clone();
    let feed = acting.get("/v1/events").await.expect(200);
    assert_eq!(ids(&feed), [id.as_str().unwrap()]);
    is_refused(&user.post("/v1/events", &event).await, 400, "tenant_required");
    let by_key = operator.get("/v1/session").await.expect(200);
    assert_eq!(
        (&by_key["kind"], &by_key["expires"]),
        (&json!("dashboard"), &Value::Null)
    );
    // Only the operator makes such links, and a key is no session.
    is_refused(
        &site.acme.post("/v1/operator/dashboard-links", &json!({})).await,
        403,
        "operator_required",
    );
    is_refused(&operator.delete("/v1/session").await, 403, "forbidden");
    user.delete("/v1/session").await.expect(204);
    is_refused(&user.get("/v1/tenants").await, 401, "session_ended");
    is_refused(&acting.post("/v1/events", &event).await, 401, "session_ended");
}

async fn session_sees_its_event_types_only(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = acme.subscribe(&receiver.url()).await;
    for kind in ["invoice.paid", "order.made"] {
        let body = json!({ "description": "a type" });
        acme.put(&format!("/v1/event-types/{kind}"), &body)
            .await
            .expect(200);
    }
    let seen = acme.publish("invoice.paid", json!({})).await;
    let hidden = acme.publish("order.made", json!({})).await;
    let (own, other) = (settled(acme, &seen).await, settled(acme, &hidden).await);
    let (own, other) = (own["id"].as_str().unwrap(), other["id"].as_str().unwrap());
    let user = portal(acme, &json!({ "capabilities": ALL, "types": ["invoice.*"] })).await;

    assert_eq!(ids(&user.get("/v1/events").await.expect(200)), [seen.as_str()]);
    assert_eq!(
        ids(&user.get("/v1/events?order=newest").await.expect(200)),
        [seen.as_str()]
    );
    assert_eq!(
        ids(&user.get("/v1/events?types=*").await.expect(200)),
        [seen.as_str()]
    );
    is_refused(&user.get("/v1/events?types=order.*").await, 403, "forbidden");
    assert_eq!(ids(&user.get("/v1/deliveries").await.expect(200)), [own]);
    let found = user.get(&format!("/v1/deliveries?q={hidden}")).await.expect(200);
    assert_eq!(found["data"], json!([]));
    let of_subscription = format!("/v1/subscriptions/{subscription}/deliveries");
    assert_eq!(ids(&user.get(&of_subscription).await.expect(200)), [own]);
    let attempts = user.get("/v1/attempts").await.expect(200);
    let attempts = attempts["data"].as_array().unwrap();
    assert!(
        attempts.len() == 1 && attempts[0]["type"] == "invoice.paid",
        "{attempts:#?}"
    );
    let types = user.get("/v1/event-types").await.expect(200);
    assert_eq!(types["data"].as_array().unwrap().len(), 1, "{types:#}");
    for path in [
        format!("/v1/events/{hidden}"),
        format!("/v1/deliveries/{other}"),
        "/v1/event-types/order.made".to_owned(),
        "/v1/event-types/order.made/exposure".to_owned(),
    ] {
        is_refused(&user.get(&path).await, 404, "not_found");
    }
    for path in [
        format!("/v1/events/{hidden}/replay"),
        format!("/v1/deliveries/{other}/retry"),
        format!("/v1/deliveries/{other}/cancel"),
    ] {
        is_refused(&user.post(&path, &json!({})).await, 404, "not_found");
    }
    let tried = json!({ "steps": [], "event_id": hidden });
    is_refused(&user.post("/v1/chain/try", &tried).await, 404, "not_found");
    user.get(&format!("/v1/events/{seen}")).await.expect(200);
    user.get(&format!("/v1/deliveries/{own}")).await.expect(200);
    user.post(&format!("/v1/events/{seen}/replay"), &json!({}))
        .await
        .expect(202);

    // Nor through an endpoint of its own.
    let mut new = json!({ "url": receiver.url(), "events": ["*"] });
    is_refused(&user.post("/v1/subscriptions", &new).await, 403, "forbidden");
    let path = format!("/v1/subscriptions/{subscription}");
    for change in [
        json!({ "url": receiver.url() }),
        json!({ "events": ["order.made"] }),
    ] {
        is_refused(&user.patch(&path, &change).await, 403, "forbidden");
    }
    new["events"] = json!(["invoice.paid"]);
    user.post("/v1/subscriptions", &new).await.expect(201);
}

async fn session_without_payloads_sees_none(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![]).await;
    acme.subscribe(&receiver.url()).await;
    let body = json!({ "type": "a.b", "data": { "note": "confidential-text" }, "metadata": { "m": "confidential-text" } });
    let event = acme.post("/v1/events", &body).await.expect(202)["id"].clone();
    let event = event.as_str().unwrap();
    let delivery = settled(acme, event).await;
    let delivery = delivery["id"].as_str().unwrap();
    let paths = [
        format!("/v1/events/{event}"),
        "/v1/events?order=newest".to_owned(),
        "/v1/deliveries".to_owned(),
        format!("/v1/deliveries/{delivery}"),
        "/v1/attempts".to_owned(),
    ];
    let user = portal(acme, &json!({})).await;
    for path in &paths {
        let shown = user.get(path).await.expect(200);
        assert!(
            !shown.to_string().contains("confidential-text"),
            "{path}: {shown:#}"
        );
    }
    is_refused(&user.get("/v1/events").await, 403, "forbidden");
    let tries = portal(acme, &json!({ "capabilities": ["chain.write"] })).await;
    let tried = json!({ "steps": [], "event_id": event });
    is_refused(&tries.post("/v1/chain/try", &tried).await, 403, "forbidden");
    let user = portal(acme, &json!({ "capabilities": ["view", "payloads"] })).await;
    let shown = user.get(&paths[0]).await.expect(200);
    assert_eq!(shown["data"]["note"], "confidential-text");
    user.get("/v1/events").await.expect(200);
}

async fn session_reaches_consumers_subscriptions_only(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let new = json!({ "url": "https://example.com/hook", "events": ["*"] });
    let tenants = acme.post("/v1/subscriptions", &new).await.expect(201);
    let tenants = tenants["id"].as_str().unwrap();
    let link = json!({ "capabilities": ALL, "consumer": true });
    let user = portal(acme, &link).await;
    let own = user.post("/v1/subscriptions", &new).await.expect(201);
    let own = own["id"].as_str().unwrap();
    assert_eq!(ids(&user.get("/v1/subscriptions").await.expect(200)), [own]);
    let refused = user.get(&format!("/v1/subscriptions/{tenants}")).await;
    is_refused(&refused, 404, "not_found");
    is_refused(&user.get("/v1/usage").await, 403, "forbidden");
    is_refused(&user.get("/v1/chain").await, 403, "forbidden");

    let link = json!({ "capabilities": ALL, "subscription": tenants });
    let one = portal(acme, &link).await;
    assert_eq!(ids(&one.get("/v1/subscriptions").await.expect(200)), [tenants]);
    let refused = one.get(&format!("/v1/subscriptions/{own}")).await;
    is_refused(&refused, 404, "not_found");
    assert_eq!(one.post("/v1/subscriptions", &new).await.status, 403);
    let shown = one.get("/v1/session").await.expect(200);
    assert_eq!(
        (&shown["subscription"], &shown["consumer"]),
        (&json!(tenants), &json!(true))
    );
}

async fn tail_ends_with_its_session(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let user = portal(acme, &json!({ "types": ["invoice.*"] })).await;
    let mut tail = Tail::open(&user, "", None).await;
    acme.publish("order.made", json!({})).await;
    let seen = acme.publish("invoice.paid", json!({})).await;
    let line = tail.line().await.expect("a line");
    assert_eq!(line.data["event"], seen.as_str(), "{line:?}");
    user.delete("/v1/session").await.expect(204);
    while tail.part().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn session_holds_at_every_gateway() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url());
    let one = setup.start();
    let two = beside(&one, &setup);
    let operator = one.operator();
    let code = code(&operator, "/v1/operator/dashboard-links", &json!({})).await;
    let anyone = operator.with_key("").towards(two.base());
    let session = anyone
        .post("/v1/session", &json!({ "code": code }))
        .await
        .expect(200);
    let user = operator.with_key(session["token"].as_str().unwrap());
    user.get("/v1/tenants").await.expect(200);
    user.towards(two.base()).delete("/v1/session").await.expect(204);
    is_refused(&user.get("/v1/tenants").await, 401, "session_ended");
}

#[tokio::test]
async fn session_outlives_a_restart() {
    let site = Site::start(On::Embedded).await;
    let user = portal(&site.acme, &json!({})).await;
    let site = site.restart();
    user.towards(site.gateway.base())
        .get("/v1/session")
        .await
        .expect(200);
}
