//! Splits a key into words and finds the prefixes at which a name may end. The gateway compiles
//! this file too.

/// A key prepared for comparison with names: its letters and digits in lower case, and the ends of
/// its words.
///
/// ```text
/// emailVerified_at   ->   emailverifiedat, with ends after email, verified and at
/// ```
#[derive(Debug, Default, Clone)]
pub struct KeyWords {
    text: String,
    /// Ends of words, in bytes of `text`.
    ends: Vec<usize>,
    /// Result of `find_shortest_head`, used by `is_of`.
    shortest_head: usize,
}

/// Classes of characters that separate words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Separator,
}

impl KeyWords {
    /// Reads a key and discards the previous one.
    pub fn read(&mut self, key: &str) {
        self.text.clear();
        self.ends.clear();
        let (mut before, mut last) = (Kind::Separator, Kind::Separator);
        for character in key.chars() {
            let kind = Kind::of(character);
            if kind == Kind::Separator {
                self.end_word(self.text.len());
            } else {
                match (before, last, kind) {
                    // `emailHome`, `email2`, `e164x`.
                    (_, Kind::Lower, Kind::Upper)
                    | (_, Kind::Digit, Kind::Lower | Kind::Upper)
                    | (_, Kind::Lower | Kind::Upper, Kind::Digit) => self.end_word(self.text.len()),
                    // `IBANMasked`: the word ends before the last capital.
                    (Kind::Upper, Kind::Upper, Kind::Lower) => {
                        let capital = self.text.chars().next_back().map_or(0, char::len_utf8);
                        self.end_word(self.text.len() - capital);
                    }
                    _ => {}
                }
                if character.is_ascii() {
                    self.text.push(character.to_ascii_lowercase());
                } else {
                    let lower = character.to_lowercase().filter(|c| c.is_alphanumeric());
                    self.text.extend(lower);
                }
            }
            (before, last) = (last, kind);
        }
        self.end_word(self.text.len());
        self.shortest_head = self.find_shortest_head();
    }

    /// Letters and digits of the key, in lower case.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The prefixes of the key up to the end of each of its words, the whole key first.
    pub fn heads(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().rev().filter_map(|&end| self.text.get(..end))
    }

    /// Returns `true` if the key denotes the value that `head` names.
    ///
    /// `head` is a prefix that ends at a word. False for a key that describes a property of the
    /// value: `email_verified`, `token_type`, `has_password`.
    pub fn is_of(&self, head: &str) -> bool {
        head.len() >= self.shortest_head
    }

    /// Bytes of the shortest head that the key denotes: no word behind it describes a property.
    /// Inspects each word once.
    fn find_shortest_head(&self) -> usize {
        let whole = self.text.len();
        let (mut start, mut shortest) = (0, 0);
        for &end in &self.ends {
            let word = self.text.get(start..end).unwrap_or_default();
            if start == 0 && end < whole && QUESTIONS.contains(&word) {
                return usize::MAX;
            }
            let is_time = end == whole && matches!(word, "at" | "on");
            if start > 0 && (is_time || ABOUT.binary_search(&word).is_ok()) {
                shortest = end;
            }
            start = end;
        }
        shortest
    }

    fn end_word(&mut self, at: usize) {
        if at > self.ends.last().copied().unwrap_or(0) {
            self.ends.push(at);
        }
    }
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            'a'..='z' => Self::Lower,
            'A'..='Z' => Self::Upper,
            '0'..='9' => Self::Digit,
            _ if character.is_ascii() => Self::Separator,
            _ if character.is_uppercase() => Self::Upper,
            _ if character.is_numeric() => Self::Digit,
            _ if character.is_alphanumeric() => Self::Lower,
            _ => Self::Separator,
        }
    }
}

/// Words behind a name that describe a property of the value, not the value. Sorted.
const ABOUT: &[&str] = &[
    "algorithm",
    "attempts",
    "bounce",
    "bounced",
    "bounces",
    "budget",
    "campaign",
    "category",
    "center",
    "centers",
    "centre",
    "centres",
    "changed",
    "channel",
    "clicked",
    "clicks",
    "code",
    "codes",
    "confirmed",
    "consent",
    "consented",
    "count",
    "country",
    "counts",
    "created",
    "date",
    "dates",
    "day",
    "days",
    "delivered",
    "disabled",
    "enabled",
    "endpoint",
    "exists",
    "expiration",
    "expired",
    "expires",
    "expiry",
    "format",
    "frequency",
    "href",
    "id",
    "ids",
    "index",
    "kind",
    "language",
    "length",
    "limit",
    "locale",
    "method",
    "mode",
    "model",
    "notification",
    "notifications",
    "opened",
    "opens",
    "opt",
    "optional",
    "policy",
    "preference",
    "preferences",
    "present",
    "provider",
    "quota",
    "reminder",
    "reminders",
    "required",
    "requirement",
    "rotated",
    "rotation",
    "rules",
    "schema",
    "score",
    "sent",
    "settings",
    "size",
    "source",
    "status",
    "strength",
    "subscribed",
    "template",
    "templates",
    "timestamp",
    "timezone",
    "type",
    "types",
    "unsubscribed",
    "updated",
    "uri",
    "url",
    "usage",
    "used",
    "valid",
    "validated",
    "validation",
    "verification",
    "verified",
    "version",
];

/// First words of keys that ask about the words behind them.
const QUESTIONS: &[&str] = &[
    "allow", "allows", "can", "has", "is", "needs", "num", "require", "requires", "should",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(key: &str) -> Vec<String> {
        let mut words = KeyWords::default();
        words.read(key);
        let mut heads: Vec<String> = words.heads().map(str::to_owned).collect();
        heads.reverse();
        heads
    }

    #[test]
    fn key_words_end_in_every_style() {
        for (key, expected) in [
            ("", &[][..]),
            ("_-", &[]),
            ("email", &["email"]),
            ("EMAIL", &["email"]),
            ("emailHome", &["email", "emailhome"]),
            ("email_home", &["email", "emailhome"]),
            ("Email-Home", &["email", "emailhome"]),
            ("EMAIL HOME", &["email", "emailhome"]),
            ("email4", &["email", "email4"]),
            ("IBANMasked", &["iban", "ibanmasked"]),
            ("phone_e164", &["phone", "phonee", "phonee164"]),
            ("größeNeu", &["größe", "größeneu"]),
            ("$email[]", &["email"]),
        ] {
            assert_eq!(words(key), expected, "{key}");
        }
    }

    #[test]
    fn words_about_a_name_are_told_from_qualifiers() {
        let mut words = KeyWords::default();
        for (key, name, expected) in [
            ("email", "email", true),
            ("email_old", "email", true),
            ("email_verified", "email", false),
            ("email_verified_at", "email", false),
            ("email_at", "email", false),
            ("address_at_home", "address", true),
            ("has_email", "hasemail", false),
            ("has", "has", true),
            ("token_type", "token", false),
            ("email_2", "email", true),
        ] {
            words.read(key);
            assert_eq!(words.is_of(name), expected, "{key}");
        }
        assert!(ABOUT.is_sorted(), "it is searched by halves");
    }
}
