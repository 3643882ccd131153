//! Backups of the embedded store: made under load, restored, and refused where they would cause
//! damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hookgate_tests::{OPERATOR_KEY, Receiver, command, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_under_load_restores_what_was_accepted_before_it() {
    let mut site = Site::start(On::Embedded).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let before = site.acme.publish("invoice.paid", json!({ "n": 0 })).await;
    // The receiver has it before its answer is recorded.
    eventually("it is recorded as delivered", async || {
        let event = site.acme.get(&format!("/v1/events/{before}")).await.expect(200);
        (event["deliveries"][0]["status"] == "delivered").then_some(())
    })
    .await;

    let going = Arc::new(AtomicBool::new(true));
    let (client, on) = (site.acme.clone(), Arc::clone(&going));
    let load = tokio::spawn(async move {
        let mut n = 0;
        while on.load(Ordering::Relaxed) {
            client.publish("invoice.paid", json!({ "n": n })).await;
            n += 1;
        }
    });
    let made = back_up(&site).await;
    going.store(false, Ordering::Relaxed);
    load.await.unwrap();
    assert_eq!(made["last"]["error"], Value::Null, "{made:#}");
    let file = newest(&made);

    site.gateway.stop();
    let store = site.gateway.dir().join("data/store/hookgate.redb");
    std::fs::remove_file(&store).unwrap();
    restore(&site, &file, &[]).expect("it is restored");
    let site = site.restart();
    let event = site.acme.get(&format!("/v1/events/{before}")).await.expect(200);
    assert_eq!(event["deliveries"][0]["status"], "delivered", "{event:#}");
    let after = site.acme.publish("invoice.paid", json!({ "n": "after" })).await;
    eventually("new events are delivered", async || {
        receiver
            .received()
            .iter()
            .any(|request| request.id() == after)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_refuses_what_would_do_harm() {
    let mut site = Site::start(On::Embedded).await;
    let file = newest(&back_up(&site).await);
    let said = restore(&site, &file, &["--replace"]).expect_err("a gateway runs");
    assert!(said.contains("is in use"), "{said}");
    site.gateway.stop();
    let said = restore(&site, &file, &[]).expect_err("there is a store");
    assert!(said.contains("--replace"), "{said}");

    let damaged = file.with_file_name("damaged.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    std::fs::write(&damaged, bytes).unwrap();
    let said = restore(&site, &damaged, &["--replace"]).expect_err("it is cut short");
    assert!(said.contains("damaged"), "{said}");

    restore(&site, &file, &["--replace"]).expect("it is restored");
    let replaced = site.gateway.dir().join("data/store/hookgate.redb.replaced");
    assert!(replaced.exists());
    site.restart().acme.get("/v1/subscriptions").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_is_the_operators_and_of_the_embedded_store() {
    let site = Site::start(On::Embedded).await;
    let refused = site.acme.post("/v1/backup", &json!({})).await;
    assert_eq!((refused.status, refused.code()), (403, "operator_required"));

    let site = Site::start(On::Redis).await;
    let refused = site.gateway.operator().post("/v1/backup", &json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "wrong_state"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scheduled_backups_are_kept_up_to_their_number() {
    let site = Site::with(On::Embedded, "backup.every = \"50ms\"\nbackup.keep = 2").await;
    let operator = site.gateway.operator();
    let names = async || -> Vec<String> {
        let state = operator.get("/v1/backup").await.expect(200);
        let files = state["data"].as_array().unwrap().iter();
        files
            .map(|file| file["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = eventually("there is a backup", async || names().await.pop()).await;
    eventually("the first is removed", async || {
        let names = names().await;
        (names.len() == 2 && !names.contains(&first)).then_some(())
    })
    .await;
}

/// Makes a backup with the command and returns the gateway's last answer.
async fn back_up(site: &Site) -> Value {
    let base = site.gateway.base().to_owned();
    let made = tokio::task::spawn_blocking(move || {
        command()
            .args(["backup", "--json", "--url", &base, "--key", OPERATOR_KEY])
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    serde_json::from_slice(&made.stdout).unwrap()
}

/// The newest file in an answer.
fn newest(state: &Value) -> PathBuf {
    let directory = Path::new(state["directory"].as_str().unwrap());
    directory.join(state["data"][0]["name"].as_str().unwrap())
}

fn restore(site: &Site, file: &Path, more: &[&str]) -> Result<(), String> {
    let restored = command()
        .arg("restore")
        .arg(file)
        .arg("--config")
        .arg(site.gateway.dir().join("hookgate.toml"))
        .args(more)
        .output()
        .unwrap();
    if restored.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&restored.stderr).into_owned())
}
