//! Runs the README's commands as written.

use std::process::Command;

use hookgate_tests::gateway::{OPERATOR_KEY, root};
use hookgate_tests::{Receiver, eventually};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(the_walk_in_the_readme_works_as_written);

/// Runs the `sh` blocks below the README's heading "First subscription" in a shell.
///
/// Only the gateway's address, the operator's key and the receiver's address are inserted. The
/// gateway is the test's.
async fn the_walk_in_the_readme_works_as_written(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = shell_blocks(&readme, "## First subscription");
    assert!(!blocks.is_empty(), "the README has the walk");
    let script = blocks
        .join("\n")
        .replace("http://127.0.0.1:8080", site.gateway.base())
        .replace("http://127.0.0.1:9000/hook", &receiver.url());
    let script = format!("set -eu\nOPERATOR_KEY={OPERATOR_KEY}\n{script}");
    let ran = tokio::task::spawn_blocking(move || Command::new("bash").arg("-c").arg(&script).output())
        .await
        .unwrap()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(ran.status.success(), "{said}");
    assert!(!said.contains("\"code\":"), "no command got a problem:\n{said}");
    let received = receiver.wait_for(1).await.remove(0);
    assert!(
        !String::from_utf8_lossy(&received.body).contains("email"),
        "it is redacted"
    );
    eventually("the signature header is there", async || {
        (!received.header("webhook-signature").is_empty()).then_some(())
    })
    .await;
}

/// The `sh` blocks between a heading and the next heading of its level.
fn shell_blocks(text: &str, heading: &str) -> Vec<String> {
    let section = text.split_once(heading).expect("the heading").1;
    let section = section.split("\n## ").next().unwrap_or(section);
    section
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}
