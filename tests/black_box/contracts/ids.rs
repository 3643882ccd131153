//! A subscription has one id, in the product's form, on the product's routes and on the gateway's.

use hookgate_tests::{Client, Receiver, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Product, text};
use crate::site::{On, on_both_stores};

on_both_stores!(
    product_id_is_taken_and_shown_on_every_native_route,
    shipped_doors_list_show_change_and_delete,
);

async fn product_id_is_taken_and_shown_on_every_native_route(on: On) {
    let product = Product::start(on, "synaptis").await;
    let client = &product.client;
    let receiver = Receiver::start(vec![]).await;
    let registration = json!({ "url": receiver.url(), "events": ["lead.verified"] });
    let made = client.post("/v1/webhooks", &registration).await.expect(201);
    let id = text(&made, "id");
    assert!(id.starts_with("wh_"), "{id}");
    let own = format!("/v1/subscriptions/{id}");
    let event = product.publish(r#"{"type":"lead.verified","data":{}}"#).await;
    receiver.wait_for(1).await;

    let listed = client.get("/v1/subscriptions").await.expect(200);
    assert_eq!(listed["data"][0]["id"], *id);
    for path in [String::new(), "/stats".to_owned()] {
        let shown = client.get(&format!("{own}{path}")).await.expect(200);
        let shown = shown.get("subscription").unwrap_or(&shown["id"]);
        assert_eq!(*shown, *id, "{path}");
    }
    for path in [
        format!("{own}/deliveries"),
        format!("/v1/deliveries?subscription={id}"),
    ] {
        let found = client.get(&path).await.expect(200);
        assert_eq!(found["data"][0]["subscription"], *id, "{path}");
    }
    let of_event = client.get(&format!("/v1/events/{event}")).await.expect(200);
    assert_eq!(of_event["deliveries"][0]["subscription"], *id);
    let delivery = text(&of_event["deliveries"][0], "id");
    let delivery = client
        .get(&format!("/v1/deliveries/{delivery}"))
        .await
        .expect(200);
    assert_eq!(delivery["subscription"], *id);
    let only = json!({ "subscription": id });
    client
        .post(&format!("/v1/events/{event}/replay"), &only)
        .await
        .expect(202);
    receiver.wait_for(2).await;
    for (method, path, body) in [
        (Method::PATCH, "", json!({ "description": "mine" })),
        (Method::POST, "/disable", json!({})),
        (Method::POST, "/activate", json!({})),
        (Method::POST, "/test", json!({})),
        (Method::POST, "/rotate-secret", json!({})),
        (
            Method::POST,
            "/recover",
            json!({ "since": "2026-01-01T00:00:00Z" }),
        ),
        (Method::PUT, "/chain", json!({ "steps": [] })),
    ] {
        let request = client.request(method.clone(), &format!("{own}{path}"));
        let answer = client.send(request.json(&body)).await;
        assert!(answer.status < 300, "{method} {path}: {:#}", answer.body);
        let shown = answer.body["id"].as_str();
        assert!(shown.is_none_or(|shown| shown == id), "{method} {path}");
    }
    client.get(&format!("{own}/secret")).await.expect(200);
    client.get(&format!("{own}/chain")).await.expect(200);
    // The gateway's own spelling still works, and another product's does not.
    let digits = id.strip_prefix("wh_").unwrap();
    client
        .get(&format!("/v1/subscriptions/sub_{digits}"))
        .await
        .expect(200);
    let strange = client.get(&format!("/v1/subscriptions/hook_{digits}")).await;
    assert_eq!((strange.status, strange.code()), (404, "not_found"));
    let strange = client.get("/v1/deliveries?subscription=hook_1").await;
    assert_eq!((strange.status, strange.code()), (400, "invalid_parameter"));
    let acme = product.site.acme.get(&own).await;
    assert_eq!((acme.status, acme.code()), (404, "not_found"));
    client.delete(&own).await.expect(204);
    assert_eq!(client.get(&own).await.status, 404);
}

async fn shipped_doors_list_show_change_and_delete(on: On) {
    let product = Product::start(on, "synaptis").await;
    let synaptis = &product.client;
    let syncai = super::client_of(&product.site, "syncai").await;
    let secret = "a-secret-of-the-customers-own";
    for (client, create, base, id_name, kind) in [
        (synaptis, "/v1/webhooks", "/v1/webhooks", "id", "lead.verified"),
        (
            &syncai,
            "/webhooks/register",
            "/webhooks",
            "webhook_id",
            "document.verified",
        ),
    ] {
        let mut wanted = json!({ "url": "https://example.com/in", "events": [kind] });
        if base == "/webhooks" {
            wanted["secret"] = secret.into();
        }
        let made = call(client, Method::POST, create, Some(&wanted)).await;
        let id = text(&made, id_name);
        let listed = call(client, Method::GET, base, None).await;
        assert_eq!(listed["data"][0][id_name], *id, "{listed:#}");
        assert_eq!(listed["next_cursor"], Value::Null);
        let one = format!("{base}/{id}");
        let change = json!({ "url": "https://example.com/moved" });
        let changed = call(client, Method::PATCH, &one, Some(&change)).await;
        assert_eq!(changed["url"], "https://example.com/moved");
        let shown = call(client, Method::GET, &one, None).await;
        assert_eq!((&shown[id_name], &shown["url"]), (&json!(id), &changed["url"]));
        assert!(!shown.to_string().contains("secret"), "{shown:#}");
        call(client, Method::DELETE, &one, None).await;
        eventually("it is gone", async || {
            let request = client
                .request(Method::GET, &one)
                .header("x-api-key", client.key());
            (client.send(request).await.status == 404).then_some(())
        })
        .await;
    }
}

async fn call(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Value {
    let mut request = client.request(method.clone(), path);
    request = request.header("x-api-key", client.key());
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = client.send(request).await;
    assert!(answer.status < 300, "{method} {path}: {:#}", answer.body);
    answer.body
}
