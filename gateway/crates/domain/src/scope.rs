//! Scopes of API keys: what a key may be used for.

use std::fmt;
use std::str::FromStr;

/// One thing that a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Scope {
    /// To publish events.
    Publish = 1,
    /// To read the feed, events, deliveries and settings, but no secret.
    Read = 2,
    /// To change subscriptions, chains, plugins and event types, to replay, and to read signing secrets.
    Manage = 4,
    /// To use what is the tenant's own customers': the product's routes, subscriptions that consumers made with their deliveries,
    /// and the feed.
    Consumer = 8,
}

/// Everything that a key may be used for: at least one scope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

/// The texts name no set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadScopes {
    /// There is none.
    #[error("a key has at least one scope of publish, read, manage and consumer")]
    None,
    /// One is unknown; its place in the list.
    #[error("there is no such scope; there are publish, read, manage and consumer")]
    Unknown(usize),
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Publish, Self::Read, Self::Manage, Self::Consumer];

    /// As text.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Read => "read",
            Self::Manage => "manage",
            Self::Consumer => "consumer",
        }
    }
}

impl Scopes {
    /// Everything that is a tenant's: what a consumer may is part of it.
    pub const ALL: Self = Self(Scope::Publish as u8 | Scope::Read as u8 | Scope::Manage as u8);

    /// The scopes that texts name.
    ///
    /// # Errors
    /// Which text is none, or that there is none.
    pub fn parse<T: AsRef<str>>(names: &[T]) -> Result<Self, BadScopes> {
        let mut scopes = 0;
        for (index, name) in names.iter().enumerate() {
            let scope: Scope = name.as_ref().parse().map_err(|()| BadScopes::Unknown(index))?;
            scopes |= scope as u8;
        }
        if scopes == 0 {
            Err(BadScopes::None)
        } else {
            Ok(Self(scopes))
        }
    }

    /// Tells whether one is among them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let held = Scope::ALL.into_iter().filter(move |scope| self.has(*scope));
        held.map(Scope::name)
    }
}

impl Default for Scopes {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for Scope {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or(())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_and_written() {
        let both = Scopes::parse(&["read", "publish", "read"]).unwrap();
        assert_eq!(both.to_string(), "publish, read");
        assert!(both.has(Scope::Publish) && both.has(Scope::Read) && !both.has(Scope::Manage));
        assert_eq!(Scopes::parse(&["publish", "read", "manage"]), Ok(Scopes::ALL));
        let consumer = Scopes::parse(&["consumer"]).unwrap();
        assert!(consumer.has(Scope::Consumer) && !Scopes::ALL.has(Scope::Consumer));
        assert_eq!(consumer.to_string(), "consumer");
        assert_eq!(Scopes::parse::<&str>(&[]), Err(BadScopes::None));
        assert_eq!(Scopes::parse(&["read", "Manage"]), Err(BadScopes::Unknown(1)));
    }
}
