//! A redis-server of a test's own: on a free port, with its file in a directory of its own, gone when the test is.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::store::StoreUrl;

/// A running server.
pub(super) struct Server {
    port: u16,
    fsync: &'static str,
    child: Child,
    directory: TempDir,
}

impl Server {
    /// Starts a server with an append-only file that is synced so: `always`, `everysec` or `no`.
    pub(super) async fn start(fsync: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = spawn(port, fsync, &directory);
        let mut server = Self {
            port,
            fsync,
            child,
            directory,
        };
        server.answered().await;
        server
    }

    /// Where it is.
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
        self.child = spawn(self.port, self.fsync, &self.directory);
        self.answered().await;
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
                began.elapsed() < Duration::from_secs(20),
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

fn spawn(port: u16, fsync: &str, directory: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--appendfsync", fsync, "--save", ""])
        .arg("--dir")
        .arg(directory.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("these tests need redis-server: apt-get install redis-server")
}

/// A port that nobody listened on a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
