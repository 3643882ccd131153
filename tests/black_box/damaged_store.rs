//! A store that was changed on the disk: never silent. What is damaged is named, what is whole goes on or is taken into a new store.

use std::collections::HashMap;
use std::path::Path;

use hookgate_tests::{Receiver, command, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site};

/// Setting without the check at start, for stores that are damaged while deliveries are pending.
const UNCHECKED: &str = "store.embedded.check_at_start = \"0B\"";
const EVENTS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_event_is_named_and_the_others_are_delivered() {
    let (mut site, ids) = pending(UNCHECKED).await;
    site.gateway.stop();
    let file = site.gateway.dir().join("data/store/hookgate.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    let mark = text(7).into_bytes();
    let places = |bytes: &[u8]| -> Vec<usize> {
        let starts = bytes.windows(mark.len()).enumerate();
        starts
            .filter(|(_, part)| *part == mark)
            .map(|(at, _)| at)
            .collect()
    };
    let found = places(&bytes);
    assert!(!found.is_empty());
    for at in found {
        bytes[at] = b'T';
    }
    std::fs::write(&file, &bytes).unwrap();

    let (code, checked) = store(&site, &["check", "--json"]);
    assert_eq!(code, 1, "{checked:#}");
    assert_eq!(checked["whole"], false);
    assert!(checked["pages"].is_string(), "{checked:#}");
    assert_eq!(checked["tenants"], json!(["acme"]), "{checked:#}");

    let receiver = Receiver::start(vec![]).await;
    let site = site.restart();
    lead_to(&site, &receiver).await;
    arrive(&receiver, &ids, EVENTS - 1).await;
    let ready = eventually("it is told", async || {
        let ready = site.gateway.operator().get("/readyz").await;
        ready.body["warnings"]
            .to_string()
            .contains("records of its file are damaged")
            .then_some(ready)
    })
    .await;
    assert_eq!(ready.status, 200, "{:#}", ready.body);
    eventually("it is counted", async || {
        let metrics = site.gateway.operator().get("/metrics").await.body;
        let counted = metrics
            .as_str()?
            .contains("hookgate_store_damaged_records_total 1");
        counted.then_some(())
    })
    .await;
    let damaged = site.acme.get(&format!("/v1/events/{}", ids[7])).await;
    assert_eq!(
        (damaged.status, damaged.code()),
        (503, "store_damaged"),
        "{:#}",
        damaged.body
    );
    let after = site
        .acme
        .publish("invoice.paid", json!({ "text": "after" }))
        .await;
    eventually("new events are delivered", async || {
        receiver
            .received()
            .iter()
            .any(|request| request.id() == after)
            .then_some(())
    })
    .await;
    let altered = receiver
        .received()
        .iter()
        .any(|request| request.text().contains("The text"));
    assert!(!altered, "what was altered is not delivered");
    assert_eq!(site.gateway.count_in_log(|line| line.contains("panicked")), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_store_is_refused_and_what_is_whole_is_taken_into_a_new_one() {
    let (mut site, ids) = pending("").await;
    site.gateway.stop();
    let (code, checked) = store(&site, &["check", "--json"]);
    assert_eq!((code, &checked["whole"]), (0, &json!(true)), "{checked:#}");
    let directory = site.gateway.dir().join("data/store");
    let file = directory.join("hookgate.redb");
    let whole = std::fs::read(&file).unwrap();
    let (mut refused, mut readable) = (0, None);
    for (n, (at, change)) in places(&whole).into_iter().enumerate() {
        let mut bytes = whole.clone();
        change(&mut bytes[at..(at + 4096).min(whole.len())]);
        if bytes == whole {
            continue;
        }
        std::fs::write(&file, &bytes).unwrap();
        let (code, checked) = store(&site, &["check", "--json"]);
        assert_eq!(code, i32::from(checked["whole"] == false), "{at}: {checked:#}");
        refused += code;
        let to = site.gateway.dir().join(format!("salvaged-{n}"));
        let (taken, told) = store(&site, &["salvage", "--json", "--to", to.to_str().unwrap()]);
        let events = |view: &Value, of: &str| {
            let tables = view["tables"].as_array().into_iter().flatten();
            let table = tables.clone().find(|table| table["name"] == "events");
            table.map_or(0, |table| table[of].as_u64().unwrap())
        };
        let tables = told["tables"].as_array().into_iter().flatten();
        let others_whole = tables
            .filter(|table| table["name"] != "events")
            .all(|table| table["damaged"] == 0 && table["missing"] == 0);
        if code == 1 && taken == 0 && others_whole && (1..EVENTS as u64).contains(&events(&told, "whole")) {
            readable = Some(bytes);
        }
        match taken {
            // Never silent: what is not whole is counted.
            0 => assert_eq!(
                events(&told, "whole") + events(&told, "damaged") + events(&told, "missing"),
                EVENTS as u64,
                "{at}: {told:#}"
            ),
            _ => assert_eq!(code, 1, "{at}: what nothing can be read of is damaged"),
        }
    }
    assert!(refused > 5, "{refused} of the places are in use");

    // One for all.
    std::fs::write(&file, readable.expect("one of which something can be read")).unwrap();
    let to = site.gateway.dir().join("salvaged");
    let (code, told) = store(&site, &["salvage", "--json", "--to", to.to_str().unwrap()]);
    assert_eq!(code, 0, "{told:#}");
    std::fs::rename(&file, directory.join("damaged")).unwrap();
    std::fs::rename(to.join("hookgate.redb"), &file).unwrap();
    let (code, checked) = store(&site, &["check", "--json"]);
    assert_eq!(code, 0, "{checked:#}");
    let taken = checked["tables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|table| table["name"] == "events")
        .unwrap();
    let taken = usize::try_from(taken["whole"].as_u64().unwrap()).unwrap();
    let receiver = Receiver::start(vec![]).await;
    let mut site = site.restart();
    lead_to(&site, &receiver).await;
    arrive(&receiver, &ids, taken).await;

    site.gateway.stop();
    std::fs::rename(directory.join("damaged"), &file).unwrap();
    let said = site.gateway.try_restart().expect_err("it is damaged").to_string();
    for word in ["hookgate.redb", "hookgate store"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

/// A way to damage a page.
type Change = fn(&mut [u8]);

/// Places all over a file, each with a page zeroed and with a byte changed.
fn places(file: &[u8]) -> Vec<(usize, Change)> {
    let zeroed: Change = |page| page.fill(0);
    let flipped: Change = |page| page[17] ^= 0x10;
    let used: Vec<usize> = (0..file.len() / 4096)
        .map(|page| page * 4096)
        .filter(|at| file[*at..at + 4096].iter().any(|byte| *byte != 0))
        .collect();
    let step = (used.len() / 25).max(1);
    let some: Vec<usize> = used.into_iter().step_by(step).collect();
    some.into_iter()
        .flat_map(|at| [(at, zeroed), (at, flipped)])
        .collect()
}

/// A gateway with events that are pending: nobody listens at their endpoint yet.
async fn pending(toml: &str) -> (Site, Vec<String>) {
    let settings = format!("{toml}\nretry.attempts = 100\nscheduler.pause_longest = \"1s\"");
    let site = Site::with(On::Embedded, &settings).await;
    site.acme.subscribe("http://127.0.0.1:9/hook").await;
    let mut ids = Vec::new();
    for n in 0..EVENTS {
        ids.push(
            site.acme
                .publish("invoice.paid", json!({ "text": text(n) }))
                .await,
        );
    }
    (site, ids)
}

fn text(n: usize) -> String {
    format!(
        "the text of event {n:03} is long enough to be found {}",
        "x".repeat(200)
    )
}

/// Has the pending deliveries go to a receiver.
async fn lead_to(site: &Site, receiver: &Receiver) {
    let list = site.acme.get("/v1/subscriptions").await.expect(200);
    let id = list["data"][0]["id"].as_str().unwrap();
    let url = json!({ "url": receiver.url() });
    site.acme
        .patch(&format!("/v1/subscriptions/{id}"), &url)
        .await
        .expect(200);
}

/// So many of the events arrive, each as it was sent.
async fn arrive(receiver: &Receiver, ids: &[String], count: usize) {
    let numbers: HashMap<&str, usize> = ids.iter().enumerate().map(|(n, id)| (id.as_str(), n)).collect();
    eventually(&format!("{count} events have come"), async || {
        let mut came: Vec<usize> = Vec::new();
        for request in receiver.received() {
            if let Some(n) = numbers.get(request.id()) {
                assert_eq!(request.json()["data"]["text"], text(*n));
                came.push(*n);
            }
        }
        came.sort_unstable();
        came.dedup();
        (came.len() >= count).then_some(())
    })
    .await;
}

/// `hookgate store`; its exit code and what it said.
fn store(site: &Site, words: &[&str]) -> (i32, Value) {
    let config = site.gateway.dir().join("hookgate.toml");
    run(&config, words)
}

fn run(config: &Path, words: &[&str]) -> (i32, Value) {
    let output = command()
        .arg("store")
        .args(words)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!error.contains("panicked"), "{error}");
    let view = serde_json::from_str(&said).unwrap_or(Value::String(format!("{said}{error}")));
    (output.status.code().unwrap_or(-1), view)
}
