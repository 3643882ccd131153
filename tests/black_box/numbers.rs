//! Numbers keep their digits wherever a tenant writes them: in schemas, settings of plugins and
//! test events.

use hookgate_tests::{Client, Receiver};
use serde_json::json;

use crate::site::{On, Site};

async fn put_schema(client: &Client, schema: &str) {
    let body = format!(r#"{{"schema":{schema},"validate":true}}"#);
    let request = client.request(reqwest::Method::PUT, "/v1/event-types/n.x");
    let request = request.header("content-type", "application/json").body(body);
    let put = client.send(request).await;
    assert!(matches!(put.status, 200 | 201), "{:#}", put.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_compare_numbers_by_every_digit() {
    let site = Site::start(On::Embedded).await;
    for (schema, data, fits) in [
        (
            r#"{"const":12345678901234567890123}"#,
            "12345678901234567890124",
            false,
        ),
        (
            r#"{"const":12345678901234567890123}"#,
            "12345678901234567890123",
            true,
        ),
        (
            r#"{"maximum":18446744073709551616}"#,
            "18446744073709551617",
            false,
        ),
        (r#"{"maximum":9007199254740992}"#, "9007199254740992.5", false),
        (r#"{"type":"integer"}"#, "9007199254740992.5", false),
        (
            r#"{"uniqueItems":true}"#,
            "[12345678901234567890123,12345678901234567890124]",
            true,
        ),
        (r#"{"type":"number"}"#, "1e400", true),
        (r#"{"maximum":1e400}"#, "1e401", false),
        (r#"{"type":["string","null"]}"#, "1e400", false),
        (r#"{"const":null}"#, "-1e400", false),
    ] {
        put_schema(&site.acme, schema).await;
        let event = format!(r#"{{"type":"n.x","data":{data}}}"#);
        let answer = site.acme.post_raw("/v1/events", "application/json", event).await;
        let expected = if fits { 202 } else { 422 };
        assert_eq!(answer.status, expected, "{schema} {data}: {:#}", answer.body);
    }
    put_schema(&site.acme, r#"{"const":12345678901234567890123}"#).await;
    let request = site.acme.request(reqwest::Method::GET, "/v1/event-types/n.x");
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("12345678901234567890123"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_test_events_keep_every_digit() {
    let site = Site::start(On::Embedded).await;
    let settings = r#"{"pass":{"/n":12345678901234567890123}}"#;
    let chain = format!(r#"{{"steps":[{{"plugin":"filter","settings":{settings}}}]}}"#);
    let request = site.acme.request(reqwest::Method::PUT, "/v1/chain");
    let request = request.header("content-type", "application/json").body(chain);
    site.acme.send(request).await.expect(200);
    let shown = site.acme.request(reqwest::Method::GET, "/v1/chain");
    let shown = shown.send().await.unwrap().text().await.unwrap();
    assert!(shown.contains("12345678901234567890123"), "{shown}");
    for (n, status) in [
        ("12345678901234567890123", "accepted"),
        ("12345678901234567890124", "filtered"),
    ] {
        let event = format!(r#"{{"type":"n.x","data":{{"n":{n}}}}}"#);
        let answer = site.acme.post_raw("/v1/events", "application/json", event).await;
        assert_eq!(answer.expect(202)["status"], status, "{n}");
    }

    let receiver = Receiver::start(vec![]).await;
    let wanted = json!({ "url": receiver.url(), "events": ["*"] });
    let made = site.acme.post("/v1/subscriptions", &wanted).await.expect(201);
    let path = format!("/v1/subscriptions/{}/test", made["id"].as_str().unwrap());
    let body = r#"{"type":"n.x","data":{"n":12345678901234567890123}}"#;
    site.acme
        .post_raw(&path, "application/json", body)
        .await
        .expect(202);
    assert!(
        receiver.wait_for(1).await[0]
            .text()
            .contains("12345678901234567890123")
    );
}
