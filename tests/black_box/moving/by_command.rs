//! The commands `hookgate export` and `hookgate import`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use hookgate_tests::gateway::{OPERATOR_KEY, command};
use hookgate_tests::{Gateway, Setup};
use serde_json::{Value, json};

use super::{document, export, import, key_row, subscription_row, tenant_row};

const URL: &str = "http://127.0.0.1:9/hook";

/// Runs the command against a gateway.
pub(super) async fn run(gateway: &Gateway, arguments: &[&str]) -> Output {
    let mut command = command();
    command
        .args(arguments)
        .env("HG_URL", gateway.base())
        .env("HG_OPERATOR_KEY", OPERATOR_KEY);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
pub(super) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", out(output), errors(output));
    out(output)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The tenants of a gateway, without that of system events.
async fn tenants(gateway: &Gateway) -> usize {
    let listed = gateway.operator().get("/v1/tenants").await.expect(200);
    let listed = listed["data"].as_array().unwrap().iter();
    listed.filter(|tenant| tenant["id"] != "operator").count()
}

/// Tenants whose rows take several requests.
fn large() -> Vec<Value> {
    let mut rows = Vec::new();
    for tenant in ["acme", "globex", "initech"] {
        rows.push(tenant_row(tenant));
        for _ in 0..10 {
            let number = rows.len();
            let mut row = subscription_row(tenant, number, URL);
            let headers = (0..20).map(|n| (format!("x-h{n}"), json!("v".repeat(4_000))));
            row["headers"] = headers.collect();
            rows.push(row);
        }
        rows.extend((0..20).map(|n| {
            let text = "x".repeat(60_000);
            let schema = json!({ "type": "object", "description": text });
            json!({ "kind": "event_type", "tenant": tenant, "type": format!("{tenant}.n{n}"), "schema": schema })
        }));
        rows.push(key_row(tenant, &format!("key-of-{tenant}-0123456789"), &["read"]));
    }
    rows
}

#[tokio::test]
async fn export_and_import_commands_move_all_tenants() {
    let old = Setup::embedded().start();
    let seeded = import(&old.operator(), "/v1/import/all", document(&large())).await;
    seeded.expect(200);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.ndjson");
    // An existing file keeps neither its bytes nor its mode.
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = succeeded(&run(&old, &["export", "--output", text(&file), "--json"]).await);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["rows"], json!(97), "and the tenant of system events");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let written = std::fs::metadata(&file).unwrap().len();
    assert!(said["bytes"] == json!(written) && written > 5 << 20, "{written}");
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing half-written"
    );

    let new = Setup::embedded().start();
    let dry = succeeded(&run(&new, &["import", text(&file), "--dry-run"]).await);
    assert!(dry.contains("would be created 96, changed 0"), "{dry}");
    assert!(dry.contains("line 2: created tenant acme of acme"), "{dry}");
    assert!(dry.contains("line 97: created key"), "{dry}");
    assert_eq!(tenants(&new).await, 0);
    let said = succeeded(&run(&new, &["import", text(&file)]).await);
    assert_eq!(said.trim(), "created 96, changed 0, unchanged 1, refused 0");
    let said = succeeded(&run(&new, &["import", text(&file), "--json"]).await);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        json!([said["created"], said["unchanged"], said["dry_run"]]),
        json!([0, 97, false])
    );
    let rows = export(&old.operator(), "/v1/export/all").await;
    assert_eq!(export(&new.operator(), "/v1/export/all").await, rows);

    // One tenant, to a pipe; and into a gateway that already has it.
    let one = succeeded(&run(&old, &["export", "--tenant", "globex"]).await);
    assert!(one.lines().count() == 34 && !one.contains("\"acme\""));
    let file = dir.path().join("globex.ndjson");
    std::fs::write(&file, one).unwrap();
    let arguments = ["import", text(&file), "--tenant", "globex", "--json"];
    let said: Value = serde_json::from_str(&succeeded(&run(&new, &arguments).await)).unwrap();
    assert_eq!(said["unchanged"], json!(32));
}

#[tokio::test]
async fn import_command_names_bad_lines_of_every_part() {
    let gateway = Setup::embedded().start();
    let mut rows = large();
    rows[95]["scopes"] = json!(["admin"]);
    rows[40]["url"] = json!("http://10.0.0.1/");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.ndjson");
    std::fs::write(&file, document(&rows)).unwrap();
    for arguments in [
        &["import", text(&file)][..],
        &["import", text(&file), "--dry-run"],
    ] {
        let refused = run(&gateway, arguments).await;
        assert_eq!(refused.status.code(), Some(1), "{}", errors(&refused));
        let told = errors(&refused);
        for word in [
            "line 42 (subscription sub_",
            "/url",
            "line 97 (key",
            "/scopes/0: there is no such scope",
        ] {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert_eq!(tenants(&gateway).await, 0);
    }
    let partly = run(&gateway, &["import", text(&file), "--rows"]).await;
    assert_eq!(partly.status.code(), Some(1));
    assert!(
        out(&partly).contains("created 94, changed 0, unchanged 0, refused 2"),
        "{}",
        out(&partly)
    );

    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let cut = run(&gateway, &["import", text(&file)]).await;
    assert!(errors(&cut).contains("was cut off"), "{}", errors(&cut));
    let missing = run(&gateway, &["import", text(&dir.path().join("none"))]).await;
    assert!(errors(&missing).contains("No such file"), "{}", errors(&missing));
    let unknown = run(&gateway, &["export", "--tenant", "nobody"]).await;
    assert!(
        errors(&unknown).contains("does not exist"),
        "{}",
        errors(&unknown)
    );
}
