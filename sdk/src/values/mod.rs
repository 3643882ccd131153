//! Redaction by value: e-mail addresses and card numbers by what they look like, whatever they are called, in free text too.
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

mod rewrite;
mod spans;

use crate::{AccessError, Document, Failure, Redaction, pointer};
use rewrite::{Outcome, Rewritten, Way, rewrite};
use spans::Span;

/// What a text can be found to contain.
///
/// ```
/// use hookgate_sdk::values::{Found, find};
/// assert_eq!(find("4111111111111111", &[Found::Card]).len(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An e-mail address, as RFC 5322 and 6531 write the common ones; its `@` may be percent-encoded or full-width.
    Email,
    /// A card number: of a length that a network uses with its beginning, and right by the Luhn check (ISO/IEC 7812-1).
    /// Single spaces, hyphens or dots may part its digits.
    Card,
}

/// The places of a text, in bytes and in order, that hold one of these. They overlap nowhere.
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

/// Redacts what is found in all texts of the data; how many texts there were. A text that is nothing but an address or a
/// number is treated as a field is; amid other text it becomes the mask (or, with [`Redaction::KeepLast`], stars and its end).
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
/// It reads the event's whole text once and, where it found something, writes it once: what it needs grows with the event
/// and with nothing else. The gateway notes the whole event as changed. Pseudonyms alone are made place by place.
///
/// # Errors
/// Those of [`Document::set_json`], and for a pseudonym of [`Document::redact`].
pub fn redact(data: &Document, what: &[Found], how: &Redaction, mask: &str) -> Result<u32, Failure> {
    let text = data.get_json("")?;
    if !spans::may_contain(&text, what.contains(&Found::Email), what.contains(&Found::Card)) {
        return Ok(0);
    }
    let mut count = 0;
    let mut pseudonyms = Pseudonyms::new(data, how);
    let rewritten = rewrite(&text, |text, way| {
        let spans = find(text, what);
        if spans.is_empty() {
            return Ok(Outcome::Stays);
        }
        count += 1;
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
        // As of any other document that is removed.
        Some(Rewritten::Nothing) => return Err(AccessError::BadPointer.into()),
    }
    Ok(count)
}

/// Places whose values become pseudonyms, made so many at a time. That moves no other place.
struct Pseudonyms<'d> {
    data: &'d Document<'d>,
    how: &'d Redaction,
    patterns: Vec<String>,
    steps: usize,
    bytes: usize,
}

impl<'d> Pseudonyms<'d> {
    /// Steps of the patterns of one operation; the gateway takes 4096.
    const MAX_STEPS: usize = 2_048;
    /// Bytes of the patterns of one operation.
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
            // A pseudonym is the gateway's to make, and only of a whole value.
            _ => redacted.push_str(mask),
        }
        at = span.end;
    }
    redacted.push_str(part(text, at..text.len()));
    redacted
}

/// A part of a text. Spans begin and end between characters; indexing would bring the text of its panic along.
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
