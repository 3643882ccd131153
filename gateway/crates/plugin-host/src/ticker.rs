//! Ticker of the deadlines: a thread that advances the engines' epochs every millisecond while
//! plugins run.
//!
//! It parks after an idle period, so that an idle gateway does not wake up a thousand times a
//! second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// Length of a tick.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// Handle of the ticker thread; dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    join: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Number of guest calls begun so far.
    begun: AtomicU64,
    /// Number of running guest calls.
    running: AtomicUsize,
    resting: AtomicBool,
    ended: AtomicBool,
}

impl Ticker {
    /// Starts the thread for these engines. `each` is called at every tick.
    pub(super) fn start(engines: Vec<Engine>, each: impl FnMut() + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        let join = thread::Builder::new()
            .name("plugin-ticker".to_owned())
            .spawn(move || tick(&engines, &own, each))?;
        Ok(Self {
            shared,
            thread: join.thread().clone(),
            join: Some(join),
        })
    }

    /// Keeps the epoch advancing. Must be held while guest code runs.
    pub(super) fn hold(&self) -> Ticking<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        self.shared.begun.fetch_add(1, Ordering::SeqCst);
        if self.shared.resting.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Ticking(&self.shared)
    }
}

/// Guard: the epoch advances while it lives.
pub(super) struct Ticking<'a>(&'a Shared);

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
        if let Some(join) = self.join.take() {
            // The thread has no code that panics; if it did, the deadlines would end with the host
            // anyway.
            let _ = join.join();
        }
    }
}

fn tick(engines: &[Engine], shared: &Shared, mut each: impl FnMut()) {
    let mut seen = 0;
    let mut idle = 0;
    while !shared.ended.load(Ordering::SeqCst) {
        let begun = shared.begun.load(Ordering::SeqCst);
        let still = begun == seen && shared.running.load(Ordering::SeqCst) == 0;
        idle = if still { idle + 1 } else { 0 };
        seen = begun;
        if idle > REST_AFTER {
            rest(shared, seen);
            idle = 0;
        }
        thread::sleep(TICK);
        engines.iter().for_each(Engine::increment_epoch);
        each();
    }
}

/// Parks until a guest call begins.
///
/// `hold` increments `begun` and then reads `resting`; this function does the reverse, so one of
/// the two sees the other's write.
fn rest(shared: &Shared, seen: u64) {
    shared.resting.store(true, Ordering::SeqCst);
    while shared.begun.load(Ordering::SeqCst) == seen && !shared.ended.load(Ordering::SeqCst) {
        thread::park();
    }
    shared.resting.store(false, Ordering::SeqCst);
}

/// Idle ticks before the thread parks; waking it costs a system call.
const REST_AFTER: u32 = 200;
