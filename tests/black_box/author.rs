//! The workflow of a plugin author in docs/plugins.md, and its tools.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Instant;

use hookgate_tests::gateway::{binary, command, patience, patient_command, root};
use hookgate_tests::{Receiver, Setup};
use serde_json::{Value, json};

/// Runs the `sh` blocks of the first section in a shell in an empty directory.
///
/// The cargo home is empty, and cargo has no network. Only the gateway's address and key are
/// inserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::print_stdout,
    reason = "how long it took: to be seen with `--nocapture`"
)]
async fn the_authors_way_in_the_documents_works_as_written() {
    let gateway = Setup::embedded().start();
    let acme = gateway.tenant("acme").await;
    let receiver = Receiver::start(vec![]).await;
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("docs/plugins.md")).unwrap();
    let script = format!(
        "set -euo pipefail\n{}",
        blocks(&text, "## A first plugin, from nothing").join("\n")
    );
    let path = std::env::join_paths(std::iter::once(binary().parent().unwrap().to_owned()).chain(
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()),
    ));
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &script])
        .current_dir(dir.path())
        .env("PATH", path.unwrap())
        .env("CARGO_HOME", dir.path().join("cargo-home"))
        .env("CARGO_NET_OFFLINE", "true")
        .envs(patience())
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .env("HG_URL", gateway.base())
        .env("HG_KEY", acme.key());
    let began = Instant::now();
    let ran = tokio::task::spawn_blocking(move || shell.output())
        .await
        .unwrap()
        .unwrap();
    println!("from nothing to a promoted plugin: {:.1?}", began.elapsed());
    let said = said(&ran);
    assert!(ran.status.success(), "{said}");
    for words in [
        "test result: ok",
        "ok   masked",
        "3 cases passed",
        "calls/s",
        "drop-drafts 0.1.0 is there",
        "\"verdict\":\"pass\"",
        "\"status\":\"accepted\"",
        "names masked: 1",
        "CALLS",
        "drop-drafts 0.2.0 is there",
        "runs 0.2.0, before 0.1.0",
        "runs 0.1.0, before 0.2.0",
    ] {
        assert!(said.contains(words), "`{words}` is missing:\n{said}");
    }

    // The chain is in force: every event from the gateway has passed the plugin.
    acme.post(
        "/v1/subscriptions",
        &json!({ "url": receiver.url(), "events": ["page.*"] }),
    )
    .await
    .expect(201);
    let event = json!({ "type": "page.saved", "data": { "status": "live", "author": "Anna" } });
    acme.post("/v1/events", &event).await.expect(202);
    let body: Value = serde_json::from_slice(&receiver.wait_for(1).await.remove(0).body).unwrap();
    assert_eq!(body["data"], json!({ "status": "live", "author": "someone" }));
}

#[test]
fn the_cases_of_the_examples_pass() {
    for name in ["enrich", "route", "pii", "project"] {
        let ran = patient_command()
            .args(["plugin", "test", "--component"])
            .arg(component(name))
            .arg("--cases")
            .arg(root().join("plugins/examples").join(name).join("cases"))
            .output()
            .unwrap();
        assert!(ran.status.success(), "{name}: {}", said(&ran));
    }
}

#[test]
fn a_case_that_fails_shows_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let case = json!({
        "event": { "type": "a.b", "data": { "id": 1, "email": "a@b.example" } },
        "settings": { "types": { "*": ["/id"] } },
        "expect": { "data": { "id": 1, "email": "***" } },
    });
    let verdict = json!({
        "event": { "type": "a.b", "data": {} },
        "settings": { "types": { "b.c": ["/id"] } },
        "expect": { "verdict": "pass" },
    });
    std::fs::write(dir.path().join("differs.json"), case.to_string()).unwrap();
    std::fs::write(dir.path().join("drops.json"), verdict.to_string()).unwrap();
    let ran = patient_command()
        .args(["plugin", "test", "--component"])
        .arg(component("project"))
        .arg("--cases")
        .arg(dir.path())
        .output()
        .unwrap();
    let said = said(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    for words in [
        "FAIL differs",
        "- /email  \"***\"",
        "FAIL drops",
        "expected pass, found drop: no projection for its type",
        "2 of 2 cases failed",
    ] {
        assert!(said.contains(words), "`{words}` is missing:\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "colours are for terminals");
    std::fs::write(dir.path().join("wrong.json"), r#"{"event":{},"expcet":{}}"#).unwrap();
    let refused = patient_command()
        .args(["plugin", "test", "--component"])
        .arg(component("project"))
        .arg("--cases")
        .arg(dir.path())
        .output()
        .unwrap();
    let said = self::said(&refused);
    assert!(
        said.contains("wrong.json") && said.contains("did you mean `expect`"),
        "{said}"
    );
}

#[test]
fn a_run_tells_everything_and_is_json_if_asked() {
    let dir = tempfile::tempdir().unwrap();
    let event = dir.path().join("event.json");
    std::fs::write(
        &event,
        r#"{"type":"note.added","data":{"total":12.50,"note":"by a@b.example"}}"#,
    )
    .unwrap();
    let run = |more: &[&str]| {
        let mut run = patient_command();
        run.args(["plugin", "run", "--component"])
            .arg(component("pii"))
            .arg("--event")
            .arg(&event)
            .args(more);
        run.output().unwrap()
    };
    let shown = run(&[]);
    let text = said(&shown);
    assert!(shown.status.success(), "{text}");
    for words in [
        "pii 0.1.0",
        "pass",
        "- /note  \"by a@b.example\"",
        "+ /note  \"by [removed]\"",
        "texts redacted: 1",
        "operations",
        "fuel",
        "12.50",
    ] {
        assert!(text.contains(words), "`{words}` is missing:\n{text}");
    }
    let fuel = |ran: &Output| {
        let view: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(view["after"]["note"], "by [removed]");
        view["steps"][0]["usage"]["fuel"].as_u64().unwrap()
    };
    assert_eq!(
        fuel(&run(&["--json"])),
        fuel(&run(&["--json"])),
        "fuel is the same at every run"
    );

    let settings = dir.path().join("settings.json");
    std::fs::write(&settings, r#"{"mask":5}"#).unwrap();
    let refused = run(&["--settings", settings.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("/mask"), "{}", said(&refused));
}

#[test]
fn the_limits_are_those_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("hookgate.toml"),
        "plugins.operation_output = \"512B\"\n",
    )
    .unwrap();
    // Enough for the validation of the settings, and not for a hundred texts.
    let event = json!({ "type": "a.b", "data": vec!["by a@b.example"; 100] });
    std::fs::write(dir.path().join("event.json"), event.to_string()).unwrap();
    let ran = patient_command()
        .args(["plugin", "run", "--event", "event.json", "--component"])
        .arg(component("pii"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = said(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(
        said.contains("failed: operations") && said.contains("plugins.operation_output"),
        "{said}"
    );
}

#[test]
fn the_doctor_says_what_is_missing_and_how_to_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let look = |path: &str, more: &[&str]| {
        let mut look = command();
        look.args(["doctor", "--json"])
            .args(more)
            .current_dir(dir.path())
            .env("PATH", path);
        look.output().unwrap()
    };
    let bare = look("/nowhere", &[]);
    assert!(
        bare.status.success(),
        "a gateway runs without a toolchain: {}",
        said(&bare)
    );
    let findings: Value = serde_json::from_slice(&bare.stdout).unwrap();
    let finding = |check: &str| {
        let all = findings["findings"].as_array().unwrap().iter();
        all.clone()
            .find(|finding| finding["check"] == check)
            .unwrap()
            .clone()
    };
    assert_eq!(finding("rust")["state"], "warning");
    assert!(
        finding("plugin-target")["fix"]
            .to_string()
            .contains("without any network")
    );
    for check in ["configuration", "data-dir", "store"] {
        assert_eq!(finding(check)["state"], "ok", "{findings:#}");
    }
    let no_store = look("/nowhere", &["--store", "redis://127.0.0.1:1/"]);
    assert_eq!(no_store.status.code(), Some(1));
    assert!(said(&no_store).contains("127.0.0.1:1"), "{}", said(&no_store));
    std::fs::write(dir.path().join("hookgate.toml"), "[server]\nlistne = 1\n").unwrap();
    let refused = look("/nowhere", &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("hookgate.toml:2") && said(&refused).contains("listen"),
        "{}",
        said(&refused)
    );
}

/// A guest that the test command builds.
fn component(name: &str) -> PathBuf {
    let file = root()
        .join("target/guests/built")
        .join(name)
        .with_extension("wasm");
    assert!(
        file.exists(),
        "{} is not there: plugins/build --out target/guests/built",
        file.display()
    );
    file
}

/// The `sh` blocks between a heading and the next heading of its level.
fn blocks(text: &str, heading: &str) -> Vec<String> {
    let section = text.split_once(heading).expect("the heading").1;
    let section = section.split("\n## ").next().unwrap_or(section);
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
