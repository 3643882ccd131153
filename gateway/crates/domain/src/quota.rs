//! Quotas of a tenant: rates, pending deliveries, stored bytes and stored responses.
//!
//! The operator's `[quotas]`, a profile's and a tenant's have the same type. Each layer overrides
//! the one before it key by key, and [`Quotas::resolve`] computes the effective limits.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::token_bucket::Rate;
use super::units::Size;

/// Quota by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Events per second.
    EventsPerSecond,
    /// Unfinished deliveries.
    PendingDeliveries,
    /// Bytes of events in the store.
    StoredBytes,
    /// Calls per minute that repeat deliveries.
    ReplaysPerMinute,
    /// Stored responses for repeated calls (`Idempotency-Key`).
    KeptAnswers,
}

impl Quota {
    /// Name in the configuration, in problems and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventsPerSecond => "events_per_second",
            Self::PendingDeliveries => "pending_deliveries",
            Self::StoredBytes => "stored_bytes",
            Self::ReplaysPerMinute => "replays_per_minute",
            Self::KeptAnswers => "kept_answers",
        }
    }
}

/// Quotas of each tenant, as configured.
///
/// An unset quota is inherited from the layer below: a tenant's quotas override its profile's, and
/// those the operator's. Without any of them there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Events that a tenant may publish in a second, in the long run, by each gateway: 1 or more, or
    /// `"unlimited"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<CountLimit>,
    /// Events that a tenant may publish at once after a pause. Left out: as many as in a second, and no
    /// fewer than one request may bring (`ingest.max_events`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// Deliveries of a tenant that may be pending, all gateways together: 1 or more, or `"unlimited"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_deliveries: Option<CountLimit>,
    /// Bytes that a tenant's events may take in the store, all gateways together: a size such as
    /// `"10GiB"`, or `"unlimited"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<SizeLimit>,
    /// Calls that make deliveries again (retry, replay, recover) that a tenant may make in a minute, by
    /// each gateway: 1 or more, or `"unlimited"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replays_per_minute: Option<CountLimit>,
    /// Calls of a tenant with an `Idempotency-Key` whose answers may be kept at once
    /// (`retention.idempotency_keys`), all gateways together; events that are published do not
    /// count: 1 or more, or `"unlimited"`. Left out in every layer: 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_answers: Option<CountLimit>,
}

/// Effective quotas of a tenant. `None` means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantQuotas {
    /// Rate of events.
    pub events: Option<Rate>,
    /// Rate of calls that repeat deliveries.
    pub replays: Option<Rate>,
    /// Limits of stored data.
    pub stored: StoredLimits,
    /// Maximum number of stored responses for repeated calls.
    pub kept_answers: Option<u64>,
}

/// Limits of a tenant's data in the store. `None` means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredLimits {
    /// Maximum number of unfinished deliveries.
    pub pending_deliveries: Option<u64>,
    /// Maximum bytes of events.
    pub stored_bytes: Option<u64>,
}

/// Usage of the store by a tenant, or the usage that a request adds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredUsage {
    /// Unfinished deliveries.
    pub pending_deliveries: u64,
    /// Bytes of events, as the store encodes them.
    pub stored_bytes: u64,
}

/// Error: a quota of the store would be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the quota `{}` is {limit}: {used} are used, and {added} more were asked for", .quota.name())]
pub struct OverQuota {
    /// Exceeded quota.
    pub quota: Quota,
    /// Limit of the quota.
    pub limit: u64,
    /// Usage before the request.
    pub used: u64,
    /// Usage that the request adds.
    pub added: u64,
}

impl Quotas {
    /// Overrides the quotas of the layer below, key by key.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            events_per_second: self.events_per_second.or(below.events_per_second),
            burst: self.burst.or(below.burst),
            pending_deliveries: self.pending_deliveries.or(below.pending_deliveries),
            stored_bytes: self.stored_bytes.or(below.stored_bytes),
            replays_per_minute: self.replays_per_minute.or(below.replays_per_minute),
            kept_answers: self.kept_answers.or(below.kept_answers),
        }
    }

    /// Returns `true` if no quota is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Computes the effective limits.
    ///
    /// `request`: maximum number of events in a request.
    pub fn resolve(&self, request: usize) -> TenantQuotas {
        let request = u32::try_from(request).unwrap_or(u32::MAX);
        let count = |limit: Option<CountLimit>| limit.and_then(|limit| limit.0);
        TenantQuotas {
            events: count(self.events_per_second).map(|count| Rate {
                count,
                per: Duration::from_secs(1),
                burst: self.burst.unwrap_or_else(|| count.max(nonzero(request))),
            }),
            replays: count(self.replays_per_minute).map(|count| Rate {
                count,
                per: Duration::from_secs(60),
                burst: count,
            }),
            stored: StoredLimits {
                pending_deliveries: count(self.pending_deliveries).map(|count| count.get().into()),
                stored_bytes: self.stored_bytes.and_then(|limit| limit.0),
            },
            kept_answers: match self.kept_answers {
                None => Some(KEPT_ANSWERS),
                limit => count(limit).map(|count| count.get().into()),
            },
        }
    }
}

/// Default maximum number of stored responses for repeated calls.
pub const KEPT_ANSWERS: u64 = 10_000;

fn nonzero(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

impl StoredLimits {
    /// Returns `true` if there is no limit.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Checks whether an addition fits into the limits.
    ///
    /// # Errors
    /// The quota that would be exceeded.
    pub fn check(&self, used: StoredUsage, added: StoredUsage) -> Result<(), OverQuota> {
        let rows = [
            (
                Quota::PendingDeliveries,
                self.pending_deliveries,
                used.pending_deliveries,
                added.pending_deliveries,
            ),
            (
                Quota::StoredBytes,
                self.stored_bytes,
                used.stored_bytes,
                added.stored_bytes,
            ),
        ];
        for (quota, limit, used, added) in rows {
            if let Some(limit) = limit
                && added > 0
                && used.saturating_add(added) > limit
            {
                return Err(OverQuota {
                    quota,
                    limit,
                    used,
                    added,
                });
            }
        }
        Ok(())
    }
}

impl StoredUsage {
    /// Minimum usage of any event: one of each.
    pub const LEAST: Self = Self {
        pending_deliveries: 1,
        stored_bytes: 1,
    };

    /// Sum of two usages.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            pending_deliveries: self.pending_deliveries.saturating_add(other.pending_deliveries),
            stored_bytes: self.stored_bytes.saturating_add(other.stored_bytes),
        }
    }

    /// Difference of two usages, saturating at zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            pending_deliveries: self.pending_deliveries.saturating_sub(other.pending_deliveries),
            stored_bytes: self.stored_bytes.saturating_sub(other.stored_bytes),
        }
    }
}

impl OverQuota {
    /// Returns `true` if the request alone exceeds the quota, so that waiting is useless.
    pub fn never_fits(&self) -> bool {
        self.added > self.limit
    }
}

/// Limit of a count: 1 or more, or `"unlimited"` (`None`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountLimit(pub Option<NonZeroU32>);

/// Limit of bytes: a size over 0, or `"unlimited"` (`None`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimit(pub Option<u64>);

impl Serialize for CountLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(count) => serializer.serialize_u32(count.get()),
            None => serializer.serialize_str(UNLIMITED),
        }
    }
}

impl Serialize for SizeLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(bytes) => Size::from_bytes(bytes).serialize(serializer),
            None => serializer.serialize_str(UNLIMITED),
        }
    }
}

impl<'de> Deserialize<'de> for CountLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = CountLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 1 to 4294967295, or \"unlimited\"")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<CountLimit, E> {
        let count = u32::try_from(count).ok().and_then(NonZeroU32::new);
        count.map_or_else(
            || {
                Err(E::custom(
                    "a quota is a whole number from 1 to 4294967295, or \"unlimited\"",
                ))
            },
            |count| Ok(CountLimit(Some(count))),
        )
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<CountLimit, E> {
        self.visit_u64(u64::try_from(count).unwrap_or_default())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<CountLimit, E> {
        if text == UNLIMITED {
            Ok(CountLimit(None))
        } else {
            Err(E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
}

impl<'de> Deserialize<'de> for SizeLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        if text == UNLIMITED {
            return Ok(Self(None));
        }
        let size: Size = text.parse().map_err(de::Error::custom)?;
        match size.bytes() as u64 {
            0 => Err(de::Error::custom("a quota is over 0, or \"unlimited\"")),
            bytes => Ok(Self(Some(bytes))),
        }
    }
}

impl JsonSchema for CountLimit {
    fn schema_name() -> Cow<'static, str> {
        "CountLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number, 1 or more, or `unlimited`.",
            "type": ["integer", "string"],
            "minimum": 1,
            "maximum": u32::MAX,
            "pattern": "^unlimited$",
        })
    }
}

impl JsonSchema for SizeLimit {
    fn schema_name() -> Cow<'static, str> {
        "SizeLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number of bytes with its unit (B, KiB, MiB, GiB), or `unlimited`.",
            "pattern": "^([0-9]{1,12} ?(B|KiB|MiB|GiB)?|unlimited)$",
            "examples": ["10GiB"],
        })
    }
}

const UNLIMITED: &str = "unlimited";

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(text: &str) -> Result<Quotas, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn later_layer_overrides_key_by_key() {
        let operator =
            quotas(r#"{"events_per_second":10,"pending_deliveries":5,"stored_bytes":"1KiB"}"#).unwrap();
        let profile = quotas(r#"{"events_per_second":"unlimited","pending_deliveries":7}"#).unwrap();
        let tenant = quotas(r#"{"pending_deliveries":9,"burst":3}"#).unwrap();
        let limits = tenant.over(profile.over(operator)).resolve(100);
        assert_eq!(limits.events, None);
        assert_eq!(limits.stored.pending_deliveries, Some(9));
        assert_eq!(limits.stored.stored_bytes, Some(1024));
        assert_eq!(limits.replays, None);
        assert_eq!(limits.kept_answers, Some(KEPT_ANSWERS));
        let unlimited = quotas(r#"{"kept_answers":"unlimited"}"#).unwrap();
        assert_eq!(unlimited.resolve(1).kept_answers, None);
        assert!(Quotas::default().resolve(1).stored.is_unlimited());
    }

    #[test]
    fn burst_is_a_second_or_a_request_where_it_is_left_out() {
        for (text, burst) in [
            (r#"{"events_per_second":10}"#, 100),
            (r#"{"events_per_second":500}"#, 500),
            (r#"{"events_per_second":500,"burst":1}"#, 1),
        ] {
            let rate = quotas(text).unwrap().resolve(100).events.unwrap();
            assert_eq!(rate.burst.get(), burst, "{text}");
        }
    }

    #[test]
    fn limits_are_read_and_written() {
        for text in [
            "{}",
            r#"{"events_per_second":1,"burst":2,"pending_deliveries":3,"stored_bytes":"4KiB","replays_per_minute":5,"kept_answers":6}"#,
            r#"{"events_per_second":"unlimited","stored_bytes":"unlimited"}"#,
        ] {
            let read = quotas(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
            let toml = toml_edit::ser::to_string(&read).unwrap();
            assert_eq!(toml_edit::de::from_str::<Quotas>(&toml).unwrap(), read, "{toml}");
        }
        for text in [
            r#"{"events_per_second":0}"#,
            r#"{"events_per_second":-1}"#,
            r#"{"events_per_second":1.5}"#,
            r#"{"events_per_second":4294967296}"#,
            r#"{"events_per_second":"many"}"#,
            r#"{"burst":0}"#,
            r#"{"stored_bytes":5}"#,
            r#"{"stored_bytes":"0B"}"#,
            r#"{"stored_byte":"1KiB"}"#,
        ] {
            assert!(quotas(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sum_may_reach_the_limit_and_not_pass_it() {
        let limits = StoredLimits {
            pending_deliveries: Some(10),
            stored_bytes: None,
        };
        let of = |pending_deliveries| StoredUsage {
            pending_deliveries,
            stored_bytes: 1 << 40,
        };
        assert_eq!(limits.check(of(4), of(6)), Ok(()));
        let over = limits.check(of(4), of(7)).unwrap_err();
        assert_eq!((over.quota, over.never_fits()), (Quota::PendingDeliveries, false));
        assert!(limits.check(of(0), of(11)).unwrap_err().never_fits());
        assert_eq!(limits.check(of(99), of(0)), Ok(()), "it adds nothing");
    }
}
