//! Templates: text with places for what a signature is made of, such as `{id}.{timestamp}.{body}`.

use std::str::FromStr;

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
    /// `{timestamp}`: the attempt's time, seconds since the Unix epoch.
    Timestamp,
    /// `{body}`: the exact bytes that are sent.
    Body,
    /// `{signature}`: one signature, encoded.
    Signature,
    /// `{signatures}`: one signature for each secret, as the scheme joins them.
    Signatures,
}

/// The text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A brace without its partner.
    #[error("a `{{` without its `}}`")]
    Unclosed,
    /// A name that stands for nothing.
    #[error(
        "`{{{0}}}` is not known; there are {{id}}, {{timestamp}}, {{body}}, {{signature}} and {{signatures}}"
    )]
    Unknown(String),
}

impl Template {
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Whether it is this one place and nothing else.
    pub(super) fn is(&self, part: &Part) -> bool {
        matches!(self.0.as_slice(), [only] if only == part)
    }
}

impl FromStr for Template {
    type Err = BadTemplate;

    fn from_str(text: &str) -> Result<Self, BadTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(BadTemplate::Unclosed)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::named(name)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

impl Part {
    fn named(name: &str) -> Result<Self, BadTemplate> {
        Ok(match name {
            "id" => Self::Id,
            "timestamp" => Self::Timestamp,
            "body" => Self::Body,
            "signature" => Self::Signature,
            "signatures" => Self::Signatures,
            unknown => return Err(BadTemplate::Unknown(unknown.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_places() {
        let template: Template = "t={timestamp},v1={signature}".parse().expect("valid");
        assert_eq!(
            template.parts(),
            [
                Part::Text("t=".into()),
                Part::Timestamp,
                Part::Text(",v1=".into()),
                Part::Signature
            ]
        );
        assert!("{id}".parse::<Template>().expect("valid").is(&Part::Id));
        assert_eq!("{id".parse::<Template>(), Err(BadTemplate::Unclosed));
        assert_eq!(
            "{secret}".parse::<Template>(),
            Err(BadTemplate::Unknown("secret".into()))
        );
    }
}
