//! Fair queue of the guest threads: fair between tenants in turns and in processor time, and
//! bounded.
//!
//! Each tenant has a lane. The lanes take turns. A tenant whose calls took long skips one turn for
//! each quantum of its debt, as long as other lanes have work.
//!
//! There are two priorities. At normal priority, as many calls run at once as there are processors.
//! Lanes that owe for long calls (`cpu_debt`) have background priority, with separate threads that
//! the system schedules after the others. A call that turns out to be long (`long_calls`) must not
//! delay normal calls: it continues to run but no longer counts among the running normal jobs, so
//! another thread takes the next one. A tenant with many calls that are not long must not delay
//! others either: no tenant occupies all normal threads while other tenants are active.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cpu_debt::CpuDebts;
use hookgate_domain::TenantId;

/// Key of a lane: a tenant, or `None` for the gateway's calls of a component outside any tenant.
pub(super) type Lane = Option<TenantId>;

/// Waiting jobs, and the threads that wait for jobs.
#[derive(Debug)]
pub(super) struct FairQueue<J> {
    state: Mutex<State<J>>,
    normal: Condvar,
    background: Condvar,
    started: Instant,
}

/// Priority of lanes, and of the threads that serve them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Lanes without CPU debt.
    Normal,
    /// Lanes with CPU debt.
    Background,
}

/// Limits of the queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Waiting jobs in one lane.
    pub(super) per_lane: usize,
    /// Waiting jobs in all lanes.
    pub(super) in_all: usize,
    /// Concurrent jobs at normal priority, not counting those detected as long.
    pub(super) at_once: usize,
}

#[derive(Debug)]
struct State<J> {
    bounds: Bounds,
    lanes: HashMap<Lane, LaneState<J>>,
    normal: PriorityState,
    background: PriorityState,
    waiting: usize,
    debts: CpuDebts,
    /// Present job of each worker, by worker number.
    workers: Vec<Option<Worker>>,
    /// Lanes of the running calls that were detected as long.
    aside: Vec<Lane>,
    turns_given: u64,
    /// Lane of the last turn.
    last: Option<Lane>,
    /// Value of `turns_given` from which the last lane counts as alone.
    ///
    /// A turn of another tenant's lane before that raises it.
    alone_from: u64,
    closed: bool,
}

#[derive(Debug)]
struct LaneState<J> {
    jobs: VecDeque<J>,
    debt: Duration,
    /// Priority under which its turns are queued.
    priority: Priority,
}

#[derive(Debug, Default)]
struct PriorityState {
    /// Lanes with work, in the order of their turns.
    turns: VecDeque<Lane>,
    /// Running jobs, not counting those detected as long.
    running: usize,
    idle_threads: usize,
    /// Set while a woken thread has not looked yet: it finds all work that comes until then, so no
    /// other is woken.
    waking: bool,
}

#[derive(Debug)]
struct Worker {
    lane: Lane,
    turn: Turn,
    priority: Priority,
    ticks: u32,
    /// Processor time used since the job was first seen to last.
    long: Duration,
    aside: bool,
}

/// Identifies one job's time on a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn(u64);

/// The queue is full for this lane, or closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<J> FairQueue<J> {
    /// Creates an empty queue.
    pub(super) fn new(bounds: Bounds) -> Self {
        let state = State {
            bounds,
            lanes: HashMap::new(),
            normal: PriorityState::default(),
            background: PriorityState::default(),
            waiting: 0,
            debts: CpuDebts::default(),
            workers: Vec::new(),
            aside: Vec::new(),
            turns_given: 0,
            last: None,
            alone_from: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            normal: Condvar::new(),
            background: Condvar::new(),
            started: Instant::now(),
        }
    }

    /// Adds a job to the end of a lane.
    pub(super) fn push(&self, lane: Lane, job: J) -> Result<(), Full> {
        let mut state = self.lock();
        if state.closed || state.waiting >= state.bounds.in_all {
            return Err(Full);
        }
        let now = self.now_us(&state);
        state.add(lane, job, now)?;
        self.wake(state);
        Ok(())
    }

    /// Waits for the next job of a worker whose last job used this time. `None`: the queue is
    /// closed.
    pub(super) fn next(&self, worker: usize, priority: Priority, used: Duration) -> Option<J> {
        let mut state = self.lock();
        state.finish_job(worker, used, self.elapsed_us());
        loop {
            if state.closed {
                return None;
            }
            let now = self.now_us(&state);
            let next = state.next(worker, priority, now);
            if next.is_some() {
                self.wake(state);
                return next;
            }
            // The job that woke this thread may belong to the other priority.
            if let Some(other) = state.wake_another(priority.other()) {
                other.of(self).notify_one();
            }
            state.priority(priority).idle_threads += 1;
            state = priority
                .of(self)
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            let own = state.priority(priority);
            own.idle_threads -= 1;
            own.waking = false;
        }
    }

    /// Counts a tick; returns the jobs that have lasted more than one, with their worker numbers.
    pub(super) fn tick(&self, lasting: &mut Vec<(usize, Turn)>) {
        lasting.clear();
        let mut state = self.lock();
        for (at, worker) in state.workers.iter_mut().enumerate() {
            let Some(worker) = worker else { continue };
            worker.ticks += 1;
            if worker.ticks > 1 {
                lasting.push((at, worker.turn));
            }
        }
    }

    /// Marks a lasting job as long; `used`: its processor time since it was first seen to last.
    ///
    /// Another job of normal priority may then run beside it, and the rest of its lane gets
    /// background priority until it ends.
    pub(super) fn is_long(&self, worker: usize, turn: Turn, used: Duration) {
        let mut state = self.lock();
        let held = state.workers.get_mut(worker).and_then(Option::as_mut);
        let Some(held) = held.filter(|held| held.turn == turn) else {
            return;
        };
        held.long = used;
        if held.priority == Priority::Background || held.aside {
            return;
        }
        held.aside = true;
        let lane = held.lane.clone();
        state.normal.running -= 1;
        state.aside.push(lane);
        self.wake(state);
    }

    /// Closes the queue: drops waiting jobs and ends all threads.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.lanes.clear();
        state.normal.turns.clear();
        state.background.turns.clear();
        state.waiting = 0;
        self.normal.notify_all();
        self.background.notify_all();
    }

    /// Number of waiting jobs.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Wakes a thread of either priority if there is work for it.
    fn wake(&self, mut state: MutexGuard<'_, State<J>>) {
        let woken = [Priority::Normal, Priority::Background].map(|priority| state.wake_another(priority));
        drop(state);
        for priority in woken.into_iter().flatten() {
            priority.of(self).notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // No code that can panic runs under the lock; the state behind a poisoned lock is still
        // consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time; 0 while no lane is in debt, because then the time does not matter.
    fn now_us(&self, state: &State<J>) -> u64 {
        if state.debts.is_empty() {
            0
        } else {
            self.elapsed_us()
        }
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Priority {
    fn other(self) -> Self {
        match self {
            Self::Normal => Self::Background,
            Self::Background => Self::Normal,
        }
    }

    fn of<J>(self, queue: &FairQueue<J>) -> &Condvar {
        match self {
            Self::Normal => &queue.normal,
            Self::Background => &queue.background,
        }
    }
}

impl<J> State<J> {
    fn priority(&mut self, priority: Priority) -> &mut PriorityState {
        match priority {
            Priority::Normal => &mut self.normal,
            Priority::Background => &mut self.background,
        }
    }

    /// Returns the present priority of a lane.
    fn priority_of(&self, lane: &Lane, now_us: u64) -> Priority {
        if self.debts.owes(lane, now_us) || self.aside.contains(lane) {
            Priority::Background
        } else {
            Priority::Normal
        }
    }

    fn add(&mut self, lane: Lane, job: J, now_us: u64) -> Result<(), Full> {
        let priority = self.priority_of(&lane, now_us);
        match self.lanes.get_mut(&lane) {
            Some(state) if state.jobs.len() >= self.bounds.per_lane => return Err(Full),
            Some(state) => {
                state.jobs.push_back(job);
                // The lane is out of debt and need not wait for its turn at background priority.
                if (state.priority, priority) == (Priority::Background, Priority::Normal) {
                    self.background.turns.retain(|waiting| *waiting != lane);
                    self.move_to(priority, lane);
                }
            }
            None => {
                let state = LaneState {
                    jobs: VecDeque::from([job]),
                    debt: Duration::ZERO,
                    priority,
                };
                self.lanes.insert(lane.clone(), state);
                self.priority(priority).turns.push_back(lane);
            }
        }
        self.waiting += 1;
        Ok(())
    }

    /// Queues a lane's turns under this priority from now on.
    fn move_to(&mut self, priority: Priority, lane: Lane) {
        if let Some(state) = self.lanes.get_mut(&lane) {
            state.priority = priority;
        }
        self.priority(priority).turns.push_back(lane);
    }

    /// Decides whether to wake a thread of a priority: if there is work for one more.
    ///
    /// One thread is woken at a time, and each wakes the next, because a wake-up is a system call.
    fn wake_another(&mut self, priority: Priority) -> Option<Priority> {
        let state = self.priority(priority);
        if state.idle_threads == 0 || state.waking || !self.has_work(priority) {
            return None;
        }
        self.priority(priority).waking = true;
        Some(priority)
    }

    fn has_work(&self, priority: Priority) -> bool {
        match priority {
            Priority::Background => !self.background.turns.is_empty(),
            Priority::Normal => {
                self.has_room(priority) && self.normal.turns.iter().any(|lane| !self.has_its_share(lane))
            }
        }
    }

    fn has_room(&self, priority: Priority) -> bool {
        priority == Priority::Background || self.normal.running < self.bounds.at_once
    }

    fn next(&mut self, worker: usize, priority: Priority, now_us: u64) -> Option<J> {
        if !self.has_room(priority) {
            return None;
        }
        let mut passed_over = 0;
        loop {
            let lane = self.priority(priority).turns.pop_front()?;
            let stands = self.priority_of(&lane, now_us);
            if stands != priority {
                self.move_to(stands, lane);
                continue;
            }
            if priority == Priority::Normal && self.has_its_share(&lane) {
                self.normal.turns.push_back(lane);
                passed_over += 1;
                if passed_over >= self.normal.turns.len() {
                    return None;
                }
                continue;
            }
            passed_over = 0;
            let alone = self.priority(priority).turns.is_empty();
            // A lane with a turn has a state, and a lane with a state has work.
            let state = self.lanes.get_mut(&lane)?;
            if state.debt >= QUANTUM && !alone {
                state.debt -= QUANTUM;
                self.priority(priority).turns.push_back(lane);
                continue;
            }
            let job = state.jobs.pop_front()?;
            self.waiting -= 1;
            if state.jobs.is_empty() {
                self.lanes.remove(&lane);
            } else {
                self.priority(priority).turns.push_back(lane.clone());
            }
            self.start_job(worker, priority, lane);
            return Some(job);
        }
    }

    /// Checks that a lane occupies its maximum of normal threads.
    fn has_its_share(&self, lane: &Lane) -> bool {
        let share = self.bounds.at_once.saturating_sub(1).max(1);
        if self.normal.running < share || self.is_alone(lane) {
            return false;
        }
        let held =
            |worker: &&Worker| worker.priority == Priority::Normal && !worker.aside && worker.lane == *lane;
        self.workers.iter().flatten().filter(held).count() >= share
    }

    /// Checks that no other lane waits or had a turn lately.
    fn is_alone(&self, lane: &Lane) -> bool {
        let nobody_came = lane.is_none() || self.last.as_ref().is_none_or(|last| last == lane);
        let nobody_waits = || self.normal.turns.iter().all(|waiting| waiting == lane);
        nobody_came && self.turns_given >= self.alone_from && nobody_waits()
    }

    fn start_job(&mut self, worker: usize, priority: Priority, lane: Lane) {
        if self.workers.len() <= worker {
            self.workers.resize_with(worker + 1, || None);
        }
        self.turns_given += 1;
        // Background jobs occupy no normal thread, and the gateway's lane does not count as another
        // tenant.
        if priority == Priority::Normal && lane.is_some() && self.last.as_ref() != Some(&lane) {
            let first = self.last.replace(lane.clone()).is_none();
            self.alone_from = if first { 0 } else { self.turns_given + COMPANY };
        }
        self.priority(priority).running += 1;
        self.workers[worker] = Some(Worker {
            lane,
            turn: Turn(self.turns_given),
            priority,
            ticks: 0,
            long: Duration::ZERO,
            aside: false,
        });
    }

    /// Ends a worker's job, which used this time.
    fn finish_job(&mut self, worker: usize, used: Duration, now_us: u64) {
        let Some(worker) = self.workers.get_mut(worker).and_then(Option::take) else {
            return;
        };
        if worker.aside {
            let at = self.aside.iter().position(|lane| *lane == worker.lane);
            at.map(|at| self.aside.swap_remove(at));
        } else {
            self.priority(worker.priority).running -= 1;
        }
        if !worker.long.is_zero() {
            self.debts.charge(&worker.lane, worker.long, now_us);
        }
        if used < QUANTUM {
            return;
        }
        if let Some(lane) = self.lanes.get_mut(&worker.lane) {
            lane.debt = (lane.debt + used).min(MOST_DEBT);
        }
    }
}

/// Processor time of one turn. Nearly every chain takes less; then only the order of turns matters.
const QUANTUM: Duration = Duration::from_millis(1);
/// Maximum debt of a lane, so that use during an idle period does not count for long.
const MOST_DEBT: Duration = Duration::from_millis(100);
/// Turns without any other lane after which a lane counts as alone.
const COMPANY: u64 = 1_000;

#[cfg(test)]
mod tests;
