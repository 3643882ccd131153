//! Validation and parsing of the step's settings.

use hookgate_sdk::check::Check;
use hookgate_sdk::values::Found;
use hookgate_sdk::{Problem, Redaction, Scalar, Settings, View};

use crate::dictionary::{Class, PATTERN_START};

/// A JSON Schema of the settings.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

const MAX_PATTERNS: u32 = 500;
const DEFAULT_MASK: &str = "[redacted]";
const DEFAULT_KEEP_LAST: u8 = 4;
const MAX_KEEP_LAST: i64 = 16;
const DEFAULT_LABEL: &str = "pseudonym";

/// The parsed settings.
pub(crate) struct Plan {
    /// The projection, if there is one: only these fields pass.
    pub(crate) keep: Vec<String>,
    /// Patterns of redaction by name: the dictionary and the additional fields.
    pub(crate) patterns: Patterns,
    /// Replacement of a redacted value.
    pub(crate) action: Redaction,
    /// Replacement of an e-mail address or a card number within other text.
    pub(crate) mask: String,
    /// Kinds of values that are redacted by value.
    pub(crate) values: Vec<Found>,
    /// Set if the metadata is redacted in the same way.
    pub(crate) metadata: bool,
}

/// The patterns of one redaction.
pub(crate) struct Patterns {
    /// The dictionary as compiled, if no name is excepted from it.
    dictionary: Option<&'static str>,
    own: Vec<String>,
}

impl Patterns {
    /// Texts of all patterns.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.dictionary
            .into_iter()
            .chain(self.own.iter().map(String::as_str))
            .collect()
    }
}

/// Validates the settings and reports every problem.
pub(crate) fn check(settings: &Settings) -> Result<(), Vec<Problem>> {
    let mut check = Check::new(settings);
    check.known_keys(
        "",
        &[
            "classes",
            "fields",
            "except",
            "keep",
            "values",
            "metadata",
            "action",
            "mask",
            "keep_last",
            "label",
        ],
    );
    for pointer in check.list("/classes", 2) {
        check.one_of(&pointer, &["confidential", "restricted"]);
    }
    for list in ["/fields", "/keep"] {
        for pointer in check.list(list, MAX_PATTERNS) {
            if let Some(pattern) = check.pattern(&pointer)
                && pattern.is_empty()
                && list == "/fields"
            {
                check.problem(pointer, "must not be the whole event: a filter drops it");
            }
        }
    }
    for pointer in check.list("/except", MAX_PATTERNS) {
        if let Some(name) = check.text(&pointer)
            && !is_in_dictionary(&name)
        {
            check.problem(pointer, "is not a name of the dictionary");
        }
    }
    for pointer in check.list("/values", 2) {
        check.one_of(&pointer, &["email", "card"]);
    }
    check.boolean("/metadata");
    check.one_of("/action", &["remove", "mask", "keep-last", "pseudonym"]);
    check.text("/mask");
    check.integer("/keep_last", 1..=MAX_KEEP_LAST);
    check.text("/label");
    check.finish()
}

/// Parses validated settings. Without any, the dictionary's confidential class, and so all of the
/// dictionary, is removed.
pub(crate) fn read(settings: &View) -> Plan {
    // One operation reads the settings of most steps, and which lists are present.
    let mut first = settings
        .get_many(&[
            "/classes/0",
            "/classes/1",
            "/fields/0",
            "/keep/0",
            "/values/0",
            "/values/1",
            "/except/0",
            "/action",
            "/mask",
            "/keep_last",
            "/label",
            "/metadata",
        ])
        .into_iter()
        .map(Option::unwrap_or_default);
    let mut next = || first.next().unwrap_or_default();

    let classes = [next(), next()].map(|class| class.as_str().and_then(Class::of));
    let fields = list_at(settings, "/fields", &next());
    let keep = list_at(settings, "/keep", &next());
    let values = [next(), next()];
    let found = values.iter().filter_map(|value| match value.as_str()? {
        "email" => Some(Found::Email),
        "card" => Some(Found::Card),
        _ => None,
    });
    let values: Vec<Found> = found.collect();
    let except = list_at(settings, "/except", &next());
    let action = next();
    let mask = text_or(next(), DEFAULT_MASK);
    let keep_last = match next() {
        Scalar::Integer(count) => u8::try_from(count).unwrap_or(DEFAULT_KEEP_LAST),
        _ => DEFAULT_KEEP_LAST,
    };
    let label = text_or(next(), DEFAULT_LABEL);
    let metadata = next() != Scalar::Boolean(false);

    let nothing_named = fields.is_empty() && keep.is_empty() && values.is_empty();
    let class = match classes {
        [None, None] => nothing_named.then_some(Class::Confidential),
        classes if classes.contains(&Some(Class::Confidential)) => Some(Class::Confidential),
        _ => Some(Class::Restricted),
    };
    Plan {
        keep,
        patterns: patterns_of(class, fields, &except),
        action: match action.as_str() {
            Some("mask") => Redaction::Mask(mask.clone()),
            Some("keep-last") => Redaction::KeepLast(keep_last),
            Some("pseudonym") => Redaction::Pseudonym(label),
            _ => Redaction::Remove,
        },
        mask,
        values,
        metadata,
    }
}

fn list_at(settings: &View, pointer: &str, first: &Scalar) -> Vec<String> {
    if *first == Scalar::Null {
        Vec::new()
    } else {
        settings.get_strs(pointer)
    }
}

fn text_or(scalar: Scalar, default: &str) -> String {
    match scalar {
        Scalar::Text(text) => text,
        _ => default.into(),
    }
}

fn patterns_of(class: Option<Class>, mut own: Vec<String>, except: &[String]) -> Patterns {
    let dictionary = class.map(Class::pattern);
    match dictionary {
        Some(all) if !except.is_empty() => {
            own.extend(without(all, except));
            Patterns {
                dictionary: None,
                own,
            }
        }
        _ => Patterns { dictionary, own },
    }
}

/// The dictionary's pattern without some names; `None` if no name remains.
fn without(dictionary: &str, except: &[String]) -> Option<String> {
    let excepted: Vec<String> = except.iter().map(|name| reading(name)).collect();
    let mut pattern = String::with_capacity(dictionary.len());
    for name in names_of(dictionary).filter(|name| !excepted.contains(&reading(name))) {
        pattern.push_str(if pattern.is_empty() { PATTERN_START } else { "|" });
        pattern.push_str(name);
    }
    Some(pattern).filter(|pattern| !pattern.is_empty())
}

fn is_in_dictionary(name: &str) -> bool {
    let name = reading(name);
    names_of(Class::Confidential.pattern()).any(|known| reading(known) == name)
}

fn names_of(dictionary: &str) -> impl Iterator<Item = &str> {
    dictionary
        .strip_prefix(PATTERN_START)
        .unwrap_or(dictionary)
        .split('|')
}

/// The letters and digits of a name, in lower case. The dictionary's names are ASCII.
fn reading(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
