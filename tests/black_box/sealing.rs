//! Rotation of the sealing key while the gateway runs; a key in use is never dropped.

use std::path::PathBuf;

use hookgate_tests::{Client, Fsync, Gateway, Receiver, RedisServer, Setup, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    a_key_is_rotated_and_the_old_one_dropped,
    a_rotation_that_was_killed_is_taken_up,
);

async fn a_key_is_rotated_and_the_old_one_dropped(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let body =
        json!({ "url": receiver.url(), "events": ["*"], "headers": { "x-token": "a-header-of-its-own" } });
    let made = site.acme.post("/v1/subscriptions", &body).await.expect(201);
    let secret = made["secret"].as_str().unwrap().to_owned();
    let operator = site.gateway.operator();
    let before = keys(&operator).await;
    let old = id(&before[0]);
    assert_eq!((before.len(), &before[0]["seals"]), (1, &json!(true)));

    // Another gateway may be on the same Redis, and would lack a key generated here.
    let alone = matches!(on, On::Redis);
    if alone {
        let refused = operator.post("/v1/sealing-keys/rotate", &json!({})).await;
        assert_eq!(
            (refused.status, refused.code()),
            (409, "wrong_state"),
            "{:#}",
            refused.body
        );
        assert_eq!(file(&site.gateway).lines().count(), 1, "nothing was done");
    }
    let rotate = json!({ "alone": alone });
    let rotated = operator
        .post("/v1/sealing-keys/rotate", &rotate)
        .await
        .expect(200);
    assert_eq!(
        (&rotated["made"], &rotated["unused"]),
        (&json!(true), &json!([old])),
        "{rotated:#}"
    );
    // The tenant's own secret, the subscription's secret, and its header.
    assert_eq!(
        (&rotated["resealed"], &rotated["tenants"]),
        (&json!(3), &json!(1))
    );
    let after = keys(&operator).await;
    let told: Vec<_> = after.iter().map(|key| (id(key), key["sealed"].clone())).collect();
    assert_eq!(told, [(id(&rotated["key"]), json!(3)), (old.clone(), json!(0))]);
    let refused = operator
        .delete(&format!("/v1/sealing-keys/{}", id(&rotated["key"])))
        .await;
    assert_eq!((refused.status, refused.code()), (409, "in_use"));

    operator
        .delete(&format!("/v1/sealing-keys/{old}"))
        .await
        .expect(204);
    assert_eq!(file(&site.gateway).lines().count(), 1);
    let site = site.restart();
    site.acme.publish("a.b", json!({})).await;
    let received = receiver.wait_for(1).await;
    assert!(received[0].verifies(&secret));
    assert_eq!(received[0].header("x-token"), "a-header-of-its-own");
    let forbidden = site.acme.get("/v1/sealing-keys").await;
    assert_eq!(forbidden.code(), "operator_required");
}

async fn a_rotation_that_was_killed_is_taken_up(on: On) {
    let mut site = Site::start(on).await;
    let mut secrets = Vec::new();
    for n in 0..12 {
        let tenant = site.gateway.tenant(&format!("t{n}")).await;
        secrets.push(tenant.get("/v1/signing-secret").await.expect(200));
    }
    let old = id(&keys(&site.gateway.operator()).await[0]);
    let alone = json!({ "alone": true });
    let operator = site.gateway.operator();
    let asking = {
        let (operator, alone) = (operator.clone(), alone.clone());
        tokio::spawn(async move {
            let request = operator
                .request(reqwest::Method::POST, "/v1/sealing-keys/rotate")
                .json(&alone);
            operator.try_send(request).await
        })
    };
    eventually("the new key is written", async || {
        (file(&site.gateway).lines().count() == 2).then_some(())
    })
    .await;
    site.gateway.kill();
    let _ = asking.await;

    // Every secret can be opened.
    let site = site.restart();
    let operator = site.gateway.operator();
    for (n, secret) in secrets.iter().enumerate() {
        let tenant = operator.acting_for(&format!("t{n}"));
        assert_eq!(tenant.get("/v1/signing-secret").await.expect(200), *secret);
    }
    let needed = keys(&operator)
        .await
        .iter()
        .any(|key| id(key) == old && key["sealed"] != 0);
    let dropped = operator.delete(&format!("/v1/sealing-keys/{old}")).await;
    assert_eq!(
        dropped.status,
        if needed { 409 } else { 204 },
        "{:#}",
        dropped.body
    );
    if needed {
        let rotated = operator.post("/v1/sealing-keys/rotate", &alone).await.expect(200);
        assert_eq!(
            rotated["made"], false,
            "the one that was begun is finished: {rotated:#}"
        );
        operator
            .delete(&format!("/v1/sealing-keys/{old}"))
            .await
            .expect(204);
    }
    let site = site.restart();
    let operator = site.gateway.operator();
    let left: Vec<_> = keys(&operator)
        .await
        .iter()
        .map(|key| key["sealed"].clone())
        .collect();
    assert_eq!(left, [json!(13)], "one secret a tenant, all under one key");
    for (n, secret) in secrets.iter().enumerate() {
        let tenant = operator.acting_for(&format!("t{n}"));
        assert_eq!(tenant.get("/v1/signing-secret").await.expect(200), *secret);
    }
}

/// Rotation of the sealing key of several gateways, without a restart.
///
/// The steps of the operator: add the new key as the last, everywhere; make it the first,
/// everywhere; rotate; remove the old one. Each gateway reads every secret at each step.
#[tokio::test(flavor = "multi_thread")]
async fn several_gateways_change_their_key_without_a_restart() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let (old, new) = (new_key(), new_key());
    let setup = Setup::redis(&redis.url()).with("retry.base = \"20ms\"\nretry.max = \"100ms\"");
    let keys_of = |keys: &[&str]| format!("auth.sealing_keys = \"\"\"\n{}\"\"\"", keys.join("\n"));
    let setup = setup.with(&keys_of(&[&old]));
    let (one, two) = (setup.start(), setup.start());
    let receiver = Receiver::start(vec![]).await;
    let acme = one.tenant("acme").await;
    let (sub, _) = acme.subscribe(&receiver.url()).await;
    let operators = [one.operator(), two.operator()];
    let write = |gateway: &Gateway, keys: &[&str]| {
        let path = gateway.dir().join("hookgate.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let start = text.find("auth.sealing_keys").unwrap();
        std::fs::write(&path, format!("{}{}\n", &text[..start], keys_of(keys))).unwrap();
        gateway.signal(Signal::HUP);
    };
    let set = async |keys: &[&str]| {
        for (gateway, operator) in [&one, &two].into_iter().zip(&operators) {
            write(gateway, keys);
            eventually("the gateway has taken the keys", async || {
                let shown = self::keys(operator).await;
                let own = shown.iter().filter(|key| key["at_hand"] == true);
                (own.count() == keys.len() && shown[0]["seals"] == true).then_some(())
            })
            .await;
            // Both gateways open the secrets that either of them seals.
            for operator in &operators {
                let acme = operator.acting_for("acme");
                let rotated = acme
                    .post(&format!("/v1/subscriptions/{sub}/rotate-secret"), &json!({}))
                    .await
                    .expect(200);
                for operator in &operators {
                    let acme = operator.acting_for("acme");
                    eventually("each gateway opens it", async || {
                        let shown = acme.get(&format!("/v1/subscriptions/{sub}/secret")).await;
                        (shown.status == 200 && shown.body["secret"] == rotated["secret"]).then_some(())
                    })
                    .await;
                }
            }
        }
    };
    let nothing = operators[0].post("/v1/sealing-keys/rotate", &json!({})).await;
    assert_eq!(
        (nothing.status, nothing.code()),
        (409, "declared_in_file"),
        "{:#}",
        nothing.body
    );
    set(&[&old, &new]).await;
    set(&[&new, &old]).await;
    // Too early: the tenant's own secret is still sealed with the old one.
    write(&one, &[&new]);
    eventually("the gateway refuses", async || {
        one.log()
            .iter()
            .any(|line| line.contains("sealing_keys.refused"))
            .then_some(())
    })
    .await;
    write(&one, &[&new, &old]);
    let rotated = operators[1]
        .post("/v1/sealing-keys/rotate", &json!({}))
        .await
        .expect(200);
    assert_eq!(rotated["made"], false);
    assert_eq!(rotated["unused"].as_array().unwrap().len(), 1, "{rotated:#}");
    set(&[&new]).await;
    acme.publish("a.b", json!({})).await;
    receiver.wait_for(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_a_key_that_is_needed_does_not_start() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let (old, new) = (new_key(), new_key());
    let with =
        |keys: &str| Setup::redis(&redis.url()).with(&format!("auth.sealing_keys = \"\"\"\n{keys}\"\"\""));
    let mut first = with(&old).start();
    first.tenant("acme").await;
    let id = id(&keys(&first.operator()).await[0]);
    first.stop();
    let mut both = with(&format!("{new}\n{old}")).start();
    both.stop();
    let refused = with(&new).try_start().unwrap_err().to_string();
    assert!(
        refused.contains(&id) && refused.contains("hookgate keys rotate"),
        "{refused}"
    );
    for key in [&old, &new] {
        assert!(!refused.contains(key.as_str()), "{refused}");
    }
    let unknown = with(&new_key()).try_start().unwrap_err().to_string();
    assert!(
        unknown.contains("sealed with another key") && unknown.contains("auth.sealing_keys"),
        "{unknown}"
    );
    let none = with("not a key").try_start().unwrap_err().to_string();
    assert!(
        none.contains("auth.sealing_keys") && none.contains("32 bytes in base64"),
        "{none}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_does_it_too() {
    let site = Site::start(On::Embedded).await;
    let run = |arguments: &[&str]| {
        let mut command = hookgate_tests::gateway::command();
        command.arg("keys").args(arguments);
        command.args([
            "--url",
            site.gateway.base(),
            "--key",
            hookgate_tests::gateway::OPERATOR_KEY,
        ]);
        let done = command.output().unwrap();
        (
            done.status.code(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&done.stdout),
                String::from_utf8_lossy(&done.stderr)
            ),
        )
    };
    let (code, listed) = run(&["list"]);
    assert!(code == Some(0) && listed.contains("seals"), "{listed}");
    let old = listed.split_whitespace().next().unwrap().to_owned();
    let (code, rotated) = run(&["rotate"]);
    assert!(
        code == Some(0) && rotated.contains(&format!("hookgate keys remove {old}")),
        "{rotated}"
    );
    let (code, removed) = run(&["remove", &old]);
    assert!(code == Some(0), "{removed}");
    let (code, again) = run(&["remove", &old]);
    assert!(code == Some(1) && again.contains("404"), "{again}");
}

/// The request was executed; its answer was sealed with a key that was removed. It is not executed
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_key_was_dropped_is_told_so() {
    let site = Site::start(On::Embedded).await;
    let ask = async || {
        let body = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
        let request = site.acme.request(reqwest::Method::POST, "/v1/subscriptions");
        let request = request.header("idempotency-key", "k").json(&body);
        site.acme.send(request).await
    };
    ask().await.expect(201);
    assert_eq!(ask().await.header("idempotent-replayed"), "true");
    let operator = site.gateway.operator();
    let old = id(&keys(&operator).await[0]);
    operator
        .post("/v1/sealing-keys/rotate", &json!({}))
        .await
        .expect(200);
    assert_eq!(ask().await.status, 201, "the old key still opens it");
    operator
        .delete(&format!("/v1/sealing-keys/{old}"))
        .await
        .expect(204);
    for _ in 0..2 {
        let lost = ask().await;
        assert_eq!(
            (lost.status, lost.code()),
            (410, "answer_lost"),
            "{:#}",
            lost.body
        );
        assert_eq!(lost.body["retry"], "no");
    }
    let listed = site.acme.get("/v1/subscriptions").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "it was done once");
}

/// One gateway has a new key to seal with before the other gateway has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_lacks_a_key_takes_nothing_that_it_could_misplace() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let (old, new) = (new_key(), new_key());
    let keys_of = |keys: &[&str]| format!("auth.sealing_keys = \"\"\"\n{}\"\"\"", keys.join("\n"));
    let setup = |keys: &[&str]| Setup::redis(&redis.url()).with(&keys_of(keys));
    let receiver = Receiver::start(vec![]).await;
    let two = setup(&[&old]).start();
    let lacking = two.tenant("acme").await;
    let other = two.tenant("other").await;
    let one = setup(&[&new, &old]).start();
    let acme = lacking.towards(one.base());
    acme.subscribe(&receiver.url()).await;
    let event = json!({ "type": "a.b", "data": {} });
    eventually("it takes no events of the tenant", async || {
        let refused = lacking.post("/v1/events", &event).await;
        (refused.code() == "tenant_unreadable").then_some(())
    })
    .await;
    let ready = two.operator().get("/readyz").await.expect(200);
    let id = id(&keys(&one.operator()).await[0]);
    let warnings = ready["warnings"].to_string();
    assert!(warnings.contains(&id) && warnings.contains("acme"), "{warnings}");
    for caller in [&lacking, &lacking.with_key(""), &lacking.with_key("guessed")] {
        let told = caller.get("/readyz").await.expect(200)["warnings"].to_string();
        assert!(told.contains("1 tenants changed"), "{told}");
        assert!(!told.contains(&id) && !told.contains("acme"), "{told}");
    }
    eventually("the log says it", async || {
        two.log()
            .iter()
            .any(|line| line.contains("tenant.unreadable"))
            .then_some(())
    })
    .await;
    other.publish("a.b", json!({})).await;
    // Events that the other gateway accepts are delivered, whichever gateway claims them; nothing
    // is disabled.
    acme.publish("a.b", json!({})).await;
    receiver.wait_for(1).await;
    let path = two.dir().join("hookgate.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let start = text.find("auth.sealing_keys").unwrap();
    let both = keys_of(&[&old, &new]);
    std::fs::write(&path, format!("{}{both}\n", &text[..start])).unwrap();
    two.signal(Signal::HUP);
    eventually("it takes them again", async || {
        let taken = lacking.post("/v1/events", &event).await;
        (taken.status == 202).then_some(())
    })
    .await;
    assert_eq!(
        two.operator().get("/readyz").await.expect(200)["warnings"]
            .to_string()
            .find("acme"),
        None
    );
    let listed = acme.get("/v1/subscriptions").await.expect(200);
    assert_eq!(listed["data"][0]["status"], "active");
}

async fn keys(operator: &Client) -> Vec<Value> {
    let listed = operator.get("/v1/sealing-keys").await.expect(200);
    listed["data"].as_array().unwrap().clone()
}

fn id(key: &Value) -> String {
    let id = key.as_str().or_else(|| key["id"].as_str());
    id.unwrap().to_owned()
}

fn file(gateway: &Gateway) -> String {
    let path: PathBuf = gateway.dir().join("data/secrets.key");
    std::fs::read_to_string(path).unwrap()
}

fn new_key() -> String {
    let made = hookgate_tests::gateway::command()
        .args(["keys", "new"])
        .output()
        .unwrap();
    let key = String::from_utf8(made.stdout).unwrap();
    assert_eq!(key.trim_end().len(), 44, "32 bytes in base64");
    key.trim_end().to_owned()
}
