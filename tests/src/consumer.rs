//! A customer's server and the public libraries, run by real Node and real Python:
//! `tests/receivers`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::gateway::{gather, root};
use crate::{BOUND, eventually};

/// Interpreter of a script of `tests/receivers`.
#[derive(Debug, Clone, Copy)]
pub enum Language {
    /// Node.
    Node,
    /// Python.
    Python,
}

/// A running server of a customer, ended on drop.
#[derive(Debug)]
pub struct Consumer {
    process: Child,
    address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl Consumer {
    /// Starts a script with the customer's secret and waits until it listens.
    ///
    /// # Panics
    /// If it does not; the message shows its output.
    pub fn start(language: Language, script: &str, secret: &str) -> Self {
        let mut process = language
            .command(script)
            .env("SECRET", secret)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tests/receivers/install has installed what runs it");
        let said = Arc::default();
        let (found, port) = mpsc::channel();
        gather(
            process.stdout.take().expect("it is piped"),
            Arc::clone(&said),
            Some(found),
        );
        gather(
            process.stderr.take().expect("it is piped"),
            Arc::clone(&said),
            None,
        );
        let port: Option<u16> = port.recv_timeout(BOUND).ok().and_then(|port| port.parse().ok());
        assert!(port.is_some(), "{script} does not listen: {said:?}");
        Self {
            process,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or_default())),
            said,
        }
    }

    /// Address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has printed this line.
    ///
    /// # Panics
    /// If it does not.
    pub async fn says(&self, line: &str) {
        eventually(&format!("the customer's server says {line:?}"), async || {
            let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            said.iter().any(|own| own == line).then_some(())
        })
        .await;
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Language {
    /// Verifies messages with a library or printed code. Returns a result for each: `true` or the
    /// reason of the refusal.
    ///
    /// # Panics
    /// If the script ends before it has answered.
    pub async fn check(self, messages: &[Value]) -> Vec<Value> {
        let script = match self {
            Self::Node => "check.js",
            Self::Python => "check.py",
        };
        let mut process = tokio::process::Command::from(self.command(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/receivers/install has installed what runs it");
        let mut input = process.stdin.take().expect("it is piped");
        let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
        let writing = tokio::spawn(async move { input.write_all(lines.as_bytes()).await });
        let output = process.wait_with_output().await.expect("it ends");
        writing.await.expect("it is written").expect("it reads");
        let answers: Vec<_> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(answers.len(), messages.len(), "an answer for each message");
        answers
    }

    fn command(self, script: &str) -> Command {
        let installed = installed();
        let scripts = root().join("tests/receivers");
        match self {
            Self::Node => {
                let mut command = Command::new("node");
                command
                    .env("NODE_PATH", installed.join("node/node_modules"))
                    .arg(scripts.join("node").join(script));
                command
            }
            Self::Python => {
                let mut command = Command::new(installed.join("python/bin/python"));
                command
                    .env("PYTHONDONTWRITEBYTECODE", "1")
                    .env("PYTHONUNBUFFERED", "1")
                    .arg(scripts.join("python").join(script));
                command
            }
        }
    }
}

/// Directory of the libraries, installed first unless they match the lock files.
fn installed() -> PathBuf {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let done = Command::new(root().join("tests/receivers/install"))
            .output()
            .expect("tests/receivers/install");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    });
    root().join("target/receivers")
}
