//! Signing secret of a tenant, for endpoints that events name themselves, and views of secrets.
//!
//! A secret is shown by the response that created it, by a rotation, by its own route, and by an
//! export (`transfer`). No other response contains one.

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

/// Parameters of a secret rotation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "SecretRotation")]
#[serde(deny_unknown_fields, default)]
pub(super) struct RotateInput {
    /// New secret; generated if left out.
    #[schemars(length(max = 512))]
    pub secret: Option<String>,
    /// Algorithm of a generated secret; default: the previous one.
    pub signature: Option<SignatureView>,
    /// Time for which the old secret still signs, such as `24h`; `0s`: it stops at once.
    pub grace: Option<Span>,
}

/// Signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "SignatureKind")]
#[serde(rename_all = "snake_case")]
pub(super) enum SignatureView {
    /// HMAC (Standard Webhooks `v1`): a secret that both sides have.
    #[serde(alias = "v1")]
    Hmac,
    /// Ed25519 (Standard Webhooks `v1a`): private key in the gateway, public key for the receiver.
    #[serde(alias = "v1a")]
    Ed25519,
}

/// Signing secrets.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SigningSecrets")]
pub(super) struct SecretsView {
    /// Current secret; `null` for an Ed25519 key, whose private half stays in the gateway.
    pub secret: Option<String>,
    /// Public key that verifies the signatures of an Ed25519 key: `whpk_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Older secrets that still sign.
    pub previous: Vec<PreviousSecret>,
}

/// Secret in its grace period.
#[derive(Serialize, JsonSchema)]
pub(super) struct PreviousSecret {
    /// Secret; `null` for an Ed25519 key.
    pub secret: Option<String>,
    /// Public key of an Ed25519 key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Time until which the secret signs.
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

/// Rotates the tenant's signing secret, or creates its first one. Shared by all routes that do so.
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

/// Secret that a request gives, or asks for by its algorithm.
///
/// `None`: the registry makes one with the default algorithm.
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

/// Checks that the tenant's profile can sign with a given secret.
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
    /// Creates the view of the secrets of the tenant or of one of its subscriptions.
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

/// Returns the secret, or the public key in place of a private one.
pub(super) fn show(tenant: &Tenant, secret: &Secret) -> (Option<String>, Option<String>) {
    let profile = tenant.contract.as_ref();
    match profile.and_then(|profile| profile.secret.public_key(secret)) {
        Some(public) => (None, Some(public)),
        None => (Some(secret.reveal().to_owned()), None),
    }
}

const TAG: &str = "Signing secret";
