//! Differences between two values, as paths with the old and the new value.
//!
//! Similar to a JSON Patch (RFC 6902). A diff is made for display and holds copies. It is bounded
//! in the number of changes, in bytes including the paths, and by the allowance.

use serde_json::value::RawValue;

use super::Allowance;
use super::allowance::units_of_text;
use super::pointer::{push_escaped, push_index};
use super::value::Value;

/// Changes that turn one value into another.
#[derive(Debug, Default)]
pub struct Diff {
    /// Changes in an order in which they can be applied one after the other.
    pub changes: Vec<Change>,
    /// Minimum number of changes that are not listed.
    pub left_out: usize,
}

/// One changed place.
#[derive(Debug, Clone)]
pub struct Change {
    /// JSON pointer into the value as the preceding changes have left it.
    pub path: String,
    /// Old value; `None` for an addition.
    pub old: Option<Box<RawValue>>,
    /// New value; `None` for a removal.
    pub new: Option<Box<RawValue>>,
}

impl Diff {
    /// Maximum number of listed changes.
    pub const MAX_CHANGES: usize = 500;
    /// Maximum bytes of listed paths and values.
    pub const MAX_BYTES: usize = 64 << 10;

    /// Computes the changes from one value to the other.
    ///
    /// The order of an object's members is ignored. A change that does not fit into the remaining
    /// bytes is left out. When the work is used up, the part that was not compared counts as one
    /// change.
    pub fn between(before: &Value, after: &Value, allowance: &Allowance<'_>) -> Self {
        let mut finder = Finder {
            diff: Self::default(),
            path: String::new(),
            room: Self::MAX_BYTES,
            allowance: *allowance,
            ended: false,
        };
        finder.compare(before, after);
        finder.diff
    }
}

struct Finder<'a> {
    diff: Diff,
    path: String,
    room: usize,
    allowance: Allowance<'a>,
    /// Set when the work is used up; nothing more is compared.
    ended: bool,
}

impl Finder<'_> {
    fn compare(&mut self, before: &Value, after: &Value) {
        if !self.charge(1) {
            return;
        }
        match (before, after) {
            (Value::Object(old), Value::Object(new)) => {
                for (key, value) in old.iter() {
                    if !self.charge(units_of_text(key.len())) {
                        return;
                    }
                    match new.get(key) {
                        Some(other) => self.member(key, |finder| finder.compare(value, other)),
                        None => self.member(key, |finder| finder.found(Some(value), None)),
                    }
                }
                for (key, value) in new.iter() {
                    if !self.charge(units_of_text(key.len())) {
                        return;
                    }
                    if !old.contains_key(key) {
                        self.member(key, |finder| finder.found(None, Some(value)));
                    }
                }
            }
            (Value::Array(old), Value::Array(new)) => self.elements(old, new),
            (old, new) if self.same(old, new) => {}
            (old, new) => self.found(Some(old), Some(new)),
        }
    }

    /// Compares two arrays.
    ///
    /// A common prefix and suffix are skipped. The elements between them are compared in pairs; the
    /// rest are additions or removals.
    fn elements(&mut self, old: &[Value], new: &[Value]) {
        let pairs = old.iter().zip(new);
        let first = pairs.take_while(|(a, b)| self.same(a, b)).count();
        let (old, new) = (&old[first..], &new[first..]);
        let pairs = old.iter().rev().zip(new.iter().rev());
        let last = pairs.take_while(|(a, b)| self.same(a, b)).count();
        let (old, new) = (&old[..old.len() - last], &new[..new.len() - last]);
        for (at, (a, b)) in old.iter().zip(new).enumerate() {
            self.element(first + at, |finder| finder.compare(a, b));
        }
        // Removes from the last element on, so that no index of a later removal shifts.
        for (at, value) in old.iter().enumerate().skip(new.len()).rev() {
            self.element(first + at, |finder| finder.found(Some(value), None));
        }
        for (at, value) in new.iter().enumerate().skip(old.len()) {
            self.element(first + at, |finder| finder.found(None, Some(value)));
        }
    }

    /// Checks two values for equality, including the order of members.
    fn same(&mut self, a: &Value, b: &Value) -> bool {
        let text = match a {
            Value::Text(text) => text.len(),
            Value::Number(number) => number.as_str().len(),
            _ => 0,
        };
        if !self.charge(units_of_text(text)) {
            return true;
        }
        match (a, b) {
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                let same = |((key, a), (other, b)): ((&str, &Value), (&str, &Value))| {
                    self.charge(units_of_text(key.len())) && key == other && self.same(a, b)
                };
                a.len() == b.len() && a.iter().zip(b.iter()).all(same)
            }
            (a, b) => a == b,
        }
    }

    fn member(&mut self, key: &str, look: impl FnOnce(&mut Self)) {
        let len = self.path.len();
        push_escaped(&mut self.path, key);
        look(self);
        self.path.truncate(len);
    }

    fn element(&mut self, index: usize, look: impl FnOnce(&mut Self)) {
        let len = self.path.len();
        push_index(&mut self.path, index);
        look(self);
        self.path.truncate(len);
    }

    fn found(&mut self, old: Option<&Value>, new: Option<&Value>) {
        if self.ended {
            return;
        }
        let fits = self.diff.changes.len() < Diff::MAX_CHANGES && self.reserve(old, new);
        if !fits {
            self.diff.left_out += 1;
            return;
        }
        self.diff.changes.push(Change {
            path: self.path.clone(),
            old: old.map(Value::to_raw),
            new: new.map(Value::to_raw),
        });
    }

    /// Charges the bytes of a change, if enough are left.
    fn reserve(&mut self, old: Option<&Value>, new: Option<&Value>) -> bool {
        let values = [old, new].into_iter().flatten().map(Value::printed_len);
        let bytes = self.path.len() + values.sum::<usize>();
        let Some(room) = self.room.checked_sub(bytes) else {
            return false;
        };
        let reserved = self.allowance.try_output(CHANGE_BYTES + bytes);
        if reserved {
            self.room = room;
        }
        reserved
    }

    fn charge(&mut self, units: u64) -> bool {
        if !self.ended && self.allowance.work(units).is_err() {
            self.ended = true;
            self.diff.left_out += 1;
        }
        !self.ended
    }
}

/// Bytes of a displayed change in addition to its path and values.
const CHANGE_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::budget::{ByteBudget, WorkBudget};
    use crate::{Document, Limits};

    fn value(text: &str) -> Value {
        Document::parse(text.as_bytes(), Limits::default())
            .unwrap()
            .into_root()
    }

    fn told(before: &str, after: &str) -> Vec<String> {
        let (before, after) = (value(before), value(after));
        let diff = Diff::between(&before, &after, &Allowance::default());
        let text = |value: &Option<Box<RawValue>>| value.as_ref().map_or("-", |value| value.get()).to_owned();
        let changes = diff.changes.iter();
        changes
            .map(|change| format!("{} {} {}", change.path, text(&change.old), text(&change.new)))
            .collect()
    }

    #[test]
    fn what_differs() {
        for (before, after, expected) in [
            ("1", "1", &[][..]),
            ("1", "1.0", &[" 1 1.0"]),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, &[]),
            (
                r#"{"a":1,"b":{"c/d":2}}"#,
                r#"{"b":{"c/d":3},"e":[]}"#,
                &["/a 1 -", "/b/c~1d 2 3", "/e - []"],
            ),
            (r#"{"a":{"x":1}}"#, r#"{"a":[1]}"#, &[r#"/a {"x":1} [1]"#]),
            ("[1,2,3,4]", "[1,4]", &["/2 3 -", "/1 2 -"]),
            ("[1,4]", "[1,2,3,4]", &["/1 - 2", "/2 - 3"]),
            (r#"[{"a":1},{"a":2}]"#, r#"[{"a":1},{"a":9}]"#, &["/1/a 2 9"]),
        ] {
            assert_eq!(told(before, after), expected, "{before} {after}");
        }
    }

    #[test]
    fn what_is_over_a_limit_is_counted() {
        let many = format!("[{}1]", "1,".repeat(Diff::MAX_CHANGES + 1));
        let diff = Diff::between(&value("[]"), &value(&many), &Allowance::default());
        assert_eq!((diff.changes.len(), diff.left_out), (Diff::MAX_CHANGES, 2));
    }

    #[test]
    fn diff_counts_paths_and_values_before_it_copies_them() {
        let key = "k".repeat(30_000);
        let nested = |n: u32| format!(r#"{{"{key}":{{"{key}":{{"a":{n},"b":{n}}}}},"c":{n}}}"#);
        let (before, after) = (value(&nested(1)), value(&nested(2)));
        let diff = Diff::between(&before, &after, &Allowance::default());
        let paths: Vec<usize> = diff.changes.iter().map(|change| change.path.len()).collect();
        assert_eq!((paths, diff.left_out), (vec![60_004, 2], 1));

        let output = ByteBudget::new(60);
        let diff = Diff::between(&before, &after, &Allowance::default().with_output(&output));
        assert_eq!((diff.changes.len(), diff.left_out), (1, 2), "only `/c` fits");
        assert_eq!(output.left(), 60 - CHANGE_BYTES - 4);
    }

    #[test]
    fn diff_ends_where_its_work_does() {
        let nested = |n: u32| format!("{}{n}{}", "[1,".repeat(60), "]".repeat(60));
        let (before, after) = (value(&nested(1)), value(&nested(2)));
        for units in [0, 10, 100, 1_000] {
            let work = WorkBudget::new(units);
            let diff = Diff::between(&before, &after, &Allowance::default().with_work(&work));
            assert_eq!((diff.changes.len(), diff.left_out), (0, 1), "{units}");
        }
        let work = WorkBudget::new(20_000);
        let diff = Diff::between(&before, &after, &Allowance::default().with_work(&work));
        assert_eq!((diff.changes.len(), diff.left_out), (1, 0));
    }

    fn any_value() -> impl Strategy<Value = serde_json::Value> {
        let scalar = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (0..4_i64).prop_map(Into::into),
        ];
        scalar.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-d/~]", inner, 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Content of a diff: paths with the old and the new text.
    fn told_by(diff: &Diff) -> Vec<(String, String, String)> {
        let text = |value: &Option<Box<RawValue>>| value.as_ref().map_or("", |value| value.get()).to_owned();
        let changes = diff.changes.iter();
        changes
            .map(|change| (change.path.clone(), text(&change.old), text(&change.new)))
            .collect()
    }

    /// Applies one change as RFC 6902 defines it.
    fn make(root: &mut serde_json::Value, change: &Change) {
        let new = change
            .new
            .as_ref()
            .map(|new| serde_json::from_str(new.get()).unwrap());
        let Some((parent, step)) = change.path.rsplit_once('/') else {
            *root = new.unwrap();
            return;
        };
        let step = step.replace("~1", "/").replace("~0", "~");
        match (root.pointer_mut(parent).unwrap(), new) {
            (serde_json::Value::Object(members), Some(new)) => drop(members.insert(step, new)),
            (serde_json::Value::Object(members), None) => drop(members.remove(&step)),
            (serde_json::Value::Array(elements), new) => {
                let at: usize = step.parse().unwrap();
                match (&change.old, new) {
                    (None, Some(new)) => elements.insert(at, new),
                    (Some(_), Some(new)) => elements[at] = new,
                    (_, None) => drop(elements.remove(at)),
                }
            }
            _ => panic!("a change of what has no parts"),
        }
    }

    proptest! {
        #[test]
        fn the_changes_make_the_one_of_the_other(before in any_value(), after in any_value()) {
            let (old, new) = (Value::from(before.clone()), Value::from(after.clone()));
            let mut made = before;
            for change in &Diff::between(&old, &new, &Allowance::default()).changes {
                make(&mut made, change);
            }
            prop_assert_eq!(made, after);
        }

        /// A diff is identical on every sufficient budget.
        ///
        /// On an insufficient one it stays within the given bytes, lists a subset of the complete
        /// diff, and reports that changes are left out.
        #[test]
        fn diff_keeps_to_any_budget(before in any_value(), after in any_value(), units in 0_u64..150, bytes in 0..400_usize) {
            let (old, new) = (Value::from(before), Value::from(after));
            let (free_work, free_output) = (WorkBudget::new(u64::MAX), ByteBudget::new(usize::MAX));
            let free = Allowance::default().with_work(&free_work).with_output(&free_output);
            let whole = told_by(&Diff::between(&old, &new, &free));
            let (work, output) = (WorkBudget::new(units), ByteBudget::new(bytes));
            let diff = Diff::between(&old, &new, &Allowance::default().with_work(&work).with_output(&output));
            let listed = told_by(&diff);
            let given: usize = listed.iter().map(|(path, old, new)| path.len() + old.len() + new.len() + CHANGE_BYTES).sum();
            prop_assert!(given <= bytes - output.left(), "{} were counted of {given}", bytes - output.left());
            prop_assert!(listed.iter().all(|change| whole.contains(change)));
            if free_work.used() <= units && usize::MAX - free_output.left() <= bytes {
                prop_assert_eq!((listed, diff.left_out), (whole, 0));
            } else {
                prop_assert!(diff.left_out > 0);
            }
        }
    }
}
