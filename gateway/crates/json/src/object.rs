//! Objects: members in the order of the document, found by key in constant time however many there are.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use compact_str::CompactString;
use hashbrown::HashTable;

use super::Value;

type Member = (CompactString, Value);

/// The members of a JSON object, in order; no key twice.
#[derive(Clone, Default)]
pub struct Object {
    members: Vec<Member>,
    /// Only for objects of more than [`SCANNED`] members: the common small ones are scanned.
    index: Option<Box<Index>>,
}

/// Up to so many members are found by looking at each.
const SCANNED: usize = 24;

impl Object {
    /// An object without members.
    pub const fn new() -> Self {
        Self {
            members: Vec::new(),
            index: None,
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether there is such a member.
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// A member's value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|at| &self.members[at].1)
    }

    /// A member's value, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.position(key).map(|at| &mut self.members[at].1)
    }

    /// Adds a member at the end, or replaces its value in place and returns the one that was there.
    pub fn insert(&mut self, key: impl Into<CompactString>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.position(&key) {
            Some(at) => Some(std::mem::replace(&mut self.members[at].1, value)),
            None => {
                self.append(key, value);
                None
            }
        }
    }

    /// Takes a member out; the others keep their order. Linear in the number of members.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.take(key).map(|(_, member)| member.1)
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|(key, _)| key.as_str())
    }

    /// The keys in order, without the first so many. Costs the same however many those are.
    pub fn keys_from(&self, offset: usize) -> impl ExactSizeIterator<Item = &str> {
        let members = self.members.get(offset..).unwrap_or_default();
        members.iter().map(|(key, _)| key.as_str())
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.members.iter().map(|(_, value)| value)
    }

    /// Adds a member that is known not to be there.
    pub(super) fn append(&mut self, key: CompactString, value: Value) {
        if let Some(index) = &mut self.index {
            index.add(&key, self.members.len(), &self.members);
        }
        self.members.push((key, value));
        if self.index.is_none() && self.members.len() > SCANNED {
            self.reindex();
        }
    }

    /// Whether a look-up goes by the index, so that it costs the same however many members there are.
    pub(super) fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    /// Takes a member out and says where it stood, so that [`Object::put_back`] can undo it.
    pub(super) fn take(&mut self, key: &str) -> Option<(usize, Member)> {
        let at = self.position(key)?;
        let member = self.members.remove(at);
        self.reindex();
        Some((at, member))
    }

    /// Undoes [`Object::take`].
    pub(super) fn put_back(&mut self, at: usize, member: Member) {
        self.members.insert(at, member);
        self.reindex();
    }

    /// Keeps the members for which the predicate says so; it may change their values.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str, &mut Value) -> bool) {
        let before = self.members.len();
        self.members.retain_mut(|(key, value)| keep(key, value));
        if self.members.len() != before {
            self.reindex();
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.find(key, &self.members),
            None => self.members.iter().position(|(other, _)| other == key),
        }
    }

    fn reindex(&mut self) {
        self.index = (self.members.len() > SCANNED).then(|| Box::new(Index::of(&self.members)));
    }
}

/// Positions by key. The hash is keyed at random, so that no chosen keys can collide on purpose.
#[derive(Clone)]
struct Index {
    positions: HashTable<usize>,
    hasher: RandomState,
}

impl Index {
    fn of(members: &[Member]) -> Self {
        let mut index = Self {
            positions: HashTable::with_capacity(members.len()),
            hasher: RandomState::new(),
        };
        for (at, (key, _)) in members.iter().enumerate() {
            index.add(key, at, members);
        }
        index
    }

    fn add(&mut self, key: &str, at: usize, members: &[Member]) {
        let Self { positions, hasher } = self;
        let rehash = |&other: &usize| hasher.hash_one(members[other].0.as_str());
        positions.insert_unique(hasher.hash_one(key), at, rehash);
    }

    fn find(&self, key: &str, members: &[Member]) -> Option<usize> {
        self.positions
            .find(self.hasher.hash_one(key), |&at| members[at].0 == key)
            .copied()
    }
}

/// By members, in order.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl IntoIterator for Object {
    type Item = (CompactString, Value);
    type IntoIter = std::vec::IntoIter<Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

/// Of equal keys the last value stays.
impl<K: Into<CompactString>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        let mut object = Self::new();
        for (key, value) in members {
            object.insert(key, value);
        }
        object
    }
}

/// Without the contents: they may be anyone's personal data.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object of {}", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: i64) -> Object {
        (0..count).map(|n| (format!("k{n}"), n)).collect()
    }

    #[test]
    fn big_and_small_objects_behave_alike() {
        for count in [0, 1, 23, 24, 25, 26, 100, 1000] {
            let mut object = numbered(count);
            for n in 0..count {
                assert_eq!(object.get(&format!("k{n}")), Some(&Value::Int(n)), "{count} {n}");
            }
            assert_eq!(object.get("k"), None);
            assert_eq!(object.insert("k0", 7_i64), (count > 0).then_some(Value::Int(0)));
            let before = object.len();
            assert_eq!(object.remove("k0"), Some(Value::Int(7)));
            assert_eq!((object.len(), object.get("k0")), (before - 1, None));
            for n in 1..count {
                assert_eq!(object.get(&format!("k{n}")), Some(&Value::Int(n)), "{count} {n}");
            }
        }
    }

    #[test]
    fn a_taken_member_goes_back_to_its_place() {
        for count in [5, 30] {
            let mut object = numbered(count);
            let (at, member) = object.take("k3").expect("it is there");
            object.put_back(at, member);
            assert_eq!(object, numbered(count));
            assert_eq!(object.get("k4"), Some(&Value::Int(4)));
        }
    }

    #[test]
    fn retaining_keeps_the_order_and_the_index() {
        let mut object = numbered(100);
        object.retain(|_, value| value.as_i64().is_some_and(|n| n % 3 == 0));
        assert_eq!(object.len(), 34);
        assert_eq!(object.get("k99"), Some(&Value::Int(99)));
        assert_eq!(object.get("k98"), None);
        assert_eq!(object.keys().next(), Some("k0"));
    }
}
