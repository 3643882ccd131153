//! Dictionary of names of confidential and restricted values, shared with the redact plugin.

use std::borrow::Cow;

use super::Class;
use hookgate_json::{KeyNames, Scratch};

/// Shared dictionary: the file from which the plugin is built.
#[allow(dead_code, reason = "the plugin reads its settings with it")]
#[path = "../../../../../plugins/redact/src/dictionary.rs"]
mod names;

#[cfg(test)]
#[path = "../../../../../plugins/redact/src/dictionary_cases.rs"]
pub(super) mod cases;

/// Names of one or two classes.
#[derive(Debug)]
pub struct Dictionary {
    names: KeyNames,
    /// Text of the names, which is part of the rules' mark.
    text: Cow<'static, str>,
}

/// Error: a profile's own name is not a valid key name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is letters and digits, with `*` before or behind it for anything, such as `margin_band` or `*lead_score*`"
)]
pub struct BadName;

impl Dictionary {
    /// Names of these classes; `None` if they have none.
    ///
    /// Confidential names include restricted ones.
    pub fn of(classes: &[Class]) -> Option<Self> {
        let class = if classes.contains(&Class::Confidential) {
            names::Class::Confidential
        } else if classes.contains(&Class::Restricted) {
            names::Class::Restricted
        } else {
            return None;
        };
        let text = class.pattern().strip_prefix(names::PATTERN_START)?;
        let names = KeyNames::parse(text).ok()?;
        Some(Self {
            names,
            text: text.into(),
        })
    }

    /// Names of these classes and names of a profile; `None` if there are none.
    ///
    /// # Errors
    /// Names of the profile are invalid or too many.
    pub fn with_own(classes: &[Class], own: &[String]) -> Result<Option<Self>, BadName> {
        let known = Self::of(classes);
        if own.is_empty() {
            return Ok(known);
        }
        let own = own.join("|");
        let text = known.map_or_else(|| own.clone(), |known| format!("{}|{own}", known.text));
        let names = KeyNames::parse(&text).map_err(|_| BadName)?;
        Ok(Some(Self {
            names,
            text: text.into(),
        }))
    }

    /// Checks a name of a profile.
    ///
    /// # Errors
    /// `BadName`.
    pub fn check_name(name: &str) -> Result<(), BadName> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '*');
        let named = name.chars().any(char::is_alphanumeric) && name.chars().all(plain);
        if !named || name.len() > LONGEST_NAME {
            return Err(BadName);
        }
        KeyNames::parse(name).map(drop).map_err(|_| BadName)
    }

    /// Text of the names.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns `true` if a key matches one of the names. `scratch` is reused between calls.
    pub fn has(&self, key: &str, scratch: &mut Scratch) -> bool {
        self.names.has(key, scratch)
    }
}

/// Maximum length of a profile's own name, in bytes.
const LONGEST_NAME: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionary_takes_confidential_names_and_leaves_others() {
        let dictionary = Dictionary::of(&[Class::Confidential]).unwrap();
        let mut scratch = Scratch::default();
        let mut has = |key: &&str| dictionary.has(key, &mut scratch);
        let kept: Vec<_> = cases::TAKEN.split_whitespace().filter(|key| !has(key)).collect();
        assert!(kept.is_empty(), "these stay: {kept:?}");
        let taken: Vec<_> = cases::KEPT.split_whitespace().filter(has).collect();
        assert!(taken.is_empty(), "these go: {taken:?}");
        assert!(
            cases::TAKEN.split_whitespace().count() >= 150 && cases::KEPT.split_whitespace().count() >= 150
        );
    }

    #[test]
    fn both_classes_have_names() {
        let both = Dictionary::of(&[Class::Restricted, Class::Confidential]).unwrap();
        let restricted = Dictionary::of(&[Class::Restricted]).unwrap();
        assert!(both.text().len() > restricted.text().len());
        assert!(Dictionary::of(&[Class::Public, Class::Internal]).is_none() && Dictionary::of(&[]).is_none());
    }
}
