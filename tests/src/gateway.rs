//! A gateway process for a test, started as a user starts it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tempfile::TempDir;
use toml_edit::DocumentMut;

use crate::{BOUND, Client};

/// The operator's key of every gateway in a test.
pub const OPERATOR_KEY: &str = "hg_test_operator_key_0123456789abcdef";

/// Time limits too wide for a slow machine to reach.
///
/// They apply to every gateway in a test that does not set its own. A test of a limit then meets
/// that limit and no other.
const PATIENT: &[(&str, &str)] = &[
    ("server.header_timeout", "2m"),
    ("server.body_timeout", "2m"),
    ("server.drain_time", "1m"),
    ("scheduler.drain", "1m"),
    ("store.redis.accept_timeout", "1m"),
    ("store.redis.response_timeout", "1m"),
    ("store.redis.connect_timeout", "1m"),
    ("plugins.call_deadline", "10s"),
    ("plugins.chain_deadline", "1m"),
    ("plugins.large.call_deadline", "10s"),
    ("plugins.compile_time", "10m"),
    ("plugins.large.compile_time", "15m"),
    ("plugins.canary.window", "1h"),
];

/// Builder of a gateway. Unset options have their defaults, except loopback addresses, which tests
/// must reach, and `PATIENT`.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    store: Option<String>,
    toml: String,
    data_limit: Option<u64>,
    limits: String,
    as_shipped: bool,
}

/// A running gateway, ended on drop.
#[derive(Debug)]
pub struct Gateway {
    process: Child,
    base: String,
    log: Arc<Mutex<Vec<String>>>,
    dir: Arc<TempDir>,
    launch: Launch,
}

/// Arguments and limits of a gateway's process, for its start and each restart.
#[derive(Debug, Clone)]
struct Launch {
    arguments: Vec<OsString>,
    data_limit: Option<u64>,
    limits: String,
}

impl Setup {
    /// Uses the embedded store, in the gateway's own directory.
    pub fn embedded() -> Self {
        Self::default()
    }

    /// Uses a Redis.
    pub fn redis(url: &str) -> Self {
        Self {
            store: Some(url.to_owned()),
            ..Self::default()
        }
    }

    /// Adds configuration, TOML.
    #[must_use]
    pub fn with(mut self, toml: &str) -> Self {
        self.toml.push_str(toml);
        self.toml.push('\n');
        self
    }

    /// Leaves out `PATIENT`: the time limits are those of a gateway as it is shipped, for
    /// measurements.
    #[must_use]
    pub fn as_shipped(mut self) -> Self {
        self.as_shipped = true;
        self
    }

    /// Limits the memory of the process (`RLIMIT_DATA`) as a container does.
    ///
    /// An allocation over the limit ends the process.
    #[must_use]
    pub fn with_data_limit(mut self, bytes: u64) -> Self {
        self.data_limit = Some(bytes);
        self
    }

    /// Limits the process by a shell command, such as `ulimit -n 256`.
    #[must_use]
    pub fn under(mut self, limits: &str) -> Self {
        limits.clone_into(&mut self.limits);
        self
    }

    /// The whole configuration file.
    fn file(&self, data: &Path) -> String {
        let store = self
            .store
            .clone()
            .unwrap_or_else(|| format!("embedded:{}", data.join("store").display()));
        // Dotted keys, so that `toml` may open the same tables again by dotted keys or open other
        // tables.
        format!(
            "data_dir = {data:?}\nserver.listen = \"127.0.0.1:0\"\nstore.url = {store:?}\n\
             auth.operator_key = \"{OPERATOR_KEY}\"\negress.allow = [\"127.0.0.0/8\"]\n{}{}",
            self.patience(),
            self.toml
        )
    }

    /// The settings of `PATIENT` that `toml` does not set.
    fn patience(&self) -> String {
        if self.as_shipped {
            return String::new();
        }
        let own: DocumentMut = self.toml.parse().unwrap_or_default();
        let is_set = |key: &str| {
            let mut parts = key.split('.');
            parts
                .try_fold(own.as_item(), |table, part| table.get(part))
                .is_some()
        };
        let left = PATIENT.iter().filter(|(key, _)| !is_set(key));
        left.map(|(key, value)| format!("{key} = \"{value}\"\n"))
            .collect()
    }

    /// Starts the gateway and waits until it listens.
    ///
    /// # Panics
    /// If it does not start; the message shows its output.
    pub fn start(&self) -> Gateway {
        self.try_start().expect("the gateway starts")
    }

    /// Starts the gateway and waits until it listens.
    ///
    /// # Errors
    /// If it does not start; the message shows its output.
    pub fn try_start(&self) -> Result<Gateway> {
        let dir = Arc::new(tempfile::tempdir().context("a temporary directory")?);
        let config = dir.path().join("hookgate.toml");
        std::fs::write(&config, self.file(&dir.path().join("data")))?;
        let launch = Launch {
            arguments: vec!["serve".into(), "--config".into(), config.into()],
            data_limit: self.data_limit,
            limits: self.limits.clone(),
        };
        Gateway::spawn(dir, launch)
    }
}

impl Gateway {
    /// Base URL: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A client with the operator's key.
    pub fn operator(&self) -> Client {
        Client::new(&self.base, OPERATOR_KEY)
    }

    /// Creates a tenant and returns a client of it.
    pub async fn tenant(&self, id: &str) -> Client {
        self.operator().create_tenant(id).await
    }

    /// Directory of the gateway: the configuration file, and `data`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Resident memory of the process, in bytes.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn resident(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// Peak resident memory of the process since its start, in bytes.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn peak_resident(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &'static str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib: u64 = line.context(field)?.trim().trim_end_matches(" kB").parse()?;
        Ok(kib << 10)
    }

    /// Lines on standard output and error so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Number of log lines so far that match a predicate.
    pub fn count_in_log(&self, is_such: impl Fn(&str) -> bool) -> usize {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().filter(|line| is_such(line)).count()
    }

    /// Number of its open descriptors.
    ///
    /// # Errors
    /// When it has ended.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    /// Ends it with SIGKILL, as a crash would.
    ///
    /// # Panics
    /// If it cannot be signalled.
    pub fn kill(&mut self) {
        self.process.kill().expect("a signal");
        self.process.wait().expect("an end");
    }

    /// Sends a signal to the process.
    ///
    /// # Panics
    /// If it cannot be signalled.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).expect("a signal");
    }

    /// Asks the process to end (SIGTERM) and waits for it.
    ///
    /// # Panics
    /// If it does not end within the bound.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.ended()
    }

    /// Waits for it to end.
    ///
    /// # Panics
    /// When it does not end within the bound.
    pub fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("a status") {
                return status;
            }
            assert!(
                start.elapsed() < BOUND,
                "the gateway did not end; its log:\n{}",
                self.log().join("\n")
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Restarts the gateway in the same directory, on another port.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn restart(self) -> Self {
        self.try_restart().expect("the gateway starts again")
    }

    /// As [`restart`](Self::restart), for a start that may fail.
    ///
    /// # Errors
    /// If it does not start; the message shows its output.
    pub fn try_restart(mut self) -> Result<Self> {
        let _ = self.process.kill();
        let _ = self.process.wait();
        Self::spawn(self.dir.clone(), self.launch.clone())
    }

    /// Inserts a line of configuration before the others, for the next start.
    ///
    /// # Panics
    /// If the file cannot be read or written.
    pub fn configure(&self, line: &str) {
        let path = self.dir().join("hookgate.toml");
        let text = std::fs::read_to_string(&path).expect("the configuration");
        std::fs::write(&path, format!("{line}\n{text}")).expect("the configuration");
    }

    fn spawn(dir: Arc<TempDir>, launch: Launch) -> Result<Self> {
        let mut process = command_under(&launch.limits)
            .args(&launch.arguments)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start the gateway")?;
        if let Some(bytes) = launch.data_limit {
            limit_data(&process, bytes)?;
        }
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, listening) = mpsc::channel();
        let stdout = process.stdout.take().context("its output")?;
        let stderr = process.stderr.take().context("its errors")?;
        gather(stdout, log.clone(), Some(found));
        let errors = gather(stderr, log.clone(), None);
        match listening.recv_timeout(BOUND) {
            Ok(base) => Ok(Self {
                process,
                base,
                log,
                dir,
                launch,
            }),
            Err(_) => {
                let _ = process.kill();
                let status = process.wait()?;
                let _ = errors.join();
                let said = log.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
                bail!("the gateway did not listen ({status}):\n{said}")
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Limits the data memory of a process from now on.
fn limit_data(process: &Child, bytes: u64) -> Result<()> {
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    prlimit(Some(Pid::from_child(process)), Resource::Data, limit).context("limit the gateway's memory")?;
    Ok(())
}

/// The binary as a command, without inherited configuration.
pub fn command() -> Command {
    command_under("")
}

/// The same command under limits of the shell.
fn command_under(limits: &str) -> Command {
    let mut command = if limits.is_empty() {
        Command::new(binary())
    } else {
        let mut shell = Command::new("sh");
        // The shell becomes the gateway: its process id is the gateway's.
        shell
            .args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")])
            .arg(binary());
        shell
    };
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOOKGATE_")) {
        command.env_remove(name);
    }
    command
}

/// As [`command`], for commands that run plugins, with `PATIENT`.
pub fn patient_command() -> Command {
    let mut command = command();
    command.envs(patience());
    command
}

/// `PATIENT` as environment variables, for tests that start commands of the binary.
pub fn patience() -> impl Iterator<Item = (String, &'static str)> {
    PATIENT.iter().map(|(key, value)| {
        let name = key.to_uppercase().replace('.', "__");
        (format!("HOOKGATE_{name}"), *value)
    })
}

/// Path of the gateway's binary.
///
/// `HOOKGATE_BINARY` names it, so that two builds can be compared in one run; otherwise it is built
/// from this tree in the profile of the test itself.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("HOOKGATE_BINARY") {
        Some(named) => named.into(),
        None => build().expect("the gateway builds"),
    })
}

fn build() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    // target/PROFILE/deps/TEST or target/PROFILE/BIN
    let profile = own
        .ancestors()
        .find(|dir| dir.join("deps").is_dir())
        .context("the target directory")?;
    let release = profile.ends_with("release");
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--workspace", "--bin", "hookgate"])
        .current_dir(root());
    if release {
        build.arg("--release");
    }
    // Cargo tells a test about its package. Build scripts that watch these variables would run again,
    // and with them everything that depends on them would be compiled a second time.
    for (name, _) in std::env::vars_os() {
        let about_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if about_package
            .iter()
            .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
        {
            build.env_remove(name);
        }
    }
    if !build.status().context("run cargo")?.success() {
        bail!("cargo could not build the gateway");
    }
    Ok(profile.join("hookgate"))
}

/// Root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// Collects the output lines of a process, and sends the rest of the line after `listening on `.
pub(crate) fn gather(
    source: impl std::io::Read + Send + 'static,
    log: Arc<Mutex<Vec<String>>>,
    found: Option<mpsc::Sender<String>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            if let (Some(found), Some((_, base))) = (&found, line.split_once("listening on ")) {
                let _ = found.send(base.trim().to_owned());
            }
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    })
}
