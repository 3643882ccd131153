//! Observability of plugins: metrics, log lines, the steps of each event, system events to
//! operators, and the commands.

use std::process::Output;

use hookgate_tests::gateway::{command, root};
use hookgate_tests::{Authority, Client, Receiver, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    figures_name_no_plugin_that_is_a_tenants_own,
    figures_lines_and_steps_are_the_tenants_own,
    a_delivery_shows_what_its_chain_did,
    a_canary_that_fails_is_called_off_and_told_of,
    a_plugin_that_is_left_alone_is_told_of,
);

/// A component that the test command builds.
fn built(name: &str) -> Vec<u8> {
    std::fs::read(
        root()
            .join("target/guests/built")
            .join(name)
            .with_extension("wasm"),
    )
    .unwrap()
}

/// The shipped `reshape` under another version number.
fn reshape(version: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(root().join("plugins/dist/reshape.wasm")).unwrap();
    let said = b"reshape0.1.0";
    let at = bytes
        .windows(said.len())
        .position(|window| window == said)
        .unwrap()
        + "reshape".len();
    bytes[at..at + version.len()].copy_from_slice(version.as_bytes());
    bytes
}

async fn upload(client: &Client, name: &str, bytes: Vec<u8>) -> Value {
    let path = format!("/v1/plugins?name={name}");
    client
        .post_raw(&path, "application/wasm", bytes)
        .await
        .expect(201)
}

/// A step that fails for an event without `wanted`.
fn picky(plugin: &str) -> Value {
    let operation = json!({ "move": "/wanted", "to": "/found", "required": true });
    json!({ "plugin": plugin, "settings": { "operations": [operation] } })
}

/// The statistics of a plugin's first version.
async fn version(client: &Client, plugin: &str) -> Value {
    let stats = client
        .get(&format!("/v1/plugins/{plugin}/stats"))
        .await
        .expect(200);
    stats["versions"][0].clone()
}

async fn texts(client: &Client, path: &str) -> (Vec<String>, String) {
    let logs = client.get(path).await.expect(200);
    let lines = logs["data"].as_array().unwrap().iter();
    let texts = lines.map(|line| line["text"].as_str().unwrap().to_owned());
    (texts.collect(), logs["next_cursor"].as_str().unwrap().to_owned())
}

async fn figures_lines_and_steps_are_the_tenants_own(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let other = site.gateway.tenant("globex").await;
    upload(acme, "pii", built("pii")).await;
    let mut skipped = picky("reshape");
    skipped["on_failure"] = json!("skip");
    let chain = json!({ "steps": [{ "plugin": "pii" }, skipped] });
    acme.put("/v1/chain", &chain).await.expect(200);
    let data = json!({ "note": "by a@b.example", "n": 1 });
    let id = acme.publish("note.added", data).await;

    let event = acme.get(&format!("/v1/events/{id}")).await.expect(200);
    let [pii, shape] = event["steps"].as_array().unwrap().as_slice() else {
        panic!("{event:#}")
    };
    for (step, field, expected) in [
        (pii, "plugin", json!("pii")),
        (pii, "release", json!("0.1.0")),
        (pii, "canary", json!(false)),
        (pii, "result", json!("passed")),
        (pii, "changed", json!([""])),
        (pii, "failure", Value::Null),
        (shape, "result", json!("skipped")),
        (shape, "failure", json!("refused")),
    ] {
        assert_eq!(step[field], expected, "{field}: {event:#}");
    }
    assert!(pii["took_us"].as_u64().unwrap() > 0, "{event:#}");

    let seen = version(acme, "pii").await;
    for (pointer, expected) in [
        ("/calls", json!(1)),
        ("/verdicts/pass", json!(1)),
        ("/failures", json!({})),
        ("/version", json!("0.1.0")),
        ("/breaker", json!("closed")),
        ("/last_failure", Value::Null),
    ] {
        assert_eq!(seen.pointer(pointer), Some(&expected), "{pointer}: {seen:#}");
    }
    assert!(seen["time"]["p99_us"].as_u64() <= seen["time"]["max_us"].as_u64());
    assert!(seen["bytes_in"].as_u64().unwrap() >= 30, "{seen:#}");
    let failed = version(acme, "reshape").await;
    assert_eq!(failed["failures"], json!({ "refused": 1 }));
    assert_eq!(failed["last_failure"]["kind"], "refused");
    let others = other.get("/v1/plugins/reshape/stats").await.expect(200);
    assert_eq!(others["versions"], json!([]), "another tenant's calls");
    assert_eq!(other.get("/v1/plugins/pii/stats").await.status, 404);

    let logs = acme.get("/v1/plugins/pii/logs").await.expect(200);
    let line = &logs["data"][0];
    assert_eq!(
        (&line["text"], &line["event"], &line["chain"], &line["level"]),
        (
            &json!("texts redacted: 1"),
            &json!(id),
            &json!("ingress"),
            &json!("info")
        )
    );
    let (errors, _) = texts(acme, "/v1/plugins/reshape/logs?level=error").await;
    assert!(errors[0].starts_with("failed (refused): "), "{errors:?}");
    let next = logs["next_cursor"].as_str().unwrap();
    acme.publish("note.added", json!({ "note": "b@c.example" })).await;
    let (more, next) = texts(acme, &format!("/v1/plugins/pii/logs?cursor={next}")).await;
    assert_eq!(more, ["texts redacted: 1"]);
    let (none, _) = texts(acme, &format!("/v1/plugins/pii/logs?cursor={next}")).await;
    assert_eq!(none, [""; 0]);
    let bad = acme.get("/v1/plugins/pii/logs?cursor=x").await;
    assert_eq!((bad.status, bad.code()), (400, "invalid_cursor"));
    assert_eq!(other.get("/v1/plugins/pii/logs").await.status, 404);

    let metrics = site.gateway.operator().get("/metrics").await.body;
    let metrics = metrics.as_str().unwrap();
    for line in [
        r#"hookgate_plugin_calls_total{plugin="other",version="other",verdict="pass"} 2"#,
        r#"hookgate_plugin_failures_total{plugin="reshape",version="0.1.0",kind="refused"} 2"#,
        r#"hookgate_plugin_call_seconds_count{plugin="other",version="other"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let said = site.gateway.log().join("\n");
    assert!(
        !said.contains("texts redacted"),
        "a plugin's text is its author's"
    );

    // The next tenant of this name sees nothing of it.
    let operator = site.gateway.operator();
    operator.delete("/v1/tenants/acme").await.expect(204);
    let again = site.gateway.tenant("acme").await;
    let seen = again.get("/v1/plugins/reshape/stats").await.expect(200);
    assert_eq!(seen["versions"], json!([]));
    assert_eq!(texts(&again, "/v1/plugins/reshape/logs").await.0, [""; 0]);
}

async fn figures_name_no_plugin_that_is_a_tenants_own(on: On) {
    let site = Site::start(on).await;
    let (acme, operator) = (&site.acme, site.gateway.operator());
    operator
        .post_raw(
            "/v1/shared/plugins?name=ours",
            "application/wasm",
            reshape("0.2.0"),
        )
        .await
        .expect(201);
    upload(acme, "project-merger-with-initech", reshape("0.7.7")).await;
    let sets = json!({ "operations": [{ "set": "/n", "value": 1 }] });
    for (plugin, settings, labels) in [
        ("redact", json!({}), Some(r#"plugin="redact",version="0.1.0""#)),
        ("ours", sets.clone(), Some(r#"plugin="ours",version="0.2.0""#)),
        ("project-merger-with-initech", sets, None),
    ] {
        let chain = json!({ "steps": [{ "plugin": plugin, "settings": settings }] });
        acme.put("/v1/chain", &chain).await.expect(200);
        let calls = async |labels: &str| {
            let figures = operator.get("/metrics").await.body;
            let line = format!("hookgate_plugin_calls_total{{{labels},verdict=\"pass\"}} ");
            let mut lines = figures.as_str().unwrap().lines();
            lines.find_map(|found| found.strip_prefix(&line)?.parse::<u64>().ok())
        };
        let labels = labels.unwrap_or(r#"plugin="other",version="other""#);
        let before = calls(labels).await.unwrap_or(0);
        acme.publish("note.added", json!({})).await;
        assert_eq!(calls(labels).await, Some(before + 1), "{plugin}");
    }
    let figures = operator.get("/metrics").await.body.to_string();
    for named in ["merger", "0.7.7", "acme"] {
        assert!(!figures.contains(named), "{named} is in\n{figures}");
    }
}

async fn a_delivery_shows_what_its_chain_did(on: On) {
    let site = Site::with(on, "system_events.plugin_failures = 1\nretry.schedule = [\"0s\"]").await;
    let receiver = Receiver::start(vec![]).await;
    let subscribe = async |step: &Value| {
        let (id, _) = site.acme.subscribe(&receiver.url()).await;
        let path = format!("/v1/subscriptions/{id}/chain");
        site.acme
            .put(&path, &json!({ "steps": [step] }))
            .await
            .expect(200);
        id
    };
    let drops = json!({ "plugin": "filter", "settings": { "drop": { "/n": 1 }, "reason": "not for them" } });
    let (dropped, passed, failed) = (
        subscribe(&drops).await,
        subscribe(&json!({ "plugin": "redact", "settings": { "fields": ["/secret"] } })).await,
        subscribe(&picky("reshape")).await,
    );
    let id = site.acme.publish("a.b", json!({ "n": 1, "secret": 2 })).await;
    let ended = async |subscription: &str| {
        let path = format!("/v1/deliveries?subscription={subscription}");
        let name = eventually("the delivery has ended", async || {
            let deliveries = site.acme.get(&path).await.expect(200);
            let delivery = deliveries["data"][0].clone();
            (delivery["status"] != "pending").then(|| delivery["id"].as_str().unwrap().to_owned())
        });
        let path = format!("/v1/deliveries/{}", name.await);
        site.acme.get(&path).await.expect(200)
    };
    for (subscription, status, outcome, result, failure) in [
        (&dropped, "cancelled", "dropped", "dropped", Value::Null),
        (&passed, "delivered", "delivered", "passed", Value::Null),
        (&failed, "dead", "plugin_failed", "failed", json!("refused")),
    ] {
        let delivery = ended(subscription).await;
        let attempt = &delivery["attempts"][0];
        assert_eq!(
            (
                &delivery["status"],
                &delivery["last_outcome"],
                &attempt["outcome"]
            ),
            (&json!(status), &json!(outcome), &json!(outcome)),
            "{delivery:#}"
        );
        let step = &attempt["steps"][0];
        assert_eq!(
            (&step["result"], &step["failure"]),
            (&json!(result), &failure),
            "{delivery:#}"
        );
        if outcome == "dropped" {
            assert_eq!(attempt["reason"], "filter: not for them");
        }
        if outcome == "delivered" {
            assert_eq!(step["changed"], json!(["/secret"]));
        }
    }
    assert_eq!(receiver.wait_for(1).await[0].json()["data"], json!({ "n": 1 }));
    let (lines, _) = texts(&site.acme, "/v1/plugins/reshape/logs").await;
    assert!(lines[0].starts_with("failed (refused)"), "{lines:?}");
    let logs = site.acme.get("/v1/plugins/reshape/logs").await.expect(200);
    assert_eq!(
        (&logs["data"][0]["event"], &logs["data"][0]["chain"]),
        (&json!(id), &json!(failed))
    );
    let told = system_event(&site, "hookgate.plugin.failing").await;
    assert_eq!(
        (&told["plugin"], &told["reason"]),
        (&json!("reshape"), &json!("refused"))
    );
}

/// The first system event of a type.
async fn system_event(site: &Site, kind: &str) -> Value {
    let operator = site.gateway.operator().acting_for("operator");
    eventually(kind, async || {
        let feed = operator
            .get(&format!("/v1/events?types={kind}"))
            .await
            .expect(200);
        feed["data"]
            .as_array()
            .unwrap()
            .first()
            .map(|event| event["data"].clone())
    })
    .await
}

async fn a_canary_that_fails_is_called_off_and_told_of(on: On) {
    let site = Site::with(on, "plugins.canary.calls = 3").await;
    let acme = &site.acme;
    upload(acme, "shape", reshape("0.1.0")).await;
    upload(acme, "shape", reshape("0.2.0")).await;
    let mut step = picky("shape");
    step["version"] = json!("0.1.0");
    step["on_failure"] = json!("skip");
    step["canary"] = json!({ "version": "0.2.0", "share": 1.0 });
    acme.put("/v1/chain", &json!({ "steps": [step] }))
        .await
        .expect(200);
    let id = acme.publish("a.b", json!({})).await;
    let event = acme.get(&format!("/v1/events/{id}")).await.expect(200);
    let steps: Vec<_> = event["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["release"].as_str().unwrap(),
                &step["canary"],
                step["result"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("0.2.0", &json!(true), "failed"),
            ("0.1.0", &json!(false), "skipped")
        ]
    );
    for _ in 0..2 {
        acme.publish("a.b", json!({})).await;
    }
    let told = system_event(&site, "hookgate.canary.stopped").await;
    for (field, expected) in [
        ("tenant", json!("acme")),
        ("chain", json!("ingress")),
        ("plugin", json!("shape")),
        ("calls", json!(3)),
        ("failed", json!(3)),
    ] {
        assert_eq!(told[field], expected, "{told:#}");
    }
    let stats = acme.get("/v1/plugins/shape/stats").await.expect(200);
    let calls = |version: &str| {
        let versions = stats["versions"].as_array().unwrap();
        let found = versions.iter().find(|seen| seen["version"] == version);
        found.map(|seen| seen["calls"].as_u64().unwrap())
    };
    assert_eq!((calls("0.2.0"), calls("0.1.0")), (Some(3), Some(3)), "{stats:#}");
    let history = acme.get("/v1/chain/history").await.expect(200);
    let last = &history["data"][0];
    assert_eq!(
        (&last["what"], &last["who"], &last["from"], &last["to"]),
        (
            &json!("canary_stopped"),
            &json!("automatic"),
            &json!("0.2.0"),
            &json!("0.1.0")
        )
    );
    assert_eq!(last["note"], "3 of 3 calls failed");
}

async fn a_plugin_that_is_left_alone_is_told_of(on: On) {
    let limits =
        "plugins.operation_output = \"512B\"\nplugins.breaker.failures = 2\nplugins.breaker.pause = \"60s\"";
    let site = Site::with(on, limits).await;
    upload(&site.acme, "pii", built("pii")).await;
    let chain = json!({ "steps": [{ "plugin": "pii" }] });
    site.acme.put("/v1/chain", &chain).await.expect(200);
    for _ in 0..3 {
        // Enough for the validation of the settings, and not for a hundred texts.
        let event = json!({ "type": "a.b", "data": vec!["by a@b.example"; 100] });
        site.acme.post("/v1/events", &event).await;
    }
    let told = system_event(&site, "hookgate.plugin.circuit_opened").await;
    assert_eq!(
        (&told["plugin"], &told["reason"], &told["count"]),
        (&json!("pii"), &json!("operations"), &json!(1))
    );
    let seen = version(&site.acme, "pii").await;
    assert_eq!(
        (&seen["breaker"], &seen["breaker_opened"]),
        (&json!("open"), &json!(1))
    );
    assert_eq!(seen["failures"], json!({ "operations": 2, "breaker": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_speak_to_a_gateway_over_tls_and_say_what_is_wrong() {
    let authority = Authority::new();
    let (cert, key) = authority.server_files();
    let tls = format!("server.tls.cert = {cert:?}\nserver.tls.key = {key:?}");
    let gateway = hookgate_tests::Setup::embedded().with(&tls).start();
    let base = gateway.base().to_owned();
    assert!(base.starts_with("https://"), "{base}");
    let ca = authority.file().to_str().unwrap().to_owned();
    let run = |key: &str, arguments: &[&str]| {
        let mut run = command();
        run.args(arguments).env("HG_KEY", key).env("HG_URL", &base);
        run.output().unwrap()
    };
    let operator = gateway.operator().trusting(authority.file());
    let acme = operator.create_tenant("acme").await;
    upload(&acme, "shape", reshape("0.1.0")).await;
    upload(&acme, "shape", reshape("0.2.0")).await;
    let mut step = picky("shape");
    step["version"] = json!("0.1.0");
    step["on_failure"] = json!("skip");
    step["canary"] = json!({ "version": "0.2.0", "share": 1.0 });
    acme.put("/v1/chain", &json!({ "steps": [step] }))
        .await
        .expect(200);
    acme.publish("a.b", json!({})).await;

    for (arguments, words) in [
        (
            &["list"][..],
            &["PLUGIN", "VERSION", "shape", "0.2.0", "shipped", "tenant"][..],
        ),
        (&["stats", "shape"], &["CALLS", "0.2.0", "0.1.0", "1 refused"]),
        (
            &["logs", "shape", "--limit", "5", "--level", "error"],
            &["error 0.2.0", "ingress", "failed (refused)"],
        ),
        (
            &["promote", "shape"],
            &["step 0 of ingress", "runs 0.2.0, before 0.1.0"],
        ),
        (&["rollback", "shape"], &["runs 0.1.0, before 0.2.0"]),
    ] {
        let arguments = [&["plugin"], arguments, &["--ca", &ca]].concat();
        let ran = run(acme.key(), &arguments);
        let said = said(&ran);
        assert!(ran.status.success(), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: `{word}` is missing:\n{said}");
        }
    }
    let json = run(acme.key(), &["plugin", "stats", "shape", "--json", "--ca", &ca]);
    let stats: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(stats["scope"], "process");

    for (key, arguments, words) in [
        (
            acme.key(),
            &["plugin", "list"][..],
            &["no TLS", "UnknownIssuer", "--ca FILE"][..],
        ),
        (
            "hg_nobody_0123456789",
            &["plugin", "list", "--ca", &ca],
            &["401", "key"],
        ),
        (
            acme.key(),
            &["plugin", "promote", "shape", "--ca", &ca],
            &["409", "has a canary"],
        ),
        (acme.key(), &["plugin", "logs", "none", "--ca", &ca], &["404"]),
        (
            acme.key(),
            &["plugin", "list", "--ca", "/nowhere/ca.pem"],
            &["/nowhere/ca.pem"],
        ),
        (
            acme.key(),
            &["plugin", "list", "--url", "https://127.0.0.1:1"],
            &["127.0.0.1:1", "refused", "is the gateway running"],
        ),
        (
            acme.key(),
            &["plugin", "list", "--url", "ftp://127.0.0.1"],
            &["http:// or https://"],
        ),
    ] {
        let ran = run(key, arguments);
        let said = said(&ran);
        assert_eq!(ran.status.code(), Some(1), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: `{word}` is missing:\n{said}");
        }
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
