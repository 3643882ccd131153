//! Traces: spans of an event at a collector, from the request to the attempt, and the trace context
//! that producers send and receivers get.

use std::time::Duration;

use hookgate_tests::collector::{Collector, Span};
use hookgate_tests::{Client, Receiver, Reply, Setup, command, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(trace_continues_after_a_restart_between_accept_and_attempt);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
/// Texts that no span may hold: parts of the payload, secrets, and an endpoint's query.
const HIDDEN: &[&str] = &[
    "top-secret-payload",
    "left-out-payload",
    "query-secret",
    "collector-key",
];

/// Settings of a gateway with this collector.
fn traced(collector: &Collector, more: &str) -> String {
    format!(
        "traces.endpoint = \"{}\"\ntraces.export_interval = \"50ms\"\n\
         traces.headers.authorization = \"Bearer collector-key\"\n{more}\n",
        collector.url()
    )
}

/// Publishes an event with these headers, and returns its id.
async fn publish(acme: &Client, headers: &[(&str, &str)], body: &Value) -> Value {
    let mut request = acme.request(Method::POST, "/v1/events").json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    acme.send(request).await.expect(202)
}

fn event() -> Value {
    json!({ "type": "invoice.paid", "data": { "kept": "top-secret-payload", "gone": "left-out-payload" } })
}

/// Span of the request that brought this event, and that of its attempt with this outcome.
async fn ends(collector: &Collector, event: &str, outcome: &str) -> (Span, Span) {
    let of = |span: &Span| span.text("messaging.message.id") == event;
    let server = collector
        .wait_for("the request's span", |span| span.kind == 2 && of(span))
        .await;
    let attempt = collector
        .wait_for("the attempt's span", |span| {
            of(span) && span.text("hookgate.delivery.outcome") == outcome
        })
        .await;
    (server, attempt)
}

async fn trace_continues_after_a_restart_between_accept_and_attempt(on: On) {
    let collector = Collector::start(vec![]).await;
    let site = Site::with(on, &traced(&collector, "delivery.trace_context = true")).await;
    let keep = |field: &str| json!({ "steps": [{ "plugin": "redact", "settings": { "keep": [format!("/{field}")] } }] });
    site.acme.put("/v1/chain", &keep("kept")).await.expect(200);
    // The first attempt has no answer until the gateway is killed.
    let receiver = Receiver::start(vec![Reply::Hang(Duration::from_secs(600))]).await;
    let (subscription, secret) = site
        .acme
        .subscribe(&format!("{}?token=query-secret", receiver.url()))
        .await;
    let path = format!("/v1/subscriptions/{subscription}/chain");
    site.acme.put(&path, &keep("kept")).await.expect(200);
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let headers = [
        ("traceparent", parent.as_str()),
        ("tracestate", "vendor=opaque,other=1"),
    ];
    let accepted = publish(&site.acme, &headers, &event()).await;
    let id = accepted["id"].as_str().unwrap();
    receiver.wait_for(1).await;
    collector
        .wait_for("the first part of the trace", |span| span.name == "store.accept")
        .await;
    collector
        .wait_for("the request's span", |span| span.kind == 2)
        .await;

    let key = site.acme.key().to_owned();
    let site = site.restart();
    let received = receiver.wait_for(2).await;
    let (server, attempt) = ends(&collector, id, "delivered").await;
    collector
        .wait_for("the chain of the delivery", |span| {
            span.is_below(&attempt) && span.name == "chain"
        })
        .await;
    let spans = collector.spans();
    let all: String = format!("{spans:#?}");

    assert_eq!(
        (server.trace_id.as_str(), server.parent.as_deref()),
        (TRACE, Some(PARENT)),
        "{all}"
    );
    assert_eq!(server.flags & 0x3ff, 0x301, "sampled, and its parent is remote");
    assert_eq!(server.state.as_deref(), Some("vendor=opaque,other=1"));
    assert_eq!(
        (server.name.as_str(), server.text("http.route")),
        ("POST /v1/events", "/v1/events")
    );
    assert_eq!(server.number("http.response.status_code"), Some(202));
    let below = |parent: &Span, name: &str| {
        let mut found = spans
            .iter()
            .filter(|span| span.is_below(parent) && span.name == name);
        let one = found
            .next()
            .unwrap_or_else(|| panic!("no {name} below {parent:?} in {all}"));
        assert!(found.next().is_none(), "{name} twice in {all}");
        one
    };
    let chain = below(&server, "chain");
    assert_eq!(
        (chain.text("hookgate.chain"), chain.text("hookgate.chain.verdict")),
        ("ingress", "pass")
    );
    let step = below(chain, "plugin");
    assert_eq!(
        (
            step.text("hookgate.plugin.name"),
            step.text("hookgate.plugin.verdict")
        ),
        ("redact", "pass")
    );
    assert_eq!(step.text("hookgate.plugin.version"), "0.1.0");
    assert!(!step.text("hookgate.plugin.digest").is_empty());
    assert!(step.time.0 >= chain.time.0);
    below(&server, "store.accept");

    // The attempt before the restart was cut off: it has no span.
    assert!(attempt.is_below(&server), "{all}");
    assert_eq!((attempt.kind, attempt.name.as_str()), (3, "POST"));
    assert_eq!(
        attempt.flags & 0x300,
        0x300,
        "another process recorded its parent"
    );
    assert_eq!(attempt.number("http.response.status_code"), Some(200));
    assert_eq!(attempt.text("http.request.method"), "POST");
    assert_eq!(attempt.text("url.full"), receiver.url());
    assert_eq!(attempt.text("server.address"), "127.0.0.1");
    assert_eq!(
        attempt.number("server.port"),
        Some(receiver.address().port().into())
    );
    assert_eq!(attempt.text("messaging.destination.name"), subscription);
    let chain = below(&attempt, "chain");
    assert_eq!(chain.text("hookgate.chain"), "delivery");
    below(chain, "plugin");

    for span in &spans {
        assert_eq!(
            (span.trace_id.as_str(), span.text("hookgate.tenant")),
            (TRACE, "acme"),
            "{span:?}"
        );
        assert_eq!(span.service, "hookgate");
    }
    let sent = &received[1];
    assert_eq!(
        sent.header("traceparent"),
        format!("00-{TRACE}-{}-01", attempt.id)
    );
    assert_eq!(sent.header("tracestate"), "vendor=opaque,other=1");
    let text = collector.text();
    let hidden = HIDDEN.iter().copied().chain([key.as_str(), secret.as_str()]);
    for hidden in hidden {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    let mut keys = collector.headers("authorization").into_iter();
    assert!(keys.all(|key| key == "Bearer collector-key"));
    assert!(!site.gateway.log().join("\n").contains("collector-key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_traceparent_restarts_the_trace() {
    let collector = Collector::start(vec![]).await;
    let site = Site::with(On::Embedded, &traced(&collector, "delivery.trace_context = true")).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let invalid = format!("00-{}-{PARENT}-01", TRACE.to_uppercase());
    let headers = [("traceparent", invalid.as_str()), ("tracestate", "vendor=opaque")];
    let accepted = publish(&site.acme, &headers, &event()).await;
    let (server, attempt) = ends(&collector, accepted["id"].as_str().unwrap(), "delivered").await;
    assert_eq!(
        (server.parent.clone(), server.state.clone()),
        (None, None),
        "{server:?}"
    );
    assert_ne!(server.trace_id, TRACE);
    assert_eq!(
        server.flags, 0x03,
        "sampled, with a random id, and without a parent"
    );
    assert!(attempt.is_below(&server));
    let sent = &receiver.wait_for(1).await[0];
    let expected = format!("00-{}-{}-03", attempt.trace_id, attempt.id);
    assert_eq!(
        (sent.header("traceparent"), sent.header("tracestate")),
        (expected.as_str(), "")
    );

    // An array has one request's span; a refusal has its code; without a valid key there is no span.
    publish(&site.acme, &[], &json!([event(), event()])).await;
    let batch = collector
        .wait_for("the span of an array", |span| {
            span.number("messaging.batch.message_count") == Some(2)
        })
        .await;
    assert_eq!(batch.parent, None);
    let nobody = site.acme.with_key("hg_nobody");
    assert_eq!(nobody.post("/v1/events", &event()).await.status, 401);
    let refused = site.acme.post("/v1/events", &json!({ "data": {} })).await;
    assert_eq!(refused.status, 422);
    let span = collector
        .wait_for("the span of a refusal", |span| {
            span.kind == 2 && !span.text("error.type").is_empty()
        })
        .await;
    assert_eq!((span.text("error.type"), span.failed), ("invalid_event", false));
    assert_eq!(span.number("http.response.status_code"), Some(422));
    let spans = collector.spans();
    let unknown = spans
        .iter()
        .filter(|span| span.number("http.response.status_code") == Some(401));
    assert_eq!(unknown.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unsampled_trace_is_passed_on_and_leaves_no_span() {
    let collector = Collector::start(vec![]).await;
    let more = "traces.sample_ratio = 0.0\ndelivery.trace_context = true";
    let site = Site::with(On::Embedded, &traced(&collector, more)).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    publish(&site.acme, &[], &event()).await;
    assert_eq!(receiver.wait_for(1).await[0].header("traceparent"), "");
    publish(&site.acme, &[("traceparent", &unsampled)], &event()).await;
    assert_eq!(receiver.wait_for(2).await[1].header("traceparent"), unsampled);

    // A producer's own decision is followed.
    let sampled = "00-00000000000000000000000000000007-0000000000000008-01";
    let accepted = publish(&site.acme, &[("traceparent", sampled)], &event()).await;
    ends(&collector, accepted["id"].as_str().unwrap(), "delivered").await;
    for span in collector.spans() {
        assert_eq!(span.trace_id, "00000000000000000000000000000007", "{span:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn producer_decides_nothing_unless_traces_are_parent_based() {
    let collector = Collector::start(vec![]).await;
    let more = "traces.sample_ratio = 0.5\ntraces.parent_based = false";
    let site = Site::with(On::Embedded, &traced(&collector, more)).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    // The second half of the id decides.
    let refused = "00-0000000000000001ffffffffffffffff-0000000000000008-01";
    let taken = "00-ffffffffffffffff0000000000000001-0000000000000008-00";
    publish(&site.acme, &[("traceparent", refused)], &event()).await;
    receiver.wait_for(1).await;
    let accepted = publish(&site.acme, &[("traceparent", taken)], &event()).await;
    ends(&collector, accepted["id"].as_str().unwrap(), "delivered").await;
    for span in collector.spans() {
        assert_eq!(span.trace_id, "ffffffffffffffff0000000000000001", "{span:?}");
    }
    let sent = receiver.wait_for(2).await;
    assert!(
        sent.iter().all(|sent| sent.header("traceparent").is_empty()),
        "nothing is passed on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_runs_span_has_the_status_of_its_answer() {
    let collector = Collector::start(vec![]).await;
    let site = Site::with(On::Embedded, &traced(&collector, "")).await;
    let answer = site.acme.post("/v1/events?dry_run=true", &event()).await;
    let id = answer.expect(200)["id"].clone();
    let span = collector
        .wait_for("the request's span", |span| {
            span.kind == 2 && id == span.text("messaging.message.id")
        })
        .await;
    assert_eq!(span.number("http.response.status_code"), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_context_is_passed_on_without_traces_and_only_by_option() {
    for (option, passed) in [("delivery.trace_context = true", true), ("", false)] {
        let site = Site::with(On::Embedded, option).await;
        let receiver = Receiver::start(vec![Reply::Status(500)]).await;
        site.acme.subscribe(&receiver.url()).await;
        let parent = format!("00-{TRACE}-{PARENT}-01");
        let headers = [("traceparent", parent.as_str()), ("tracestate", "vendor=opaque")];
        publish(&site.acme, &headers, &event()).await;
        let expected = if passed {
            (parent.as_str(), "vendor=opaque")
        } else {
            ("", "")
        };
        for sent in receiver.wait_for(2).await {
            assert_eq!((sent.header("traceparent"), sent.header("tracestate")), expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_collector_costs_spans_and_no_events() {
    let gone = Receiver::start(vec![]).await.address();
    let more = format!(
        "traces.endpoint = \"http://{gone}/v1/traces\"\ntraces.max_queue = 4\ntraces.max_batch = 1\n\
         traces.flush_timeout = \"1s\""
    );
    let mut site = Site::with(On::Embedded, &more).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    for _ in 0..20 {
        publish(&site.acme, &[], &event()).await;
    }
    receiver.wait_for(20).await;
    let counted = |fate: &'static str| {
        let operator = site.gateway.operator();
        async move {
            let metrics = operator.get("/metrics").await.body;
            let text = metrics.as_str().unwrap_or_default().to_owned();
            let line = format!("hookgate_trace_spans_total{{fate=\"{fate}\"}} ");
            let found = text
                .lines()
                .find_map(|found| found.strip_prefix(&line)?.parse::<u64>().ok());
            found.unwrap_or_else(|| panic!("no {line} in {text}"))
        }
    };
    eventually("drops are counted", async || {
        (counted("queue_full").await > 0).then_some(())
    })
    .await;
    assert_eq!(counted("exported").await, 0);
    let failures = |line: &str| line.contains("traces.export_failed");
    eventually("the failure is logged", async || {
        (site.gateway.count_in_log(failures) > 0).then_some(())
    })
    .await;
    assert_eq!(site.gateway.count_in_log(failures), 1, "once");
    let config = site.gateway.dir().join("hookgate.toml");
    let doctor = command()
        .args(["doctor", "--json", "--config"])
        .arg(&config)
        .output();
    let told: Value = serde_json::from_slice(&doctor.unwrap().stdout).unwrap();
    let findings = told["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|finding| finding["check"] == "traces")
        .unwrap();
    assert_eq!(found["state"], "warning", "{found}");
    assert!(site.gateway.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_gets_refused_spans_again_and_the_last_ones_at_the_shutdown() {
    let collector = Collector::start(vec![Reply::Status(503)]).await;
    let site = Setup::embedded().with(&traced(&collector, "")).start();
    let acme = site.tenant("acme").await;
    let receiver = Receiver::start(vec![]).await;
    acme.subscribe(&receiver.url()).await;
    let accepted = publish(&acme, &[], &event()).await;
    ends(&collector, accepted["id"].as_str().unwrap(), "delivered").await;
    drop(site);

    let collector = Collector::start(vec![]).await;
    let late = traced(&collector, "").replace("50ms", "1h");
    let mut gateway = Setup::embedded().with(&late).start();
    let acme = gateway.tenant("acme").await;
    acme.subscribe(&receiver.url()).await;
    let accepted = publish(&acme, &[], &event()).await;
    receiver.wait_for(2).await;
    assert!(gateway.stop().success());
    let (server, attempt) = ends(&collector, accepted["id"].as_str().unwrap(), "delivered").await;
    assert!(attempt.is_below(&server));
}
