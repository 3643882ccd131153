//! Tests of event types over the API, and of their effect on events and subscriptions.

use http::Method;
use serde_json::{Value, json};

use super::rig::{OPERATOR, Rig};

async fn put(rig: &Rig, key: &str, kind: &str, body: &Value) -> super::rig::Answer {
    rig.json(key, Method::PUT, &format!("/v1/event-types/{kind}"), body)
        .await
}

fn schema() -> Value {
    json!({
        "type": "object", "required": ["id"],
        "properties": { "id": { "type": "string" }, "lines": { "items": { "properties": { "n": { "minimum": 1 } } } } },
    })
}

#[tokio::test]
async fn a_types_life() {
    let rig = Rig::start().await;
    let (key, other) = (rig.tenant("acme").await, rig.tenant("other").await);
    let body =
        json!({ "entity": "Order", "description": "An order came", "schema": schema(), "validate": true });
    let made = put(&rig, &key, "order.created", &body).await.expect(200);
    assert_eq!(
        (&made["type"], &made["source"]),
        (&json!("order.created"), &json!("tenant"))
    );
    assert_eq!(
        rig.get(&key, "/v1/event-types/order.created").await.expect(200),
        made
    );
    assert_eq!(made["schema"], schema());
    rig.get(&other, "/v1/event-types/order.created")
        .await
        .refused(404, "not_found");
    put(&rig, &key, "order.paid", &json!({})).await.expect(200);
    let listed = rig.get(&key, "/v1/event-types?limit=1").await.expect(200);
    assert_eq!(listed["data"], json!([made]));
    let next = listed["next_cursor"].as_str().unwrap();
    let rest = rig
        .get(&key, &format!("/v1/event-types?cursor={next}"))
        .await
        .expect(200);
    assert_eq!(rest["data"][0]["type"], "order.paid");
    rig.bare(&other, Method::DELETE, "/v1/event-types/order.created")
        .await
        .refused(404, "not_found");
    rig.bare(&key, Method::DELETE, "/v1/event-types/order.created")
        .await
        .expect(204);
    rig.get(&key, "/v1/event-types/order.created")
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn what_cannot_be_a_type_is_refused() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    put(&rig, &key, "not..a.type", &json!({}))
        .await
        .refused(404, "not_found");
    for (body, pointer) in [
        (json!({ "validate": true }), "/validate"),
        (json!({ "schemas": {} }), "/schemas"),
        (json!({ "description": "x".repeat(2000) }), "/description"),
        (json!({ "schema": { "title": "x".repeat(70_000) } }), "/schema"),
    ] {
        let answer = put(&rig, &key, "a.b", &body).await;
        answer.refused(422, "invalid_field");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    let answer = put(&rig, &key, "a.b", &json!({ "schema": { "propertys": {} } })).await;
    answer.refused(422, "invalid_schema");
    assert_eq!(answer.body["errors"][0]["pointer"], "/schema/propertys");
}

#[tokio::test]
async fn data_that_does_not_fit_is_refused_with_its_places() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    put(
        &rig,
        &key,
        "order.created",
        &json!({ "schema": schema(), "validate": true }),
    )
    .await
    .expect(200);
    put(&rig, &key, "order.shown", &json!({ "schema": schema() }))
        .await
        .expect(200);
    let wrong = json!({ "id": "planted", "lines": [{ "n": 1 }, { "n": 0 }] });
    let event = |kind: &str, data: &Value| json!({ "type": kind, "data": data });
    let one = rig
        .post(&key, "/v1/events", &event("order.created", &wrong))
        .await;
    one.refused(422, "schema_mismatch");
    assert_eq!(one.body["errors"][0]["pointer"], "/data/lines/1/n");
    let good = event("order.created", &json!({ "id": "1" }));
    let array = json!([good, event("order.created", &json!({ "id": 7 })), good]);
    let many = rig.post(&key, "/v1/events", &array).await;
    many.refused(422, "schema_mismatch");
    assert_eq!(many.body["errors"][0]["pointer"], "/1/data/id");
    assert_eq!(
        rig.get(&key, "/v1/events").await.expect(200)["data"],
        json!([]),
        "nothing was stored"
    );
    rig.post(&key, "/v1/events", &event("order.shown", &wrong))
        .await
        .expect(202);
    rig.post(&key, "/v1/events", &event("order.other", &wrong))
        .await
        .expect(202);
    // Long data is checked in a job of the tenant's lane, with the same answer.
    let long = json!({ "id": "x".repeat(100_000), "lines": [{ "n": 0 }] });
    rig.post(&key, "/v1/events", &event("order.created", &long))
        .await
        .refused(422, "schema_mismatch");
    rig.post(
        &key,
        "/v1/events",
        &event("order.created", &json!({ "id": "x".repeat(100_000) })),
    )
    .await
    .expect(202);
}

#[tokio::test]
async fn a_profile_that_knows_its_types_takes_the_tenants_own_too() {
    let rig = Rig::start().await;
    let made = rig
        .post(
            OPERATOR,
            "/v1/tenants",
            &json!({ "id": "acme", "profile": "synthesq" }),
        )
        .await
        .expect(201);
    let key = made["key"].as_str().unwrap();
    let listed = rig.get(key, "/v1/event-types").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 8);
    assert_eq!(listed["data"][0]["source"], "profile");
    let subscription = json!({ "url": "http://127.0.0.1:9/", "events": ["deal.*"] });
    rig.post(key, "/v1/subscriptions", &subscription)
        .await
        .refused(422, "invalid_field");
    put(&rig, key, "deal.won", &json!({ "entity": "Deal" }))
        .await
        .expect(200);
    rig.post(key, "/v1/subscriptions", &subscription)
        .await
        .expect(201);
    let described = json!({ "description": "Ours" });
    put(&rig, key, "customer.created", &described).await.expect(200);
    let listed = rig.get(key, "/v1/event-types").await.expect(200);
    assert_eq!(
        listed["data"].as_array().unwrap().len(),
        9,
        "a type of one name is listed once"
    );
}

#[tokio::test]
async fn events_of_a_type_that_nobody_could_subscribe_to_are_refused() {
    let rig = Rig::start().await;
    let (key, free) = (
        rig.tenant_with("acme", "syncai").await,
        rig.tenant_with("free", "synaptis").await,
    );
    let event = |kind: &str| json!({ "type": kind, "data": {} });
    for (body, pointer, told) in [
        (
            event("document.verifyed"),
            "/type",
            "did you mean `document.verified`?",
        ),
        (
            json!([event("document.verified"), event("order.paid")]),
            "/1/type",
            "there are document.verified, document.rejected",
        ),
    ] {
        let refused = rig.post(&key, "/v1/events", &body).await;
        refused.refused(422, "event_type_unknown");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer);
        let detail = refused.body["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{detail}");
    }
    let listed = rig.get(&key, "/v1/events").await.expect(200);
    assert_eq!(listed["data"], json!([]), "nothing was stored");
    put(&rig, &key, "order.paid", &json!({})).await.expect(200);
    rig.publish(&key, "order.paid").await;
    rig.publish(&free, "anything.at_all").await;
}

#[tokio::test]
async fn what_goes_from_a_types_events_is_shown_with_it() {
    let rig = Rig::start().await;
    let (key, plain) = (
        rig.tenant_with("acme", "synthesq").await,
        rig.tenant_with("plain", "standard").await,
    );
    let schema = json!({
        "properties": {
            "name": { "x-classification": "public" },
            "a/b": { "x-classification": "restricted" },
            "contacts": { "items": { "properties": { "phone": { "x-classification": "confidential" } } } },
            "parent": { "$ref": "#" },
        },
        "patternProperties": { "^secret_": { "x-classification": "internal" } },
    });
    let fields = json!([
        { "pointer": "/*", "class": "internal" },
        { "pointer": "/a~1b", "class": "restricted" },
        { "pointer": "/contacts/*/phone", "class": "confidential" },
        { "pointer": "/name", "class": "public" },
    ]);
    let of = async |key: &str, kind: &str| {
        let shown = rig.get(key, &format!("/v1/event-types/{kind}")).await;
        shown.expect(200)["removed"].clone()
    };
    for (key, names) in [(&key, json!(["confidential", "restricted"])), (&plain, json!([]))] {
        let body = json!({ "schema": schema });
        put(&rig, key, "customer.created", &body).await.expect(200);
        let expected = json!({
            "names": names, "all_but_public": false, "fields": fields, "metadata_dropped": false, "metadata_fields": [],
        });
        assert_eq!(of(key, "customer.created").await, expected);
    }
    let names = json!({
        "names": ["confidential", "restricted"], "all_but_public": false, "fields": [],
        "metadata_dropped": false, "metadata_fields": [],
    });
    assert_eq!(of(&key, "product.created").await, names, "a documented one");
    let closed = json!({ "schema": { "x-default-classification": "confidential" } });
    put(&rig, &plain, "deal.won", &closed).await.expect(200);
    assert_eq!(of(&plain, "deal.won").await["all_but_public"], true);
    let metadata = json!({ "properties": { "subject": { "x-classification": "restricted" } } });
    let body = json!({ "schema": { "x-metadata-schema": metadata } });
    put(&rig, &plain, "deal.reopened", &body).await.expect(200);
    let removed = of(&plain, "deal.reopened").await;
    let classified = json!([{ "pointer": "/subject", "class": "restricted" }]);
    assert_eq!(
        (&removed["metadata_fields"], &removed["fields"]),
        (&classified, &json!([]))
    );
    put(&rig, &plain, "deal.lost", &json!({})).await.expect(200);
    assert_eq!(of(&plain, "deal.lost").await, Value::Null, "nothing goes");
}
