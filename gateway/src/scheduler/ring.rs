//! Round robin over tenants, then over a tenant's endpoints.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Round-robin ring. Each member takes one turn; one with more work is added again, behind the
/// others.
#[derive(Debug)]
pub(super) struct Ring<G, M> {
    groups: VecDeque<G>,
    members: HashMap<G, VecDeque<M>>,
}

impl<G, M> Default for Ring<G, M> {
    fn default() -> Self {
        Self {
            groups: VecDeque::new(),
            members: HashMap::new(),
        }
    }
}

impl<G: Clone + Eq + Hash, M> Ring<G, M> {
    /// Adds a member behind all others of its group; a new group behind all others.
    pub(super) fn add(&mut self, group: &G, member: M) {
        if let Some(members) = self.members.get_mut(group) {
            members.push_back(member);
        } else {
            self.members.insert(group.clone(), VecDeque::from([member]));
            self.groups.push_back(group.clone());
        }
    }

    /// Takes the next member; its group's turn ends too.
    pub(super) fn take(&mut self) -> Option<M> {
        let group = self.groups.pop_front()?;
        let members = self.members.get_mut(&group)?;
        let member = members.pop_front();
        if members.is_empty() {
            self.members.remove(&group);
        } else {
            self.groups.push_back(group);
        }
        member
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_many_members_has_one_turn_a_round() {
        let mut ring = Ring::default();
        for member in ["a1", "a2", "a3"] {
            ring.add(&'a', member);
        }
        ring.add(&'b', "b1");
        let mut turns = Vec::new();
        for _ in 0..8 {
            let member = ring.take().expect("somebody");
            turns.push(member);
            ring.add(&member.chars().next().expect("a letter"), member);
        }
        assert_eq!(turns, ["a1", "b1", "a2", "b1", "a3", "b1", "a1", "b1"]);
    }

    #[test]
    fn empties() {
        let mut ring = Ring::default();
        ring.add(&1, 'x');
        assert_eq!((ring.take(), ring.take()), (Some('x'), None));
        assert!(ring.members.is_empty());
    }
}
