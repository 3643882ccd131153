//! In-memory index of the pending deliveries.
//!
//! It has an ordered set for each endpoint, scored by the time at which each delivery is due or its
//! lease ends, and the endpoints in the order of their turns.
//!
//! Leases exist only here: claiming writes nothing to the disk. The writer changes the index when
//! it settles, claims change it concurrently; both hold its lock. A delivery that an uncommitted
//! transaction has touched is *parked*: it stays in the index, and no claim gets it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::keys;
use super::tables::DueRow;
use crate::{Endpoint, Pick, Settled, Token};
use hookgate_domain::{TenantId, Timestamp, Trigger};

/// Database key of a delivery, shared by the set and the map.
pub(super) type Key = Arc<[u8]>;

/// Index of every pending delivery.
#[derive(Default)]
pub(super) struct Index {
    entries: HashMap<Key, Entry>,
    names: HashMap<Endpoint, usize>,
    /// Queues by number; those listed in `free` are empty.
    queues: Vec<Queue>,
    free: Vec<usize>,
    /// Queues with unparked deliveries, by their next turn.
    turns: BTreeSet<(Timestamp, usize)>,
    /// Number of pending deliveries by tenant, without zeros.
    tenants: HashMap<TenantId, u64>,
}

/// A pending delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Time at which it is due or its lease ends.
    pub(super) score: Timestamp,
    /// Time at which it is due without a lease, as in the database.
    pub(super) due: Timestamp,
    /// Origin of the delivery.
    pub(super) trigger: Trigger,
    /// Number of crashes during its attempts, as in the database.
    pub(super) crashes: u32,
    parked: bool,
    queue: usize,
}

/// Pending deliveries of one endpoint.
struct Queue {
    endpoint: Endpoint,
    /// Unparked deliveries by score.
    order: BTreeSet<(Timestamp, Key)>,
    /// Number of deliveries, parked ones included.
    entries: usize,
    /// End of the hold, before which the endpoint has no turn.
    hold: Timestamp,
    /// Time of its entry in `turns`.
    turn: Option<Timestamp>,
}

/// Claimed delivery.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) key: Key,
    /// Time at which it was due, or its last lease ended.
    pub(super) due: Timestamp,
    /// Origin of the delivery.
    pub(super) trigger: Trigger,
    /// Number of crashes during its attempts.
    pub(super) crashes: u32,
}

/// Result of taking a delivery for a settlement.
#[derive(Debug)]
pub(super) enum Taken {
    /// The delivery is parked now.
    Parked(Entry),
    /// The token is not the delivery's score.
    Stale,
    /// The delivery is not pending.
    Missing,
}

impl Index {
    /// Builds the index from the rows of the database.
    /// A delivery that `before` contains with the same due time keeps its lease. All others are due
    /// by their row, which is at once for those that were leased when the process ended.
    pub(super) fn build(rows: impl IntoIterator<Item = (Key, DueRow)>, before: &Self) -> Self {
        let mut index = Self::default();
        for (key, row) in rows {
            let known = before.entries.get(&key).filter(|entry| entry.due == row.due);
            let score = known.map_or(row.due, |entry| entry.score);
            index.put(key, score, row);
        }
        index
    }

    /// Number of pending deliveries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Number of a tenant's pending deliveries.
    pub(super) fn pending_of(&self, tenant: &TenantId) -> u64 {
        self.tenants.get(tenant).copied().unwrap_or(0)
    }

    /// Number of an endpoint's pending deliveries, and the time at which the first is due or its lease ends.
    pub(super) fn endpoint(&self, endpoint: &Endpoint) -> Option<(u64, Option<Timestamp>)> {
        let queue = &self.queues[*self.names.get(endpoint)?];
        let first = queue.order.first().map(|(score, _)| *score);
        Some((queue.entries as u64, first))
    }

    /// Time at which a pending delivery is due or its lease ends.
    pub(super) fn score(&self, key: &[u8]) -> Option<Timestamp> {
        self.entries.get(key).map(|entry| entry.score)
    }

    /// Time of the first turn.
    pub(super) fn next_turn(&self) -> Option<Timestamp> {
        self.turns.first().map(|(turn, _)| *turn)
    }

    /// Endpoints whose turn has come, the longest waiting first.
    pub(super) fn turns(&self, now: Timestamp, max: usize) -> Vec<Endpoint> {
        let come = self.turns.iter().take_while(|(turn, _)| *turn <= now);
        come.take(max)
            .map(|(_, queue)| self.queues[*queue].endpoint.clone())
            .collect()
    }

    /// Leases due deliveries of an endpoint until `end`, the longest due first.
    /// Sets the endpoint's next turn. Returns `true` if more of its deliveries are due.
    pub(super) fn claim(
        &mut self,
        pick: &Pick,
        now: Timestamp,
        end: Timestamp,
        claimed: &mut Vec<Claim>,
    ) -> bool {
        let Some(number) = self.names.get(&pick.endpoint).copied() else {
            return false;
        };
        let (queue, begin) = (&mut self.queues[number], claimed.len());
        while claimed.len() - begin < pick.max && queue.order.first().is_some_and(|(score, _)| *score <= now)
        {
            let Some((due, key)) = queue.order.pop_first() else {
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
        // Not in the loop: a lease of zero length would be claimed again and again.
        for Claim { key, .. } in &claimed[begin..] {
            queue.order.insert((end, key.clone()));
        }
        let more = queue.order.first().is_some_and(|(score, _)| *score <= now);
        queue.hold = if more {
            now.plus(pick.hold)
        } else {
            Timestamp::default()
        };
        self.set_turn(number);
        more
    }

    /// Parks a delivery if the token is its score, or in any case if `always` is set.
    pub(super) fn take(&mut self, key: &[u8], token: Token, always: bool) -> Taken {
        let Some((key, entry)) = self.entries.get_key_value(key) else {
            return Taken::Missing;
        };
        let (key, found) = (key.clone(), *entry);
        if found.score != token.0 && !always {
            return Taken::Stale;
        }
        self.queues[found.queue].order.remove(&(found.score, key.clone()));
        self.set_turn(found.queue);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.parked = true;
        }
        Taken::Parked(found)
    }

    /// Changes the score of a delivery, parked or not. `due` is the due time in the database.
    pub(super) fn rescore(&mut self, key: &[u8], score: Timestamp, due: Timestamp) {
        let Some((key, entry)) = self.entries.get_key_value(key) else {
            return;
        };
        let (key, found) = (key.clone(), *entry);
        if !found.parked {
            let order = &mut self.queues[found.queue].order;
            order.remove(&(found.score, key.clone()));
            order.insert((score, key.clone()));
            self.set_turn(found.queue);
        }
        let entry = Entry { score, due, ..found };
        self.entries.insert(key, entry);
    }

    /// Extends a lease to a time, unless that is done already.
    pub(super) fn extend(&mut self, key: &[u8], token: Token, until: Timestamp) -> Settled {
        match self.entry(key) {
            None => Settled::Missing,
            Some(entry) if entry.score != token.0 && entry.score != until => Settled::Stale,
            Some(entry) => {
                self.rescore(key, until, entry.due);
                Settled::Applied(Some(Token(until)))
            }
        }
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

    /// Makes a parked delivery claimable again.
    pub(super) fn unpark(&mut self, key: &[u8]) {
        let Some((key, entry)) = self.entries.get_key_value(key) else {
            return;
        };
        let (key, score, queue) = (key.clone(), entry.score, entry.queue);
        self.queues[queue].order.insert((score, key.clone()));
        self.set_turn(queue);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.parked = false;
        }
    }

    /// Adds a delivery.
    pub(super) fn put(&mut self, key: Key, score: Timestamp, row: DueRow) {
        let Some((tenant, id)) = keys::read_delivery(&key) else {
            tracing::error!(what = "a pending delivery's key", "store.unreadable");
            return;
        };
        self.remove(&key);
        match self.tenants.get_mut(&tenant) {
            Some(count) => *count += 1,
            None => drop(self.tenants.insert(tenant.clone(), 1)),
        }
        let target = id.target;
        let queue = self.queue(Endpoint { tenant, target });
        let entry = Entry {
            score,
            due: row.due,
            trigger: row.trigger,
            crashes: row.crashes.count,
            parked: false,
            queue,
        };
        self.entries.insert(key.clone(), entry);
        self.queues[queue].entries += 1;
        self.queues[queue].order.insert((score, key));
        self.set_turn(queue);
    }

    /// Removes a finished delivery.
    pub(super) fn remove(&mut self, key: &[u8]) {
        let Some((key, entry)) = self.entries.remove_entry(key) else {
            return;
        };
        let queue = &mut self.queues[entry.queue];
        queue.order.remove(&(entry.score, key));
        queue.entries -= 1;
        let gone = queue.entries == 0;
        if let Some(count) = self.tenants.get_mut(&queue.endpoint.tenant) {
            *count -= 1;
            if *count == 0 {
                self.tenants.remove(&queue.endpoint.tenant);
            }
        }
        self.set_turn(entry.queue);
        if gone {
            self.names.remove(&self.queues[entry.queue].endpoint);
            self.free.push(entry.queue);
        }
    }

    /// Number of an endpoint's queue, which is created if necessary.
    fn queue(&mut self, endpoint: Endpoint) -> usize {
        if let Some(number) = self.names.get(&endpoint) {
            return *number;
        }
        let queue = Queue {
            endpoint: endpoint.clone(),
            order: BTreeSet::new(),
            entries: 0,
            hold: Timestamp::default(),
            turn: None,
        };
        let number = if let Some(free) = self.free.pop() {
            self.queues[free] = queue;
            free
        } else {
            self.queues.push(queue);
            self.queues.len() - 1
        };
        self.names.insert(endpoint, number);
        number
    }

    /// Updates a queue's entry in `turns`.
    fn set_turn(&mut self, number: usize) {
        let queue = &mut self.queues[number];
        let turn = queue.order.first().map(|(score, _)| (*score).max(queue.hold));
        if turn == queue.turn {
            return;
        }
        if let Some(before) = std::mem::replace(&mut queue.turn, turn) {
            self.turns.remove(&(before, number));
        }
        if let Some(turn) = turn {
            self.turns.insert((turn, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::{DeliveryId, SubscriptionId, Target, TenantId};

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// The delivery of an event to an endpoint.
    fn key_to(target: Target, event: &str) -> Key {
        let event = event.parse().expect("an id");
        let id = DeliveryId {
            event,
            target,
            run: 0,
        };
        keys::delivery(&tenant(), &id).into()
    }

    fn key(event: &str) -> Key {
        key_to(Target::Inline, event)
    }

    fn tenant() -> TenantId {
        "acme".parse().expect("a tenant")
    }

    fn endpoint(number: u128) -> Endpoint {
        Endpoint {
            tenant: tenant(),
            target: Target::Subscription(SubscriptionId::new(ulid::Ulid(number))),
        }
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
        let mut claimed = Vec::new();
        for endpoint in index.turns(at(now), 10) {
            index.claim(&Pick::of(endpoint, 10), at(now), at(end), &mut claimed);
        }
        claimed.into_iter().map(|claim| claim.key).collect()
    }

    #[test]
    fn what_is_parked_is_not_claimed() {
        let mut index = index(&[("a", 1), ("b", 2)]);
        assert!(matches!(
            index.take(&key("a"), Token(at(1)), false),
            Taken::Parked(_)
        ));
        assert_eq!(index.next_turn(), Some(at(2)));
        assert_eq!(claimed(&mut index, 5, 9), [key("b")]);
        index.rescore(&key("a"), at(3), at(3));
        assert_eq!(claimed(&mut index, 5, 9), [] as [Key; 0]);
        assert!(matches!(index.take(&key("a"), Token(at(1)), false), Taken::Stale));
        index.unpark(&key("a"));
        assert_eq!(claimed(&mut index, 5, 9), [key("a")]);
    }

    #[test]
    fn leases_outlive_a_rebuild_and_not_the_process() {
        let rows = [("a", 1), ("b", 2), ("c", 3)];
        let mut before = index(&rows);
        claimed(&mut before, 2, 90);
        let changed = [(key("a"), row(1)), (key("b"), row(50)), (key("d"), row(4))];
        let mut rebuilt = Index::build(changed.clone(), &before);
        assert_eq!(rebuilt.score(&key("a")), Some(at(90)), "its lease goes on");
        assert_eq!(rebuilt.score(&key("b")), Some(at(50)), "another duty by now");
        assert_eq!(rebuilt.len(), 3);
        assert_eq!(claimed(&mut rebuilt, 60, 99), [key("d"), key("b")]);

        let mut anew = Index::build(changed, &Index::default());
        assert_eq!(claimed(&mut anew, 4, 99), [key("a"), key("d")]);
    }

    #[test]
    fn set_and_map_stay_one() {
        let mut index = index(&[("a", 1)]);
        index.put(key("a"), at(7), row(7));
        index.rescore(&key("a"), at(8), at(8));
        assert_eq!((index.len(), index.next_turn()), (1, Some(at(8))));
        index.remove(&key("a"));
        assert_eq!((index.len(), index.next_turn()), (0, None));
        index.unpark(&key("a"));
        assert_eq!(index.next_turn(), None);
    }

    #[test]
    fn a_lease_of_no_time_is_given_once_a_claim() {
        let mut index = index(&[("a", 1)]);
        assert_eq!(claimed(&mut index, 5, 5).len(), 1);
    }

    #[test]
    fn endpoints_take_turns_whatever_waits_for_each() {
        let mut index = Index::default();
        let (loud, calm) = (endpoint(1), endpoint(2));
        for n in 0..1_000 {
            index.put(key_to(loud.target, &n.to_string()), at(n), row(n));
        }
        index.put(key_to(calm.target, "late"), at(2_000), row(2_000));
        assert_eq!(index.turns(at(3_000), 10), [loud.clone(), calm.clone()]);
        let mut claimed = Vec::new();
        let pick = Pick::of(loud.clone(), 3);
        assert!(index.claim(&pick, at(3_000), at(9_000), &mut claimed));
        assert_eq!(claimed.len(), 3);
        assert_eq!(index.turns(at(3_000), 10), [calm.clone(), loud.clone()]);
        assert!(!index.claim(&Pick::of(calm, 3), at(3_000), at(9_000), &mut claimed));
        assert_eq!(index.turns(at(3_000), 10), [loud]);
    }

    #[test]
    fn a_held_endpoint_has_no_turn_and_can_be_picked() {
        let mut index = Index::default();
        let paused = endpoint(1);
        index.put(key_to(paused.target, "a"), at(1), row(1));
        index.put(key_to(paused.target, "b"), at(2), row(2));
        let mut claimed = Vec::new();
        let hold = Pick {
            max: 0,
            hold: std::time::Duration::from_micros(100),
            ..Pick::of(paused.clone(), 0)
        };
        assert!(
            index.claim(&hold, at(10), at(99), &mut claimed),
            "it has what is due"
        );
        assert_eq!((claimed.len(), index.next_turn()), (0, Some(at(110))));
        index.put(key_to(paused.target, "c"), at(20), row(20));
        assert_eq!(index.turns(at(50), 10), [], "one more does not end it");
        assert!(index.claim(&Pick::of(paused.clone(), 1), at(50), at(99), &mut claimed));
        assert_eq!((claimed.len(), index.next_turn()), (1, Some(at(50))));
        for event in ["a", "b", "c"] {
            index.remove(&key_to(paused.target, event));
        }
        assert_eq!((index.len(), index.next_turn(), index.names.len()), (0, None, 0));
        index.put(key_to(endpoint(2).target, "a"), at(1), row(1));
        assert_eq!(
            (index.queues.len(), index.turns(at(1), 1)),
            (1, vec![endpoint(2)])
        );
    }
}
