//! Chains and versions of plugins: changes under load, upgrades by uploads, and the chain of a
//! subscription.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hookgate_tests::gateway::root;
use hookgate_tests::{Client, Receiver, Reply, Setup};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    an_event_sees_the_chain_before_or_after_a_change,
    a_subscriptions_chain_makes_the_same_bytes_for_every_attempt,
    an_upload_moves_steps_and_they_go_back,
);

/// A chain of two steps that both write the same number.
fn both_write(number: u32) -> Value {
    let step = |pointer: &str| json!({ "plugin": "reshape", "settings": { "operations": [{ "set": pointer, "value": number }] } });
    json!({ "steps": [step("/first"), step("/second")] })
}

async fn an_event_sees_the_chain_before_or_after_a_change(on: On) {
    const CHANGES: u32 = 100;
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    site.acme.put("/v1/chain", &both_write(0)).await.expect(200);
    let changed = Arc::new(AtomicBool::new(false));
    let publishing: Vec<_> = (0..4)
        .map(|_| {
            let (acme, changed) = (site.acme.clone(), changed.clone());
            tokio::spawn(async move {
                let mut ids = Vec::new();
                while !changed.load(Ordering::Relaxed) {
                    ids.push(acme.publish("a.b", json!({ "n": 1 })).await);
                }
                ids
            })
        })
        .collect();
    for number in 1..=CHANGES {
        site.acme.put("/v1/chain", &both_write(number)).await.expect(200);
    }
    changed.store(true, Ordering::Relaxed);
    let mut ids = Vec::new();
    for task in publishing {
        ids.extend(task.await.unwrap());
    }
    let received = receiver.wait_for(ids.len()).await;
    let mut numbers = Vec::new();
    for received in &received {
        let data = &received.json()["data"];
        assert_eq!(data["first"], data["second"], "half a chain: {data}");
        numbers.push(data["first"].as_u64().unwrap());
    }
    let mut delivered: Vec<_> = received.iter().map(|received| received.id().to_owned()).collect();
    delivered.sort();
    ids.sort();
    assert_eq!(delivered, ids, "each once");
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() > 1, "events came during the changes");
}

async fn a_subscriptions_chain_makes_the_same_bytes_for_every_attempt(on: On) {
    let site = Site::start(on).await;
    let (plain, shaped) = (
        Receiver::start(vec![]).await,
        Receiver::start(vec![Reply::Status(500), Reply::Status(500)]).await,
    );
    site.acme.subscribe(&plain.url()).await;
    let (id, secret) = site.acme.subscribe(&shaped.url()).await;
    let path = format!("/v1/subscriptions/{id}/chain");
    let keep = |field: &str| json!({ "steps": [{ "plugin": "redact", "settings": { "keep": [format!("/{field}")] } }] });
    let set = site.acme.put(&path, &keep("kept")).await.expect(200);
    assert_eq!(set["steps"][0]["plugin"], "redact");
    assert_eq!(site.acme.get("/v1/chain").await.expect(200)["steps"], json!([]));

    let event = json!({ "kept": 1, "gone": 2 });
    site.acme.publish("a.b", event.clone()).await;
    shaped.wait_for(1).await;
    site.acme.put(&path, &keep("gone")).await.expect(200);
    let attempts = shaped.wait_for(3).await;
    for attempt in &attempts {
        assert_eq!(attempt.json()["data"], json!({ "kept": 1 }));
        assert_eq!(
            (attempt.id(), &attempt.body),
            (attempts[0].id(), &attempts[0].body)
        );
        assert!(attempt.verifies(&secret));
    }
    assert_eq!(
        plain.wait_for(1).await[0].json()["data"],
        event,
        "another's is as it was"
    );

    site.acme
        .delete(&format!("/v1/subscriptions/{id}"))
        .await
        .expect(204);
    let gone = site.acme.get(&path).await;
    assert_eq!((gone.status, gone.code()), (404, "not_found"));
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

async fn upload(client: &Client, path: &str, bytes: Vec<u8>) -> Value {
    client.post_raw(path, "application/wasm", bytes).await.expect(201)
}

async fn an_upload_moves_steps_and_they_go_back(on: On) {
    const MINE: &str = "/v1/plugins?name=mine";
    let site = Site::start(on).await;
    let acme = &site.acme;
    let first = upload(acme, MINE, reshape("0.1.0")).await;
    assert_eq!(first["uploaded"]["version"], "0.1.0");
    let chain = json!({ "steps": [
        { "plugin": "mine", "version": "^0.1", "settings": { "operations": [{ "set": "/n", "value": 1 }] } },
        { "plugin": "mine", "version": "0.1.0", "settings": { "operations": [{ "set": "/n", "value": 1 }] },
          "canary": { "version": "0.1.1", "share": 0.5 } },
    ] });
    let refused = acme.put("/v1/chain", &chain).await;
    assert_eq!(
        (refused.status, refused.code()),
        (422, "invalid_field"),
        "there is no 0.1.1 yet"
    );
    let mut plain = chain.clone();
    plain["steps"][1].as_object_mut().unwrap().remove("canary");
    acme.put("/v1/chain", &plain).await.expect(200);

    let second = upload(acme, MINE, reshape("0.1.1")).await;
    let moved: Vec<_> = second["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["step"])
        .collect();
    assert_eq!(moved, [0], "{second:#}");
    let running = async || {
        let chain = acme.get("/v1/chain").await.expect(200);
        let steps = chain["steps"].as_array().unwrap();
        let versions = steps
            .iter()
            .map(|step| step["running"]["version"].as_str().unwrap().to_owned());
        versions.collect::<Vec<_>>()
    };
    assert_eq!(running().await, ["0.1.1", "0.1.0"]);
    let mut other = reshape("0.1.1");
    other.extend(b"\0\x02\x01x");
    let refused = acme.post_raw(MINE, "application/wasm", other).await;
    assert_eq!((refused.status, refused.code()), (409, "version_immutable"));
    let used = acme.delete("/v1/plugins/mine/versions/0.1.1").await;
    assert_eq!((used.status, used.code()), (409, "in_use"));

    acme.put("/v1/chain", &chain).await.expect(200);
    acme.post("/v1/plugins/mine/promote", &json!({}))
        .await
        .expect(200);
    assert_eq!(running().await, ["0.1.1", "0.1.1"]);
    acme.post("/v1/plugins/mine/rollback", &json!({}))
        .await
        .expect(200);
    assert_eq!(running().await, ["0.1.0", "0.1.0"]);
    let again = acme.post("/v1/plugins/mine/promote", &json!({})).await;
    assert_eq!((again.status, again.code()), (409, "wrong_state"));

    let history = acme.get("/v1/chain/history").await.expect(200);
    let what: Vec<_> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["what"])
        .collect();
    assert_eq!(
        what[..4],
        ["rolled_back", "rolled_back", "promoted", "canary_begun"]
    );
    assert!(history["data"][0]["who"].as_str().unwrap().starts_with("key_"));

    let shared = "/v1/shared/plugins";
    let refused = acme.get(shared).await;
    assert_eq!((refused.status, refused.code()), (403, "operator_required"));
    let operator = site.gateway.operator();
    upload(&operator, &format!("{shared}?name=ours"), reshape("0.2.0")).await;
    let seen = acme.get("/v1/plugins/ours").await.expect(200);
    assert_eq!(
        (&seen["owner"], &seen["versions"][0]["version"]),
        (&json!("operator"), &json!("0.2.0"))
    );
}

/// Checks the file's own keys, and the API's answer about them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_chain_of_a_subscription_is_the_files_alone() {
    let toml = |share: &str| {
        format!(
            r#"
[tenants.acme]
keys = ["a-declared-key-of-acme"]
[[tenants.acme.subscriptions]]
url = "https://example.com/hooks"
events = ["page.*"]
chain = [{{ plugin = "redact", version = "^0.1", settings = {{ fields = ["/author"] }}, limits = {{ memory = "1MiB" }}, canary = {{ version = "0.1.0", share = {share} }} }}]
"#
        )
    };
    let gateway = Setup::embedded().with(&toml("0.25")).start();
    let acme = gateway.operator().with_key("a-declared-key-of-acme");
    let list = acme.get("/v1/subscriptions").await.expect(200);
    let path = format!(
        "/v1/subscriptions/{}/chain",
        list["data"][0]["id"].as_str().unwrap()
    );
    let chain = acme.get(&path).await.expect(200);
    let step = &chain["steps"][0];
    for (pointer, expected) in [
        ("/version", json!("^0.1")),
        ("/limits/memory", json!("1MiB")),
        ("/canary/share", json!(0.25)),
        ("/settings/fields/0", json!("/author")),
    ] {
        assert_eq!(step.pointer(pointer), Some(&expected), "{chain:#}");
    }
    let changed = acme.put(&path, &json!({ "steps": [] })).await;
    assert_eq!((changed.status, changed.code()), (409, "declared_in_file"));

    let refused = Setup::embedded()
        .with(&toml("1.5"))
        .try_start()
        .unwrap_err()
        .to_string();
    for words in [
        "tenants.acme.subscriptions.0.chain.0.canary.share",
        "over 0 and at most 1",
    ] {
        assert!(refused.contains(words), "{refused}");
    }
}
