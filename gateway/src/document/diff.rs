//! What differs between two values: a list of paths with the old value and the new one, in the manner of a JSON patch (RFC 6902).

use super::pointer::{push_escaped, push_index};
use super::value::Value;

/// What makes one value of another.
#[derive(Debug, Default)]
pub struct Diff<'v> {
    /// In an order in which they can be made one after the other.
    pub changes: Vec<Change<'v>>,
    /// How many more there are.
    pub left_out: usize,
}

/// One place that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Change<'v> {
    /// Where: a JSON pointer into the value as the changes before this one have left it.
    pub path: String,
    /// What stood there; `None`: nothing, it is added.
    pub old: Option<&'v Value>,
    /// What stands there now; `None`: nothing, it is removed.
    pub new: Option<&'v Value>,
}

impl<'v> Diff<'v> {
    /// The changes from one value to the other, at most `most` of them. The order of an object's members is no difference.
    pub fn between(before: &'v Value, after: &'v Value, most: usize) -> Self {
        let mut finder = Finder {
            diff: Self::default(),
            path: String::new(),
            most,
        };
        finder.compare(before, after);
        finder.diff
    }
}

struct Finder<'v> {
    diff: Diff<'v>,
    path: String,
    most: usize,
}

impl<'v> Finder<'v> {
    fn compare(&mut self, before: &'v Value, after: &'v Value) {
        match (before, after) {
            (Value::Object(old), Value::Object(new)) => {
                for (key, value) in old.iter() {
                    match new.get(key) {
                        Some(other) => self.member(key, |finder| finder.compare(value, other)),
                        None => self.member(key, |finder| finder.found(Some(value), None)),
                    }
                }
                for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(key)) {
                    self.member(key, |finder| finder.found(None, Some(value)));
                }
            }
            (Value::Array(old), Value::Array(new)) => self.elements(old, new),
            (old, new) if old == new => {}
            (old, new) => self.found(Some(old), Some(new)),
        }
    }

    /// What is the same at both ends is left alone; of what is between, elements are compared in pairs, and the rest was
    /// added or removed.
    fn elements(&mut self, old: &'v [Value], new: &'v [Value]) {
        let same = |(a, b): &(&Value, &Value)| a == b;
        let first = old.iter().zip(new).take_while(same).count();
        let (old, new) = (&old[first..], &new[first..]);
        let last = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
        let (old, new) = (&old[..old.len() - last], &new[..new.len() - last]);
        for (at, (a, b)) in old.iter().zip(new).enumerate() {
            self.element(first + at, |finder| finder.compare(a, b));
        }
        // From the last on, so that no index shifts under what is removed next.
        for (at, value) in old.iter().enumerate().skip(new.len()).rev() {
            self.element(first + at, |finder| finder.found(Some(value), None));
        }
        for (at, value) in new.iter().enumerate().skip(old.len()) {
            self.element(first + at, |finder| finder.found(None, Some(value)));
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

    fn found(&mut self, old: Option<&'v Value>, new: Option<&'v Value>) {
        if self.diff.changes.len() < self.most {
            let path = self.path.clone();
            self.diff.changes.push(Change { path, old, new });
        } else {
            self.diff.left_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::{Document, Limits};

    fn value(text: &str) -> Value {
        Document::parse(text.as_bytes(), Limits::default())
            .unwrap()
            .into_root()
    }

    fn told(before: &str, after: &str) -> Vec<String> {
        let (before, after) = (value(before), value(after));
        let diff = Diff::between(&before, &after, 100);
        let text = |value: Option<&Value>| value.map_or("-".to_owned(), Value::to_json);
        let changes = diff.changes.iter();
        changes
            .map(|change| format!("{} {} {}", change.path, text(change.old), text(change.new)))
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
    fn what_is_over_the_limit_is_counted() {
        let (before, after) = (value("[]"), value("[1,2,3]"));
        let diff = Diff::between(&before, &after, 2);
        assert_eq!((diff.changes.len(), diff.left_out), (2, 1));
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

    /// Makes one change as RFC 6902 says.
    fn make(root: &mut serde_json::Value, change: &Change<'_>) {
        let new = change.new.map(Value::to_serde);
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
                match (change.old, new) {
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
            for change in &Diff::between(&old, &new, usize::MAX).changes {
                make(&mut made, change);
            }
            prop_assert_eq!(made, after);
        }
    }
}
