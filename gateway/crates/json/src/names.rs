//! Name lists: matches a key against a list of loosely compared names in one pass.

use super::fold::{folded, normalise};
use super::key_words::KeyWords;
use super::pattern::{BadPattern, PatternSet};
use super::tail::Tail;

/// List of names as in a pattern's `~` step: `name|*end|*word*`.
///
/// Only letters and digits are compared, ignoring case.
#[derive(Debug, Clone)]
pub struct KeyNames(PatternSet);

/// Reusable buffers for [`KeyNames::has`].
#[derive(Debug, Default)]
pub struct Scratch {
    text: String,
    words: KeyWords,
}

impl KeyNames {
    /// Parses a list.
    ///
    /// # Errors
    /// The text is malformed or too long.
    pub fn parse(names: &str) -> Result<Self, BadPattern> {
        PatternSet::parse([format!("/~{names}")]).map(Self)
    }

    /// Returns `true` if a key matches one of the names.
    ///
    /// `scratch` is reused between calls; its content is irrelevant.
    pub fn has(&self, key: &str, scratch: &mut Scratch) -> bool {
        let Some(node) = self.0.nodes().first() else {
            return false;
        };
        if node.may_lead_loosely(Tail::of_normalised(key)) {
            normalise(key, &mut scratch.text);
            let text = &scratch.text;
            let ends = node.ends.candidates(text).flatten();
            if node.loose.find(text).chain(ends).next().is_some() {
                return true;
            }
        }
        if node.heads.is_empty() {
            return false;
        }
        scratch.words.read(&folded(key));
        let mut found = node.heads.candidates(&scratch.words).flatten();
        found.any(|(head, _)| scratch.words.is_of(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_very_many_words_is_looked_at_once() {
        // Comparing each pair of words twice would take minutes.
        let names = KeyNames::parse("*email*").unwrap();
        let key = format!("{}type", "email_".repeat(150_000));
        assert!(!names.has(&key, &mut Scratch::default()));
        assert!(names.has(&key[..key.len() - 5], &mut Scratch::default()));
    }

    #[test]
    fn keys_read_like_names_in_any_style() {
        let names = KeyNames::parse("mobile|*email|*ltv|tel*|*iban*").unwrap();
        let mut scratch = Scratch::default();
        for (key, has) in [
            ("mobile", true),
            ("Mobile", true),
            ("mobile_id", false),
            ("work_mobile", false),
            ("email", true),
            ("billingEmail", true),
            ("billing-e-mail", true),
            ("EMAIL", true),
            ("email_id", false),
            ("customer.ltv", true),
            ("", false),
            ("é-email", true),
            ("ltvé", false),
            ("tel", true),
            ("tel_no", true),
            ("telHome2", true),
            ("tel_count", false),
            ("work_tel", false),
            ("hotel", false),
            ("IBANMasked", true),
            ("customer_iban_old", true),
            ("iban_verified", false),
        ] {
            assert_eq!(names.has(key, &mut scratch), has, "{key}");
        }
        assert!(KeyNames::parse("*").is_err());
    }
}
