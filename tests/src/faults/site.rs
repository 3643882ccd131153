//! Gateways and a store as targets of faults.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::sleep;

use super::{Fault, Store};
use crate::{Client, Fsync, Gateway, Receiver, RedisServer, Reply, Setup, root};

/// Gateways and a store.
pub(super) struct Site {
    gateways: Vec<Gateway>,
    redis: Option<RedisServer>,
    clock: StepClock,
}

impl Site {
    pub(super) fn start(store: Store) -> Result<Self> {
        let clock = StepClock::new()?;
        let redis = match store {
            Store::Embedded => None,
            Store::Redis => Some(RedisServer::start(Fsync::Always)?),
        };
        let setup = redis
            .as_ref()
            .map_or_else(Setup::embedded, |redis| Setup::redis(&redis.url()));
        let setup = setup.with(SETTINGS).under(&clock.exports());
        let first = setup.try_start()?;
        let mut gateways = vec![first];
        if redis.is_some() {
            let keys = std::fs::read_to_string(gateways[0].dir().join("data/secrets.key"))?;
            let second = setup.with(&format!("auth.sealing_keys = {:?}", keys.trim()));
            gateways.push(second.try_start()?);
        }
        Ok(Self {
            gateways,
            redis,
            clock,
        })
    }

    /// The first gateway.
    pub(super) fn first(&self) -> &Gateway {
        &self.gateways[0]
    }

    /// A tenant's clients, one towards each gateway.
    pub(super) fn towards_all(&self, client: &Client) -> Vec<Client> {
        self.gateways
            .iter()
            .map(|gateway| client.towards(gateway.base()))
            .collect()
    }

    /// Injects a fault, and removes it again.
    pub(super) async fn inject(&mut self, fault: Fault, receiver: &Receiver) -> Result<()> {
        match fault {
            Fault::KilledGateway => self.restart(false)?,
            Fault::RestartedGateway => self.restart(true)?,
            Fault::StoppedGateway => {
                self.first().signal(Signal::STOP);
                sleep(LEASE + Duration::from_secs(1)).await;
                self.first().signal(Signal::CONT);
            }
            Fault::ClockBack => self.step(-3_600).await?,
            Fault::ClockOn => self.step(3_600).await?,
            Fault::FailingReceiver => receiver.answer(vec![Reply::Status(500); 12]),
            Fault::KilledRedis => {
                let redis = self.redis()?;
                redis.kill()?;
                redis.restart()?;
            }
            Fault::StoppedRedis => {
                self.redis()?.signal(Signal::STOP)?;
                sleep(Duration::from_secs(3)).await;
                self.redis()?.signal(Signal::CONT)?;
            }
            Fault::CutConnections => self.command(&["CLIENT", "KILL", "TYPE", "normal"])?,
            Fault::ForgottenScripts => self.command(&["SCRIPT", "FLUSH"])?,
        }
        Ok(())
    }

    /// Ends the first gateway and restarts it as the last one: faults meet each gateway in turn.
    fn restart(&mut self, orderly: bool) -> Result<()> {
        let mut gateway = self.gateways.remove(0);
        if orderly {
            let status = gateway.stop();
            ensure!(status.success(), "a gateway did not end in order: {status}");
        } else {
            gateway.kill();
        }
        self.gateways.push(gateway.try_restart()?);
        Ok(())
    }

    /// Sets the clock wrong for some seconds, and right again.
    async fn step(&self, seconds: i64) -> Result<()> {
        self.clock.step(seconds)?;
        sleep(Duration::from_secs(2)).await;
        self.clock.step(0)
    }

    fn redis(&mut self) -> Result<&mut RedisServer> {
        self.redis.as_mut().context("a Redis")
    }

    fn command(&mut self, words: &[&str]) -> Result<()> {
        let client = redis::Client::open(self.redis()?.url())?;
        let mut connection = client.get_connection()?;
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        Ok(command.exec(&mut connection)?)
    }
}

/// Settable wall clock of gateways: a library that is loaded before others.
pub struct StepClock {
    dir: TempDir,
}

impl StepClock {
    /// Creates a clock that is right.
    ///
    /// # Errors
    /// If the library cannot be compiled (`cc`).
    pub fn new() -> Result<Self> {
        let clock = Self {
            dir: tempfile::tempdir()?,
        };
        clock.step(0)?;
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(clock.library())
            .arg(root().join("tests/tools/clock_step.c"))
            .arg("-ldl")
            .status();
        ensure!(
            built.context("run cc")?.success(),
            "cc could not build the library"
        );
        Ok(clock)
    }

    /// Shell commands that give a process this clock.
    pub fn exports(&self) -> String {
        let export = |name: &str, path: &Path| format!("export {name}='{}'", path.display());
        [
            export("CLOCK_STEP", &self.file()),
            export("LD_PRELOAD", &self.library()),
        ]
        .join("; ")
    }

    /// Sets the clock this many seconds off.
    ///
    /// # Errors
    /// If its file cannot be written.
    pub fn step(&self, seconds: i64) -> Result<()> {
        // Of constant length, so that a reader sees either the old or the new value.
        Ok(std::fs::write(self.file(), format!("{seconds:<20}"))?)
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("clock_step.so")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("step")
    }
}

/// Leases and retries are short enough for a round; auto-disable and dead letters are covered by
/// other tests.
const SETTINGS: &str = "delivery.timeout = \"2s\"\ndelivery.max_timeout = \"2s\"\nscheduler.lease = \"5s\"\nretry.base = \"50ms\"\n\
    retry.max = \"500ms\"\nretry.attempts = 40\nstore.redis.accept_timeout = \"1s\"\nstore.redis.response_timeout = \"1s\"\n\
    store.redis.connect_timeout = \"1s\"\nscheduler.drain = \"3s\"";
const LEASE: Duration = Duration::from_secs(5);
