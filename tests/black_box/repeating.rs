//! `Idempotency-Key` on state-changing calls: executed once, answered twice.

use hookgate_tests::guests::Guest;
use hookgate_tests::{Client, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::privacy::{contains, stored};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    a_repetition_is_answered_as_the_first_was,
    a_key_is_its_callers_and_its_routes,
    many_at_once_are_done_once,
    dry_run_with_a_key_stores_nothing,
    an_upload_may_be_as_large_with_a_key,
    kept_answers_over_the_quota_are_refused_before_anything_is_done,
    kept_answers_that_end_make_room,
);

async fn keyed(
    client: &Client,
    method: Method,
    path: &str,
    key: &str,
    body: &Value,
) -> hookgate_tests::client::Answer {
    let request = client
        .request(method, path)
        .header("idempotency-key", key)
        .json(body);
    client.send(request).await
}

fn subscription(n: u32) -> Value {
    json!({ "url": format!("http://127.0.0.1:9/{n}"), "events": ["*"] })
}

async fn count(client: &Client) -> usize {
    let listed = client.get("/v1/subscriptions").await.expect(200);
    listed["data"].as_array().unwrap().len()
}

async fn a_repetition_is_answered_as_the_first_was(on: On) {
    let mut site = Site::start(on).await;
    let path = "/v1/subscriptions";
    let first = keyed(&site.acme, Method::POST, path, "k-1", &subscription(1)).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.header("idempotent-replayed"), "");
    site = site.restart();
    let again = keyed(&site.acme, Method::POST, path, "k-1", &subscription(1)).await;
    assert_eq!((again.status, &again.body), (201, &first.body), "with its secret");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(count(&site.acme).await, 1);

    let other = keyed(&site.acme, Method::POST, path, "k-1", &subscription(2)).await;
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
    // A refused request did nothing: its key is free for the corrected request.
    let wrong = keyed(
        &site.acme,
        Method::POST,
        path,
        "k-2",
        &json!({ "url": "x", "events": [] }),
    )
    .await;
    assert_eq!(wrong.status, 422);
    keyed(&site.acme, Method::POST, path, "k-2", &subscription(2))
        .await
        .expect(201);
    assert_eq!(count(&site.acme).await, 2);

    let one = format!("{path}/{}", first.body["id"].as_str().unwrap());
    for _ in 0..2 {
        let gone = keyed(&site.acme, Method::DELETE, &one, "k-3", &Value::Null).await;
        assert_eq!(gone.status, 204, "{:#}", gone.body);
    }
    let bad = keyed(&site.acme, Method::POST, path, &"k".repeat(256), &subscription(1)).await;
    assert_eq!((bad.status, bad.code()), (400, "invalid_parameter"));
    let secret = first.body["secret"].as_str().unwrap();
    let kept = stored(&site);
    assert!(
        !kept.iter().any(|bytes| contains(bytes, secret)),
        "an answer is kept sealed"
    );
}

async fn a_key_is_its_callers_and_its_routes(on: On) {
    let site = Site::start(on).await;
    let other = site.gateway.tenant("other").await;
    let mut ids = Vec::new();
    for client in [&site.acme, &other] {
        let made = keyed(client, Method::POST, "/v1/subscriptions", "k", &subscription(1)).await;
        ids.push(made.expect(201)["id"].as_str().unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    for change in ["disable", "activate", "disable"] {
        let path = format!("/v1/subscriptions/{}/{change}", ids[0]);
        let done = keyed(&site.acme, Method::POST, &path, "k", &json!({})).await;
        assert_eq!(done.status, 200);
    }
    let operator = site.gateway.operator();
    let tenant = json!({ "id": "third" });
    let made = keyed(&operator, Method::POST, "/v1/tenants", "k", &tenant)
        .await
        .expect(201);
    let again = keyed(&operator, Method::POST, "/v1/tenants", "k", &tenant)
        .await
        .expect(201);
    assert_eq!(
        made, again,
        "the key that is shown once is shown to its own caller again"
    );
    let nobody = keyed(
        &Client::new(site.gateway.base(), "wrong-key"),
        Method::POST,
        "/v1/tenants",
        "k",
        &tenant,
    )
    .await;
    assert_eq!((nobody.status, nobody.code()), (401, "key_unknown"));
}

async fn many_at_once_are_done_once(on: On) {
    let site = Site::start(on).await;
    let body = subscription(1);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (client, body) = (site.acme.clone(), body.clone());
            tokio::spawn(async move { keyed(&client, Method::POST, "/v1/subscriptions", "k", &body).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!made.is_empty() && made.iter().all(|answer| answer.body == made[0].body));
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status, answer.code()), (409, "request_under_way"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(count(&site.acme).await, 1);
}

async fn dry_run_with_a_key_stores_nothing(on: On) {
    let site = Site::start(on).await;
    let event = json!({ "type": "a.b", "data": { "note": "planted-in-a-dry-run" } });
    let steps = json!([{ "plugin": "redact", "settings": { "fields": ["/email"] } }]);
    for (path, body) in [
        ("/v1/chain/try", json!({ "event": event, "steps": steps })),
        (
            "/v1/plugins/redact/try",
            json!({ "event": event, "settings": { "fields": ["/email"] } }),
        ),
    ] {
        for _ in 0..2 {
            let tried = keyed(&site.acme, Method::POST, path, "k-try", &body).await;
            assert_eq!(tried.status, 200, "{path}: {:#}", tried.body);
            assert_eq!(tried.header("idempotent-replayed"), "", "{path}: each is run");
        }
    }
    // A stored response has a note; the dry runs have none, sealed or not.
    let notes = || {
        stored(&site)
            .iter()
            .filter(|bytes| contains(bytes, "answer:"))
            .count()
    };
    let before = notes();
    assert!(stored(&site).iter().all(|bytes| !contains(bytes, "planted")));
    keyed(
        &site.acme,
        Method::POST,
        "/v1/subscriptions",
        "k-1",
        &subscription(1),
    )
    .await
    .expect(201);
    assert!(before == 0 && notes() > 0, "{before} before, {} after", notes());
}

async fn an_upload_may_be_as_large_with_a_key(on: On) {
    let site = Site::with(on, "ingest.max_body = \"4KiB\"").await;
    let operator = site.gateway.operator();
    let component = Guest::default().component();
    assert!(component.len() > 4_096, "larger than an event may be");
    for (client, path) in [
        (&site.acme, "/v1/plugins?name=own"),
        (&operator, "/v1/shared/plugins?name=shared"),
    ] {
        let mut answers = Vec::new();
        for _ in 0..2 {
            let request = client
                .request(Method::POST, path)
                .header("idempotency-key", "k")
                .header("content-type", "application/wasm")
                .body(component.clone());
            answers.push(client.send(request).await.expect(201));
        }
        assert_eq!(answers[0], answers[1]);
    }
}

async fn kept_answers_over_the_quota_are_refused_before_anything_is_done(on: On) {
    let mut site = Site::with(on, "quotas.kept_answers = 3").await;
    let path = "/v1/subscriptions";
    let make = async |client: &Client, n: u32| {
        keyed(client, Method::POST, path, &format!("k-{n}"), &subscription(n)).await
    };
    let first = make(&site.acme, 0).await.expect(201);
    // A refused request stores nothing.
    for _ in 0..4 {
        let wrong = json!({ "url": "x", "events": [] });
        let refused = keyed(&site.acme, Method::POST, path, "k-bad", &wrong).await;
        assert_eq!(refused.status, 422);
    }
    for n in 1..3 {
        make(&site.acme, n).await.expect(201);
    }
    for restarted in [false, true] {
        if restarted {
            site = site.restart();
        }
        let over = make(&site.acme, 3).await;
        assert_eq!(
            (over.status, over.code()),
            (429, "quota_exceeded"),
            "{:#}",
            over.body
        );
        assert_eq!(
            (&over.body["quota"], &over.body["limit"]),
            (&json!("kept_answers"), &json!(3))
        );
        assert!(over.header("retry-after").parse::<u32>().unwrap() > 0);
        assert_eq!(count(&site.acme).await, 3, "nothing was done");
        // A stored response remains valid: the first answer is replayed.
        let again = make(&site.acme, 0).await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.expect(201), first);
        let usage = site.acme.get("/v1/usage").await.expect(200);
        assert_eq!(usage["quotas"]["kept_answers"], json!({ "used": 3, "limit": 3 }));
    }
    // Other tenants have their own limit, and a request without a key stores nothing.
    let globex = site.gateway.tenant("globex").await;
    make(&globex, 3).await.expect(201);
    site.acme.post(path, &subscription(9)).await.expect(201);
    let event = json!({ "type": "a.b", "data": {} });
    keyed(&site.acme, Method::POST, "/v1/events", "e-1", &event)
        .await
        .expect(202);
    let more = json!({ "quotas": { "kept_answers": 4 } });
    site.gateway
        .operator()
        .patch("/v1/tenants/acme", &more)
        .await
        .expect(200);
    make(&site.acme, 3).await.expect(201);
    assert_eq!(make(&site.acme, 4).await.status, 429);
}

async fn kept_answers_that_end_make_room(on: On) {
    let toml =
        "quotas.kept_answers = 1\nretention.idempotency_keys = \"1s\"\nretention.sweep_every = \"50ms\"";
    let site = Site::with(on, toml).await;
    let path = "/v1/subscriptions";
    keyed(&site.acme, Method::POST, path, "k-1", &subscription(1))
        .await
        .expect(201);
    eventually("the first answer has ended", async || {
        let second = keyed(&site.acme, Method::POST, path, "k-2", &subscription(2)).await;
        (second.status == 201).then_some(())
    })
    .await;
    let usage = site.acme.get("/v1/usage").await.expect(200);
    assert_eq!(usage["quotas"]["kept_answers"]["limit"], 1);
}
