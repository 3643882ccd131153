//! Rehearsals: `config check` and `doctor` refuse what `serve` refuses before it listens, and each says the same.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use hookgate_tests::gateway::command;

/// A configuration that is at fault, and words that each command says of it.
const FAULTY: &[(&str, &[&str])] = &[
    (
        "server.tls = { cert = \"missing.pem\", key = \"missing.pem\" }",
        &["missing.pem", "server.tls.cert"],
    ),
    ("egress.ca_file = \"missing.pem\"", &["missing.pem", "egress"]),
    ("auth.sealing_keys = \"no key\"", &["auth.sealing_keys"]),
    (
        "auth.sealing_keys = \"file:missing.key\"",
        &["auth.sealing_keys", "missing.key", "cannot be read"],
    ),
    (
        "telemetry.level = \"inof\"",
        &["telemetry.level", "`inof`", "debug"],
    ),
    (
        "server.max_connections = \"many\"",
        &["server.max_connections", "a whole number", "the text \"many\""],
    ),
    (
        "[tenants.acme]\nkeys = [\"0123456789abcdef\"]\nchain = [{ plugin = \"redact\", settings = { pahts = [\"/a\"] } }]\n",
        &["tenants.acme", "pahts"],
    ),
    (
        "[tenants.acme]\nkeys = [\"0123456789abcdef\"]\n[tenants.other]\nkeys = [\"0123456789abcdef\"]\n",
        &["tenants.other.keys.0", "`acme`"],
    ),
];

#[test]
fn config_check_and_doctor_refuse_what_serve_refuses() {
    for (toml, words) in FAULTY {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("hookgate.toml"), toml).unwrap();
        for (arguments, code) in [
            (&["serve", "--listen", "127.0.0.1:0"][..], 2),
            (&["config", "check"], 2),
            (&["doctor"], 1),
        ] {
            let refused = run(dir.path(), arguments);
            let said = said(&refused);
            assert_eq!(
                refused.status.code(),
                Some(code),
                "{arguments:?} of\n{toml}\n{said}"
            );
            for word in *words {
                assert!(
                    said.contains(word),
                    "{arguments:?} does not say `{word}` of\n{toml}\n{said}"
                );
            }
        }
        let data = dir.path().join("hookgate-data/store");
        assert!(
            !data.exists() || toml.contains("tenants"),
            "{toml}: nothing was started"
        );
    }
}

#[test]
fn check_leaves_nothing_and_tells_what_it_cannot_check() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "[tenants.acme]\nkeys = [\"0123456789abcdef\"]\n\
        chain = [{ plugin = \"redact\", settings = { classes = [\"confidential\"] } }, { plugin = \"uploaded\" }]\n";
    std::fs::write(dir.path().join("hookgate.toml"), toml).unwrap();
    let checked = run(dir.path(), &["config", "check"]);
    let said = said(&checked);
    assert!(checked.status.success(), "{said}");
    assert!(
        said.contains("`uploaded`") && said.contains("not checked"),
        "{said}"
    );
    assert!(!dir.path().join("hookgate-data").exists());
    let doctor = run(dir.path(), &["doctor", "--json"]);
    let findings: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let state = |check: &str| {
        let findings = findings["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["check"] == check);
        found.unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (state("start"), state("disk")),
        ("ok".to_owned(), "ok".to_owned())
    );
}

#[test]
fn doctor_tells_a_taken_port_from_a_running_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let refused = run(dir.path(), &["doctor", "--listen", &listen]);
    let words = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(
        words.contains("another process listens") && words.contains(&listen),
        "{words}"
    );
    let gateway = hookgate_tests::Setup::embedded().start();
    let listen = gateway.base().trim_start_matches("http://");
    let running = said(&run(dir.path(), &["doctor", "--listen", listen]));
    assert!(running.contains("a gateway listens"), "{running}");
    let alive = run(dir.path(), &["doctor", "--alive", "--listen", listen]);
    assert!(alive.status.success(), "{}", said(&alive));
}

/// A gateway that starts against all expectation is ended.
fn run(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = command();
    command.args(arguments).current_dir(dir);
    let mut process = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while process.try_wait().unwrap().is_none() {
        if began.elapsed() > hookgate_tests::BOUND {
            process.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    process.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
