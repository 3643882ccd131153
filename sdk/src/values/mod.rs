//! Redaction by value: finds e-mail addresses and card numbers by their form, in free text too.
//!
//! ```
//! # use hookgate_sdk::{testing, Description, Event, Failure, Plugin, Redaction, Verdict};
//! use hookgate_sdk::values::{self, Found};
//! # struct P;
//! # impl Plugin for P {
//! #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
//! fn handle(event: &Event) -> Result<Verdict, Failure> {
//!     values::redact(&event.data(), &[Found::Email, Found::Card], &Redaction::Remove, "[redacted]")?;
//!     Ok(Verdict::Pass)
//! }
//! # }
//! # let event = testing::event("note.added").data(r#"{"by":"a@b.example","text":"paid with 4111 1111 1111 1111"}"#);
//! # assert_eq!(event.run::<P>().data, r#"{"text":"paid with [redacted]"}"#);
//! ```

#[cfg(test)]
mod cases;
mod plain;
mod rewrite;
mod spans;

use crate::{AccessError, Document, Failure, Redaction, pointer};
use rewrite::{Outcome, Rewritten, Token, Way, rewrite};
use spans::Span;

/// Kinds of values to find. The text may be percent-encoded, or in full-width, mathematical and
/// other letters and digits.
///
/// ```
/// use hookgate_sdk::values::{Found, find};
/// assert_eq!(find("4111111111111111", &[Found::Card]).len(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An e-mail address in the common forms of RFC 5322 and 6531, quoted local parts included.
    Email,
    /// A card number: its length and prefix belong to a network, and its Luhn check (ISO/IEC
    /// 7812-1) is right. Single spaces, hyphens or dots may separate its digits. Numbers of JSON
    /// are checked too.
    Card,
}

/// Byte ranges of a text that hold one of these values, in order and without overlap.
///
/// ```
/// use hookgate_sdk::values::{Found, find};
/// let text = "write to anna@mail.example, please";
/// assert_eq!(find(text, &[Found::Email]), [9..26]);
/// assert_eq!(find(text, &[Found::Card]), []);
/// ```
#[must_use]
pub fn find(text: &str, what: &[Found]) -> Vec<core::ops::Range<usize>> {
    spans::find(text, what.contains(&Found::Email), what.contains(&Found::Card))
}

/// Redacts every value found in the strings, numbers and keys of a document. Returns their number.
///
/// A string that is only an address or a number is treated like a field. Within other text, the
/// value becomes the mask (or, with [`Redaction::KeepLast`], stars and its end). A member whose key
/// holds a value is removed.
///
/// ```
/// # use hookgate_sdk::{testing, Description, Event, Failure, Plugin, Redaction, Verdict};
/// # use hookgate_sdk::values::{self, Found};
/// # struct P;
/// # impl Plugin for P {
/// #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
/// #   fn handle(event: &Event) -> Result<Verdict, Failure> {
/// let texts = values::redact(&event.data(), &[Found::Email], &Redaction::KeepLast(4), "***")?;
/// assert_eq!(texts, 1);
/// #   Ok(Verdict::Pass)
/// #   }
/// # }
/// # assert_eq!(testing::event("a.b").data(r#"{"t":"by a@b.example"}"#).run::<P>().data, r#"{"t":"by *******mple"}"#);
/// ```
///
/// Reads the event's whole text once and, if it found a value, writes it once: the cost depends on
/// the size of the event only. The gateway notes the whole event as changed. Only pseudonyms are
/// made place by place.
///
/// # Errors
/// Those of [`Document::set_json`], and for a pseudonym of [`Document::redact`].
pub fn redact(data: &Document, what: &[Found], how: &Redaction, mask: &str) -> Result<u32, Failure> {
    let text = data.get_json("")?;
    if !spans::may_contain(&text, what.contains(&Found::Email), what.contains(&Found::Card)) {
        return Ok(0);
    }
    let (mut count, text) = match how {
        // Pseudonyms are made in the document itself, so removed members must be gone from it by
        // then.
        Redaction::Pseudonym(_) => remove_members(data, text, what)?,
        _ => (0, text),
    };
    let cards = what.contains(&Found::Card);
    let mut pseudonyms = Pseudonyms::new(data, how);
    let rewritten = rewrite(&text, |token, way| {
        let (text, spans) = match token {
            Token::Key(text) | Token::Text(text) => (text, find(text, what)),
            Token::Number(text) if cards && spans::is_card_number(text) => {
                (text, core::iter::once(0..text.len()).collect())
            }
            Token::Number(_) => return Ok(Outcome::Stays),
        };
        if spans.is_empty() {
            return Ok(Outcome::Stays);
        }
        count += 1;
        if let Token::Key(_) = token {
            return Ok(Outcome::Goes);
        }
        let whole = is_whole(text, &spans);
        match how {
            Redaction::Pseudonym(_) if whole => pseudonyms.add(way),
            Redaction::Pseudonym(_) => {
                data.set(&way.pointer(), replace(text, &spans, how, mask))?;
                Ok(Outcome::Stays)
            }
            Redaction::Remove if whole => Ok(Outcome::Goes),
            Redaction::Mask(mask) if whole => Ok(Outcome::Becomes(mask.clone())),
            Redaction::KeepLast(shown) if whole => {
                let mut kept = String::new();
                keep_last(&mut kept, text, (*shown).into());
                Ok(Outcome::Becomes(kept))
            }
            Redaction::Remove | Redaction::Mask(_) | Redaction::KeepLast(_) => {
                Ok(Outcome::Becomes(replace(text, &spans, how, mask)))
            }
        }
    })?;
    pseudonyms.make()?;
    match rewritten {
        None => {}
        Some(Rewritten::Document(text)) => data.set_json("", &text)?,
        // Same error as for any other removal of a whole document.
        Some(Rewritten::Nothing) => return Err(AccessError::BadPointer.into()),
    }
    Ok(count)
}

/// Removes the members whose keys hold a value. Returns their number and the resulting text.
fn remove_members(data: &Document, text: String, what: &[Found]) -> Result<(u32, String), Failure> {
    let mut count = 0;
    let rewritten = rewrite(&text, |token, _| match token {
        Token::Key(key) if !find(key, what).is_empty() => {
            count += 1;
            Ok(Outcome::Goes)
        }
        _ => Ok(Outcome::Stays),
    })?;
    match rewritten {
        Some(Rewritten::Document(text)) => {
            data.set_json("", &text)?;
            Ok((count, text))
        }
        _ => Ok((count, text)),
    }
}

/// Places whose values become pseudonyms, applied in batches. Applying them moves no other place.
struct Pseudonyms<'d> {
    data: &'d Document<'d>,
    how: &'d Redaction,
    patterns: Vec<String>,
    steps: usize,
    bytes: usize,
}

impl<'d> Pseudonyms<'d> {
    /// Maximum number of pattern steps of one operation; the gateway accepts 4096.
    const MAX_STEPS: usize = 2_048;
    /// Maximum size of the patterns of one operation, in bytes.
    const MAX_BYTES: usize = 256 << 10;

    fn new(data: &'d Document<'d>, how: &'d Redaction) -> Self {
        Self {
            data,
            how,
            patterns: Vec::new(),
            steps: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, way: &Way<'_>) -> Result<Outcome, Failure> {
        let pattern = pointer::to_pattern(&way.pointer());
        self.steps += way.len();
        self.bytes += pattern.len();
        self.patterns.push(pattern);
        if self.steps >= Self::MAX_STEPS || self.bytes >= Self::MAX_BYTES {
            self.make()?;
        }
        Ok(Outcome::Stays)
    }

    fn make(&mut self) -> Result<(), Failure> {
        let patterns: Vec<&str> = self.patterns.iter().map(String::as_str).collect();
        if !patterns.is_empty() {
            self.data.redact(&patterns, self.how)?;
        }
        self.patterns.clear();
        (self.steps, self.bytes) = (0, 0);
        Ok(())
    }
}

fn is_whole(text: &str, spans: &[Span]) -> bool {
    match spans {
        [span] => {
            part(text, 0..span.start).trim_ascii().is_empty()
                && part(text, span.end..text.len()).trim_ascii().is_empty()
        }
        _ => false,
    }
}

fn replace(text: &str, spans: &[Span], how: &Redaction, mask: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        redacted.push_str(part(text, at..span.start));
        match how {
            Redaction::KeepLast(count) => keep_last(&mut redacted, part(text, span.clone()), (*count).into()),
            // Only the gateway makes pseudonyms, and only of a whole value.
            _ => redacted.push_str(mask),
        }
        at = span.end;
    }
    redacted.push_str(part(text, at..text.len()));
    redacted
}

/// A part of a text. Spans begin and end between characters. Indexing would link the text of its
/// panic.
fn part(text: &str, span: Span) -> &str {
    text.get(span).unwrap_or_default()
}

fn keep_last(out: &mut String, value: &str, count: usize) {
    let characters = value.chars().count();
    let hidden = if characters > count {
        characters - count
    } else {
        characters
    };
    out.extend(
        value
            .chars()
            .enumerate()
            .map(|(index, character)| if index < hidden { '*' } else { character }),
    );
}

#[cfg(test)]
mod tests {
    use super::cases::{KEPT_NUMBERS, KEPT_TEXTS, TAKEN_NUMBERS, TAKEN_TEXTS};
    use super::*;
    use crate::testing;

    const BOTH: &[Found] = &[Found::Email, Found::Card];

    fn redacted(data: &str, how: &Redaction) -> (u32, String) {
        testing::event("a.b").data(data).with(|event| {
            let count = redact(&event.data(), BOTH, how, "[gone]").expect("nothing refuses");
            (count, event.data().get_json("").expect("it is there"))
        })
    }

    fn quoted(text: &str) -> String {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }

    #[test]
    fn values_go_as_texts_keys_and_numbers_and_all_else_stays() {
        for text in TAKEN_TEXTS.iter().copied().map(quoted) {
            let data = format!(r#"{{"a":{{{text}:{{"b":1}}}},"t":[{text}],"c":2}}"#);
            let (count, after) = redacted(&data, &Redaction::Remove);
            assert_eq!(count, 2, "{text}");
            let amid = after.contains("[gone]");
            assert!(after == r#"{"a":{},"t":[],"c":2}"# || amid, "{text}: {after}");
            assert!(after.starts_with(r#"{"a":{},"t":["#), "{text}: {after}");
        }
        for number in TAKEN_NUMBERS {
            let data = format!(r#"{{"a":{number},"b":[{number},1.50]}}"#);
            assert_eq!(
                redacted(&data, &Redaction::Remove),
                (2, r#"{"b":[1.50]}"#.into()),
                "{number}"
            );
        }
        for text in KEPT_TEXTS.iter().copied().map(quoted) {
            let data = format!(r#"{{{text}:{text}}}"#);
            assert_eq!(redacted(&data, &Redaction::Remove).0, 0, "{text}");
        }
        for number in KEPT_NUMBERS {
            // Added beside a value that is removed, so that the document is rewritten: numbers keep
            // their text.
            let data = format!(r#"{{"a":{number},"b":"a@b.example"}}"#);
            let after = format!(r#"{{"a":{number}}}"#);
            assert_eq!(redacted(&data, &Redaction::Remove), (1, after), "{number}");
        }
    }

    #[test]
    fn members_go_by_their_keys_whatever_is_done_to_values() {
        let data = r#"{"by":{"a@b.example":{"x":"c@d.example"},"k":"c@d.example"},"n":4111111111111111}"#;
        for (how, after) in [
            (Redaction::Mask("m".into()), r#"{"by":{"k":"m"},"n":"m"}"#),
            (
                Redaction::KeepLast(4),
                r#"{"by":{"k":"*******mple"},"n":"************1111"}"#,
            ),
        ] {
            assert_eq!(redacted(data, &how), (3, after.into()));
        }
        let (count, after) = redacted(data, &Redaction::Pseudonym("p".into()));
        assert!(count == 3 && after.starts_with(r#"{"by":{"k":"p:"#), "{after}");
        assert!(!after.contains("example") && !after.contains("4111"), "{after}");
    }
}
