//! Templates: text with places for what a signature is made of, such as `{id}.{timestamp}.{body}`.

use std::fmt;

use hookgate_json::Pointer;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// As it is written.
    Text(String),
    /// `{id}`: the event's id.
    Id,
    /// `{type}`: the event's type.
    Kind,
    /// `{timestamp}`: the attempt's time.
    Timestamp,
    /// `{body}`: the exact bytes that are sent.
    Body,
    /// `{data:/pointer}`: what stands there in the event's data.
    Data(String),
    /// `{signature}`: one signature, encoded.
    Signature,
    /// `{signatures}`: one signature for each secret, as the scheme joins them.
    Signatures,
    /// `{first}`: the first of those signatures.
    First,
    /// `{second}`: the one after it, while a rotation lasts.
    Second,
}

/// Where a template stands, which says what it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What is signed.
    Content,
    /// One secret's signature.
    Each,
    /// A header's value.
    Header,
}

/// The text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A brace without its partner.
    #[error("a `{{` without its `}}`")]
    Unclosed,
    /// A name that stands for nothing here.
    #[error("`{{{name}}}` does not stand for anything here")]
    Unknown {
        /// The name.
        name: String,
        /// Where.
        place: Place,
    },
    /// What follows `data:` is not a JSON pointer.
    #[error("`{0}` is not a JSON pointer (RFC 6901); one begins with `/`")]
    Pointer(String),
}

impl Template {
    /// Parses a template of this place.
    ///
    /// # Errors
    /// What is wrong with the text.
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

    /// Whether two places follow each other without text between them, so that nobody can tell them apart.
    pub(super) fn runs_together(&self) -> bool {
        let place = |part: &Part| !matches!(part, Part::Text(_));
        self.0.windows(2).any(|two| place(&two[0]) && place(&two[1]))
    }
}

/// As it is written.
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
    /// What may stand in braces there.
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

/// A pointer into an event's data; not to the whole of it.
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
