//! Objects: members in document order, with constant-time look-up by key at any size.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use compact_str::CompactString;
use hashbrown::HashTable;

use super::Value;

type Member = (CompactString, Value);

/// Members of a JSON object in document order, with unique keys.
#[derive(Clone, Default)]
pub struct Object {
    members: Vec<Member>,
    /// Present only in objects of more than [`SCANNED`] members; smaller ones are scanned linearly.
    index: Option<Box<Index>>,
}

/// Maximum number of members that are searched linearly.
const SCANNED: usize = 24;

impl Object {
    /// Creates an object without members.
    pub const fn new() -> Self {
        Self {
            members: Vec::new(),
            index: None,
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns `true` if there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns `true` if there is a member with this key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Value of a member.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|at| &self.members[at].1)
    }

    /// Mutable value of a member.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.position(key).map(|at| &mut self.members[at].1)
    }

    /// Adds a member at the end, or replaces a value in place and returns the old one.
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

    /// Removes a member; the others keep their order. Linear in the number of members.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.take(key).map(|(_, member)| member.1)
    }

    /// Iterates over the members in document order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Iterates over the keys in document order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|(key, _)| key.as_str())
    }

    /// Iterates over the keys in document order, starting at index `offset`.
    ///
    /// Constant time for any offset.
    pub fn keys_from(&self, offset: usize) -> impl ExactSizeIterator<Item = &str> {
        let members = self.members.get(offset..).unwrap_or_default();
        members.iter().map(|(key, _)| key.as_str())
    }

    /// Iterates over the values in document order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.members.iter().map(|(_, value)| value)
    }

    /// Appends a member whose key is known to be absent.
    pub(super) fn append(&mut self, key: CompactString, value: Value) {
        if let Some(index) = &mut self.index {
            index.add(&key, self.members.len(), &self.members);
        }
        self.members.push((key, value));
        if self.index.is_none() && self.members.len() > SCANNED {
            self.reindex();
        }
    }

    /// Returns `true` if look-ups use the index and therefore take constant time.
    pub(super) fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    /// Removes a member and returns it with its position, for [`Object::put_back`].
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

    /// Removes the members for which the predicate returns `false`.
    ///
    /// The predicate may change values.
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

/// Index of positions by key.
///
/// The hash is keyed randomly, so that keys cannot be chosen to collide.
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

/// Compares the members in order.
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

/// The last of several values with the same key wins.
impl<K: Into<CompactString>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        let mut object = Self::new();
        for (key, value) in members {
            object.insert(key, value);
        }
        object
    }
}

/// Omits the contents: they can be personal data.
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
