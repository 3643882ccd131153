//! Generated clients and schemathesis against the OpenAPI documents of a running gateway.
//!
//! `tests/clients` has what is installed, and the programs that use the generated clients.

use std::path::{Path, PathBuf};
use std::process::Command;

use hookgate_tests::gateway::{OPERATOR_KEY, root};
use hookgate_tests::{Client, Gateway, Receiver, Reply, Setup};
use serde_json::json;

/// Installs the tools, and gives the path of one.
fn tool(name: &str) -> PathBuf {
    let installed = Command::new(root().join("tests/clients/install"))
        .status()
        .unwrap();
    assert!(installed.success(), "tests/clients/install failed");
    root().join("target/clients").join(name)
}

fn source(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

/// Runs a command to its end, and shows what it said if it failed; gives what it printed.
async fn run(command: &mut Command) -> String {
    let mut command = tokio::process::Command::from(std::mem::replace(command, Command::new("true")));
    let said = command.output().await.unwrap();
    assert!(
        said.status.success(),
        "{command:?}\n{}\n{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
}

/// Writes the document of everything, and that of a tenant's key, as files.
async fn documents(gateway: &Gateway, dir: &Path) {
    let sample = gateway.tenant("sample").await;
    let schema =
        json!({ "type": "object", "required": ["total"], "properties": { "total": { "type": "integer" } } });
    let described = json!({ "schema": schema, "validate": true });
    sample
        .put("/v1/event-types/order.paid", &described)
        .await
        .expect(200);
    for (name, path) in [("operator", "/openapi.json"), ("tenant", "/v1/openapi.json")] {
        let document = sample.get(path).await.expect(200);
        std::fs::write(dir.join(format!("{name}.json")), document.to_string()).unwrap();
    }
}

/// An endpoint that fails once, so that the client sees two attempts.
async fn endpoint() -> Receiver {
    Receiver::start(vec![Reply::Status(500), Reply::Status(200)]).await
}

fn gateway() -> Gateway {
    Setup::embedded()
        .with("retry.base = \"20ms\"\nretry.max = \"200ms\"")
        .start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_typescript_client_does_the_main_job() {
    let (gateway, receiver) = (gateway(), endpoint().await);
    let dir = tempfile::tempdir().unwrap();
    documents(&gateway, dir.path()).await;
    let modules = tool("node/node_modules");
    std::os::unix::fs::symlink(&modules, dir.path().join("node_modules")).unwrap();
    for file in ["main.ts", "tsconfig.json", "package.json"] {
        std::fs::copy(source("typescript").join(file), dir.path().join(file)).unwrap();
    }
    for name in ["operator", "tenant"] {
        run(Command::new("node")
            .current_dir(dir.path())
            .arg(modules.join("openapi-typescript/bin/cli.js"))
            .args([&format!("{name}.json"), "-o", &format!("{name}.d.ts")]))
        .await;
    }
    run(Command::new("node")
        .current_dir(dir.path())
        .arg(modules.join("typescript/bin/tsc")))
    .await;
    run(Command::new("node").current_dir(dir.path()).arg("main.js").args([
        gateway.base(),
        OPERATOR_KEY,
        &receiver.url(),
    ]))
    .await;
    receiver.wait_for(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_python_client_does_the_main_job() {
    let (gateway, receiver) = (gateway(), endpoint().await);
    let dir = tempfile::tempdir().unwrap();
    documents(&gateway, dir.path()).await;
    std::fs::copy(source("python/main.py"), dir.path().join("main.py")).unwrap();
    let bin = tool("python/bin");
    for name in ["operator", "tenant"] {
        let said = run(Command::new(bin.join("openapi-python-client"))
            .current_dir(dir.path())
            .args(["generate", "--meta", "none", "--config"])
            .arg(source("python/config.yaml"))
            .args([
                "--path",
                &format!("{name}.json"),
                "--output-path",
                &format!("{name}_client"),
            ]))
        .await;
        // Only what `config.yaml` leaves out.
        let warnings = said.lines().filter(|line| line.starts_with("WARNING"));
        let others: Vec<_> = warnings
            .filter(|line| !line.contains("POST /v1/events "))
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }
    run(Command::new(bin.join("python"))
        .current_dir(dir.path())
        .arg("main.py")
        .args([gateway.base(), OPERATOR_KEY, &receiver.url()]))
    .await;
    receiver.wait_for(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_wrong() {
    // Readers of the feed who would wait do not.
    let gateway = Setup::embedded().with("feed.max_wait = \"10ms\"").start();
    let receiver = Receiver::start(vec![]).await;
    let dir = tempfile::tempdir().unwrap();
    let schemathesis = tool("python/bin/schemathesis");
    run(Command::new(schemathesis)
        .current_dir(dir.path())
        .arg("--config-file")
        .arg(source("schemathesis/schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", gateway.base())])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", source("schemathesis"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HOOKGATE_URL", gateway.base())
        .env("HOOKGATE_OPERATOR_KEY", OPERATOR_KEY)
        .env("HOOKGATE_RECEIVER", receiver.url()))
    .await;
    let operator: Client = gateway.operator();
    operator.get("/readyz").await.expect(200);
}
