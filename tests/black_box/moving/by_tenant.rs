//! Exports and imports with a tenant's own key, and the parts reserved to the operator.

use hookgate_tests::{Gateway, Setup};
use serde_json::{Value, json};

use super::{counts, document, export, import, key_row, subscription_row, tenant_row};

const URL: &str = "http://127.0.0.1:9/hook";

async fn key(gateway: &Gateway, tenant: &str, scopes: &[&str]) -> hookgate_tests::Client {
    let operator = gateway.operator();
    let path = format!("/v1/tenants/{tenant}/keys");
    let made = operator
        .post(&path, &json!({ "scopes": scopes }))
        .await
        .expect(201);
    operator.with_key(made["key"].as_str().unwrap())
}

#[tokio::test]
async fn tenant_key_moves_its_subscriptions_and_types_alone() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    gateway.tenant("globex").await;
    for signature in ["hmac", "ed25519"] {
        let new = json!({ "url": URL, "events": ["*"], "headers": { "x-own": "planted-value" }, "signature": signature });
        acme.post("/v1/subscriptions", &new).await.expect(201);
    }
    let manager = key(&gateway, "acme", &["manage"]).await;
    let rows = export(&manager, "/v1/export").await;
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["tenant", "subscription", "subscription"],
        "its keys are not told"
    );
    let text = document(&rows);
    for (what, told) in [("planted-value", false), ("whsk_", false), ("whsec_", true)] {
        assert_eq!(text.contains(what), told, "{what}");
    }
    let whole = export(&gateway.operator().acting_for("acme"), "/v1/export").await;
    assert_eq!(whole.iter().filter(|row| row["kind"] == "key").count(), 2);
    let text = document(&whole);
    assert!(text.contains("planted-value") && text.contains("whsk_"));

    let mut more = rows.clone();
    more.push(subscription_row("acme", 1, URL));
    more.push(json!({ "kind": "event_type", "tenant": "acme", "type": "a.b", "description": "new" }));
    let report = import(&manager, "/v1/import", document(&more)).await.expect(200);
    assert_eq!(counts(&report), [2, 0, 3, 0], "{report:#}");
    let again = import(&manager, "/v1/import", document(&more)).await.expect(200);
    assert_eq!(counts(&again), [0, 0, 5, 0], "{again:#}");
    let kept = export(&gateway.operator().acting_for("acme"), "/v1/export").await;
    assert!(
        whole.iter().all(|row| kept.contains(row)),
        "what it is not told stays"
    );

    let with = |field: &str, value: Value| {
        let mut row = rows[0].clone();
        row[field] = value;
        row
    };
    for (row, code) in [
        (with("profile", json!("synthesq")), "operator_required"),
        (
            with("quotas", json!({ "events_per_second": "unlimited" })),
            "operator_required",
        ),
        (with("keep_metadata", json!(true)), "operator_required"),
        (
            key_row(
                "acme",
                "a-key-of-its-own-0123456789",
                &["publish", "read", "manage"],
            ),
            "operator_required",
        ),
        (
            json!({ "kind": "event_type", "tenant": "acme", "type": "c.d", "authority": "operator" }),
            "operator_required",
        ),
        (subscription_row("globex", 2, URL), "operator_required"),
        (tenant_row("initech"), "operator_required"),
    ] {
        let refused = import(&manager, "/v1/import", document(std::slice::from_ref(&row))).await;
        assert_eq!((refused.status, refused.code()), (422, "import_refused"), "{row}");
        assert_eq!(
            refused.body["rows"][0]["code"],
            json!(code),
            "{row}: {:#}",
            refused.body
        );
    }
    // Rows cannot do more than the key could do by the rows' own routes.
    for (client, path) in [(&manager, "/v1/export/all"), (&acme, "/v1/export/all")] {
        assert_eq!(client.get(path).await.code(), "operator_required");
        let refused = import(client, "/v1/import/all", document(&rows)).await;
        assert_eq!(refused.code(), "operator_required");
    }
    for scopes in [&["read"][..], &["publish"], &["consumer"]] {
        let weak = key(&gateway, "acme", scopes).await;
        assert_eq!(weak.get("/v1/export").await.code(), "scope_missing", "{scopes:?}");
        let refused = import(&weak, "/v1/import", document(&rows)).await;
        assert_eq!(refused.code(), "scope_missing", "{scopes:?}");
    }
}

/// An import lifts no redaction of a tenant's profile.
#[tokio::test]
async fn tenant_import_lifts_no_floor_of_its_profile() {
    let gateway = Setup::embedded().start();
    let operator = gateway.operator();
    let tenant = json!({ "id": "synq", "profile": "synthesq" });
    operator.post("/v1/tenants", &tenant).await.expect(201);
    let manager = key(&gateway, "synq", &["manage"]).await;
    let kind = |authority: &str| {
        json!({ "kind": "event_type", "tenant": "synq", "type": "customer.created", "authority": authority,
            "schema": { "type": "object", "properties": { "password": { "x-classification": "public" } } } })
    };
    for (authority, code, pointer) in [
        ("tenant", "invalid_schema", "/schema/properties/password"),
        ("operator", "operator_required", ""),
    ] {
        let refused = import(&manager, "/v1/import", document(&[kind(authority)])).await;
        let row = &refused.body["rows"][0];
        assert_eq!(
            json!([row["code"], row["errors"][0]["pointer"]]),
            json!([code, pointer]),
            "{:#}",
            refused.body
        );
    }
    let acting = operator.acting_for("synq");
    let refused = import(&acting, "/v1/import", document(&[kind("tenant")])).await;
    assert_eq!(refused.body["rows"][0]["code"], json!("invalid_schema"));
    let report = import(&acting, "/v1/import", document(&[kind("operator")]))
        .await
        .expect(200);
    assert_eq!(counts(&report), [1, 0, 0, 0], "the operator may");
    // The tenant's import leaves it unchanged, and cannot take it over with less.
    let report = import(&manager, "/v1/import", document(&[kind("operator")]))
        .await
        .expect(200);
    assert_eq!(counts(&report), [0, 0, 1, 0], "{report:#}");
}

/// Rows that the configuration file declares are left unchanged.
#[tokio::test]
async fn import_changes_nothing_that_is_declared() {
    let toml = "[tenants.acme]\nkeys = [\"declared-key-0123456789\"]\n[[tenants.acme.subscriptions]]\nname = \"erp\"\n\
                url = \"http://127.0.0.1:9/\"\nevents = [\"*\"]\n";
    let gateway = Setup::embedded().with(toml).start();
    let operator = gateway.operator();
    let rows = export(&operator, "/v1/export/all").await;
    let report = import(&operator, "/v1/import/all", document(&rows))
        .await
        .expect(200);
    assert_eq!(counts(&report), [0, 0, rows.len() as u64, 0], "{report:#}");
    let changes: &[(&str, &str, Value)] = &[
        ("tenant", "quotas", json!({ "events_per_second": 5 })),
        ("subscription", "events", json!(["a.b"])),
        ("key", "scopes", json!(["read"])),
    ];
    for (kind, field, value) in changes {
        let row = rows.iter().find(|row| row["kind"] == *kind);
        let mut row = row.unwrap().clone();
        row[field] = value.clone();
        let refused = import(&operator, "/v1/import/all", document(&[row])).await;
        assert_eq!(
            refused.body["rows"][0]["code"],
            json!("declared_in_file"),
            "{kind}: {:#}",
            refused.body
        );
    }
}
