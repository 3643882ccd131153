//! "Return a 200 status within 5 seconds": an answer that comes later is none.

use std::time::Duration;

use hookgate_tests::{Authority, Receiver, Relay, Reply, eventually};
use serde_json::json;

use super::{client_of, publish, text};
use crate::site::{On, Site};

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_has_five_seconds() {
    let authority = Authority::new();
    let site = Site::with(On::Embedded, &authority.toml()).await;
    let receiver = Receiver::start(vec![Reply::After(Duration::from_secs(600)); 9]).await;
    let relay = Relay::start(Some(&authority)).await;
    relay.lead_to(receiver.address());
    let mut waiting = Vec::new();
    for (profile, kind) in [
        ("synaptis", "lead.verified"),
        ("synthesq", "product.created"),
        ("syncai", "document.verified"),
    ] {
        let client = client_of(&site, profile).await;
        let subscription = json!({ "url": relay.url("/hook"), "events": [kind], "secret": SECRET });
        client.post("/v1/subscriptions", &subscription).await.expect(201);
        let id = publish(&client, &format!(r#"{{"type":"{kind}","data":{{}}}}"#)).await;
        waiting.push((client, id, profile));
    }
    for (client, id, profile) in waiting {
        let attempt = eventually("the first attempt has timed out", async || {
            let event = client.get(&format!("/v1/events/{id}")).await.expect(200);
            let delivery = text(&event["deliveries"][0], "id");
            let delivery = client
                .get(&format!("/v1/deliveries/{delivery}"))
                .await
                .expect(200);
            let attempt = delivery["attempts"][0].clone();
            attempt.is_object().then_some(attempt)
        })
        .await;
        assert_eq!(
            (&attempt["outcome"], &attempt["stage"]),
            (&json!("timed_out"), &json!("head")),
            "{profile}"
        );
        // It is given all of its time; that the endpoint would have answered after ten minutes bounds the other side.
        assert!(
            attempt["took_ms"].as_u64() >= Some(5_000),
            "{profile}: {attempt:#}"
        );
    }
}

const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
