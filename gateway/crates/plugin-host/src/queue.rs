//! The queue in front of the guest threads: fair between tenants, in turns and in processor time, and bounded.
//!
//! Each tenant has a lane. The lanes take turns; a tenant whose calls took long waits out its debt, a turn for each quantum,
//! as long as others have something to do.
//!
//! There are two rows of lanes. Of those in front, as many calls run at once as there are processors; those behind, which owe
//! for long calls (`debts`), have threads of their own that the system lets wait for the others. So that nobody in front waits for a
//! call that nobody knew to be long, such a call steps aside (`aside`): it runs on, and another thread takes its place. And so that nobody
//! waits for one tenant's many calls that are not long, no tenant holds all of the threads in front while there are others there.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cpu_debt::CpuDebts;
use hookgate_domain::TenantId;

/// Whose lane: a tenant's, or (`None`) the gateway's own, for what is asked of a component outside any tenant.
pub(super) type Lane = Option<TenantId>;

/// Work that waits, and those who wait for it.
#[derive(Debug)]
pub(super) struct FairQueue<J> {
    state: Mutex<State<J>>,
    normal: Condvar,
    background: Condvar,
    started: Instant,
}

/// Which lanes a thread serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Those that owe nothing.
    Normal,
    /// Those that owe.
    Background,
}

/// How much there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Jobs that wait in one lane.
    pub(super) per_lane: usize,
    /// Jobs that wait in all lanes.
    pub(super) in_all: usize,
    /// Jobs of the front row that run at the same time, beside those that have stepped aside.
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
    /// What each thread does now, by the number of its seat.
    workers: Vec<Option<Worker>>,
    /// Lanes of the calls that have stepped aside.
    aside: Vec<Lane>,
    turns_given: u64,
    /// Whose turn was the last.
    last: Option<Lane>,
    /// How many turns will have been given when the last one is taken to be alone, if nobody else has any until then.
    alone_from: u64,
    closed: bool,
}

#[derive(Debug)]
struct LaneState<J> {
    jobs: VecDeque<J>,
    debt: Duration,
    /// Where its turns are.
    priority: Priority,
}

#[derive(Debug, Default)]
struct PriorityState {
    /// The lanes that have work, in the order of their turns.
    turns: VecDeque<Lane>,
    /// Jobs that run, but for those that have stepped aside.
    running: usize,
    idle_threads: usize,
    /// A thread was woken and has not looked yet: it finds whatever comes until it does, and nobody else is woken for that.
    waking: bool,
}

#[derive(Debug)]
struct Worker {
    lane: Lane,
    turn: Turn,
    priority: Priority,
    ticks: u32,
    /// What it has used since it was seen to last.
    long: Duration,
    aside: bool,
}

/// One job's time on a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn(u64);

/// The queue is full for this lane, or closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<J> FairQueue<J> {
    /// An empty queue.
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

    /// Adds to the end of a lane.
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

    /// The next job for a thread, whose last one took so long; waits for one. `None` when the queue is closed.
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
            // What this thread found may be for the other row.
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

    /// A tick is over. The jobs that have lasted more than one, with their seats.
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

    /// A job that lasts is long: it has used so much processor time since it was seen to last. Another of the front row may run
    /// beside it, and the rest of its lane goes behind until it is over.
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

    /// Lets all threads go; what waits is dropped.
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

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Wakes a thread of either row that there is work for.
    fn wake(&self, mut state: MutexGuard<'_, State<J>>) {
        let woken = [Priority::Normal, Priority::Background].map(|priority| state.wake_another(priority));
        drop(state);
        for priority in woken.into_iter().flatten() {
            priority.of(self).notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // No code that can panic runs under the lock; a poisoned one holds a whole state all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, where it matters.
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

    /// Where a lane stands now.
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
                // It owes nothing any more, and need not wait until its turn behind comes.
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

    /// A lane's turns are in this row from now on.
    fn move_to(&mut self, priority: Priority, lane: Lane) {
        if let Some(state) = self.lanes.get_mut(&lane) {
            state.priority = priority;
        }
        self.priority(priority).turns.push_back(lane);
    }

    /// Whether to wake a thread of a row: where there is work for one more. One at a time, and each wakes the next, for a
    /// wake-up is a system call.
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
            // A lane that has a turn has a state, and one that has a state has work.
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

    /// Whether a lane has as many threads in front as one may have.
    fn has_its_share(&self, lane: &Lane) -> bool {
        let share = self.bounds.at_once.saturating_sub(1).max(1);
        if self.normal.running < share || self.is_alone(lane) {
            return false;
        }
        let held =
            |worker: &&Worker| worker.priority == Priority::Normal && !worker.aside && worker.lane == *lane;
        self.workers.iter().flatten().filter(held).count() >= share
    }

    /// Whether no other lane waits, or had a turn lately.
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
        // What runs behind takes no place in front, and the gateway's own is nobody's company.
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

    /// A thread's job is over and took so long.
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

/// What a turn is worth. Nearly every chain takes less, and then turns alone decide.
const QUANTUM: Duration = Duration::from_millis(1);
/// What a lane has to wait out at most: what it used while nobody waited for it is not held against it for long.
const MOST_DEBT: Duration = Duration::from_millis(100);
/// A lane is alone once it has had so many turns with nobody else in between.
const COMPANY: u64 = 1_000;

#[cfg(test)]
mod tests;
