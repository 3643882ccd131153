//! Authentication at product routes: the tenant of the key, if its profile has the adapter.

use http::HeaderMap;

use super::super::input::{Consuming, Granted};
use super::Entrance;
use crate::http::{Auth, Code, Problem, bearer};
use hookgate_contract::profile::{Action, KeyPlace};
use hookgate_domain::Scope;

/// Returns the tenant of the key, and the subscriptions within the key's reach.
///
/// The key is read only from the place that the adapter names. A consumer's key is accepted for
/// every route. The operator's key acts for the tenant that `Hookgate-Tenant` names, so that a
/// product's servers can forward requests.
///
/// # Errors
/// `key_missing`, `key_unknown`, `scope_missing`, errors of the operator's key, and `route_unknown`
/// if the tenant has another contract.
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
        return Ok(Consuming {
            tenant,
            reach,
            granted: Granted::default(),
        });
    }
    Err(Problem::new(
        Code::RouteUnknown,
        "The route is another product's.",
    ))
}

/// Scope that a key without the scope `consumer` needs for an action.
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

/// Returns `true` if an action creates deliveries: a delivery must not ask for it.
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
