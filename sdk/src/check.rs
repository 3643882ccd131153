//! Validation of a step's settings: collects every problem with its pointer, for
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

/// Maximum number of keys of an object and of elements of an unlimited list that are checked.
const MAX_PARTS: u32 = 1000;

/// The problems found so far. An absent setting is not a problem unless it is
/// [`required`](Check::required).
///
/// ```
/// # use hookgate_sdk::{check::Check, testing};
/// # testing::event("a.b").settings(r#"{"field":5}"#).with(|event| {
/// let mut check = Check::new(&event.settings());
/// check.text("/field");
/// assert_eq!(check.finish().unwrap_err()[0].pointer, "/field");
/// # });
/// ```
pub struct Check<'a> {
    settings: Settings<'a>,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    /// Creates a check without problems.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.finish(), Ok(()));
    /// # });
    /// ```
    #[must_use]
    pub fn new(settings: &Settings<'a>) -> Self {
        Self {
            settings: *settings,
            problems: Vec::new(),
        }
    }

    /// The settings being checked.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"from":5,"to":3}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// if check.settings().get_i64("/from") > check.settings().get_i64("/to") {
    ///     check.problem("/to", "must not be less than `from`");
    /// }
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/to");
    /// # });
    /// ```
    #[must_use]
    pub fn settings(&self) -> Settings<'a> {
        self.settings
    }

    /// Adds a problem.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// check.problem("/field", "cannot be used with this event type");
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/field");
    /// # });
    /// ```
    pub fn problem(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer, message));
    }

    /// Requires a value at the pointer.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// check.required("/field");
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/field");
    /// # });
    /// ```
    pub fn required(&mut self, pointer: &str) {
        if !self.settings.has(pointer) {
            self.problem(pointer, "is required");
        }
    }

    /// Requires an object without other keys than `known` at the pointer. Returns those of `known`
    /// that it has.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"mode":1,"colour":2}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.known_keys("", &["mode", "field"]), ["mode"]);
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/colour");
    /// # });
    /// ```
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

    /// Requires an object at the pointer and returns its keys.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"names":{"a":1,"b":2}}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.keys("/names"), ["a", "b"]);
    /// # });
    /// ```
    pub fn keys(&mut self, pointer: &str) -> Vec<String> {
        match self.settings.keys(pointer, 0, MAX_PARTS) {
            Ok(keys) => keys,
            Err(_) => {
                self.problem(pointer, "must be an object");
                Vec::new()
            }
        }
    }

    /// Checks that the value at the pointer, if present, is a string.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"name":"x"}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.text("/name").as_deref(), Some("x"));
    /// # });
    /// ```
    pub fn text(&mut self, pointer: &str) -> Option<String> {
        let text = self.settings.get_str(pointer);
        if text.is_none() && self.settings.has(pointer) {
            self.problem(pointer, "must be a text");
        }
        text
    }

    /// Checks that the value at the pointer, if present, is a boolean.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"strict":"yes"}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.boolean("/strict"), None);
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/strict");
    /// # });
    /// ```
    pub fn boolean(&mut self, pointer: &str) -> Option<bool> {
        let value = self.settings.get_bool(pointer);
        if value.is_none() && self.settings.has(pointer) {
            self.problem(pointer, "must be true or false");
        }
        value
    }

    /// Checks that the value at the pointer, if present, is an integer within the range.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"limit":500}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.integer("/limit", 1..=100), None);
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/limit");
    /// # });
    /// ```
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

    /// Checks that the value at the pointer, if present, is a number.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"share":0.5,"rate":"x"}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// check.number("/share");
    /// check.number("/rate");
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/rate");
    /// # });
    /// ```
    pub fn number(&mut self, pointer: &str) {
        if !matches!(self.settings.kind_of(pointer), Kind::Absent | Kind::Number) {
            self.problem(pointer, "must be a number");
        }
    }

    /// Checks that the value at the pointer, if present, is one of these words.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"mode":"hash"}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.one_of("/mode", &["hash", "mask"]).as_deref(), Some("hash"));
    /// # });
    /// ```
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

    /// Checks that the value at the pointer, if present, is a list of 1 to `max` elements. Returns
    /// the pointers of the elements.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"fields":["a","b"]}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.list("/fields", 10), ["/fields/0", "/fields/1"]);
    /// # });
    /// ```
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

    /// Checks that the value at the pointer, if present, is a pattern.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"field":"no slash"}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.pattern("/field"), None);
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/field");
    /// # });
    /// ```
    pub fn pattern(&mut self, pointer: &str) -> Option<String> {
        let pattern = self.text(pointer)?;
        // Only the parser of the gateway can validate a pattern; matches in the settings are
        // irrelevant.
        if self.settings.find(&pattern, 0) == Err(AccessError::BadPointer) {
            self.problem(
                pointer,
                "must be a pattern: steps that each begin with /, being a key, *, ** or ~name",
            );
            return None;
        }
        Some(pattern)
    }

    /// Checks that the value at the pointer, if present, is a JSON pointer.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{"place":"/a/b"}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// assert_eq!(check.pointer("/place").as_deref(), Some("/a/b"));
    /// # });
    /// ```
    pub fn pointer(&mut self, pointer: &str) -> Option<String> {
        let text = self.text(pointer)?;
        if self.settings.get_json(&text) == Err(AccessError::BadPointer) {
            self.problem(pointer, "must be a JSON pointer: steps that each begin with /");
            return None;
        }
        Some(text)
    }

    /// Returns the problems, if there are any.
    ///
    /// ```
    /// # use hookgate_sdk::{check::Check, testing};
    /// # testing::event("a.b").settings(r#"{}"#).with(|event| {
    /// let mut check = Check::new(&event.settings());
    /// check.required("/a");
    /// check.required("/b");
    /// assert_eq!(check.finish().unwrap_err().len(), 2);
    /// # });
    /// ```
    ///
    /// # Errors
    /// All problems found, at least one.
    pub fn finish(self) -> Result<(), Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self.problems)
        }
    }
}

/// Joins a sentence and the list at its end.
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
