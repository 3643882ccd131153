//! Names that keys can read like, found in one look.

use super::fold::{folded, normalise};
use super::key_words::KeyWords;
use super::pattern::{BadPattern, PatternSet};
use super::tail::Tail;

/// A list of names as a pattern's `~` step has them: `name|*end|*word*`, of which only letters and digits count and not their case.
#[derive(Debug, Clone)]
pub struct KeyNames(PatternSet);

/// Room to work in, kept between keys.
#[derive(Debug, Default)]
pub struct Scratch {
    text: String,
    words: KeyWords,
}

impl KeyNames {
    /// Reads a list.
    ///
    /// # Errors
    /// It is no such list, or too long.
    pub fn parse(names: &str) -> Result<Self, BadPattern> {
        PatternSet::parse([format!("/~{names}")]).map(Self)
    }

    /// Whether a key reads like one of them. `scratch` is room to work in; what is in it does not matter.
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
        // Two looks at each pair of words would take minutes.
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
