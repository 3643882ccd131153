//! A redis-server of one's own: a free port, a temporary directory, appendonly.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::BOUND;

/// When Redis flushes its append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before each answer.
    Always,
    /// Every second.
    EverySec,
}

/// A running redis-server; it ends when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    port: u16,
    fsync: Fsync,
    dir: TempDir,
}

impl RedisServer {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// When there is no redis-server (the text says how to install it) or it does not start.
    pub fn start(fsync: Fsync) -> Result<Self> {
        let dir = tempfile::tempdir().context("a temporary directory")?;
        // The port may be taken between asking and binding: then another one is tried.
        for _ in 0..5 {
            let port = free_port()?;
            let mut process = spawn(port, fsync, &dir)?;
            if answers(port, &mut process) {
                return Ok(Self {
                    process,
                    port,
                    fsync,
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

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends it with SIGKILL, as a crash would.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill().context("kill redis-server")?;
        self.process.wait().context("wait for redis-server")?;
        Ok(())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).context("signal redis-server")
    }

    /// Starts it again on the same port and directory.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.process = spawn(self.port, self.fsync, &self.dir)?;
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

fn spawn(port: u16, fsync: Fsync, dir: &TempDir) -> Result<Child> {
    let fsync = match fsync {
        Fsync::Always => "always",
        Fsync::EverySec => "everysec",
    };
    Command::new("redis-server")
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
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("redis-server cannot be started; install it: apt-get install redis-server")
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
        if let Ok(mut connection) = client.get_connection()
            && redis::cmd("PING").query::<String>(&mut connection).is_ok()
        {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
