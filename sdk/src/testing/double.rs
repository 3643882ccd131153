//! Test double of the gateway's interface to a plugin: the document, the log and the clock.

use std::cell::{Cell, RefCell};

use super::node::Node;
use super::pattern::{Patterns, Place, index_of, outermost, pointer_steps, pointer_to, step_into};
use crate::document::Operations;
use crate::log::Level;
use crate::{AccessError, Kind, Redaction, Scalar};

/// Maximum depth of a document.
const MAX_DEPTH: usize = 64;

thread_local! {
    // Thread-local: tests run on separate threads, and a plugin calls `log` and `clock` as plain
    // functions.
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
    static NOW_MS: Cell<u64> = const { Cell::new(0) };
}

pub(super) fn start_call(now_ms: u64) {
    NOW_MS.set(now_ms);
    LOG.take();
}

pub(super) fn take_log() -> Vec<(Level, String)> {
    LOG.take()
}

pub(crate) fn log(level: Level, message: &str) {
    LOG.with_borrow_mut(|log| log.push((level, message.into())));
}

pub(crate) fn now_ms() -> u64 {
    NOW_MS.get()
}

/// A document with the behaviour of the gateway's.
#[derive(Debug)]
pub(crate) struct Json {
    root: RefCell<Node>,
    writable: bool,
    max_depth: usize,
}

impl Json {
    pub(super) fn writable(text: &str) -> Self {
        Self::new(parse_expecting(text), MAX_DEPTH)
    }

    pub(crate) fn read_only(text: &str) -> Self {
        Self {
            writable: false,
            ..Self::writable(text)
        }
    }

    pub(super) fn new(root: Node, max_depth: usize) -> Self {
        Self {
            root: RefCell::new(root),
            writable: true,
            max_depth,
        }
    }

    pub(super) fn print(&self) -> String {
        self.root.borrow().to_string()
    }

    fn at<T>(&self, pointer: &str, read: impl FnOnce(&Node) -> T) -> Result<T, AccessError> {
        let root = self.root.borrow();
        let place = place_of(&root, pointer)?;
        Ok(read(node_at(&root, &place)))
    }

    /// Applies a change to a copy, and keeps the copy unless the change was refused.
    fn change<T>(&self, change: impl FnOnce(&mut Node) -> Result<T, AccessError>) -> Result<T, AccessError> {
        if !self.writable {
            return Err(AccessError::ReadOnly);
        }
        let mut root = self.root.borrow().clone();
        let result = change(&mut root)?;
        if root.depth() > self.max_depth {
            return Err(AccessError::Limit);
        }
        self.root.replace(root);
        Ok(result)
    }

    fn edit(
        &self,
        patterns: &[&str],
        how: &Redaction,
        places: fn(&Patterns, &Node) -> Vec<Place>,
    ) -> Result<u32, AccessError> {
        let patterns = Patterns::parse(patterns).ok_or(AccessError::BadPointer)?;
        let removes = *how == Redaction::Remove;
        if removes && patterns.name_the_whole() {
            return Err(AccessError::BadPointer);
        }
        self.change(|root| {
            // `/**` also matches the whole document, which cannot be removed: its content is
            // removed instead.
            let places = outermost(
                places(&patterns, root)
                    .into_iter()
                    .filter(|place| !removes || !place.is_empty()),
            );
            // Removes in reverse order, so that a removal does not shift the places that follow.
            for place in places.iter().rev() {
                redact_at(root, place, how);
            }
            Ok(count(places.len()))
        })
    }
}

impl Operations for Json {
    fn kind_of(&self, pointer: &str) -> Kind {
        self.at(pointer, Node::kind).unwrap_or(Kind::Absent)
    }

    fn length(&self, pointer: &str) -> Option<u32> {
        let length = self.at(pointer, |node| match node {
            Node::Array(_) | Node::Object(_) => Some(node.children()),
            Node::Text(text) => Some(text.len()),
            _ => None,
        });
        length.ok().flatten().map(count)
    }

    fn keys(&self, pointer: &str, offset: u32, max: u32) -> Result<Vec<String>, AccessError> {
        self.at(pointer, |node| match node {
            Node::Object(members) => {
                let keys = members.iter().map(|(key, _)| key.clone());
                Ok(keys.skip(offset as usize).take(max as usize).collect())
            }
            other => Err(AccessError::WrongKind(other.kind())),
        })?
    }

    fn get(&self, pointer: &str) -> Result<Scalar, AccessError> {
        self.at(pointer, |node| {
            node.to_scalar().ok_or(AccessError::WrongKind(node.kind()))
        })?
    }

    fn get_many(&self, pointers: &[&str]) -> Vec<Option<Scalar>> {
        pointers.iter().map(|pointer| self.get(pointer).ok()).collect()
    }

    fn get_json(&self, pointer: &str) -> Result<String, AccessError> {
        self.at(pointer, Node::to_string)
    }

    fn find(&self, pattern: &str, max: u32) -> Result<Vec<String>, AccessError> {
        let patterns = Patterns::parse(&[pattern]).ok_or(AccessError::BadPointer)?;
        let root = self.root.borrow();
        let places = patterns.places(&root);
        Ok(places
            .iter()
            .take(max as usize)
            .map(|place| pointer_to(&root, place))
            .collect())
    }

    fn set(&self, pointer: &str, value: &Scalar) -> Result<(), AccessError> {
        self.change(|root| {
            put(
                root,
                pointer,
                Node::from_scalar(value).map_err(AccessError::BadJson)?,
            )
        })
    }

    fn set_json(&self, pointer: &str, value: &str) -> Result<(), AccessError> {
        pointer_steps(pointer).ok_or(AccessError::BadPointer)?;
        self.change(|root| put(root, pointer, Node::parse(value).map_err(AccessError::BadJson)?))
    }

    fn remove(&self, pattern: &str) -> Result<u32, AccessError> {
        self.edit(&[pattern], &Redaction::Remove, Patterns::places)
    }

    fn move_to(&self, source: &str, target: &str) -> Result<(), AccessError> {
        pointer_steps(target).ok_or(AccessError::BadPointer)?;
        self.change(|root| {
            let place = place_of(root, source)?;
            if source == target {
                return Ok(());
            }
            let into_itself = target
                .strip_prefix(source)
                .is_some_and(|rest| rest.starts_with('/'));
            let Some((last, parent)) = place.split_last().filter(|_| !into_itself) else {
                return Err(AccessError::BadPointer);
            };
            let moved = node_at_mut(root, parent)
                .remove_child(*last)
                .ok_or(AccessError::Absent)?;
            put(root, target, moved)
        })
    }

    fn redact(&self, patterns: &[&str], how: &Redaction) -> Result<u32, AccessError> {
        self.edit(patterns, how, Patterns::places_and_pairs)
    }

    fn retain(&self, patterns: &[&str]) -> Result<u32, AccessError> {
        let patterns = Patterns::parse(patterns).ok_or(AccessError::BadPointer)?;
        self.change(|root| {
            let kept = outermost(patterns.places(root));
            let mut removed = 0;
            if kept.is_empty() && !matches!(root, Node::Array(_) | Node::Object(_)) {
                *root = Node::Null;
                removed = 1;
            }
            retain_below(root, &mut Vec::new(), &kept, &mut removed);
            Ok(removed)
        })
    }
}

fn parse_expecting(text: &str) -> Node {
    let parsed = Node::parse(text);
    assert!(parsed.is_ok(), "the test's own JSON does not parse: {parsed:?}");
    parsed.unwrap_or(Node::Null)
}

fn place_of(root: &Node, pointer: &str) -> Result<Place, AccessError> {
    let mut place = Place::new();
    let mut node = root;
    for step in pointer_steps(pointer).ok_or(AccessError::BadPointer)? {
        let index = step_into(node, &step).ok_or(AccessError::Absent)?;
        node = node.child(index).ok_or(AccessError::Absent)?;
        place.push(index);
    }
    Ok(place)
}

fn node_at<'n>(root: &'n Node, place: &[usize]) -> &'n Node {
    place.iter().fold(root, |node, &index| {
        node.child(index).expect("the place was found in this tree")
    })
}

fn node_at_mut<'n>(root: &'n mut Node, place: &[usize]) -> &'n mut Node {
    place.iter().fold(root, |node, &index| {
        node.child_mut(index).expect("the place was found in this tree")
    })
}

/// Sets the value at a pointer whose parent exists.
fn put(root: &mut Node, pointer: &str, value: Node) -> Result<(), AccessError> {
    let steps = pointer_steps(pointer).ok_or(AccessError::BadPointer)?;
    let Some((last, _)) = steps.split_last() else {
        *root = value;
        return Ok(());
    };
    let parent_pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let place = place_of(root, parent_pointer)?;
    match node_at_mut(root, &place) {
        Node::Object(members) => match members.iter_mut().find(|(key, _)| key == last) {
            Some((_, member)) => *member = value,
            None => members.push((last.clone(), value)),
        },
        Node::Array(elements) if last == "-" => elements.push(value),
        Node::Array(elements) => {
            let element = index_of(last).and_then(|index| elements.get_mut(index));
            *element.ok_or(AccessError::Absent)? = value;
        }
        other => return Err(AccessError::WrongKind(other.kind())),
    }
    Ok(())
}

fn redact_at(root: &mut Node, place: &[usize], how: &Redaction) {
    match (how, place.split_last()) {
        (Redaction::Remove, Some((last, parent))) => {
            node_at_mut(root, parent).remove_child(*last);
        }
        _ => {
            let value = node_at_mut(root, place);
            *value = Node::Text(redacted(value, how));
        }
    }
}

fn redacted(value: &Node, how: &Redaction) -> String {
    match (how, value) {
        (Redaction::Remove, _) => String::new(),
        (Redaction::Mask(text), _) => text.clone(),
        (Redaction::KeepLast(keep), Node::Text(text) | Node::Number(text)) => {
            let characters = text.chars().count();
            // A value of no more characters than these would be shown whole.
            let hidden = if characters > usize::from(*keep) {
                characters - usize::from(*keep)
            } else {
                characters
            };
            "*".repeat(hidden) + &text.chars().skip(hidden).collect::<String>()
        }
        (Redaction::KeepLast(_), _) => "*".into(),
        (Redaction::Pseudonym(label), value) => format!("{label}:{:016x}", fnv1a(&value.to_string())),
    }
}

/// Removes the children that are not kept, are not inside a kept place, and are no ancestor of one.
fn retain_below(node: &mut Node, place: &mut Place, kept: &[Place], removed: &mut u32) {
    if kept.contains(place) {
        return;
    }
    for child in (0..node.children()).rev() {
        place.push(child);
        if kept.iter().any(|keep| keep.starts_with(place)) {
            if let Some(below) = node.child_mut(child) {
                retain_below(below, place, kept, removed);
            }
        } else {
            node.remove_child(child);
            *removed += 1;
        }
        place.pop();
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Substitute for the gateway's keyed digest: equal values give equal pseudonyms.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
