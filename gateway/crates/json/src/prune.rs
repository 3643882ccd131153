//! The operations that remove and redact what patterns match, in one walk.
//!
//! Where a place matches, what is inside it is not looked at: it goes, or is replaced, with the place, and the place
//! counts once. Indices are those of the document before the operation. What is noted of a place is what the patterns spell
//! of it: a key that only a `*`, a `**` or a loose name matched is `*`.

use super::changes::Changes;
use super::extent::{Delta, Extent};
use super::pair::is_pair_value;
use super::walk::{Level, Next, Pairs, Step, Walk, visit};
use super::{AccessError, Allowance, Document, PatternSet, Redaction, Value};

impl Document {
    /// Removes every place that a pattern matches; how many there were. The whole document cannot be removed: the empty
    /// pattern is refused, and of `/**` only what is inside counts.
    pub fn remove(&mut self, patterns: &PatternSet, allowance: &Allowance<'_>) -> Result<u32, AccessError> {
        self.edit(patterns, &Redaction::Remove, Pairs::AsTheyAre, allowance)
    }

    /// Redacts every place that a pattern matches; how many there were. The values of a pair (`{"name":"email","value":"…"}`)
    /// are redacted too where a pattern matches a member of its name in the pair's place.
    pub fn redact(
        &mut self,
        patterns: &PatternSet,
        how: &Redaction<'_>,
        allowance: &Allowance<'_>,
    ) -> Result<u32, AccessError> {
        self.check_growth(patterns, how, allowance)?;
        self.edit(patterns, how, Pairs::Named, allowance)
    }

    fn edit(
        &mut self,
        patterns: &PatternSet,
        how: &Redaction<'_>,
        pairs: Pairs,
        allowance: &Allowance<'_>,
    ) -> Result<u32, AccessError> {
        let removes = matches!(how, Redaction::Remove);
        if removes && patterns.names_the_whole() {
            return Err(AccessError::BadPointer);
        }
        let (walk, mut root) = Walk::begin(patterns, allowance);
        root.matched &= !removes;
        let mut edit = Edit {
            walk,
            how,
            pairs,
            place: String::new(),
            changes: &mut self.changes,
            count: 0,
            delta: Delta::default(),
        };
        edit.place(&mut self.root, root);
        let (count, delta, finished) = (edit.count, edit.delta, edit.walk.finished());
        self.extent = self.extent.moved(delta).loosened();
        finished.map(|()| count)
    }

    /// Keeps what the patterns match, with the way to it, and removes all else; how many places were removed. A document
    /// that is a scalar and not matched becomes `null`.
    pub fn retain(&mut self, patterns: &PatternSet, allowance: &Allowance<'_>) -> Result<u32, AccessError> {
        let (walk, root) = Walk::begin(patterns, allowance);
        if root.matched {
            return Ok(0);
        }
        let mut projection = Projection {
            walk,
            place: String::new(),
            changes: &mut self.changes,
            count: 0,
        };
        if self.root.is_container() {
            projection.inside(&mut self.root, root);
        } else if !self.root.is_null() {
            projection.removed();
        }
        let (count, finished) = (projection.count, projection.walk.finished());
        if !self.root.is_container() {
            self.root = Value::Null;
            self.extent = Extent::exactly(self.root.printed_len());
        }
        self.extent = self.extent.loosened();
        finished.map(|()| count)
    }

    /// Refuses a redaction that would grow the document over its limit. Only where the worst case could is it measured.
    fn check_growth(
        &self,
        patterns: &PatternSet,
        how: &Redaction<'_>,
        allowance: &Allowance<'_>,
    ) -> Result<(), AccessError> {
        // Every value but the last takes a byte and a comma at least.
        let values = self.extent.bytes() / 2 + 1;
        let worst = how
            .growth()
            .saturating_mul(values)
            .saturating_add(self.extent.bytes());
        if how.growth() == 0 || worst <= self.limits.bytes {
            return Ok(());
        }
        let mut delta = Delta::default();
        visit(&self.root, patterns, Pairs::Named, allowance, |_, value| {
            allowance.work(how.units(value))?;
            delta.removed += value.printed_len();
            delta.added += how.replacement(value).map_or(0, |text| text.printed_len());
            Ok(Next::Past)
        })?;
        self.extent
            .after(&self.root, delta, self.limits.bytes)
            .map(drop)
            .ok_or(AccessError::Limit)
    }
}

/// A redaction on its walk.
struct Edit<'p, 'd> {
    walk: Walk<'p>,
    how: &'d Redaction<'d>,
    pairs: Pairs,
    /// The place as the patterns spell it.
    place: String,
    changes: &'d mut Changes,
    count: u32,
    delta: Delta,
}

impl Edit<'_, '_> {
    /// Whether the value stays, changed or not.
    fn place(&mut self, value: &mut Value, level: Level) -> bool {
        if level.matched {
            return self.redact(value);
        }
        if level.leads_on() {
            let named = self.pairs == Pairs::Named && self.walk.names_value(value, level);
            each_child(value, |step, child| match step {
                Step::Key(key) if named && is_pair_value(key) => self.value_of_pair(child),
                step => self.child(child, level, step),
            });
        }
        true
    }

    /// Redacts a value of a pair, whose own key no pattern spells.
    fn value_of_pair(&mut self, value: &mut Value) -> bool {
        let len = self.place.len();
        self.place.push_str("/*");
        let stays = self.redact(value);
        self.place.truncate(len);
        stays
    }

    fn child(&mut self, value: &mut Value, from: Level, step: Step<'_>) -> bool {
        let level = self.walk.enter(from, step);
        let mut stays = true;
        if level.matched || (level.leads_on() && value.is_container()) {
            let len = self.place.len();
            push_spelled(&mut self.place, step, level);
            stays = self.place(value, level);
            self.place.truncate(len);
        }
        self.walk.leave(level);
        stays
    }

    fn redact(&mut self, value: &mut Value) -> bool {
        if !self.walk.charge(self.how.units(value)) {
            return true;
        }
        self.count = self.count.saturating_add(1);
        self.changes.note(&self.place);
        let Some(replacement) = self.how.replacement(value) else {
            return false;
        };
        self.delta.removed += value.printed_len();
        self.delta.added += replacement.printed_len();
        *value = replacement;
        true
    }
}

/// A projection on its walk.
struct Projection<'p, 'd> {
    walk: Walk<'p>,
    /// The place as the patterns spell it.
    place: String,
    changes: &'d mut Changes,
    count: u32,
}

impl Projection<'_, '_> {
    /// Whether anything inside stays.
    fn inside(&mut self, value: &mut Value, level: Level) -> bool {
        let mut any = false;
        each_child(value, |step, child| {
            let stays = self.child(child, level, step);
            any |= stays;
            stays
        });
        any
    }

    fn child(&mut self, value: &mut Value, from: Level, step: Step<'_>) -> bool {
        let level = self.walk.enter(from, step);
        let len = self.place.len();
        push_spelled(&mut self.place, step, level);
        let stays = level.matched || (level.leads_on() && value.is_container() && self.way(value, level));
        if !stays {
            self.removed();
        }
        self.place.truncate(len);
        self.walk.leave(level);
        stays
    }

    /// Whether something inside stays; if nothing does, what was counted inside is not: the place goes as one.
    fn way(&mut self, value: &mut Value, level: Level) -> bool {
        let (count, mark) = (self.count, self.changes.mark());
        let stays = self.inside(value, level);
        if !stays {
            self.count = count;
            self.changes.forget_since(mark);
        }
        stays
    }

    fn removed(&mut self) {
        self.count = self.count.saturating_add(1);
        self.changes.note(&self.place);
    }
}

/// Adds a step to a place: itself where a pattern spells it, and `*` where not.
fn push_spelled(place: &mut String, step: Step<'_>, level: Level) {
    if level.spelled {
        step.push_to(place);
    } else {
        place.push_str("/*");
    }
}

/// Shows each member or element; those for which the answer is no go.
fn each_child(value: &mut Value, mut keep: impl FnMut(Step<'_>, &mut Value) -> bool) {
    match value {
        Value::Object(object) => object.retain(|key, child| keep(Step::Key(key), child)),
        Value::Array(elements) => {
            let mut at = 0;
            elements.retain_mut(|child| {
                at += 1;
                keep(Step::Index(at - 1), child)
            });
        }
        _ => {}
    }
}
