//! Gateways and a store as targets of faults.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::backend::Backend;
use super::disk::{DiskFault, FailingDisk};
use super::{Fault, Plan, Store};
use crate::{Client, Gateway, Receiver, Reply, Setup, root};

/// Gateways and a store.
pub(super) struct Site {
    gateways: Vec<Gateway>,
    pub(super) backend: Backend,
    clock: StepClock,
    disk: Option<FailingDisk>,
    /// Warnings and errors in the logs of gateways that are no more.
    complaints: usize,
}

impl Site {
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        let clock = StepClock::new()?;
        let backend = Backend::start(plan.store).await?;
        let disk = match plan.store {
            Store::Embedded => Some(FailingDisk::new()?),
            _ => None,
        };
        let exports: Vec<_> = std::iter::once(clock.exports())
            .chain(disk.as_ref().map(FailingDisk::exports))
            .collect();
        let setup = backend
            .url()
            .map_or_else(Setup::embedded, |url| Setup::redis(&url));
        let setup = if plan.shipped {
            setup.as_shipped()
        } else {
            setup.with(SETTINGS)
        };
        let setup = setup.under(&exports.join("; "));
        let mut gateways = vec![block_in_place(|| setup.try_start())?];
        for _ in 1..plan.gateways {
            let keys = std::fs::read_to_string(gateways[0].dir().join("data/secrets.key"))?;
            let next = setup
                .clone()
                .with(&format!("auth.sealing_keys = {:?}", keys.trim()));
            gateways.push(block_in_place(|| next.try_start())?);
        }
        Ok(Self {
            gateways,
            backend,
            clock,
            disk,
            complaints: 0,
        })
    }

    /// The first gateway.
    pub(super) fn first(&self) -> &Gateway {
        &self.gateways[0]
    }

    /// All gateways.
    pub(super) fn gateways(&self) -> &[Gateway] {
        &self.gateways
    }

    /// Warnings and errors in the gateways' logs so far.
    pub(super) fn complaints(&self) -> usize {
        self.complaints + self.gateways.iter().map(complaints_of).sum::<usize>()
    }

    /// Clients of tenants, towards each gateway.
    pub(super) fn towards_all(&self, clients: &[Client]) -> Vec<Vec<Client>> {
        let of = |client: &Client| {
            let towards = |gateway: &Gateway| client.towards(gateway.base());
            self.gateways.iter().map(towards).collect()
        };
        clients.iter().map(of).collect()
    }

    /// Injects a fault, and takes it away again. `random` is any number.
    pub(super) async fn inject(&mut self, fault: Fault, receiver: &Receiver, random: usize) -> Result<()> {
        let fails = |reply: Reply, times: usize| receiver.answer(vec![reply; times]);
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
            Fault::FailingReceiver => fails(Reply::Status(500), 12),
            Fault::HangingReceiver => fails(Reply::Hang(2 * LEASE), 8),
            Fault::DrippingReceiver => fails(Reply::Drip(2 * LEASE), 8),
            Fault::FloodingReceiver => fails(Reply::Flood(8 << 20), 8),
            Fault::ResettingReceiver => fails(Reply::Reset, 12),
            Fault::RedirectingReceiver => {
                let elsewhere = format!("http://{}/elsewhere", receiver.address());
                fails(Reply::With(307, vec![("location", elsewhere)]), 8);
            }
            Fault::FullDisk => self.fail_disk(DiskFault::Full).await?,
            Fault::FailingWrites => self.fail_disk(DiskFault::Write).await?,
            Fault::FailingSyncs => self.fail_disk(DiskFault::Sync).await?,
            other => self.backend.inject(other, random).await?,
        }
        Ok(())
    }

    /// Ends the first gateway and restarts it as the last one: faults meet each gateway in turn.
    fn restart(&mut self, orderly: bool) -> Result<()> {
        // Others go on meanwhile: the way to the store is one of our tasks.
        block_in_place(|| self.restart_now(orderly))
    }

    fn restart_now(&mut self, orderly: bool) -> Result<()> {
        let mut gateway = self.gateways.remove(0);
        if orderly {
            let status = gateway.stop();
            ensure!(status.success(), "a gateway did not end in order: {status}");
        } else {
            gateway.kill();
        }
        self.complaints += complaints_of(&gateway);
        self.gateways.push(gateway.try_restart()?);
        Ok(())
    }

    /// Sets the clock wrong for some seconds, and right again.
    async fn step(&self, seconds: i64) -> Result<()> {
        self.clock.step(seconds)?;
        sleep(Duration::from_secs(2)).await;
        self.clock.step(0)
    }

    async fn fail_disk(&self, fault: DiskFault) -> Result<()> {
        let disk = self.disk.as_ref().context("a disk")?;
        disk.fail(fault)?;
        sleep(Duration::from_secs(2)).await;
        disk.fail(DiskFault::None)
    }
}

fn complaints_of(gateway: &Gateway) -> usize {
    gateway.count_in_log(|line| line.contains("WARN") || line.contains("ERROR"))
}

/// Builds a library that is loaded before others.
pub(super) fn build_library(source: &str, library: &Path) -> Result<()> {
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(library)
        .arg(root().join(source))
        .arg("-ldl")
        .status();
    ensure!(
        built.context("run cc")?.success(),
        "cc could not build the library {source}"
    );
    Ok(())
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
        build_library("tests/tools/clock_step.c", &clock.library())?;
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
/// Attempts that `SETTINGS` allow.
pub(super) const ATTEMPTS: u32 = 40;
pub(super) const LEASE: Duration = Duration::from_secs(5);
