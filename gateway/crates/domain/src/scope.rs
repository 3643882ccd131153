//! Scopes of API keys: the permissions of a key.

use std::fmt;
use std::str::FromStr;

/// Permission of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Scope {
    /// Publishes events.
    Publish = 1,
    /// Reads the feed, events, deliveries and settings, but no secret.
    Read = 2,
    /// Changes subscriptions, chains, plugins and event types, replays, and reads signing secrets.
    Manage = 4,
    /// Uses what belongs to the tenant's customers.
    ///
    /// This is the product's routes, subscriptions that consumers made with their deliveries, and
    /// the feed.
    Consumer = 8,
}

/// Non-empty set of scopes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

/// Error: the texts do not name a set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadScopes {
    /// The list is empty.
    #[error("a key has at least one scope of publish, read, manage and consumer")]
    None,
    /// A scope is unknown; holds its index in the list.
    #[error("there is no such scope; there are publish, read, manage and consumer")]
    Unknown(usize),
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Publish, Self::Read, Self::Manage, Self::Consumer];

    /// Name of the scope.
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
    /// Full access to a tenant, which includes the permissions of a consumer.
    pub const ALL: Self = Self(Scope::Publish as u8 | Scope::Read as u8 | Scope::Manage as u8);

    /// Parses a list of scope names.
    ///
    /// # Errors
    /// An unknown name, or an empty list.
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

    /// Checks whether a scope is in the set.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// Names of the scopes.
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
