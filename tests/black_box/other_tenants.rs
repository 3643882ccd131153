//! Tenant isolation: an object of one tenant cannot be seen, changed or distinguished from an
//! absent one by another tenant.

use hookgate_tests::{Client, Receiver};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{On, Site};

#[tokio::test(flavor = "multi_thread")]
async fn their_ids_are_not_there() {
    let site = Site::start(On::Embedded).await;
    let receiver = Receiver::start(vec![]).await;
    let mine = Mine::make(&site, &receiver).await;
    let other = site.gateway.tenant("other").await;
    let before = mine.seen_by(&site.acme).await;
    for (method, path, body) in mine.requests() {
        let mut request = other.request(method.clone(), &path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = other.send(request).await;
        assert_eq!(
            (answer.status, answer.code()),
            (404, "not_found"),
            "{method} {path}: {:#}",
            answer.body
        );
    }
    assert_eq!(mine.seen_by(&site.acme).await, before, "nothing changed");
    for list in ["events", "subscriptions", "deliveries"] {
        let listed = other.get(&format!("/v1/{list}")).await.expect(200);
        assert_eq!(listed["data"], json!([]), "{list}");
    }
    let chain = json!({ "steps": [{ "plugin": "mine" }] });
    let refused = other.put("/v1/chain", &chain).await;
    assert_eq!(
        refused.status, 422,
        "another's plugin cannot be used: {:#}",
        refused.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_tenant_is_none() {
    let site = Site::start(On::Embedded).await;
    site.acme.publish("a.b", json!({})).await;
    let page = site.acme.get("/v1/events").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let other = site.gateway.tenant("other").await;
    let answer = other.get(&format!("/v1/events?cursor={cursor}")).await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "invalid_cursor"),
        "{:#}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_stand_in_either_header() {
    let site = Site::start(On::Embedded).await;
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &json!({ "id": "shop" }))
        .await
        .expect(201);
    let key = made["key"].as_str().unwrap();
    let nobody = site.acme.with_key("");
    for path in [
        "/v1/events",
        "/v1/subscriptions",
        "/v1/deliveries",
        "/v1/chain",
        "/v1/plugins",
    ] {
        let request = nobody.request(Method::GET, path);
        nobody.send(request.header("x-api-key", key)).await.expect(200);
        let missing = nobody.get(path).await;
        assert_eq!((missing.status, missing.code()), (401, "key_missing"), "{path}");
    }
    let event = json!({ "type": "a.b", "data": {} });
    let request = nobody.request(Method::POST, "/v1/events").json(&event);
    nobody.send(request.header("x-api-key", key)).await.expect(202);
}

/// Objects of the first tenant.
struct Mine {
    event: String,
    subscription: String,
    delivery: String,
}

impl Mine {
    async fn make(site: &Site, receiver: &Receiver) -> Self {
        let (subscription, _) = site.acme.subscribe(&receiver.url()).await;
        let event = site.acme.publish("a.b", json!({})).await;
        receiver.wait_for(1).await;
        let bytes = std::fs::read(hookgate_tests::gateway::root().join("plugins/dist/redact.wasm")).unwrap();
        let upload = site
            .acme
            .request(Method::POST, "/v1/plugins?name=mine")
            .header("content-type", "application/wasm")
            .body(bytes);
        site.acme.send(upload).await.expect(201);
        Self {
            delivery: format!("dlv_{event}~{subscription}"),
            event,
            subscription,
        }
    }

    /// Every request that names one of these objects.
    fn requests(&self) -> Vec<(Method, String, Option<Value>)> {
        let Self {
            event,
            subscription,
            delivery,
        } = self;
        let patch = json!({ "description": "taken" });
        let replay = json!({ "subscription": subscription });
        let one = format!("/v1/subscriptions/{subscription}");
        vec![
            (Method::GET, format!("/v1/events/{event}"), None),
            (Method::POST, format!("/v1/events/{event}/replay"), None),
            (Method::POST, format!("/v1/events/{event}/replay"), Some(replay)),
            (Method::GET, one.clone(), None),
            (Method::PATCH, one.clone(), Some(patch)),
            (Method::POST, format!("{one}/activate"), None),
            (Method::POST, format!("{one}/disable"), None),
            (Method::GET, format!("{one}/secret"), None),
            (Method::POST, format!("{one}/rotate-secret"), None),
            (Method::POST, format!("{one}/test"), None),
            (Method::DELETE, one, None),
            (Method::GET, format!("/v1/deliveries/{delivery}"), None),
            (Method::POST, format!("/v1/deliveries/{delivery}/retry"), None),
            (Method::POST, format!("/v1/deliveries/{delivery}/cancel"), None),
            (Method::GET, "/v1/plugins/mine".to_owned(), None),
            (Method::DELETE, "/v1/plugins/mine".to_owned(), None),
        ]
    }

    /// The owner's view of the objects.
    async fn seen_by(&self, owner: &Client) -> Vec<Value> {
        let mut seen = Vec::new();
        for path in [
            format!("/v1/subscriptions/{}", self.subscription),
            format!("/v1/subscriptions/{}/secret", self.subscription),
            format!("/v1/deliveries/{}", self.delivery),
            "/v1/plugins/mine".to_owned(),
        ] {
            let mut answer = owner.get(&path).await.expect(200);
            // The receiver has the request before the attempt is recorded.
            for moving in [
                "status",
                "attempts",
                "finished",
                "next_attempt",
                "first_attempt",
                "last_outcome",
            ] {
                if path.contains("/deliveries/") {
                    answer[moving].take();
                }
            }
            seen.push(answer);
        }
        seen
    }
}
