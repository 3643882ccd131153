//! Somebody sets the machine's clock while the gateway runs: what waits goes by a steady clock.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hookgate_tests::{Receiver, Reply, eventually, root};
use serde_json::json;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    retry_is_made_when_the_clock_steps_back,
    leased_delivery_stays_leased_when_the_clock_steps_on,
);

async fn retry_is_made_when_the_clock_steps_back(on: On) {
    let (clock, site) = stepped(on).await;
    let receiver = Receiver::start(vec![Reply::Status(500); 6]).await;
    site.acme.subscribe(&receiver.url()).await;
    site.acme.publish("invoice.paid", json!({ "n": 1 })).await;
    receiver.wait_for(1).await;
    clock.step(-3_600);
    receiver.wait_for(7).await;
    site.acme.publish("invoice.paid", json!({ "n": 2 })).await;
    receiver.wait_for(8).await;
}

async fn leased_delivery_stays_leased_when_the_clock_steps_on(on: On) {
    let (clock, site) = stepped(on).await;
    let receiver = Receiver::start(vec![Reply::After(Duration::from_secs(3))]).await;
    let prompt = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let id = site.acme.publish("invoice.paid", json!({})).await;
    receiver.wait_for(1).await;
    clock.step(3_600);
    // Others' deliveries go on, and with them claims.
    let other = site.gateway.tenant("globex").await;
    other.subscribe(&prompt.url()).await;
    for n in 1..=20 {
        other.publish("invoice.paid", json!({ "n": n })).await;
        prompt.wait_for(n).await;
    }
    eventually("it is delivered", async || {
        let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
        (event["deliveries"][0]["status"] == "delivered").then_some(())
    })
    .await;
    assert_eq!(receiver.count(), 1, "its lease has not ended");
}

/// The wall clock of a gateway.
struct StepClock {
    dir: tempfile::TempDir,
}

impl StepClock {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("step"), "0").unwrap();
        let clock = Self { dir };
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(clock.library())
            .arg(root().join("tests/tools/clock_step.c"))
            .arg("-ldl")
            .status();
        assert!(built.unwrap().success(), "cc builds the library");
        clock
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("clock_step.so")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("step")
    }

    /// Sets it this many seconds off.
    fn step(&self, seconds: i64) {
        let draft = format!("{seconds:<20}");
        std::fs::write(self.file(), draft).unwrap();
    }
}

/// A gateway whose wall clock can be set.
async fn stepped(on: On) -> (StepClock, Site) {
    let clock = StepClock::new();
    let export = |name: &str, path: &Path| format!("export {name}='{}'", path.display());
    let limits = [
        export("CLOCK_STEP", &clock.file()),
        export("LD_PRELOAD", &clock.library()),
    ];
    let site = Site::under(on, &limits.join("; "), "").await;
    (clock, site)
}
