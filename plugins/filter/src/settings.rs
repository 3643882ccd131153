//! Validation of the settings. A condition is an object: `type`, and pointers and patterns with
//! their expected values, and `$and`, `$or`, `$not` with conditions. All members must hold.

use hookgate_sdk::check::Check;
use hookgate_sdk::{Kind, Problem, Settings, pointer};

/// A JSON Schema of the settings.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

const MAX_DEPTH: u32 = 8;
const MAX_CONDITIONS: u32 = 100;
const MAX_VALUES: u32 = 1000;

/// Validates the settings and reports every problem.
pub(crate) fn check(settings: &Settings) -> Result<(), Vec<Problem>> {
    let mut check = Check::new(settings);
    let keys = check.known_keys("", &["pass", "drop", "reason"]);
    check.text("/reason");
    let mut conditions = Conditions {
        settings: *settings,
        check,
    };
    let mut any = false;
    for key in keys.iter().filter(|key| *key != "reason") {
        conditions.condition(&pointer::member("", key), 1);
        any = true;
    }
    if !any {
        conditions.check.problem(
            "",
            "needs a condition: pass (what goes on) or drop (what does not)",
        );
    }
    conditions.check.finish()
}

struct Conditions<'a> {
    settings: Settings<'a>,
    check: Check<'a>,
}

impl Conditions<'_> {
    fn condition(&mut self, at: &str, depth: u32) {
        if depth > MAX_DEPTH {
            return self.check.problem(at, "is nested deeper than 8 conditions");
        }
        let keys = self.check.keys(at);
        if keys.is_empty() && self.settings.kind_of(at) == Kind::Object {
            self.check.problem(at, "must not be empty");
        }
        for key in keys {
            let part = pointer::member(at, &key);
            match key.as_str() {
                "$and" | "$or" => {
                    for condition in self.check.list(&part, MAX_CONDITIONS) {
                        self.condition(&condition, depth + 1);
                    }
                }
                "$not" => self.condition(&part, depth + 1),
                "type" => self.test(&part),
                field if field.starts_with('/') && self.settings.find(field, 0).is_ok() => self.test(&part),
                _ => self
                    .check
                    .problem(part, "must be type, a pointer or pattern, $and, $or or $not"),
            }
        }
    }

    fn test(&mut self, at: &str) {
        match self.settings.kind_of(at) {
            Kind::Array => self
                .check
                .problem(at, "must be a value or operators; for one of several: $in"),
            Kind::Object => {
                let operators = self.check.keys(at);
                if operators.is_empty() {
                    self.check.problem(at, "must not be empty");
                }
                for operator in operators {
                    self.operator(&operator, &pointer::member(at, &operator));
                }
            }
            _ => {}
        }
    }

    fn operator(&mut self, operator: &str, operand: &str) {
        match operator {
            "$exists" => {
                self.check.boolean(operand);
            }
            "$startsWith" | "$endsWith" => {
                self.check.text(operand);
            }
            "$eq" | "$ne" => self.scalar(operand),
            "$gt" | "$gte" | "$lt" | "$lte" => {
                if !matches!(self.settings.kind_of(operand), Kind::Number | Kind::Text) {
                    self.check.problem(operand, "must be a number or a text");
                }
            }
            "$in" | "$nin" => {
                for element in self.check.list(operand, MAX_VALUES) {
                    self.scalar(&element);
                }
            }
            _ => self.check.problem(
                operand,
                "is not an operator: $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $startsWith, $endsWith",
            ),
        }
    }

    fn scalar(&mut self, at: &str) {
        if matches!(self.settings.kind_of(at), Kind::Array | Kind::Object) {
            self.check
                .problem(at, "must be a text, a number, true, false or null");
        }
    }
}
