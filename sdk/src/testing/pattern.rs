//! Pointers and patterns of the test double: parsing, and matching against a tree.

use super::node::Node;
use super::pairs::{is_name, is_value};
use super::words::KeyWords;

/// One step of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// A member's key or an element's index.
    Exactly(String),
    /// Keys that loosely match one of these.
    Loosely(Vec<LooseName>),
    /// Any one step.
    Any,
    /// Any number of steps, none too.
    AnyDepth,
}

/// A name for loose matching: letters and digits, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LooseName {
    name: String,
    /// The name may match only the end of a key.
    end: bool,
    /// Allows further words behind the name.
    more: bool,
}

/// A place in a tree: the index of the child at each level.
pub(super) type Place = Vec<usize>;

/// The steps of an RFC 6901 pointer; `None` for an invalid one.
pub(super) fn pointer_steps(pointer: &str) -> Option<Vec<String>> {
    split(pointer)?
        .into_iter()
        .map(|step| unescape(step, false))
        .collect()
}

/// The pointer to a place.
pub(super) fn pointer_to(root: &Node, place: &[usize]) -> String {
    let mut pointer = String::new();
    let mut node = root;
    for &index in place {
        pointer.push('/');
        match node {
            Node::Object(members) => {
                pointer.push_str(&members[index].0.replace('~', "~0").replace('/', "~1"));
            }
            _ => pointer.push_str(&index.to_string()),
        }
        node = node
            .child(index)
            .expect("a place is made from the tree it is looked up in");
    }
    pointer
}

/// Index of the child that a pointer's step selects.
pub(super) fn step_into(node: &Node, step: &str) -> Option<usize> {
    match node {
        Node::Object(members) => members.iter().position(|(key, _)| key == step),
        Node::Array(elements) => index_of(step).filter(|&index| index < elements.len()),
        _ => None,
    }
}

/// An array index: decimal digits without a leading zero.
pub(super) fn index_of(step: &str) -> Option<usize> {
    let canonical = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    if canonical { step.parse().ok() } else { None }
}

/// Several patterns, matched together.
pub(super) struct Patterns(Vec<Vec<Step>>);

impl Patterns {
    /// Parses patterns; `None` if one of them is invalid.
    pub(super) fn parse(patterns: &[&str]) -> Option<Self> {
        patterns
            .iter()
            .map(|pattern| split(pattern)?.into_iter().map(Step::parse).collect())
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Every place that matches, in document order, parents before their children.
    pub(super) fn places(&self, root: &Node) -> Vec<Place> {
        let start: Vec<&[Step]> = self.0.iter().map(Vec::as_slice).collect();
        let mut found = Vec::new();
        visit(root, &mut Vec::new(), start, false, &mut found);
        found
    }

    /// As [`places`](Self::places), with the values of pairs whose names a pattern matches.
    pub(super) fn places_and_pairs(&self, root: &Node) -> Vec<Place> {
        let start: Vec<&[Step]> = self.0.iter().map(Vec::as_slice).collect();
        let mut found = Vec::new();
        visit(root, &mut Vec::new(), start, true, &mut found);
        found
    }

    /// Returns `true` if one of the patterns is the empty pointer.
    pub(super) fn name_the_whole(&self) -> bool {
        self.0.iter().any(Vec::is_empty)
    }
}

/// Of places in document order, those that lie inside none of the others.
pub(super) fn outermost(places: impl IntoIterator<Item = Place>) -> Vec<Place> {
    let mut outermost: Vec<Place> = Vec::new();
    for place in places {
        if !outermost.last().is_some_and(|outer| place.starts_with(outer)) {
            outermost.push(place);
        }
    }
    outermost
}

/// Walks the tree with the remaining steps of each pattern.
fn visit(node: &Node, place: &mut Place, mut ahead: Vec<&[Step]>, pairs: bool, found: &mut Vec<Place>) {
    let mut index = 0;
    while index < ahead.len() {
        if let [Step::AnyDepth, rest @ ..] = ahead[index] {
            ahead.push(rest);
        }
        index += 1;
    }
    if ahead.iter().any(|steps| steps.is_empty()) {
        found.push(place.clone());
    }
    let named = pairs && names_value(node, &ahead);
    for child in 0..node.children() {
        let key = key_of(node, child);
        if named && key.is_some_and(is_value) {
            found.push([place.as_slice(), &[child]].concat());
        }
        let next: Vec<&[Step]> = ahead
            .iter()
            .filter_map(|steps| advance(steps, key, child))
            .collect();
        if let (false, Some(below)) = (next.is_empty(), node.child(child)) {
            place.push(child);
            visit(below, place, next, pairs, found);
            place.pop();
        }
    }
}

/// Returns `true` if a pattern ends at a member with the name that a pair gives its value.
fn names_value(node: &Node, ahead: &[&[Step]]) -> bool {
    let Node::Object(members) = node else { return false };
    let names = members.iter().filter(|(key, _)| is_name(key));
    let mut names = names.filter_map(|(_, name)| match name {
        Node::Text(name) => Some(name.as_str()),
        _ => None,
    });
    names.any(|name| {
        let mut next = ahead.iter().filter_map(|steps| advance(steps, Some(name), 0));
        next.any(|rest| rest.iter().all(|step| *step == Step::AnyDepth))
    })
}

fn key_of(node: &Node, child: usize) -> Option<&str> {
    match node {
        Node::Object(members) => members.get(child).map(|(key, _)| key.as_str()),
        _ => None,
    }
}

/// Remaining steps of a pattern after the step to a child; `None` if the pattern does not lead
/// there.
fn advance<'p>(steps: &'p [Step], key: Option<&str>, child: usize) -> Option<&'p [Step]> {
    let (first, rest) = steps.split_first()?;
    match first {
        Step::AnyDepth => Some(steps),
        Step::Any => Some(rest),
        Step::Exactly(name) => match key {
            Some(key) => key == name,
            None => index_of(name) == Some(child),
        }
        .then_some(rest),
        Step::Loosely(names) => {
            let mut words = KeyWords::default();
            words.read(key?);
            names.iter().any(|name| name.matches(&words)).then_some(rest)
        }
    }
}

impl Step {
    fn parse(step: &str) -> Option<Self> {
        match step {
            "*" => return Some(Self::Any),
            "**" => return Some(Self::AnyDepth),
            _ => {}
        }
        match step.strip_prefix('~') {
            Some(names) if names.trim_start_matches('*').starts_with(char::is_alphabetic) => names
                .split('|')
                .map(LooseName::parse)
                .collect::<Option<_>>()
                .map(Self::Loosely),
            _ if step.contains('*') => None,
            _ => unescape(step, true).map(Self::Exactly),
        }
    }
}

impl LooseName {
    fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('*').unwrap_or(text);
        let name = bare.strip_suffix('*').unwrap_or(bare);
        if !name.starts_with(char::is_alphabetic) || name.contains('*') {
            return None;
        }
        Some(Self {
            name: loose(&unescape(name, true)?),
            end: text.starts_with('*'),
            more: bare.ends_with('*'),
        })
    }

    fn matches(&self, key: &KeyWords) -> bool {
        let reads = |text: &str| text == self.name || self.end && text.ends_with(&self.name);
        if self.more {
            key.heads().any(|head| reads(head) && key.is_of(head))
        } else {
            reads(key.text())
        }
    }
}

fn split(pointer: &str) -> Option<Vec<&str>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    Some(pointer.strip_prefix('/')?.split('/').collect())
}

fn unescape(step: &str, in_pattern: bool) -> Option<String> {
    let mut plain = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                '2' if in_pattern => '*',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

/// Normalises a key for loose matching: its letters and digits, in lower case.
fn loose(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
