//! The tenant's own signing secret, for deliveries to endpoints that events name themselves; and how secrets are shown.
//!
//! A secret is shown by the answer that made it, by a rotation, and by its own route. No other answer has one.

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
use crate::domain::Secret;
use crate::domain::subscription::SigningSecret;
use crate::domain::units::Span;
use crate::http::{Code, FieldError, Problem};
use crate::registry::Tenant;

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
    /// How long the old one signs beside it, such as `24h`; `0s`: it stops at once.
    pub grace: Option<Span>,
}

/// Signing secrets.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SigningSecrets")]
pub(super) struct SecretsView {
    /// The current one.
    pub secret: Option<String>,
    /// Older ones that still sign beside it.
    pub previous: Vec<PreviousSecret>,
}

/// A secret in its grace time.
#[derive(Serialize, JsonSchema)]
pub(super) struct PreviousSecret {
    /// The secret.
    pub secret: String,
    /// Until when it signs.
    pub expires: Option<String>,
}

async fn get(Acting(tenant): Acting) -> Json<SecretsView> {
    Json(SecretsView::from(&tenant.signing_secrets[..]))
}

async fn rotate(
    State(api): State<Api>,
    Acting(tenant): Acting,
    OptionalBody(input): OptionalBody<RotateInput>,
) -> Result<Json<SecretsView>, Problem> {
    let rotated = rotate_tenants(&api, &tenant, input).await?;
    Ok(Json(SecretsView::from(&rotated.signing_secrets[..])))
}

/// Gives the tenant a new secret of its own, or its first one, whichever route asks for it.
pub(super) async fn rotate_tenants(
    api: &Api,
    tenant: &Tenant,
    input: RotateInput,
) -> Result<Arc<Tenant>, Problem> {
    let secret = input.secret.as_deref().map(Secret::new);
    if let Some(secret) = &secret {
        check_secret(tenant, secret)?;
    }
    let grace = input.grace.map(Span::get);
    let rotated = api
        .registry
        .rotate_tenant_secret(&tenant.id, secret, grace)
        .await?;
    tracing::info!(tenant = %tenant.id, "tenant.secret_rotated");
    Ok(rotated)
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

impl From<&[SigningSecret]> for SecretsView {
    fn from(secrets: &[SigningSecret]) -> Self {
        let mut secrets = secrets.iter();
        Self {
            secret: secrets.next().map(|current| current.secret.reveal().to_owned()),
            previous: secrets
                .map(|old| PreviousSecret {
                    secret: old.secret.reveal().to_owned(),
                    expires: old.expires.map(text),
                })
                .collect(),
        }
    }
}

const TAG: &str = "Signing secret";
