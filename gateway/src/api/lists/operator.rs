//! The lists of attempts, deliveries and events over all tenants, for the operator: a part of each tenant's list, merged by time.
//!
//! A page asks each tenant for as much as fits on it, at most [`MOST_TENANTS`] of them and a few at a time. Where a tenant's search
//! ended because of its budget, nothing that lies behind that is shown: the page is `partial`, and its cursor goes on from there.

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
use super::super::page::{bad_cursor, limit};
use super::super::views::{DeliveryStatus, DeliveryView, StatusClassView};
use super::attempts::{AttemptLine, search};
use super::events::{EventLine, line};
use super::page::End;
use super::walk::Found;
use super::{Filter, Key, List, ListQuery, Pager, TriesView, Way, walk};
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

/// A tenant's part of a page, in the order of the way.
struct Part<T> {
    tenant: TenantId,
    items: Vec<(Timestamp, T)>,
    /// Nothing is known of what lies farther along the way than this.
    known_to: Option<Timestamp>,
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
    let page = Page::read(&api, query, ("all.attempts", LOG_SLACK)).await?;
    let mut parts = Vec::new();
    for asked in page.asked.chunks(AT_ONCE) {
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

/// A page that is asked for. A cursor holds the time of an item and how many of that time were given, counted from the side from
/// which its way comes.
struct Page {
    list: &'static str,
    limit: usize,
    from: Option<Cursor>,
    back: bool,
    /// Start of the way to what is newer, if nothing was found.
    now: Timestamp,
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
        let read = |text: &str| {
            let older = Cursor::from_text(text, api.feed.cursor_key(), &nobody, list);
            let newer = || Cursor::from_text(text, api.feed.cursor_key(), &nobody, &newer(list));
            let older = older.map(|cursor| (cursor, false));
            older.or_else(|_| newer().map(|cursor| (cursor, true)))
        };
        let from = query.cursor.as_deref().map(read).transpose();
        let from = from.map_err(|_| bad_cursor())?;
        let (from, back) = (from.map(|(from, _)| from), from.is_some_and(|(_, back)| back));
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
        };
        let budget = (api.config.list_scan / tenants.len().max(1)).max(FEWEST_LOOKED_AT);
        let time = from.map(|from| Timestamp::from_micros(from.position.major));
        let mut page = Self {
            list,
            limit,
            from,
            back,
            now: api.clock.now().minus(FEED_SLACK),
            asked: Vec::with_capacity(tenants.len()),
        };
        for tenant in tenants {
            let caller = Consuming {
                tenant,
                reach: Reach::Tenant,
                granted: Granted::default(),
            };
            let mut filter = Filter::read(api, &caller, &query).await?;
            match (time, back) {
                (Some(time), true) => filter.since = filter.since.max(Some(time.minus(slack))),
                (Some(time), false) => {
                    let until = time.plus(slack);
                    filter.until = Some(filter.until.map_or(until, |asked| asked.min(until)));
                }
                (None, _) => {}
            }
            page.asked.push(Asked {
                caller,
                filter,
                limit: limit.saturating_add(page.given()).saturating_add(1),
                budget,
                from: time,
                back,
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
        let Merged {
            items,
            next,
            previous,
            partial,
        } = self.merged(parts);
        let text = |list: &str, (at, given): (Timestamp, usize)| {
            let cursor = Cursor {
                position: FeedPosition {
                    major: at.as_micros(),
                    minor: 0,
                },
                given: u32::try_from(given).unwrap_or(u32::MAX),
            };
            cursor.to_text(api.feed.cursor_key(), &TenantId::operator(), list)
        };
        let of_tenant = |(tenant, item): (TenantId, T)| OfTenant {
            tenant: tenant.to_string(),
            item,
        };
        List {
            looked_at: items.len(),
            data: items.into_iter().map(of_tenant).collect(),
            next_cursor: next.map(|next| text(self.list, next)),
            previous_cursor: Some(text(&newer(self.list), previous)),
            partial,
        }
    }

    /// Merges the tenants' parts. Pure.
    fn merged<T>(&self, mut parts: Vec<Part<T>>) -> Merged<T> {
        let known = parts.iter().filter_map(|part| part.known_to);
        let known_to = if self.back { known.min() } else { known.max() };
        let known = |at: Timestamp| known_to.is_none_or(|to| if self.back { at <= to } else { at >= to });
        // By name where they are of one time: the tenants are in that order, and the sort is stable.
        if self.back {
            parts.reverse();
        }
        let mut items: Vec<(Timestamp, (TenantId, T))> = Vec::new();
        for Part {
            tenant, items: of, ..
        } in parts
        {
            let own = of.into_iter().filter(|(at, _)| known(*at));
            items.extend(own.map(|(at, item)| (at, (tenant.clone(), item))));
        }
        match self.back {
            true => items.sort_by_key(|(at, _)| *at),
            false => items.sort_by_key(|(at, _)| Reverse(*at)),
        }
        let from = self.from.map(|from| Timestamp::from_micros(from.position.major));
        let again = items.iter().take_while(|(at, _)| Some(*at) == from);
        let items = items.split_off(again.take(self.given()).count());
        let full = items.len() > self.limit;
        // Of the first item's time the page has all that follow it, unless it is full of them.
        let first = items.first().map(|(first, _)| {
            let beside = items.iter().take_while(|(at, _)| at == first).count();
            (*first, beside)
        });
        let shown = &items[..items.len().min(self.limit)];
        let given = |at: Timestamp| {
            let before = if Some(at) == from { self.given() } else { 0 };
            before + shown.iter().filter(|(of, _)| *of == at).count()
        };
        let last = shown.last().map(|(at, _)| *at);
        // Where all that was looked at is of one time, the next page begins behind it: it has to end.
        let stuck = |at: Timestamp| Some(at) == from && shown.is_empty();
        let least = Duration::from_micros(1);
        let on = |at: Timestamp| match (stuck(at), self.back) {
            (true, true) => (at.plus(least), 0),
            (true, false) => (at.minus(least), 0),
            (false, _) => (at, given(at)),
        };
        let (next, previous) = match self.back {
            false => {
                let next = last.filter(|_| full).or(known_to).map(on);
                let begin = || from.map_or((self.now, 0), |from| (from, 0));
                (next, first.unwrap_or_else(begin))
            }
            true => {
                let from = from.unwrap_or_default();
                let to = if full { last } else { known_to.or(last) };
                let older = first.unwrap_or((from.plus(least), 0));
                (Some(older), to.map_or((from, self.given()), on))
            }
        };
        let mut items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
        items.truncate(self.limit);
        if self.back {
            items.reverse();
        }
        Merged {
            items,
            next,
            previous,
            partial: !full && known_to.is_some(),
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

/// Merged page, the newest first, and the places from which the ways go on: a time, and how many of that time were given.
struct Merged<T> {
    items: Vec<(TenantId, T)>,
    next: Option<(Timestamp, usize)>,
    previous: (Timestamp, usize),
    partial: bool,
}

/// Name that cursors to what is newer belong to.
fn newer(list: &str) -> String {
    format!("{list}.newer")
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

const WORDS: &str = "The newest first. As the tenants' own lists, merged by time; with many tenants each page looks at less of each. \
                     The way to what is newer goes by time: what was accepted before the newest shown, and committed after it, is not \
                     on it.";
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Items of three tenants: names with times, some of one time.
    const ITEMS: [(&str, &[(u64, &str)]); 3] = [
        ("a", &[(9, "a1"), (5, "a2"), (5, "a3"), (1, "a4")]),
        ("b", &[(7, "b1"), (5, "b2")]),
        ("c", &[(5, "c1"), (5, "c2"), (2, "c3")]),
    ];

    type Place = (Timestamp, usize);

    fn page(from: Option<Place>, back: bool, limit: usize) -> Merged<&'static str> {
        let cursor = |(at, given): Place| Cursor {
            position: FeedPosition {
                major: at.as_micros(),
                minor: 0,
            },
            given: u32::try_from(given).unwrap(),
        };
        let page = Page {
            list: "test",
            limit,
            from: from.map(cursor),
            back,
            now: Timestamp::from_micros(8),
            asked: Vec::new(),
        };
        let part = |(tenant, items): (&str, &[(u64, &'static str)])| {
            let items = items
                .iter()
                .map(|(at, name)| (Timestamp::from_micros(*at), *name));
            let wanted =
                items.filter(|(at, _)| from.is_none_or(|(of, _)| if back { *at >= of } else { *at <= of }));
            let mut items: Vec<_> = wanted.collect();
            if back {
                items.reverse();
            }
            items.truncate(limit + from.map_or(0, |(_, given)| given) + 1);
            Part {
                tenant: tenant.parse().unwrap(),
                items,
                known_to: None,
            }
        };
        page.merged(ITEMS.map(part).into())
    }

    fn names(page: &Merged<&'static str>) -> Vec<&'static str> {
        page.items.iter().map(|(_, name)| *name).collect()
    }

    #[test]
    fn merged_pages_meet_both_ways() {
        let all = names(&page(None, false, 99));
        assert_eq!(all, ["a1", "b1", "a2", "a3", "b2", "c1", "c2", "c3", "a4"]);
        for limit in 1..6 {
            let (mut pages, mut from) = (Vec::new(), None);
            loop {
                let one = page(from, false, limit);
                from = one.next;
                pages.push(one);
                if from.is_none() {
                    break;
                }
            }
            let joined: Vec<_> = pages.iter().flat_map(names).collect();
            assert_eq!(joined, all, "{limit}");
            for at in (1..pages.len()).rev() {
                let newer = page(Some(pages[at].previous), true, limit);
                assert_eq!(names(&newer), names(&pages[at - 1]), "{limit} {at}");
                assert_eq!(
                    names(&page(newer.next, false, limit)),
                    names(&pages[at]),
                    "{limit} {at}"
                );
                let newest = names(&page(Some(newer.previous), true, limit));
                let expected = at.checked_sub(2).map(|at| names(&pages[at])).unwrap_or_default();
                assert_eq!(newest, expected, "{limit} {at}");
            }
        }
    }
}
