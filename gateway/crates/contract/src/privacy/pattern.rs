//! Text patterns: regular expressions with a known bound on their work.

use regex::{Regex, RegexBuilder};

use hookgate_json::budget::{TooMuchWork, WorkBudget};

/// Regular expression without backtracking.
///
/// Its time is at most its size times the length of the text.
pub struct TextPattern {
    /// Compiled expression; `None` if it is too large to be used.
    regex: Option<Regex>,
    size: usize,
}

/// Error: the text is not a regular expression, or one over [`TextPattern::MAX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no pattern that is taken, or too large")]
pub struct BadPattern;

impl TextPattern {
    /// Maximum size of the compiled program, in bytes.
    pub const MAX_BYTES: usize = 64 << 10;
    /// Maximum length of a matched text, in bytes.
    pub const MAX_TEXT: usize = 64 << 10;

    /// Compiles a regular expression in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// The expression is malformed or too large.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let mut size = SMALLEST;
        while size <= Self::MAX_BYTES {
            let mut builder = RegexBuilder::new(text);
            let built = builder
                .size_limit(size)
                .dfa_size_limit(SMALLEST_CACHE.max(2 * size))
                .build();
            match built {
                Ok(regex) => {
                    return Ok(Self {
                        regex: Some(regex),
                        size,
                    });
                }
                Err(regex::Error::CompiledTooBig(_)) => size *= 2,
                Err(_) => return Err(BadPattern),
            }
        }
        Err(BadPattern)
    }

    /// Placeholder for a stored pattern that is now too large: no text can be matched against it.
    pub const fn unusable() -> Self {
        Self {
            regex: None,
            size: Self::MAX_BYTES,
        }
    }

    /// Checks whether it is a placeholder for a pattern that is too large.
    pub fn is_unusable(&self) -> bool {
        self.regex.is_none()
    }

    /// Compiled size in bytes, rounded up to a power of two.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Checks whether the pattern matches anywhere in the text.
    ///
    /// # Errors
    /// The match exceeds the work budget. A text over [`Self::MAX_TEXT`] and an unusable pattern
    /// always do.
    pub fn is_match(&self, text: &str, work: &WorkBudget) -> Result<bool, TooMuchWork> {
        let regex = self.regex.as_ref().filter(|_| text.len() <= Self::MAX_TEXT);
        let Some(regex) = regex else {
            return Err(work.exceeded());
        };
        work.charge_len((1 + text.len()).saturating_mul(self.size / BYTES_A_UNIT))?;
        Ok(regex.is_match(text))
    }
}

/// Omits the pattern, which is of no use in a log.
impl std::fmt::Debug for TextPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pattern of up to {} bytes", self.size)
    }
}

const SMALLEST: usize = 1 << 10;
/// Bytes of state that a thread caches for a used pattern.
const SMALLEST_CACHE: usize = 16 << 10;
/// Number of bytes of a compiled pattern per unit of work and byte of text: about 3 states.
///
/// In the worst case each state is visited.
const BYTES_A_UNIT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_charges_by_its_size_and_the_texts() {
        for (pattern, text, matches, size) in [
            ("^cus_", "cus_1", true, 1 << 10),
            ("^cus_", "inv_1", false, 1 << 10),
            ("^[a-z]{1,200}$", "abc", true, 1 << 15),
        ] {
            let (pattern, work) = (TextPattern::new(pattern).unwrap(), WorkBudget::new(1 << 20));
            assert_eq!(pattern.is_match(text, &work), Ok(matches), "{text}");
            assert_eq!(pattern.size(), size);
            assert_eq!(work.used(), (text.len() as u64 + 1) * (size as u64 / 256));
        }
    }

    #[test]
    fn pattern_is_refused_over_its_size_and_texts_over_theirs() {
        assert!(TextPattern::new("[ab]*a[ab]{4000}[cd]").is_err());
        assert!(TextPattern::new("(").is_err());
        let (pattern, work) = (TextPattern::new("a").unwrap(), WorkBudget::new(1 << 30));
        assert_eq!(
            pattern.is_match(&"a".repeat(TextPattern::MAX_TEXT), &work),
            Ok(true)
        );
        assert!(
            pattern
                .is_match(&"a".repeat(TextPattern::MAX_TEXT + 1), &work)
                .is_err()
        );
        let work = WorkBudget::new(1 << 30);
        assert!(TextPattern::unusable().is_match("a", &work).is_err());
    }

    #[test]
    fn letters_of_all_languages_fit() {
        for text in [r"^\p{L}+$", r"^[\p{L}\p{M}' -]+$", r"^\p{Lu}\p{Ll}*$"] {
            let pattern = TextPattern::new(text);
            assert!(pattern.is_ok(), "{text}");
        }
    }
}
