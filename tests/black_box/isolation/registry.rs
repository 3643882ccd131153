//! The registry waits for no single tenant. Keys, deletions and subscriptions of others take effect
//! at every gateway while a tenant's component is compiled, and the tenant's own events wait for
//! its chain rather than pass without it.
//!
//! The tests suspend the compiling process to keep a compilation under way, so that none depends on
//! its duration.

use bytes::Bytes;
use hookgate_tests::guests::{PASS, handling};
use hookgate_tests::{Client, Fsync, Gateway, Receiver, RedisServer, Setup, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::delivering::settled;
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    start_listens_while_components_compile,
    registry_quota_refuses_growth_and_takes_deletions,
    shutdown_does_not_wait_for_a_reload_that_compiles,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_reach_a_gateway_that_compiles_for_another_tenant() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url()).with(LONG_COMPILES);
    let one = setup.start();
    let two = beside(&one, &setup);
    let acme = one.tenant("acme").await;
    let globex = one.tenant("globex").await;
    let initech = one.tenant("initech").await;
    let hooli = one.tenant("hooli").await;
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = globex.subscribe(&receiver.url()).await;
    let (second, newest) = another_key(&one, &globex, "globex").await;
    for client in [&acme, &globex, &initech, &second] {
        known(&client.towards(two.base())).await;
    }

    upload(&acme, slow(1)).await;
    acme.put("/v1/chain", &chain("1.0.0")).await.expect(200);
    let held = Held::compiler_of(&two).await;
    is_loading(&two).await;
    // The same at the first gateway, during another upload.
    let uploading = tokio::spawn(async move {
        let sent = hooli.post_raw("/v1/plugins", "application/wasm", slow(2));
        sent.await
    });
    let held_too = Held::compiler_of(&one).await;

    let operator = one.operator();
    operator
        .delete(&format!("/v1/tenants/globex/keys/{newest}"))
        .await
        .expect(204);
    operator.delete("/v1/tenants/initech").await.expect(204);
    let disable = format!("/v1/subscriptions/{subscription}/disable");
    globex.post(&disable, &json!({})).await.expect(200);

    for revoked in [&second, &initech] {
        let there = revoked.towards(two.base());
        eventually("the key opens nothing at the other gateway", async || {
            (there.get("/v1/subscriptions").await.status == 401).then_some(())
        })
        .await;
    }
    let there = globex.towards(two.base());
    eventually("the subscription is disabled there", async || {
        let shown = there
            .get(&format!("/v1/subscriptions/{subscription}"))
            .await
            .expect(200);
        (shown["status"] == "disabled").then_some(())
    })
    .await;
    there.publish("a.b", json!({})).await;
    let waits = publish(&acme.towards(two.base())).await;
    assert_eq!(
        (waits.status, waits.code()),
        (503, "tenant_loading"),
        "{:#}",
        waits.body
    );
    assert_ne!(waits.header("retry-after"), "");
    is_loading(&two).await;
    assert!(!uploading.is_finished(), "both compilations are still under way");

    drop((held, held_too));
    assert_eq!(uploading.await.unwrap().status, 201);
    accepted(&acme.towards(two.base())).await;
}

async fn start_listens_while_components_compile(on: On) {
    let mut site = Site::with(on, LONG_COMPILES).await;
    let hooli = site.gateway.tenant("hooli").await;
    let globex = site.gateway.tenant("globex").await;
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = hooli.subscribe(&receiver.url()).await;
    globex.subscribe(&receiver.url()).await;
    for author in [&site.acme, &hooli] {
        upload(author, slow(1)).await;
    }
    site.acme.put("/v1/chain", &chain("1.0.0")).await.expect(200);
    let of_deliveries = format!("/v1/subscriptions/{id}/chain");
    hooli.put(&of_deliveries, &chain("1.0.0")).await.expect(200);
    // As after an upgrade of the engine: no machine code is stored.
    site.gateway.stop();
    std::fs::remove_dir_all(site.gateway.dir().join("data/compiled")).unwrap();
    let site = site.restart();
    let held = Held::compiler_of(&site.gateway).await;
    let (hooli, globex) = (
        hooli.towards(site.gateway.base()),
        globex.towards(site.gateway.base()),
    );
    is_loading(&site.gateway).await;

    assert_eq!(publish(&site.acme).await.code(), "tenant_loading");
    let waiting = hooli.publish("a.b", json!({})).await;
    let passing = globex.publish("a.b", json!({})).await;
    let received = receiver.wait_for(1).await;
    assert_eq!(
        received[0].id(),
        passing,
        "the other delivery waits for its chain"
    );
    is_loading(&site.gateway).await;

    drop(held);
    let received = receiver.wait_for(2).await;
    assert_eq!(received[1].id(), waiting);
    let delivery = settled(&hooli, &waiting).await;
    let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    let shown = hooli.get(&path).await.expect(200);
    let attempts = shown["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "waiting is no attempt: {shown:#}");
    accepted(&site.acme).await;
}

async fn registry_quota_refuses_growth_and_takes_deletions(on: On) {
    let site = Site::with(on, "registry.max_bytes_per_tenant = \"40KiB\"").await;
    let globex = site.gateway.tenant("globex").await;
    let headers = json!({ "x-team": "b".repeat(4_000) });
    let new = json!({ "url": "https://example.com", "events": ["*"], "headers": headers });
    let mut made = Vec::new();
    let refused = loop {
        let answer = site.acme.post("/v1/subscriptions", &new).await;
        if answer.status != 201 {
            break answer;
        }
        made.push(answer.body["id"].as_str().unwrap().to_owned());
    };
    assert_eq!(
        (refused.status, refused.code()),
        (422, "registry_full"),
        "{:#}",
        refused.body
    );
    assert!((4..12).contains(&made.len()), "{} of 40 KiB", made.len());
    let chain = json!({ "steps": [{ "plugin": "reshape", "settings": { "operations": [{ "set": "/a", "value": "c".repeat(8_000) }] } }] });
    assert_eq!(site.acme.put("/v1/chain", &chain).await.code(), "registry_full");
    globex.post("/v1/subscriptions", &new).await.expect(201);
    // Changes that make a tenant safer or smaller are always accepted.
    let of = |id: &str, what: &str| format!("/v1/subscriptions/{id}{what}");
    site.acme
        .post(&of(&made[0], "/disable"), &json!({}))
        .await
        .expect(200);
    site.acme.post(&of(&made[0], "/rotate-secret"), &json!({})).await;
    site.acme.delete(&of(&made[1], "")).await.expect(204);
    site.acme.delete(&of(&made[2], "")).await.expect(204);
    site.acme.post("/v1/subscriptions", &new).await.expect(201);
}

async fn shutdown_does_not_wait_for_a_reload_that_compiles(on: On) {
    let mut site = Site::with(on, LONG_COMPILES).await;
    let file = site.gateway.dir().join("hookgate.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let declared = "[tenants.declared]\nkeys = [\"a-key-of-the-declared-tenant\"]\nchain = [{ plugin = \"reshape\", settings = { operations = [] } }]\n";
    std::fs::write(&file, format!("{before}\n{declared}")).unwrap();
    site.gateway.signal(Signal::HUP);
    let held = Held::compiler_of(&site.gateway).await;
    site.gateway.stop();
    drop(held);
}

/// A suspended compiling process of a gateway, resumed on drop.
struct Held(Pid);

impl Held {
    /// Waits until a gateway compiles, and suspends that process.
    async fn compiler_of(gateway: &Gateway) -> Self {
        let child = eventually("the gateway compiles", async || compiler_of(gateway.pid())).await;
        kill_process(child, Signal::STOP).unwrap();
        Self(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The process may have been killed with its gateway.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

fn compiler_of(gateway: u32) -> Option<Pid> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut found = numbers.filter(|pid| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let parent = format!("PPid:\t{gateway}\n");
        read("status").contains(&parent) && read("cmdline").contains("internal-compile")
    });
    found.next().and_then(Pid::from_raw)
}

async fn is_loading(gateway: &Gateway) {
    let ready = gateway.operator().get("/readyz").await.expect(200);
    let warnings = ready["warnings"].to_string();
    assert!(warnings.contains("tenants are still being loaded"), "{warnings}");
}

/// Waits until a gateway accepts a key.
async fn known(client: &Client) {
    eventually("the gateway knows the key", async || {
        (client.get("/v1/subscriptions").await.status == 200).then_some(())
    })
    .await;
}

/// Publishes as soon as the gateway accepts it.
async fn accepted(client: &Client) {
    eventually("the event is accepted", async || {
        let answer = publish(client).await;
        match answer.status {
            202 => Some(()),
            _ => {
                assert_eq!(answer.code(), "tenant_loading", "{:#}", answer.body);
                None
            }
        }
    })
    .await;
}

async fn publish(client: &Client) -> hookgate_tests::client::Answer {
    client
        .post("/v1/events", &json!({ "type": "a.b", "data": {} }))
        .await
}

async fn another_key(gateway: &Gateway, client: &Client, tenant: &str) -> (Client, String) {
    let path = format!("/v1/tenants/{tenant}/keys");
    let made = gateway.operator().post(&path, &json!({})).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    (client.with_key(made["key"].as_str().unwrap()), id)
}

async fn upload(client: &Client, component: Bytes) {
    client
        .post_raw("/v1/plugins", "application/wasm", component)
        .await
        .expect(201);
}

fn chain(version: &str) -> serde_json::Value {
    json!({ "steps": [{ "plugin": "guest", "version": version }] })
}

/// A guest whose compilation takes long enough to be observed.
fn slow(variant: usize) -> Bytes {
    let locals = "i64 ".repeat(1_000);
    let uses: String = (0..1_000)
        .map(|n| {
            format!(
                "(local.set {n} (i64.add (local.get {n}) (i64.const {})))",
                n + variant
            )
        })
        .collect();
    let (open, close) = ("(loop ".repeat(300), ")".repeat(300));
    let busy =
        format!("(func $busy (local {locals}) {open} {uses} (br_if 0 (i64.eqz (local.get 0))) {close})");
    handling(&busy, PASS)
}

fn beside(first: &Gateway, setup: &Setup) -> Gateway {
    let keys = std::fs::read_to_string(first.dir().join("data/secrets.key")).unwrap();
    setup
        .clone()
        .with(&format!("auth.sealing_keys = {:?}", keys.trim()))
        .start()
}

const LONG_COMPILES: &str =
    "plugins.compile_concurrency = 1\nplugins.compile_time = \"10m\"\nplugins.compile_memory = \"2GiB\"";
