//! Operations that remove or redact the places that patterns match, in one walk.
//!
//! A matching place is removed or replaced together with its content, which is not examined, and
//! counts as one. Indices refer to the document before the operation. Recorded places contain the
//! steps that the patterns spell; a key that was matched only by `*`, `**` or a loose name is
//! recorded as `*`.

use super::changes::Changes;
use super::extent::{Delta, Extent};
use super::pair::is_pair_value;
use super::walk::{Level, Next, Pairs, Step, Walk, visit};
use super::{AccessError, Allowance, Document, PatternSet, Redaction, Value};

impl Document {
    /// Removes every place that a pattern matches; returns their number.
    ///
    /// The whole document cannot be removed: the empty pattern is refused, and `/**` applies to the
    /// content only.
    pub fn remove(&mut self, patterns: &PatternSet, allowance: &Allowance<'_>) -> Result<u32, AccessError> {
        self.edit(patterns, &Redaction::Remove, Pairs::AsTheyAre, allowance)
    }

    /// Redacts every place that a pattern matches; returns their number.
    ///
    /// The values of a pair (`{"name":"email","value":"…"}`) are redacted too if a pattern matches
    /// a member of that name at the position of the pair.
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

    /// Retains the places that patterns match and their ancestors, and removes all others.
    ///
    /// Returns the number of removed places. A scalar document that does not match becomes `null`.
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

    /// Refuses a redaction that would grow the document over its limit.
    ///
    /// Measures the growth only if the worst case exceeds the limit.
    fn check_growth(
        &self,
        patterns: &PatternSet,
        how: &Redaction<'_>,
        allowance: &Allowance<'_>,
    ) -> Result<(), AccessError> {
        // Every value except the last takes at least one byte and a comma.
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

/// State of a redaction during its walk.
struct Edit<'p, 'd> {
    walk: Walk<'p>,
    how: &'d Redaction<'d>,
    pairs: Pairs,
    /// Path of the current place as the patterns spell it.
    place: String,
    changes: &'d mut Changes,
    count: u32,
    delta: Delta,
}

impl Edit<'_, '_> {
    /// Redacts inside a place; returns whether the value remains.
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

    /// Redacts the value of a pair; no pattern spells its key.
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

/// State of a projection during its walk.
struct Projection<'p, 'd> {
    walk: Walk<'p>,
    /// Path of the current place as the patterns spell it.
    place: String,
    changes: &'d mut Changes,
    count: u32,
}

impl Projection<'_, '_> {
    /// Prunes the content of a value; returns whether any of it remains.
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

    /// Prunes an ancestor of possible matches; returns whether any of its content remains.
    ///
    /// If none does, the removals inside are not counted: the place is removed as one.
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

/// Appends a step to a path: the step itself if a pattern spells it, otherwise `*`.
fn push_spelled(place: &mut String, step: Step<'_>, level: Level) {
    if level.spelled {
        step.push_to(place);
    } else {
        place.push_str("/*");
    }
}

/// Visits each member or element and removes those for which `keep` returns `false`.
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
