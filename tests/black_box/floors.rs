//! The floor of a profile: redactions of every event that a tenant's own key cannot lift.

use hookgate_tests::Receiver;
use serde_json::json;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    tenant_key_lifts_nothing_of_its_profile,
    own_names_and_schemas_of_a_profile_are_taken_out,
    exposure_tells_paths_and_classes_of_what_was_sent,
);

/// A customer's own key cannot lift the redactions of its product's profile in any way.
async fn tenant_key_lifts_nothing_of_its_profile(on: On) {
    let site = Site::start(on).await;
    let operator = site.gateway.operator();
    let tenant = json!({ "id": "synq", "profile": "synthesq" });
    let made = operator.post("/v1/tenants", &tenant).await.expect(201);
    let synq = site.acme.with_key(made["key"].as_str().unwrap());
    let public = json!({ "x-classification": "public" });
    let path = "/v1/event-types/customer.created";
    let named = json!({ "schema": {
        "type": "object",
        "properties": { "password": public, "salary": public, "notes": { "$ref": "#/$defs/open" } },
        "$defs": { "open": public },
    } });
    let refused = synq.put(path, &named).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_schema"));
    let pointers = refused.body["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = pointers.map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(
        pointers,
        [
            "/schema/$defs/open",
            "/schema/properties/password",
            "/schema/properties/salary"
        ]
    );

    // Paths that name no field are accepted, and lift nothing.
    let event = json!({ "type": "customer.created", "data":
        { "id": "c", "password": "planted-1", "salary": 777_123_451, "notes": "planted-2", "email": "planted-3", "n": { "email": "planted-4" } } });
    let receiver = Receiver::start(vec![]).await;
    synq.subscribe(&receiver.url()).await;
    let mut sent = 0;
    for schema in [
        json!({ "additionalProperties": public }),
        json!({ "patternProperties": { ".": public } }),
        json!({ "x-classification": "public", "properties": { "n": public } }),
        json!({ "x-default-classification": "internal", "additionalProperties": public }),
    ] {
        synq.put(path, &json!({ "schema": schema })).await.expect(200);
        synq.post("/v1/events", &event).await.expect(202);
        sent += 1;
        let data = receiver.wait_for(sent).await[sent - 1].json()["data"].clone();
        assert_eq!(data, json!({ "id": "c", "n": {} }), "{schema}");
    }

    // An older type: it was put while another profile allowed it.
    let tenant = json!({ "id": "moved" });
    let made = operator.post("/v1/tenants", &tenant).await.expect(201);
    let moved = site.acme.with_key(made["key"].as_str().unwrap());
    moved.put(path, &named).await.expect(200);
    moved.post("/v1/events", &event).await.expect(202);
    let profile = json!({ "profile": "synthesq" });
    operator.patch("/v1/tenants/moved", &profile).await.expect(200);
    moved.subscribe(&receiver.url()).await;
    moved.post("/v1/events", &event).await.expect(202);
    let data = receiver.wait_for(sent + 1).await[sent].json()["data"].clone();
    assert_eq!(data, json!({ "id": "c", "n": {} }));
    for (client, feed) in [
        (&synq, "/v1/events"),
        (&synq, "/api/v1/webhooks/events"),
        (&moved, "/v1/events"),
    ] {
        let feed = client.get(feed).await.expect(200).to_string();
        let shown = ["planted", "777123451"]
            .iter()
            .find(|secret| feed.contains(**secret));
        assert!(feed.contains("\"c\"") && shown.is_none(), "{shown:?} in {feed}");
    }

    // The operator can.
    operator.acting_for("synq").put(path, &named).await.expect(200);
    synq.post("/v1/events", &event).await.expect(202);
    let data = receiver.wait_for(sent + 2).await[sent + 1].json()["data"].clone();
    assert_eq!(
        data,
        json!({ "id": "c", "password": "planted-1", "salary": 777_123_451, "notes": "planted-2", "n": {} })
    );
}

/// Names and schemas of a profile in the configuration apply to every tenant with the profile.
async fn own_names_and_schemas_of_a_profile_are_taken_out(on: On) {
    let site = Site::with(on, PROFILE).await;
    let operator = site.gateway.operator();
    let tenant = json!({ "id": "shop", "profile": "shop" });
    let made = operator.post("/v1/tenants", &tenant).await.expect(201);
    let shop = site.acme.with_key(made["key"].as_str().unwrap());
    let receiver = Receiver::start(vec![]).await;
    shop.subscribe(&receiver.url()).await;
    let data = json!({ "id": "o", "email": "planted", "marginBand": "planted", "customer_lead_score_v2": 777_123_451, "extra": 1,
        "lines": [{ "sku": "s", "cost_price": "planted" }] });
    let shown = shop.get("/v1/event-types/order.paid").await.expect(200);
    assert_eq!(
        (&shown["source"], &shown["removed"]["all_but_public"]),
        (&json!("profile"), &json!(true))
    );
    // The tenant's own schema under the same name widens nothing.
    let public = json!({ "x-classification": "public" });
    let wider = json!({ "schema": { "properties": { "extra": public, "lines": public, "id": public } } });
    for (kind, own, expected) in [
        (
            "order.other",
            None,
            json!({ "id": "o", "extra": 1, "lines": [{ "sku": "s" }] }),
        ),
        (
            "order.paid",
            None,
            json!({ "id": "o", "lines": [{ "sku": "s" }] }),
        ),
        (
            "order.paid",
            Some(&wider),
            json!({ "id": "o", "lines": [{ "sku": "s" }] }),
        ),
    ] {
        if let Some(own) = own {
            shop.put(&format!("/v1/event-types/{kind}"), own)
                .await
                .expect(200);
        }
        let count = receiver.count();
        shop.publish(kind, data.clone()).await;
        let sent = receiver.wait_for(count + 1).await[count].json()["data"].clone();
        assert_eq!(sent, expected, "{kind} {own:?}");
    }

    // The same for metadata: only the members that the profile's schema names public, regardless of
    // the tenant's schema.
    let wider = json!({ "schema": { "x-metadata-schema": { "properties": { "subject": public } } } });
    for own in [None, Some(&wider)] {
        if let Some(own) = own {
            shop.put("/v1/event-types/order.paid", own).await.expect(200);
        }
        let event = json!({ "type": "order.paid", "data": { "id": "o" },
            "metadata": { "source": "/shop", "subject": "planted", "email": "planted" } });
        let made = shop.post("/v1/events", &event).await.expect(202);
        let path = format!("/v1/events/{}", made["id"].as_str().unwrap());
        let kept = shop.get(&path).await.expect(200);
        assert_eq!(kept["metadata"], json!({ "source": "/shop" }), "{own:?}");
    }
    let shown = shop.get("/v1/event-types/order.paid").await.expect(200);
    assert_eq!(shown["removed"]["all_but_public"], true);
}

/// A product that publishes named fields of paid orders only, and removes its confidential names.
const PROFILE: &str = r#"
[profiles.shop]
summary = "A shop"
extends = "standard"
[profiles.shop.privacy]
classes = ["confidential"]
names = { confidential = ["margin_band"], restricted = ["*lead_score*"] }
[[profiles.shop.catalogue]]
type = "order.paid"
description = "An order was paid"
[profiles.shop.catalogue.schema]
x-default-classification = "confidential"
properties.id.x-classification = "public"
properties.lines.items.properties.sku.x-classification = "public"
x-metadata-schema.properties.source.x-classification = "public"
"#;

async fn exposure_tells_paths_and_classes_of_what_was_sent(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let data = json!({ "id": "o", "email": "planted", "total": 3, "tags": ["planted"],
        "lines": [{ "sku": "planted", "cost_price": 1 }, { "sku": "s" }],
        "contacts": { "planted@example.com": { "since": 1 } }, "notes": {}, "billing_address": { "floor": 1 } });
    acme.publish("order.paid", data.clone()).await;
    acme.publish("order.paid", json!({ "id": "p" })).await;
    acme.publish("order.other", json!({ "other": 1 })).await;
    let path = "/v1/event-types/order.paid/exposure";
    let told = acme.get(path).await.expect(200);
    assert_eq!(
        (&told["events"], &told["left_out"], &told["cut"]),
        (&json!(2), &json!(0), &json!(false))
    );
    let row = |pointer, events, class: Option<&str>, by: Option<&str>, stays| json!({ "pointer": pointer, "events": events, "class": class, "by": by, "stays": stays });
    let (confidential, name) = (Some("confidential"), Some("name"));
    assert_eq!(
        told["paths"],
        json!([
            row("/billing_address/floor", 1, confidential, name, true),
            row("/contacts/*/since", 1, None, None, true),
            row("/email", 1, confidential, name, true),
            row("/id", 2, None, None, true),
            row("/lines/*/cost_price", 1, confidential, name, true),
            row("/lines/*/sku", 1, None, None, true),
            row("/notes", 1, confidential, name, true),
            row("/tags/*", 1, None, None, true),
            row("/total", 1, None, None, true),
        ])
    );
    assert!(!told.to_string().contains("planted"), "{told:#}");

    // Newly classified fields are no longer shown.
    let schema = json!({ "schema": { "properties": {
        "total": { "x-classification": "internal" },
        "lines": { "items": { "properties": { "cost_price": { "x-classification": "public" } } } },
        "contacts": { "x-classification": "restricted" },
    } } });
    acme.put("/v1/event-types/order.paid", &schema).await.expect(200);
    let told = acme.get(&format!("{path}?events=100")).await.expect(200);
    let schema = Some("schema");
    for expected in [
        row("/total", 1, Some("internal"), schema, false),
        row("/lines/*/cost_price", 1, Some("public"), schema, true),
        row("/contacts/*/since", 1, Some("restricted"), schema, false),
        row("/email", 1, confidential, name, true),
    ] {
        assert!(
            told["paths"].as_array().unwrap().contains(&expected),
            "{expected} in {told:#}"
        );
    }
    for (query, code) in [
        ("events=0", "invalid_parameter"),
        ("events=101", "invalid_parameter"),
        ("n=1", "invalid_parameter"),
    ] {
        let refused = acme.get(&format!("{path}?{query}")).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{query}");
    }
    let never = acme.get("/v1/event-types/never.sent/exposure").await.expect(200);
    assert_eq!((&never["events"], &never["paths"]), (&json!(0), &json!([])));

    // The answer lists at most 500 paths, and marks a list that was cut.
    let many: serde_json::Map<_, _> = (0..600).map(|n| (format!("k{n}"), json!(1))).collect();
    acme.publish("order.wide", many.into()).await;
    let told = acme.get("/v1/event-types/order.wide/exposure").await.expect(200);
    assert_eq!(
        (told["paths"].as_array().unwrap().len(), &told["cut"]),
        (500, &json!(true))
    );
}

/// Invalid privacy settings of a profile are refused with their place.
#[tokio::test]
async fn privacy_of_a_profile_is_refused_by_name_where_it_is_wrong() {
    for (toml, key) in [
        (
            "[profiles.standard.privacy]\nname = []",
            "profiles.standard.privacy.name",
        ),
        (
            "[profiles.standard.privacy.names]\nsecret = [\"a\"]",
            "profiles.standard.privacy.names",
        ),
        (
            "[profiles.standard.privacy.names]\nrestricted = [\"ok\", \"a|b\"]",
            "profiles.standard.privacy.names.restricted.1",
        ),
        (
            "[[profiles.standard.catalogue]]\ntype = \"a.b\"\ndescription = \"\"\nshema = {}",
            "profiles.standard.catalogue",
        ),
        (
            "[[profiles.standard.catalogue]]\ntype = \"a.b\"\ndescription = \"\"\nschema = { x-classifikation = \"public\" }",
            "profiles.standard.catalogue.0.schema",
        ),
        (
            "[[profiles.standard.catalogue]]\ndescription = \"\"\nschema = { x-classification = \"public\" }",
            "profiles.standard.catalogue.0.schema",
        ),
    ] {
        let refused = hookgate_tests::Setup::embedded().with(toml).try_start();
        let told = format!("{:#}", refused.map(drop).unwrap_err());
        assert!(told.contains(key), "{toml}: {told}");
    }
}
