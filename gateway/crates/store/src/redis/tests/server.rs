//! A redis-server for one test: on a free port, with its file in a temporary directory.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::super::keys::Keys;
use crate::StoreUrl;
use hookgate_domain::TenantId;

/// A running server.
pub(super) struct Server {
    port: u16,
    arguments: Vec<String>,
    child: Child,
    directory: TempDir,
}

impl Server {
    /// Starts a server with an append-only file and this sync policy: `always`, `everysec` or `no`.
    pub(super) async fn start(fsync: &'static str) -> Self {
        Self::start_with(fsync, &[]).await
    }

    /// The same with more arguments.
    pub(super) async fn start_with(fsync: &'static str, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let arguments = [&["--appendfsync", fsync], more].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let child = spawn(port, &arguments, &directory);
        let mut server = Self {
            port,
            arguments,
            child,
            directory,
        };
        server.answered().await;
        server
    }

    /// Its port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns `true` if it is part of a working cluster of this many servers with every slot.
    pub(super) async fn knows_cluster(&self, servers: usize) -> bool {
        let info: String = redis::from_redis_value(self.command(&["CLUSTER", "INFO"]).await).unwrap();
        let known = format!("cluster_known_nodes:{servers}");
        let wanted = ["cluster_state:ok", "cluster_slots_assigned:16384", &known];
        wanted.iter().all(|line| info.lines().any(|own| own == *line))
    }

    /// Address of the server.
    pub(super) fn url(&self) -> StoreUrl {
        format!("redis://127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// Kills it as `kill -9` does.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again with the file it has.
    pub(super) async fn restart(&mut self) {
        self.child = spawn(self.port, &self.arguments, &self.directory);
        self.answered().await;
    }

    /// Stops or resumes the server.
    pub(super) fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.child);
        kill_process(id, signal).unwrap();
    }

    /// Number of entries in a tenant's feed.
    pub(super) async fn length(&self, tenant: &TenantId) -> i64 {
        let feed = Keys::new("hg").feed(tenant);
        match self.command(&["XLEN", &feed]).await {
            redis::Value::Int(length) => length,
            other => panic!("{other:?}"),
        }
    }

    /// Sends it one command.
    pub(super) async fn command(&self, words: &[&str]) -> redis::Value {
        self.try_command(words).await.unwrap()
    }

    async fn try_command(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(&mut connection).await
    }

    async fn answered(&mut self) {
        let began = Instant::now();
        while self.try_command(&["PING"]).await.is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("redis-server ended with {status}");
            }
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "redis-server does not answer"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, arguments: &[String], directory: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--save", ""])
        .args(arguments)
        .arg("--dir")
        .arg(directory.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("these tests need redis-server: apt-get install redis-server")
}

/// A port that was free a moment ago; a cluster's servers also listen 10,000 above it.
pub(super) fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if port < 55_000 {
            return port;
        }
    }
}
