//! A redis-server for a test: a free port, a temporary directory, appendonly.

use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::BOUND;

/// Policy of flushing Redis' append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before each answer.
    Always,
    /// Every second.
    EverySec,
}

/// A running redis-server, ended on drop.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    port: u16,
    launch: Launch,
    dir: TempDir,
}

/// Program and arguments, for the start and each restart.
#[derive(Debug, Clone)]
struct Launch {
    program: PathBuf,
    fsync: Fsync,
    more: Vec<String>,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// If there is no redis-server (the message says how to install it) or it does not start.
    pub fn start(fsync: Fsync) -> Result<Self> {
        Self::start_as(Path::new("redis-server"), fsync, &[])
    }

    /// The same with another program and more arguments.
    ///
    /// # Errors
    /// When there is no such program or it does not start.
    pub fn start_as(program: &Path, fsync: Fsync, more: &[&str]) -> Result<Self> {
        let launch = Launch {
            program: program.to_owned(),
            fsync,
            more: more.iter().map(|word| (*word).to_owned()).collect(),
        };
        let dir = tempfile::tempdir().context("a temporary directory")?;
        // Another process may take the port between the query and the bind: then the next port is
        // tried.
        for _ in 0..5 {
            let port = free_port()?;
            let mut process = spawn(port, &launch, &dir)?;
            if answers(port, &mut process) {
                return Ok(Self {
                    process,
                    port,
                    launch,
                    dir,
                });
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        bail!(
            "redis-server did not start; its log is in {}",
            dir.path().display()
        )
    }

    /// URL of the server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The reply to a command.
    ///
    /// # Errors
    /// When it does not answer within seconds, or with an error.
    pub fn command(&self, words: &[&str]) -> Result<redis::Value> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        let reply: redis::Value = command.query(&mut connection)?;
        Ok(reply.extract_error()?)
    }

    /// The reply to a command, as text.
    ///
    /// # Errors
    /// As `command`; when the reply is no text.
    pub fn text(&self, words: &[&str]) -> Result<String> {
        Ok(redis::from_redis_value(self.command(words)?)?)
    }

    /// Ends it with SIGKILL, as a crash would.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill().context("kill redis-server")?;
        self.process.wait().context("wait for redis-server")?;
        Ok(())
    }

    /// Sends a signal to the server.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).context("signal redis-server")
    }

    /// Restarts the server on the same port and directory.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.process = spawn(self.port, &self.launch, &self.dir)?;
        if answers(self.port, &mut self.process) {
            Ok(())
        } else {
            bail!("redis-server did not start again")
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16, launch: &Launch, dir: &TempDir) -> Result<Child> {
    let fsync = match launch.fsync {
        Fsync::Always => "always",
        Fsync::EverySec => "everysec",
    };
    Command::new(&launch.program)
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
        ])
        .args([
            "--appendfsync",
            fsync,
            "--maxmemory-policy",
            "noeviction",
            "--loglevel",
            "warning",
        ])
        .arg("--dir")
        .arg(dir.path())
        .arg("--logfile")
        .arg(dir.path().join("redis.log"))
        .args(&launch.more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| {
            format!(
                "{} cannot be started; redis-server is installed by: apt-get install redis-server",
                launch.program.display()
            )
        })
}

fn answers(port: u16, process: &mut Child) -> bool {
    let start = Instant::now();
    let Ok(client) = redis::Client::open(format!("redis://127.0.0.1:{port}/")) else {
        return false;
    };
    while start.elapsed() < BOUND {
        if process.try_wait().is_ok_and(|status| status.is_some()) {
            return false;
        }
        // With a timeout: another process may have taken the port, and never answer.
        if let Ok(mut connection) = client.get_connection_with_timeout(PATIENCE)
            && connection.set_read_timeout(Some(PATIENCE)).is_ok()
            && redis::cmd("PING").query::<String>(&mut connection).is_ok()
        {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// A port of 127.0.0.1 that is free now, and that no connection or listener on port 0 is given: a
/// server that is killed and started again finds it free.
///
/// # Errors
/// When none is.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes of tests that run side by side begin at different places.
    let start = std::process::id().wrapping_mul(64);
    for _ in PORTS {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + u16::try_from(next % u32::from(PORTS.end - PORTS.start))?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port of {PORTS:?} is free")
}

/// The valkey-server that `VALKEY_SERVER` names, or the one of the path; `None`: there is none.
pub fn valkey() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("VALKEY_SERVER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join("valkey-server"))
        .find(|program| program.is_file())
}

/// Ports below those that the kernel gives out by itself (`net.ipv4.ip_local_port_range`, 32768 and
/// up as it is delivered).
const PORTS: Range<u16> = 20_000..32_000;
/// Timeout of a command.
const PATIENCE: Duration = Duration::from_secs(10);
