//! Tables of names in a running gateway: confidential names are removed, harmless ones stay.
//!
//! Each name is tried in each style, in push, feed and answers. The tables are shared with the unit
//! tests of the plugin and the gateway.

use std::collections::BTreeSet;

use hookgate_tests::Receiver;
use serde_json::{Map, Value, json};

use crate::contracts::{client_of, publish};
use crate::site::{On, Site, on_both_stores};

#[path = "../../plugins/redact/src/dictionary_cases.rs"]
mod cases;

on_both_stores!(
    dictionary_takes_confidential_names_in_every_style,
    dictionary_leaves_harmless_names_in_every_style,
    dictionary_takes_pairs_and_leaves_what_only_looks_like_them,
);

const FEED: &str = "/api/v1/webhooks/events";

/// The names of a table, in every style that a name can be written in.
fn in_every_style(table: &str) -> Vec<String> {
    let distinct: BTreeSet<&str> = table.split_whitespace().collect();
    assert!(distinct.len() >= 150, "{} names", distinct.len());
    let mut styled = BTreeSet::new();
    for name in distinct {
        styled.insert(name.to_owned());
        // Only names with known word boundaries.
        if !name.is_ascii() || !name.contains('_') || name.chars().any(|c| c.is_ascii_uppercase()) {
            continue;
        }
        let words: Vec<&str> = name.split('_').collect();
        let capital = |word: &&str| {
            let (first, rest) = word.split_at(1);
            format!("{}{rest}", first.to_ascii_uppercase())
        };
        let capitals: Vec<String> = words.iter().map(capital).collect();
        styled.extend([
            words.join("-"),
            words.join(" "),
            capitals.concat(),
            capitals.join("-"),
            format!("{}{}", words[0], capitals[1..].concat()),
            name.to_ascii_uppercase(),
        ]);
    }
    styled.into_iter().collect()
}

/// Publishes data as an event of a tenant with SynthesQ's contract; returns the data of its push,
/// of the feed, and of the answer about it.
async fn shown(on: On, data: Value) -> [Value; 3] {
    let site = Site::start(on).await;
    let client = client_of(&site, "synthesq").await;
    let receiver = Receiver::start(vec![]).await;
    let subscription = json!({ "url": receiver.url(), "events": ["*"] });
    client.post("/v1/subscriptions", &subscription).await.expect(201);
    let event = json!({ "type": "customer.created", "data": data });
    let id = publish(&client, &event.to_string()).await;
    let pushed = receiver.wait_for(1).await.remove(0);
    let mut feed = client.get(FEED).await.expect(200);
    let mut answer = client.get(&format!("/v1/events/{id}")).await.expect(200);
    [
        pushed.json()["data"].take(),
        feed["data"][0]["data"].take(),
        answer["data"].take(),
    ]
}

/// An object with every name, and again within an object within an array.
fn members(names: &[String]) -> Value {
    let all: Map<String, Value> = names
        .iter()
        .enumerate()
        .map(|(n, name)| (name.clone(), json!(format!("planted-{n}"))))
        .collect();
    json!({ "id": 7, "nested": [{ "id": 8, "all": all }], "all": all })
}

async fn dictionary_takes_confidential_names_in_every_style(on: On) {
    let names = in_every_style(cases::TAKEN);
    for data in shown(on, members(&names)).await {
        let left = json!({ "id": 7, "nested": [{ "id": 8, "all": {} }], "all": {} });
        assert_eq!(data, left);
    }
}

async fn dictionary_leaves_harmless_names_in_every_style(on: On) {
    let sent = members(&in_every_style(cases::KEPT));
    for data in shown(on, sent.clone()).await {
        for place in ["/all", "/nested/0/all"] {
            let there = data.pointer(place).and_then(Value::as_object).unwrap();
            let all = sent.pointer(place).and_then(Value::as_object).unwrap();
            let gone: Vec<_> = all.keys().filter(|name| !there.contains_key(*name)).collect();
            assert!(gone.is_empty(), "{gone:?}");
        }
        assert_eq!(data, sent);
    }
}

async fn dictionary_takes_pairs_and_leaves_what_only_looks_like_them(on: On) {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let (sent, left): (Vec<Value>, Vec<Value>) = cases::PAIRS_TAKEN
        .iter()
        .map(|(sent, left)| (read(sent), read(left)))
        .chain(cases::PAIRS_KEPT.iter().map(|kept| (read(kept), read(kept))))
        .unzip();
    for data in shown(on, json!({ "pairs": sent })).await {
        assert_eq!(data, json!({ "pairs": left }));
    }
}
