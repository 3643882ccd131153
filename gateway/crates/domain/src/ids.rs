//! Ids: distinct types, each with its public prefix.
//!
//! New ids are ULIDs and sort by time. Their creator supplies the time and the randomness (see
//! `hookgate_runtime::ids::IdSource`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use compact_str::CompactString;
use ulid::Ulid;

/// Error: the text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct BadId {
    expected: &'static str,
}

/// Name of a tenant: a slug of 1 to 63 of `a-z 0-9 -`, beginning with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

/// Id of an event, unique within its tenant.
///
/// `evt_` and a ULID, or the producer's own: 1 to 64 of `A-Z a-z 0-9 _ - . :`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(CompactString);

/// Id of a delivery: event, target and run.
///
/// The id is composed of its parts, so it needs no table, and there is exactly one delivery per
/// event, target and run. Its text is `dlv_EVENT~TARGET` or, for a replay, `dlv_EVENT~TARGET~RUN`.
/// It is unique within a tenant, which is always passed with it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    /// Event that is delivered.
    pub event: EventId,
    /// Target of the delivery.
    pub target: super::Target,
    /// Run: 0 for the delivery made at acceptance.
    ///
    /// For a later one its request time in microseconds.
    pub run: u64,
}

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl $name {
            /// Creates an id from its ULID.
            pub const fn new(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// ULID of the id, which determines it completely.
            pub const fn ulid(self) -> Ulid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = BadId { expected: $expected };
                let digits = text.strip_prefix($prefix).ok_or(bad.clone())?;
                let ulid = Ulid::from_string(digits).map_err(|_| bad.clone())?;
                // Each id has one text: the lower-case spelling of a ULID is refused.
                if ulid.to_string() == digits { Ok(Self(ulid)) } else { Err(bad) }
            }
        }
    };
}

ulid_id!(
    /// Id of a subscription.
    SubscriptionId, "sub_", "a subscription's id (`sub_…`)"
);
ulid_id!(
    /// Id of an API key; not the key itself.
    KeyId, "key_", "a key's id (`key_…`)"
);

impl TenantId {
    /// Name of the operator in the registry. Tenants cannot have it.
    pub fn operator() -> Self {
        Self(OPERATOR.into())
    }

    /// Parses a name from a store: a tenant's, or the operator's.
    ///
    /// # Errors
    /// `BadId`.
    pub fn from_store(text: &str) -> Result<Self, BadId> {
        if text == OPERATOR {
            Ok(Self::operator())
        } else {
            text.parse()
        }
    }

    /// Text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let valid = (1..=63).contains(&text.len())
            && plain(text.as_bytes()[0])
            && text.bytes().all(|b| plain(b) || b == b'-');
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(BadId {
                expected: "a tenant's name (1 to 63 of a-z, 0-9 and -)",
            })
        }
    }
}

impl EventId {
    /// Creates an id from its ULID.
    pub fn new(ulid: Ulid) -> Self {
        Self(compact_str::format_compact!("evt_{ulid}"))
    }

    /// Text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(BadId {
                expected: "an event's id (1 to 64 of A-Z, a-z, 0-9, _ - . :)",
            })
        }
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dlv_{}~{}", self.event, self.target)?;
        if self.run == 0 {
            Ok(())
        } else {
            write!(f, "~{}", self.run)
        }
    }
}

impl FromStr for DeliveryId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId {
            expected: "a delivery's id (`dlv_…`)",
        };
        let mut parts = text.strip_prefix("dlv_").ok_or(bad.clone())?.split('~');
        let (Some(event), Some(target)) = (parts.next(), parts.next()) else {
            return Err(bad);
        };
        let run = match parts.next() {
            None => 0,
            Some(digits) if !digits.starts_with(['0', '+']) => digits.parse().map_err(|_| bad.clone())?,
            Some(_) => return Err(bad),
        };
        if parts.next().is_some() {
            return Err(bad);
        }
        let event = event.parse().map_err(|_| bad.clone())?;
        let target = target.parse().map_err(|_| bad)?;
        Ok(Self { event, target, run })
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! debug_as_display {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

debug_as_display!(TenantId EventId SubscriptionId KeyId DeliveryId);

const OPERATOR: &str = "_operator";

#[cfg(test)]
mod tests {
    use super::*;

    const SUB: &str = "sub_01J0000000000000000000000A";

    #[test]
    fn each_kind_reads_its_own_text_and_no_other() {
        assert_eq!(SUB.parse::<SubscriptionId>().expect("valid").to_string(), SUB);
        for text in [
            "",
            "sub_",
            "key_01J0000000000000000000000A",
            "sub_01j0000000000000000000000a",
            "sub_!",
        ] {
            assert!(text.parse::<SubscriptionId>().is_err(), "{text}");
        }
        for text in ["acme", "a", "0-a", &"a".repeat(63)] {
            assert!(text.parse::<TenantId>().is_ok(), "{text}");
        }
        for text in ["", "-a", "Acme", "a_b", "a b", &"a".repeat(64)] {
            assert!(text.parse::<TenantId>().is_err(), "{text}");
        }
        for text in ["evt_abc123xyz", "order:1.2-3"] {
            assert!(text.parse::<EventId>().is_ok(), "{text}");
        }
        for text in ["", "a~b", "a b", "a/b", "é", &"a".repeat(65)] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_delivery_is_named_by_what_it_is() {
        for text in [
            format!("dlv_evt_1~{SUB}"),
            format!("dlv_evt_1~{SUB}~17"),
            "dlv_evt_1~inline".to_owned(),
        ] {
            assert_eq!(text.parse::<DeliveryId>().expect("valid").to_string(), text);
        }
        for text in [
            format!("evt_1~{SUB}"),
            format!("dlv_evt_1~{SUB}~0"),
            format!("dlv_evt_1~{SUB}~1~2"),
            "dlv_evt_1".into(),
        ] {
            assert!(text.parse::<DeliveryId>().is_err(), "{text}");
        }
    }
}
