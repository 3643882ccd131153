//! Comparison of rows with entries: merging, changed fields, checks of secrets and keys.

use std::collections::BTreeSet;

use super::super::rotation::{MAX_SECRETS, check_tenant_secret};
use super::super::subscriptions::{MAX_SECRET_BYTES, check_secrets};
use super::super::{ApiKey, RegistryError};
use super::{Begin, ImportedStatus, ImportedSubscription};
use hookgate_contract::catalogue::TypeSpec;
use hookgate_contract::profile::{Profile, SecretOwner};
use hookgate_domain::subscription::{DisableReason, SigningSecret};
use hookgate_domain::{Scope, Secret, Status, Subscription, SubscriptionId, Timestamp};

/// Merges a row into a subscription. `fresh` is made from the row, with a secret of its own.
pub(super) fn merged(
    kept: Option<&Subscription>,
    given: &ImportedSubscription,
    fresh: Subscription,
    (begin, now): (Begin, Timestamp),
) -> Subscription {
    let secrets = match (&given.secrets, kept) {
        (Some(given), _) => signing_now(given, now),
        (None, Some(kept)) => kept.secrets.clone(),
        (None, None) => fresh.secrets.clone(),
    };
    let headers = match kept {
        Some(kept) if given.keeps_headers => kept.headers.clone(),
        Some(_) | None => fresh.headers.clone(),
    };
    let status = status(kept.map(|kept| &kept.status), given.status, begin, now);
    let goes_on = kept.filter(|kept| kept.status == Status::Active || status != Status::Active);
    Subscription {
        activated: goes_on.map_or(now, |kept| kept.activated),
        warned: goes_on.and_then(|kept| kept.warned),
        created: kept.map_or_else(|| given.created.unwrap_or(now), |kept| kept.created),
        status,
        secrets,
        headers,
        ..fresh
    }
}

fn status(kept: Option<&Status>, given: ImportedStatus, begin: Begin, now: Timestamp) -> Status {
    match (kept, begin, given) {
        (Some(kept), Begin::Disabled, _) => kept.clone(),
        (None, Begin::Disabled, ImportedStatus::Active) => Status::Disabled {
            since: now,
            reason: DisableReason::Asked,
        },
        (_, _, ImportedStatus::Active) => Status::Active,
        (_, _, ImportedStatus::Disabled { since, reason }) => {
            let was = match kept {
                Some(Status::Disabled { since, .. }) => Some(*since),
                Some(Status::Active) | None => None,
            };
            let since = since.or(was).unwrap_or(now);
            Status::Disabled { since, reason }
        }
    }
}

/// Secrets of a rotation that are valid at this time.
pub(super) fn signing_now(secrets: &[SigningSecret], now: Timestamp) -> Vec<SigningSecret> {
    let signing = secrets.iter().filter(|s| s.expires.is_none_or(|end| now < end));
    signing.cloned().collect()
}

/// Names of the fields in which two subscriptions differ.
pub(super) fn subscription_differences(
    kept: &Subscription,
    made: &Subscription,
    now: Timestamp,
) -> Vec<&'static str> {
    let differences = [
        ("url", kept.url != made.url),
        ("events", kept.events != made.events),
        ("filter", kept.filter != made.filter),
        ("description", kept.description != made.description),
        ("status", kept.status != made.status),
        (
            "secrets",
            signing_now(&kept.secrets, now) != signing_now(&made.secrets, now),
        ),
        ("headers", sorted(&kept.headers) != sorted(&made.headers)),
        ("timeout", kept.timeout != made.timeout),
        ("retry", kept.retry != made.retry),
        ("payload", kept.payload != made.payload),
        ("owner", kept.owner != made.owner),
        ("mode", kept.mode != made.mode),
    ];
    named(&differences)
}

/// Names of the fields in which two event types differ.
pub(super) fn type_differences(kept: &TypeSpec, given: &TypeSpec) -> Vec<&'static str> {
    named(&[
        ("entity", kept.entity != given.entity),
        ("description", kept.description != given.description),
        ("schema", kept.schema != given.schema),
        ("validate", kept.validate != given.validate),
        ("authority", kept.authority != given.authority),
    ])
}

/// Names of the fields in which two keys differ.
pub(super) fn key_differences(kept: &ApiKey, made: &ApiKey) -> Vec<&'static str> {
    named(&[
        ("scopes", kept.scopes != made.scopes),
        ("expires", kept.expires != made.expires),
        ("subscription", kept.subscription != made.subscription),
        ("hint", kept.hint != made.hint),
    ])
}

fn named(differences: &[(&'static str, bool)]) -> Vec<&'static str> {
    let differ = differences.iter().filter(|(_, differs)| *differs);
    differ.map(|(field, _)| *field).collect()
}

fn sorted(headers: &[(String, Secret)]) -> Vec<(&str, &str)> {
    let mut sorted: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.reveal()))
        .collect();
    sorted.sort_unstable();
    sorted
}

/// Checks the signing secrets of a subscription.
pub(super) fn check_subscription_secrets(
    made: &Subscription,
    profile: &Profile,
) -> Result<(), RegistryError> {
    if made.secrets.is_empty() && profile.secret.owner == SecretOwner::Subscription {
        return Err(RegistryError::invalid("secrets", "at least one secret is needed"));
    }
    check_rotation(&made.secrets, "secrets")?;
    let newest = check_secrets(made, profile);
    newest.map_err(|error| at(error, "secrets/0/secret"))
}

/// Checks the signing secrets of a tenant.
pub(super) fn check_tenant_secrets(
    secrets: &[SigningSecret],
    profile: &Profile,
) -> Result<(), RegistryError> {
    check_rotation(secrets, "signing_secrets")?;
    let newest = secrets
        .first()
        .map(|newest| check_tenant_secret(&newest.secret, profile));
    newest
        .unwrap_or(Ok(()))
        .map_err(|error| at(error, "signing_secrets/0/secret"))
}

/// Checks that the newest secret has no end and that the earlier ones have one.
/// The form of the earlier ones is not checked: they may come from another profile.
fn check_rotation(secrets: &[SigningSecret], field: &'static str) -> Result<(), RegistryError> {
    if secrets.len() > MAX_SECRETS {
        let limit = MAX_SECRETS;
        let what = "signing secrets at once";
        return Err(RegistryError::LimitReached { what, limit });
    }
    if secrets.iter().any(|s| s.secret.reveal().len() > MAX_SECRET_BYTES) {
        let problem = format!("a secret is over {MAX_SECRET_BYTES} bytes");
        return Err(RegistryError::invalid(field, problem));
    }
    let mut ends = secrets.iter().map(|secret| secret.expires.is_some());
    if ends.next() == Some(true) {
        let problem = "the first secret is the current one, and has no `expires`";
        return Err(RegistryError::invalid(field, problem));
    }
    if ends.any(|has_end| !has_end) {
        let problem = "the secrets after the first are in their grace time, and have `expires`";
        return Err(RegistryError::invalid(field, problem));
    }
    Ok(())
}

/// Moves an error to the field of the row that has the value.
fn at(error: RegistryError, field: &'static str) -> RegistryError {
    match error {
        RegistryError::Invalid { problem, .. } => RegistryError::Invalid { field, problem },
        other => other,
    }
}

/// Checks the limits of a key.
pub(super) fn check_key(key: &ApiKey, subscriptions: &BTreeSet<SubscriptionId>) -> Result<(), RegistryError> {
    if key.hint.len() > MAX_HINT || key.hint.chars().any(char::is_control) {
        let problem = format!("it is over {MAX_HINT} bytes, or has control characters");
        return Err(RegistryError::invalid("hint", problem));
    }
    let Some(subscription) = key.subscription else {
        return Ok(());
    };
    if !subscriptions.contains(&subscription) {
        let problem = "the tenant has no such subscription";
        return Err(RegistryError::invalid("subscription", problem));
    }
    if !key.scopes.names().eq([Scope::Consumer.name()]) {
        let problem = "a key that is limited to a subscription has the scope `consumer` and no other";
        return Err(RegistryError::invalid("scopes", problem));
    }
    Ok(())
}

const MAX_HINT: usize = 64;
