//! SIGHUP: profiles are reloaded and take effect at once; keys that need a restart are named.

use hookgate_tests::{Authority, Client, Receiver, Reply, Setup, eventually};
use rustix::process::Signal;
use serde_json::json;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    profiles_that_are_reloaded_hold_at_once,
    what_takes_a_restart_is_named,
    refused_reload_changes_nothing,
    privacy_that_is_reloaded_holds_at_once,
    egress_and_log_level_are_reloaded,
);

const LIMITED: &str = r#"
[profiles.synthesq.limits]
subscriptions = 1
"#;

/// Appends to the configuration file, sends SIGHUP, and waits for the log line with the result.
async fn reload(site: &Site, more: &str) -> String {
    let file = site.gateway.dir().join("hookgate.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{before}\n{more}")).unwrap();
    let known = told(site).len();
    site.gateway.signal(Signal::HUP);
    eventually("the reload is told of", async || told(site).get(known).cloned()).await
}

fn told(site: &Site) -> Vec<String> {
    let words = [
        "configuration.reloaded",
        "configuration.partly_reloaded",
        "configuration.refused",
    ];
    let log = site.gateway.log();
    let told = log
        .into_iter()
        .filter(|line| words.iter().any(|word| line.contains(word)));
    told.collect()
}

async fn of_profile(site: &Site, profile: &str) -> Client {
    let tenant = json!({ "id": "shop", "profile": profile });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    site.acme.with_key(made["key"].as_str().unwrap())
}

async fn profiles_that_are_reloaded_hold_at_once(on: On) {
    let site = Site::start(on).await;
    let shop = of_profile(&site, "synthesq").await;
    let receiver = Receiver::start(vec![Reply::Status(200); 9]).await;
    let wanted = json!({ "url": receiver.url(), "events": ["*"] });
    shop.post("/v1/subscriptions", &wanted).await.expect(201);
    let event =
        json!({ "type": "customer.created", "created": "2024-01-15T10:30:00.5Z", "data": { "id": 1 } });
    shop.post("/v1/events", &event).await.expect(202);
    receiver.wait_for(1).await;
    let envelope = r#"
[profiles.synthesq.envelope]
members = [{ name = "event", value = "{type}" }, { name = "at", value = "{created:milliseconds}" }]
"#;
    let line = reload(&site, &format!("{LIMITED}{envelope}")).await;
    assert!(line.contains("configuration.reloaded"), "{line}");
    let refused = shop.post("/v1/subscriptions", &wanted).await;
    assert_eq!(
        (refused.status, refused.code()),
        (422, "limit_reached"),
        "{:#}",
        refused.body
    );
    shop.post("/v1/events", &event).await.expect(202);
    let body = receiver.wait_for(2).await.remove(1).json();
    assert_eq!(
        body,
        json!({ "event": "customer.created", "at": "2024-01-15T10:30:00.500Z" })
    );
    // A new profile can be used at once, and the shipped ones are unchanged.
    let line = reload(
        &site,
        "[profiles.acme]\nextends = \"github\"\n[profiles.acme.endpoint]\nhttps_only = true",
    )
    .await;
    assert!(line.contains("configuration.reloaded"), "{line}");
    let tenant = json!({ "id": "new", "profile": "acme" });
    site.gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
}

async fn what_takes_a_restart_is_named(on: On) {
    let site = Site::start(on).await;
    let shop = of_profile(&site, "synthesq").await;
    let route = "[[profiles.synthesq.routes]]\nmethod = \"GET\"\npath = \"/hooks\"\naction = \"list_subscriptions\"\nanswer = [{ name = \"data\", value = \"{items}\" }]\nitem = [{ name = \"id\", value = \"{id}\" }]\n";
    let line = reload(
        &site,
        &format!("{LIMITED}{route}[feed]\nmax_waiting_per_tenant = 7\n"),
    )
    .await;
    assert!(line.contains("configuration.partly_reloaded"), "{line}");
    for key in ["feed.max_waiting_per_tenant", "profiles.synthesq.routes"] {
        assert!(line.contains(key), "{line}");
    }
    // The other changes are applied.
    let wanted = json!({ "url": "https://example.com/a", "events": ["*"] });
    shop.post("/api/v1/webhooks/subscriptions", &wanted)
        .await
        .expect(201);
    assert_eq!(
        shop.post("/v1/subscriptions", &wanted).await.code(),
        "limit_reached"
    );
    assert_eq!(shop.get("/hooks").await.status, 404);
    let site = site.restart();
    let shop = shop.towards(site.gateway.base());
    shop.get("/hooks").await.expect(200);
}

async fn refused_reload_changes_nothing(on: On) {
    let site = Site::start(on).await;
    let shop = of_profile(&site, "synthesq").await;
    // The tenant's declaration is invalid, so that its profile is not applied either.
    let declared = "[tenants.other]\nprofile = \"synthesq\"\nkeys = [\"a-key-of-the-declared-tenant\"]\n\
        [[tenants.other.subscriptions]]\nname = \"a\"\nurl = \"https://example.com/\"\nevents = [\"*\"]\n\
        [[tenants.other.subscriptions]]\nname = \"b\"\nurl = \"https://example.com/\"\nevents = [\"*\"]\n";
    let line = reload(&site, &format!("{LIMITED}{declared}")).await;
    assert!(line.contains("configuration.refused"), "{line}");
    let wanted = json!({ "url": "https://example.com/a", "events": ["*"] });
    for _ in 0..2 {
        shop.post("/v1/subscriptions", &wanted).await.expect(201);
    }
}

/// A catalogue's schema, names and `keep_metadata` apply to new events and to the view of old ones.
async fn privacy_that_is_reloaded_holds_at_once(on: On) {
    let first = "[profiles.crm]\nextends = \"standard\"\n[[profiles.crm.catalogue]]\ntype = \"deal.won\"\ndescription = \"A deal was won\"\n\
        [profiles.crm.catalogue.schema]\nproperties.pet.x-classification = \"confidential\"\n";
    let site = Site::with(on, first).await;
    let shop = of_profile(&site, "crm").await;
    let receiver = Receiver::start(vec![]).await;
    shop.subscribe(&receiver.url()).await;
    let event = json!({
        "type": "deal.won", "metadata": { "source": "crm" },
        "data": { "id": 1, "pet": "planted-1", "nick": "planted-2", "band": "planted-3" },
    });
    let publish = async || {
        let accepted = shop.post("/v1/events", &event).await.expect(202);
        accepted["id"].as_str().unwrap().to_owned()
    };
    let before = publish().await;
    receiver.wait_for(1).await;
    let shown = async |id: &str| shop.get(&format!("/v1/events/{id}")).await.expect(200);
    let seen = shown(&before).await;
    assert_eq!(
        seen["data"],
        json!({ "id": 1, "nick": "planted-2", "band": "planted-3" })
    );
    assert_eq!(seen["metadata"], json!({ "source": "crm" }));

    // The file is rewritten: the schema classifies another member.
    let file = site.gateway.dir().join("hookgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replace("properties.pet.", "properties.nick.").replace(
        "extends = \"standard\"\n",
        "extends = \"standard\"\nprivacy.keep_metadata = false\nprivacy.names = { restricted = [\"band\"] }\n",
    );
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
    let line = reload(&site, "").await;
    assert!(line.contains("configuration.reloaded"), "{line}");
    let after = publish().await;
    let pushed = receiver.wait_for(2).await.remove(1).json();
    let left = json!({ "id": 1, "pet": "planted-1" });
    assert_eq!(pushed["data"], left);
    let seen = shown(&after).await;
    assert_eq!((&seen["data"], &seen["metadata"]), (&left, &json!(null)));
    // The value that the former schema removed is lost; the one that the new schema removes is
    // shown no more.
    let seen = shown(&before).await;
    assert_eq!(
        (&seen["data"], &seen["metadata"]),
        (&json!({ "id": 1 }), &json!(null))
    );
    let kinds = shop.get("/v1/event-types").await.expect(200).to_string();
    assert!(kinds.contains("/nick") && !kinds.contains("/pet"), "{kinds}");
}

async fn egress_and_log_level_are_reloaded(on: On) {
    let site = Site::start(on).await;
    let wanted = |port: u16| json!({ "url": format!("http://127.0.0.1:{port}/"), "events": ["*"] });
    site.acme.post("/v1/subscriptions", &wanted(9)).await.expect(201);
    let logged = |word: &str| site.gateway.log().iter().any(|line| line.contains(word));
    site.acme.publish("a.b", json!({})).await;
    assert!(!logged("event.accepted"), "it is at debug");
    let line = reload(&site, "egress.ports = [443]\ntelemetry.level = \"debug\"\n").await;
    assert!(line.contains("configuration.reloaded"), "{line}");
    site.acme.publish("a.b", json!({})).await;
    eventually("the level holds", async || logged("event.accepted").then_some(())).await;
    let refused = site.acme.post("/v1/subscriptions", &wanted(10)).await;
    assert_eq!(refused.status, 422, "{:#}", refused.body);
    // What is refused changes nothing.
    let file = site.gateway.dir().join("hookgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("[443]", "[443, 10]")
            .replace("\"debug\"", "\"debgu\""),
    )
    .unwrap();
    let line = reload(&site, "").await;
    assert!(
        line.contains("configuration.refused") && line.contains("debgu"),
        "{line}"
    );
    let refused = site.acme.post("/v1/subscriptions", &wanted(10)).await;
    assert_eq!(refused.status, 422, "{:#}", refused.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificate_is_reloaded_without_a_restart() {
    let (first, second) = (Authority::new(), Authority::new());
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let put = |authority: &Authority| {
        let (its_cert, its_key) = authority.server_files();
        std::fs::copy(its_cert, &cert).unwrap();
        std::fs::copy(its_key, &key).unwrap();
    };
    put(&first);
    let tls = format!("server.tls = {{ cert = {cert:?}, key = {key:?} }}\n");
    let gateway = Setup::embedded().with(&tls).start();
    let operator = |authority: &Authority| gateway.operator().trusting(authority.file());
    operator(&first).get("/v1/tenants").await.expect(200);
    put(&second);
    gateway.signal(Signal::HUP);
    eventually("the reload is told of", async || {
        let log = gateway.log();
        log.iter()
            .any(|line| line.contains("configuration.reloaded"))
            .then_some(())
    })
    .await;
    operator(&second).get("/v1/tenants").await.expect(200);
    // A file that is no certificate is refused, and the one before goes on.
    std::fs::write(&cert, "no certificate").unwrap();
    gateway.signal(Signal::HUP);
    eventually("the refusal is told of", async || {
        let log = gateway.log();
        log.iter()
            .any(|line| line.contains("configuration.refused"))
            .then_some(())
    })
    .await;
    operator(&second).get("/v1/tenants").await.expect(200);
}
