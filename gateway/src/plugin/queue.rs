//! The queue in front of the guest threads: fair between tenants, in turns and in processor time, and bounded.
//!
//! Each tenant has a lane. The lanes take turns; a tenant whose calls took long waits out its debt, a turn for each quantum,
//! as long as others have something to do.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::TenantId;

/// Whose lane: a tenant's, or (`None`) the gateway's own, for what is asked of a component outside any event.
pub(super) type Lane = Option<TenantId>;

/// Work that waits, and those who wait for it.
#[derive(Debug)]
pub(super) struct FairQueue<J> {
    state: Mutex<State<J>>,
    ready: Condvar,
    per_lane: usize,
    in_all: usize,
}

#[derive(Debug)]
struct State<J> {
    lanes: HashMap<Lane, LaneState<J>>,
    /// The lanes that have work, in the order of their turns.
    turns: VecDeque<Lane>,
    waiting: usize,
    idle_threads: usize,
    /// A thread was woken and has not looked yet: it finds whatever comes until it does, and nobody else is woken for that.
    waking: bool,
    closed: bool,
}

#[derive(Debug)]
struct LaneState<J> {
    jobs: VecDeque<J>,
    debt: Duration,
}

/// The queue is full for this lane, or closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<J> FairQueue<J> {
    /// An empty queue: so many for each lane, so many in all.
    pub(super) fn new(per_lane: usize, in_all: usize) -> Self {
        let state = State {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            idle_threads: 0,
            waking: false,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            ready: Condvar::new(),
            per_lane,
            in_all,
        }
    }

    /// Adds to the end of a lane.
    pub(super) fn push(&self, lane: Lane, job: J) -> Result<(), Full> {
        let mut state = self.lock();
        if state.closed || state.waiting >= self.in_all {
            return Err(Full);
        }
        state.add(lane, job, self.per_lane)?;
        let wake = state.wake_another();
        drop(state);
        if wake {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// The next job and its lane; waits for one. `None` when the queue is closed.
    pub(super) fn pop(&self) -> Option<(Lane, J)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(next) = state.next() {
                let wake = state.wake_another();
                drop(state);
                if wake {
                    self.ready.notify_one();
                }
                return Some(next);
            }
            state.idle_threads += 1;
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle_threads -= 1;
            state.waking = false;
        }
    }

    /// What a lane's job took.
    pub(super) fn charge(&self, lane: &Lane, used: Duration) {
        if used < QUANTUM {
            return;
        }
        if let Some(lane) = self.lock().lanes.get_mut(lane) {
            lane.debt += used;
        }
    }

    /// Lets all threads go; what waits is dropped.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.lanes.clear();
        state.turns.clear();
        state.waiting = 0;
        self.ready.notify_all();
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // No code that can panic runs under the lock; a poisoned one holds a whole state all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> State<J> {
    fn add(&mut self, lane: Lane, job: J, per_lane: usize) -> Result<(), Full> {
        match self.lanes.get_mut(&lane) {
            Some(state) if state.jobs.len() >= per_lane => return Err(Full),
            Some(state) => state.jobs.push_back(job),
            None => {
                let jobs = VecDeque::from([job]);
                self.lanes.insert(
                    lane.clone(),
                    LaneState {
                        jobs,
                        debt: Duration::ZERO,
                    },
                );
                self.turns.push_back(lane);
            }
        }
        self.waiting += 1;
        Ok(())
    }

    /// Whether to wake a thread: where there is work for one more. One at a time, and each wakes the next, for a wake-up is a
    /// system call.
    fn wake_another(&mut self) -> bool {
        let wake = self.waiting > 0 && self.idle_threads > 0 && !self.waking;
        self.waking |= wake;
        wake
    }

    fn next(&mut self) -> Option<(Lane, J)> {
        loop {
            let lane = self.turns.pop_front()?;
            // A lane that has a turn has a state, and one that has a state has work.
            let state = self.lanes.get_mut(&lane)?;
            if state.debt >= QUANTUM && !self.turns.is_empty() {
                state.debt -= QUANTUM;
                self.turns.push_back(lane);
                continue;
            }
            let job = state.jobs.pop_front()?;
            self.waiting -= 1;
            if state.jobs.is_empty() {
                self.lanes.remove(&lane);
            } else {
                self.turns.push_back(lane.clone());
            }
            return Some((lane, job));
        }
    }
}

/// What a turn is worth. Nearly every chain takes less, and then turns alone decide.
const QUANTUM: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &str) -> Lane {
        Some(name.parse().unwrap())
    }

    fn drain(queue: &FairQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.lock().next().map(|(_, job)| job)).collect()
    }

    #[test]
    fn tenants_take_turns_however_much_one_of_them_sends() {
        let queue = FairQueue::new(100, 100);
        for job in 0..5 {
            queue.push(lane("busy"), job).unwrap();
        }
        queue.push(lane("quiet"), 10).unwrap();
        queue.push(lane("other"), 20).unwrap();
        assert_eq!(drain(&queue), [0, 10, 20, 1, 2, 3, 4]);
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_full_lane_refuses_and_leaves_room_to_the_others() {
        let queue = FairQueue::new(2, 3);
        assert_eq!(queue.push(lane("a"), 1), Ok(()));
        assert_eq!(queue.push(lane("a"), 2), Ok(()));
        assert_eq!(queue.push(lane("a"), 3), Err(Full));
        assert_eq!(queue.push(lane("b"), 4), Ok(()));
        assert_eq!(queue.push(lane("c"), 5), Err(Full), "full in all");
        queue.close();
        assert_eq!(queue.push(lane("b"), 6), Err(Full));
        assert!(queue.pop().is_none());
    }

    #[test]
    fn a_tenant_waits_out_what_it_used_while_others_have_work() {
        let queue = FairQueue::new(100, 100);
        for job in 0..3 {
            queue.push(lane("slow"), job).unwrap();
            queue.push(lane("fast"), 10 + job).unwrap();
        }
        queue.charge(&lane("slow"), Duration::from_millis(2));
        assert_eq!(drain(&queue), [10, 11, 0, 12, 1, 2]);
    }

    #[test]
    fn a_thread_that_waits_is_woken() {
        let queue = FairQueue::new(1, 1);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| queue.pop());
            queue.push(lane("a"), 7).unwrap();
            assert_eq!(waiter.join().unwrap(), Some((lane("a"), 7)));
        });
    }
}
