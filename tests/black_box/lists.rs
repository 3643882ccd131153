//! Lists of attempts, deliveries and events: newest first, filtered, both ways, and never another's.

use hookgate_tests::{Client, Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    attempts_are_listed_newest_first_and_filtered,
    lists_are_read_both_ways,
    page_looks_at_a_budget_and_says_so,
    lists_show_what_the_caller_reaches,
    dead_letters_that_were_made_again_are_told_from_open_ones,
    dead_letters_of_all_tenants_are_found_behind_other_traffic,
);

fn texts<'a>(page: &'a Value, field: &str) -> Vec<&'a str> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|one| one[field].as_str().unwrap_or_default()).collect()
}

/// The list once it has so many items.
async fn list(client: &Client, path: &str, count: usize) -> Value {
    eventually(&format!("{count} items at {path}"), async || {
        let page = client.get(path).await.expect(200);
        (page["data"].as_array().unwrap().len() == count).then_some(page)
    })
    .await
}

async fn attempts_are_listed_newest_first_and_filtered(on: On) {
    let site = Site::with(on, "retry.attempts = 2").await;
    let acme = &site.acme;
    let fails = Receiver::start(vec![Reply::Status(500), Reply::Status(404)]).await;
    let takes = Receiver::start(vec![]).await;
    let (failing, _) = acme.subscribe(&fails.url()).await;
    let (taking, _) = acme.subscribe(&takes.url()).await;
    let dead = acme
        .publish("invoice.paid", json!({ "secret": "in the payload" }))
        .await;
    list(acme, "/v1/attempts?limit=500", 3).await;
    let event = json!({ "type": "order.made", "data": {} });
    let request = acme.request(reqwest::Method::POST, "/v1/events");
    let keyed = acme
        .send(request.header("idempotency-key", "k-1").json(&event))
        .await;
    let late = keyed.expect(202)["id"].as_str().unwrap().to_owned();
    let all = list(acme, "/v1/attempts", 5).await;

    let times = texts(&all, "at");
    // As times: the texts have no zeros at their ends.
    let at: Vec<jiff::Timestamp> = times.iter().map(|at| at.parse().unwrap()).collect();
    assert!(at.is_sorted_by(|newer, older| newer >= older), "{all:#}");
    assert!(!all.to_string().contains("in the payload") && !all.to_string().contains("127.0.0.1"));
    let last = &all["data"][4];
    let first_try = [
        ("event", json!(dead)),
        ("type", json!("invoice.paid")),
        ("trigger", json!("published")),
        ("number", json!(1)),
    ];
    for (field, value) in first_try {
        assert_eq!(last[field], value, "{last:#}");
    }
    for (query, count) in [
        (format!("subscription={failing}"), 3),
        (format!("subscription={taking}"), 2),
        ("types=order.*".to_owned(), 2),
        ("types=invoice.*,order.made".to_owned(), 5),
        ("types=other.*".to_owned(), 0),
        ("status_class=2xx".to_owned(), 3),
        ("status_class=4xx".to_owned(), 1),
        ("status_class=5xx".to_owned(), 1),
        ("status_class=network".to_owned(), 0),
        ("attempt=first".to_owned(), 4),
        ("attempt=retry".to_owned(), 1),
        ("status=dead".to_owned(), 1),
        ("status=pending".to_owned(), 1),
        (format!("q={dead}"), 3),
        ("q=k-1".to_owned(), 2),
        ("q=k-2".to_owned(), 0),
        (format!("q=dlv_{dead}~{failing}"), 2),
        (
            format!("since={}", times[0]),
            texts(&all, "at").iter().filter(|at| **at == times[0]).count(),
        ),
        (format!("until={}", times[4]), 0),
        (format!("since={}&until=2099-01-01T00:00:00Z", times[4]), 5),
    ] {
        let page = acme.get(&format!("/v1/attempts?{query}")).await.expect(200);
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{query}: {page:#}");
        assert_eq!(page["partial"], false, "{query}");
    }
    // The same of deliveries and of events.
    for (path, query, count) in [
        (
            "/v1/deliveries?",
            format!("status_class=4xx&subscription={failing}"),
            1,
        ),
        ("/v1/deliveries?", "attempt=retry".to_owned(), 1),
        ("/v1/deliveries?", "attempt=first&types=invoice.*".to_owned(), 1),
        ("/v1/deliveries?", "q=k-1".to_owned(), 2),
        ("/v1/deliveries?", format!("q=dlv_{dead}~{failing}"), 1),
        ("/v1/events?order=newest&", "types=order.*".to_owned(), 1),
        ("/v1/events?order=newest&", "status=dead".to_owned(), 1),
        ("/v1/events?order=newest&", format!("q={late}"), 1),
        (
            "/v1/events?order=newest&",
            "until=2000-01-01T00:00:00Z".to_owned(),
            0,
        ),
        (
            "/v1/events?order=newest&",
            "since=2000-01-01T00:00:00Z".to_owned(),
            2,
        ),
    ] {
        let page = acme.get(&format!("{path}{query}")).await.expect(200);
        assert_eq!(
            page["data"].as_array().unwrap().len(),
            count,
            "{path}{query}: {page:#}"
        );
    }
    let events = acme.get("/v1/events?order=newest").await.expect(200);
    assert_eq!(texts(&events, "id"), [late.as_str(), dead.as_str()]);
    assert_eq!(
        (
            &events["data"][1]["deliveries"]["dead"],
            &events["data"][1]["data"]
        ),
        (&json!(1), &Value::Null)
    );
    // Names and words that there are not.
    for (path, name) in [
        ("/v1/attempts?colour=red", "colour"),
        ("/v1/deliveries?order=newest", "order"),
        ("/v1/events?order=newest&wait=1", "wait"),
        ("/v1/events?status=dead", "status"),
        ("/v1/attempts?since=yesterday", "since"),
        ("/v1/attempts?status_class=6xx", "6xx"),
    ] {
        let refused = acme.get(path).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_parameter"),
            "{path}"
        );
        assert!(
            refused.body["detail"].as_str().unwrap().contains(name),
            "{:#}",
            refused.body
        );
    }
}

async fn lists_are_read_both_ways(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![]).await;
    for _ in 0..2 {
        acme.subscribe(&receiver.url()).await;
    }
    for n in 0..5 {
        acme.publish("invoice.paid", json!({ "n": n })).await;
    }
    list(acme, "/v1/attempts?status=delivered", 10).await;
    for (path, name, count) in [
        ("/v1/attempts?", "delivery", 10),
        ("/v1/deliveries?", "id", 10),
        ("/v1/events?order=newest&", "id", 5),
    ] {
        let whole = acme.get(path).await.expect(200);
        let whole: Vec<_> = texts(&whole, name).into_iter().map(str::to_owned).collect();
        assert_eq!(whole.len(), count, "{path}");
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = acme.get(&format!("{path}limit=3{cursor}")).await.expect(200);
            let next = page["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
            pages.push(page);
            let Some(next) = next else { break };
            cursor = next;
        }
        let joined: Vec<_> = pages.iter().flat_map(|page| texts(page, name)).collect();
        assert_eq!(joined, whole, "{path}");
        // And back again, to what is newer than the newest: nothing yet.
        for at in (1..pages.len()).rev() {
            let cursor = pages[at]["previous_cursor"].as_str().unwrap();
            let before = acme
                .get(&format!("{path}limit=3&cursor={cursor}"))
                .await
                .expect(200);
            assert_eq!(texts(&before, name), texts(&pages[at - 1], name), "{path}");
        }
        let newest = pages[0]["previous_cursor"].as_str().unwrap();
        let empty = acme.get(&format!("{path}cursor={newest}")).await.expect(200);
        assert_eq!(empty["data"], json!([]), "{path}");
        let again = empty["next_cursor"].as_str().unwrap();
        let again = acme
            .get(&format!("{path}limit=3&cursor={again}"))
            .await
            .expect(200);
        assert_eq!(texts(&again, name), texts(&pages[0], name), "{path}");
        // Of another list it is none.
        for other in ["/v1/attempts", "/v1/deliveries", "/v1/events?order=newest"] {
            let mark = if other.contains('?') { '&' } else { '?' };
            let answer = acme.get(&format!("{other}{mark}cursor={newest}")).await;
            let own = path.starts_with(other.split('?').next().unwrap());
            assert_eq!(answer.status == 200, own, "{other}: {}", answer.code());
        }
    }
    // What comes later is newer than what was the newest.
    let first = acme.get("/v1/attempts?limit=1").await.expect(200);
    let later = acme.publish("order.made", json!({})).await;
    let path = format!(
        "/v1/attempts?cursor={}",
        first["previous_cursor"].as_str().unwrap()
    );
    let newer = list(acme, &path, 2).await;
    assert!(
        texts(&newer, "event").iter().all(|event| *event == later),
        "{newer:#}"
    );
}

async fn page_looks_at_a_budget_and_says_so(on: On) {
    let site = Site::with(on, "api.list_scan = 4").await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![]).await;
    acme.subscribe(&receiver.url()).await;
    let first = acme.publish("invoice.paid", json!({})).await;
    list(acme, "/v1/attempts", 1).await;
    for _ in 0..8 {
        acme.publish("order.made", json!({})).await;
    }
    eventually("all attempts", async || {
        let page = acme.get("/v1/deliveries?status=delivered").await.expect(200);
        (page["data"].as_array().unwrap().len() == 9).then_some(())
    })
    .await;
    let (mut cursor, mut partial) = (String::new(), 0);
    let found = loop {
        let page = acme
            .get(&format!("/v1/attempts?types=invoice.*{cursor}"))
            .await
            .expect(200);
        if page["data"] != json!([]) {
            break page;
        }
        assert_eq!(page["partial"], true, "{page:#}");
        partial += 1;
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    };
    assert_eq!((partial, texts(&found, "event")), (2, vec![first.as_str()]));
    assert_eq!(
        (&found["partial"], &found["next_cursor"]),
        (&json!(false), &Value::Null)
    );
}

async fn lists_show_what_the_caller_reaches(on: On) {
    let site = Site::start(on).await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    let globex = site.gateway.tenant("globex").await;
    let scopes = json!({ "scopes": ["consumer"] });
    let key = operator.post("/v1/tenants/acme/keys", &scopes).await.expect(201);
    let customer = operator.with_key(key["key"].as_str().unwrap());
    let receiver = Receiver::start(vec![]).await;
    let new = json!({ "url": receiver.url(), "events": ["*"] });
    for client in [acme, &customer, &globex] {
        client.post("/v1/subscriptions", &new).await.expect(201);
    }
    acme.publish("invoice.paid", json!({})).await;
    globex.publish("order.made", json!({})).await;
    for (client, count, kind) in [
        (acme, 2, "invoice.paid"),
        (&customer, 1, "invoice.paid"),
        (&globex, 1, "order.made"),
    ] {
        for path in ["/v1/attempts", "/v1/deliveries"] {
            let page = list(client, path, count).await;
            assert!(texts(&page, "type").iter().all(|of| *of == kind), "{page:#}");
        }
        let page = list(client, "/v1/events?order=newest", 1).await;
        let counts = page["data"][0]["deliveries"].as_object().unwrap().values();
        let sum: u64 = counts.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(
            (sum, texts(&page, "type")),
            (count as u64, vec![kind]),
            "{page:#}"
        );
    }
    // A cursor is its tenant's.
    let page = globex.get("/v1/attempts").await.expect(200);
    let cursor = page["previous_cursor"].as_str().unwrap();
    let refused = acme.get(&format!("/v1/attempts?cursor={cursor}")).await;
    assert_eq!((refused.status, refused.code()), (400, "invalid_cursor"));
    // A tenant that is made again begins anew.
    operator.delete("/v1/tenants/globex").await.expect(204);
    let globex = site.gateway.tenant("globex").await;
    assert_eq!(globex.get("/v1/attempts").await.expect(200)["data"], json!([]));
}

async fn dead_letters_that_were_made_again_are_told_from_open_ones(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![Reply::Status(500), Reply::Status(503)]).await;
    let (subscription, _) = acme.subscribe(&receiver.url()).await;
    for n in 0..2 {
        acme.publish("invoice.paid", json!({ "n": n })).await;
    }
    let dead = list(acme, "/v1/deliveries?status=dead", 2).await;
    assert!(
        dead["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["replayed_as"] == Value::Null)
    );
    assert_eq!(dead["data"][0]["status_class"], "5xx", "{dead:#}");
    let again = dead["data"][1]["id"].as_str().unwrap();
    let made = acme
        .post(&format!("/v1/deliveries/{again}/retry"), &json!({}))
        .await
        .expect(202);
    let open = list(acme, "/v1/deliveries?status=dead&replayed=false", 1).await;
    assert_eq!(texts(&open, "id"), [dead["data"][0]["id"].as_str().unwrap()]);
    let replayed = list(
        acme,
        &format!("/v1/deliveries?status=dead&replayed=true&subscription={subscription}"),
        1,
    )
    .await;
    assert_eq!(
        (texts(&replayed, "id"), &replayed["data"][0]["replayed_as"]),
        (vec![again], &made["id"])
    );
    let shown = acme.get(&format!("/v1/deliveries/{again}")).await.expect(200);
    assert_eq!(shown["replayed_as"], made["id"]);
}

async fn dead_letters_of_all_tenants_are_found_behind_other_traffic(on: On) {
    // One page of events of each tenant, and no more.
    let site = Site::with(on, "retry.attempts = 1\napi.list_scan = 1").await;
    let operator = site.gateway.operator();
    let globex = site.gateway.tenant("globex").await;
    let mut dead = Vec::new();
    for (client, kind) in [
        (&site.acme, "a.first"),
        (&globex, "b.second"),
        (&site.acme, "a.third"),
    ] {
        let fails = Receiver::start(vec![Reply::Status(500)]).await;
        let new = json!({ "url": fails.url(), "events": [kind] });
        client.post("/v1/subscriptions", &new).await.expect(201);
        let event = client.publish(kind, json!({})).await;
        let path = format!("/v1/deliveries?q={event}&status=dead");
        let delivery = list(client, &path, 1).await["data"][0]["id"].clone();
        dead.insert(0, delivery.as_str().unwrap().to_owned());
    }
    for n in 0..60 {
        for client in [&site.acme, &globex] {
            client.publish("other.traffic", json!({ "n": n })).await;
        }
    }
    let all = "/v1/operator/deliveries?status=dead";
    let page = operator.get(all).await.expect(200);
    assert_eq!(texts(&page, "id"), dead, "those that died last first");
    assert_eq!(
        (&page["partial"], &page["next_cursor"], &page["previous_cursor"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    assert_eq!(texts(&page, "tenant"), ["acme", "globex", "acme"]);

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("{all}&limit=1{cursor}")).await.expect(200);
        seen.extend(texts(&page, "id").into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, dead);

    site.acme
        .post(&format!("/v1/deliveries/{}/retry", dead[0]), &json!({}))
        .await
        .expect(202);
    for (query, found) in [
        ("replayed=false", &dead[1..]),
        ("replayed=true", &dead[..1]),
        ("types=a.*", &[dead[0].clone(), dead[2].clone()]),
        ("tenant=globex", &dead[1..2]),
        ("until=2000-01-01T00:00:00Z", &[]),
    ] {
        let page = operator.get(&format!("{all}&{query}")).await.expect(200);
        assert_eq!(texts(&page, "id"), *found, "{query}");
    }
}
