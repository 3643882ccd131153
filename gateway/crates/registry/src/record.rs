//! Stored form of the registry's entries: versioned JSON, converted by hand.
//!
//! The conversion keeps a stored entry's meaning when the domain's types change. Fields that this
//! build does not know are ignored; an entry of a newer version is refused. Secrets are sealed,
//! bound to their location.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::entry::{KEY, SUBSCRIPTION, TENANT};
use super::error::RegistryError;
pub(super) use super::key_record::KeyRecord;
use super::seal::Sealer;
use hookgate_domain::quota::{CountLimit, Quotas, SizeLimit};
use hookgate_domain::retry::RetryShape;
use hookgate_domain::subscription::{DisableReason, Owner, SigningSecret};
use hookgate_domain::{
    DeliveryMode, Filter, FilterLimits, PayloadMode, RetryPolicy, Secret, Status, Subscription,
    SubscriptionId, TenantId, Timestamp,
};

/// Entry `tenant`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TenantRecord {
    pub v: u8,
    pub created: u64,
    pub profile: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
    /// Earlier secrets that still sign, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_secrets: Vec<SecretRecord>,
    #[serde(default)]
    pub declared: bool,
    /// End of the feed of a deleted tenant of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_from: Option<(u64, u64)>,
    /// Set if the configuration file gives the signing secret.
    #[serde(default)]
    pub secret_declared: bool,
    /// Own quotas, which override those of the profile and of the operator.
    #[serde(default, skip_serializing_if = "QuotasRecord::is_empty")]
    pub quotas: QuotasRecord,
    /// Storage of events' metadata; the profile decides if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_metadata: Option<bool>,
}

/// A tenant's own quotas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct QuotasRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    events_per_second: Option<CountLimit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_deliveries: Option<CountLimit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_bytes: Option<SizeLimit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replays_per_minute: Option<CountLimit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_answers: Option<CountLimit>,
}

impl QuotasRecord {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Quotas> for QuotasRecord {
    fn from(quotas: Quotas) -> Self {
        let Quotas {
            events_per_second,
            burst,
            pending_deliveries,
            stored_bytes,
            replays_per_minute,
            kept_answers,
        } = quotas;
        Self {
            events_per_second,
            burst,
            pending_deliveries,
            stored_bytes,
            replays_per_minute,
            kept_answers,
        }
    }
}

impl From<QuotasRecord> for Quotas {
    fn from(record: QuotasRecord) -> Self {
        let QuotasRecord {
            events_per_second,
            burst,
            pending_deliveries,
            stored_bytes,
            replays_per_minute,
            kept_answers,
        } = record;
        Self {
            events_per_second,
            burst,
            pending_deliveries,
            stored_bytes,
            replays_per_minute,
            kept_answers,
        }
    }
}

/// Entry `sub:SUBSCRIPTION`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SubscriptionRecord {
    pub v: u8,
    /// URL without its query, which may be a secret; older builds stored it with the query.
    pub url: String,
    /// The query of `url`, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    pub events: Vec<String>,
    /// Filter as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub status: StatusRecord,
    pub secrets: Vec<SecretRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryRecord>,
    pub payload: PayloadRecord,
    pub created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<u64>,
    /// Owned by the tenant's consumers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consumer: bool,
    /// Shadow mode: deliveries are recorded and not sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    #[serde(default)]
    pub declared: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusRecord {
    Active,
    Disabled { since: u64, reason: ReasonRecord },
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReasonRecord {
    Asked,
    Gone,
    Failing,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SecretRecord {
    pub sealed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RetryRecord {
    Exponential {
        base_ms: u64,
        max_ms: u64,
        attempts: u32,
    },
    Schedule {
        delays_ms: Vec<u64>,
    },
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PayloadRecord {
    Full,
    Thin,
}

/// Record version, except for records that an older build would misread.
pub(super) const VERSION: u8 = 1;
/// Record version of a subscription with a sealed query.
/// An older build would send to the URL without it.
pub(super) const SEALED_QUERY: u8 = 2;
/// Record version of a subscription in shadow mode: an older build would send its deliveries.
pub(super) const SHADOW: u8 = 3;
/// Record version of a key with an expiry or a subscription: an older build would grant it more.
pub(super) const LIMITED_KEY: u8 = 2;

/// Encodes a record.
pub(super) fn encode<T: Serialize>(record: &T) -> Bytes {
    serde_json::to_vec(record)
        .expect("records are plain structs of texts and numbers")
        .into()
}

/// Decodes a stored record of a supported version.
pub(super) fn decode<T: DeserializeOwned>(entry: &str, bytes: &[u8]) -> Result<T, RegistryError> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u8,
    }
    let Versioned { v } = serde_json::from_slice(bytes).map_err(|e| RegistryError::unreadable(entry, e))?;
    let newest = if entry.starts_with(SUBSCRIPTION) {
        SHADOW
    } else if entry.starts_with(KEY) {
        LIMITED_KEY
    } else {
        VERSION
    };
    if v > newest {
        return Err(RegistryError::unreadable(entry, "a newer hookgate wrote it"));
    }
    serde_json::from_slice(bytes).map_err(|e| RegistryError::unreadable(entry, e))
}

/// Location that a tenant's sealed text is bound to.
pub(super) fn place(tenant: &TenantId, entry: &str, field: &str) -> String {
    format!("{tenant}/{entry}/{field}")
}

impl TenantRecord {
    /// The tenant's own secrets, decrypted, the newest first.
    pub(super) fn signing_secrets(
        &self,
        id: &TenantId,
        sealer: &Sealer,
    ) -> Result<Vec<SigningSecret>, RegistryError> {
        let newest = self.signing_secret.iter().map(|sealed| (sealed, None));
        let previous = self.previous_secrets.iter().map(|s| (&s.sealed, s.expires));
        let opened = newest.chain(previous).map(|(sealed, expires)| {
            Ok(SigningSecret {
                secret: sealer.open(&place(id, TENANT, "secret"), sealed)?,
                expires: expires.map(Timestamp::from_micros),
            })
        });
        opened.collect()
    }

    /// Seals these secrets into the record, the newest first.
    pub(super) fn seal_secrets(&mut self, id: &TenantId, secrets: &[SigningSecret], sealer: &Sealer) {
        let place = place(id, TENANT, "secret");
        let mut sealed = secrets.iter().map(|secret| SecretRecord {
            sealed: sealer.seal(&place, &secret.secret),
            expires: secret.expires.map(Timestamp::as_micros),
        });
        self.signing_secret = sealed.next().map(|newest| newest.sealed);
        self.previous_secrets = sealed.collect();
    }
}

impl SubscriptionRecord {
    pub(super) fn from_subscription(s: &Subscription, declared: bool, sealer: &Sealer) -> Self {
        let entry = super::entry::subscription_entry(s.id);
        let seal = |field: &str, secret: &Secret| sealer.seal(&place(&s.tenant, &entry, field), secret);
        let query = s.url.query().map(|query| seal(QUERY, &Secret::new(query)));
        let mut url = s.url.clone();
        url.set_query(None);
        let shadow = s.mode == DeliveryMode::Shadow;
        Self {
            v: match &query {
                _ if shadow => SHADOW,
                Some(_) => SEALED_QUERY,
                None => VERSION,
            },
            url: url.into(),
            query,
            events: s.events.iter().map(ToString::to_string).collect(),
            filter: s.filter.as_ref().map(|filter| filter.as_str().to_owned()),
            description: s.description.clone(),
            status: match s.status {
                Status::Active => StatusRecord::Active,
                Status::Disabled { since, reason } => StatusRecord::Disabled {
                    since: since.as_micros(),
                    reason: reason.into(),
                },
            },
            secrets: s
                .secrets
                .iter()
                .map(|secret| SecretRecord {
                    sealed: seal("secret", &secret.secret),
                    expires: secret.expires.map(Timestamp::as_micros),
                })
                .collect(),
            headers: s
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), seal(name, value)))
                .collect(),
            timeout_ms: s.timeout.map(millis),
            retry: s.retry.as_ref().map(RetryRecord::from_policy),
            payload: match s.payload {
                PayloadMode::Full => PayloadRecord::Full,
                PayloadMode::Thin => PayloadRecord::Thin,
            },
            created: s.created.as_micros(),
            activated: (s.activated != s.created).then(|| s.activated.as_micros()),
            warned: s.warned.map(Timestamp::as_micros),
            consumer: s.owner == Owner::Consumer,
            shadow,
            declared,
        }
    }

    pub(super) fn into_subscription(
        self,
        tenant: &TenantId,
        id: SubscriptionId,
        sealer: &Sealer,
    ) -> Result<Subscription, RegistryError> {
        let entry = super::entry::subscription_entry(id);
        let open = |field: &str, sealed: &str| sealer.open(&place(tenant, &entry, field), sealed);
        let secrets = self.secrets.iter().map(|s| {
            Ok(SigningSecret {
                secret: open("secret", &s.sealed)?,
                expires: s.expires.map(Timestamp::from_micros),
            })
        });
        let secrets = secrets.collect::<Result<_, RegistryError>>()?;
        let headers = self.headers.iter();
        let headers = headers.map(|(name, sealed)| Ok((name.clone(), open(name, sealed)?)));
        let headers = headers.collect::<Result<_, RegistryError>>()?;
        let events = self
            .events
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>();
        let filter = self.filter.map(|text| {
            Filter::parse(&text, FilterLimits::NONE)
                .map_err(|_| RegistryError::unreadable(&entry, "its filter is none"))
        });
        let mut url: Url = self
            .url
            .parse()
            .map_err(|e| RegistryError::unreadable(&entry, e))?;
        if let Some(sealed) = &self.query {
            url.set_query(Some(open(QUERY, sealed)?.reveal()));
        }
        Ok(Subscription {
            id,
            tenant: tenant.clone(),
            url,
            events: events.map_err(|e| RegistryError::unreadable(&entry, e))?,
            filter: filter.transpose()?,
            description: self.description,
            status: match self.status {
                StatusRecord::Active => Status::Active,
                StatusRecord::Disabled { since, reason } => Status::Disabled {
                    since: Timestamp::from_micros(since),
                    reason: reason.into(),
                },
            },
            secrets,
            headers,
            timeout: self.timeout_ms.map(Duration::from_millis),
            retry: self.retry.map(|retry| retry.into_policy(&entry)).transpose()?,
            payload: match self.payload {
                PayloadRecord::Full => PayloadMode::Full,
                PayloadRecord::Thin => PayloadMode::Thin,
            },
            created: Timestamp::from_micros(self.created),
            activated: Timestamp::from_micros(self.activated.unwrap_or(self.created)),
            warned: self.warned.map(Timestamp::from_micros),
            owner: if self.consumer {
                Owner::Consumer
            } else {
                Owner::Tenant
            },
            mode: if self.shadow {
                DeliveryMode::Shadow
            } else {
                DeliveryMode::Send
            },
        })
    }
}

impl SubscriptionRecord {
    /// Seals a query that an older build stored in the clear. Returns `true` if there was one.
    pub(super) fn seal_query(&mut self, tenant: &TenantId, entry: &str, sealer: &Sealer) -> bool {
        let Ok(mut url) = self.url.parse::<Url>() else {
            return false;
        };
        let Some(query) = url.query().map(Secret::new) else {
            return false;
        };
        self.query = Some(sealer.seal(&place(tenant, entry, QUERY), &query));
        url.set_query(None);
        self.url = url.into();
        self.v = self.v.max(SEALED_QUERY);
        true
    }
}

impl RetryRecord {
    fn from_policy(policy: &RetryPolicy) -> Self {
        match policy.shape() {
            RetryShape::Exponential { base, max } => Self::Exponential {
                base_ms: millis(base),
                max_ms: millis(max),
                attempts: policy.attempts(),
            },
            RetryShape::Schedule(delays) => Self::Schedule {
                delays_ms: delays.iter().copied().map(millis).collect(),
            },
        }
    }

    fn into_policy(self, entry: &str) -> Result<RetryPolicy, RegistryError> {
        match self {
            Self::Exponential {
                base_ms,
                max_ms,
                attempts,
            } => RetryPolicy::exponential(
                Duration::from_millis(base_ms),
                Duration::from_millis(max_ms),
                attempts,
            ),
            Self::Schedule { delays_ms } => {
                RetryPolicy::schedule(delays_ms.into_iter().map(Duration::from_millis).collect())
            }
        }
        .map_err(|e| RegistryError::unreadable(entry, e))
    }
}

impl From<DisableReason> for ReasonRecord {
    fn from(reason: DisableReason) -> Self {
        match reason {
            DisableReason::Asked => Self::Asked,
            DisableReason::Gone => Self::Gone,
            DisableReason::Failing => Self::Failing,
        }
    }
}

impl From<ReasonRecord> for DisableReason {
    fn from(reason: ReasonRecord) -> Self {
        match reason {
            ReasonRecord::Asked => Self::Asked,
            ReasonRecord::Gone => Self::Gone,
            ReasonRecord::Failing => Self::Failing,
        }
    }
}

/// Field name of a URL's query; it cannot be the name of a header.
pub(super) const QUERY: &str = "url?query";

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription() -> Subscription {
        Subscription {
            id: "sub_01J0000000000000000000000A".parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            url: "https://example.com/hook?key=s3cret#part".parse().unwrap(),
            events: vec!["invoice.*".parse().unwrap(), "*".parse().unwrap()],
            filter: Some(Filter::parse(r#"{"/total":{"$gt":8500.00}}"#, FilterLimits::NONE).unwrap()),
            description: Some("for people".to_owned()),
            status: Status::Disabled {
                since: Timestamp::from_millis(5),
                reason: DisableReason::Gone,
            },
            secrets: vec![
                SigningSecret {
                    secret: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                    expires: None,
                },
                SigningSecret {
                    secret: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                    expires: Some(Timestamp::from_millis(7)),
                },
            ],
            headers: vec![("x-team".to_owned(), Secret::new("blue"))],
            timeout: Some(Duration::from_millis(1500)),
            retry: Some(RetryPolicy::schedule(vec![Duration::ZERO, Duration::from_secs(60)]).unwrap()),
            payload: PayloadMode::Thin,
            created: Timestamp::from_micros(1_700_000_000_000_001),
            activated: Timestamp::from_micros(1_700_000_000_000_009),
            warned: Some(Timestamp::from_millis(6)),
            owner: Owner::Consumer,
            mode: DeliveryMode::Shadow,
        }
    }

    #[test]
    fn a_subscription_comes_back_as_it_was_and_shows_no_secret() {
        let (sealer, _) = Sealer::generate();
        let before = subscription();
        let bytes = encode(&SubscriptionRecord::from_subscription(&before, false, &sealer));
        let text = std::str::from_utf8(&bytes).unwrap();
        for secret in ["whsec_", "blue", "s3cret"] {
            assert!(!text.contains(secret), "{text}");
        }
        let record: SubscriptionRecord = decode("sub:1", &bytes).unwrap();
        let after = record
            .into_subscription(&before.tenant, before.id, &sealer)
            .unwrap();
        assert_eq!(after, before);
    }

    #[test]
    fn query_in_the_clear_is_read_and_can_be_sealed() {
        let (sealer, _) = Sealer::generate();
        let before = subscription();
        let mut old = SubscriptionRecord::from_subscription(&before, false, &sealer);
        (old.v, old.url, old.query) = (VERSION, before.url.to_string(), None);
        let read = old.clone().into_subscription(&before.tenant, before.id, &sealer);
        assert_eq!(read.unwrap(), before);
        let entry = super::super::entry::subscription_entry(before.id);
        assert!(old.seal_query(&before.tenant, &entry, &sealer));
        assert!(!old.seal_query(&before.tenant, &entry, &sealer), "once");
        assert!(!old.url.contains("s3cret"), "{}", old.url);
        let read = old.into_subscription(&before.tenant, before.id, &sealer);
        assert_eq!(read.unwrap(), before);
        let mut plain = before;
        plain.url.set_query(None);
        let record = SubscriptionRecord::from_subscription(&plain, false, &sealer);
        assert_eq!(record.v, SHADOW, "an older build would send to it");
        plain.mode = DeliveryMode::Send;
        let record = SubscriptionRecord::from_subscription(&plain, false, &sealer);
        assert_eq!(
            (record.v, record.query),
            (VERSION, None),
            "an older build reads it"
        );
    }

    #[test]
    fn another_tenants_record_does_not_open() {
        let (sealer, _) = Sealer::generate();
        let before = subscription();
        let record = SubscriptionRecord::from_subscription(&before, false, &sealer);
        let moved = record.into_subscription(&"globex".parse().unwrap(), before.id, &sealer);
        assert!(matches!(moved, Err(RegistryError::Sealed(_))));
    }

    #[test]
    fn what_is_stored_today_is_read_tomorrow() {
        let key: KeyRecord = decode(
            "key",
            br#"{"v":1,"digest":"00","hint":"hg_abcd","created":1,"later":true}"#,
        )
        .unwrap();
        assert_eq!(key.hint, "hg_abcd");
        let newer = decode::<KeyRecord>("key:1", br#"{"v":3}"#);
        assert!(newer.unwrap_err().to_string().contains("newer"));
        assert!(decode::<KeyRecord>("key", b"{").is_err());
    }
}
