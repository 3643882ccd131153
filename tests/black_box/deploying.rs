//! The files of `deploy/` against a real gateway: names of figures, the image's root, the service manager, secrets in files.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hookgate_tests::gateway::{binary, command, root};
use hookgate_tests::{Receiver, Reply, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::site::{On, Site};

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Installs the tools that `deploy/checks/install` names, and gives the path of one.
fn tool(name: &str) -> std::path::PathBuf {
    let installed = Command::new(root().join("deploy/checks/install"))
        .status()
        .unwrap();
    assert!(installed.success(), "deploy/checks/install failed");
    root().join("target/deploy").join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_and_dashboard_name_exposed_metrics() {
    let site = Site::with(On::Embedded, "backup.every = \"1h\"").await;
    exercise(&site).await;
    let operator = site.gateway.operator();
    let begun = operator.post("/v1/backup", &json!({})).await;
    assert!(matches!(begun.status, 200..=299), "{:#}", begun.body);
    eventually("the backup is made", async || {
        let status = operator.get("/v1/backup").await.expect(200);
        status["last"].is_object().then_some(())
    })
    .await;
    let exposed = families(&figures(&site, None).await.1);
    let mut named = BTreeSet::new();
    for file in ["deploy/prometheus/rules.yaml", "deploy/grafana/hookgate.json"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        let found: BTreeSet<_> = words
            .filter(|word| word.starts_with("hookgate_") || word.starts_with("process_"))
            .map(str::to_owned)
            .collect();
        assert!(found.len() > 15, "{file} names {found:?}");
        named.extend(found);
    }
    let unknown: Vec<_> = named.difference(&exposed).collect();
    assert!(
        unknown.is_empty(),
        "no gateway exposes {unknown:?}; there are {exposed:#?}"
    );
}

/// Something of each kind that figures count: deliveries that are taken, refused and not connected, and a plugin's call.
async fn exercise(site: &Site) {
    let receiver = Receiver::start(vec![Reply::Status(500), Reply::Status(200)]).await;
    site.acme.subscribe(&receiver.url()).await;
    site.acme.subscribe("http://127.0.0.1:9/").await;
    site.acme.redact().await;
    site.acme.publish("a.b", json!({ "secret": 1 })).await;
    receiver.wait_for(2).await;
    eventually("failures are counted", async || {
        let (_, text) = figures(site, None).await;
        (text.contains("hookgate_egress_errors_total{") && text.contains("verdict=\"pass\"")).then_some(())
    })
    .await;
}

/// `/metrics`, its content type and text.
async fn figures(site: &Site, accept: Option<&str>) -> (String, String) {
    let mut request = reqwest::Client::new().get(format!("{}/metrics", site.gateway.base()));
    if let Some(accept) = accept {
        request = request.header("accept", accept);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, answer.text().await.unwrap())
}

/// Names of samples that the families of a text in Prometheus's format have.
fn families(text: &str) -> BTreeSet<String> {
    let typed = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = typed.flat_map(|(name, kind)| match kind {
        "histogram" => ["_bucket", "_sum", "_count", ""]
            .map(|ending| format!("{name}{ending}"))
            .to_vec(),
        _ => vec![name.to_owned()],
    });
    names.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_prometheus_text_unless_open_metrics_are_asked_for() {
    let site = Site::start(On::Embedded).await;
    exercise(&site).await;
    let prometheus = "text/plain; version=0.0.4; charset=utf-8";
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    // What curl, a browser and Prometheus itself send.
    for (accept, expected) in [
        (None, prometheus),
        (Some("*/*"), prometheus),
        (Some("text/html,*/*;q=0.8"), prometheus),
        (
            Some("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            open,
        ),
    ] {
        let (kind, text) = figures(&site, accept).await;
        assert_eq!(kind, expected, "{accept:?}");
        assert_eq!(text.ends_with("# EOF\n"), expected == open, "{accept:?}");
    }
    let (_, text) = figures(&site, None).await;
    for line in [
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_max_fds ",
        "process_start_time_seconds ",
        "hookgate_store_accepting 1",
        "hookgate_deliveries_total{end=\"dead\"} 0",
    ] {
        assert!(text.contains(&format!("\n{line}")), "`{line}` is not in\n{text}");
    }
    // A retry is claimed from the store, and its lateness is counted.
    let lag = text
        .lines()
        .find_map(|line| line.strip_prefix("hookgate_due_lag_seconds_count "));
    assert!(lag.unwrap().parse::<u64>().unwrap() > 0, "{text}");
    let mut checked = Command::new(tool("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut checked.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let said = checked.wait_with_output().unwrap();
    assert!(
        said.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&said.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_document_passes_a_validator() {
    let site = Site::start(On::Embedded).await;
    for path in ["/openapi.json", "/v1/openapi.json"] {
        let document = site.acme.get(path).await.expect(200);
        let file = site.gateway.dir().join("openapi.json");
        std::fs::write(&file, document.to_string()).unwrap();
        let said = Command::new(tool("venv/bin/openapi-spec-validator"))
            .arg(&file)
            .output()
            .unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    }
}

/// The image's root as a container's engine runs it: read-only, without privileges. It needs root, as mounting does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_root_runs_read_only_and_checks_its_own_health() {
    let dir = tempfile::tempdir().unwrap();
    let (image, data) = (dir.path().join("image"), dir.path().join("data"));
    std::fs::create_dir(&data).unwrap();
    let made = Command::new(root().join("deploy/container/root"))
        .arg(binary())
        .arg(&image)
        .status()
        .unwrap();
    assert!(made.success());
    let beside_the_binary =
        size_of_files(&image) - std::fs::metadata(image.join("usr/bin/hookgate")).unwrap().len();
    assert!(
        beside_the_binary < 6 << 20,
        "libraries and files take {beside_the_binary} bytes"
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let address = port.to_string();
    let contained = |arguments: &[&str]| {
        let mut command = Command::new(root().join("deploy/container/run"));
        command.arg(&image).arg(&data).args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.envs([
            ("HOOKGATE_DATA_DIR", "/var/lib/hookgate"),
            ("HOOKGATE_SERVER__HEALTH_LISTEN", &address),
            ("HOOKGATE_SERVER__LISTEN", "127.0.0.1:0"),
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let ready = || contained(&["doctor", "--ready"]).output().unwrap();
    assert_eq!(ready().status.code(), Some(1), "nothing runs");
    let serving = Running(contained(&["serve"]).stderr(Stdio::null()).spawn().unwrap());
    eventually("the health check succeeds", async || {
        let checked = ready();
        checked.status.success().then_some(())
    })
    .await;
    assert!(data.join("operator.key").exists(), "its data is in the volume");
    let checked = contained(&["config", "check"]).output().unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    drop(serving);
}

fn size_of_files(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let size = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => size_of_files(&entry.path()),
        false => entry.metadata().unwrap().len(),
    });
    size.sum()
}

#[test]
fn service_manager_is_told_of_start_reload_and_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(hookgate_tests::BOUND)).unwrap();
    let serving = Running(
        command()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(dir.path())
            .env("NOTIFY_SOCKET", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let told = || {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length])
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(told(), "READY=1");
    serving.signal(Signal::HUP);
    assert_eq!((told(), told()), ("RELOADING=1".to_owned(), "READY=1".to_owned()));
    serving.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_read_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let keep = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("file:{}", path.display())
    };
    let sealing = command().args(["keys", "new"]).output().unwrap().stdout;
    let store = dir.path().join("events");
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let secrets = [
        (
            "HOOKGATE_AUTH__OPERATOR_KEY",
            keep("operator", "the-operator-s-own-key\n"),
        ),
        (
            "HOOKGATE_AUTH__SEALING_KEYS",
            keep("sealing", &String::from_utf8(sealing).unwrap()),
        ),
        (
            "HOOKGATE_STORE__URL",
            keep("store", &format!("embedded:{}\n", store.display())),
        ),
    ];
    let with_secrets = |arguments: &[&str]| {
        let mut command = command();
        command
            .args(arguments)
            .current_dir(dir.path())
            .envs(secrets.clone());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let serving = Running(
        with_secrets(&["serve", "--listen", &address.to_string()])
            .spawn()
            .unwrap(),
    );
    let operator = hookgate_tests::Client::new(&format!("http://{address}"), "the-operator-s-own-key");
    eventually("the key of the file opens", async || {
        std::net::TcpStream::connect(address).ok()?;
        (operator.get("/v1/tenants").await.status == 200).then_some(())
    })
    .await;
    assert!(store.exists() && !dir.path().join("hookgate-data/secrets.key").exists());
    drop(serving);
    std::fs::remove_file(dir.path().join("operator")).unwrap();
    let refused = with_secrets(&["config", "check"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.contains("auth.operator_key") && said.contains("operator cannot be read"),
        "{said}"
    );
}

#[test]
fn deploy_files_pass_their_own_tools() {
    let checked = Command::new(root().join("deploy/checks/run"))
        .arg(binary())
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
