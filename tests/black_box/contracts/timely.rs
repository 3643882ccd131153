//! "Return a 200 status within 5 seconds": a later answer is a failure.

use std::time::Duration;

use hookgate_tests::{Authority, Receiver, Relay, Reply, eventually};
use serde_json::json;

use super::{assert_time, client_of, publish, text};
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
        // It has its full time; the endpoint would have answered after ten minutes, which bounds
        // the other side.
        assert!(
            attempt["took_ms"].as_u64() >= Some(5_000),
            "{profile}: {attempt:#}"
        );
    }
}

/// For an event without a time from its producer, and for a time with a fraction.
#[tokio::test(flavor = "multi_thread")]
async fn time_the_gateway_takes_is_printed_in_whole_seconds() {
    let authority = Authority::new();
    let site = Site::with(On::Embedded, &authority.toml()).await;
    let receiver = Receiver::start(vec![]).await;
    let relay = Relay::start(Some(&authority)).await;
    relay.lead_to(receiver.address());
    for (profile, kind, member) in [
        ("synaptis", "lead.verified", "created"),
        ("syncai", "document.verified", "timestamp"),
    ] {
        let client = client_of(&site, profile).await;
        let subscription = json!({ "url": relay.url("/hook"), "events": [kind], "secret": SECRET });
        client.post("/v1/subscriptions", &subscription).await.expect(201);
        let before = receiver.count();
        let given = r#""created":"2024-01-15T10:30:00.999999Z","#;
        for created in ["", given] {
            publish(&client, &format!(r#"{{"type":"{kind}",{created}"data":{{}}}}"#)).await;
        }
        let received = receiver.wait_for(before + 2).await;
        let mut times: Vec<_> = received[before..]
            .iter()
            .map(|got| got.json()[member].clone())
            .collect();
        times.iter().for_each(assert_time);
        times.sort_by_key(ToString::to_string);
        assert_eq!(
            times[0], "2024-01-15T10:30:00Z",
            "{profile}: it is cut, not rounded"
        );
    }
}

const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
