//! Cost of a tenant's declarations: filters, schemas and classifications are bounded, and other
//! tenants are answered meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hookgate_tests::Client;
use hookgate_tests::client::Answer;
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    neighbours_are_answered_while_filters_walk,
    neighbours_are_answered_while_keys_are_classified,
    neighbours_are_answered_while_patterns_are_matched,
    neighbours_are_answered_while_violations_are_told,
    one_long_number_is_compared_with_many,
    stored_event_is_withheld_when_its_classification_costs_too_much,
    replay_and_recovery_say_what_filters_cannot_judge,
);

/// Sends events at the same time, and counts a neighbour's answers until all are answered.
async fn attack(site: &Site, events: Vec<Value>) -> (Vec<Answer>, usize) {
    let other = site.gateway.tenant("other").await;
    other.publish("x.y", json!({})).await;
    let over = Arc::new(AtomicBool::new(false));
    let neighbour = tokio::spawn(neighbour(other, Arc::clone(&over)));
    let sent = events.into_iter().map(|event| {
        let acme = site.acme.clone();
        tokio::spawn(async move { publish(&acme, &event).await })
    });
    let mut answers = Vec::new();
    for answer in sent.collect::<Vec<_>>() {
        answers.push(answer.await.unwrap());
    }
    over.store(true, Ordering::Relaxed);
    (answers, neighbour.await.unwrap())
}

async fn neighbour(other: Client, over: Arc<AtomicBool>) -> usize {
    let mut done = 0;
    while !over.load(Ordering::Relaxed) {
        other.with_key("").get("/healthz").await.expect(200);
        other.publish("x.y", json!({})).await;
        done += 1;
    }
    done
}

/// Publishes until the tenant's queue accepts it.
async fn publish(client: &Client, event: &Value) -> Answer {
    loop {
        let answer = client.post("/v1/events", event).await;
        if answer.status != 429 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn subscribe(client: &Client, filter: &Value) -> String {
    let wanted = json!({ "url": "http://127.0.0.1:9/", "events": ["big.*"], "filter": filter });
    let made = client.post("/v1/subscriptions", &wanted).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn put_type(client: &Client, schema: &Value, validate: bool) {
    let wanted = json!({ "schema": schema, "validate": validate });
    client.put("/v1/event-types/big.one", &wanted).await.expect(200);
}

fn big(data: Value) -> Value {
    let mut event = json!({ "type": "big.one" });
    event["data"] = data;
    event
}

#[track_caller]
fn too_much(answers: &[Answer], what: &str) {
    for answer in answers {
        assert_eq!(
            (answer.status, answer.code()),
            (422, "too_much_work"),
            "{:#}",
            answer.body
        );
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.contains(what) && detail.contains("plugins.max_event_work"),
            "{detail}"
        );
    }
}

/// Proof of progress: an attack takes a second or more of a processor, and a neighbour's request
/// milliseconds.
const FEWEST: usize = 2;

async fn neighbours_are_answered_while_filters_walk(on: On) {
    let site = Site::start(on).await;
    let either: Vec<_> = (0..8)
        .map(|n| json!({ format!("/**/a/**/a/**/~none{n}"): 1 }))
        .collect();
    for _ in 0..10 {
        subscribe(&site.acme, &json!({ "$or": either })).await;
    }
    let items = vec![json!({ "a": { "b": [1, 2, { "c": 1 }] } }); 30_000];
    let (answers, done) = attack(&site, vec![big(json!(items)); 4]).await;
    too_much(&answers, "The filter of the subscription `sub_");
    assert!(done >= FEWEST, "{done}");
    // All filters evaluate a smaller event.
    let small = big(json!([{ "a": { "b": 1 } }]));
    publish(&site.acme, &small).await.expect(202);
}

async fn neighbours_are_answered_while_keys_are_classified(on: On) {
    let site = Site::start(on).await;
    let schema =
        json!({ "patternProperties": { "[ab]*a[ab]{200}[cd]": { "x-classification": "restricted" } } });
    put_type(&site.acme, &schema, false).await;
    let keys = (0..900).map(|n| (format!("{}{n}", "ab".repeat(450)), json!(1)));
    let keys: Value = keys.collect::<serde_json::Map<_, _>>().into();
    let (answers, done) = attack(&site, vec![big(keys); 16]).await;
    too_much(
        &answers,
        "The classification of the data of the event type `big.one`",
    );
    assert!(done >= FEWEST, "{done}");
    // A key that is too long for a pattern is removed.
    let event = big(json!({ "ab".repeat(400_000): "planted", "id": 1 }));
    let made = publish(&site.acme, &event).await.expect(202);
    let path = format!("/v1/events/{}", made["id"].as_str().unwrap());
    assert_eq!(site.acme.get(&path).await.expect(200)["data"], json!({ "id": 1 }));
}

async fn neighbours_are_answered_while_patterns_are_matched(on: On) {
    let site = Site::start(on).await;
    let each = (0..3).map(|n| json!({ "pattern": format!("[ab]*a[ab]{{{}}}[cd]", 200 + n) }));
    put_type(
        &site.acme,
        &json!({ "items": { "anyOf": each.collect::<Vec<_>>() } }),
        true,
    )
    .await;
    let (answers, _) = attack(&site, vec![big(json!(["ab".repeat(30_000)])); 8]).await;
    too_much(&answers, "The schema of the event type `big.one`");
    publish(&site.acme, &big(json!([format!("a{}c", "b".repeat(200))])))
        .await
        .expect(202);
}

async fn neighbours_are_answered_while_violations_are_told(on: On) {
    let site = Site::start(on).await;
    let schema = json!({ "items": { "anyOf": vec![json!({ "type": "string" }); 250] } });
    put_type(&site.acme, &schema, true).await;
    let before = site.gateway.peak_resident().unwrap();
    let (answers, _) = attack(&site, vec![big(json!(vec![1; 9_900])); 8]).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.code()), (422, "schema_mismatch"));
        assert_eq!(answer.body["errors"].as_array().map(Vec::len), Some(20));
    }
    let more = site.gateway.peak_resident().unwrap().saturating_sub(before);
    assert!(more < 128 << 20, "{more}");
}

async fn one_long_number_is_compared_with_many(on: On) {
    let site = Site::start(on).await;
    let numbers: Vec<_> = (0..1_000).collect();
    for _ in 0..3 {
        subscribe(&site.acme, &json!({ "/n": { "$in": numbers } })).await;
    }
    let text = format!(r#"{{"type":"big.one","data":{{"n":{}}}}}"#, "7".repeat(1_000_000));
    let answer = site.acme.post_raw("/v1/events", "application/json", text).await;
    assert_eq!(answer.expect(202)["deliveries"], 0);
}

async fn stored_event_is_withheld_when_its_classification_costs_too_much(on: On) {
    let site = Site::with(on, "plugins.max_event_work = 30000").await;
    let keys = (0..60).map(|n| (format!("{}{n}", "k".repeat(500)), json!("planted")));
    let keys: Value = keys.collect::<serde_json::Map<_, _>>().into();
    let large = publish(&site.acme, &big(keys)).await.expect(202);
    let small = publish(&site.acme, &big(json!({ "key": "planted", "id": 1 })))
        .await
        .expect(202);
    let schema = json!({ "patternProperties": { "^k": { "x-classification": "restricted" } } });
    put_type(&site.acme, &schema, false).await;
    for (made, data) in [(large, Value::Null), (small, json!({ "id": 1 }))] {
        let path = format!("/v1/events/{}", made["id"].as_str().unwrap());
        assert_eq!(site.acme.get(&path).await.expect(200)["data"], data);
    }
    let page = site.acme.get("/v1/events").await.expect(200);
    assert_eq!(page["data"][0]["data"], Value::Null);
    assert_eq!(page["data"][1]["data"], json!({ "id": 1 }));
}

async fn replay_and_recovery_say_what_filters_cannot_judge(on: On) {
    let site = Site::with(on, "plugins.max_event_work = 30000").await;
    let large = publish(&site.acme, &big(json!(vec![1; 10_000])))
        .await
        .expect(202);
    publish(&site.acme, &big(json!([{ "zz": 1 }]))).await.expect(202);
    let id = subscribe(&site.acme, &json!({ "/**/zz": 1 })).await;
    let path = format!("/v1/events/{}/replay", large["id"].as_str().unwrap());
    too_much(&[site.acme.post(&path, &json!({})).await], &id);
    too_much(&[publish(&site.acme, &big(json!(vec![1; 10_000]))).await], &id);
    let recover = format!("/v1/subscriptions/{id}/recover");
    let recovered = site
        .acme
        .post(&recover, &json!({ "since": "2020-01-01T00:00:00Z" }))
        .await
        .expect(202);
    assert_eq!(
        (&recovered["deliveries"], &recovered["left_out"]),
        (&json!(1), &json!(1)),
        "{recovered}"
    );
}
