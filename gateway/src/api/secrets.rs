//! The tenant's own signing secret, for deliveries to endpoints that events name themselves; and how secrets are shown.
//!
//! A secret is shown by the answer that made it, by a rotation, by its own route, and by an export (`transfer`). No other answer has
//! one.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::describe::described;
use super::input::{Acting, OptionalBody};
use super::views::text;
use crate::http::{Code, FieldError, Problem};
use hookgate_domain::Secret;
use hookgate_domain::subscription::SigningSecret;
use hookgate_domain::units::Span;
use hookgate_registry::Tenant;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/signing-secret",
            get_with(
                get,
                described(
                    TAG,
                    "getSigningSecret",
                    "The tenant's own signing secrets",
                    "What signs deliveries to endpoints that events name themselves (`deliver_to`), and with a profile of one \
                     secret an account every delivery.",
                ),
            ),
        )
        .api_route(
            "/v1/signing-secret/rotate",
            post_with(
                rotate,
                described(
                    TAG,
                    "rotateSigningSecret",
                    "Make or change the tenant's own signing secret",
                    "The old secret signs beside the new one for the grace time, so that no delivery fails to verify.",
                ),
            ),
        )
}

/// A new secret.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "SecretRotation")]
#[serde(deny_unknown_fields, default)]
pub(super) struct RotateInput {
    /// The new secret; made where none is given.
    pub secret: Option<String>,
    /// What signs with it, where it is made here; as before where it is left out.
    pub signature: Option<SignatureView>,
    /// How long the old one signs beside it, such as `24h`; `0s`: it stops at once.
    pub grace: Option<Span>,
}

/// What makes signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "SignatureKind")]
#[serde(rename_all = "snake_case")]
pub(super) enum SignatureView {
    /// A secret that both sides have (in Standard Webhooks `v1`).
    #[serde(alias = "v1")]
    Hmac,
    /// A private key that the gateway has, and a public one for the receiver (in Standard Webhooks `v1a`).
    #[serde(alias = "v1a")]
    Ed25519,
}

/// Signing secrets.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SigningSecrets")]
pub(super) struct SecretsView {
    /// The current one; null where it is an Ed25519 key, whose private half stays here.
    pub secret: Option<String>,
    /// What verifies instead, of an Ed25519 key: `whpk_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Older ones that still sign beside it.
    pub previous: Vec<PreviousSecret>,
}

/// A secret in its grace time.
#[derive(Serialize, JsonSchema)]
pub(super) struct PreviousSecret {
    /// The secret; null of an Ed25519 key.
    pub secret: Option<String>,
    /// The public key, of an Ed25519 key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Until when it signs.
    pub expires: Option<String>,
}

async fn get(Acting(tenant): Acting) -> Json<SecretsView> {
    Json(SecretsView::new(&tenant, &tenant.signing_secrets))
}

async fn rotate(
    State(api): State<Api>,
    Acting(tenant): Acting,
    OptionalBody(input): OptionalBody<RotateInput>,
) -> Result<Json<SecretsView>, Problem> {
    let rotated = rotate_tenants(&api, &tenant, input).await?;
    Ok(Json(SecretsView::new(&rotated, &rotated.signing_secrets)))
}

/// Gives the tenant a new secret of its own, or its first one, whichever route asks for it.
pub(super) async fn rotate_tenants(
    api: &Api,
    tenant: &Tenant,
    input: RotateInput,
) -> Result<Arc<Tenant>, Problem> {
    let secret = given(api, tenant, input.secret.as_deref(), input.signature)?;
    let grace = input.grace.map(Span::get);
    let rotated = api
        .registry
        .rotate_tenant_secret(&tenant.id, secret, grace)
        .await?;
    tracing::info!(tenant = %tenant.id, "tenant.secret_rotated");
    Ok(rotated)
}

/// The secret that a request gives, or asks for by its kind; `None`: the registry makes the usual one.
pub(super) fn given(
    api: &Api,
    tenant: &Tenant,
    secret: Option<&str>,
    signature: Option<SignatureView>,
) -> Result<Option<Secret>, Problem> {
    match (secret.map(Secret::new), signature) {
        (Some(secret), None) => {
            check_secret(tenant, &secret)?;
            Ok(Some(secret))
        }
        (None, None) => Ok(None),
        (None, Some(SignatureView::Hmac)) => Ok(Some(api.registry.generate_secret(&tenant.profile)?)),
        (None, Some(SignatureView::Ed25519)) => {
            Ok(Some(api.registry.generate_ed25519_secret(&tenant.profile)?))
        }
        (Some(_), Some(_)) => {
            let error = FieldError::new("/signature", "a secret that is given says by itself what it is");
            Err(Problem::fields(Code::InvalidField, vec![error]))
        }
    }
}

/// A secret that somebody gives must be one that the tenant's profile can sign with.
pub(super) fn check_secret(tenant: &Tenant, secret: &Secret) -> Result<(), Problem> {
    match tenant.contract.as_ref().map(|profile| profile.secret.key(secret)) {
        Some(Ok(_)) | None => Ok(()),
        Some(Err(bad)) => Err(Problem::fields(
            Code::InvalidField,
            vec![FieldError::new("/secret", bad.to_string())],
        )),
    }
}

impl SecretsView {
    /// Of the tenant itself, or of one of its subscriptions.
    pub(super) fn new(tenant: &Tenant, secrets: &[SigningSecret]) -> Self {
        let mut shown = secrets.iter().map(|one| (show(tenant, &one.secret), one.expires));
        let (secret, public_key) = shown.next().map(|(shown, _)| shown).unwrap_or_default();
        let previous = shown.map(|((secret, public_key), expires)| PreviousSecret {
            secret,
            public_key,
            expires: expires.map(text),
        });
        Self {
            secret,
            public_key,
            previous: previous.collect(),
        }
    }
}

/// The secret, or in place of a private key its public one.
pub(super) fn show(tenant: &Tenant, secret: &Secret) -> (Option<String>, Option<String>) {
    let profile = tenant.contract.as_ref();
    match profile.and_then(|profile| profile.secret.public_key(secret)) {
        Some(public) => (None, Some(public)),
        None => (Some(secret.reveal().to_owned()), None),
    }
}

const TAG: &str = "Signing secret";
