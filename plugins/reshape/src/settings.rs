//! Validation of the settings.

use hookgate_sdk::check::Check;
use hookgate_sdk::{Problem, Settings, pointer};

use crate::operation::Verb;
use crate::template;

/// A JSON Schema of the settings.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Maximum number of operations of a step.
const MAX_OPERATIONS: u32 = 100;
const MAX_NESTED: u32 = 100;

/// Validates the settings and reports every problem.
pub(crate) fn check(settings: &Settings) -> Result<(), Vec<Problem>> {
    let mut check = Check::new(settings);
    check.known_keys("", &["operations"]);
    check.required("/operations");
    for at in check.list("/operations", MAX_OPERATIONS) {
        operation(&mut check, settings, &at);
    }
    check.finish()
}

fn operation(check: &mut Check, settings: &Settings, at: &str) {
    let Ok(keys) = settings.keys(at, 0, 10) else {
        return check.problem(at, "must be an object");
    };
    let verbs: Vec<Verb> = Verb::ALL
        .into_iter()
        .filter(|verb| keys.iter().any(|key| key == verb.name()))
        .collect();
    let [verb] = verbs.as_slice() else {
        return check.problem(
            at,
            "must have exactly one of move, rename, copy, set, template, nest, flatten, remove",
        );
    };
    arguments(check, *verb, at);
    let mut known = vec![verb.name()];
    if let Some((other, required)) = verb.other() {
        known.push(other);
        if required {
            check.required(&pointer::member(at, other));
        }
    }
    if verb.has_source() {
        known.push("required");
        check.boolean(&pointer::member(at, "required"));
    }
    check.known_keys(at, &known);
}

fn arguments(check: &mut Check, verb: Verb, at: &str) {
    let first = pointer::member(at, verb.name());
    let other = verb
        .other()
        .map(|(name, _)| pointer::member(at, name))
        .unwrap_or_default();
    match verb {
        Verb::Move | Verb::Copy => {
            place(check, &first);
            place(check, &other);
        }
        Verb::Rename => {
            place(check, &first);
            check.text(&other);
        }
        Verb::Flatten => {
            place(check, &first);
            check.text(&other);
        }
        Verb::Set => place(check, &first),
        Verb::Template => {
            place(check, &first);
            if let Some(text) = check.text(&other)
                && let Err(problem) = template::parse(&text)
            {
                check.problem(other, problem);
            }
        }
        Verb::Nest => {
            for member in check.list(&first, MAX_NESTED) {
                place(check, &member);
            }
            place(check, &other);
        }
        Verb::Remove => {
            check.pattern(&first);
        }
    }
}

/// Checks for a place inside the event's data.
fn place(check: &mut Check, at: &str) {
    if check.pointer(at).is_some_and(|place| place.is_empty()) {
        check.problem(at, "must not be the whole event");
    }
}
