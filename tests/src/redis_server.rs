//! A redis-server for a test: a free port, a temporary directory, appendonly.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
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
    fsync: Fsync,
    dir: TempDir,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// If there is no redis-server (the message says how to install it) or it does not start.
    pub fn start(fsync: Fsync) -> Result<Self> {
        let dir = tempfile::tempdir().context("a temporary directory")?;
        // Another process may take the port between the query and the bind: then the next port is
        // tried.
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

    /// URL of the server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills the server with SIGKILL, as a crash would end it.
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
