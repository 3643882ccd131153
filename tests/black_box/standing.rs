//! Standings, as they are told: a pause and why, a pending delivery that is sent now, who receives an event; and the
//! operator's lists.

use hookgate_tests::{Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    pending_delivery_is_sent_now,
    operator_lists_all_tenants_by_time,
    operator_tells_dead_letters_that_were_made_again,
);

async fn pending_delivery_is_sent_now(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![Reply::Status(500)]).await;
    let new = json!({ "url": receiver.url(), "events": ["*"], "retry": { "schedule": ["2h"] } });
    let made = acme.post("/v1/subscriptions", &new).await.expect(201);
    let published = acme
        .post("/v1/events", &json!({ "type": "invoice.paid", "data": {} }))
        .await
        .expect(202);
    assert_eq!(
        (&published["deliveries"], &published["subscriptions"]),
        (&json!(1), &json!([made["id"]]))
    );
    let waiting = eventually("it failed once", async || {
        let page = acme
            .get("/v1/deliveries?status=pending&status_class=5xx")
            .await
            .expect(200);
        page["data"].as_array().unwrap().first().cloned()
    })
    .await;
    let id = waiting["id"].as_str().unwrap();
    let sent = acme
        .post(&format!("/v1/deliveries/{id}/retry"), &json!({}))
        .await
        .expect(202);
    assert_eq!(sent["id"], id);
    receiver.wait_for(2).await;
    let ended = eventually("it is delivered", async || {
        let shown = acme.get(&format!("/v1/deliveries/{id}")).await.expect(200);
        (shown["status"] == "delivered").then_some(shown)
    })
    .await;
    assert_eq!(ended["attempts"].as_array().unwrap().len(), 2, "{ended:#}");
    assert_eq!(
        (&ended["attempts"][0]["outcome"], &ended["last_outcome"]),
        (&json!("http_error"), &json!("delivered"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_of_an_endpoint_is_told_with_its_reason() {
    let site = Site::start(On::Embedded).await;
    let acme = &site.acme;
    let busy = Reply::With(503, vec![("retry-after", "3600".to_owned())]);
    let receiver = Receiver::start(vec![busy]).await;
    let (id, _) = acme.subscribe(&receiver.url()).await;
    let path = format!("/v1/subscriptions/{id}");
    assert_eq!(acme.get(&path).await.expect(200)["pause"], Value::Null);
    acme.publish("invoice.paid", json!({})).await;
    let shown = eventually("a pause", async || {
        let shown = acme.get(&path).await.expect(200);
        (shown["pause"] != Value::Null).then_some(shown)
    })
    .await;
    assert_eq!(
        (
            &shown["status"],
            &shown["pause"]["reason"],
            &shown["pause"]["scope"]
        ),
        (&json!("active"), &json!("asked"), &json!("process"))
    );
    let listed = acme.get("/v1/subscriptions").await.expect(200);
    assert_eq!(listed["data"][0]["pause"]["reason"], "asked");
}

async fn operator_lists_all_tenants_by_time(on: On) {
    let site = Site::start(on).await;
    let operator = site.gateway.operator();
    let receiver = Receiver::start(vec![]).await;
    let globex = site.gateway.tenant("globex").await;
    let clients = [(&site.acme, "acme"), (&globex, "globex")];
    for (client, _) in clients {
        client.subscribe(&receiver.url()).await;
    }
    let mut published = Vec::new();
    for n in 0..6 {
        let (client, name) = clients[n % 2];
        published.push((name, client.publish("invoice.paid", json!({ "n": n })).await));
        eventually("it is settled", async || {
            let page = operator
                .get("/v1/operator/attempts?status=delivered")
                .await
                .expect(200);
            (page["data"].as_array().unwrap().len() == n + 1).then_some(())
        })
        .await;
    }
    published.reverse();
    let mut newest = Vec::new();
    for (path, field) in [("attempts", "event"), ("deliveries", "event"), ("events", "id")] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), Vec::new());
        loop {
            let page = operator
                .get(&format!("/v1/operator/{path}?limit=2{cursor}"))
                .await
                .expect(200);
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= 2, "{page:#}");
            seen.extend(data.iter().map(|one| {
                let text = |name: &str| one[name].as_str().unwrap().to_owned();
                (text("tenant"), text(field))
            }));
            let next = page["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
            pages.push(page);
            let Some(next) = next else { break };
            cursor = next;
        }
        // And back again, to what is newer than the newest: nothing yet.
        let back = async |page: &Value| {
            let cursor = page["previous_cursor"].as_str().unwrap();
            let path = format!("/v1/operator/{path}?limit=2&cursor={cursor}");
            operator.get(&path).await.expect(200)
        };
        for at in (1..pages.len()).rev() {
            let newer = back(&pages[at]).await;
            assert_eq!(newer["data"], pages[at - 1]["data"], "{path}");
            let next = newer["next_cursor"].as_str().unwrap();
            let again = operator
                .get(&format!("/v1/operator/{path}?limit=2&cursor={next}"))
                .await
                .expect(200);
            assert_eq!(again["data"], pages[at]["data"], "{path}");
        }
        let empty = back(&pages[0]).await;
        assert_eq!(empty["data"], json!([]), "{path}");
        assert_eq!(back(&empty).await["data"], json!([]), "{path}");
        newest.push((path, field, empty));
        let seen: Vec<_> = seen
            .iter()
            .map(|(tenant, id)| (tenant.as_str(), id.clone()))
            .collect();
        assert_eq!(seen, published, "{path}");
        let own = operator
            .get(&format!("/v1/operator/{path}?tenant=globex"))
            .await
            .expect(200);
        let own = own["data"].as_array().unwrap();
        assert!(
            own.len() == 3 && own.iter().all(|one| one["tenant"] == "globex"),
            "{own:#?}"
        );
        let refused = site.acme.get(&format!("/v1/operator/{path}")).await;
        assert_eq!(
            (refused.status, refused.code()),
            (403, "operator_required"),
            "{path}"
        );
        let refused = operator.get(&format!("/v1/operator/{path}?tenant=nobody")).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_parameter"),
            "{path}"
        );
    }
    // What comes later is found by the cursors that were kept.
    let later = globex.publish("order.made", json!({})).await;
    for (path, field, page) in newest {
        let cursor = page["previous_cursor"].as_str().unwrap();
        eventually("it is listed as newer", async || {
            let path = format!("/v1/operator/{path}?cursor={cursor}");
            let page = operator.get(&path).await.expect(200);
            let data = page["data"].as_array().unwrap();
            (data.len() == 1 && data[0][field] == later.as_str()).then_some(())
        })
        .await;
    }
}

async fn operator_tells_dead_letters_that_were_made_again(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let operator = site.gateway.operator();
    let receiver = Receiver::start(vec![Reply::Status(500), Reply::Status(503)]).await;
    site.acme.subscribe(&receiver.url()).await;
    for n in 0..2 {
        site.acme.publish("invoice.paid", json!({ "n": n })).await;
    }
    let list = async |query: &str, count: usize| {
        eventually(&format!("{count} of {query}"), async || {
            let path = format!("/v1/operator/deliveries?status=dead{query}");
            let page = operator.get(&path).await.expect(200);
            let data = page["data"].as_array().unwrap();
            (data.len() == count).then(|| data.clone())
        })
        .await
    };
    let dead = list("", 2).await;
    let again = dead[1]["id"].as_str().unwrap();
    let path = format!("/v1/deliveries/{again}/retry");
    site.acme.post(&path, &json!({})).await.expect(202);
    assert_eq!(list("&replayed=true", 1).await[0]["id"], again);
    assert_eq!(list("&replayed=false", 1).await[0]["id"], dead[0]["id"]);
    let refused = operator.get("/v1/operator/attempts?replayed=true").await;
    assert_eq!((refused.status, refused.code()), (400, "invalid_parameter"));
}
