//! Limits of imports: counts, and the size of a tenant's registry.

use hookgate_tests::Setup;
use serde_json::json;

use super::{counts, document, import, key_row, subscription_row, tenant_row};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(import_refuses_more_subscriptions_than_the_limit);

const URL: &str = "http://127.0.0.1:9/hook";

async fn import_refuses_more_subscriptions_than_the_limit(on: On) {
    let site = Site::with(
        on,
        "registry.max_subscriptions = 2\nregistry.max_keys = 2\nregistry.max_event_types = 1",
    )
    .await;
    let operator = site.gateway.operator();
    let mut rows = vec![
        tenant_row("moved"),
        subscription_row("moved", 1, URL),
        subscription_row("moved", 2, URL),
        key_row("moved", "some-key-of-moved-0123456789", &["publish"]),
    ];
    rows.push(subscription_row("moved", 3, URL));
    rows.extend(["a.b", "c.d"].map(|kind| json!({ "kind": "event_type", "tenant": "moved", "type": kind })));
    rows.extend(
        ["one-more-key-0123456789", "and-another-0123456789"].map(|key| key_row("moved", key, &["read"])),
    );
    let text = document(&rows);
    let refused = import(&operator, "/v1/import/all", &text).await;
    assert_eq!((refused.status, refused.code()), (422, "import_refused"));
    let listed = refused.body["rows"].as_array().unwrap().iter();
    let listed: Vec<_> = listed.map(|row| json!([row["line"], row["code"]])).collect();
    let limit = "limit_reached";
    assert_eq!(listed, [json!([6, limit]), json!([8, limit]), json!([10, limit])]);
    assert_eq!(operator.get("/v1/tenants/moved").await.code(), "tenant_unknown");
    let report = import(&operator, "/v1/import/all?mode=rows", &text)
        .await
        .expect(200);
    assert_eq!(counts(&report), [6, 0, 0, 3], "{report:#}");
    // A profile's own limit applies too.
    let mut rows = vec![json!({ "kind": "tenant", "tenant": "synq", "profile": "synthesq" })];
    for n in 10..13 {
        let mut row = subscription_row("synq", n, "https://127.0.0.1:9/hook");
        row["events"] = json!(["customer.created"]);
        row.as_object_mut().unwrap().remove("secrets");
        rows.push(row);
    }
    let report = import(&operator, "/v1/import/all?mode=rows", document(&rows))
        .await
        .expect(200);
    assert_eq!(counts(&report), [3, 0, 0, 1], "{report:#}");
}

/// The limit on a tenant's registry applies to an import, row by row.
#[tokio::test]
async fn import_refuses_rows_for_which_the_registry_has_no_room() {
    let gateway = Setup::embedded()
        .with("registry.max_bytes_per_tenant = \"4KiB\"")
        .start();
    let operator = gateway.operator();
    let mut rows = vec![tenant_row("moved")];
    rows.extend((1..=3).map(|n| {
        let mut row = subscription_row("moved", n, URL);
        row["description"] = json!("x".repeat(1_000));
        row
    }));
    rows[2]["headers"] = json!({ "x-large": "y".repeat(2_000) });
    let report = import(&operator, "/v1/import/all?mode=rows", document(&rows))
        .await
        .expect(200);
    assert_eq!(counts(&report), [3, 0, 0, 1], "{report:#}");
    let refused = &report["refusals"][0];
    assert_eq!(
        json!([refused["line"], refused["code"]]),
        json!([4, "registry_full"])
    );
}
