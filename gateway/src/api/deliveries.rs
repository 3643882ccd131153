//! Deliveries: listed, looked at, retried, called off.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::describe::{described, does};
use super::input::{Consuming, Id, NoDelivery, Params, not_found};
use super::output::Accepted;
use super::page::{self, Page};
use super::views::{DeliveryDetail, DeliveryStatus, DeliveryView, goes_to};
use crate::domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, Event, Status, Target, TenantId, Timestamp, Trigger,
};
use crate::feed::Cursor;
use crate::http::{Code, Problem, Reach};
use crate::registry::Tenant;
use crate::store::{FeedPosition, Next, Settled, Settlement, Token};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/deliveries",
            get_with(
                list,
                described(
                    "Deliveries",
                    "listDeliveries",
                    "List deliveries",
                    "The newest events' deliveries first. A filter that matches seldom may give an empty page with a cursor: \
                     go on until `next_cursor` is null.",
                ),
            ),
        )
        .api_route(
            "/v1/subscriptions/{id}/deliveries",
            get_with(
                list_of,
                described(
                    "Subscriptions",
                    "listSubscriptionDeliveries",
                    "Its deliveries",
                    "The same list as that of all deliveries, for one subscription.",
                ),
            ),
        )
        .api_route("/v1/deliveries/{id}", get_with(get, does("Deliveries", "getDelivery", "One delivery with its attempts")))
        .api_route(
            "/v1/deliveries/{id}/retry",
            post_with(
                retry,
                described(
                    "Deliveries",
                    "retryDelivery",
                    "Deliver again",
                    "Makes a new delivery of the same event to the same endpoint, with attempts of its own. A pending delivery \
                     cannot be retried: it is attempted anyway.",
                ),
            ),
        )
        .api_route("/v1/deliveries/{id}/cancel", post_with(cancel, does("Deliveries", "cancelDelivery", "Call a pending delivery off")))
}

/// Which deliveries.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveryQuery {
    /// How many at most: 1 to 500; 50 where it is not given.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Only those that stand like this.
    pub status: Option<DeliveryStatus>,
    /// Only those to this subscription.
    pub subscription: Option<String>,
}

/// Which deliveries of a subscription.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnDeliveryQuery {
    /// How many at most: 1 to 500; 50 where it is not given.
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only those that stand like this.
    status: Option<DeliveryStatus>,
}

/// A delivery that was made.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MadeDelivery")]
struct Made {
    /// Its id.
    id: String,
}

/// What is looked for, and from where.
struct Wanted<'c> {
    caller: &'c Consuming,
    status: Option<DeliveryStatus>,
    target: Option<Target>,
    limit: usize,
    from: Cursor,
}

async fn list(
    State(api): State<Api>,
    caller: Consuming,
    Params(query): Params<DeliveryQuery>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    page_of(&api, &caller, query).await.map(Json)
}

/// Those of a subscription that there is.
async fn list_of(
    State(api): State<Api>,
    caller: Consuming,
    id: Id,
    Params(query): Params<OwnDeliveryQuery>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let subscription = id.subscription(&caller.tenant)?;
    caller.subscription(subscription)?;
    let query = DeliveryQuery {
        limit: query.limit,
        cursor: query.cursor,
        status: query.status,
        subscription: Some(subscription.to_string()),
    };
    page_of(&api, &caller, query).await.map(Json)
}

/// A page of them, whichever route asks for it.
pub(super) async fn page_of(
    api: &Api,
    caller: &Consuming,
    query: DeliveryQuery,
) -> Result<Page<DeliveryView>, Problem> {
    let tenant = &caller.tenant;
    let cursor = query
        .cursor
        .as_deref()
        .map(|text| Cursor::from_text(text, api.feed.cursor_key(), &tenant.id, LIST));
    let wanted = Wanted {
        caller,
        status: query.status,
        target: query.subscription.map(|text| target(tenant, &text)).transpose()?,
        limit: page::limit(query.limit)?,
        from: cursor
            .transpose()
            .map_err(|_| page::bad_cursor())?
            .unwrap_or(Cursor::at(FeedPosition::END)),
    };
    let (found, next) = if wanted.status == Some(DeliveryStatus::Dead) {
        dead(api, &tenant.id, &wanted).await?
    } else {
        by_event(api, tenant, &wanted).await?
    };
    Ok(Page {
        data: found
            .iter()
            .map(|found| DeliveryView::new(tenant, found))
            .collect(),
        next_cursor: next.map(|cursor| cursor.to_text(api.feed.cursor_key(), &tenant.id, LIST)),
    })
}

fn target(tenant: &Tenant, subscription: &str) -> Result<Target, Problem> {
    let id = tenant.subscription_id(subscription);
    id.map(Target::Subscription).ok_or_else(|| {
        let detail = "The query is wrong: `subscription` is not a subscription's id.";
        Problem::new(Code::InvalidParameter, detail)
    })
}

/// Walks the feed backwards, event by event. A cursor holds the position after the event that it goes on with, and how many
/// of that event's deliveries were looked at.
async fn by_event(
    api: &Api,
    of: &Tenant,
    wanted: &Wanted<'_>,
) -> Result<(Vec<Delivery>, Option<Cursor>), Problem> {
    let tenant = &of.id;
    let mut found = Vec::new();
    let mut at = wanted.from;
    for _ in 0..MOST_LOOKS {
        let page = api.store.feed_back(tenant, at.position, EVENTS_AT_ONCE).await?;
        for (position, event) in page.events {
            if position <= of.feed_from {
                return Ok((found, None));
            }
            let stored = api.store.event(tenant, &event.id).await?;
            let deliveries = stored.map(|stored| stored.deliveries).unwrap_or_default();
            for (index, delivery) in (0_u32..).zip(deliveries) {
                if index < at.given || !matches(&delivery, wanted) {
                    continue;
                }
                if found.len() == wanted.limit {
                    return Ok((found, Some(Cursor { given: index, ..at })));
                }
                found.push(delivery);
            }
            at = Cursor::at(position);
        }
        if !page.more {
            return Ok((found, None));
        }
    }
    Ok((found, Some(at)))
}

/// Dead letters have a list of their own, by the time of their death, which the cursor's position holds. Several may have
/// died at once: `given` counts those of that time that were looked at.
async fn dead(
    api: &Api,
    tenant: &TenantId,
    wanted: &Wanted<'_>,
) -> Result<(Vec<Delivery>, Option<Cursor>), Problem> {
    let from = wanted.from;
    let begins = from.position != FeedPosition::END;
    let before = begins.then(|| Timestamp::from_micros(from.position.major.saturating_add(1)));
    let given = usize::try_from(from.given).unwrap_or(usize::MAX);
    let letters = api
        .store
        .dead_letters(tenant, before, wanted.limit.saturating_add(given))
        .await?;
    let full = letters.len() == wanted.limit.saturating_add(given);
    let next = letters.last().filter(|_| full).map(|(_, last)| {
        let at_once = letters.iter().filter(|(_, time)| time == last).count();
        Cursor {
            position: FeedPosition {
                major: last.as_micros(),
                minor: 0,
            },
            given: u32::try_from(at_once).unwrap_or(u32::MAX),
        }
    });
    let mut found = Vec::new();
    for (id, _) in letters.into_iter().skip(given) {
        let delivery = api
            .store
            .delivery(tenant, &id)
            .await?
            .map(|(delivery, _)| delivery);
        found.extend(delivery.filter(|delivery| matches(delivery, wanted)));
    }
    Ok((found, next))
}

fn matches(delivery: &Delivery, wanted: &Wanted<'_>) -> bool {
    goes_to(delivery, wanted.target)
        && wanted.caller.reaches(delivery.id.target)
        && wanted
            .status
            .is_none_or(|status| DeliveryStatus::from(delivery.state) == status)
}

async fn get(State(api): State<Api>, caller: Consuming, id: Id) -> Result<Json<DeliveryDetail>, Problem> {
    one(&api, &caller, &id).await.map(Json)
}

/// One with its attempts, whichever route asks for it.
pub(super) async fn one(api: &Api, caller: &Consuming, id: &Id) -> Result<DeliveryDetail, Problem> {
    let (delivery, attempts) = stored(api, caller, &id.parse()?).await?;
    detail(api, caller, &delivery, attempts).await
}

/// A delivery that is within reach, with its attempts.
async fn stored(api: &Api, caller: &Consuming, id: &DeliveryId) -> Result<(Delivery, Vec<Attempt>), Problem> {
    if !caller.reaches(id.target) {
        return Err(not_found());
    }
    api.store
        .delivery(&caller.tenant.id, id)
        .await?
        .ok_or_else(not_found)
}

/// A delivery as it may be shown today: an endpoint's answer may repeat what was sent to it, so that answers to an event that was
/// stored under other privacy rules are left out. A consumer is told nothing of the tenant's plugins.
async fn detail(
    api: &Api,
    caller: &Consuming,
    delivery: &Delivery,
    mut attempts: Vec<Attempt>,
) -> Result<DeliveryDetail, Problem> {
    let tenant = &caller.tenant;
    if attempts.iter().any(|attempt| !attempt.response.is_empty()) {
        let stored = api.store.event(&tenant.id, &delivery.id.event).await?;
        let same = |event: &Event| {
            let rules = tenant.privacy.of(&event.kind);
            rules.is_none_or(|rules| rules.mark() == event.rules)
        };
        if !stored.is_some_and(|stored| same(&stored.event)) {
            attempts.iter_mut().for_each(|attempt| attempt.response.clear());
        }
    }
    let mut shown = DeliveryDetail::new(tenant, delivery, &attempts);
    if caller.reach != Reach::Tenant {
        shown.without_plugins();
    }
    Ok(shown)
}

async fn retry(
    State(api): State<Api>,
    _: NoDelivery,
    caller: Consuming,
    id: Id,
) -> Result<Accepted<Made>, Problem> {
    let id = again(&api, &caller, &id).await?.to_string();
    Ok(Accepted(Made { id }))
}

/// Makes one again, whichever route asks for it.
pub(super) async fn again(api: &Api, caller: &Consuming, id: &Id) -> Result<DeliveryId, Problem> {
    api.quotas.admit_replay(&caller.tenant)?;
    let id: DeliveryId = id.parse()?;
    let (delivery, _) = stored(api, caller, &id).await?;
    let tenant = &caller.tenant;
    can_retry(tenant, &delivery)?;
    let event = api
        .store
        .event(&tenant.id, &id.event)
        .await?
        .ok_or_else(not_found)?;
    check_count(api, &event.deliveries, id.target)?;
    let again = DeliveryId {
        run: api.ids.run(),
        ..id
    };
    let made = api
        .store
        .enqueue(
            &tenant.id,
            vec![(again.clone(), Trigger::Replay)],
            tenant.quotas.stored,
        )
        .await
        .map_err(|error| api.quotas.refusal(&error))?;
    if made == 0 {
        return Err(not_found());
    }
    api.handover.due_now();
    tracing::info!(tenant = %tenant.id, delivery = %again, "delivery.retried");
    Ok(again)
}

/// That an event has no more deliveries to a target than it may have.
pub(super) fn check_count(api: &Api, deliveries: &[Delivery], target: Target) -> Result<(), Problem> {
    let most = api.config.max_deliveries_per_event;
    let made = deliveries
        .iter()
        .filter(|delivery| delivery.id.target == target)
        .count();
    if made < most {
        return Ok(());
    }
    let detail = format!(
        "The event has {made} deliveries to `{target}` with its retries and replays; at most {most} are allowed (`api.max_deliveries_per_event`)."
    );
    Err(Problem::new(Code::LimitReached, detail)
        .fix("Publish a new event, or have the operator raise the limit."))
}

/// Whether a delivery can be made again. Pure.
fn can_retry(tenant: &Tenant, delivery: &Delivery) -> Result<(), Problem> {
    if let DeliveryState::Pending { .. } = delivery.state {
        return Err(Problem::new(
            Code::WrongState,
            "The delivery is pending: it will be attempted anyway.",
        ));
    }
    let Target::Subscription(subscription) = delivery.id.target else {
        return Ok(());
    };
    match tenant
        .subscription(subscription)
        .map(|subscription| &subscription.status)
    {
        Some(Status::Active) => Ok(()),
        Some(Status::Disabled { .. }) => Err(Problem::new(
            Code::WrongState,
            "The delivery's subscription is disabled.",
        )
        .fix("Activate it first.")),
        None => Err(
            Problem::new(Code::WrongState, "The delivery's subscription was deleted.")
                .fix("Replay the event to a subscription that there is."),
        ),
    }
}

async fn cancel(State(api): State<Api>, caller: Consuming, id: Id) -> Result<Json<DeliveryDetail>, Problem> {
    let id: DeliveryId = id.parse()?;
    let (delivery, _) = stored(&api, &caller, &id).await?;
    let tenant = &caller.tenant;
    let DeliveryState::Pending { next } = delivery.state else {
        return Err(Problem::new(Code::WrongState, "The delivery has ended already."));
    };
    let settlement = Settlement {
        tenant: tenant.id.clone(),
        id: id.clone(),
        token: Token(next),
        attempt: None,
        about: None,
        tally: None,
        next: Next::Cancelled,
    };
    match api.committer.settle(settlement).await? {
        Settled::Applied(_) => {}
        Settled::Stale => {
            return Err(Problem::new(
                Code::Conflict,
                "The delivery is being attempted at this moment.",
            ));
        }
        Settled::Missing => return Err(Problem::new(Code::WrongState, "The delivery has ended already.")),
    }
    tracing::info!(tenant = %tenant.id, delivery = %id, "delivery.cancelled");
    let (delivery, attempts) = stored(&api, &caller, &id).await?;
    detail(&api, &caller, &delivery, attempts).await.map(Json)
}

/// What the list's cursors belong to.
const LIST: &str = "deliveries";
const EVENTS_AT_ONCE: usize = 50;
/// How many times as many one request looks at before it gives out a cursor instead.
const MOST_LOOKS: usize = 10;
