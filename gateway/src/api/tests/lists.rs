//! Tests of the feed and the lists, page by page.

use http::Method;
use serde_json::{Value, json};

use super::rig::Rig;

fn ids(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_feed_joins_and_filters() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let mut published = Vec::new();
    for n in 0..7 {
        published.push(
            rig.publish(&key, if n % 2 == 0 { "a.even" } else { "a.odd" })
                .await,
        );
    }
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rig
            .get(&key, &format!("/v1/events?limit=2{cursor}"))
            .await
            .expect(200);
        read.extend(ids(&page));
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(read, published);
    let odd: Vec<_> = published.iter().skip(1).step_by(2).cloned().collect();
    let first = rig.get(&key, "/v1/events?types=a.odd&limit=2").await.expect(200);
    assert_eq!(ids(&first), odd[..2]);
    let next = first["next_cursor"].as_str().unwrap();
    let second = rig
        .get(&key, &format!("/v1/events?types=a.odd&limit=2&cursor={next}"))
        .await
        .expect(200);
    assert_eq!(ids(&second), odd[2..]);
}

#[tokio::test]
async fn a_reader_at_the_end_waits() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    rig.publish(&key, "a.b").await;
    let cursor = rig.get(&key, "/v1/events").await.expect(200)["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/events?wait=20&cursor={cursor}");
    let (page, late) = tokio::join!(rig.get(&key, &path), rig.publish(&key, "a.late"));
    assert_eq!(ids(&page.expect(200)), [late]);
}

#[tokio::test]
async fn wrong_queries_are_refused() {
    let rig = Rig::start().await;
    let (key, other) = (rig.tenant("acme").await, rig.tenant("other").await);
    rig.publish(&key, "a.b").await;
    for query in [
        "limit=0",
        "limit=501",
        "limit=x",
        "types=a..b",
        "types=",
        "wait=-1",
        "wait=x",
        "curser=a",
    ] {
        rig.get(&key, &format!("/v1/events?{query}"))
            .await
            .refused(400, "invalid_parameter");
    }
    for list in ["/v1/events", "/v1/deliveries", "/v1/subscriptions", "/v1/plugins"] {
        for cursor in ["", "nonsense"] {
            rig.get(&key, &format!("{list}?cursor={cursor}"))
                .await
                .refused(400, "invalid_cursor");
        }
    }
    for query in ["status=lost", "subscription=x"] {
        rig.get(&key, &format!("/v1/deliveries?{query}"))
            .await
            .refused(400, "invalid_parameter");
    }
    let cursor = rig.get(&key, "/v1/events").await.expect(200)["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.get(&other, &format!("/v1/events?cursor={cursor}"))
        .await
        .refused(400, "invalid_cursor");
    rig.get(&key, &format!("/v1/deliveries?cursor={cursor}"))
        .await
        .refused(400, "invalid_cursor");
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_without_gap() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let subscriptions = [
        rig.subscribe(&key).await,
        rig.subscribe(&key).await,
        rig.subscribe(&key).await,
    ];
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(rig.publish(&key, "a.b").await);
    }
    for limit in [1, 2, 3, 4, 5, 12] {
        let (mut read, mut query) = (Vec::new(), String::new());
        loop {
            let page = rig
                .get(&key, &format!("/v1/deliveries?limit={limit}{query}"))
                .await
                .expect(200);
            read.extend(
                page["data"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|d| d["event"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            query = format!("&cursor={cursor}");
        }
        let expected: Vec<_> = events
            .iter()
            .rev()
            .flat_map(|id| std::iter::repeat_n(id.clone(), 3))
            .collect();
        assert_eq!(read, expected, "limit {limit}");
    }
    let one = format!("/v1/deliveries?subscription={}", subscriptions[1]);
    assert_eq!(
        rig.get(&key, &one).await.expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let none = rig.get(&key, "/v1/deliveries?status=dead").await.expect(200);
    assert_eq!(
        none,
        json!({ "data": [], "next_cursor": null, "previous_cursor": null, "partial": false })
    );
}

#[tokio::test]
async fn a_pending_delivery_can_be_called_off_and_then_made_again() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    rig.subscribe(&key).await;
    let id = rig.publish(&key, "a.b").await;
    let event = rig.get(&key, &format!("/v1/events/{id}")).await.expect(200);
    let path = format!(
        "/v1/deliveries/{}",
        event["deliveries"][0]["id"].as_str().unwrap()
    );
    let nothing = json!({});
    // It may be under way.
    rig.post(&key, &format!("{path}/retry"), &nothing)
        .await
        .refused(409, "conflict");
    let cancelled = rig
        .bare(&key, Method::POST, &format!("{path}/cancel"))
        .await
        .expect(200);
    assert_eq!(
        (cancelled["status"].as_str(), cancelled["attempts"].clone()),
        (Some("cancelled"), json!([]))
    );
    rig.post(&key, &format!("{path}/cancel"), &nothing)
        .await
        .refused(409, "wrong_state");
    let again = rig
        .post(&key, &format!("{path}/retry"), &nothing)
        .await
        .expect(202);
    let again = rig
        .get(&key, &format!("/v1/deliveries/{}", again["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(
        (again["status"].as_str(), again["trigger"].as_str()),
        (Some("pending"), Some("replay"))
    );
}
