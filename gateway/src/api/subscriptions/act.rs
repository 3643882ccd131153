//! Actions on subscriptions, shared by this API's routes and product routes.
//!
//! Every check of a subscription is here or in the registry.

use std::sync::Arc;

use super::super::Api;
use super::super::input::Consuming;
use super::super::page::{self, Page, PageQuery};
use super::super::secrets::{RotateInput, given};
use super::views::{NewSubscriptionInput, SubscriptionPatchInput};
use crate::http::{Code, FieldError, Problem, Reach};
use hookgate_domain::subscription::{DisableReason, Owner};
use hookgate_domain::units::Span;
use hookgate_domain::{Secret, Subscription, SubscriptionId};
use hookgate_egress::{BadHeader, NotAdmitted, custom_header};

/// Creates a subscription. `owner` applies if the request names no owner.
pub(in crate::api) async fn create(
    api: &Api,
    caller: &Consuming,
    owner: Owner,
    input: NewSubscriptionInput,
) -> Result<Arc<Subscription>, Problem> {
    caller.reach.check_whole()?;
    let tenant = &caller.tenant;
    check_tenants(caller, "owner", input.owner.is_some())?;
    check_tenants(caller, "mode", input.mode.is_some())?;
    let secret = given(api, tenant, input.secret.as_deref(), input.signature)?;
    let mut new = input.into_new(api.registry.limits().filter_limits(), owner)?;
    caller.granted.check_patterns(&new.events)?;
    admit(api, &new.url).await?;
    check_headers(api, &new.headers)?;
    new.secret = secret;
    let made = api.registry.create_subscription(&tenant.id, new).await?;
    tracing::info!(tenant = %tenant.id, subscription = %made.id, "subscription.created");
    Ok(made)
}

/// Returns a page of subscriptions, oldest first.
pub(in crate::api) fn list<'t>(
    caller: &'t Consuming,
    query: &PageQuery,
) -> Result<Page<&'t Subscription>, Problem> {
    let all = caller.tenant.subscriptions.iter().map(AsRef::as_ref);
    let mut ordered: Vec<&Subscription> = all.filter(|found| caller.reach.covers(found)).collect();
    ordered.sort_by_key(|subscription| subscription.id);
    page::of(
        ordered.into_iter(),
        |subscription| subscription.id.to_string(),
        query,
    )
}

/// Changes a subscription.
pub(in crate::api) async fn change(
    api: &Api,
    caller: &Consuming,
    id: SubscriptionId,
    input: SubscriptionPatchInput,
) -> Result<Arc<Subscription>, Problem> {
    let before = caller.subscription(id)?;
    check_tenants(caller, "owner", input.owner.is_some())?;
    check_tenants(caller, "mode", input.mode.is_some())?;
    let patch = input.into_patch(api.registry.limits().filter_limits())?;
    // Another URL must not receive types that the session does not see.
    caller
        .granted
        .check_patterns(patch.events.as_ref().unwrap_or(&before.events))?;
    if let Some(url) = &patch.url {
        admit(api, url).await?;
        check_headers_given(caller, before, (url, patch.headers.is_some()))?;
    }
    check_headers(api, patch.headers.as_deref().unwrap_or_default())?;
    let changed = api
        .registry
        .patch_subscription(&caller.tenant.id, id, patch)
        .await?;
    tracing::info!(tenant = %caller.tenant.id, subscription = %id, "subscription.changed");
    Ok(changed)
}

/// Deletes a subscription.
pub(in crate::api) async fn delete(api: &Api, caller: &Consuming, id: SubscriptionId) -> Result<(), Problem> {
    let found = caller.subscription(id)?;
    caller.granted.check_patterns(&found.events)?;
    api.registry.delete_subscription(&caller.tenant.id, id).await?;
    tracing::info!(tenant = %caller.tenant.id, subscription = %id, "subscription.deleted");
    Ok(())
}

/// Activates a subscription.
pub(in crate::api) async fn activate(
    api: &Api,
    caller: &Consuming,
    id: SubscriptionId,
) -> Result<Arc<Subscription>, Problem> {
    let found = caller.subscription(id)?;
    caller.granted.check_patterns(&found.events)?;
    let changed = api.registry.activate_subscription(&caller.tenant.id, id).await?;
    tracing::info!(tenant = %caller.tenant.id, subscription = %id, "subscription.activated");
    Ok(changed)
}

/// Disables a subscription.
pub(in crate::api) async fn disable(
    api: &Api,
    caller: &Consuming,
    id: SubscriptionId,
) -> Result<Arc<Subscription>, Problem> {
    let found = caller.subscription(id)?;
    caller.granted.check_patterns(&found.events)?;
    let asked = DisableReason::Asked;
    let changed = api
        .registry
        .disable_subscription(&caller.tenant.id, id, asked)
        .await?;
    tracing::info!(tenant = %caller.tenant.id, subscription = %id, reason = "asked", "subscription.disabled");
    Ok(changed)
}

/// Rotates the secret of a subscription.
pub(in crate::api) async fn rotate(
    api: &Api,
    caller: &Consuming,
    id: SubscriptionId,
    input: RotateInput,
) -> Result<Arc<Subscription>, Problem> {
    let found = caller.subscription(id)?;
    caller.granted.check_patterns(&found.events)?;
    let tenant = &caller.tenant;
    let secret = given(api, tenant, input.secret.as_deref(), input.signature)?;
    let grace = input.grace.map(Span::get);
    let rotated = api.registry.rotate_secret(&tenant.id, id, secret, grace).await?;
    tracing::info!(tenant = %tenant.id, subscription = %id, "subscription.secret_rotated");
    Ok(rotated)
}

/// Refuses a field that only the tenant may set: the owner and the mode of a subscription.
fn check_tenants(caller: &Consuming, field: &str, given: bool) -> Result<(), Problem> {
    if given && caller.reach != Reach::Tenant {
        let told = "this is not for consumers to say; a key with the scope `manage` can change it";
        let error = FieldError::new(format!("/{field}"), told);
        return Err(Problem::fields(Code::InvalidField, vec![error]));
    }
    Ok(())
}

/// Checks that the values of a subscription's headers do not go to another origin at the word of a
/// caller that cannot read them.
fn check_headers_given(
    caller: &Consuming,
    before: &Subscription,
    (url, given): (&url::Url, bool),
) -> Result<(), Problem> {
    let may_read = caller.reach == Reach::Tenant && caller.granted.session().is_none();
    if given || may_read || before.headers.is_empty() || url.origin() == before.url.origin() {
        return Ok(());
    }
    let told = "the subscription has headers, whose values go to another server by this: give all of them again, or none (`{}`)";
    let error = FieldError::new("/headers", told);
    Err(Problem::fields(Code::InvalidField, vec![error]))
}

/// Checks that the gateway may currently send to a URL.
async fn admit(api: &Api, url: &url::Url) -> Result<(), Problem> {
    let admitted = api.egress.admit(url).await;
    admitted.map_err(|refused| refusal(&refused))
}

/// Problem for a URL that is not admitted.
pub(in crate::api) fn refusal(refused: &NotAdmitted) -> Problem {
    let (code, detail) = match refused {
        NotAdmitted::Url(_) | NotAdmitted::Own => (Code::InvalidField, refused.to_string()),
        NotAdmitted::Address(refused) => (Code::AddressRefused, refused.to_string()),
    };
    Problem::fields(code, vec![FieldError::new("/url", detail)])
}

pub(in crate::api) fn check_headers(api: &Api, headers: &[(String, Secret)]) -> Result<(), Problem> {
    let profiles = api.registry.profiles();
    let mut errors = Vec::new();
    for (name, value) in headers {
        let checked = custom_header(name, value).and_then(|(name, _)| {
            if profiles.sign_with(name.as_str()) {
                return Err(BadHeader::Reserved(name));
            }
            Ok(())
        });
        if let Err(bad) = checked {
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
