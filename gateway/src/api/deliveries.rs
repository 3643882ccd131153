//! Deliveries: list, get, retry and cancel.

use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::describe::{described, does};
use super::input::{Consuming, Id, NoDelivery, Params, not_found};
use super::lists::{
    Examined, Filter, Found, List, ListQuery, MOST_DEAD_LETTERS, MOST_LOOKS, Pager, Way, dead_letters, walk,
    writer,
};
use super::output::Accepted;
use super::page;
use super::views::{DeliveryDetail, DeliveryStatus, DeliveryView};
use crate::feed::Cursor;
use crate::http::{Code, Problem, Reach};
use crate::ui::Capability;
use hookgate_domain::{Attempt, Delivery, DeliveryId, DeliveryState, Status, Target, Timestamp, Trigger};
use hookgate_registry::Tenant;
use hookgate_store::{FeedPosition, IndexedEvent, Next, Settled, Settlement, StoredEvent, Token};

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
                    "The newest events' deliveries first; with `status=dead` those that died last, and no way back. A filter that \
                     matches seldom may give an empty page that is `partial`: go on until `next_cursor` is null.",
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
                    "Makes a new delivery of the same event to the same endpoint, with attempts of its own. A pending delivery is \
                     attempted now in place of later, and the answer has its own id; within the time of a lease \
                     (`scheduler.lease`) before it is due it may be under way, and is left as it is: 409 `conflict`. A pause of its \
                     endpoint holds it all the same.",
                ),
            ),
        )
        .api_route("/v1/deliveries/{id}/cancel", post_with(cancel, does("Deliveries", "cancelDelivery", "Call a pending delivery off")))
}

/// Parameters of a subscription's delivery list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnDeliveryQuery {
    /// Maximum number of deliveries: 1 to 500, default 50.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Only deliveries with this status.
    status: Option<DeliveryStatus>,
}

/// Delivery that was created.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MadeDelivery")]
struct Made {
    /// Delivery id.
    id: String,
}

async fn list(
    State(api): State<Api>,
    caller: Consuming,
    Params(query): Params<ListQuery>,
) -> Result<Json<List<DeliveryView>>, Problem> {
    page_of(&api, &caller, &query).await.map(Json)
}

/// Lists the deliveries of a subscription, which must exist.
async fn list_of(
    State(api): State<Api>,
    caller: Consuming,
    id: Id,
    Params(query): Params<OwnDeliveryQuery>,
) -> Result<Json<List<DeliveryView>>, Problem> {
    let subscription = id.subscription(&caller.tenant)?;
    caller.subscription(subscription)?;
    let query = ListQuery {
        limit: query.limit,
        cursor: query.cursor,
        status: query.status,
        subscription: Some(subscription.to_string()),
        ..ListQuery::default()
    };
    page_of(&api, &caller, &query).await.map(Json)
}

/// Reads a page of deliveries. Shared by all routes that list them.
pub(super) async fn page_of(
    api: &Api,
    caller: &Consuming,
    query: &ListQuery,
) -> Result<List<DeliveryView>, Problem> {
    let limit = page::limit(query.limit)?;
    let filter = Filter::read(api, caller, query).await?;
    let view =
        |stored: &IndexedEvent<'_>, delivery: &Delivery| DeliveryView::new(&caller.tenant, stored, delivery);
    found(api, caller, &filter, (query.cursor.as_deref(), limit), view).await
}

/// Finds a page of deliveries, each in the form that `view` gives it. Shared by lists and bulk jobs.
pub(super) async fn found<T>(
    api: &Api,
    caller: &Consuming,
    filter: &Filter,
    (cursor, limit): (Option<&str>, usize),
    view: impl Fn(&IndexedEvent<'_>, &Delivery) -> T,
) -> Result<List<T>, Problem> {
    let tenant = &caller.tenant;
    let of = |stored: &StoredEvent| {
        let stored = stored.indexed();
        let all = (0_u32..).zip(stored.deliveries);
        let wanted = all.filter(|(_, one)| caller.reaches(one.id.target) && filter.finds(&stored, one));
        let found = wanted.map(|(index, delivery)| Found {
            index,
            item: view(&stored, delivery),
        });
        found.collect::<Vec<_>>()
    };
    if let Some(only) = &filter.only {
        // They are looked up: one page has all of them.
        let mut data = Vec::new();
        for id in only {
            let stored = api.store.event(&tenant.id, id).await?;
            let stored = stored.filter(|stored| filter.wants(&stored.event.kind));
            data.extend(stored.iter().flat_map(of).map(|found| found.item));
        }
        return Ok(List {
            data,
            next_cursor: None,
            previous_cursor: None,
            partial: false,
            looked_at: only.len(),
        });
    }
    if filter.status == Some(DeliveryStatus::Dead) {
        return dead(api, caller, filter, (cursor, limit), view).await;
    }
    let way = Way::read(api, &tenant.id, LIST, cursor)?;
    let mut pager = Pager::new(way, limit);
    let from = (tenant.as_ref(), tenant.feed_from);
    let (end, _) = walk(api, from, (filter, way, MOST_LOOKS), &mut pager, of).await?;
    Ok(pager.finish(end, writer(api, &tenant.id, LIST)))
}

/// Lists dead letters, ordered by the time at which they were given up.
///
/// The position of a cursor holds that time. Several dead letters can have the same time: `given`
/// counts those of that time that were examined.
async fn dead<T>(
    api: &Api,
    caller: &Consuming,
    filter: &Filter,
    (cursor, limit): (Option<&str>, usize),
    view: impl Fn(&IndexedEvent<'_>, &Delivery) -> T,
) -> Result<List<T>, Problem> {
    let tenant = &caller.tenant;
    let read = |text: &str| Cursor::from_text(text, api.feed.cursor_key(), &tenant.id, DEAD);
    let from = cursor.map(read).transpose();
    let from = from.map_err(|_| page::bad_cursor())?;
    let after = from.map(|from| Examined {
        at: Timestamp::from_micros(from.position.major),
        at_once: usize::try_from(from.given).unwrap_or(usize::MAX),
    });
    let mut data = Vec::new();
    let search = dead_letters(
        api,
        caller,
        filter,
        (after, MOST_DEAD_LETTERS),
        |_, stored, delivery| {
            data.push(view(stored, delivery));
            data.len() < limit
        },
    );
    let searched = search.await?;
    let next = searched.on.map(|last| Cursor {
        position: FeedPosition {
            major: last.at.as_micros(),
            minor: 0,
        },
        given: u32::try_from(last.at_once).unwrap_or(u32::MAX),
    });
    Ok(List {
        partial: next.is_some() && data.len() < limit,
        data,
        next_cursor: next.map(|cursor| cursor.to_text(api.feed.cursor_key(), &tenant.id, DEAD)),
        previous_cursor: None,
        looked_at: searched.looked_at,
    })
}

async fn get(State(api): State<Api>, caller: Consuming, id: Id) -> Result<Json<DeliveryDetail>, Problem> {
    one(&api, &caller, &id).await.map(Json)
}

/// Returns a delivery with its attempts. Shared by all routes that show one.
pub(super) async fn one(api: &Api, caller: &Consuming, id: &Id) -> Result<DeliveryDetail, Problem> {
    let (delivery, attempts) = stored(api, caller, &id.parse()?).await?;
    detail(api, caller, &delivery, attempts).await
}

/// Loads a delivery within the caller's reach, with its attempts.
async fn stored(api: &Api, caller: &Consuming, id: &DeliveryId) -> Result<(Delivery, Vec<Attempt>), Problem> {
    if !caller.reaches(id.target) {
        return Err(not_found());
    }
    if caller.granted.is_typed() {
        let stored = api.store.event(&caller.tenant.id, &id.event).await?;
        let seen = stored.filter(|stored| caller.granted.sees(&stored.event.kind));
        seen.ok_or_else(not_found)?;
    }
    api.store
        .delivery(&caller.tenant.id, id)
        .await?
        .ok_or_else(not_found)
}

/// Builds the view of a delivery under today's privacy rules.
///
/// An endpoint's response can repeat what was sent to it: responses to an event that was stored
/// under other privacy rules are left out, and all responses without the capability `payloads`. A consumer sees nothing of the tenant's plugins.
async fn detail(
    api: &Api,
    caller: &Consuming,
    delivery: &Delivery,
    mut attempts: Vec<Attempt>,
) -> Result<DeliveryDetail, Problem> {
    let tenant = &caller.tenant;
    let stored = api.store.event(&tenant.id, &delivery.id.event).await?;
    let stored = stored.ok_or_else(not_found)?;
    let rules = tenant.privacy.of(&stored.event.kind);
    let outdated = rules.is_some_and(|rules| rules.mark() != stored.event.rules);
    if outdated || !caller.granted.has(Capability::Payloads) {
        attempts.iter_mut().for_each(|attempt| attempt.response.clear());
    }
    let mut shown = DeliveryDetail::new(tenant, &stored.indexed(), delivery, &attempts);
    if caller.reach != Reach::Tenant {
        shown.without_plugins();
    }
    if !caller.granted.has(Capability::Payloads) {
        shown.without_plugin_texts();
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

/// Retries a delivery, charged as a replay. Shared by all routes that retry one.
pub(super) async fn again(api: &Api, caller: &Consuming, id: &Id) -> Result<DeliveryId, Problem> {
    api.quotas.admit_replay(&caller.tenant)?;
    let id: DeliveryId = id.parse()?;
    let (delivery, _) = stored(api, caller, &id).await?;
    let tenant = &caller.tenant;
    can_retry(tenant, &delivery)?;
    if let DeliveryState::Pending { next } = delivery.state {
        return hasten(api, tenant, id, next).await;
    }
    let event = api
        .store
        .event(&tenant.id, &id.event)
        .await?
        .ok_or_else(not_found)?;
    check_count(api, event.indexed().to(id.target).len(), id.target)?;
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
    api.inbox.due_now();
    tracing::info!(tenant = %tenant.id, delivery = %again, "delivery.retried");
    Ok(again)
}

/// Makes a pending delivery due now; returns its id. What a process holds looks like what is due when its lease ends: it is left alone.
pub(super) async fn hasten(
    api: &Api,
    tenant: &Tenant,
    id: DeliveryId,
    next: Timestamp,
) -> Result<DeliveryId, Problem> {
    let soon = api.inbox.lease_time() + CLOCKS_APART;
    let wait = next.since(api.feed.store_now());
    if wait <= soon {
        let detail = "The delivery is being attempted, or will be in a moment.";
        return Err(Problem::new(Code::Conflict, detail).retry_after(wait));
    }
    let settlement = Settlement {
        tenant: tenant.id.clone(),
        id: id.clone(),
        token: Token(next),
        attempt: None,
        about: None,
        tally: None,
        next: Next::Release,
    };
    match api.committer.settle(settlement).await? {
        Settled::Applied(_) => {}
        Settled::Stale | Settled::Missing => {
            let detail = "The delivery is being attempted at this moment, or was.";
            return Err(Problem::new(Code::Conflict, detail));
        }
    }
    api.inbox.due_now();
    tracing::info!(tenant = %tenant.id, delivery = %id, "delivery.hastened");
    Ok(id)
}

/// Checks that an event has not as many deliveries to a target as it may have.
pub(super) fn check_count(api: &Api, made: usize, target: Target) -> Result<(), Problem> {
    let most = api.config.max_deliveries_per_event;
    if made < most {
        return Ok(());
    }
    let detail = format!(
        "The event has {made} deliveries to `{target}` with its retries and replays; at most {most} are allowed (`api.max_deliveries_per_event`)."
    );
    Err(Problem::new(Code::LimitReached, detail)
        .fix("Publish a new event, or have the operator raise the limit."))
}

/// Checks that a delivery can be retried. Pure.
pub(super) fn can_retry(tenant: &Tenant, delivery: &Delivery) -> Result<(), Problem> {
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
    call_off(&api, tenant, &id, next).await?;
    let (delivery, attempts) = stored(&api, &caller, &id).await?;
    detail(&api, &caller, &delivery, attempts).await.map(Json)
}

/// Cancels a delivery that is pending until `next`.
///
/// # Errors
/// `conflict`: it is being attempted; `wrong_state`: it has ended; the store's.
pub(super) async fn call_off(
    api: &Api,
    tenant: &Tenant,
    id: &DeliveryId,
    next: Timestamp,
) -> Result<(), Problem> {
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
    Ok(())
}

/// Maximum difference between this process's estimate of the store's time and that of the process that
/// renewed a lease.
const CLOCKS_APART: Duration = Duration::from_secs(1);
/// Name that the list's cursors belong to.
const LIST: &str = "deliveries";
/// Name that cursors of dead letters belong to.
const DEAD: &str = "dead";
