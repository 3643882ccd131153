//! Suspects: deliveries during whose attempts a process ended. Pure: time is an argument.
//!
//! They are attempted apart from others, so that the next crash shows which of them caused it.
//!
//! * None begins right after the start: unsuspected deliveries that may crash the process go first.
//! * A few begin at once, those with the fewest crashes first. One that has run for a while makes
//!   room for the next: a crash comes soon after the start, and an endpoint that hangs must not
//!   delay all others.
//! * One that the next crash would end is attempted while no other suspect is.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Waiting deliveries, and the state of those under way.
#[derive(Debug)]
pub(super) struct Suspects<T> {
    /// Number of crashes after which a delivery is given up.
    max_crashes: u32,
    opens: Instant,
    waiting: BTreeMap<u32, VecDeque<T>>,
    running: Vec<Running>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Running {
    ticket: Ticket,
    began: Instant,
    alone: bool,
}

/// Identifies an attempt of a suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

impl<T> Suspects<T> {
    /// Creates an empty set, in a process that starts at `now`.
    pub(super) fn new(max_crashes: u32, now: Instant) -> Self {
        Self {
            max_crashes,
            opens: now + QUIET,
            waiting: BTreeMap::new(),
            running: Vec::new(),
            next_ticket: 0,
        }
    }

    /// Number of waiting deliveries.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// Adds a delivery with this number of crashes.
    pub(super) fn push(&mut self, crashes: u32, item: T) {
        self.waiting.entry(crashes).or_default().push_back(item);
    }

    /// Takes the next delivery to attempt, if any may begin now.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Ticket, T)> {
        if now < self.opens || self.running.iter().any(|running| running.alone) {
            return None;
        }
        let mut first = self.waiting.first_entry()?;
        let alone = first.key().saturating_add(1) >= self.max_crashes;
        let room = if alone {
            self.running.is_empty()
        } else {
            self.running
                .iter()
                .filter(|running| running.is_young(now))
                .count()
                < AT_ONCE
        };
        if !room {
            return None;
        }
        let item = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.running.push(Running {
            ticket,
            began: now,
            alone,
        });
        item.map(|item| (ticket, item))
    }

    /// Records that an attempt has ended.
    pub(super) fn finished(&mut self, ticket: Ticket) {
        self.running.retain(|running| running.ticket != ticket);
    }

    /// Time at which another may begin; `None`: an attempt has to end first, or nothing waits.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.waiting.is_empty() {
            return None;
        }
        if now < self.opens {
            return Some(self.opens);
        }
        let young = self.running.iter().filter(|running| running.is_young(now));
        young.map(|running| running.began + YOUNG).min()
    }

    /// Removes all waiting deliveries.
    pub(super) fn drain(&mut self) -> Vec<T> {
        std::mem::take(&mut self.waiting)
            .into_values()
            .flatten()
            .collect()
    }
}

impl Running {
    fn is_young(&self, now: Instant) -> bool {
        now < self.began + YOUNG
    }
}

/// Time after the start without attempts of suspects.
const QUIET: Duration = Duration::from_secs(2);
/// Time for which an attempt occupies one of the `AT_ONCE` places.
const YOUNG: Duration = Duration::from_secs(2);
/// Maximum attempts of suspects that begin together.
const AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn begin(suspects: &mut Suspects<u32>, now: Instant) -> Vec<(Ticket, u32)> {
        std::iter::from_fn(|| suspects.next(now)).collect()
    }

    #[test]
    fn suspects_wait_after_the_start_and_begin_few_at_once() {
        let start = Instant::now();
        let mut suspects = Suspects::new(3, start);
        assert_eq!(suspects.wake_at(start), None);
        for n in 0..20 {
            suspects.push(1, n);
        }
        assert!(suspects.next(start).is_none());
        let now = suspects.wake_at(start).unwrap();
        assert_eq!(now, start + QUIET);
        let first = begin(&mut suspects, now);
        assert_eq!(
            first.iter().map(|(_, n)| *n).collect::<Vec<_>>(),
            (0..8).collect::<Vec<_>>()
        );
        suspects.finished(first[3].0);
        assert_eq!(begin(&mut suspects, now).len(), 1, "one has ended");

        // They hang: they make room, and stay under way.
        let later = suspects.wake_at(now).unwrap();
        assert_eq!(later, now + YOUNG);
        assert_eq!(begin(&mut suspects, later).len(), 8);
        assert_eq!(suspects.waiting(), 3);
        assert_eq!(suspects.drain(), [17, 18, 19]);
        assert_eq!(suspects.wake_at(later), None);
    }

    #[test]
    fn suspect_that_the_next_crash_ends_is_alone() {
        let start = Instant::now();
        let now = start + QUIET;
        let mut suspects = Suspects::new(3, start);
        suspects.push(2, 20);
        suspects.push(2, 21);
        suspects.push(1, 10);
        let first = begin(&mut suspects, now);
        assert_eq!(first.len(), 1, "fewer crashes go first");
        assert_eq!(first[0].1, 10);
        let later = now + 10 * SECOND;
        assert!(suspects.next(later).is_none(), "it is under way still");
        suspects.finished(first[0].0);
        let (alone, item) = suspects.next(later).unwrap();
        assert_eq!(item, 20);
        suspects.push(1, 11);
        assert!(suspects.next(later + 10 * SECOND).is_none(), "nothing beside it");
        suspects.finished(alone);
        assert_eq!(suspects.next(later).unwrap().1, 11);
    }

    #[test]
    fn suspect_is_alone_at_once_where_the_second_crash_is_the_last() {
        let start = Instant::now();
        let mut suspects = Suspects::new(2, start);
        suspects.push(1, 1);
        suspects.push(1, 2);
        assert_eq!(begin(&mut suspects, start + QUIET).len(), 1);
    }
}
