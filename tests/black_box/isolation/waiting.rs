//! Deliveries that wait for a reason outside their endpoint: none waits forever, and none is lost
//! because of it.

use bytes::Bytes;
use hookgate_tests::guests::{PASS, handling};
use hookgate_tests::{Client, Receiver, eventually};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    delay_counts_from_acceptance_whatever_the_producer_says,
    delivery_without_processor_time_is_given_up,
    delivery_waits_while_the_process_has_no_descriptors,
);

/// A plugin that delays by this many milliseconds.
fn delaying(ms: u32) -> Bytes {
    let says = format!(
        "(i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2052) (i32.const 3))
        (i32.store (i32.const 2056) (i32.const {ms})) (i32.const 2048)"
    );
    handling("", &says)
}

/// A plugin that takes over a tenth of a second of processor time.
fn slow() -> Bytes {
    let counts = format!(
        "(local $n i32) (local.set $n (i32.const 300000000))
        (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) {PASS}"
    );
    handling("", &counts)
}

/// Creates a subscription whose chain is this component.
async fn subscribe_through(client: &Client, receiver: &Receiver, component: Bytes) {
    client
        .post_raw("/v1/plugins", "application/wasm", component)
        .await
        .expect(201);
    let (id, _) = client.subscribe(&receiver.url()).await;
    let chain = json!({ "steps": [{ "plugin": "guest" }] });
    let path = format!("/v1/subscriptions/{id}/chain");
    client.put(&path, &chain).await.expect(200);
}

/// An event's only delivery, once it has ended.
async fn ended(client: &Client, event: &str) -> Value {
    eventually("the delivery ends", async || {
        let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
        let delivery = event["deliveries"][0]["id"].as_str()?.to_owned();
        let delivery = client
            .get(&format!("/v1/deliveries/{delivery}"))
            .await
            .expect(200);
        (delivery["status"] != "pending").then_some(delivery)
    })
    .await
}

/// Future event times do not prolong a delay, and past ones do not end it at once.
async fn delay_counts_from_acceptance_whatever_the_producer_says(on: On) {
    let site = Site::with(on, "delivery.longest_delay = \"15s\"\nretry.schedule = [\"0s\"]").await;
    let receiver = Receiver::start(vec![]).await;
    subscribe_through(&site.acme, &receiver, delaying(3_000)).await;
    let future = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(20);
    for created in [future.to_string(), "2020-01-01T00:00:00Z".to_owned()] {
        let before = delayed(&site.acme).await;
        let event = json!({ "type": "a.b", "created": created, "data": {} });
        let accepted = site.acme.post("/v1/events", &event).await.expect(202);
        let delivery = ended(&site.acme, accepted["id"].as_str().unwrap()).await;
        assert_eq!(delivery["status"], "dead", "{created}: {delivery:#}");
        let text = delivery.to_string();
        assert!(text.contains("`delivery.longest_delay`"), "{created}: {text}");
        let calls = delayed(&site.acme).await - before;
        assert!(calls >= 2, "{created}: it was delayed first, and then given up");
    }
    assert_eq!(receiver.count(), 0);
    let beyond = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(26);
    let event = json!({ "type": "a.b", "created": beyond.to_string(), "data": {} });
    let refused = site.acme.post("/v1/events", &event).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_event"));
    assert_eq!(refused.body["errors"][0]["pointer"], "/created");
}

/// Number of delays that the plugin has asked for.
async fn delayed(client: &Client) -> u64 {
    let stats = client.get("/v1/plugins/guest/stats").await.expect(200);
    stats["versions"][0]["verdicts"]["delay"].as_u64().unwrap_or(0)
}

async fn delivery_without_processor_time_is_given_up(on: On) {
    let scarce = "plugins.budgets.slow = \"1ms\"\nplugins.call_deadline = \"20s\"\ndelivery.max_plugin_wait = \"3s\"\n\
        retry.schedule = [\"0s\"]";
    let site = Site::with(on, scarce).await;
    let tenant = site.gateway.tenant("slow").await;
    let receiver = Receiver::start(vec![]).await;
    subscribe_through(&tenant, &receiver, slow()).await;
    let first = tenant.publish("a.b", json!({ "n": 0 })).await;
    assert_eq!(ended(&tenant, &first).await["status"], "delivered");
    // That call used the budget of many seconds: none is left for these.
    for n in 1..3 {
        let event = tenant.publish("a.b", json!({ "n": n })).await;
        let delivery = ended(&tenant, &event).await;
        let text = delivery.to_string();
        assert_eq!(delivery["status"], "dead", "{text}");
        assert!(
            text.contains("plugin_failed") && text.contains("no_time"),
            "{text}"
        );
    }
    // Other tenants have their own budget.
    let own = Receiver::start(vec![]).await;
    site.acme.subscribe(&own.url()).await;
    site.acme.publish("a.b", json!({})).await;
    own.wait_for(1).await;
}

/// One connection to a gateway: a client with a pool may open another one while it returns the first.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    key: String,
}

impl Connection {
    async fn open(site: &Site) -> Self {
        let host = site.gateway.base().trim_start_matches("http://").to_owned();
        let stream = tokio::net::TcpStream::connect(&host).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let key = format!("Bearer {}", site.acme.key());
        let mut connection = Self { sender, host, key };
        // Answered: the gateway has accepted it.
        connection.send(Method::GET, "/metrics", &Value::Null).await;
        connection
    }

    /// Text of the answer to a request of the tenant.
    async fn send(&mut self, method: Method, path: &str, body: &Value) -> String {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("host", &self.host)
            .header("authorization", &self.key);
        let request = request.header("content-type", "application/json");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(request.body(Full::from(body)).unwrap());
        let body = answer.await.unwrap().into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }
}

/// The process lacks descriptors, which is no failure of an endpoint: with a single attempt the
/// event is delivered.
async fn delivery_waits_while_the_process_has_no_descriptors(on: On) {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

    let site = Site::with(on, "retry.schedule = [\"0s\"]").await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let process = Pid::from_raw(i32::try_from(site.gateway.pid()).unwrap());
    let few = Rlimit {
        current: Some(3),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    // The connection exists already, and no other can be opened.
    let mut connection = Connection::open(&site).await;
    let former = prlimit(process, Resource::Nofile, few).unwrap();
    let event = json!({ "type": "a.b", "data": {} });
    let accepted = connection.send(Method::POST, "/v1/events", &event).await;
    let accepted: Value = serde_json::from_str(&accepted).unwrap();
    let event = accepted["id"].as_str().expect("it is accepted").to_owned();
    eventually("attempts are postponed", async || {
        let figures = connection.send(Method::GET, "/metrics", &Value::Null).await;
        let exhausted = figures
            .lines()
            .find(|line| line.contains("error=\"exhausted\""))?;
        let count: u64 = exhausted.rsplit(' ').next()?.parse().ok()?;
        (count >= 2).then_some(())
    })
    .await;
    assert_eq!(receiver.count(), 0);
    prlimit(process, Resource::Nofile, former).unwrap();
    let delivery = ended(&site.acme, &event).await;
    assert_eq!(delivery["status"], "delivered", "{delivery:#}");
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1, "{delivery:#}");
    assert_eq!(receiver.count(), 1);
}
