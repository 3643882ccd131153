//! Templates: texts with placeholders for signature parts, such as `{id}.{timestamp}.{body}`.

use std::fmt;

use hookgate_json::Pointer;

/// Parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// Part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Literal text.
    Text(String),
    /// `{id}`: event id.
    Id,
    /// `{type}`: event type.
    Kind,
    /// `{timestamp}`: time of the attempt.
    Timestamp,
    /// `{body}`: exact bytes that are sent.
    Body,
    /// `{data:/pointer}`: value at the pointer in the event data.
    Data(String),
    /// `{signature}`: one signature, encoded.
    Signature,
    /// `{signatures}`: one signature for each secret, joined as the scheme defines.
    Signatures,
    /// `{first}`: first of these signatures.
    First,
    /// `{second}`: second of these signatures, during a rotation.
    Second,
}

/// Use of a template, which determines the allowed placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Signed content.
    Content,
    /// Signature of one secret.
    Each,
    /// Value of a header.
    Header,
}

/// Error: the text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// Unbalanced brace.
    #[error("a `{{` without its `}}`")]
    Unclosed,
    /// Unknown placeholder.
    #[error("`{{{name}}}` does not stand for anything here")]
    Unknown {
        /// Name of the placeholder.
        name: String,
        /// Use of the template.
        place: Place,
    },
    /// The text after `data:` is not a JSON pointer.
    #[error("`{0}` is not a JSON pointer (RFC 6901); one begins with `/`")]
    Pointer(String),
}

impl Template {
    /// Parses a template for this use.
    ///
    /// # Errors
    /// The text is malformed.
    pub fn parse(text: &str, place: Place) -> Result<Self, BadTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(BadTemplate::Unclosed)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::named(name, place)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    pub(super) fn has(&self, wanted: &Part) -> bool {
        self.0.contains(wanted)
    }

    /// Returns `true` if two placeholders are adjacent, so that their values cannot be separated.
    pub(super) fn runs_together(&self) -> bool {
        let place = |part: &Part| !matches!(part, Part::Text(_));
        self.0.windows(2).any(|two| place(&two[0]) && place(&two[1]))
    }
}

/// Prints the template as it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Id => f.write_str("{id}"),
            Part::Kind => f.write_str("{type}"),
            Part::Timestamp => f.write_str("{timestamp}"),
            Part::Body => f.write_str("{body}"),
            Part::Data(pointer) => write!(f, "{{data:{pointer}}}"),
            Part::Signature => f.write_str("{signature}"),
            Part::Signatures => f.write_str("{signatures}"),
            Part::First => f.write_str("{first}"),
            Part::Second => f.write_str("{second}"),
        })
    }
}

impl Place {
    /// Names of the placeholders that are allowed in this use.
    pub fn names(self) -> &'static str {
        match self {
            Self::Content => "{id}, {type}, {timestamp}, {body} and {data:/pointer}",
            Self::Each => "{signature}, {id} and {timestamp}",
            Self::Header => "{id}, {type}, {timestamp}, {signatures}, {first} and {second}",
        }
    }
}

impl Part {
    fn named(name: &str, place: Place) -> Result<Self, BadTemplate> {
        use Place::{Content, Each, Header};
        Ok(match (name, place) {
            ("id", _) => Self::Id,
            ("timestamp", _) => Self::Timestamp,
            ("type", Content | Header) => Self::Kind,
            ("body", Content) => Self::Body,
            ("signature", Each) => Self::Signature,
            ("signatures", Header) => Self::Signatures,
            ("first", Header) => Self::First,
            ("second", Header) => Self::Second,
            (name, Content) if name.starts_with("data:") => Self::Data(pointer(&name[5..])?),
            (name, place) => {
                let name = name.to_owned();
                return Err(BadTemplate::Unknown { name, place });
            }
        })
    }
}

/// Checks a pointer into an event's data, other than the empty pointer.
pub(super) fn pointer(text: &str) -> Result<String, BadTemplate> {
    match Pointer::parse(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(BadTemplate::Pointer(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_places() {
        let template = Template::parse("t={timestamp},v1={signatures}", Place::Header).expect("valid");
        assert_eq!(
            template.parts(),
            [
                Part::Text("t=".into()),
                Part::Timestamp,
                Part::Text(",v1=".into()),
                Part::Signatures
            ]
        );
        assert_eq!(template.to_string(), "t={timestamp},v1={signatures}");
        let data = Template::parse("{data:/call_id}", Place::Content).expect("valid");
        assert_eq!(data.parts(), [Part::Data("/call_id".into())]);
        assert_eq!(Template::parse("{id", Place::Content), Err(BadTemplate::Unclosed));
        assert_eq!(
            Template::parse("{data:call_id}", Place::Content),
            Err(BadTemplate::Pointer("call_id".into()))
        );
        for (text, place) in [
            ("{secret}", Place::Content),
            ("{signature}", Place::Content),
            ("{body}", Place::Header),
            ("{data:/a}", Place::Header),
            ("{signatures}", Place::Each),
        ] {
            let refused = Template::parse(text, place).expect_err(text);
            assert!(
                matches!(refused, BadTemplate::Unknown { .. }),
                "{text}: {refused}"
            );
        }
    }
}
