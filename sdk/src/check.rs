//! Finds everything that is wrong with a step's settings, each with its pointer, for
//! [`Plugin::check_settings`](crate::Plugin::check_settings).
//!
//! ```
//! use hookgate_sdk::{Problem, Settings, check::Check};
//!
//! fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
//!     let mut check = Check::new(settings);
//!     check.known_keys("", &["field", "mode"]);
//!     check.required("/field");
//!     check.text("/field");
//!     check.one_of("/mode", &["hash", "mask"]);
//!     check.finish()
//! }
//! ```

use core::ops::RangeInclusive;

use crate::{AccessError, Kind, Problem, Settings, pointer};

/// How many keys of an object, and how many elements of a list without a limit of its own, are looked at.
const MAX_PARTS: u32 = 1000;

/// The problems found so far. A setting that is absent is none, unless it is [`required`](Check::required).
pub struct Check<'a> {
    settings: Settings<'a>,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    /// Starts with no problem.
    #[must_use]
    pub fn new(settings: &Settings<'a>) -> Self {
        Self {
            settings: *settings,
            problems: Vec::new(),
        }
    }

    /// Adds a problem.
    pub fn problem(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer, message));
    }

    /// Something must stand at the pointer.
    pub fn required(&mut self, pointer: &str) {
        if !self.settings.has(pointer) {
            self.problem(pointer, "is required");
        }
    }

    /// An object with no other keys than these must stand at the pointer; the keys that it has of these.
    pub fn known_keys(&mut self, pointer: &str, known: &[&str]) -> Vec<String> {
        let mut keys = self.keys(pointer);
        keys.retain(|key| {
            let is_known = known.contains(&key.as_str());
            if !is_known {
                self.problem(
                    pointer::member(pointer, key),
                    list_of("is not a setting; the settings here are ", known),
                );
            }
            is_known
        });
        keys
    }

    /// An object must stand at the pointer; its keys.
    pub fn keys(&mut self, pointer: &str) -> Vec<String> {
        match self.settings.keys(pointer, 0, MAX_PARTS) {
            Ok(keys) => keys,
            Err(_) => {
                self.problem(pointer, "must be an object");
                Vec::new()
            }
        }
    }

    /// A text, if anything, must stand at the pointer.
    pub fn text(&mut self, pointer: &str) -> Option<String> {
        let text = self.settings.get_str(pointer);
        if text.is_none() && self.settings.has(pointer) {
            self.problem(pointer, "must be a text");
        }
        text
    }

    /// `true` or `false`, if anything, must stand at the pointer.
    pub fn boolean(&mut self, pointer: &str) -> Option<bool> {
        let value = self.settings.get_bool(pointer);
        if value.is_none() && self.settings.has(pointer) {
            self.problem(pointer, "must be true or false");
        }
        value
    }

    /// A whole number of a range, if anything, must stand at the pointer.
    pub fn integer(&mut self, pointer: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self
            .settings
            .get_i64(pointer)
            .filter(|value| range.contains(value));
        if value.is_none() && self.settings.has(pointer) {
            let (least, most) = (range.start().to_string(), range.end().to_string());
            self.problem(
                pointer,
                ["must be a whole number from ", &least, " to ", &most].concat(),
            );
        }
        value
    }

    /// One of these words, if anything, must stand at the pointer.
    pub fn one_of(&mut self, pointer: &str, words: &[&str]) -> Option<String> {
        let word = self
            .settings
            .get_str(pointer)
            .filter(|word| words.contains(&word.as_str()));
        if word.is_none() && self.settings.has(pointer) {
            self.problem(pointer, list_of("must be one of ", words));
        }
        word
    }

    /// A list of 1 to `max` elements, if anything, must stand at the pointer; the pointers of the elements.
    pub fn list(&mut self, pointer: &str, max: u32) -> Vec<String> {
        let length = match self.settings.kind_of(pointer) {
            Kind::Absent => return Vec::new(),
            Kind::Array => self.settings.length(pointer).unwrap_or(0),
            _ => {
                self.problem(pointer, "must be a list");
                return Vec::new();
            }
        };
        if length == 0 {
            self.problem(pointer, "must not be empty");
        } else if length > max {
            self.problem(
                pointer,
                ["must have at most ", &max.to_string(), " elements"].concat(),
            );
        }
        (0..length.min(max))
            .map(|index| pointer::element(pointer, index as usize))
            .collect()
    }

    /// A pattern, if anything, must stand at the pointer.
    pub fn pattern(&mut self, pointer: &str) -> Option<String> {
        let pattern = self.text(pointer)?;
        // The gateway's own parser judges; what it finds in the settings does not matter.
        if self.settings.find(&pattern, 0) == Err(AccessError::BadPointer) {
            self.problem(
                pointer,
                "must be a pattern: steps that each begin with /, being a key, *, ** or ~name",
            );
            return None;
        }
        Some(pattern)
    }

    /// A JSON pointer, if anything, must stand at the pointer.
    pub fn pointer(&mut self, pointer: &str) -> Option<String> {
        let text = self.text(pointer)?;
        if self.settings.get_json(&text) == Err(AccessError::BadPointer) {
            self.problem(pointer, "must be a JSON pointer: steps that each begin with /");
            return None;
        }
        Some(text)
    }

    /// The problems, if there are any.
    ///
    /// # Errors
    /// All problems that were found, at least one.
    pub fn finish(self) -> Result<(), Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self.problems)
        }
    }
}

/// A sentence that ends in a list.
fn list_of(start: &str, words: &[&str]) -> String {
    let mut sentence = String::from(start);
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            sentence.push_str(", ");
        }
        sentence.push_str(word);
    }
    sentence
}
