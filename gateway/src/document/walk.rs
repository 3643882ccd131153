//! Walks: a set of patterns and a document, side by side, once.

use std::borrow::Cow;

use super::AccessError;
use super::key_words::KeyWords;
use super::pattern::{Node, NodeId, PatternSet, Tail, folded, normalise};
use super::pointer::{push_escaped, push_index};
use super::value::Value;

/// The patterns' side of a walk: which nodes of the set the way from the root to here has reached.
pub(super) struct Walk<'p> {
    nodes: &'p [Node],
    /// The nodes of all levels from the root to here, one after the other.
    active: Vec<NodeId>,
    /// For each node the last step that reached it.
    reached: Vec<u64>,
    step: u64,
    /// Nodes that may still be looked at.
    work: u64,
    normalised: String,
    words: KeyWords,
}

/// The nodes that are reached at one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    start: usize,
    end: usize,
    /// A pattern matches the place.
    pub(super) matched: bool,
}

impl Level {
    /// Whether something inside the place can match.
    pub(super) fn leads_on(self) -> bool {
        self.start < self.end
    }
}

/// A step of the document.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'d> {
    Key(&'d str),
    Index(usize),
}

impl Step<'_> {
    /// Adds itself to a pointer's text.
    pub(super) fn push_to(self, pointer: &mut String) {
        match self {
            Self::Key(key) => push_escaped(pointer, key),
            Self::Index(index) => push_index(pointer, index),
        }
    }
}

impl<'p> Walk<'p> {
    /// At the root.
    pub(super) fn begin(patterns: &'p PatternSet) -> (Self, Level) {
        let mut walk = Self {
            nodes: patterns.nodes(),
            active: Vec::new(),
            reached: vec![0; patterns.nodes().len()],
            step: 1,
            work: patterns.work(),
            normalised: String::new(),
            words: KeyWords::default(),
        };
        let matched = walk.reach(0);
        let root = Level {
            start: 0,
            end: walk.active.len(),
            matched,
        };
        (walk, root)
    }

    /// One step down. [`Walk::leave`] takes it back.
    pub(super) fn enter(&mut self, from: Level, step: Step<'_>) -> Level {
        let start = self.active.len();
        let mut matched = false;
        self.step += 1;
        let tail = match step {
            Step::Key(key) => Tail::of_normalised(key),
            Step::Index(_) => None,
        };
        let (mut normal, mut split) = (false, false);
        for place in from.start..from.end {
            if self.work == 0 {
                break;
            }
            let at = self.active[place];
            let node = &self.nodes[at];
            if node.repeats {
                matched |= self.reach(at);
            }
            if let Some(any) = node.any {
                matched |= self.reach(any);
            }
            if !node.exact.is_empty() {
                for next in node.exact.find(&text_of(step)) {
                    matched |= self.reach(next);
                }
            }
            let Step::Key(key) = step else { continue };
            if node.may_lead_loosely(tail) {
                if !normal {
                    normalise(key, &mut self.normalised);
                    normal = true;
                }
                let name = std::mem::take(&mut self.normalised);
                for next in node.loose.find(&name).chain(node.ends.find(&name)) {
                    matched |= self.reach(next);
                }
                self.normalised = name;
            }
            if !node.heads.is_empty() {
                if !split {
                    self.words.read(&folded(key));
                    split = true;
                }
                let words = std::mem::take(&mut self.words);
                for next in node.heads.find(&words) {
                    matched |= self.reach(next);
                }
                self.words = words;
            }
        }
        Level {
            start,
            end: self.active.len(),
            matched,
        }
    }

    /// Back to the level around.
    pub(super) fn leave(&mut self, level: Level) {
        self.active.truncate(level.start);
    }

    /// Whether it has seen everything.
    pub(super) fn finished(&self) -> Result<(), AccessError> {
        if self.work == 0 {
            Err(AccessError::Work)
        } else {
            Ok(())
        }
    }

    /// Adds a node, and what it reaches without a step, to the newest level; whether a pattern ends there.
    fn reach(&mut self, node: NodeId) -> bool {
        self.work = self.work.saturating_sub(1);
        let Node { accepts, deep, .. } = self.nodes[node];
        if self.reached[node] != self.step && self.nodes[node].leads_on() {
            self.reached[node] = self.step;
            self.active.push(node);
        }
        accepts | deep.is_some_and(|deep| self.reach(deep))
    }
}

fn text_of(step: Step<'_>) -> Cow<'_, str> {
    match step {
        Step::Key(key) => key.into(),
        Step::Index(index) => index.to_string().into(),
    }
}

/// Where a visit goes after a place that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Into it.
    Inside,
    /// Past it.
    Past,
    /// Nowhere: it has seen enough.
    Stop,
}

/// Shows every place that matches, and its pointer, in the order of the document.
///
/// # Errors
/// `Work`, when the patterns allow no more before everything was seen.
pub(super) fn visit(
    root: &Value,
    patterns: &PatternSet,
    see: impl FnMut(&str, &Value) -> Next,
) -> Result<(), AccessError> {
    let (walk, level) = Walk::begin(patterns);
    let mut visit = Visit {
        walk,
        path: String::new(),
        see,
    };
    visit.place(root, level);
    visit.walk.finished()
}

struct Visit<'p, F> {
    walk: Walk<'p>,
    path: String,
    see: F,
}

impl<F: FnMut(&str, &Value) -> Next> Visit<'_, F> {
    /// Whether to go on.
    fn place(&mut self, value: &Value, level: Level) -> bool {
        if level.matched {
            match (self.see)(&self.path, value) {
                Next::Inside => {}
                Next::Past => return true,
                Next::Stop => return false,
            }
        }
        if !level.leads_on() {
            return true;
        }
        match value {
            Value::Object(object) => object
                .iter()
                .all(|(key, child)| self.child(child, level, Step::Key(key))),
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .all(|(at, child)| self.child(child, level, Step::Index(at))),
            _ => true,
        }
    }

    fn child(&mut self, value: &Value, from: Level, step: Step<'_>) -> bool {
        let level = self.walk.enter(from, step);
        let mut go_on = true;
        if level.matched || (level.leads_on() && value.is_container()) {
            let len = self.path.len();
            step.push_to(&mut self.path);
            go_on = self.place(value, level);
            self.path.truncate(len);
        }
        self.walk.leave(level);
        go_on
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Document, Limits, Redaction};
    use super::*;

    /// `/**/a/**/a/…`: in arrays inside each other every one of its steps is reached at every place.
    fn deep_patterns(steps: usize) -> PatternSet {
        PatternSet::parse(["/**/*".repeat(steps)]).expect("a pattern")
    }

    fn nested(depth: usize, elements: usize) -> Document {
        let inner = format!("[{}]", vec!["[1]"; elements].join(","));
        let text = format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
        Document::parse(text.as_bytes(), Limits::default()).expect("a document")
    }

    #[test]
    fn a_walk_ends_where_its_work_does() {
        let mut document = nested(40, 1_000);
        let patterns = deep_patterns(60);
        let needed = (0..40)
            .map(|power| 1_u64 << power)
            .find(|&work| document.find(&patterns.clone().within(work), u32::MAX).is_ok());
        let needed = needed.expect("some is enough");
        assert!(needed > 16_384, "{needed}");
        let less = patterns.within(needed / 4);
        assert_eq!(document.find(&less, u32::MAX), Err(AccessError::Work));
        assert_eq!(document.redact(&less, &Redaction::Remove), Err(AccessError::Work));
        assert_eq!(document.retain(&less), Err(AccessError::Work));
    }

    #[test]
    fn a_place_reaches_each_node_once() {
        // Without that the work would double with every step.
        let document = nested(50, 1);
        let patterns = deep_patterns(40).within(1 << 20);
        assert_eq!(
            document.find(&patterns, u32::MAX).map(|found| found.len()),
            Ok(13)
        );
    }
}
