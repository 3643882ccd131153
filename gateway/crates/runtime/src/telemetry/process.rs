//! The process's own figures under the names that Prometheus's client libraries give them, from `/proc/self`: read when metrics are
//! asked for, absent where there is no such thing.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Collector of the process metrics.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let e = &mut encoder;
        let cpu = ConstCounter::new(cpu_seconds());
        encode(e, ("cpu", "Processor time used"), Some(&Unit::Seconds), &cpu)?;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let memory = [
            ("resident_memory", "Resident memory size", "VmRSS:"),
            ("virtual_memory", "Virtual memory size", "VmSize:"),
        ];
        for (name, help, field) in memory {
            if let Some(bytes) = bytes_of(&status, field) {
                encode(e, (name, help), Some(&Unit::Bytes), &ConstGauge::new(bytes))?;
            }
        }
        if let Some(open) = open_files() {
            encode(
                e,
                ("open_fds", "Open file descriptors"),
                None,
                &ConstGauge::new(open),
            )?;
        }
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            let limit = ConstGauge::new(i64::try_from(limit).unwrap_or(i64::MAX));
            encode(e, ("max_fds", "Limit of open file descriptors"), None, &limit)?;
        }
        if let Some(start) = start_time() {
            let help = "Start time since the Unix epoch";
            encode(
                e,
                ("start_time", help),
                Some(&Unit::Seconds),
                &ConstGauge::new(start),
            )?;
        }
        Ok(())
    }
}

fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    unit: Option<&Unit>,
    figure: &dyn EncodeMetric,
) -> fmt::Result {
    let name = format!("process_{name}");
    let metric = encoder.encode_descriptor(&name, help, unit, figure.metric_type())?;
    figure.encode(metric)
}

fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

fn bytes_of(status: &str, field: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn open_files() -> Option<i64> {
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

/// Seconds of the Unix epoch: the boot's time and the process's ticks since (proc(5)).
fn start_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Fields after the name, which may hold spaces: the 22nd of all is the 20th of these.
    let ticks: f64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot = system.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(boot.trim().parse::<f64>().ok()? + ticks / TICKS_PER_SECOND)
}

/// `USER_HZ`: the kernel's unit towards programs, 100 whatever its own clock.
const TICKS_PER_SECOND: f64 = 100.0;
