//! Sensitivity classes of values.

use std::str::FromStr;

/// Sensitivity of a value.
///
/// Events leave the organisation, so of all classified fields only public ones are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// For everyone who receives the event.
    Public,
    /// For everyone inside the organisation.
    Internal,
    /// For few people inside: contact details, commercial figures, free text.
    Confidential,
    /// For very few people: credentials, compensation, bank and card details, personal identifiers.
    Restricted,
}

/// Error: the text is not a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a class is `public`, `internal`, `confidential` or `restricted`")]
pub struct BadClass;

impl Class {
    /// Name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }
}

impl FromStr for Class {
    type Err = BadClass;

    fn from_str(text: &str) -> Result<Self, BadClass> {
        let all = [Self::Public, Self::Internal, Self::Confidential, Self::Restricted];
        all.into_iter().find(|class| class.name() == text).ok_or(BadClass)
    }
}
