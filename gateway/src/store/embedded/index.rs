//! The pending deliveries in memory: one ordered set of when each is due or its lease ends.
//!
//! Leases live here and nowhere else: claiming writes nothing. The writer changes the index when it settles, claims change it
//! between; both under its lock. What a transaction has touched and not yet committed is *parked*: it keeps its place, and no
//! claim gets it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::tables::DueRow;
use crate::domain::{Timestamp, Trigger};
use crate::store::Token;

/// A delivery's key in the database; the set and the map share one.
pub(super) type Key = Arc<[u8]>;

/// Every pending delivery.
#[derive(Default)]
pub(super) struct Index {
    order: BTreeSet<(Timestamp, Key)>,
    entries: HashMap<Key, Entry>,
}

/// A pending delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// When it is due, or its lease ends.
    pub(super) score: Timestamp,
    /// When it is due if nobody holds it, as the database has it.
    pub(super) due: Timestamp,
    /// Why it exists.
    pub(super) trigger: Trigger,
    /// Crashes during its attempts, as the database has them.
    pub(super) crashes: u32,
    parked: bool,
}

/// A delivery that was claimed.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) key: Key,
    /// When it was due, or its last lease ended.
    pub(super) due: Timestamp,
    /// Why it exists.
    pub(super) trigger: Trigger,
    /// Crashes during its attempts.
    pub(super) crashes: u32,
}

/// Whether a settlement may go on.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is parked now.
    Parked(Entry),
    /// The token is not its score.
    Stale,
    /// It is not pending.
    Missing,
}

impl Index {
    /// From the rows of the database. Where `before` knows the same duty, its lease goes on; all other deliveries are due as
    /// their row says, which is at once for those that were leased when the process ended.
    pub(super) fn build(rows: impl IntoIterator<Item = (Key, DueRow)>, before: &Self) -> Self {
        let mut index = Self::default();
        for (key, row) in rows {
            let known = before.entries.get(&key).filter(|entry| entry.due == row.due);
            let score = known.map_or(row.due, |entry| entry.score);
            index.put(key, score, row);
        }
        index
    }

    /// How many deliveries are pending.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// When a delivery is due or its lease ends, if it is pending.
    pub(super) fn score(&self, key: &[u8]) -> Option<Timestamp> {
        self.entries.get(key).map(|entry| entry.score)
    }

    /// When the next one is due or the next lease ends.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.order.first().map(|(score, _)| *score)
    }

    /// Leases up to `max` deliveries that are due until `end`, the longest due first.
    pub(super) fn claim(&mut self, now: Timestamp, max: usize, end: Timestamp) -> Vec<Claim> {
        let mut claimed = Vec::new();
        while claimed.len() < max && self.order.first().is_some_and(|(score, _)| *score <= now) {
            let Some((due, key)) = self.order.pop_first() else {
                break;
            };
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.score = end;
                claimed.push(Claim {
                    key,
                    due,
                    trigger: entry.trigger,
                    crashes: entry.crashes,
                });
            }
        }
        // Not in the loop: a lease of no time would be claimed again and again.
        for Claim { key, .. } in &claimed {
            self.order.insert((end, key.clone()));
        }
        claimed
    }

    /// Parks a delivery if the token is its score, or whatever its score when `always`.
    pub(super) fn take(&mut self, key: &[u8], token: Token, always: bool) -> Taken {
        let Some((key, entry)) = self.entries.get_key_value(key) else {
            return Taken::Missing;
        };
        let (key, found) = (key.clone(), *entry);
        if found.score != token.0 && !always {
            return Taken::Stale;
        }
        self.order.remove(&(found.score, key.clone()));
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.parked = true;
        }
        Taken::Parked(found)
    }

    /// Gives a delivery another score; parked, it stays so. `due`: what the database will have.
    pub(super) fn rescore(&mut self, key: &[u8], score: Timestamp, due: Timestamp) {
        let Some((key, entry)) = self.entries.get_key_value(key) else {
            return;
        };
        let (key, found) = (key.clone(), *entry);
        if !found.parked {
            self.order.remove(&(found.score, key.clone()));
            self.order.insert((score, key.clone()));
        }
        let entry = Entry { score, due, ..found };
        self.entries.insert(key, entry);
    }

    /// A pending delivery.
    pub(super) fn entry(&self, key: &[u8]) -> Option<Entry> {
        self.entries.get(key).copied()
    }

    /// Sets the crashes of a delivery.
    pub(super) fn set_crashes(&mut self, key: &[u8], crashes: u32) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.crashes = crashes;
        }
    }

    /// Lets claims have a delivery again.
    pub(super) fn unpark(&mut self, key: &[u8]) {
        let Some((key, entry)) = self.entries.get_key_value(key) else {
            return;
        };
        let (key, score) = (key.clone(), entry.score);
        self.order.insert((score, key.clone()));
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.parked = false;
        }
    }

    /// Adds a delivery.
    pub(super) fn put(&mut self, key: Key, score: Timestamp, row: DueRow) {
        let entry = Entry {
            score,
            due: row.due,
            trigger: row.trigger,
            crashes: row.crashes.count,
            parked: false,
        };
        if let Some(old) = self.entries.insert(key.clone(), entry) {
            self.order.remove(&(old.score, key.clone()));
        }
        self.order.insert((score, key));
    }

    /// Forgets a delivery that is finished.
    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some((key, entry)) = self.entries.remove_entry(key) {
            self.order.remove(&(entry.score, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn key(name: &str) -> Key {
        name.as_bytes().into()
    }

    fn row(due: u64) -> DueRow {
        DueRow::new(at(due), Trigger::Published)
    }

    fn index(rows: &[(&str, u64)]) -> Index {
        Index::build(
            rows.iter().map(|(name, due)| (key(name), row(*due))),
            &Index::default(),
        )
    }

    fn claimed(index: &mut Index, now: u64, end: u64) -> Vec<Key> {
        let claimed = index.claim(at(now), 10, at(end));
        claimed.into_iter().map(|claim| claim.key).collect()
    }

    #[test]
    fn what_is_parked_is_not_claimed() {
        let mut index = index(&[("a", 1), ("b", 2)]);
        assert!(matches!(index.take(b"a", Token(at(1)), false), Taken::Parked(_)));
        assert_eq!(index.next_due(), Some(at(2)));
        assert_eq!(claimed(&mut index, 5, 9), [key("b")]);
        index.rescore(b"a", at(3), at(3));
        assert_eq!(claimed(&mut index, 5, 9), [] as [Key; 0]);
        assert!(matches!(index.take(b"a", Token(at(1)), false), Taken::Stale));
        index.unpark(b"a");
        assert_eq!(claimed(&mut index, 5, 9), [key("a")]);
    }

    #[test]
    fn leases_outlive_a_rebuild_and_not_the_process() {
        let rows = [("a", 1), ("b", 2), ("c", 3)];
        let mut before = index(&rows);
        before.claim(at(2), 10, at(90));
        let changed = [(key("a"), row(1)), (key("b"), row(50)), (key("d"), row(4))];
        let mut rebuilt = Index::build(changed.clone(), &before);
        assert_eq!(rebuilt.score(b"a"), Some(at(90)), "its lease goes on");
        assert_eq!(rebuilt.score(b"b"), Some(at(50)), "another duty by now");
        assert_eq!(rebuilt.len(), 3);
        assert_eq!(claimed(&mut rebuilt, 60, 99), [key("d"), key("b")]);

        let mut anew = Index::build(changed, &Index::default());
        assert_eq!(claimed(&mut anew, 4, 99), [key("a"), key("d")]);
    }

    #[test]
    fn set_and_map_stay_one() {
        let mut index = index(&[("a", 1)]);
        index.put(key("a"), at(7), row(7));
        index.rescore(b"a", at(8), at(8));
        assert_eq!((index.len(), index.next_due()), (1, Some(at(8))));
        index.remove(b"a");
        assert_eq!((index.len(), index.next_due()), (0, None));
        index.unpark(b"a");
        assert_eq!(index.next_due(), None);
    }

    #[test]
    fn a_lease_of_no_time_is_given_once_a_claim() {
        let mut index = index(&[("a", 1)]);
        assert_eq!(claimed(&mut index, 5, 5).len(), 1);
    }
}
