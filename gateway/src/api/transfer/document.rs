//! Document of an export (NDJSON): a header, rows of four kinds, and a last line with their number.
//!
//! Each line is a JSON object. The same types are written and read, so that one gateway imports
//! what another one exports. Rows hold secrets: none of their types has `Debug`.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use url::Url;

use super::super::fields::{JsonText, Parsed};
use super::super::key_fields::{bad_scopes, digest};
use super::super::secrets::show;
use super::super::subscriptions::{ModeView, NewSubscriptionInput, OwnerView, PayloadView, RetryView, span};
use super::super::views::raw;
use super::super::{Api, input};
use crate::http::{Code, FieldError, Problem};
use hookgate_contract::catalogue::TypeSpec;
use hookgate_contract::privacy::Authority;
use hookgate_domain::subscription::{DisableReason, Owner, SigningSecret};
use hookgate_domain::units::Span;
use hookgate_domain::{
    EventPattern, EventType, KeyId, Quotas, Scopes, Secret, Status, Subscription, SubscriptionId, TenantId,
    Timestamp,
};
use hookgate_egress::EndpointUrl;
use hookgate_registry::{
    ApiKey, ImportedKey, ImportedStatus, ImportedSubscription, ImportedTenant, NewKey, Tenant,
};

/// Format name in the first line.
pub(super) const FORMAT: &str = "hookgate-registry";
/// Version of the row format.
pub(super) const VERSION: u64 = 1;

/// First line of a document.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub format: String,
    pub version: u64,
    /// Creation time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Parsed<Timestamp>>,
    /// Release that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hookgate: Option<String>,
}

/// Reader of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The operator, who sees everything.
    Operator,
    /// A tenant, which sees no API keys. It sees neither the values of headers nor private keys,
    /// which no other route shows it.
    Tenant,
}

/// Kind of a row.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Tenant,
    EventType,
    Subscription,
    Key,
    End,
}

impl Kind {
    pub(super) const WORDS: [(&'static str, Self); 5] = [
        ("tenant", Self::Tenant),
        ("event_type", Self::EventType),
        ("subscription", Self::Subscription),
        ("key", Self::Key),
        ("end", Self::End),
    ];
}

/// Last line of a document.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndRow {
    pub kind: Kind,
    /// Number of rows between the first line and this one.
    pub rows: usize,
}

/// Row of a tenant's settings.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantRow {
    pub kind: Kind,
    pub tenant: Parsed<TenantId>,
    profile: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Parsed<Timestamp>>,
    #[serde(default, skip_serializing_if = "has_none")]
    quotas: Quotas,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_metadata: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_secrets: Option<Vec<SecretRow>>,
}

/// Signing secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretRow {
    secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Parsed<Timestamp>>,
}

/// Row of an event type.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypeRow {
    pub kind: Kind,
    pub tenant: Parsed<TenantId>,
    #[serde(rename = "type")]
    pub name: Parsed<EventType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<JsonText>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    validate: bool,
    #[serde(default)]
    authority: AuthorityView,
}

/// Authority that an event type comes from.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuthorityView {
    #[default]
    Tenant,
    Operator,
}

/// Row of a subscription.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriptionRow {
    pub kind: Kind,
    pub tenant: Parsed<TenantId>,
    pub id: Parsed<SubscriptionId>,
    #[serde(serialize_with = "url_text")]
    url: Parsed<EndpointUrl>,
    events: Vec<Parsed<EventPattern>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default)]
    status: StatusView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disabled: Option<DisabledRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secrets: Option<Vec<SecretRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<RetryView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<PayloadView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<OwnerView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<ModeView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Parsed<Timestamp>>,
}

/// Status of a subscription.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StatusView {
    #[default]
    Active,
    Disabled,
}

/// Time and reason of the disabling of a subscription.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DisabledRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Parsed<Timestamp>>,
    #[serde(default)]
    reason: ReasonView,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReasonView {
    #[default]
    Asked,
    Gone,
    Failing,
}

/// Row of an API key, by its digest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRow {
    pub kind: Kind,
    pub tenant: Parsed<TenantId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Parsed<KeyId>>,
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Parsed<Timestamp>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscription: Option<Parsed<SubscriptionId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Parsed<Timestamp>>,
}

impl Header {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            created: Some(Parsed(now)),
            hookgate: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }
}

impl TenantRow {
    pub(super) fn new(tenant: &Tenant, now: Timestamp, reader: Reader) -> Self {
        Self {
            kind: Kind::Tenant,
            tenant: Parsed(tenant.id.clone()),
            profile: tenant.profile.clone(),
            created: Some(Parsed(tenant.created)),
            quotas: tenant.own_quotas,
            keep_metadata: tenant.keep_metadata,
            signing_secrets: secret_rows(tenant, &tenant.signing_secrets, now, reader),
        }
    }

    pub(super) fn into_settings(self) -> ImportedTenant {
        ImportedTenant {
            profile: self.profile,
            created: self.created.map(|created| created.0),
            quotas: self.quotas,
            keep_metadata: self.keep_metadata,
            signing_secrets: self.signing_secrets.map(signing_secrets),
        }
    }
}

impl TypeRow {
    pub(super) fn new(tenant: &Tenant, spec: &TypeSpec) -> Self {
        Self {
            kind: Kind::EventType,
            tenant: Parsed(tenant.id.clone()),
            name: Parsed(spec.kind.clone()),
            entity: spec.entity.clone(),
            description: spec.description.clone(),
            schema: spec.schema.clone().map(JsonText),
            validate: spec.validate,
            authority: match spec.authority {
                Authority::Tenant => AuthorityView::Tenant,
                Authority::Operator => AuthorityView::Operator,
            },
        }
    }

    pub(super) fn into_spec(self) -> TypeSpec {
        TypeSpec {
            kind: self.name.0,
            entity: self.entity,
            description: self.description,
            schema: self.schema.map(|schema| schema.0),
            validate: self.validate,
            authority: match self.authority {
                AuthorityView::Tenant => Authority::Tenant,
                AuthorityView::Operator => Authority::Operator,
            },
        }
    }
}

impl SubscriptionRow {
    pub(super) fn new(tenant: &Tenant, subscription: &Subscription, now: Timestamp, reader: Reader) -> Self {
        let headers = subscription.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.reveal().to_owned()));
        let (status, disabled) = match &subscription.status {
            Status::Active => (StatusView::Active, None),
            Status::Disabled { since, reason } => {
                let disabled = DisabledRow {
                    since: Some(Parsed(*since)),
                    reason: match reason {
                        DisableReason::Asked => ReasonView::Asked,
                        DisableReason::Gone => ReasonView::Gone,
                        DisableReason::Failing => ReasonView::Failing,
                    },
                };
                (StatusView::Disabled, Some(disabled))
            }
        };
        Self {
            kind: Kind::Subscription,
            tenant: Parsed(subscription.tenant.clone()),
            id: Parsed(subscription.id),
            url: Parsed(EndpointUrl(subscription.url.clone())),
            events: subscription.events.iter().cloned().map(Parsed).collect(),
            filter: subscription
                .filter
                .as_ref()
                .and_then(|filter| raw(filter.as_str().as_bytes())),
            description: subscription.description.clone(),
            status,
            disabled,
            secrets: secret_rows(tenant, &subscription.secrets, now, reader),
            headers: match reader {
                Reader::Operator => Some(headers.collect()),
                Reader::Tenant => None,
            },
            timeout: subscription.timeout.map(span),
            retry: subscription.retry.as_ref().map(RetryView::from),
            payload: Some(subscription.payload.into()),
            owner: Some(subscription.owner.into()),
            mode: Some(subscription.mode.into()),
            created: Some(Parsed(subscription.created)),
        }
    }

    /// Converts the row to the registry's form.
    ///
    /// # Errors
    /// `invalid_field`.
    pub(super) fn into_subscription(self, api: &Api) -> Result<ImportedSubscription, Problem> {
        let status = match (self.status, self.disabled) {
            (StatusView::Active, None) => ImportedStatus::Active,
            (StatusView::Active, Some(_)) => {
                let told = "a subscription that is `active` is not disabled";
                return Err(invalid("/disabled", told));
            }
            (StatusView::Disabled, disabled) => {
                let reason = disabled.as_ref().map_or(ReasonView::Asked, |d| d.reason);
                ImportedStatus::Disabled {
                    since: disabled.and_then(|d| d.since).map(|since| since.0),
                    reason: match reason {
                        ReasonView::Asked => DisableReason::Asked,
                        ReasonView::Gone => DisableReason::Gone,
                        ReasonView::Failing => DisableReason::Failing,
                    },
                }
            }
        };
        let keeps_headers = self.headers.is_none();
        let input = NewSubscriptionInput {
            url: self.url,
            events: self.events,
            filter: self.filter,
            secret: None,
            signature: None,
            description: self.description,
            headers: self.headers,
            timeout: self.timeout,
            retry: self.retry,
            payload: self.payload,
            owner: self.owner,
            mode: self.mode,
            status: None,
        };
        Ok(ImportedSubscription {
            id: self.id.0,
            spec: input.into_new(api.registry.limits().filter_limits(), Owner::Tenant)?,
            keeps_headers,
            secrets: self.secrets.map(signing_secrets),
            status,
            created: self.created.map(|created| created.0),
        })
    }
}

impl KeyRow {
    pub(super) fn new(tenant: &Tenant, key: &ApiKey) -> Self {
        Self {
            kind: Kind::Key,
            tenant: Parsed(tenant.id.clone()),
            id: Some(Parsed(key.id)),
            digest: hex::encode(key.digest),
            hint: Some(key.hint.clone()),
            scopes: key.scopes.names().map(str::to_owned).collect(),
            expires: key.expires.map(Parsed),
            subscription: key.subscription.map(Parsed),
            created: Some(Parsed(key.created)),
        }
    }

    /// Converts the row to the registry's form.
    ///
    /// # Errors
    /// `invalid_field`.
    pub(super) fn into_key(self, api: &Api) -> Result<ImportedKey, Problem> {
        Ok(ImportedKey {
            id: self.id.map(|id| id.0),
            digest: digest(api, &self.digest)?,
            hint: self.hint,
            spec: NewKey {
                scopes: Scopes::parse(&self.scopes).map_err(|bad| bad_scopes(&bad))?,
                expires: self.expires.map(|end| end.0),
                subscription: self.subscription.map(|id| id.0),
            },
            created: self.created.map(|created| created.0),
        })
    }
}

/// Reads a row. An error does not repeat a secret value.
///
/// # Errors
/// `invalid_json`, `duplicate_key`, `too_deep`, `invalid_field`.
pub(super) fn read_row<T: DeserializeOwned>(line: &[u8]) -> Result<T, Problem> {
    input::read_object(line).map_err(|problem| {
        let is_secret = |error: &FieldError| SECRET.iter().any(|field| error.pointer.starts_with(field));
        if !problem.errors().iter().any(is_secret) {
            return problem;
        }
        let errors = problem.errors().iter().map(|error| {
            let detail = match error.detail.split_once(": ") {
                Some((wrong @ ("invalid type" | "invalid value"), _)) => format!("{wrong} of the field"),
                _ => error.detail.clone(),
            };
            FieldError::new(error.pointer.clone(), detail)
        });
        Problem::fields(problem.code(), errors.collect())
    })
}

/// Fields with secret values.
const SECRET: [&str; 3] = ["/secrets", "/signing_secrets", "/headers"];

/// Secrets that sign at this time; `None` if there are none, or if the reader may not see one.
fn secret_rows(
    tenant: &Tenant,
    secrets: &[SigningSecret],
    now: Timestamp,
    reader: Reader,
) -> Option<Vec<SecretRow>> {
    let is_private = |one: &SigningSecret| show(tenant, &one.secret).0.is_none();
    if reader == Reader::Tenant && secrets.iter().any(is_private) {
        return None;
    }
    let signing = secrets.iter().filter(|s| s.expires.is_none_or(|end| now < end));
    let rows: Vec<_> = signing
        .map(|one| SecretRow {
            secret: one.secret.reveal().to_owned(),
            expires: one.expires.map(Parsed),
        })
        .collect();
    (!rows.is_empty()).then_some(rows)
}

fn signing_secrets(rows: Vec<SecretRow>) -> Vec<SigningSecret> {
    let secrets = rows.into_iter().map(|row| SigningSecret {
        secret: Secret::new(&row.secret),
        expires: row.expires.map(|end| end.0),
    });
    secrets.collect()
}

fn url_text<S: Serializer>(url: &Parsed<EndpointUrl>, serializer: S) -> Result<S::Ok, S::Error> {
    let Parsed(EndpointUrl(url)): &Parsed<EndpointUrl> = url;
    serializer.serialize_str(Url::as_str(url))
}

fn has_none(quotas: &Quotas) -> bool {
    *quotas == Quotas::default()
}

fn invalid(pointer: &str, told: &str) -> Problem {
    Problem::fields(Code::InvalidField, vec![FieldError::new(pointer, told)])
}
