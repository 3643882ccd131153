//! Set and move operations.
//!
//! Each is measured before it is applied, so that it is applied completely or not at all.

use compact_str::CompactString;

use super::extent::Delta;
use super::pointer::{index, push_index};
use super::print::string_len;
use super::{AccessError, Document, Pointer, Scalar, Value};

impl Document {
    /// Sets a scalar at a pointer.
    ///
    /// The parent must exist. A member is added at the end or replaced in place; an element is
    /// replaced; `-` appends to an array. The empty pointer replaces the whole document.
    pub fn set(&mut self, pointer: &str, scalar: Scalar) -> Result<(), AccessError> {
        self.set_value(pointer, Value::try_from(scalar)?)
    }

    /// Sets a subtree given as JSON text, as [`Document::set`] does.
    pub fn set_json(&mut self, pointer: &str, text: &str) -> Result<(), AccessError> {
        Pointer::parse(pointer)?;
        let value = super::parse::parse(text.as_bytes(), self.limits)?;
        self.set_value(pointer, value)
    }

    /// Sets a subtree, as [`Document::set`] does.
    pub fn set_value(&mut self, pointer: &str, value: Value) -> Result<(), AccessError> {
        let pointer = Pointer::parse(pointer)?;
        let spot = spot(&self.root, pointer)?;
        let delta = spot.delta(value.printed_len());
        self.check_depth(pointer, &value)?;
        self.extent = self
            .extent
            .after(&self.root, delta, self.limits.bytes)
            .ok_or(AccessError::Limit)?;
        self.note(pointer, spot);
        put(&mut self.root, pointer, value);
        Ok(())
    }

    /// Moves a subtree: removes it, then sets it at the target as [`Document::set`] does.
    ///
    /// Indices after it in the same array therefore shift before the target is resolved. A subtree
    /// cannot move into itself, and the whole document cannot be moved.
    pub fn r#move(&mut self, source: &str, target: &str) -> Result<(), AccessError> {
        let (source, target) = (Pointer::parse(source)?, Pointer::parse(target)?);
        let value = self.root.at(source).ok_or(AccessError::Absent)?;
        if source == target {
            return Ok(());
        }
        if source.contains(target) {
            return Err(AccessError::BadPointer);
        }
        self.check_depth(target, value)?;
        let (parent, last) = source.split_last().ok_or(AccessError::BadPointer)?;
        // Only the key changes size, not the value. The size of a replaced value is not credited.
        let renamed = target.split_last().map_or(0, |(_, step)| string_len(&step) + 2);
        let delta = Delta {
            added: renamed,
            removed: last.len(),
        };
        let extent = self
            .extent
            .after(&self.root, delta, self.limits.bytes)
            .ok_or(AccessError::Limit)?;
        let taken = take(&mut self.root, parent, &last).ok_or(AccessError::Absent)?;
        let spot = match spot(&self.root, target) {
            Ok(spot) => spot,
            Err(error) => {
                put_back(&mut self.root, parent, taken);
                return Err(error);
            }
        };
        self.extent = extent.loosened();
        self.changes.note(source.as_str());
        self.note(target, spot);
        put(&mut self.root, target, taken.value);
        Ok(())
    }

    fn check_depth(&self, pointer: Pointer<'_>, value: &Value) -> Result<(), AccessError> {
        let fits = pointer.len() + value.depth() <= self.limits.depth();
        if fits { Ok(()) } else { Err(AccessError::Limit) }
    }

    fn note(&mut self, pointer: Pointer<'_>, spot: Spot) {
        match (spot, pointer.split_last()) {
            (Spot::Append { at }, Some((parent, _))) => {
                let mut place = parent.as_str().to_owned();
                push_index(&mut place, at);
                self.changes.note(&place);
            }
            _ => self.changes.note(pointer.as_str()),
        }
    }
}

/// Effect of setting a value at a pointer.
#[derive(Debug, Clone, Copy)]
enum Spot {
    /// Replaces a value of `removed` bytes.
    Replace { removed: usize },
    /// Adds a member; its key, colon and comma take `around` bytes.
    Add { around: usize },
    /// Appends an element at this index.
    Append { at: usize },
}

impl Spot {
    /// Change in printed size for a new value of `added` bytes.
    fn delta(self, added: usize) -> Delta {
        match self {
            Self::Replace { removed } => Delta { added, removed },
            Self::Add { around } => Delta {
                added: around + added,
                removed: 0,
            },
            Self::Append { at } => Delta {
                added: usize::from(at > 0) + added,
                removed: 0,
            },
        }
    }
}

fn spot(root: &Value, pointer: Pointer<'_>) -> Result<Spot, AccessError> {
    let Some((parent, step)) = pointer.split_last() else {
        return Ok(Spot::Replace {
            removed: root.printed_len(),
        });
    };
    let replaced = |value: &Value| Spot::Replace {
        removed: value.printed_len(),
    };
    match root.at(parent).ok_or(AccessError::Absent)? {
        Value::Object(object) => {
            let around = || string_len(&step) + 1 + usize::from(!object.is_empty());
            Ok(object
                .get(&step)
                .map_or_else(|| Spot::Add { around: around() }, replaced))
        }
        Value::Array(elements) if step == "-" => Ok(Spot::Append { at: elements.len() }),
        Value::Array(elements) => index(&step)
            .and_then(|at| elements.get(at))
            .map(replaced)
            .ok_or(AccessError::Absent),
        other => Err(AccessError::WrongKind(other.kind())),
    }
}

/// Stores a value at a location that [`spot`] has checked.
fn put(root: &mut Value, pointer: Pointer<'_>, value: Value) {
    let Some((parent, step)) = pointer.split_last() else {
        *root = value;
        return;
    };
    match root.at_mut(parent) {
        Some(Value::Object(object)) => {
            object.insert(step.as_ref(), value);
        }
        Some(Value::Array(elements)) => match index(&step).and_then(|at| elements.get_mut(at)) {
            Some(element) => *element = value,
            None => elements.push(value),
        },
        _ => {}
    }
}

/// A removed value and its position in its parent.
struct Taken {
    value: Value,
    key: Option<CompactString>,
    at: usize,
}

fn take(root: &mut Value, parent: Pointer<'_>, step: &str) -> Option<Taken> {
    match root.at_mut(parent)? {
        Value::Object(object) => {
            let (at, (key, value)) = object.take(step)?;
            Some(Taken {
                value,
                key: Some(key),
                at,
            })
        }
        Value::Array(elements) => {
            let at = index(step).filter(|&at| at < elements.len())?;
            Some(Taken {
                value: elements.remove(at),
                key: None,
                at,
            })
        }
        _ => None,
    }
}

/// Undoes [`take`].
fn put_back(root: &mut Value, parent: Pointer<'_>, taken: Taken) {
    match (root.at_mut(parent), taken.key) {
        (Some(Value::Object(object)), Some(key)) => object.put_back(taken.at, (key, taken.value)),
        (Some(Value::Array(elements)), _) => elements.insert(taken.at, taken.value),
        _ => {}
    }
}
