//! Who steps aside: calls of the front row that turn out to be long, whatever keeps them: the guest, or the host on its behalf.
//!
//! The ticker looks at what every thread does. A call that lasts for more than a tick is measured, by its thread's processor
//! time: one that the system lets wait is not long.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::cpu_time::ThreadTime;
use super::queue::{FairQueue, Turn};
use super::ticker::TICK;

/// The processor time of the threads, by the numbers of their seats. Each adds its own.
pub(super) type WorkerClocks = Arc<[OnceLock<ThreadTime>]>;

/// Looks at the threads of a queue.
pub(super) struct LongCallDetector<J> {
    queue: Arc<FairQueue<J>>,
    workers: WorkerClocks,
    lasting: Vec<(usize, Turn)>,
    /// What was seen of each seat: in which turn, and its thread's time then.
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

    /// To be called at every tick.
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

/// What a turn has used since it was first seen. Where the system does not tell, a second look says that it is long.
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
