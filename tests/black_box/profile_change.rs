//! A tenant's change to another profile: conflicts are reported and refused, shown by a dry run,
//! and overridden by force.

use hookgate_tests::{Client, Receiver};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::delivering::settled;
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    profile_change_is_refused_with_what_it_blocks,
    profile_change_in_the_file_is_refused_with_what_it_blocks,
);

/// A profile with https only, two types, secrets of another form, and one subscription.
const STRICT: &str = r#"
[profiles.strict]
extends = "standard"
endpoint.https_only = true
limits = { subscriptions = 3, patterns = 2 }
patterns = { allow = ["exact"], known_only = true }
payload.modes = ["full"]
[[profiles.strict.catalogue]]
type = "invoice.paid"
description = "An invoice was paid"

[profiles.plain]
extends = "github"

[profiles.one]
extends = "standard"
secret.owner = "tenant"
"#;

async fn change(site: &Site, patch: Value) -> hookgate_tests::Answer {
    site.gateway.operator().patch("/v1/tenants/acme", &patch).await
}

async fn profile(site: &Site) -> Value {
    site.gateway.operator().get("/v1/tenants/acme").await.expect(200)["profile"].clone()
}

fn pointers(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().unwrap().iter();
    errors
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect()
}

async fn subscribe(client: &Client, new: &Value) -> String {
    let made = client.post("/v1/subscriptions", new).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn profile_change_is_refused_with_what_it_blocks(on: On) {
    let site = Site::with(on, STRICT).await;
    let receiver = Receiver::start(vec![]).await;
    let wide =
        json!({ "url": receiver.url(), "events": ["*", "invoice.paid", "order.made"], "payload": "thin" });
    let wide = subscribe(&site.acme, &wide).await;
    let fits = json!({ "url": "https://example.com/", "events": ["invoice.paid"] });
    let fits = subscribe(&site.acme, &fits).await;
    let refused = change(&site, json!({ "profile": "strict", "keep_metadata": false })).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "profile_conflict"),
        "{:#}",
        refused.body
    );
    let place = |part: &str| format!("/subscriptions/{wide}{part}");
    let expected = ["/url", "/events", "/events/0", "/events/2", "/payload"].map(place);
    assert_eq!(pointers(&refused.body), expected);
    assert!(!refused.body.to_string().contains(&fits));
    assert_eq!(profile(&site).await, "standard");

    let shown = change(&site, json!({ "profile": "strict", "dry_run": true }))
        .await
        .expect(200);
    assert_eq!(
        (&shown["profile"], &shown["more_blocked"]),
        (&json!("standard"), &json!(false))
    );
    let blocked = shown["blocked"].as_array().unwrap();
    assert_eq!(blocked.len(), 5);
    assert_eq!(
        (&blocked[0]["subscription"], &blocked[0]["pointer"]),
        (&json!(wide), &json!("/url"))
    );
    assert_eq!(profile(&site).await, "standard");

    // Forced, it takes effect as announced: conflicting subscriptions are blocked, and the others
    // continue.
    let forced = change(&site, json!({ "profile": "strict", "force": true }))
        .await
        .expect(200);
    assert_eq!(forced["blocked"].as_array().unwrap().len(), 5, "{forced:#}");
    assert_eq!(profile(&site).await, "strict");
    let event = site.acme.publish("invoice.paid", json!({})).await;
    let delivery = hookgate_tests::eventually("the delivery is blocked", async || {
        let event = site.acme.get(&format!("/v1/events/{event}")).await.expect(200);
        let deliveries = event["deliveries"].as_array().unwrap().clone();
        deliveries
            .into_iter()
            .find(|one| one["subscription"] == wide && one["last_outcome"] == "blocked")
    })
    .await;
    assert_ne!(delivery["status"], "delivered");
    assert_eq!(receiver.count(), 0);
    // The change back blocks nothing.
    let back = change(&site, json!({ "profile": "standard" })).await.expect(200);
    assert_eq!(
        (&back["blocked"], &back["profile"]),
        (&json!([]), &json!("standard"))
    );

    secrets_and_counts(&site, &wide, &fits).await;
}

async fn secrets_and_counts(site: &Site, wide: &str, fits: &str) {
    // A secret that the old profile accepts and the new one does not.
    let full = json!({ "payload": "full" });
    site.acme
        .patch(&format!("/v1/subscriptions/{wide}"), &full)
        .await
        .expect(200);
    change(site, json!({ "profile": "plain" })).await.expect(200);
    let text = json!({ "url": "https://example.com/", "events": ["*"], "secret": "planted, and no base64" });
    let text = subscribe(&site.acme, &text).await;
    let refused = change(site, json!({ "profile": "standard" })).await;
    assert_eq!(pointers(&refused.body), [format!("/subscriptions/{text}/secret")]);
    assert!(!refused.body.to_string().contains("planted"));
    site.acme
        .delete(&format!("/v1/subscriptions/{text}"))
        .await
        .expect(204);
    // The profile needs the tenant's secret, which is missing, and refuses the subscriptions' own.
    let refused = change(site, json!({ "profile": "one", "signing_secret": null })).await;
    let own = |id: &str| format!("/subscriptions/{id}/secret");
    let mut told = pointers(&refused.body);
    told.sort();
    let mut expected = vec![own(wide), own(fits), "/signing_secret".to_owned()];
    expected.sort();
    assert_eq!(told, expected, "{:#}", refused.body);
    // Too many, and more than the answer names.
    change(site, json!({ "profile": "standard" })).await.expect(200);
    for _ in 0..60 {
        let new = json!({ "url": "http://127.0.0.1:9/", "events": ["invoice.paid"] });
        subscribe(&site.acme, &new).await;
    }
    let shown = change(site, json!({ "profile": "strict", "dry_run": true }))
        .await
        .expect(200);
    let blocked = shown["blocked"].as_array().unwrap();
    assert_eq!((blocked.len(), &shown["more_blocked"]), (50, &json!(true)));
    assert_eq!(
        (&blocked[0]["subscription"], &blocked[0]["pointer"]),
        (&Value::Null, &json!("/profile"))
    );
    // A request that does not change the profile requires no force.
    change(site, json!({ "profile": "standard", "keep_metadata": true }))
        .await
        .expect(200);
    for (bad, status) in [
        (json!({ "profile": "none", "dry_run": true }), 422),
        (json!({ "profile": "strict", "dry_run": "yes" }), 422),
        (json!({ "profile": "strict", "forced": true }), 422),
    ] {
        assert_eq!(change(site, bad.clone()).await.status, status, "{bad}");
    }
}

/// Rewrites the configuration file, sends SIGHUP, and waits for the log line with the result.
async fn reload(site: &Site, rewrite: impl Fn(&str) -> String) -> String {
    let file = site.gateway.dir().join("hookgate.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, rewrite(&before)).unwrap();
    let told = || {
        let log = site.gateway.log().into_iter();
        let words = ["configuration.reloaded", "configuration.refused"];
        log.filter(|line| words.iter().any(|word| line.contains(word)))
            .collect::<Vec<_>>()
    };
    let known = told().len();
    site.gateway.signal(Signal::HUP);
    hookgate_tests::eventually("the reload is told of", async || told().get(known).cloned()).await
}

async fn profile_change_in_the_file_is_refused_with_what_it_blocks(on: On) {
    let declared = "[tenants.shop]\nprofile = \"standard\"\nkeys = [\"a-key-of-the-declared-tenant\"]\n";
    let site = Site::with(on, &format!("{STRICT}{declared}")).await;
    let shop = site.acme.with_key("a-key-of-the-declared-tenant");
    let receiver = Receiver::start(vec![]).await;
    let new = json!({ "url": receiver.url(), "events": ["invoice.paid"] });
    let id = subscribe(&shop, &new).await;
    let profile =
        async || site.gateway.operator().get("/v1/tenants/shop").await.expect(200)["profile"].clone();
    let to_strict = |toml: &str| toml.replace("profile = \"standard\"", "profile = \"strict\"");
    let line = reload(&site, to_strict).await;
    assert!(line.contains("configuration.refused"), "{line}");
    assert!(line.contains(&id) && line.contains("https"), "{line}");
    assert_eq!(profile().await, "standard");
    let event = shop.publish("invoice.paid", json!({})).await;
    assert_eq!(settled(&shop, &event).await["status"], "delivered");
    // A dry run over the API refers to the file.
    let patch = json!({ "profile": "strict", "dry_run": true });
    let refused = site.gateway.operator().patch("/v1/tenants/shop", &patch).await;
    assert_eq!((refused.status, refused.code()), (409, "declared_in_file"));

    let forced = |toml: &str| {
        toml.replace(
            "profile = \"strict\"",
            "profile = \"strict\"\nforce_profile = true",
        )
    };
    let line = reload(&site, forced).await;
    assert!(line.contains("configuration.reloaded"), "{line}");
    assert_eq!(profile().await, "strict");
    // A profile that becomes stricter takes effect, and the blocked subscriptions are reported.
    let stricter = |toml: &str| format!("{toml}\n[profiles.standard.endpoint]\nhttps_only = true\n");
    let own = subscribe(&site.acme, &new).await;
    let line = reload(&site, stricter).await;
    assert!(line.contains("configuration.reloaded"), "{line}");
    let told = site.gateway.log().into_iter();
    let told: Vec<_> = told
        .filter(|line| line.contains("tenant.profile_blocks"))
        .collect();
    assert!(told.len() == 1 && told[0].contains(&own), "{told:?}");
}
