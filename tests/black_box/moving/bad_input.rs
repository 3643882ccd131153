//! Documents that are refused: as a whole, or row by row with the line, the place and the reason.

use hookgate_tests::Setup;
use serde_json::{Value, json};

use super::{
    HEADER, counts, digest, document, export, id, import, key_row, secret, subscription_row, tenant_row,
};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(bad_row_is_named_and_nothing_of_the_document_is_imported);

const URL: &str = "http://127.0.0.1:9/hook";
const KEY: &str = "some-key-of-acme-0123456789";

/// Valid rows: a tenant, two subscriptions, a key.
fn good() -> Vec<Value> {
    vec![
        tenant_row("moved"),
        subscription_row("moved", 1, URL),
        subscription_row("moved", 2, URL),
        key_row("moved", KEY, &["publish"]),
    ]
}

type Case = (
    &'static str,
    fn(&mut Vec<Value>),
    u64,
    &'static str,
    &'static str,
    &'static str,
);

/// Changes of the valid rows, with the line, the code, the pointer and a word of the refusal.
const CASES: &[Case] = &[
    (
        "another's id",
        |rows| rows[1]["id"] = json!(id(99)),
        3,
        "already_exists",
        "",
        "nother tenant has",
    ),
    (
        "secret's form",
        |rows| rows[2]["secrets"][0]["secret"] = json!("not-standard"),
        4,
        "invalid_field",
        "/secrets/0/secret",
        "whsec_",
    ),
    (
        "secret's type",
        |rows| rows[2]["secrets"] = json!([secret(5)]),
        4,
        "invalid_field",
        "/secrets/0",
        "invalid type",
    ),
    (
        "no secret",
        |rows| rows[2]["secrets"] = json!([]),
        4,
        "invalid_field",
        "/secrets",
        "at least one",
    ),
    (
        "ending secret",
        |rows| rows[2]["secrets"][0]["expires"] = json!("2099-01-01T00:00:00Z"),
        4,
        "invalid_field",
        "/secrets",
        "current",
    ),
    (
        "two for ever",
        |rows| rows[2]["secrets"] = json!([{ "secret": secret(5) }, { "secret": secret(6) }]),
        4,
        "invalid_field",
        "/secrets",
        "expires",
    ),
    (
        "digest's length",
        |rows| rows[3]["digest"] = json!(&digest(KEY)[2..]),
        5,
        "invalid_field",
        "/digest",
        "64 hexadecimal",
    ),
    (
        "unknown scope",
        |rows| rows[3]["scopes"] = json!(["publish", "admin"]),
        5,
        "invalid_field",
        "/scopes/1",
        "no such scope",
    ),
    (
        "no scope",
        |rows| rows[3]["scopes"] = json!([]),
        5,
        "invalid_field",
        "/scopes",
        "at least one",
    ),
    (
        "operator's key",
        |rows| rows[3]["digest"] = json!(digest(hookgate_tests::gateway::OPERATOR_KEY)),
        5,
        "invalid_field",
        "/digest",
        "taken",
    ),
    (
        "another's key",
        |rows| rows[3]["digest"] = json!(digest("key-of-globex-0123456789")),
        5,
        "already_exists",
        "",
        "nother tenant has",
    ),
    (
        "key's subscription",
        |rows| {
            rows[3]["subscription"] = json!(id(3));
            rows[3]["scopes"] = json!(["consumer"]);
        },
        5,
        "invalid_field",
        "/subscription",
        "no such subscription",
    ),
    (
        "key of one subscription",
        |rows| rows[3]["subscription"] = json!(id(1)),
        5,
        "invalid_field",
        "/scopes",
        "consumer",
    ),
    (
        "unknown field",
        |rows| rows[1]["discription"] = json!("x"),
        3,
        "invalid_field",
        "/discription",
        "did you mean `description`",
    ),
    (
        "unknown kind",
        |rows| rows[1]["kind"] = json!("subscriptoin"),
        3,
        "invalid_field",
        "/kind",
        "did you mean `subscription`",
    ),
    (
        "no kind",
        |rows| rows[1]["kind"] = json!(7),
        3,
        "invalid_field",
        "/kind",
        "event_type",
    ),
    (
        "duplicate id",
        |rows| rows[2]["id"] = json!(id(1)),
        4,
        "already_exists",
        "/id",
        "on line 3",
    ),
    (
        "duplicate key",
        |rows| rows.push(key_row("moved", KEY, &["read"])),
        6,
        "already_exists",
        "/digest",
        "on line 5",
    ),
    (
        "duplicate tenant",
        |rows| rows.push(tenant_row("moved")),
        6,
        "already_exists",
        "/tenant",
        "on line 2",
    ),
    (
        "no id",
        |rows| {
            rows[1].as_object_mut().unwrap().remove("id");
        },
        3,
        "invalid_field",
        "",
        "`id` is missing",
    ),
    (
        "bad id",
        |rows| rows[1]["id"] = json!("wh_1"),
        3,
        "invalid_field",
        "/id",
        "subscription's id",
    ),
    (
        "bad pattern",
        |rows| rows[1]["events"] = json!(["a..b"]),
        3,
        "invalid_field",
        "/events/0",
        "pattern",
    ),
    (
        "bad filter",
        |rows| rows[1]["filter"] = json!({ "/a": { "$nearly": 1 } }),
        3,
        "invalid_field",
        "/filter/~1a/$nearly",
        "is no operator",
    ),
    (
        "private address",
        |rows| rows[1]["url"] = json!("http://10.0.0.1/"),
        3,
        "address_refused",
        "/url",
        "private address",
    ),
    (
        "reserved header",
        |rows| rows[1]["headers"] = json!({ "host": "x" }),
        3,
        "invalid_field",
        "/headers/host",
        "host",
    ),
    (
        "active and disabled",
        |rows| rows[1]["disabled"] = json!({}),
        3,
        "invalid_field",
        "/disabled",
        "active",
    ),
    (
        "unknown reason",
        |rows| {
            rows[1]["status"] = json!("disabled");
            rows[1]["disabled"] = json!({ "reason": "tired" });
        },
        3,
        "invalid_field",
        "/disabled/reason",
        "unknown variant",
    ),
    (
        "unknown profile",
        |rows| rows[0]["profile"] = json!("nonesuch"),
        2,
        "invalid_field",
        "/profile",
        "no such profile",
    ),
    (
        "unknown tenant",
        |rows| {
            rows.remove(0);
        },
        2,
        "tenant_unknown",
        "",
        "no such tenant",
    ),
    (
        "bad schema",
        |rows| {
            rows.push(json!({ "kind": "event_type", "tenant": "moved", "type": "a.b", "schema": { "type": "text" } }));
        },
        6,
        "invalid_schema",
        "/schema/type",
        "text",
    ),
    (
        "end inside",
        |rows| rows.push(json!({ "kind": "end", "rows": 1 })),
        6,
        "invalid_field",
        "/kind",
        "last line",
    ),
];

async fn bad_row_is_named_and_nothing_of_the_document_is_imported(on: On) {
    let site = Site::start(on).await;
    let operator = site.gateway.operator();
    let others = [
        tenant_row("globex"),
        subscription_row("globex", 99, URL),
        key_row("globex", "key-of-globex-0123456789", &["read"]),
    ];
    import(&operator, "/v1/import/all", document(&others))
        .await
        .expect(200);
    let before = export(&operator, "/v1/export/all").await;
    let mut wrong = Vec::new();
    for (case, spoil, line, code, pointer, word) in CASES {
        let mut rows = good();
        spoil(&mut rows);
        let text = document(&rows);
        let dry = import(&operator, "/v1/import/all?dry_run=true", &text).await;
        let refused = import(&operator, "/v1/import/all", &text).await;
        let row = &refused.body["rows"][0];
        let error = &row["errors"][0];
        let told = refused.body.to_string();
        let is_right = refused.code() == "import_refused"
            && json!([row["line"], row["code"], error["pointer"]]) == json!([line, code, pointer])
            && error["detail"].as_str().unwrap().contains(word)
            && (1..=6).all(|n| !told.contains(&secret(n)))
            && dry.body["refusals"][0]["line"] == json!(line)
            && export(&operator, "/v1/export/all").await == before;
        if !is_right {
            wrong.push(format!("{case}: {} {:#}", refused.status, refused.body));
            operator.delete("/v1/tenants/moved").await;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A row that is not an object, and one with a duplicate key.
    for (bad, code) in [
        ("[1]", "invalid_field"),
        ("{\"kind\":\"key\",", "invalid_json"),
        ("{\"kind\":1,\"kind\":2}", "duplicate_key"),
    ] {
        let mut text = document(&good()).replace("\"rows\":4", "\"rows\":5");
        text.insert_str(HEADER.len() + 1, &format!("{bad}\n"));
        let refused = import(&operator, "/v1/import/all", &text).await;
        let row = &refused.body["rows"][0];
        assert_eq!(
            json!([row["line"], row["code"]]),
            json!([2, code]),
            "{bad}: {:#}",
            refused.body
        );
    }
    assert_eq!(export(&operator, "/v1/export/all").await, before);

    // Row by row, the other rows are applied.
    let mut rows = good();
    rows[2]["secrets"][0]["secret"] = json!("not-standard");
    let report = import(&operator, "/v1/import/all?mode=rows", document(&rows))
        .await
        .expect(200);
    assert_eq!(counts(&report), [3, 0, 0, 1], "{report:#}");
    let refusal = &report["refusals"][0];
    assert_eq!(json!([refusal["line"], refusal["id"]]), json!([4, id(2)]));
    let listed = operator.with_key(KEY).get("/v1/subscriptions").await;
    assert_eq!(listed.code(), "scope_missing", "the key is there");
    let acting = operator
        .acting_for("moved")
        .get("/v1/subscriptions")
        .await
        .expect(200);
    assert_eq!(acting["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn document_without_its_frame_is_refused_as_a_whole() {
    let gateway = Setup::embedded()
        .with("api.max_import_rows = 10\napi.max_import_size = \"4KiB\"")
        .start();
    let operator = gateway.operator();
    let text = document(&good());
    let lines: Vec<_> = text.lines().collect();
    let newer = text.replace("\"version\":1", "\"version\":2");
    let misspelt = text.replace(
        "\"version\":1",
        "\"version\":1,\"craeted\":\"2025-03-01T10:00:00Z\"",
    );
    let truncated = lines[..lines.len() - 1].join("\n");
    for (text, word) in [
        ("", "empty"),
        ("{}\n", "first line"),
        ("<xml/>\n", "first line"),
        (HEADER, "cut off"),
        (&newer, "version 2"),
        (&misspelt, "did you mean `created`"),
        (&truncated, "cut off"),
        (&truncated[..truncated.len() - 20], "cut off"),
        (&text[..text.len() - 3], "cut off"),
        (&text.replace("\"rows\":4", "\"rows\":5"), "cut off"),
    ] {
        for query in ["", "?mode=rows", "?dry_run=true"] {
            let refused = import(&operator, &format!("/v1/import/all{query}"), text).await;
            assert_eq!(
                (refused.status, refused.code()),
                (422, "invalid_import"),
                "{text}: {:#}",
                refused.body
            );
            let detail = refused.body["detail"].as_str().unwrap();
            assert!(detail.contains(word), "{text}: {detail}");
        }
    }
    let many: Vec<_> = (0..11)
        .map(|n| key_row("moved", &n.to_string(), &["read"]))
        .collect();
    let large = json!({ "kind": "tenant", "tenant": "moved", "profile": "x".repeat(5_000) });
    for rows in [many, vec![large]] {
        let refused = import(&operator, "/v1/import/all", document(&rows)).await;
        assert_eq!(
            (refused.status, refused.code()),
            (413, "body_too_large"),
            "{:#}",
            refused.body
        );
    }
    let typed = operator
        .post_raw("/v1/import/all", "application/json", text.clone())
        .await;
    assert_eq!((typed.status, typed.code()), (415, "unsupported_media_type"));
    for query in ["?mode=some", "?dryrun=true"] {
        let refused = import(&operator, &format!("/v1/import/all{query}"), text.clone()).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_parameter"),
            "{:#}",
            refused.body
        );
    }
    assert_eq!(export(&operator, "/v1/export/all").await, Vec::<Value>::new());
    import(&operator, "/v1/import/all", text).await.expect(200);
}
