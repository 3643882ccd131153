//! Plugins in other languages: the components of `plugins/examples/build`, which contain an
//! interpreter, in a gateway whose operator admits large components.

use std::path::PathBuf;

use hookgate_tests::gateway::{patient_command, root};
use hookgate_tests::{BOUND, Client, Receiver};
use serde_json::{Value, json};

use crate::site::{On, Site};

const LARGE: &str = "plugins.large.upload = \"24MiB\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_in_javascript() {
    an_event_passes(On::Embedded, "javascript", "contacts-js").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_in_python() {
    an_event_passes(On::Redis, "python", "contacts-py").await;
}

/// Asserts an upload, a chain, and an event changed by the plugin.
async fn an_event_passes(on: On, language: &str, plugin: &str) {
    let component = std::fs::read(component(language)).unwrap();
    let site = Site::with(on, LARGE).await;
    let uploaded = upload(&site.acme, component).await;
    assert_eq!(uploaded["uploaded"]["version"], "0.1.0");
    assert_eq!(uploaded["uploaded"]["redacts"], true);
    let imports = uploaded["uploaded"]["imports"].as_array().unwrap();
    let ours = |import: &Value| import.as_str().unwrap().starts_with("hookgate:plugin/");
    assert!(imports.iter().all(ours), "no right but the world's: {imports:?}");

    let step = json!({ "plugin": plugin, "settings": { "drop": ["draft"] } });
    let chain = json!({ "steps": [step] });
    site.acme.put("/v1/chain", &chain).await.expect(200);
    let wrong = json!({ "steps": [{ "plugin": plugin, "settings": { "drop": "draft" } }] });
    let refused = site.acme.put("/v1/chain", &wrong).await.expect(422);
    assert!(refused.to_string().contains("/drop"), "{refused}");

    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let customer = json!({ "first_name": "Ada", "last_name": "Example", "email": "ada@mail.example" });
    site.acme
        .publish("order.saved", json!({ "status": "draft", "customer": customer }))
        .await;
    site.acme
        .publish("order.paid", json!({ "status": "paid", "customer": customer }))
        .await;
    let received = receiver.wait_for(1).await.remove(0).json();
    let expected = json!({ "status": "paid", "customer": { "email": "[removed]", "name": "Ada Example" } });
    assert_eq!(received["data"], expected);
}

async fn upload(client: &Client, component: Vec<u8>) -> Value {
    // The compilation of an interpreter takes long in a debug build.
    let request = client.request(reqwest::Method::POST, "/v1/plugins");
    let request = request.header("content-type", "application/wasm").body(component);
    client.send(request.timeout(6 * BOUND)).await.expect(201)
}

/// Both plugins pass the shared cases.
#[test]
fn their_cases_pass() {
    let examples = root().join("plugins/examples");
    let cases = tempfile::tempdir().unwrap();
    for language in ["javascript", "python"] {
        for case in std::fs::read_dir(examples.join(language).join("cases")).unwrap() {
            let case = case.unwrap();
            std::fs::copy(case.path(), cases.path().join(case.file_name())).unwrap();
        }
    }
    for language in ["javascript", "python"] {
        let ran = patient_command()
            .args(["plugin", "test", "--component"])
            .arg(component(language))
            .arg("--cases")
            .arg(cases.path())
            .current_dir(examples.join(language))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        let wrong = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{language}: {said}{wrong}");
        assert!(said.contains("5 cases passed"), "{language}: {said}");
    }
}

fn component(language: &str) -> PathBuf {
    let file = root()
        .join("target/guests/built")
        .join(language)
        .with_extension("wasm");
    assert!(
        file.exists(),
        "{} is not there: plugins/examples/build",
        file.display()
    );
    file
}
