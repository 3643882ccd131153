//! Template strings: `{/first} {/last}`, `{type}`, `{id}`; `{{` and `}}` denote literal braces.

use hookgate_sdk::{AccessError, Event, Kind};

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// Literal text.
    Text(&'t str),
    /// The value at a pointer; empty if it is absent.
    At(&'t str),
    /// The event's type.
    Type,
    /// The event's id.
    Id,
}

/// The pieces of a template.
///
/// # Errors
/// A sentence that describes the mistake.
pub(crate) fn parse(template: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = split_at_any(rest) {
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        rest = match after.split_at_checked(2) {
            Some((brace @ ("{{" | "}}"), after)) => {
                pieces.push(Piece::Text(brace.split_at(1).0));
                after
            }
            _ => {
                let (inside, after) = after
                    .strip_prefix('{')
                    .and_then(|inside| inside.split_once('}'))
                    .ok_or("has a brace without its other; {{ and }} stand for the braces themselves")?;
                pieces.push(placeholder(inside)?);
                after
            }
        };
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Splits a text before its next brace; `None` without a brace.
fn split_at_any(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(text.find(['{', '}'])?)
}

fn placeholder(inside: &str) -> Result<Piece<'_>, &'static str> {
    match inside {
        "type" => Ok(Piece::Type),
        "id" => Ok(Piece::Id),
        pointer if pointer.starts_with('/') => Ok(Piece::At(pointer)),
        _ => Err("has braces around something that is no pointer, type or id"),
    }
}

/// Renders a template for an event.
pub(crate) fn fill(pieces: &[Piece], event: &Event) -> Result<String, AccessError> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Type => text.push_str(event.kind()),
            Piece::Id => text.push_str(event.id()),
            Piece::At(pointer) => push_value(&mut text, pointer, event)?,
        }
    }
    Ok(text)
}

/// Appends a string as it is, and any other value as JSON: numbers keep their digits.
fn push_value(text: &mut String, pointer: &str, event: &Event) -> Result<(), AccessError> {
    let data = event.data();
    match data.kind_of(pointer) {
        Kind::Absent | Kind::Null => {}
        Kind::Text => text.push_str(&data.get_str(pointer).unwrap_or_default()),
        _ => text.push_str(&data.get_json(pointer)?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        assert_eq!(parse(""), Ok(vec![]));
        assert_eq!(
            parse("{/a} is {{{type}}}: é{id}."),
            Ok(vec![
                Piece::At("/a"),
                Piece::Text(" is "),
                Piece::Text("{"),
                Piece::Type,
                Piece::Text("}"),
                Piece::Text(": é"),
                Piece::Id,
                Piece::Text("."),
            ])
        );
        for wrong in ["{", "}", "a{/b", "{x}", "{}", "a}b", "{{}", "{/a}}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
