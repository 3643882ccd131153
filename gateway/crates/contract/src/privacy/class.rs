//! How sensitive a value is.

use std::str::FromStr;

/// How sensitive a value is. Events leave the house: of what is classified, only what is public does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// For everybody who receives the event.
    Public,
    /// For everybody inside.
    Internal,
    /// For few inside: contact details, commercial figures, free text.
    Confidential,
    /// For almost nobody: credentials, compensation, bank and card details, personal identifiers.
    Restricted,
}

/// The text is no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a class is `public`, `internal`, `confidential` or `restricted`")]
pub struct BadClass;

impl Class {
    /// Its name.
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
