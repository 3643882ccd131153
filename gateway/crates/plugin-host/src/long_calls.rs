//! Long-call detector: finds calls at normal priority that run long, in guest code or in the host's
//! work for it.
//!
//! At every tick of the ticker, the detector inspects each worker. It measures a call that lasts
//! longer than a tick by its thread's processor time, so a thread that only waits for a processor
//! is not long.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::cpu_time::ThreadTime;
use super::queue::{FairQueue, Turn};
use super::ticker::TICK;

/// Processor clocks of the worker threads, by worker number. Each worker sets its clock.
pub(super) type WorkerClocks = Arc<[OnceLock<ThreadTime>]>;

/// Detects long calls of a queue's workers.
pub(super) struct LongCallDetector<J> {
    queue: Arc<FairQueue<J>>,
    workers: WorkerClocks,
    lasting: Vec<(usize, Turn)>,
    /// For each worker, the turn last seen and its thread's processor time then.
    seen: Vec<Option<(Turn, Duration)>>,
}

impl<J> LongCallDetector<J> {
    pub(super) fn new(queue: Arc<FairQueue<J>>, workers: WorkerClocks) -> Self {
        let seen = vec![None; workers.len()];
        Self {
            queue,
            workers,
            lasting: Vec::new(),
            seen,
        }
    }

    /// Checks all workers. Must be called at every tick.
    pub(super) fn look(&mut self) {
        self.queue.tick(&mut self.lasting);
        for &(worker, turn) in &self.lasting {
            let used = used(&self.workers[worker], &mut self.seen[worker], turn);
            if used >= TICK {
                self.queue.is_long(worker, turn, used);
            }
        }
    }
}

/// Returns the processor time of a turn since it was first seen.
///
/// Where the system does not report processor time, a turn seen twice counts as long.
fn used(thread: &OnceLock<ThreadTime>, seen: &mut Option<(Turn, Duration)>, turn: Turn) -> Duration {
    let now = thread.get().and_then(ThreadTime::read);
    match *seen {
        Some((known, then)) if known == turn => now.map_or(TICK, |now| now.saturating_sub(then)),
        _ => {
            *seen = Some((turn, now.unwrap_or_default()));
            Duration::ZERO
        }
    }
}
