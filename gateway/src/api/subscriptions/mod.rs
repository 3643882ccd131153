//! Subscriptions: create, change, activate, disable, rotate secrets, and send test events.

pub(super) mod act;
mod missed;
mod pause;
pub(super) mod recover;
mod retry;
pub(super) mod stats;
pub(super) mod trial;
mod views;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;

use super::Api;
use super::describe::{described, does};
use super::input::{Body, Consuming, Id, OptionalBody, Params};
use super::output::{Created, Gone};
use super::page::{Page, PageQuery};
use super::secrets::SecretsView;
use crate::http::Problem;
use hookgate_domain::Status;

use missed::missed;
use views::{ActivatedSubscription, CreatedSubscription, SubscriptionView};

pub(super) use super::secrets::RotateInput;
pub(super) use retry::{RetryView, span};
pub(super) use views::{ModeView, NewSubscriptionInput, OwnerView, PayloadView, SubscriptionPatchInput};

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
                    "Events whose type matches one of the patterns, and that pass the filter where there is one, are sent to \
                     the URL, signed with the secret. The URL must lead to a public address unless the operator allowed \
                     its range. A filter is an object: `type`, pointers into the data (`/status`) and patterns \
                     (`/items/*/sku`) with what they are to be, a value or operators (`$eq`, `$ne`, `$gt`, `$gte`, `$lt`, \
                     `$lte`, `$in`, `$nin`, `$exists`, `$startsWith`, `$endsWith`), and `$and`, `$or`, `$not` with \
                     conditions.",
                ),
            ),
        )
        .api_route("/v1/subscriptions/{id}", one)
        .api_route(
            "/v1/subscriptions/{id}/activate",
            post_with(
                activate,
                described(
                    TAG,
                    "activateSubscription",
                    "Let it receive",
                    "The answer tells since when it missed events, how many, and where to ask for them: none is made again by \
                     itself.",
                ),
            ),
        )
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
        .api_route("/v1/subscriptions/{id}/stats", stats::method())
        .api_route("/v1/subscriptions/{id}/test", trial::method())
        .api_route("/v1/subscriptions/{id}/recover", recover::method())
}

async fn create(
    State(api): State<Api>,
    caller: Consuming,
    Body(input): Body<NewSubscriptionInput>,
) -> Result<Created<CreatedSubscription>, Problem> {
    let made = act::create(&api, &caller, caller.makes(), input).await?;
    Ok(Created {
        location: format!("/v1/subscriptions/{}", caller.tenant.public_id(made.id)),
        made: CreatedSubscription::new(&caller.tenant, &made),
    })
}

async fn list(
    State(api): State<Api>,
    caller: Consuming,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<SubscriptionView>>, Problem> {
    let page = act::list(&caller, &query)?;
    Ok(Json(Page {
        data: page
            .data
            .into_iter()
            .map(|found| SubscriptionView::new(&caller.tenant, found).paused(&api, found))
            .collect(),
        next_cursor: page.next_cursor,
    }))
}

async fn get(State(api): State<Api>, caller: Consuming, id: Id) -> Result<Json<SubscriptionView>, Problem> {
    let found = caller.subscription(id.subscription(&caller.tenant)?)?;
    Ok(Json(
        SubscriptionView::new(&caller.tenant, found).paused(&api, found),
    ))
}

async fn patch(
    State(api): State<Api>,
    caller: Consuming,
    id: Id,
    Body(input): Body<SubscriptionPatchInput>,
) -> Result<Json<SubscriptionView>, Problem> {
    let id = id.subscription(&caller.tenant)?;
    let changed = act::change(&api, &caller, id, input).await?;
    Ok(Json(SubscriptionView::new(&caller.tenant, &changed)))
}

async fn delete(State(api): State<Api>, caller: Consuming, id: Id) -> Result<Gone, Problem> {
    act::delete(&api, &caller, id.subscription(&caller.tenant)?).await?;
    Ok(Gone)
}

async fn activate(
    State(api): State<Api>,
    caller: Consuming,
    id: Id,
) -> Result<Json<ActivatedSubscription>, Problem> {
    let id = id.subscription(&caller.tenant)?;
    let since = match caller.subscription(id)?.status {
        Status::Disabled { since, .. } => Some(since),
        Status::Active => None,
    };
    let changed = act::activate(&api, &caller, id).await?;
    let missed = match since {
        Some(since) => Some(missed(&api, &caller.tenant, &changed, since).await),
        None => None,
    };
    Ok(Json(ActivatedSubscription::new(&caller.tenant, &changed, missed)))
}

async fn disable(
    State(api): State<Api>,
    caller: Consuming,
    id: Id,
) -> Result<Json<SubscriptionView>, Problem> {
    let changed = act::disable(&api, &caller, id.subscription(&caller.tenant)?).await?;
    Ok(Json(SubscriptionView::new(&caller.tenant, &changed)))
}

async fn secret(caller: Consuming, id: Id) -> Result<Json<SecretsView>, Problem> {
    let found = caller.subscription(id.subscription(&caller.tenant)?)?;
    Ok(Json(SecretsView::new(&caller.tenant, &found.secrets)))
}

async fn rotate(
    State(api): State<Api>,
    caller: Consuming,
    id: Id,
    OptionalBody(input): OptionalBody<RotateInput>,
) -> Result<Json<SecretsView>, Problem> {
    let rotated = act::rotate(&api, &caller, id.subscription(&caller.tenant)?, input).await?;
    Ok(Json(SecretsView::new(&caller.tenant, &rotated.secrets)))
}

const TAG: &str = "Subscriptions";
