//! Redaction by value: e-mail addresses and card numbers, wherever a text has them.

use hookgate_sdk::{Document, Failure, Redaction, Scalar, pointer};

use crate::settings::Plan;
use crate::spans::{self, Span};

/// How many places of an event are looked at. One with more is refused: it cannot be said what it contains.
const MAX_PLACES: u32 = 20_000;

/// A text that is nothing but an address or a number is treated as a field is; amid other text they become the mask.
pub(crate) fn redact(data: &Document, plan: &Plan) -> Result<(), Failure> {
    let places = data.find("/**", MAX_PLACES + 1)?;
    if places.len() > MAX_PLACES as usize {
        return Err(Failure::bad_payload(
            "the event has more than 20000 values, too many to look into each",
        ));
    }
    let pointers: Vec<&str> = places.iter().map(String::as_str).collect();
    let mut whole = Vec::new();
    for (place, scalar) in pointers.iter().zip(data.get_many(&pointers)) {
        let Some(Scalar::Text(text)) = scalar else {
            continue;
        };
        let spans = spans::find(&text, plan.emails, plan.cards);
        if spans.is_empty() {
            continue;
        }
        if is_whole(&text, &spans) {
            whole.push(pointer::to_pattern(place));
        } else {
            data.set(place, replace(&text, &spans, plan))?;
        }
    }
    // Last, and at once: what is removed shifts the indices of what comes after it.
    let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
    if !whole.is_empty() {
        data.redact(&whole, &plan.action)?;
    }
    Ok(())
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

fn replace(text: &str, spans: &[Span], plan: &Plan) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        redacted.push_str(part(text, at..span.start));
        match plan.action {
            Redaction::KeepLast(count) => keep_last(&mut redacted, part(text, span.clone()), count.into()),
            // A pseudonym is the gateway's to make, and only of a whole value.
            _ => redacted.push_str(&plan.mask),
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
