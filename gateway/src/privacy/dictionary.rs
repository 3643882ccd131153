//! The names under which confidential and restricted values are usually kept, as the redact plugin has them.

use super::Class;
use crate::document::{KeyNames, Scratch};

/// One dictionary for both: the file that the plugin is made of.
#[allow(dead_code, reason = "the plugin reads its settings with it")]
#[path = "../../../plugins/redact/src/dictionary.rs"]
mod names;

#[cfg(test)]
#[path = "../../../plugins/redact/src/dictionary_cases.rs"]
pub(super) mod cases;

/// Names of one or two classes.
#[derive(Debug)]
pub struct Dictionary {
    names: KeyNames,
    /// The same as text: what the rules' mark is made of.
    pub(super) text: &'static str,
}

impl Dictionary {
    /// The names of these classes; nothing where none of them has any. What is confidential includes what is restricted.
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
        Some(Self { names, text })
    }

    /// Whether a key reads like one of the names. `scratch` is room to work in.
    pub(super) fn has(&self, key: &str, scratch: &mut Scratch) -> bool {
        self.names.has(key, scratch)
    }
}

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
        assert!(both.text.len() > restricted.text.len());
        assert!(Dictionary::of(&[Class::Public, Class::Internal]).is_none() && Dictionary::of(&[]).is_none());
    }
}
