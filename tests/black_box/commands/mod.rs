//! Commands that are clients of the API.

mod applying;
mod contexts;
mod deliveries;
mod jobs;
mod keys;
mod links;
mod listening;
mod live;
mod registry;
mod subscriptions;
mod trying;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};

use hookgate_tests::gateway::{Gateway, OPERATOR_KEY, command};
use hookgate_tests::{BOUND, eventually};
use serde_json::Value;
use tempfile::TempDir;

/// User of the command line, with a configuration directory of their own.
pub(crate) struct User {
    home: TempDir,
    url: Option<String>,
    variables: Vec<(String, String)>,
}

/// Result of a command.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

impl User {
    /// User without a gateway: only contexts select one.
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            url: None,
            variables: Vec::new(),
        }
    }

    /// User of a tenant's key.
    pub(crate) fn of(gateway: &Gateway, key: &str) -> Self {
        Self::at(gateway.base(), key)
    }

    /// User of a tenant's key at an address.
    pub(crate) fn at(url: &str, key: &str) -> Self {
        let mut user = Self::new().with("HG_KEY", key);
        user.url = Some(url.to_owned());
        user
    }

    /// User of the operator's key.
    pub(crate) fn operator(gateway: &Gateway) -> Self {
        let mut user = Self::new().with("HG_OPERATOR_KEY", OPERATOR_KEY);
        user.url = Some(gateway.base().to_owned());
        user
    }

    /// Adds an environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Path in the configuration directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command();
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HG_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path())
            .envs(self.url.iter().map(|url| ("HG_URL", url)))
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Starts a command whose output is read as it comes.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut process = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (found, lines) = mpsc::channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if found.send(line).is_err() {
                    break;
                }
            }
        });
        Running {
            process,
            lines: Arc::new(Mutex::new(lines)),
        }
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Done {
        let mut command = self.command(arguments);
        let ran = tokio::task::spawn_blocking(move || command.output());
        Done::of(&ran.await.unwrap().unwrap())
    }

    /// Output of a command that succeeds.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            let done = self.run(arguments).await;
            assert_eq!(
                done.code,
                Some(0),
                "{place} {arguments:?}: {}{}",
                done.out,
                done.errors
            );
            done.out
        }
    }

    /// Output of a command with `--json`.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let out = self.ok(&arguments).await;
        serde_json::from_str(&out).unwrap()
    }

    /// Errors of a command that fails with this code.
    pub(crate) async fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let done = self.run(arguments).await;
        assert_eq!(
            done.code,
            Some(code),
            "{arguments:?}: {}{}",
            done.out,
            done.errors
        );
        done.errors
    }
}

impl Done {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Command that runs, ended on drop.
pub(crate) struct Running {
    process: Child,
    lines: Arc<Mutex<mpsc::Receiver<String>>>,
}

impl Running {
    /// Next line of the output.
    pub(crate) async fn line(&self) -> String {
        let lines = Arc::clone(&self.lines);
        let line = tokio::task::spawn_blocking(move || lines.lock().unwrap().recv_timeout(BOUND));
        line.await.unwrap().expect("a line of the output")
    }

    /// Next line of the output as JSON.
    pub(crate) async fn json(&self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.process), signal).unwrap();
    }

    /// Exit code and errors, when it has ended.
    pub(crate) async fn ended(mut self) -> Done {
        let code = eventually("the command ends", async || self.process.try_wait().unwrap()).await;
        let mut errors = String::new();
        self.process
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut errors)
            .unwrap();
        Done {
            code: code.code(),
            out: String::new(),
            errors,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// JSON objects of the lines of an output.
pub(crate) fn lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
