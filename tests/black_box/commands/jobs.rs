//! Bulk jobs.

use hookgate_tests::{Receiver, Reply, eventually};
use serde_json::json;

use super::User;
use crate::site::{On, Site, on_both_stores};

on_both_stores!(job_commands_start_wait_and_switch);

async fn job_commands_start_wait_and_switch(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let (gateway, acme) = (&site.gateway, &site.acme);
    let receiver = Receiver::start(vec![Reply::Status(500); 2]).await;
    acme.subscribe(&receiver.url()).await;
    for _ in 0..2 {
        acme.publish("invoice.paid", json!({})).await;
    }
    let user = User::of(gateway, acme.key());
    eventually("two are dead", async || {
        let dead = user.json(&["delivery", "list", "--status", "dead"]).await;
        (dead["data"].as_array()?.len() == 2).then_some(())
    })
    .await;
    let retry = [
        "job",
        "start",
        "retry",
        "--status",
        "dead",
        "--open",
        "--types",
        "invoice.*,order.*",
    ];
    let dry = user
        .ok(&[&retry[..], &["--since", "1h", "--dry-run"]].concat())
        .await;
    assert!(dry.contains("would act on 2"), "{dry}");
    let done = user.json(&[&retry[..], &["--wait"]].concat()).await;
    assert_eq!(
        (&done["state"], &done["changed"]),
        (&json!("done"), &json!(2)),
        "{done:#}"
    );
    receiver.wait_for(4).await;
    let id = done["id"].as_str().unwrap();
    let shown = user.ok(&["job", "show", id, "--wait"]).await;
    assert!(shown.contains("invoice.*") && shown.contains("done"), "{shown}");
    let made = user.json(&["delivery", "list", "--job", id]).await;
    assert_eq!(made["data"].as_array().unwrap().len(), 2, "{made:#}");
    let refused = user.fails(1, &["job", "pause", id]).await;
    assert!(refused.contains("ended"), "{refused}");

    // It finds nothing before it is paused, or is done: both are ends of the wait.
    let made = user.json(&["job", "start", "cancel", "--types", "none.*"]).await;
    let waited = made["id"].as_str().unwrap();
    user.ok(&["job", "show", waited, "--wait"]).await;
    let listed = user.ok(&["job", "list"]).await;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let operator = User::operator(gateway);
    let all = operator
        .ok(&["job", "list", "--all-tenants", "--tenant", "acme"])
        .await;
    assert!(all.contains("acme job_"), "{all}");
    user.fails(2, &["job", "start", "delete"]).await;
    let bad = user.fails(1, &["job", "start", "recover", "--types", "*"]).await;
    assert!(bad.contains("since"), "{bad}");
}
