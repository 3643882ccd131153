//! An idle gateway: its memory, its processor time and its start time.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{Bench, StoreKind};

/// Result of the measurement.
pub struct Measured {
    start: Duration,
    memory: u64,
    processor: f64,
}

/// Starts a gateway and measures it for ten seconds.
pub fn measure(store: StoreKind) -> Result<Measured> {
    drop(Bench::start(store)?); // builds the binary, warms the page cache
    let before = Instant::now();
    let bench = Bench::start(store)?;
    let start = before.elapsed();
    std::thread::sleep(Duration::from_secs(2));
    let pid = bench.gateway.pid();
    let ticks = processor_ticks(pid)?;
    std::thread::sleep(WATCH);
    let burnt = processor_ticks(pid)? - ticks;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred ticks")]
    let processor = burnt as f64 / TICKS_PER_SECOND / WATCH.as_secs_f64();
    Ok(Measured {
        start,
        memory: bench.gateway.resident()? >> 10,
        processor,
    })
}

/// Processor time that a process has used, in user and kernel together.
pub fn processor_time(pid: u32) -> Result<Duration> {
    Ok(TICK * u32::try_from(processor_ticks(pid)?)?)
}

fn processor_ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // After the name in parentheses: utime and stime are fields 14 and 15 of proc(5).
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .context("a name")?
        .1
        .split_whitespace()
        .collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "start (with its store)  {:>7} ms", self.start.as_millis())?;
        writeln!(f, "idle memory             {:>7} KiB", self.memory)?;
        write!(
            f,
            "idle processor          {:>7.2} % of a core",
            self.processor * 100.0
        )
    }
}

const WATCH: Duration = Duration::from_secs(10);
const TICKS_PER_SECOND: f64 = 100.0;
const TICK: Duration = Duration::from_millis(10);
