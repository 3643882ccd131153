//! Patterns: expressions that name many places of a document.
//!
//! A set is compiled so that one walk matches all of it.

use std::str::FromStr;

use compact_str::CompactString;

use super::fold::normalise;
use super::key_words::KeyWords;
use super::tail::{Tail, Tails};

/// Pointer with wildcards.
///
/// A step may be a key or index, `*` (any one step), `**` (any number of steps, including none), or
/// `~name|*other` (an object's key that matches one of the names, or whose end does if the name has
/// a leading `*`). Names are compared by letters and digits only, ignoring case. A trailing `*`
/// allows further words after the name, except words that qualify it: `~*email*` matches
/// `email_old`, but not `email_verified`. `~2` denotes a literal `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Step>);

/// Error of parsing a pattern or compiling a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Malformed pattern.
    ///
    /// Includes a `*` next to other characters, which would silently match nothing.
    #[error("not a pattern: steps that each begin with `/`, being a key, an index, `*`, `**` or `~name`")]
    Malformed,
    /// All patterns together have more than [`PatternSet::MAX_STEPS`] steps and names.
    #[error(
        "the patterns have more than {} steps and names together",
        PatternSet::MAX_STEPS
    )]
    TooMany,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// One key or index.
    Exact(CompactString),
    /// Key that matches one of these names, normalised.
    Loose(Vec<LooseName>),
    /// Any key or index.
    Any,
    /// Any number of steps, including none.
    Deep,
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let steps = text.strip_prefix('/').ok_or(BadPattern::Malformed)?;
        // Counts the steps before anything is allocated for them.
        if memchr::memchr2_iter(b'/', b'|', text.as_bytes()).count() > PatternSet::MAX_STEPS {
            return Err(BadPattern::TooMany);
        }
        steps
            .split('/')
            .map(step)
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(BadPattern::Malformed)
    }
}

/// Normalised name that keys are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LooseName {
    name: CompactString,
    /// Only the end of the key must match.
    end: bool,
    /// Further words may follow the name.
    more: bool,
}

fn step(text: &str) -> Option<Step> {
    match text {
        "*" => return Some(Step::Any),
        "**" => return Some(Step::Deep),
        _ => {}
    }
    match text.strip_prefix('~').filter(|names| begins_loosely(names)) {
        Some(names) => names
            .split('|')
            .map(loose_name)
            .collect::<Option<_>>()
            .map(Step::Loose),
        None if text.contains('*') => None,
        None => unescape(text).map(|key| Step::Exact(key.into())),
    }
}

/// Returns `true` if the text begins with a letter, or with `*` and a letter.
fn begins_loosely(text: &str) -> bool {
    text.strip_prefix('*')
        .unwrap_or(text)
        .starts_with(char::is_alphabetic)
}

fn loose_name(text: &str) -> Option<LooseName> {
    let (text, end) = match text.strip_prefix('*') {
        Some(end) => (end, true),
        None => (text, false),
    };
    let (text, more) = match text.strip_suffix('*') {
        Some(name) => (name, true),
        None => (text, false),
    };
    if !text.starts_with(char::is_alphabetic) || text.contains('*') {
        return None;
    }
    let mut name = String::new();
    normalise(&unescape(text)?, &mut name);
    Some(LooseName {
        name: name.into(),
        end,
        more,
    })
}

fn unescape(step: &str) -> Option<String> {
    let mut key = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(character) = characters.next() {
        key.push(match character {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                '2' => '*',
                _ => return None,
            },
            other => other,
        });
    }
    Some(key)
}

/// Patterns compiled into one tree of steps.
///
/// A walk examines each key once for any number of patterns.
#[derive(Debug, Clone)]
pub struct PatternSet {
    /// Nodes of the tree; the first is the root, at which every pattern begins.
    nodes: Vec<Node>,
}

pub(super) type NodeId = usize;

/// Node of the tree: the set of patterns that begin with the steps up to this node.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Successors by key or index.
    pub(super) exact: Names,
    /// Successors by normalised key.
    pub(super) loose: Names,
    /// Successors by the end of the normalised key.
    pub(super) ends: Ends,
    /// Successors by a prefix of the normalised key that ends at a word boundary.
    pub(super) heads: Heads,
    /// Successor for any step.
    pub(super) any: Option<NodeId>,
    /// Successor without a step: the beginning of a `**`.
    pub(super) deep: Option<NodeId>,
    /// Set for the inside of a `**`: any step leads to this node again.
    pub(super) repeats: bool,
    /// Set if a pattern ends at this node.
    pub(super) accepts: bool,
}

impl PatternSet {
    /// Maximum number of steps and names in a set, over all patterns.
    pub const MAX_STEPS: usize = 4096;

    /// Compiles parsed patterns.
    pub fn new(patterns: impl IntoIterator<Item = Pattern>) -> Result<Self, BadPattern> {
        Self::compile(patterns.into_iter().map(Ok))
    }

    /// Compiles patterns from their texts.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, BadPattern> {
        Self::compile(texts.into_iter().map(|text| text.as_ref().parse()))
    }

    /// Compiles patterns one by one, so that memory stays within the maximum of a set.
    fn compile(patterns: impl Iterator<Item = Result<Pattern, BadPattern>>) -> Result<Self, BadPattern> {
        let mut set = Self {
            nodes: vec![Node::default()],
        };
        let mut steps = 0;
        for pattern in patterns {
            let pattern = pattern?;
            steps += pattern.0.iter().map(Step::weight).sum::<usize>();
            if steps > Self::MAX_STEPS {
                return Err(BadPattern::TooMany);
            }
            set.insert(pattern);
        }
        Ok(set)
    }

    /// Returns `true` if one of the patterns is the empty pointer.
    pub(super) fn names_the_whole(&self) -> bool {
        self.nodes[0].accepts
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn insert(&mut self, pattern: Pattern) {
        let mut at = 0;
        for step in pattern.0 {
            at = match step {
                Step::Any => self.any(at),
                Step::Deep => self.deep(at),
                Step::Exact(key) => self.exact(at, key),
                Step::Loose(names) => self.loose(at, names),
            };
        }
        self.nodes[at].accepts = true;
    }

    fn any(&mut self, at: NodeId) -> NodeId {
        if let Some(known) = self.nodes[at].any {
            return known;
        }
        let next = self.grow();
        self.nodes[at].any = Some(next);
        next
    }

    fn deep(&mut self, at: NodeId) -> NodeId {
        // Consecutive `**` steps are equivalent to one.
        if self.nodes[at].repeats {
            return at;
        }
        if let Some(known) = self.nodes[at].deep {
            return known;
        }
        let next = self.grow();
        self.nodes[next].repeats = true;
        self.nodes[at].deep = Some(next);
        next
    }

    fn exact(&mut self, at: NodeId, key: CompactString) -> NodeId {
        if let Some(known) = self.nodes[at].exact.alone(&key) {
            return known;
        }
        let next = self.grow();
        self.nodes[at].exact.add(key, next, true);
        next
    }

    fn loose(&mut self, at: NodeId, names: Vec<LooseName>) -> NodeId {
        let alone = matches!(
            names.as_slice(),
            [LooseName {
                end: false,
                more: false,
                ..
            }]
        );
        if alone && let Some(known) = self.nodes[at].loose.alone(&names[0].name) {
            return known;
        }
        let next = self.grow();
        for LooseName { name, end, more } in names {
            let node = &mut self.nodes[at];
            match (end, more) {
                (true, true) => node.heads.ends.add(name, next),
                (true, false) => node.ends.add(name, next),
                (false, true) => node.heads.whole.add(name, next, false),
                (false, false) => node.loose.add(name, next, alone),
            }
        }
        next
    }

    fn grow(&mut self) -> NodeId {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }
}

impl Step {
    fn weight(&self) -> usize {
        match self {
            Self::Loose(names) => names.len(),
            _ => 1,
        }
    }
}

impl Node {
    /// Returns `true` if a key's normalised form must be looked up to continue from this node.
    ///
    /// The tail, if known, excludes most keys.
    pub(super) fn may_lead_loosely(&self, tail: Option<Tail>) -> bool {
        match tail {
            Some(tail) => self.loose.may_lead(tail) || self.ends.may_lead(tail),
            None => self.leads_on_loosely(),
        }
    }

    fn leads_on_loosely(&self) -> bool {
        !self.loose.is_empty() || !self.ends.is_empty()
    }

    /// Returns `true` if any step leads to a successor.
    pub(super) fn leads_on(&self) -> bool {
        self.repeats
            || self.any.is_some()
            || self.deep.is_some()
            || !self.exact.is_empty()
            || self.leads_on_loosely()
            || !self.heads.is_empty()
    }
}

/// Successors by names that further words may follow.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads {
    whole: Names,
    ends: Ends,
}

impl Heads {
    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.ends.is_empty()
    }

    /// Names that a key is compared with.
    ///
    /// Yields the matching head of the key and the successor for each match, and `None` for each
    /// head and each name that does not match.
    pub(super) fn candidates<'a>(
        &'a self,
        words: &'a KeyWords,
    ) -> impl Iterator<Item = Option<(&'a str, NodeId)>> + 'a {
        words.heads().flat_map(move |head| {
            let tail = Tail::of(head);
            let may = self.whole.may_lead(tail) || self.ends.may_lead(tail);
            let found = may.then(|| self.whole.find(head).map(Some).chain(self.ends.candidates(head)));
            let found = found.into_iter().flatten();
            std::iter::once(None).chain(found.map(move |node| node.map(|node| (head, node))))
        })
    }
}

/// Successors by ends of names.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// Ends of at least [`Tail::BYTES`] bytes, sorted by their tail.
    sorted: Vec<(Tail, CompactString, NodeId)>,
    tails: Tails,
    /// Ends that are shorter than a tail.
    short: Vec<(CompactString, NodeId)>,
}

impl Ends {
    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty() && self.short.is_empty()
    }

    /// Returns `true` if a name with this tail can have a successor.
    pub(super) fn may_lead(&self, tail: Tail) -> bool {
        self.tails.may_have(tail) || !self.short.is_empty()
    }

    /// Ends that a name is compared with.
    ///
    /// Yields the successor for each end that matches, and `None` for each that does not.
    pub(super) fn candidates(&self, name: &str) -> impl Iterator<Item = Option<NodeId>> {
        let tail = Tail::of(name);
        let from = self.sorted.partition_point(|(known, ..)| *known < tail);
        let same_tail = self.sorted[from..]
            .iter()
            .take_while(move |(known, ..)| *known == tail);
        let short = self.short.iter().map(|(end, node)| (end, node));
        same_tail
            .map(|(_, end, node)| (end, node))
            .chain(short)
            .map(|(end, node)| name.ends_with(end.as_str()).then_some(*node))
    }

    fn add(&mut self, end: CompactString, node: NodeId) {
        if end.len() < Tail::BYTES {
            self.short.push((end, node));
            return;
        }
        let tail = Tail::of(&end);
        self.tails.add(tail);
        let at = self.sorted.partition_point(|(known, ..)| *known <= tail);
        self.sorted.insert(at, (tail, end, node));
    }
}

/// Successors by name: a sorted list, since a hash table could be attacked with colliding names.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    sorted: Vec<Way>,
    tails: Tails,
}

#[derive(Debug, Clone)]
struct Way {
    tail: Tail,
    name: CompactString,
    node: NodeId,
    /// Set if no other name leads to the node, so that patterns with the same step can share it.
    alone: bool,
}

impl Way {
    fn key(&self) -> (Tail, &str) {
        (self.tail, &self.name)
    }
}

impl Names {
    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Returns `true` if a name with this tail can have a successor.
    pub(super) fn may_lead(&self, tail: Tail) -> bool {
        self.tails.may_have(tail)
    }

    /// Successors of a name.
    pub(super) fn find(&self, name: &str) -> impl Iterator<Item = NodeId> {
        self.ways(name).map(|way| way.node)
    }

    /// Successor that is reached by this name only.
    fn alone(&self, name: &str) -> Option<NodeId> {
        self.ways(name).find(|way| way.alone).map(|way| way.node)
    }

    fn ways(&self, name: &str) -> impl Iterator<Item = &Way> {
        let tail = Tail::of(name);
        let possible = if self.tails.may_have(tail) {
            let from = self.sorted.partition_point(|way| way.key() < (tail, name));
            &self.sorted[from..]
        } else {
            &[]
        };
        possible.iter().take_while(move |way| way.name == name)
    }

    fn add(&mut self, name: CompactString, node: NodeId, alone: bool) {
        let tail = Tail::of(&name);
        self.tails.add(tail);
        let at = self.sorted.partition_point(|way| way.key() <= (tail, &name));
        let way = Way {
            tail,
            name,
            node,
            alone,
        };
        self.sorted.insert(at, way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for text in [
            "",
            "/",
            "/a/*/**/~name",
            "/~0~1~2",
            "/~a|B-c|d",
            "/**/~email|phone_number/0",
            "/~*email|a|*b",
            "/~a*",
            "/~*email*|a|tel*",
        ] {
            assert!(text.parse::<Pattern>().is_ok(), "{text}");
        }
        for text in [
            "a", "*", "/a*", "/***", "/~", "/~3", "/a~", "/~a**", "/~a|", "/~a||b", "/~a|1", "/~-a", "/~*",
            "/~**a", "/~a|*",
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(BadPattern::Malformed), "{text}");
        }
    }

    #[test]
    fn a_set_has_a_limit() {
        let text = "/a".repeat(PatternSet::MAX_STEPS);
        assert!(PatternSet::parse([&text]).is_ok());
        let more = format!("{text}/a");
        let names = format!("/~a{}", "|b".repeat(PatternSet::MAX_STEPS));
        for texts in [
            vec![text.as_str(), "/a"],
            vec![more.as_str()],
            vec![names.as_str()],
        ] {
            assert_eq!(PatternSet::parse(texts).err(), Some(BadPattern::TooMany));
        }
    }

    #[test]
    fn ends_are_told_apart() {
        let mut ends = Ends::default();
        for (node, end) in ["email", "mail", "phone", "größe", "id"].into_iter().enumerate() {
            ends.add(end.into(), node);
        }
        for (name, nodes) in [
            ("email", vec![0, 1]),
            ("billingemail", vec![0, 1]),
            ("mail", vec![1]),
            ("emails", vec![]),
            ("telephone", vec![2]),
            ("hone", vec![]),
            ("schuhgröße", vec![3]),
            ("schuhgroße", vec![]),
            ("taxid", vec![4]),
            ("id", vec![4]),
            ("d", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(
                ends.candidates(name).flatten().collect::<Vec<_>>(),
                nodes,
                "{name}"
            );
        }
    }

    #[test]
    fn a_tail_is_that_of_the_normalised_key() {
        let mut out = String::new();
        for (key, known) in [
            ("customer.E-mail", true),
            ("ID_", true),
            ("_", true),
            ("", true),
            ("größe_Id4", true),
            ("größe", false),
            ("e\u{301}\u{2122}\u{2122}", false),
            ("ｅｍａｉｌ", false),
        ] {
            normalise(key, &mut out);
            let tail = Tail::of_normalised(key);
            assert_eq!(tail.is_some(), known, "{key}");
            assert!(tail.is_none_or(|tail| tail == Tail::of(&out)), "{key}");
        }
    }

    #[test]
    fn names_read_alike_whatever_their_style() {
        let mut out = String::new();
        for key in [
            "lifetimeValue",
            "lifetime_value",
            "Lifetime-Value",
            "LIFETIME VALUE",
            "\"lifetime.value\"",
        ] {
            normalise(key, &mut out);
            assert_eq!(out, "lifetimevalue");
        }
        normalise("Größe_Ä2", &mut out);
        assert_eq!(out, "größeä2");
        for key in [
            "ｅｍａｉｌ",
            "𝐞𝐦𝐚𝐢𝐥",
            "EMAİL",
            "EMAıL",
            "еmаіl",
            "ᵉᵐᵃⁱˡ",
            "e\u{200b}mail",
            "e\u{301}mail".trim_matches('x'),
        ] {
            normalise(key, &mut out);
            assert!(out == "email" || out == "émail", "{key}: {out}");
        }
    }
}
