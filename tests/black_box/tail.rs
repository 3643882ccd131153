//! The live tail: what happens is told as it happens, resumed where it ended, and honest about what was left out.

use hookgate_tests::{BOUND, Client, Fsync, Receiver, RedisServer, Reply, Setup, eventually};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};
use crate::two_gateways::beside;

on_both_stores!(
    tail_tells_what_happens_and_resumes,
    tail_filters_and_shows_what_its_key_reaches,
    slow_tail_is_told_how_much_it_missed,
    tail_ends_with_its_key,
);

/// A line of a tail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    id: String,
    event: String,
    pub(crate) data: Value,
}

/// A tail that is read.
pub(crate) struct Tail {
    response: Response,
    rest: String,
}

impl Tail {
    pub(crate) async fn open(client: &Client, query: &str, last: Option<&str>) -> Self {
        let mut request = client.request(Method::GET, &format!("/v1/tail{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut tail = Self {
            response,
            rest: String::new(),
        };
        // It is connected: what happens from now on is told.
        assert_eq!(tail.part().await.as_deref(), Some(": heartbeat"));
        tail
    }

    /// The next part, up to an empty line; `None`: it has ended.
    pub(crate) async fn part(&mut self) -> Option<String> {
        loop {
            if let Some((part, rest)) = self.rest.split_once("\n\n") {
                let (part, rest) = (part.to_owned(), rest.to_owned());
                self.rest = rest;
                return Some(part);
            }
            let chunk = tokio::time::timeout(BOUND, self.response.chunk()).await;
            let chunk = chunk.expect("a line in time").ok()??;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next line that is no comment.
    pub(crate) async fn line(&mut self) -> Option<Line> {
        loop {
            let part = self.part().await?;
            let field = |name: &str| {
                let mut lines = part.lines();
                lines
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap_or_default()
                    .to_owned()
            };
            if !part.starts_with(':') {
                return Some(Line {
                    id: field("id: "),
                    event: field("event: "),
                    data: serde_json::from_str(&field("data: ")).unwrap(),
                });
            }
        }
    }

    async fn lines(&mut self, count: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.push(self.line().await.expect("it goes on"));
        }
        lines
    }
}

fn events(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.event.as_str()).collect()
}

async fn tail_tells_what_happens_and_resumes(on: On) {
    let site = Site::with(on, "retry.attempts = 2").await;
    let acme = &site.acme;
    let receiver = Receiver::start(vec![Reply::Status(500), Reply::Status(503)]).await;
    acme.subscribe(&receiver.url()).await;
    let mut tail = Tail::open(acme, "", None).await;
    let first = acme.publish("invoice.paid", json!({ "secret": "payload" })).await;
    let lines = tail.lines(3).await;
    assert_eq!(events(&lines), ["accepted", "attempted", "dead"], "{lines:#?}");
    assert!(
        lines
            .iter()
            .all(|line| line.data["event"] == first.as_str() && line.data["type"] == "invoice.paid")
    );
    assert_eq!(
        (&lines[1].data["response_status"], &lines[2].data["status_class"]),
        (&json!(500), &json!("5xx"))
    );
    assert!(!format!("{lines:?}").contains("payload"));
    drop(tail);

    let second = acme.publish("order.made", json!({})).await;
    receiver.wait_for(3).await;
    for (last, expected) in [(&lines[0], 4), (&lines[1], 3), (&lines[2], 2)] {
        let mut tail = Tail::open(acme, "", Some(&last.id)).await;
        let resumed = tail.lines(expected).await;
        let of_second = resumed
            .iter()
            .filter(|line| line.data["event"] == second.as_str());
        assert_eq!(of_second.count(), 2, "{resumed:#?}");
        // In two lists: what one look brings of each is told together.
        assert_eq!(
            resumed.iter().filter(|line| line.event == "accepted").count(),
            1,
            "{resumed:#?}"
        );
    }
    for bad in ["x", "x.y", &format!("{}x", lines[0].id)] {
        let request = acme.request(Method::GET, "/v1/tail").header("last-event-id", bad);
        let refused = acme.send(request).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_cursor"), "{bad}");
    }
    let refused = acme.get("/v1/tail?events=all").await;
    assert_eq!((refused.status, refused.code()), (400, "invalid_parameter"));
}

async fn tail_filters_and_shows_what_its_key_reaches(on: On) {
    let site = Site::start(on).await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    let scopes = json!({ "scopes": ["consumer"] });
    let key = operator.post("/v1/tenants/acme/keys", &scopes).await.expect(201);
    let customer = operator.with_key(key["key"].as_str().unwrap());
    let globex = site.gateway.tenant("globex").await;
    let receiver = Receiver::start(vec![]).await;
    let new = json!({ "url": receiver.url(), "events": ["*"] });
    for client in [acme, &globex] {
        client.post("/v1/subscriptions", &new).await.expect(201);
    }
    let own = customer.post("/v1/subscriptions", &new).await.expect(201);
    let mut orders = Tail::open(acme, "?types=order.*&events=accepted", None).await;
    let mut reached = Tail::open(&customer, "?events=attempted,dead", None).await;
    let mut failed = Tail::open(acme, "?status_class=2xx", None).await;
    globex.publish("order.made", json!({})).await;
    acme.publish("invoice.paid", json!({})).await;
    let order = acme.publish("order.made", json!({})).await;
    let line = orders.line().await.unwrap();
    assert_eq!(
        (line.event.as_str(), &line.data["event"]),
        ("accepted", &json!(order))
    );
    let seen = reached.lines(2).await;
    assert!(
        seen.iter().all(|line| line.data["subscription"] == own["id"]),
        "{seen:#?}"
    );
    let attempts = failed.lines(4).await;
    assert!(
        attempts.iter().all(|line| line.event == "attempted"),
        "{attempts:#?}"
    );
}

async fn slow_tail_is_told_how_much_it_missed(on: On) {
    let site = Site::with(on, "api.tail_lines = 5").await;
    let acme = &site.acme;
    let mut tail = Tail::open(acme, "?events=accepted", None).await;
    let batch: Vec<_> = (0..60)
        .map(|n| json!({ "type": "order.made", "data": { "n": n } }))
        .collect();
    acme.post("/v1/events", &json!(batch)).await.expect(202);
    let (mut told, mut missed) = (0, 0);
    while told + missed < 60 {
        let line = tail.line().await.expect("it goes on");
        match line.event.as_str() {
            "lagged" => missed += line.data["missed"].as_u64().unwrap(),
            _ => told += 1,
        }
    }
    assert_eq!(told + missed, 60);
    assert!(missed > 0, "{told} were told");
}

async fn tail_ends_with_its_key(on: On) {
    let site = Site::with(on, "api.tail_clients_per_tenant = 1").await;
    let operator = site.gateway.operator();
    let key = json!({ "scopes": ["read"] });
    let key = operator.post("/v1/tenants/acme/keys", &key).await.expect(201);
    let reader = operator.with_key(key["key"].as_str().unwrap());
    let mut tail = Tail::open(&reader, "", None).await;
    let refused = site.acme.get("/v1/tail").await;
    assert_eq!((refused.status, refused.code()), (429, "tenant_busy"));
    let path = format!("/v1/tenants/acme/keys/{}", key["id"].as_str().unwrap());
    operator.delete(&path).await.expect(204);
    assert_eq!(tail.line().await, None);
    // Its place is free.
    eventually("a place", async || {
        let request = site.acme.request(Method::GET, "/v1/tail");
        (request.send().await.unwrap().status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_is_the_same_at_every_gateway_and_loses_nothing_with_one() {
    let redis = RedisServer::start(Fsync::Always).unwrap();
    let setup = Setup::redis(&redis.url());
    let mut one = setup.start();
    let two = beside(&one, &setup);
    let receiver = Receiver::start(vec![]).await;
    let first = one.tenant("acme").await;
    let second = first.towards(two.base());
    first.subscribe(&receiver.url()).await;
    eventually("the second gateway knows the subscription", async || {
        let list = second.get("/v1/subscriptions").await;
        (list.status == 200 && list.body["data"].as_array()?.len() == 1).then_some(())
    })
    .await;
    let mut tail = Tail::open(&first, "?events=attempted", None).await;
    let mut published = Vec::new();
    for n in 0..20 {
        let client = if n % 2 == 0 { &first } else { &second };
        published.push(client.publish("order.made", json!({ "n": n })).await);
    }
    let seen = tail.lines(10).await;
    one.kill();
    while tail.line().await.is_some() {}
    for n in 0..10 {
        published.push(second.publish("order.made", json!({ "n": n })).await);
    }
    let mut resumed = Tail::open(&second, "?events=attempted", Some(&seen[9].id)).await;
    let mut told: Vec<_> = seen.into_iter().map(|line| line.data).collect();
    while !published
        .iter()
        .all(|id| told.iter().any(|line| line["event"] == id.as_str()))
    {
        told.push(resumed.line().await.expect("it goes on").data);
    }
    let mut deliveries: Vec<_> = told
        .iter()
        .map(|line| line["delivery"].as_str().unwrap())
        .collect();
    deliveries.sort_unstable();
    let count = deliveries.len();
    deliveries.dedup();
    // An attempt that was under way when the process died is made again.
    assert!(count - deliveries.len() <= 20 && deliveries.len() == published.len());
}
