//! The process that compiles tenants' uploads: its sandbox permits only compilation.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use hookgate_tests::eventually;
use hookgate_tests::gateway::command;
use hookgate_tests::guests::{PASS, handling};
use serde_json::Value;

/// Arguments of a compiling process: bytes of memory, seconds, and code for small components.
const ARGUMENTS: [&str; 4] = ["internal-compile", "536870912", "60", ""];

/// Returns `true` if this machine supports the filters: a container may forbid them.
fn has_seccomp() -> bool {
    std::path::Path::new("/proc/sys/kernel/seccomp/actions_avail").exists()
}

/// The process waits for its component: its rights are then those of a compilation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compiler_has_no_privileges_and_a_system_call_filter() {
    let mut child = command()
        .args(ARGUMENTS)
        .env_clear()
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    if has_seccomp() {
        eventually("it has confined itself", async || {
            let status = std::fs::read_to_string(&status).unwrap();
            let has = |line: &str| status.lines().any(|own| own == line);
            (has("NoNewPrivs:\t1") && has("Seccomp:\t2")).then_some(())
        })
        .await;
    }
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&handling("", PASS))
        .unwrap();
    let mut code = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut code).unwrap();
    assert!(child.wait().unwrap().success(), "it compiles all the same");
    assert!(
        code.starts_with(b"\x7fELF"),
        "machine code of {} bytes",
        code.len()
    );
}

#[test]
fn doctor_says_how_compiling_is_confined() {
    let dir = tempfile::tempdir().unwrap();
    let asked = command()
        .args(["doctor", "--json", "--data-dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let findings = told["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["check"] == "compiling");
    let finding = finding.unwrap();
    if has_seccomp() {
        assert_eq!(finding["state"], "ok", "{finding:#}");
        let says = finding["says"].as_str().unwrap();
        assert!(says.contains("opens no files"), "{says}");
    } else {
        assert_eq!(finding["state"], "warning", "{finding:#}");
    }
}

/// The gateway's own memory holds secrets: a crash writes no core file.
#[tokio::test]
async fn gateway_leaves_no_core_file() {
    let gateway = hookgate_tests::Setup::embedded().start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let values: Vec<_> = core.unwrap().split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"], "{core:?}");
}
