//! Golden components: builds of earlier SDK releases, in `tests/golden`, behave in this host as
//! they did then.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Bench, Component, Config, Verdict, call, document, step, text};
use crate::{Done, Phase};

#[tokio::test]
async fn components_of_every_release_do_what_they_did() {
    let releases = releases();
    assert!(!releases.is_empty());
    for release in &releases {
        let text = std::fs::read_to_string(release.join("golden.json")).unwrap();
        let golden: Value = serde_json::from_str(&text).unwrap();
        let bench = Bench::new(Config::default());
        let (mut named, mut wrong) = (Vec::new(), Vec::new());
        for component in array(&golden["components"]) {
            let file = component["file"].as_str().unwrap();
            named.push(file.to_owned());
            run(&bench, &release.join(file), component, &mut wrong).await;
        }
        assert!(wrong.is_empty(), "{}: {}", release.display(), wrong.join("\n"));
        named.sort();
        assert_eq!(named, components(release), "{}: each is run", release.display());
    }
}

fn releases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/golden");
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_dir()).collect()
}

fn components(release: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(release).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".wasm")).collect();
    names.sort();
    names
}

/// Runs a case; adds results that differ from the expected ones to `wrong`.
async fn run(bench: &Bench, file: &Path, golden: &Value, wrong: &mut Vec<String>) {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let digest = hex::encode(Sha256::digest(&bytes));
    assert_eq!(golden["sha256"], digest, "{} was changed", file.display());
    let component = bench.host.load(bytes.into()).await.unwrap();
    let said = &component.description;
    let description = json!({
        "name": said.name, "version": said.version, "summary": said.summary, "redacts": said.redacts,
        "has_schema": said.settings_schema.is_some(), "imports": component.imports,
    });
    let mut compare = |what: &str, expected: &Value, found: &Value| {
        // Messages name configuration keys, one of which has another name now.
        let expected = expected
            .to_string()
            .replace("plugins.growth", "plugins.max_growth");
        let found = found.to_string();
        if expected != found {
            wrong.push(format!("{}, {what}: it came to {found}", said.name));
        }
    };
    compare("describe", &golden["description"], &description);
    for case in array(&golden["cases"]) {
        let name = case["name"].as_str().unwrap();
        compare(name, &case["expect"], &came_of(bench, &component, case).await);
    }
}

/// Problems of the settings, or the result for the event.
async fn came_of(bench: &Bench, component: &Arc<Component>, case: &Value) -> Value {
    let settings = case["settings"].to_string();
    let checked = bench
        .host
        .check_settings(None, component, Arc::new(document(&settings)))
        .await;
    let problems = checked.unwrap();
    if !problems.is_empty() {
        let problems = problems
            .iter()
            .map(|problem| json!([problem.pointer, problem.message]));
        return json!({ "problems": problems.collect::<Value>() });
    }
    let mut call = call(
        "acme",
        vec![step(component, &settings)],
        case["data"].as_str().unwrap(),
    );
    call.metadata = Arc::new(document(r#"{"source":"golden"}"#));
    if case["phase"] == "delivery" {
        call.phase = Phase::Delivery {
            attempt: 3,
            subscription: Some("sub_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap()),
        };
    }
    let done = bench.host.run(call).await;
    let lines = done
        .log
        .iter()
        .map(|(_, line)| format!("{:?} {}", line.level, line.text));
    json!({ "verdict": said(&done), "data": text(&done.data), "log": lines.collect::<Value>() })
}

fn said(done: &Done) -> Value {
    match &done.verdict {
        Verdict::Pass => json!("pass"),
        Verdict::Drop { reason, .. } => json!({ "drop": reason }),
        Verdict::Reject { code, message, .. } => json!({ "reject": [code, message] }),
        Verdict::Delay { by, .. } => json!({ "delay_ms": by.as_millis() }),
        Verdict::Failed(failure) => json!({ "failed": [failure.kind, failure.message] }),
        Verdict::Busy | Verdict::OverBudget { .. } => json!("not run"),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}
