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

mod spans;

use crate::{Document, Failure, Redaction, Scalar, pointer};
use spans::Span;

/// How many places of an event are looked at. One with more is refused: it cannot be said what it contains.
const MAX_PLACES: u32 = 20_000;

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
/// # Errors
/// `bad-payload` for an event of more than 20,000 values, and what the document refuses.
pub fn redact(data: &Document, what: &[Found], how: &Redaction, mask: &str) -> Result<u32, Failure> {
    let places = data.find("/**", MAX_PLACES + 1)?;
    if places.len() > MAX_PLACES as usize {
        return Err(Failure::bad_payload(
            "the event has more than 20000 values, too many to look into each",
        ));
    }
    let pointers: Vec<&str> = places.iter().map(String::as_str).collect();
    let mut whole = Vec::new();
    let mut count = 0;
    for (place, scalar) in pointers.iter().zip(data.get_many(&pointers)) {
        let Some(Scalar::Text(text)) = scalar else {
            continue;
        };
        let spans = find(&text, what);
        if spans.is_empty() {
            continue;
        }
        count += 1;
        if is_whole(&text, &spans) {
            whole.push(pointer::to_pattern(place));
        } else {
            data.set(place, replace(&text, &spans, how, mask))?;
        }
    }
    // Last, and at once: what is removed shifts the indices of what comes after it.
    let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
    if !whole.is_empty() {
        data.redact(&whole, how)?;
    }
    Ok(count)
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
