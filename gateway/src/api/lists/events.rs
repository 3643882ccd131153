//! The events of a tenant, the newest first: the feed's other order, with how their deliveries stand and without their payloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Api;
use super::super::events::{FeedQuery, floor};
use super::super::input::Consuming;
use super::super::page;
use super::super::views::{DeliveryStatus, StatusClassView, text};
use super::{Filter, Found, List, ListQuery, MOST_LOOKS, Pager, TriesView, Way, walk, writer};
use crate::http::{Code, Problem};
use hookgate_store::{IndexedEvent, StoredEvent};

/// Parameters of the event list and of the feed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct EventsQuery {
    /// `oldest` is the feed and what holds where it is not given. `newest` is a list of events without their payloads, which takes
    /// `until`, `subscription`, `status`, `status_class`, `attempt` and `q` too, and not `wait`.
    order: Option<Order>,
    /// Maximum number of events: 1 to 500, default 50.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// The `next_cursor` of the page before, or with `newest` the `previous_cursor` of another one. Where it is not given the feed
    /// begins with the oldest event that is kept.
    cursor: Option<String>,
    /// In place of the feed's cursor: from the first event that was accepted at this time (RFC 3339) or later. With `newest` it goes
    /// with a cursor.
    since: Option<String>,
    /// Only events that were accepted before this time (RFC 3339).
    until: Option<String>,
    /// Only events of these types: up to 64 patterns such as `invoice.*`, separated by commas.
    types: Option<String>,
    /// Seconds to wait for new events if there are none (long polling), no longer than the gateway lets them.
    wait: Option<u32>,
    /// Only events with a delivery to this subscription.
    subscription: Option<String>,
    /// Only events with a delivery in this status.
    status: Option<DeliveryStatus>,
    /// Only events with a delivery whose last attempt had an outcome of this class.
    status_class: Option<StatusClassView>,
    /// Only events with a delivery of at most one attempt, or of more.
    attempt: Option<TriesView>,
    /// Only this event, that of this delivery, or those that were published with this idempotency key: exactly.
    q: Option<String>,
}

/// An order of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "EventOrder")]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Order {
    /// The feed.
    #[default]
    Oldest,
    /// The list.
    Newest,
}

/// Query for the feed or for the list.
pub(in crate::api) enum Asked {
    Feed(FeedQuery),
    List(ListQuery),
}

/// An event without its payload.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventLine")]
pub(in crate::api) struct EventLine {
    /// Id of the event.
    id: String,
    /// Type of the event.
    #[serde(rename = "type")]
    kind: String,
    /// Time at which the event happened.
    created: String,
    /// Time at which the event was accepted.
    accepted: String,
    /// Size of the stored payload in bytes.
    bytes: usize,
    /// Number of its deliveries, by status.
    deliveries: Standings,
}

/// Number of an event's deliveries, by status.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryCounts")]
struct Standings {
    pending: usize,
    delivered: usize,
    dead: usize,
    cancelled: usize,
    shadowed: usize,
}

impl EventsQuery {
    /// Returns the query for the feed or the list, depending on the order.
    ///
    /// # Errors
    /// `invalid_parameter`: a parameter belongs to the other order.
    pub fn asked(self) -> Result<Asked, Problem> {
        let other = match self.order.unwrap_or_default() {
            Order::Oldest => [
                ("until", self.until.is_some()),
                ("subscription", self.subscription.is_some()),
                ("status", self.status.is_some()),
                ("status_class", self.status_class.is_some()),
                ("attempt", self.attempt.is_some()),
                ("q", self.q.is_some()),
            ]
            .into_iter()
            .find(|(_, given)| *given),
            Order::Newest => Some(("wait", true)).filter(|_| self.wait.is_some()),
        };
        match (self.order.unwrap_or_default(), other) {
            (Order::Oldest, Some((name, _))) => Err(Problem::new(
                Code::InvalidParameter,
                format!("`{name}` goes with `order=newest` only."),
            )),
            (Order::Newest, Some((name, _))) => Err(Problem::new(
                Code::InvalidParameter,
                format!("`{name}` does not go with `order=newest`."),
            )),
            (Order::Oldest, None) => Ok(Asked::Feed(FeedQuery {
                limit: self.limit,
                cursor: self.cursor,
                since: self.since,
                types: self.types,
                wait: self.wait.map(u64::from),
            })),
            (Order::Newest, None) => Ok(Asked::List(ListQuery {
                limit: self.limit,
                cursor: self.cursor,
                since: self.since,
                until: self.until,
                types: self.types,
                subscription: self.subscription,
                status: self.status,
                status_class: self.status_class,
                attempt: self.attempt,
                q: self.q,
                replayed: None,
                job: None,
            })),
        }
    }
}

/// A page of the list.
///
/// # Errors
/// `invalid_parameter`, `invalid_cursor`, `scope_missing`, the store's.
pub(in crate::api) async fn newest(
    api: &Api,
    caller: &Consuming,
    query: &ListQuery,
) -> Result<List<EventLine>, Problem> {
    caller.reach.check_whole()?;
    let tenant = &caller.tenant;
    let way = Way::read(api, &tenant.id, LIST, query.cursor.as_deref())?;
    let filter = Filter::read(api, caller, query).await?;
    let mut pager = Pager::new(way, page::limit(query.limit)?);
    let of = |stored: &StoredEvent| {
        let line = line(caller, &filter, &stored.indexed());
        line.into_iter().map(|item| Found { index: 0, item }).collect()
    };
    let end = match &filter.only {
        Some(only) => {
            // They are looked up: one page has all of them.
            let mut found = Vec::new();
            for id in only {
                let stored = api.store.event(&tenant.id, id).await?;
                let stored = stored.filter(|stored| filter.wants(&stored.event.kind));
                let line = stored.and_then(|stored| {
                    Some((stored.event.accepted, line(caller, &filter, &stored.indexed())?))
                });
                found.extend(line);
            }
            found.sort_by_key(|(accepted, _)| std::cmp::Reverse(*accepted));
            return Ok(List {
                data: found.into_iter().map(|(_, line)| line).collect(),
                next_cursor: None,
                previous_cursor: None,
                partial: false,
                looked_at: only.len(),
            });
        }
        None => {
            let floor = floor(api, tenant).await?;
            walk(api, (tenant, floor), (&filter, way, MOST_LOOKS), &mut pager, of)
                .await?
                .0
        }
    };
    Ok(pager.finish(end, writer(api, &tenant.id, LIST)))
}

/// An event as the caller may see it; `None`: it is not searched for.
pub(super) fn line(caller: &Consuming, filter: &Filter, stored: &IndexedEvent<'_>) -> Option<EventLine> {
    let (mut counts, mut wanted) = (Standings::default(), !filter.asks_for_deliveries());
    let seen = stored.deliveries.iter();
    for delivery in seen.filter(|delivery| caller.reaches(delivery.id.target)) {
        wanted |= filter.finds(stored, delivery);
        *match delivery.state.into() {
            DeliveryStatus::Pending => &mut counts.pending,
            DeliveryStatus::Delivered => &mut counts.delivered,
            DeliveryStatus::Dead => &mut counts.dead,
            DeliveryStatus::Cancelled => &mut counts.cancelled,
            DeliveryStatus::Shadowed => &mut counts.shadowed,
        } += 1;
    }
    let event = stored.event;
    wanted.then(|| EventLine {
        id: event.id.to_string(),
        kind: event.kind.to_string(),
        created: text(event.created),
        accepted: text(event.accepted),
        bytes: event.data.len(),
        deliveries: counts,
    })
}

/// Name that the list's cursors belong to.
const LIST: &str = "events";
