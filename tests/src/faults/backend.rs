//! The servers behind gateways, the way to them, and their faults.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::cluster::RedisCluster;
use super::proxy::{Mode, Proxy};
use super::{Fault, Store};
use crate::{Fsync, RedisServer, redis_server};

/// Store of the gateways.
pub(super) enum Backend {
    /// A file.
    File,
    /// A server behind a proxy.
    Server(RedisServer, Proxy),
    /// A cluster.
    Cluster(RedisCluster),
}

impl Backend {
    pub(super) async fn start(store: Store) -> Result<Self> {
        let program = match store {
            Store::Embedded => return Ok(Self::File),
            Store::Cluster => return Ok(Self::Cluster(RedisCluster::start().await?)),
            Store::Redis => PathBuf::from("redis-server"),
            Store::Valkey => redis_server::valkey()
                .context("no valkey-server: put one on the path, or name it in VALKEY_SERVER")?,
        };
        let server = RedisServer::start_as(&program, Fsync::Always, &[])?;
        let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into()).await?;
        Ok(Self::Server(server, proxy))
    }

    /// URL of the store; `None`: a file in the gateway's directory.
    pub(super) fn url(&self) -> Option<String> {
        match self {
            Self::File => None,
            Self::Server(_, proxy) => Some(proxy.url()),
            Self::Cluster(cluster) => Some(cluster.url()),
        }
    }

    /// Name and version of the store's server.
    pub(super) fn version(&self) -> Option<String> {
        let server = match self {
            Self::File => return None,
            Self::Server(server, _) => server,
            Self::Cluster(cluster) => cluster.servers().first()?,
        };
        let info = server.text(&["INFO", "server"]).ok()?;
        let field = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        let valkey = field("valkey_version:").map(|version| format!("valkey-server {version}"));
        valkey.or_else(|| Some(format!("redis-server {}", field("redis_version:")?)))
    }

    /// Keys of sets of deliveries that wait.
    pub(super) fn due_keys(&self) -> Result<usize> {
        let servers: &[RedisServer] = match self {
            Self::File => &[],
            Self::Server(server, _) => std::slice::from_ref(server),
            Self::Cluster(cluster) => cluster.servers(),
        };
        let mut count = 0;
        for server in servers {
            let keys: Vec<String> = redis::from_redis_value(server.command(&["KEYS", "{hg:*}due:*"])?)?;
            count += keys.len();
        }
        Ok(count)
    }

    /// Injects a fault, and takes it away again. `random` is any number.
    pub(super) async fn inject(&mut self, fault: Fault, random: usize) -> Result<()> {
        match self {
            Self::File => bail!("{fault} does not concern a file"),
            Self::Server(server, proxy) => match fault {
                Fault::SlowWay
                | Fault::VerySlowWay
                | Fault::CutWay
                | Fault::SilentWay
                | Fault::HalfClosedWay
                | Fault::ChoppedWay
                | Fault::LostReplies
                | Fault::FlappingWay => disturb(proxy, fault, random).await,
                other => hurt(server, other).await?,
            },
            Self::Cluster(cluster) => {
                let slot = cluster.slot(&format!("{{hg:{:02}}}turns", random % 16))?;
                match fault {
                    Fault::KilledPrimary => {
                        let down = cluster.kill_primary(slot).await?;
                        cluster.revive(down).await?;
                    }
                    Fault::MovedSlot => cluster.move_slot(slot, 50).await?,
                    other => bail!("{other} does not concern a cluster"),
                }
            }
        }
        Ok(())
    }
}

/// Faults of the way.
async fn disturb(proxy: &Proxy, fault: Fault, random: usize) {
    let slow = Duration::from_millis(50 + (random % 950) as u64);
    let (mode, time) = match fault {
        Fault::SlowWay => (Mode::Delay(slow), 3),
        Fault::VerySlowWay => (Mode::Delay(Duration::from_secs(5)), 6),
        Fault::SilentWay => (Mode::Silent, 3),
        Fault::HalfClosedWay => (Mode::HalfClosed, 1),
        Fault::ChoppedWay => (Mode::Chopped, 2),
        Fault::LostReplies => (Mode::NoReplies, 2),
        Fault::FlappingWay => {
            for turn in 0..10 {
                proxy.set(if turn % 2 == 0 { Mode::Cut } else { Mode::Pass });
                sleep(Duration::from_millis(50 + (random % 200) as u64)).await;
            }
            return proxy.set(Mode::Pass);
        }
        _ => (Mode::Cut, 3),
    };
    proxy.set(mode);
    sleep(Duration::from_secs(time)).await;
    proxy.set(Mode::Pass);
}

/// Faults of the server.
async fn hurt(server: &mut RedisServer, fault: Fault) -> Result<()> {
    match fault {
        Fault::KilledServer => {
            block_in_place(|| server.kill().and_then(|()| server.restart()))?;
        }
        Fault::KilledInRewrite => {
            server.command(&["BGREWRITEAOF"])?;
            sleep(Duration::from_millis(5)).await;
            block_in_place(|| server.kill().and_then(|()| server.restart()))?;
        }
        Fault::StoppedServer => {
            server.signal(Signal::STOP)?;
            sleep(Duration::from_secs(3)).await;
            server.signal(Signal::CONT)?;
        }
        Fault::PausedClients => {
            server.command(&["CLIENT", "PAUSE", "1000", "ALL"])?;
            sleep(SECOND).await;
        }
        Fault::CutConnections => drop(server.command(&["CLIENT", "KILL", "TYPE", "normal"])?),
        Fault::ForgottenScripts => drop(server.command(&["SCRIPT", "FLUSH"])?),
        Fault::FullServer => set(server, "maxmemory", "1mb", "0").await?,
        Fault::FewReplicas => set(server, "min-replicas-to-write", "1", "0").await?,
        Fault::EvictingServer => set(server, "maxmemory-policy", "allkeys-lru", "noeviction").await?,
        Fault::ReplicaServer => {
            // Nobody is at port 1: it becomes read-only and keeps what it has.
            server.command(&["REPLICAOF", "127.0.0.1", "1"])?;
            sleep(SECOND).await;
            server.command(&["REPLICAOF", "NO", "ONE"])?;
        }
        other => bail!("{other} does not concern a server"),
    }
    Ok(())
}

/// Sets it so for a second.
async fn set(server: &RedisServer, setting: &str, bad: &str, good: &str) -> Result<()> {
    server.command(&["CONFIG", "SET", setting, bad])?;
    sleep(SECOND).await;
    server.command(&["CONFIG", "SET", setting, good])?;
    Ok(())
}

const SECOND: Duration = Duration::from_secs(1);
