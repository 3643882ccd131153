//! The binary on the command line: its messages, their stream, and its exit codes.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use hookgate_tests::gateway::command;
use hookgate_tests::{RedisServer, Setup};

#[test]
fn the_demo_shows_every_step_and_holds() {
    let demo = command().args(["demo", "--once"]).output().unwrap();
    let said = said(&demo);
    assert!(demo.status.success(), "{said}");
    for word in ["redact", "signature", "retr", "feed"] {
        assert!(
            said.to_lowercase().contains(word),
            "the demo shows `{word}`:\n{said}"
        );
    }
}

#[test]
fn a_bad_configuration_is_refused_with_file_line_and_fix() {
    for (toml, words) in [
        (
            "[server]\nlistne = \"127.0.0.1:0\"\n",
            &["hookgate.toml:2", "listne", "listen"][..],
        ),
        (
            "data_dir = \"x\"\n[ingest]\nmax_body = \"10 parsecs\"\n",
            &["hookgate.toml:3", "max_body", "KiB"][..],
        ),
        ("[retry]\nbase = \"1h\"\nmax = \"1s\"\n", &["retry"][..]),
        ("[server\n", &["hookgate.toml:1"][..]),
        ("store.url = \"mysql://x\"\n", &["store.url", "redis://"][..]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hookgate.toml");
        std::fs::write(&file, toml).unwrap();
        for arguments in [["config", "check"].as_slice(), &["serve"]] {
            let refused = command()
                .args(arguments)
                .arg("--config")
                .arg(&file)
                .current_dir(dir.path())
                .output()
                .unwrap();
            let said = said(&refused);
            assert_eq!(refused.status.code(), Some(2), "{toml}\n{said}");
            for word in words {
                assert!(
                    said.contains(word),
                    "`{word}` is missing in the answer to\n{toml}\n{said}"
                );
            }
        }
        assert!(!dir.path().join("hookgate-data").exists(), "nothing was started");
    }
}

#[test]
fn a_store_that_cannot_be_reached_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("redis://:hidden-password@{free}/");
    let refused = serve(dir.path(), &[("HOOKGATE_STORE__URL", &url)]);
    let said = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&free.to_string()), "{said}");
    assert!(!said.contains("hidden-password"), "{said}");
}

#[test]
fn a_taken_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = serve(dir.path(), &[("HOOKGATE_SERVER__LISTEN", &address)]);
    let said = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("hint"), "{said}");
}

#[test]
fn a_directory_in_use_is_named_with_its_owner() {
    let first = Setup::embedded().start();
    let store = format!("embedded:{}", first.dir().join("data/store").display());
    let dir = tempfile::tempdir().unwrap();
    let refused = serve(
        dir.path(),
        &[
            ("HOOKGATE_STORE__URL", &store),
            ("HOOKGATE_SERVER__LISTEN", "127.0.0.1:0"),
        ],
    );
    let said = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&first.pid().to_string()),
        "it names the process that holds it:\n{said}"
    );
}

#[test]
fn the_first_start_makes_its_secrets_and_shows_the_key_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut shown = Vec::new();
    for _ in 0..2 {
        let mut process = command()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(dir.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = process.stdout.take().unwrap();
        let mut lines = Vec::new();
        for line in std::io::BufRead::lines(std::io::BufReader::new(output)).map_while(Result::ok) {
            let listening = line.contains("listening on http://");
            lines.push(line);
            if listening {
                break;
            }
        }
        shown.push(lines.join("\n"));
        process.kill().unwrap();
        process.wait().unwrap();
    }
    // The standard output is not a terminal here: a log of it would contain the key.
    assert!(
        shown[0].contains("operator.key"),
        "the first start says where the operator's key is:\n{}",
        shown[0]
    );
    for shown in &shown {
        assert!(!shown.contains("hg_"), "no start prints it:\n{shown}");
    }
    let kept: Vec<_> = std::fs::read_dir(dir.path().join("hookgate-data"))
        .unwrap()
        .map_while(Result::ok)
        .collect();
    for entry in kept.iter().filter(|entry| entry.path().is_file()) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{:?} is for its owner only", entry.path());
    }
}

#[test]
fn the_configuration_explains_itself() {
    let printed = command().args(["config", "print"]).output().unwrap();
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    if let Err(error) = printed.parse::<toml_edit::DocumentMut>() {
        panic!("config print is not TOML: {error}\n{printed}");
    }
    let schema = command().args(["config", "schema"]).output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert!(schema["properties"]["server"].is_object(), "{schema:#}");
    let unknown = command().args(["serv"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        said(&unknown).contains("serve"),
        "it suggests the command that was meant"
    );
}

#[test]
fn redis_without_persistence_is_named_a_danger() {
    // A Redis that evicts would lose accepted events: it is refused.
    let redis = RedisServer::start(hookgate_tests::Fsync::EverySec).unwrap();
    let mut connection = redis::Client::open(redis.url())
        .unwrap()
        .get_connection()
        .unwrap();
    let set = ["maxmemory-policy", "allkeys-lru"];
    redis::cmd("CONFIG")
        .arg("SET")
        .arg(&set)
        .exec(&mut connection)
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let refused = serve(
        dir.path(),
        &[
            ("HOOKGATE_STORE__URL", &redis.url()),
            ("HOOKGATE_SERVER__LISTEN", "127.0.0.1:0"),
        ],
    );
    let said = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("maxmemory-policy") && said.contains("noeviction"),
        "{said}"
    );
}

fn serve(dir: &Path, environment: &[(&str, &str)]) -> Output {
    command()
        .arg("serve")
        .envs(environment.iter().copied())
        .current_dir(dir)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
