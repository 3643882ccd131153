//! Actions of product routes, carried out by the functions of this API's routes.

use axum::response::Response;
use http::{HeaderValue, header};

use super::super::event_types;
use super::super::events::{self, FeedQuery};
use super::super::input::not_found;
use super::super::output::hold;
use super::super::page::PageQuery;
use super::super::secrets;
use super::super::subscriptions::{act, trial};
use super::answer::{Json, json, members, of_event, of_secrets, of_subscription, of_type};
use super::request::Fields;
use super::{Visit, deliveries};
use crate::http::Problem;
use hookgate_contract::profile::{Action, Field, Input, Route};
use hookgate_domain::subscription::Owner;
use hookgate_domain::{Subscription, SubscriptionId};

/// Carries out the route's action and builds the response. `path_id` is the id in the path.
///
/// # Errors
/// Errors of this API's routes, with this API's field names.
pub(super) async fn perform(
    visit: &Visit<'_>,
    path_id: Option<&str>,
    fields: Fields,
) -> Result<Response, Problem> {
    let (api, caller) = (visit.api, visit.caller);
    // Text that is not an id of this adapter is not found.
    let id = || -> Result<SubscriptionId, Problem> {
        path_id
            .and_then(|text| visit.door.subscription_id(text))
            .ok_or_else(not_found)
    };
    match visit.route.action {
        Action::CreateSubscription => {
            let input = fields.status_of(visit.door)?.read()?;
            let made = act::create(api, caller, Owner::Consumer, input).await?;
            Ok(visit.with_location(&made))
        }
        Action::GetSubscription | Action::RevealSecret => Ok(visit.show(caller.subscription(id()?)?)),
        Action::UpdateSubscription => {
            let changed = act::change(api, caller, id()?, fields.read()?).await?;
            Ok(visit.show(&changed))
        }
        Action::ActivateSubscription => Ok(visit.show(&*act::activate(api, caller, id()?).await?)),
        Action::DisableSubscription => Ok(visit.show(&*act::disable(api, caller, id()?).await?)),
        Action::RotateSecret => {
            let input = fields.seconds_to_span(Input::Grace)?.read()?;
            Ok(visit.show(&*act::rotate(api, caller, id()?, input).await?))
        }
        Action::DeleteSubscription => {
            act::delete(api, caller, id()?).await?;
            Ok(visit.reply(|_| json(&())))
        }
        Action::TestSubscription => {
            let kind = TEST.parse().expect("a type");
            let data = serde_json::json!({ "message": "This is a test event." });
            let delivery = trial::send(api, caller, id()?, kind, data.into()).await?;
            Ok(visit.reply(|field| match field {
                Field::Delivery => json(&delivery.to_string()),
                _ => json(delivery.event.as_str()),
            }))
        }
        Action::CreateTenantSecret => {
            caller.reach.check_whole()?;
            let input = fields.seconds_to_span(Input::Grace)?.read()?;
            let changed = secrets::rotate_tenants(api, &caller.tenant, input).await?;
            let now = api.clock.now();
            Ok(visit.reply(|field| of_secrets(&changed.signing_secrets, now, field)))
        }
        Action::RecoverSubscription => deliveries::recover(visit, id()?, fields).await,
        Action::SubscriptionStats => deliveries::stats(visit, id()?).await,
        Action::ListDeliveries => {
            let of = path_id.map(|_| id()).transpose()?;
            deliveries::list(visit, of, &fields).await
        }
        Action::GetDelivery => deliveries::one(visit, path_id).await,
        Action::RetryDelivery => deliveries::retry(visit, path_id).await,
        Action::ListSubscriptions => list(visit, &fields),
        Action::Feed => feed(visit, &fields).await,
        Action::ListEventTypes => Ok(event_types(visit)),
    }
}

fn list(visit: &Visit<'_>, fields: &Fields) -> Result<Response, Problem> {
    let query = PageQuery {
        limit: limit(fields)?,
        cursor: fields.text(Input::Cursor)?,
    };
    let page = act::list(visit.caller, &query)?;
    let now = visit.api.clock.now();
    let item = |found| {
        members(&visit.route.item, |field| {
            of_subscription(visit.door, found, now, field)
        })
    };
    let items: Vec<_> = page.data.into_iter().map(item).collect();
    Ok(visit.page(&items, page.next_cursor.as_deref(), page.next_cursor.is_some()))
}

async fn feed(visit: &Visit<'_>, fields: &Fields) -> Result<Response, Problem> {
    let query = FeedQuery {
        limit: limit(fields)?,
        cursor: fields.text(Input::Cursor)?,
        since: fields.text(Input::Since)?,
        types: fields.text(Input::Types)?,
        wait: fields.number(Input::Wait)?,
    };
    let read = events::read(visit.api, visit.caller, &query).await?;
    let items: Vec<Json> = match &visit.caller.tenant.contract {
        Some(profile) if visit.route.item.is_empty() => {
            let pushed = read.events.iter().map(|event| of_event::pushed(profile, event));
            pushed.collect::<Result<_, _>>()?
        }
        Some(_) | None => {
            let item = |event| members(&visit.route.item, |field| of_event::field(event, field));
            read.events.iter().map(|event| json(&item(event))).collect()
        }
    };
    Ok(hold(
        visit.page(&items, Some(&read.next_cursor), read.more),
        read.memory,
    ))
}

/// Lists the event types with a name: the profile's and the tenant's own.
fn event_types(visit: &Visit<'_>) -> Response {
    let items: Vec<_> = event_types::all(&visit.caller.tenant)
        .iter()
        .filter(|entry| entry.kind.is_some())
        .map(|entry| members(&visit.route.item, |field| of_type(entry, field)))
        .collect();
    visit.page(&items, None, false)
}

pub(super) fn limit(fields: &Fields) -> Result<Option<usize>, Problem> {
    let limit = fields.number(Input::Limit)?;
    Ok(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)))
}

impl Visit<'_> {
    fn with_location(&self, made: &Subscription) -> Response {
        let mut response = self.show(made);
        let shows = |route: &&Route| route.action == Action::GetSubscription;
        if let Some(one) = self.door.routes.iter().find(shows) {
            let path = one.path.with_id(&self.door.public_id(made.id));
            let location = HeaderValue::try_from(path).expect("paths and ids are plain text");
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }

    fn show(&self, subscription: &Subscription) -> Response {
        let now = self.api.clock.now();
        self.reply(|field| of_subscription(self.door, subscription, now, field))
    }

    pub(super) fn page<T: serde::Serialize>(
        &self,
        items: &[T],
        next_cursor: Option<&str>,
        more: bool,
    ) -> Response {
        self.reply(|field| match field {
            Field::Items => json(items),
            Field::NextCursor => json(&next_cursor),
            Field::HasMore => json(&more),
            _ => json(&()),
        })
    }

    pub(super) fn reply(&self, held: impl Fn(Field) -> Json) -> Response {
        members(&self.route.answer, held).into_reply(self.route.status)
    }
}

/// Type of the event that tests an endpoint.
const TEST: &str = "webhook.test";
