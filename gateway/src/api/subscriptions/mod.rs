//! Subscriptions: made, changed, switched on and off, their secrets, and a test event.

mod trial;
mod views;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;

use super::Api;
use super::describe::{described, does};
use super::input::{Acting, Body, Id, OptionalBody, Params, not_found};
use super::output::{Created, Gone};
use super::page::{self, Page, PageQuery};
use crate::domain::subscription::DisableReason;
use crate::domain::{Secret, SubscriptionId};
use crate::egress::{NotAdmitted, custom_header};
use crate::http::{Code, FieldError, Problem};
use crate::registry::Tenant;

use views::{
    CreatedSubscription, NewSubscriptionInput, RotateInput, SecretsView, SubscriptionPatchInput,
    SubscriptionView,
};

pub(super) fn routes() -> ApiRouter<Api> {
    let one = get_with(get, does(TAG, "getSubscription", "One subscription"))
        .patch_with(
            patch,
            described(
                TAG,
                "patchSubscription",
                "Change a subscription",
                "Fields that are absent stay as they are; `null` goes back to the default.",
            ),
        )
        .delete_with(
            delete,
            described(
                TAG,
                "deleteSubscription",
                "Delete a subscription",
                "Its deliveries that are pending are called off when their turn comes.",
            ),
        );
    ApiRouter::new()
        .api_route(
            "/v1/subscriptions",
            get_with(list, does(TAG, "listSubscriptions", "List subscriptions, the oldest first")).post_with(
                create,
                described(
                    TAG,
                    "createSubscription",
                    "Register an endpoint",
                    "Events whose type matches one of the patterns are sent to the URL, signed with the secret. The URL must \
                     lead to a public address unless the operator allowed its range.",
                ),
            ),
        )
        .api_route("/v1/subscriptions/{id}", one)
        .api_route("/v1/subscriptions/{id}/activate", post_with(activate, does(TAG, "activateSubscription", "Let it receive")))
        .api_route("/v1/subscriptions/{id}/disable", post_with(disable, does(TAG, "disableSubscription", "Let it receive no more")))
        .api_route("/v1/subscriptions/{id}/secret", get_with(secret, does(TAG, "getSubscriptionSecret", "Its signing secrets")))
        .api_route(
            "/v1/subscriptions/{id}/rotate-secret",
            post_with(
                rotate,
                described(
                    TAG,
                    "rotateSubscriptionSecret",
                    "Change the signing secret",
                    "The old secret signs beside the new one for the grace time, so that no delivery fails to verify.",
                ),
            ),
        )
        .api_route("/v1/subscriptions/{id}/test", trial::method())
}

async fn create(
    State(api): State<Api>,
    Acting(tenant): Acting,
    Body(input): Body<NewSubscriptionInput>,
) -> Result<Created<CreatedSubscription>, Problem> {
    let new = input.into_new()?;
    admit(&api, &new.url).await?;
    check_headers(&new.headers)?;
    if let Some(secret) = &new.secret {
        check_secret(&tenant, secret)?;
    }
    let made = api.registry.create_subscription(&tenant.id, new).await?;
    tracing::info!(tenant = %tenant.id, subscription = %made.id, "subscription.created");
    Ok(Created {
        location: format!("/v1/subscriptions/{}", made.id),
        made: CreatedSubscription::from(&*made),
    })
}

async fn list(
    Acting(tenant): Acting,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<SubscriptionView>>, Problem> {
    let mut ordered: Vec<_> = tenant.subscriptions.iter().collect();
    ordered.sort_by_key(|subscription| subscription.id);
    let page = page::of(
        ordered.into_iter(),
        |subscription| subscription.id.to_string(),
        &query,
    )?;
    let data = page
        .data
        .into_iter()
        .map(|subscription| SubscriptionView::from(&**subscription))
        .collect();
    Ok(Json(Page {
        data,
        next_cursor: page.next_cursor,
    }))
}

async fn get(Acting(tenant): Acting, id: Id) -> Result<Json<SubscriptionView>, Problem> {
    let found = tenant.subscription(id.parse()?).ok_or_else(not_found)?;
    Ok(Json(SubscriptionView::from(&**found)))
}

async fn patch(
    State(api): State<Api>,
    Acting(tenant): Acting,
    id: Id,
    Body(input): Body<SubscriptionPatchInput>,
) -> Result<Json<SubscriptionView>, Problem> {
    let id: SubscriptionId = id.parse()?;
    tenant.subscription(id).ok_or_else(not_found)?;
    let patch = input.into_patch()?;
    if let Some(url) = &patch.url {
        admit(&api, url).await?;
    }
    check_headers(patch.headers.as_deref().unwrap_or_default())?;
    let changed = api.registry.patch_subscription(&tenant.id, id, patch).await?;
    tracing::info!(tenant = %tenant.id, subscription = %id, "subscription.changed");
    Ok(Json(SubscriptionView::from(&*changed)))
}

async fn delete(State(api): State<Api>, Acting(tenant): Acting, id: Id) -> Result<Gone, Problem> {
    let id: SubscriptionId = id.parse()?;
    api.registry.delete_subscription(&tenant.id, id).await?;
    tracing::info!(tenant = %tenant.id, subscription = %id, "subscription.deleted");
    Ok(Gone)
}

async fn activate(
    State(api): State<Api>,
    Acting(tenant): Acting,
    id: Id,
) -> Result<Json<SubscriptionView>, Problem> {
    let id: SubscriptionId = id.parse()?;
    let changed = api.registry.activate_subscription(&tenant.id, id).await?;
    tracing::info!(tenant = %tenant.id, subscription = %id, "subscription.activated");
    Ok(Json(SubscriptionView::from(&*changed)))
}

async fn disable(
    State(api): State<Api>,
    Acting(tenant): Acting,
    id: Id,
) -> Result<Json<SubscriptionView>, Problem> {
    let id: SubscriptionId = id.parse()?;
    let changed = api
        .registry
        .disable_subscription(&tenant.id, id, DisableReason::Asked)
        .await?;
    tracing::info!(tenant = %tenant.id, subscription = %id, reason = "asked", "subscription.disabled");
    Ok(Json(SubscriptionView::from(&*changed)))
}

async fn secret(Acting(tenant): Acting, id: Id) -> Result<Json<SecretsView>, Problem> {
    let found = tenant.subscription(id.parse()?).ok_or_else(not_found)?;
    Ok(Json(SecretsView::from(&**found)))
}

async fn rotate(
    State(api): State<Api>,
    Acting(tenant): Acting,
    id: Id,
    OptionalBody(input): OptionalBody<RotateInput>,
) -> Result<Json<SecretsView>, Problem> {
    let id: SubscriptionId = id.parse()?;
    let secret = input.secret.as_deref().map(Secret::new);
    if let Some(secret) = &secret {
        check_secret(&tenant, secret)?;
    }
    let grace = input.grace.map(crate::domain::units::Span::get);
    let rotated = api.registry.rotate_secret(&tenant.id, id, secret, grace).await?;
    tracing::info!(tenant = %tenant.id, subscription = %id, "subscription.secret_rotated");
    Ok(Json(SecretsView::from(&*rotated)))
}

/// Whether the gateway may send there as things stand.
async fn admit(api: &Api, url: &url::Url) -> Result<(), Problem> {
    let refused = match api.egress.admit(url).await {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    let (code, detail) = match refused {
        NotAdmitted::Url(bad) => (Code::InvalidField, bad.to_string()),
        NotAdmitted::Address(refused) => (Code::AddressRefused, refused.to_string()),
    };
    Err(Problem::fields(code, vec![FieldError::new("/url", detail)]))
}

fn check_headers(headers: &[(String, Secret)]) -> Result<(), Problem> {
    let mut errors = Vec::new();
    for (name, value) in headers {
        if let Err(bad) = custom_header(name, value) {
            let step = name.replace('~', "~0").replace('/', "~1");
            errors.push(FieldError::new(format!("/headers/{step}"), bad.to_string()));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::fields(Code::InvalidField, errors))
    }
}

/// A secret that somebody gives must be one that the tenant's profile can sign with.
fn check_secret(tenant: &Tenant, secret: &Secret) -> Result<(), Problem> {
    match tenant.contract.as_ref().map(|profile| profile.secret.key(secret)) {
        Some(Ok(_)) | None => Ok(()),
        Some(Err(bad)) => Err(Problem::fields(
            Code::InvalidField,
            vec![FieldError::new("/secret", bad.to_string())],
        )),
    }
}

const TAG: &str = "Subscriptions";
