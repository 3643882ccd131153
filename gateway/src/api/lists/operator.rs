//! The lists of attempts, deliveries and events over all tenants, for the operator: a part of each tenant's list, merged by time.
//!
//! A page asks each tenant for as much as fits on it, at most [`MOST_TENANTS`] of them and a few at a time. Where a tenant's search
//! ended because of its budget, nothing that is older than that is shown: the page is `partial`, and its cursor goes on from there.

use std::sync::Arc;
use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Api;
use super::super::describe::described;
use super::super::input::{Consuming, Granted, Operator, Params};
use super::super::page::{bad_cursor, limit};
use super::super::views::{DeliveryStatus, DeliveryView, StatusClassView};
use super::attempts::{AttemptLine, search};
use super::events::{EventLine, line};
use super::page::End;
use super::walk::Found;
use super::{Filter, List, ListQuery, Pager, TriesView, Way, walk};
use crate::feed::Cursor;
use crate::http::{Code, Problem, Reach};
use hookgate_domain::{TenantId, Timestamp};
use hookgate_registry::Tenant;
use hookgate_store::{FeedPosition, StoredEvent};

pub(in crate::api) fn routes() -> ApiRouter<Api> {
    const TAG: &str = "Operator";
    ApiRouter::new()
        .api_route(
            "/v1/operator/attempts",
            get_with(
                attempts,
                described(TAG, "listAllAttempts", "List attempts of all tenants", WORDS),
            ),
        )
        .api_route(
            "/v1/operator/deliveries",
            get_with(
                deliveries,
                described(TAG, "listAllDeliveries", "List deliveries of all tenants", WORDS),
            ),
        )
        .api_route(
            "/v1/operator/events",
            get_with(
                events,
                described(TAG, "listAllEvents", "List events of all tenants", WORDS),
            ),
        )
}

/// Query of a list of all tenants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OperatorQuery {
    /// Only this tenant's.
    tenant: Option<String>,
    /// Maximum number of items: 1 to 500, default 50.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only from this time on (RFC 3339).
    since: Option<String>,
    /// Only from before this time (RFC 3339).
    until: Option<String>,
    /// Only of events of these types: up to 64 patterns such as `invoice.*`, separated by commas.
    types: Option<String>,
    /// Only to this subscription.
    subscription: Option<String>,
    /// Only where the delivery stands like this; of attempts: where it stood like this after it.
    status: Option<DeliveryStatus>,
    /// Only where the attempt, or the last one, came to this.
    status_class: Option<StatusClassView>,
    /// Only first attempts, or only later ones; of deliveries: only those with at most one attempt, or with more.
    attempt: Option<TriesView>,
    /// Only of this event, this delivery, or the events that were published with this idempotency key: exactly.
    q: Option<String>,
}

/// Something of a tenant.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TenantOf{T}")]
pub(in crate::api) struct OfTenant<T> {
    /// The tenant's name.
    pub tenant: String,
    #[serde(flatten)]
    pub item: T,
}

/// A tenant's part of a page, the newest first.
struct Part<T> {
    tenant: TenantId,
    items: Vec<(Timestamp, T)>,
    /// Nothing is known of what is older than this.
    known_from: Option<Timestamp>,
}

/// Question to one tenant's list.
struct Asked {
    caller: Consuming,
    filter: Filter,
    limit: usize,
    /// Most entries that it may look at.
    budget: usize,
    /// Nothing newer is wanted.
    top: Option<Timestamp>,
}

async fn attempts(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<OperatorQuery>,
) -> Result<Json<List<OfTenant<AttemptLine>>>, Problem> {
    let page = Page::read(&api, query, ("all.attempts", LOG_SLACK)).await?;
    let mut parts = Vec::new();
    for asked in page.asked.chunks(AT_ONCE) {
        parts.extend(try_join_all(asked.iter().map(|asked| attempts_of(&api, asked))).await?);
    }
    Ok(Json(page.merge(&api, parts)))
}

async fn attempts_of(api: &Api, asked: &Asked) -> Result<Part<AttemptLine>, Problem> {
    let (mut items, mut last) = (Vec::new(), None);
    let reach = (Way::Newest, asked.budget);
    let end = search(api, &asked.caller, &asked.filter, reach, |entry, matches| {
        last = Some(entry.at);
        if matches {
            items.push((entry.at, AttemptLine::new(&asked.caller.tenant, entry)));
        }
        items.len() < asked.limit
    });
    let end = end.await?;
    Ok(part(asked, items, end, last))
}

async fn deliveries(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<OperatorQuery>,
) -> Result<Json<List<OfTenant<DeliveryView>>>, Problem> {
    let page = Page::read(&api, query, ("all.deliveries", FEED_SLACK)).await?;
    let mut parts = Vec::new();
    for asked in page.asked.chunks(AT_ONCE) {
        parts.extend(try_join_all(asked.iter().map(|asked| walked(&api, asked, views))).await?);
    }
    Ok(Json(page.merge(&api, parts)))
}

fn views(asked: &Asked, stored: &StoredEvent) -> Vec<DeliveryView> {
    let all = stored.deliveries.iter();
    let wanted = all.filter(|one| asked.filter.finds(stored, one));
    let view = |one| DeliveryView::new(&asked.caller.tenant, stored, one);
    wanted.map(view).collect()
}

async fn events(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<OperatorQuery>,
) -> Result<Json<List<OfTenant<EventLine>>>, Problem> {
    let page = Page::read(&api, query, ("all.events", FEED_SLACK)).await?;
    let mut parts = Vec::new();
    for asked in page.asked.chunks(AT_ONCE) {
        parts.extend(try_join_all(asked.iter().map(|asked| walked(&api, asked, lines))).await?);
    }
    Ok(Json(page.merge(&api, parts)))
}

fn lines(asked: &Asked, stored: &StoredEvent) -> Vec<EventLine> {
    line(&asked.caller, &asked.filter, stored).into_iter().collect()
}

/// A part of a tenant's list of what is made of its events.
async fn walked<T>(
    api: &Api,
    asked: &Asked,
    of: fn(&Asked, &StoredEvent) -> Vec<T>,
) -> Result<Part<T>, Problem> {
    let tenant = &asked.caller.tenant;
    let timed = |stored: &StoredEvent| {
        let at = stored.event.accepted;
        let wanted = asked.top.is_none_or(|top| at <= top);
        let items = (0..).zip(if wanted { of(asked, stored) } else { Vec::new() });
        let found = items.map(|(index, item)| Found {
            index,
            item: (at, item),
        });
        found.collect::<Vec<_>>()
    };
    if let Some(only) = &asked.filter.only {
        let mut items = Vec::new();
        for id in only {
            let stored = api.store.event(&tenant.id, id).await?;
            let stored = stored.filter(|stored| asked.filter.wants(&stored.event.kind));
            items.extend(stored.iter().flat_map(timed).map(|found| found.item));
        }
        items.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        return Ok(part(asked, items, End::All, None));
    }
    let mut pager = Pager::new(Way::Newest, asked.limit);
    let looks = asked.budget.div_ceil(EVENTS_OF_ENTRIES);
    let from = (tenant.as_ref(), tenant.feed_from);
    let (end, last) = walk(api, from, (&asked.filter, Way::Newest, looks), &mut pager, timed).await?;
    Ok(part(asked, pager.into_items(), end, last))
}

fn part<T>(asked: &Asked, items: Vec<(Timestamp, T)>, end: End, last: Option<Timestamp>) -> Part<T> {
    Part {
        tenant: asked.caller.tenant.id.clone(),
        items,
        known_from: last.filter(|_| end == End::Budget),
    }
}

/// A page that is asked for. A cursor holds the time of the last item and how many of that time were given.
struct Page {
    list: &'static str,
    limit: usize,
    from: Option<Cursor>,
    asked: Vec<Asked>,
}

impl Page {
    async fn read(
        api: &Api,
        query: OperatorQuery,
        (list, slack): (&'static str, Duration),
    ) -> Result<Self, Problem> {
        let limit = limit(query.limit)?;
        let nobody = TenantId::operator();
        let read = |text: &str| Cursor::from_text(text, api.feed.cursor_key(), &nobody, list);
        let from = query.cursor.as_deref().map(read).transpose();
        let from = from.map_err(|_| bad_cursor())?;
        let tenants = tenants(api, query.tenant.as_deref())?;
        let query = ListQuery {
            limit: None,
            cursor: None,
            since: query.since,
            until: query.until,
            types: query.types,
            subscription: query.subscription,
            status: query.status,
            status_class: query.status_class,
            attempt: query.attempt,
            q: query.q,
            replayed: None,
        };
        let budget = (api.config.list_scan / tenants.len().max(1)).max(FEWEST_LOOKED_AT);
        let top = from.map(|from| Timestamp::from_micros(from.position.major));
        let until = top.map(|top| top.plus(slack));
        let mut page = Self {
            list,
            limit,
            from,
            asked: Vec::with_capacity(tenants.len()),
        };
        for tenant in tenants {
            let caller = Consuming {
                tenant,
                reach: Reach::Tenant,
                granted: Granted::default(),
            };
            let mut filter = Filter::read(api, &caller, &query).await?;
            filter.until = filter.until.into_iter().chain(until).min();
            page.asked.push(Asked {
                caller,
                filter,
                limit: limit.saturating_add(page.given()).saturating_add(1),
                budget,
                top,
            });
        }
        Ok(page)
    }

    /// Items of the time of the cursor that were given already.
    fn given(&self) -> usize {
        self.from
            .map_or(0, |from| usize::try_from(from.given).unwrap_or(usize::MAX))
    }

    fn merge<T>(&self, api: &Api, parts: Vec<Part<T>>) -> List<OfTenant<T>> {
        let known_from = parts.iter().filter_map(|part| part.known_from).max();
        let mut items: Vec<(Timestamp, OfTenant<T>)> = Vec::new();
        for Part {
            tenant, items: of, ..
        } in parts
        {
            let own = of.into_iter().map(|(at, item)| {
                let tenant = tenant.to_string();
                (at, OfTenant { tenant, item })
            });
            items.extend(own);
        }
        items.retain(|(at, _)| known_from.is_none_or(|from| *at >= from));
        // By name where they are of one time: the tenants are in that order, and the sort is stable.
        items.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let top = self.from.map(|from| Timestamp::from_micros(from.position.major));
        let again = items.iter().take_while(|(at, _)| Some(*at) == top);
        let mut items = items.split_off(again.take(self.given()).count());
        let full = items.len() > self.limit;
        items.truncate(self.limit);
        let given = |at: Timestamp| {
            let before = if Some(at) == top { self.given() } else { 0 };
            before + items.iter().filter(|(of, _)| *of == at).count()
        };
        let last = items.last().map(|(at, _)| *at).filter(|_| full).or(known_from);
        // Where all that was looked at is of one time, the next page begins before it: it has to end.
        let stuck = |at: Timestamp| Some(at) == top && items.is_empty();
        let next_cursor = last.map(|at| {
            let (at, given) = match stuck(at) {
                true => (at.minus(Duration::from_micros(1)), 0),
                false => (at, given(at)),
            };
            let cursor = Cursor {
                position: FeedPosition {
                    major: at.as_micros(),
                    minor: 0,
                },
                given: u32::try_from(given).unwrap_or(u32::MAX),
            };
            cursor.to_text(api.feed.cursor_key(), &TenantId::operator(), self.list)
        });
        List {
            looked_at: items.len(),
            partial: !full && known_from.is_some(),
            data: items.into_iter().map(|(_, item)| item).collect(),
            next_cursor,
            previous_cursor: None,
        }
    }
}

/// The tenant that a query names.
///
/// # Errors
/// `invalid_parameter`.
pub(in crate::api) fn named(api: &Api, name: &str) -> Result<Arc<Tenant>, Problem> {
    let id = name.parse::<TenantId>().ok();
    id.and_then(|id| api.registry.tenant(&id)).ok_or_else(|| {
        let detail = "The query is wrong: `tenant` is not a tenant's name.";
        Problem::new(Code::InvalidParameter, detail)
    })
}

/// The tenants that are asked, by name.
fn tenants(api: &Api, only: Option<&str>) -> Result<Vec<Arc<Tenant>>, Problem> {
    if let Some(name) = only {
        return Ok(vec![named(api, name)?]);
    }
    let mut tenants = api.registry.tenants();
    if tenants.len() > MOST_TENANTS {
        let detail = format!(
            "There are {} tenants; a list of all of them is made for {MOST_TENANTS} at most.",
            tenants.len()
        );
        return Err(Problem::new(Code::InvalidParameter, detail).fix("Name one with `tenant`."));
    }
    tenants.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(tenants)
}

const WORDS: &str = "The newest first. As the tenants' own lists, merged by time; with many tenants each page looks at less of each. \
                     There is no way back.";
/// Tenants whose lists are merged.
const MOST_TENANTS: usize = 2_000;
/// Tenants that are asked at once.
const AT_ONCE: usize = 16;
/// Entries that are looked at of each tenant, however many there are.
const FEWEST_LOOKED_AT: usize = 200;
/// A Redis tells entries of its log apart by the millisecond.
const LOG_SLACK: Duration = Duration::from_millis(1);
/// Longest time between an event's acceptance and its commit.
const FEED_SLACK: Duration = Duration::from_secs(5);
/// Entries of the log that one page of events counts as.
const EVENTS_OF_ENTRIES: usize = 1_000;
