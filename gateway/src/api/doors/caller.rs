//! Whose request it is: the tenant that the key belongs to, if its profile has this door.

use http::HeaderMap;

use super::super::input::Consuming;
use super::Entrance;
use crate::http::{Auth, Code, Problem, bearer};
use hookgate_contract::profile::{Action, KeyPlace};
use hookgate_domain::Scope;

/// The tenant of the key, which stands where the door says and nowhere else, and which of its subscriptions the key reaches.
/// A consumer's key will do for every route. The operator's key acts for the tenant that `Hookgate-Tenant` names, so that a
/// product's own servers can stand between.
///
/// # Errors
/// `key_missing`, `key_unknown`, `scope_missing`, those of the operator's key, and `route_unknown` where the tenant has another contract.
pub(super) fn tenant(
    auth: &Auth,
    entrance: &Entrance,
    action: Action,
    headers: &HeaderMap,
) -> Result<Consuming, Problem> {
    let key = key_of(&entrance.door.key, headers)
        .ok_or_else(|| Problem::new(Code::KeyMissing, "The request has no key."))?;
    let (tenant, reach) = auth.consumer_of_key(key, headers, needed_scope(action))?;
    if entrance.profiles.contains(&tenant.profile) {
        return Ok(Consuming { tenant, reach });
    }
    Err(Problem::new(
        Code::RouteUnknown,
        "The route is another product's.",
    ))
}

/// The scope that a key needs for what a route does, where it has not the scope `consumer`.
pub(super) fn needed_scope(action: Action) -> Scope {
    match action {
        Action::ListSubscriptions
        | Action::GetSubscription
        | Action::SubscriptionStats
        | Action::ListDeliveries
        | Action::GetDelivery
        | Action::Feed
        | Action::ListEventTypes => Scope::Read,
        Action::CreateSubscription
        | Action::UpdateSubscription
        | Action::DeleteSubscription
        | Action::ActivateSubscription
        | Action::DisableSubscription
        | Action::RotateSecret
        | Action::RevealSecret
        | Action::TestSubscription
        | Action::RecoverSubscription
        | Action::RetryDelivery
        | Action::CreateTenantSecret => Scope::Manage,
    }
}

/// Whether a route makes deliveries, which no delivery may ask for.
pub(super) fn asks_for_deliveries(action: Action) -> bool {
    matches!(
        action,
        Action::TestSubscription | Action::RecoverSubscription | Action::RetryDelivery
    )
}

fn key_of<'a>(place: &KeyPlace, headers: &'a HeaderMap) -> Option<&'a str> {
    let key = match place {
        KeyPlace::Bearer => bearer(headers),
        KeyPlace::Header(name) => headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim),
    };
    key.filter(|key| !key.is_empty())
}
