//! Deliveries at a product's own routes: listing, retry and recovery, restricted to each customer's
//! own deliveries. The routes are added to those of a shipped profile.

use hookgate_tests::{Client, Gateway, Receiver, Reply, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    customer_follows_and_repeats_deliveries_at_the_door,
    doors_deliveries_are_nobody_elses,
);

/// Deliveries become dead letters after two attempts.
const WEBHOOKS: &str = r#"
[profiles.synaptis.retry]
schedule = ["0s"]

[[profiles.synaptis.add.routes]]
method = "GET"
path = "/v1/webhooks/{id}/deliveries"
action = "list_deliveries"
in = { state = "status", page = "limit", after = "cursor" }
answer = [{ name = "deliveries", value = "{items}" }, { name = "after", value = "{next_cursor}" }]
item = [
    { name = "delivery", value = "{id}" },
    { name = "webhook", value = "{subscription}" },
    { name = "event", value = "{event}" },
    { name = "state", value = "{status}" },
    { name = "tries", value = "{attempts}" },
    { name = "ended", value = "{finished}" },
]

[[profiles.synaptis.add.routes]]
method = "GET"
path = "/v1/webhook-deliveries"
action = "list_deliveries"
answer = [{ name = "deliveries", value = "{items}" }]
item = [{ name = "webhook", value = "{subscription}" }]

[[profiles.synaptis.add.routes]]
method = "GET"
path = "/v1/webhook-deliveries/{id}"
action = "get_delivery"
answer = [
    { name = "object", constant = "delivery" },
    { name = "id", value = "{id}" },
    { name = "why", value = "{trigger}" },
    { name = "state", value = "{status}" },
    { name = "last", value = "{outcome}" },
    { name = "count", value = "{attempts}" },
    { name = "tries", value = "{items}" },
]
item = [
    { name = "n", value = "{number}" },
    { name = "at", value = "{started}" },
    { name = "ms", value = "{took_ms}" },
    { name = "code", value = "{http_status}" },
    { name = "result", value = "{outcome}" },
]

[[profiles.synaptis.add.routes]]
method = "POST"
path = "/v1/webhook-deliveries/{id}/resend"
action = "retry_delivery"
status = 202
answer = [{ name = "id", value = "{id}" }]

[[profiles.synaptis.add.routes]]
method = "POST"
path = "/v1/webhooks/{id}/replay"
action = "recover_subscription"
in = { from = "since", to = "until", kinds = "types", which = "only", after = "cursor" }
status = 202
answer = [
    { name = "sent", value = "{deliveries}" },
    { name = "seen", value = "{looked_at}" },
    { name = "after", value = "{next_cursor}" },
    { name = "more", value = "{has_more}" },
]

[[profiles.synaptis.add.routes]]
method = "GET"
path = "/v1/webhooks/{id}/health"
action = "subscription_stats"
answer = [
    { name = "webhook", value = "{id}" },
    { name = "state", value = "{status}" },
    { name = "seconds", value = "{window}" },
    { name = "tries", value = "{attempts}" },
    { name = "failed", value = "{failed}" },
    { name = "given_up", value = "{dead}" },
    { name = "last_code", value = "{http_status}" },
    { name = "steps", value = "{items}" },
]
item = [{ name = "from", value = "{start}" }, { name = "failed", value = "{failed}" }]

[[profiles.synaptis.add.routes]]
method = "POST"
path = "/v1/webhooks/{id}/ping"
action = "test_subscription"
status = 202
answer = [{ name = "event", value = "{id}" }, { name = "delivery", value = "{delivery}" }]

[[profiles.synaptis.add.routes]]
method = "POST"
path = "/v1/webhooks/{id}/secret"
action = "rotate_secret"
in = { secret = "secret", grace_seconds = "grace" }
answer = [{ name = "secret", value = "{secret}" }, { name = "old_until", value = "{previous_expires}" }]

[[profiles.synaptis.add.routes]]
method = "GET"
path = "/v1/webhook-events"
action = "list_event_types"
answer = [{ name = "types", value = "{items}" }]
item = [{ name = "name", value = "{type}" }]
"#;

/// Creates a tenant with the profile: its own key, and a key of one of its customers.
async fn leads(gateway: &Gateway, id: &str) -> (Client, Client) {
    let operator = gateway.operator();
    let tenant = json!({ "id": id, "profile": "synaptis" });
    let made = operator.post("/v1/tenants", &tenant).await.expect(201);
    let own = operator.with_key(made["key"].as_str().unwrap());
    let scopes = json!({ "scopes": ["consumer"] });
    let made = operator.post(&format!("/v1/tenants/{id}/keys"), &scopes).await;
    let customer = made.expect(201);
    (own, operator.with_key(customer["key"].as_str().unwrap()))
}

async fn register(client: &Client, path: &str, receiver: &Receiver) -> String {
    let new = json!({ "url": receiver.url(), "events": ["lead.verified"] });
    let made = client.post(path, &new).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The only delivery of a webhook in this state.
async fn the_one(client: &Client, webhook: &str, state: &str) -> Value {
    let path = format!("/v1/webhooks/{webhook}/deliveries?state={state}");
    eventually(&format!("one that is {state}"), async || {
        let page = client.get(&path).await.expect(200);
        let found = page["deliveries"].as_array().unwrap();
        (found.len() == 1).then(|| found[0].clone())
    })
    .await
}

async fn customer_follows_and_repeats_deliveries_at_the_door(on: On) {
    let site = Site::with(on, WEBHOOKS).await;
    let (own, customer) = leads(&site.gateway, "leads").await;
    let receiver = Receiver::start(vec![Reply::Status(503); 2]).await;
    let hook = register(&customer, "/v1/webhooks", &receiver).await;
    let event = own.publish("lead.verified", json!({ "n": 1 })).await;

    let listed = the_one(&customer, &hook, "dead").await;
    assert_eq!(
        names(&listed),
        ["delivery", "webhook", "event", "state", "tries", "ended"]
    );
    assert_eq!(
        (&listed["webhook"], &listed["event"]),
        (&json!(hook), &json!(event))
    );
    assert_eq!(listed["tries"], 2);
    assert_eq!(
        listed["ended"].as_str().unwrap().len(),
        "2024-01-15T10:00:00Z".len()
    );

    let delivery = listed["delivery"].as_str().unwrap();
    let path = format!("/v1/webhook-deliveries/{delivery}");
    let shown = customer.get(&path).await.expect(200);
    assert_eq!(
        names(&shown),
        ["object", "id", "why", "state", "last", "count", "tries"]
    );
    assert_eq!(
        (&shown["why"], &shown["state"], &shown["last"], &shown["count"]),
        (
            &json!("published"),
            &json!("dead"),
            &json!("http_error"),
            &json!(2)
        )
    );
    assert_eq!(names(&shown["tries"][0]), ["n", "at", "ms", "code", "result"]);
    assert_eq!(
        (&shown["tries"][1]["n"], &shown["tries"][1]["code"]),
        (&json!(2), &json!(503))
    );
    // In another spelling that a client may use.
    let spelt = customer.get(&path.replace('~', "%7E")).await.expect(200);
    assert_eq!(spelt["id"], shown["id"]);

    let again = customer
        .post(&format!("{path}/resend"), &json!({}))
        .await
        .expect(202);
    receiver.wait_for(3).await;
    let delivered = the_one(&customer, &hook, "delivered").await;
    assert_eq!(delivered["delivery"], again["id"]);

    // Missed since: the second event only.
    receiver.answer(vec![Reply::Status(500); 2]);
    own.publish("lead.verified", json!({ "n": 2 })).await;
    eventually("it died", async || {
        let path = format!("/v1/webhooks/{hook}/deliveries?state=dead");
        let page = customer.get(&path).await.expect(200);
        (page["deliveries"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    let replay = async |body: Value| customer.post(&format!("/v1/webhooks/{hook}/replay"), &body).await;
    let long_ago = "2024-01-15T10:00:00Z";
    for kinds in [json!("delivery.failed"), json!(["delivery.failed"])] {
        let others = replay(json!({ "from": long_ago, "kinds": kinds }))
            .await
            .expect(202);
        assert_eq!((&others["sent"], &others["seen"]), (&json!(0), &json!(2)));
    }
    let recovered = replay(json!({ "from": long_ago, "kinds": "lead.verified,a.b" }))
        .await
        .expect(202);
    assert_eq!(names(&recovered), ["sent", "seen", "after", "more"]);
    assert_eq!(
        (&recovered["sent"], &recovered["more"], &recovered["after"]),
        (&json!(1), &json!(false), &Value::Null)
    );
    let sent = receiver.wait_for(6).await.remove(5);
    assert_eq!(sent.json()["data"]["n"], 2);

    let health = eventually("the last is counted", async || {
        let health = customer
            .get(&format!("/v1/webhooks/{hook}/health"))
            .await
            .expect(200);
        (health["tries"] == 6).then_some(health)
    })
    .await;
    assert_eq!(
        (&health["webhook"], &health["state"]),
        (&json!(hook), &json!("active"))
    );
    assert_eq!(
        (&health["failed"], &health["given_up"], &health["last_code"]),
        (&json!(4), &json!(2), &json!(500))
    );
    let steps = health["steps"].as_array().unwrap().iter();
    assert_eq!(steps.map(|step| step["failed"].as_u64().unwrap()).sum::<u64>(), 4);

    let pinged = customer
        .post(&format!("/v1/webhooks/{hook}/ping"), &json!({}))
        .await
        .expect(202);
    let ping = format!("/v1/webhook-deliveries/{}", pinged["delivery"].as_str().unwrap());
    assert_eq!(customer.get(&ping).await.expect(200)["why"], "test");
    let sent = receiver.wait_for(7).await.remove(6);
    assert_eq!(
        (&sent.json()["id"], &sent.json()["type"]),
        (&pinged["event"], &json!("webhook.test"))
    );
    let secret = json!({ "grace_seconds": 60 });
    let secret = customer
        .post(&format!("/v1/webhooks/{hook}/secret"), &secret)
        .await
        .expect(200);
    assert!(secret["secret"].as_str().unwrap().starts_with("whsec_"));
    let types = customer.get("/v1/webhook-events").await.expect(200);
    assert_eq!(types["types"].as_array().unwrap().len(), 3);
}

async fn doors_deliveries_are_nobody_elses(on: On) {
    let site = Site::with(on, WEBHOOKS).await;
    let (own, customer) = leads(&site.gateway, "leads").await;
    let (_, stranger) = leads(&site.gateway, "others").await;
    let receiver = Receiver::start(vec![]).await;
    let hook = register(&customer, "/v1/webhooks", &receiver).await;
    let tenants = register(&own, "/v1/subscriptions", &receiver).await;
    own.publish("lead.verified", json!({})).await;
    receiver.wait_for(2).await;
    let mine = the_one(&customer, &hook, "delivered").await;
    let mine = mine["delivery"].as_str().unwrap().to_owned();
    let theirs = the_one(&own, &tenants, "delivered").await;
    let theirs = theirs["delivery"].as_str().unwrap().to_owned();

    let page = customer.get("/v1/webhook-deliveries").await.expect(200);
    assert_eq!(page["deliveries"], json!([{ "webhook": hook }]));
    let from = json!({ "from": "2024-01-15T10:00:00Z", "which": "all" });
    for (client, hook, delivery) in [(&customer, &tenants, &theirs), (&stranger, &hook, &mine)] {
        for (method, path, body) in [
            ("GET", format!("/v1/webhooks/{hook}/deliveries"), json!({})),
            ("GET", format!("/v1/webhooks/{hook}/health"), json!({})),
            ("GET", format!("/v1/webhook-deliveries/{delivery}"), json!({})),
            (
                "POST",
                format!("/v1/webhook-deliveries/{delivery}/resend"),
                json!({}),
            ),
            ("POST", format!("/v1/webhooks/{hook}/replay"), from.clone()),
            ("POST", format!("/v1/webhooks/{hook}/ping"), json!({})),
            ("POST", format!("/v1/webhooks/{hook}/secret"), json!({})),
        ] {
            let mut request = client.request(method.parse().unwrap(), &path);
            if method == "POST" {
                request = request.json(&body);
            }
            let refused = client.send(request).await;
            assert_eq!(
                (refused.status, refused.code()),
                (404, "not_found"),
                "{method} {path}"
            );
        }
    }

    // Mistakes are reported in the route's words, and a delivery does not cause deliveries.
    let replay = format!("/v1/webhooks/{hook}/replay");
    for (body, place) in [
        (json!({}), ""),
        (json!({ "from": "yesterday" }), "/from"),
        (json!({ "from": "2024-01-15T10:00:00Z", "to": "x" }), "/to"),
        (
            json!({ "from": "2024-01-15T10:00:00Z", "which": "every" }),
            "/which",
        ),
        (
            json!({ "from": "2024-01-15T10:00:00Z", "kinds": "a..b" }),
            "/kinds/0",
        ),
        (json!({ "from": "2024-01-15T10:00:00Z", "since": "x" }), "/since"),
    ] {
        let refused = customer.post(&replay, &body).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (422, &json!(place)),
            "{body}: {:#}",
            refused.body
        );
    }
    let lost = customer
        .get(&format!("/v1/webhooks/{hook}/deliveries?state=lost"))
        .await;
    assert_eq!((lost.status, lost.code()), (400, "invalid_parameter"));
    assert!(
        lost.body["detail"].as_str().unwrap().contains("`state`"),
        "{:#}",
        lost.body
    );
    for page in ["0", "501"] {
        let over = customer
            .get(&format!("/v1/webhooks/{hook}/deliveries?page={page}"))
            .await;
        assert_eq!((over.status, over.code()), (400, "invalid_parameter"));
    }
    let resend = format!("/v1/webhook-deliveries/{mine}/resend");
    for path in [&replay, &resend, &format!("/v1/webhooks/{hook}/ping")] {
        let request = customer.request(Method::POST, path).header("hookgate-hops", "1");
        let refused = customer.send(request.json(&from)).await;
        assert_eq!(refused.code(), "loop_detected", "{path}: {:#}", refused.body);
    }
    assert_eq!(receiver.count(), 2);

    let document = customer.get("/openapi.json").await.expect(200);
    for (method, path) in [
        ("get", "/v1/webhook-deliveries/{id}"),
        ("post", "/v1/webhooks/{id}/replay"),
    ] {
        let scopes = &document["paths"][path][method]["x-hookgate-scopes"];
        assert!(
            scopes.as_array().unwrap().contains(&json!("consumer")),
            "{path}: {scopes}"
        );
    }
}
