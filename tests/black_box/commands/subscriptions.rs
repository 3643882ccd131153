//! Changes, secrets and recovery of subscriptions.

use hookgate_tests::{Receiver, Setup};
use serde_json::{Value, json};

use super::{User, lines};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(subscription_recover_delivers_what_was_missed);

#[tokio::test]
async fn subscription_update_changes_what_is_given() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    let (id, _) = acme.subscribe("http://127.0.0.1:9/old").await;
    let path = format!("/v1/subscriptions/{id}");
    let update = ["subscription", "update", &id];
    let with = |flags: &[&'static str]| [&update[..], flags].concat();
    let shown = user
        .ok(&with(&[
            "--endpoint",
            "http://127.0.0.1:9/new",
            "--events",
            "invoice.*,order.paid",
            "--filter",
            r#"{"/total":{"$gte":100.50}}"#,
            "--description",
            "ERP",
            "-H",
            "x-team: blue",
            "--timeout",
            "5s",
            "--retry",
            r#"{"schedule":["1m"]}"#,
        ]))
        .await;
    for fact in ["/new", "invoice.*,order.paid", "100.50", "ERP", "x-team"] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }
    let changed = user
        .ok(&with(&["--clear", "description,timeout,retry", "--json"]))
        .await;
    assert!(changed.contains("100.50"), "the digits are kept: {changed}");
    let changed: Value = serde_json::from_str(&changed).unwrap();
    let stored = acme.get(&path).await.expect(200);
    assert_eq!(changed, stored);
    assert_eq!(
        json!([
            stored["description"],
            stored["timeout"],
            stored["retry"],
            stored["events"],
            stored["headers"]
        ]),
        json!([null, null, null, ["invoice.*", "order.paid"], ["x-team"]]),
        "what is not given stays"
    );

    let refused = user.fails(2, &update).await;
    assert!(refused.contains("nothing to change"), "{refused}");
    let refused = user
        .fails(2, &with(&["--description", "x", "--clear", "description"]))
        .await;
    assert!(refused.contains("both set and cleared"), "{refused}");
    user.fails(2, &with(&["--clear", "url"])).await;
    let unknown = user
        .fails(1, &["subscription", "update", "sub_none", "--description", "x"])
        .await;
    assert!(unknown.contains("404"), "{unknown}");
    assert_eq!(
        acme.get(&path).await.expect(200),
        stored,
        "refusals change nothing"
    );
}

#[tokio::test]
async fn subscription_secret_is_printed_alone_and_rotated() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let user = User::of(&gateway, acme.key());
    let (id, first) = acme.subscribe("http://127.0.0.1:9/").await;
    let secret = ["subscription", "secret", &id];
    let shown = user.run(&secret).await;
    assert_eq!(
        (shown.out, shown.errors.as_str()),
        (format!("{first}\n"), ""),
        "nothing but the secret"
    );

    let rotate = ["subscription", "rotate-secret", &id];
    let rotated = user.run(&[&rotate[..], &["--grace", "2h"]].concat()).await;
    assert_eq!(rotated.code, Some(0), "{}", rotated.errors);
    assert!(
        rotated.out.starts_with("whsec_") && rotated.out.lines().count() == 1,
        "{}",
        rotated.out
    );
    assert!(
        rotated.errors.contains("signs until") && !rotated.errors.contains("whsec_"),
        "{}",
        rotated.errors
    );
    assert_eq!(user.ok(&secret).await, rotated.out);
    assert_ne!(rotated.out.trim(), first);
    let shown = user.json(&secret).await;
    assert_eq!(shown["previous"][0]["secret"], first.as_str());

    // The old ones stop at once.
    let given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    std::fs::write(user.path("secret.txt"), format!("{given}\n")).unwrap();
    let rotated = user
        .json(&[&rotate[..], &["--secret-file", "secret.txt", "--grace", "0s"]].concat())
        .await;
    assert_eq!(rotated, json!({ "secret": given, "previous": [] }));
    let public = user
        .ok(&[&rotate[..], &["--signature", "ed25519"]].concat())
        .await;
    assert!(public.starts_with("whpk_"), "{public}");

    let bad = user.fails(2, &[&rotate[..], &["--grace", "soon"]].concat()).await;
    assert!(bad.contains("30s"), "{bad}");
    let unknown = user.fails(1, &["subscription", "secret", "sub_none"]).await;
    assert!(unknown.contains("404"), "{unknown}");
}

async fn subscription_recover_delivers_what_was_missed(on: On) {
    // Calls with two deliveries each: the command goes on until everything is done.
    let site = Site::with(on, "api.recover_deliveries = 2").await;
    let (gateway, acme) = (&site.gateway, &site.acme);
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = acme.subscribe(&receiver.url()).await;
    let user = User::of(gateway, acme.key());
    user.ok(&["subscription", "pause", &id]).await;
    for number in 0..3 {
        acme.publish("invoice.paid", json!({ "number": number })).await;
    }
    acme.publish("order.made", json!({})).await;
    let recover = ["subscription", "recover", &id, "--since", "1h"];
    let refused = user.fails(1, &recover).await;
    assert!(refused.contains("disabled"), "{refused}");
    user.ok(&["subscription", "resume", &id]).await;

    let said = user
        .ok(&[&recover[..], &["--types", "invoice.*,bill.*"]].concat())
        .await;
    assert!(said.contains("3 deliveries are made"), "{said}");
    receiver.wait_for(3).await;
    let parts = user.ok(&[&recover[..], &["--json"]].concat()).await;
    let parts = lines(&parts);
    let made: u64 = parts
        .iter()
        .map(|part| part["deliveries"].as_u64().unwrap())
        .sum();
    assert_eq!(made, 1, "{parts:?}");
    assert_eq!(parts.last().unwrap()["next_cursor"], Value::Null);
    assert_eq!(receiver.wait_for(4).await[3].json()["type"], "order.made");
    let none = user.ok(&[&recover[..], &["--dead"]].concat()).await;
    assert!(none.starts_with("0 deliveries"), "{none}");

    user.fails(2, &recover[..3]).await;
    let bad = user
        .fails(2, &["subscription", "recover", &id, "--since", "yesterday"])
        .await;
    assert!(bad.contains("15m"), "{bad}");
}
