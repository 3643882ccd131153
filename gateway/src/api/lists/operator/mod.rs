//! The lists of attempts, deliveries and events over all tenants, for the operator: a part of each tenant's list, merged by time.
//!
//! A page asks each tenant for as much as fits on it, at most [`MOST_TENANTS`] of them and a few at a time. Where a tenant's search
//! ended because of its budget, nothing that lies behind that is shown: the page is `partial`, and its cursor goes on from there.

mod merge;

use std::cmp::Reverse;
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
use super::super::page::limit;
use super::super::views::{DeliveryStatus, DeliveryView, StatusClassView};
use super::attempts::{AttemptLine, search};
use super::events::{EventLine, line};
use super::page::End;
use super::walk::{EVENTS_AT_ONCE, Found};
use super::{Filter, Key, List, ListQuery, MOST_DEAD_LETTERS, Pager, TriesView, Way, dead_letters, walk};
use crate::http::{Code, Problem, Reach};
use hookgate_domain::{TenantId, Timestamp};
use hookgate_registry::Tenant;
use hookgate_store::{FeedPosition, StoredEvent};
use merge::{Kind, Page, Part, UNTIL_COMMITTED};

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
    /// The `next_cursor` or `previous_cursor` of another page.
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
    /// Of dead letters only those that were made again, or only those that were not; not of attempts.
    replayed: Option<bool>,
    /// Only deliveries that this bulk job of the `tenant` made.
    job: Option<String>,
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

/// Question to one tenant's list.
struct Asked {
    caller: Consuming,
    filter: Filter,
    limit: usize,
    /// Most entries that it may look at.
    budget: usize,
    /// Time from which the way goes on: nothing before it on the way is wanted.
    from: Option<Timestamp>,
    /// Set when the way leads to what is newer.
    back: bool,
}

impl Asked {
    fn way(&self) -> Way {
        match self.back {
            true => Way::Newer(Key::at(FeedPosition::START)),
            false => Way::Newest,
        }
    }

    /// Checks that a time is not before that from which the way goes on.
    fn wants(&self, at: Timestamp) -> bool {
        self.from
            .is_none_or(|from| if self.back { at >= from } else { at <= from })
    }
}

async fn attempts(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<OperatorQuery>,
) -> Result<Json<List<OfTenant<AttemptLine>>>, Problem> {
    if query.replayed.is_some() {
        let detail = "The query is wrong: `replayed` is of deliveries, not of attempts.";
        return Err(Problem::new(Code::InvalidParameter, detail));
    }
    let (page, all) = read(&api, query, &ATTEMPTS).await?;
    let mut parts = Vec::new();
    for asked in all.chunks(AT_ONCE) {
        parts.extend(try_join_all(asked.iter().map(|asked| attempts_of(&api, asked))).await?);
    }
    Ok(Json(page.merge(&api, parts)))
}

async fn attempts_of(api: &Api, asked: &Asked) -> Result<Part<AttemptLine>, Problem> {
    let (mut items, mut last) = (Vec::new(), None);
    let reach = (asked.way(), asked.budget);
    let end = search(api, &asked.caller, &asked.filter, reach, |entry, matches| {
        last = Some(entry.at);
        if matches && asked.wants(entry.at) {
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
    // What a query names is looked up.
    let by_death = query.status == Some(DeliveryStatus::Dead) && query.q.is_none();
    let kind = if by_death { &DEAD_LETTERS } else { &DELIVERIES };
    let (page, all) = read(&api, query, kind).await?;
    // Beyond those of the cursor's time that were given: a batch of deliveries dies at one time.
    let most = (MOST_DEAD_LETTERS / all.len().max(1)).max(EVENTS_AT_ONCE) + page.given();
    let mut parts = Vec::new();
    for asked in all.chunks(AT_ONCE) {
        if by_death {
            parts.extend(try_join_all(asked.iter().map(|asked| dead(&api, asked, most))).await?);
        } else {
            parts.extend(try_join_all(asked.iter().map(|asked| walked(&api, asked, views))).await?);
        }
    }
    Ok(Json(page.merge(&api, parts)))
}

/// A part of a tenant's dead letters, those that were given up last first, of which it looks at `most`.
async fn dead(api: &Api, asked: &Asked, most: usize) -> Result<Part<DeliveryView>, Problem> {
    let tenant = &asked.caller.tenant;
    let reach = (None, most);
    let mut items = Vec::new();
    let search = dead_letters(
        api,
        &asked.caller,
        &asked.filter,
        reach,
        |at, stored, delivery| {
            items.push((at, DeliveryView::new(tenant, stored, delivery)));
            items.len() < asked.limit
        },
    );
    let searched = search.await?;
    let end = if searched.on.is_some() && items.len() < asked.limit {
        End::Budget
    } else {
        End::All
    };
    Ok(part(asked, items, end, searched.on.map(|on| on.at)))
}

fn views(asked: &Asked, stored: &StoredEvent) -> Vec<DeliveryView> {
    let stored = stored.indexed();
    let wanted = stored.deliveries.iter();
    let wanted = wanted.filter(|one| asked.filter.finds(&stored, one));
    let view = |one| DeliveryView::new(&asked.caller.tenant, &stored, one);
    wanted.map(view).collect()
}

async fn events(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<OperatorQuery>,
) -> Result<Json<List<OfTenant<EventLine>>>, Problem> {
    let (page, all) = read(&api, query, &EVENTS).await?;
    let mut parts = Vec::new();
    for asked in all.chunks(AT_ONCE) {
        parts.extend(try_join_all(asked.iter().map(|asked| walked(&api, asked, lines))).await?);
    }
    Ok(Json(page.merge(&api, parts)))
}

fn lines(asked: &Asked, stored: &StoredEvent) -> Vec<EventLine> {
    line(&asked.caller, &asked.filter, &stored.indexed())
        .into_iter()
        .collect()
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
        let items = if asked.wants(at) {
            of(asked, stored)
        } else {
            Vec::new()
        };
        let items = (0..).zip(items);
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
        items.sort_by_key(|(at, _)| Reverse(*at));
        if asked.back {
            items.reverse();
        }
        return Ok(part(asked, items, End::All, None));
    }
    let way = asked.way();
    let mut pager = Pager::new(way, asked.limit);
    let looks = asked.budget.div_ceil(EVENTS_OF_ENTRIES);
    let from = (tenant.as_ref(), tenant.feed_from);
    let (end, last) = walk(api, from, (&asked.filter, way, looks), &mut pager, timed).await?;
    Ok(part(asked, pager.into_items(), end, last))
}

fn part<T>(asked: &Asked, items: Vec<(Timestamp, T)>, end: End, last: Option<Timestamp>) -> Part<T> {
    Part {
        tenant: asked.caller.tenant.id.clone(),
        items,
        known_to: last.filter(|_| end == End::Budget),
    }
}

/// Reads a query: the page, and the questions to the tenants' lists.
///
/// # Errors
/// `invalid_parameter`, `invalid_cursor`, the store's.
async fn read(api: &Api, query: OperatorQuery, kind: &'static Kind) -> Result<(Page, Vec<Asked>), Problem> {
    let page = Page::read(api, kind, limit(query.limit)?, query.cursor.as_deref())?;
    if query.job.is_some() && query.tenant.is_none() {
        let detail = "The query is wrong: `job` is of one tenant.";
        return Err(Problem::new(Code::InvalidParameter, detail).fix("Name it with `tenant`."));
    }
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
        replayed: query.replayed,
        job: query.job,
    };
    let budget = (api.config.list_scan / tenants.len().max(1)).max(FEWEST_LOOKED_AT);
    let mut all = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let caller = Consuming {
            tenant,
            reach: Reach::Tenant,
            granted: Granted::default(),
        };
        let mut filter = Filter::read(api, &caller, &query).await?;
        match (page.time(), page.back) {
            (Some(time), true) => filter.since = filter.since.max(Some(time.minus(kind.slack))),
            (Some(time), false) => {
                let until = time.plus(kind.slack);
                filter.until = Some(filter.until.map_or(until, |asked| asked.min(until)));
            }
            (None, _) => {}
        }
        all.push(Asked {
            caller,
            filter,
            limit: page.of_each(),
            budget,
            from: page.time(),
            back: page.back,
        });
    }
    Ok((page, all))
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
pub(in crate::api) fn tenants(api: &Api, only: Option<&str>) -> Result<Vec<Arc<Tenant>>, Problem> {
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

const WORDS: &str = "The newest first; with `status=dead` those that died last, and no way back. As the tenants' own lists, merged by time; with many tenants each page looks at less of each. \
                     The way to what is newer goes by time: what was accepted before the newest shown, and committed after it, is not \
                     on it.";
/// Tenants whose lists are merged.
const MOST_TENANTS: usize = 2_000;
/// Tenants that are asked at once.
const AT_ONCE: usize = 16;
/// Entries that are looked at of each tenant, however many there are.
const FEWEST_LOOKED_AT: usize = 200;
const ATTEMPTS: Kind = Kind {
    name: "all.attempts",
    // A Redis tells entries of its log apart by the millisecond.
    slack: Duration::from_millis(1),
    both_ways: true,
};
const DELIVERIES: Kind = Kind {
    name: "all.deliveries",
    slack: UNTIL_COMMITTED,
    both_ways: true,
};
const EVENTS: Kind = Kind {
    name: "all.events",
    slack: UNTIL_COMMITTED,
    both_ways: true,
};
const DEAD_LETTERS: Kind = Kind {
    name: "all.dead",
    slack: Duration::from_micros(1),
    both_ways: false,
};
/// Entries of the log that one page of events counts as.
const EVENTS_OF_ENTRIES: usize = 1_000;
