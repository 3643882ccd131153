//! A Redis Cluster of one's own: three primaries, each with a replica.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::redis_server::free_port;
use crate::{BOUND, Fsync, RedisServer};

/// A running cluster; it ends when this is dropped.
#[derive(Debug)]
pub struct RedisCluster {
    servers: Vec<RedisServer>,
}

/// A line of `CLUSTER NODES`.
#[derive(Debug)]
struct Node {
    id: String,
    port: u16,
    is_primary: bool,
    has_failed: bool,
    slots: Vec<(u16, u16)>,
}

impl RedisCluster {
    /// Starts one, and waits until it is whole. A primary that is silent for two seconds is replaced.
    ///
    /// # Errors
    /// When a server does not start, or they do not find together.
    pub async fn start() -> Result<Self> {
        let mut servers = Vec::with_capacity(SERVERS);
        for _ in 0..SERVERS {
            let bus = free_port()?.to_string();
            let settings = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "2000",
                "--cluster-require-full-coverage",
                "no",
                "--repl-diskless-sync-delay",
                "0",
            ];
            servers.push((
                RedisServer::start_as(Path::new("redis-server"), Fsync::Always, &settings)?,
                bus,
            ));
        }
        let (first, bus) = (servers[0].0.port().to_string(), servers[0].1.clone());
        for ((server, _), range) in servers
            .iter()
            .zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]])
        {
            server.command(&["CLUSTER", "ADDSLOTSRANGE", range[0], range[1]])?;
        }
        for (n, (server, _)) in (1..).zip(&servers) {
            server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &n.to_string()])?;
            server.command(&["CLUSTER", "MEET", "127.0.0.1", &first, &bus])?;
        }
        let cluster = Self {
            servers: servers.into_iter().map(|(server, _)| server).collect(),
        };
        cluster
            .wait("all know each other", |nodes| nodes.len() == SERVERS)
            .await?;
        for (server, primary) in cluster.servers[3..].iter().zip(&cluster.servers[..3]) {
            let id = primary.text(&["CLUSTER", "MYID"])?;
            let began = Instant::now();
            // A server replicates whom it has heard of.
            while server.command(&["CLUSTER", "REPLICATE", &id]).is_err() {
                ensure!(began.elapsed() < BOUND, "a server replicates nobody");
                sleep(LOOK).await;
            }
        }
        cluster.whole().await?;
        Ok(cluster)
    }

    /// URL of the cluster.
    pub fn url(&self) -> String {
        let ports = self.servers.iter().take(3).map(RedisServer::port);
        let hosts: Vec<_> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// All servers.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// Kills the primary of a slot, and waits until its replica has taken its place; which server is down.
    ///
    /// # Errors
    /// When nobody takes its place.
    pub async fn kill_primary(&mut self, slot: u16) -> Result<usize> {
        let primary = self.primary_of(slot)?;
        let port = self.servers[primary].port();
        self.servers[primary].kill()?;
        let replaced = |nodes: &[Node]| {
            let other = |node: &&Node| node.port != port && node.is_primary && !node.has_failed;
            nodes.iter().filter(other).any(|node| node.has(slot))
        };
        self.wait_from(primary, "the replica takes over", replaced)
            .await?;
        Ok(primary)
    }

    /// Starts a server again, and waits until the cluster is whole.
    ///
    /// # Errors
    /// When it does not start, or the cluster does not become whole.
    pub async fn revive(&mut self, server: usize) -> Result<()> {
        block_in_place(|| self.servers[server].restart())?;
        self.whole().await
    }

    /// Moves a slot with its keys to another primary, so many keys at a time, with a moment in between.
    ///
    /// # Errors
    /// When a server refuses.
    pub async fn move_slot(&self, slot: u16, at_once: u32) -> Result<()> {
        let nodes = self.nodes()?;
        let from = nodes.iter().find(|node| node.is_primary && node.has(slot));
        let from = from.context("a primary of the slot")?;
        let to = nodes
            .iter()
            .find(|node| node.is_primary && !node.has_failed && node.id != from.id);
        let to = to.context("another primary")?;
        let (source, target) = (self.on(from.port)?, self.on(to.port)?);
        let name = slot.to_string();
        target.command(&["CLUSTER", "SETSLOT", &name, "IMPORTING", &from.id])?;
        source.command(&["CLUSTER", "SETSLOT", &name, "MIGRATING", &to.id])?;
        loop {
            let keys: Vec<String> = redis::from_redis_value(source.command(&[
                "CLUSTER",
                "GETKEYSINSLOT",
                &name,
                &at_once.to_string(),
            ])?)?;
            if keys.is_empty() {
                break;
            }
            let port = to.port.to_string();
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            migrate.extend(keys.iter().map(String::as_str));
            source.command(&migrate)?;
            sleep(Duration::from_millis(2)).await;
        }
        for server in [target, source] {
            server.command(&["CLUSTER", "SETSLOT", &name, "NODE", &to.id])?;
        }
        Ok(())
    }

    /// The slot of a key.
    ///
    /// # Errors
    /// When no server answers.
    pub fn slot(&self, key: &str) -> Result<u16> {
        let answers = |server: &RedisServer| server.command(&["CLUSTER", "KEYSLOT", key]).ok();
        let slot = self.servers.iter().find_map(answers).context("a server")?;
        Ok(redis::from_redis_value(slot)?)
    }

    /// Waits until three primaries serve all slots and each has a replica.
    async fn whole(&self) -> Result<()> {
        self.wait("it is whole", |nodes| {
            let (primaries, replicas): (Vec<_>, Vec<_>) = nodes
                .iter()
                .filter(|node| !node.has_failed)
                .partition(|node| node.is_primary);
            let slots: u32 = primaries.iter().map(|node| node.count()).sum();
            slots == 16_384 && primaries.len() == 3 && replicas.len() == 3
        })
        .await?;
        let began = Instant::now();
        while !self.servers.iter().all(in_sync) {
            ensure!(began.elapsed() < BOUND, "replicas do not catch up");
            sleep(LOOK).await;
        }
        Ok(())
    }

    async fn wait(&self, what: &str, holds: impl Fn(&[Node]) -> bool) -> Result<()> {
        self.wait_from(usize::MAX, what, holds).await
    }

    /// Waits until all servers but one say so.
    async fn wait_from(&self, but: usize, what: &str, holds: impl Fn(&[Node]) -> bool) -> Result<()> {
        let began = Instant::now();
        let others = || self.servers.iter().enumerate().filter(|(n, _)| *n != but);
        while !others().all(|(_, server)| nodes_of(server).is_ok_and(|nodes| holds(&nodes))) {
            if began.elapsed() > BOUND {
                bail!("waited in vain until {what}");
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    fn nodes(&self) -> Result<Vec<Node>> {
        let mut known = self.servers.iter().filter_map(|server| nodes_of(server).ok());
        known.next().context("a server that answers")
    }

    fn primary_of(&self, slot: u16) -> Result<usize> {
        let nodes = self.nodes()?;
        let node = nodes.iter().find(|node| node.is_primary && node.has(slot));
        let port = node.context("a primary of the slot")?.port;
        let at = self.servers.iter().position(|server| server.port() == port);
        at.context("one of the servers")
    }

    fn on(&self, port: u16) -> Result<&RedisServer> {
        let server = self.servers.iter().find(|server| server.port() == port);
        server.context("one of the servers")
    }
}

impl Node {
    fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let flags = *words.get(2)?;
        let (address, _) = words.get(1)?.split_once('@')?;
        let range = |word: &&str| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            Some((first.parse().ok()?, last.parse().ok()?))
        };
        Some(Self {
            id: (*words.first()?).to_owned(),
            port: address.rsplit_once(':')?.1.parse().ok()?,
            is_primary: flags.contains("master"),
            has_failed: flags.contains("fail") || flags.contains("noaddr") || flags.contains("handshake"),
            slots: words
                .get(8..)
                .unwrap_or_default()
                .iter()
                .filter_map(range)
                .collect(),
        })
    }

    fn has(&self, slot: u16) -> bool {
        self.slots
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&slot))
    }

    fn count(&self) -> u32 {
        self.slots
            .iter()
            .map(|(first, last)| u32::from(last - first) + 1)
            .sum()
    }
}

fn nodes_of(server: &RedisServer) -> Result<Vec<Node>> {
    let text = server.text(&["CLUSTER", "NODES"])?;
    Ok(text.lines().filter_map(Node::read).collect())
}

/// Returns `true` if a server is a primary or a replica that has caught up.
fn in_sync(server: &RedisServer) -> bool {
    let info = server.text(&["INFO", "replication"]).unwrap_or_default();
    info.contains("role:master") || info.contains("master_link_status:up")
}

const SERVERS: usize = 6;
const LOOK: Duration = Duration::from_millis(50);
