//! Invalid events: each gets a clear problem and changes nothing.

use serde_json::json;

use crate::site::{On, Site};

/// Content type, body, status, code, and a word of the answer that names the mistake.
const BAD: &[(&str, &str, u16, &str, &str)] = &[
    (JSON, "{", 400, "invalid_json", "line 1"),
    (JSON, "", 400, "invalid_json", ""),
    (JSON, "not json", 400, "invalid_json", "column 1"),
    (JSON, r#"{"type":"a.b","data":{}} x"#, 400, "invalid_json", ""),
    (
        JSON,
        r#"{"type":"a.b","data":{"a":1,"a":2}}"#,
        400,
        "duplicate_key",
        "/data/a",
    ),
    (JSON, "7", 422, "invalid_event", ""),
    (JSON, r#"{"data":{}}"#, 422, "invalid_event", "type"),
    (JSON, r#"{"type":"a.b"}"#, 422, "invalid_event", "data"),
    (JSON, r#"{"type":7,"data":{}}"#, 422, "invalid_event", "/type"),
    (
        JSON,
        r#"{"type":"a..b","data":{}}"#,
        422,
        "invalid_event",
        "/type",
    ),
    (JSON, r#"{"type":"a,b","data":{}}"#, 422, "invalid_event", "/type"),
    (
        JSON,
        r#"{"tpye":"a.b","data":{}}"#,
        422,
        "invalid_event",
        "`type`",
    ),
    (
        JSON,
        r#"{"type":"a.b","data":{},"created":"yesterday"}"#,
        422,
        "invalid_event",
        "/created",
    ),
    (
        JSON,
        r#"{"type":"a.b","data":{},"id":"a b"}"#,
        422,
        "invalid_event",
        "/id",
    ),
    (
        JSON,
        r#"{"type":"a.b","data":{},"metadata":[]}"#,
        422,
        "invalid_event",
        "/metadata",
    ),
    (
        JSON,
        r#"{"type":"a.b","data":{},"deliver_to":"ftp://example.com"}"#,
        422,
        "invalid_event",
        "/deliver_to",
    ),
    (JSON, r#"[]"#, 422, "invalid_event", ""),
    (
        JSON,
        r#"[{"type":"a.b","data":{}},{"type":"a.b"}]"#,
        422,
        "invalid_event",
        "/1",
    ),
    (
        "text/plain",
        r#"{"type":"a.b","data":{}}"#,
        415,
        "unsupported_media_type",
        "application/json",
    ),
    (
        CLOUD,
        r#"{"specversion":"1.0","id":"a","type":"a.b"}"#,
        422,
        "invalid_event",
        "source",
    ),
    (
        CLOUD,
        r#"{"specversion":"0.3","id":"a","source":"/","type":"a.b"}"#,
        422,
        "invalid_event",
        "specversion",
    ),
];
const JSON: &str = "application/json";
const CLOUD: &str = "application/cloudevents+json";

#[tokio::test(flavor = "multi_thread")]
async fn each_gets_a_clear_problem_and_changes_nothing() {
    let site = Site::start(On::Embedded).await;
    let mut wrong = Vec::new();
    for (content_type, body, status, code, word) in BAD {
        let answer = site.acme.post_raw("/v1/events", content_type, *body).await;
        let text = answer.body.to_string();
        if (answer.status, answer.code()) != (*status, *code) || !text.contains(word) {
            wrong.push(format!(
                "{body}: expected {status} {code} {word:?}, got {} {text}",
                answer.status
            ));
        }
        for part in ["title", "detail", "fix", "retry"] {
            if answer.body[part].is_null() {
                wrong.push(format!("{body}: the problem has no `{part}`: {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let feed = site.acme.get("/v1/events").await.expect(200);
    assert_eq!(feed["data"], json!([]), "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_and_depth_bombs() {
    let site = Site::start(On::Embedded).await;
    let invalid = [
        br#"{"type":"a.b","data":{"t":""#.as_slice(),
        &[0xff, 0xfe],
        br#""}}"#,
    ]
    .concat();
    let answer = site.acme.post_raw("/v1/events", JSON, invalid).await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "invalid_json"),
        "{:#}",
        answer.body
    );
    let bomb = format!(
        r#"{{"type":"a.b","data":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let answer = site.acme.post_raw("/v1/events", JSON, bomb).await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "too_deep"),
        "{:#}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_open_only_their_own_tenant() {
    let site = Site::start(On::Embedded).await;
    let event = json!({ "type": "a.b", "data": {} });
    let none = site.acme.with_key("").post("/v1/events", &event).await;
    assert_eq!(
        (none.status, none.code()),
        (401, "key_missing"),
        "{:#}",
        none.body
    );
    let wrong = site.acme.with_key("hg_wrong").post("/v1/events", &event).await;
    assert_eq!(
        (wrong.status, wrong.code()),
        (401, "key_unknown"),
        "{:#}",
        wrong.body
    );
    let nobodys = site.gateway.operator().post("/v1/events", &event).await;
    assert_eq!(
        (nobodys.status, nobodys.code()),
        (400, "tenant_required"),
        "{:#}",
        nobodys.body
    );
    let unknown = site
        .gateway
        .operator()
        .acting_for("nobody")
        .post("/v1/events", &event)
        .await;
    assert_eq!(
        (unknown.status, unknown.code()),
        (404, "tenant_unknown"),
        "{:#}",
        unknown.body
    );

    let id = site.acme.publish("a.b", json!({})).await;
    let (subscription, _) = site.acme.subscribe("http://127.0.0.1:9/").await;
    let other = site.gateway.tenant("other").await;
    for path in [
        format!("/v1/events/{id}"),
        format!("/v1/subscriptions/{subscription}"),
    ] {
        let foreign = other.get(&path).await;
        assert_eq!(
            (foreign.status, foreign.code()),
            (404, "not_found"),
            "{path}: {:#}",
            foreign.body
        );
    }
    let foreign = other.delete(&format!("/v1/subscriptions/{subscription}")).await;
    assert_eq!(foreign.status, 404);
    assert_eq!(
        site.acme
            .get(&format!("/v1/subscriptions/{subscription}"))
            .await
            .status,
        200
    );
    // Only the operator creates tenants, and a tenant's key cannot act for another tenant.
    let refused = site.acme.post("/v1/tenants", &json!({ "id": "mine" })).await;
    assert_eq!(
        (refused.status, refused.code()),
        (403, "operator_required"),
        "{:#}",
        refused.body
    );
    let lent = site.acme.acting_for("other").get("/v1/events").await;
    assert_ne!(lent.status, 200, "a tenant's key acts for its own tenant only");
}
