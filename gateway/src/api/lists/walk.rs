//! Walks a tenant's feed along a way, event by event with its deliveries: what lists of events and deliveries are made of.

use super::super::Api;
use super::Filter;
use super::page::{End, Key, Pager, Way};
use crate::http::Problem;
use hookgate_domain::Timestamp;
use hookgate_registry::Tenant;
use hookgate_runtime::memory::MemoryUse;
use hookgate_store::{FEED_PAGE_BYTES, FeedPosition, StoredEvent};

/// An item of a list, by its place among those of its event.
pub(in crate::api) struct Found<T> {
    pub index: u32,
    pub item: T,
}

/// Fills a page with what `of` finds at each event that is searched for, in the order of the list, and looks at so many pages of
/// events at most. How the search ended, and when the last event was accepted that it looked at.
///
/// # Errors
/// The store's; the limits of memory.
pub(in crate::api) async fn walk<T>(
    api: &Api,
    (tenant, floor): (&Tenant, FeedPosition),
    (filter, way, looks): (&Filter, Way, usize),
    pager: &mut Pager<T>,
    of: impl Fn(&StoredEvent) -> Vec<Found<T>>,
) -> Result<(End, Option<Timestamp>), Problem> {
    let mut last = None;
    // Pages are read, then their events once more.
    let most = (2 * FEED_PAGE_BYTES).min(api.memory.max_per_tenant() / 2);
    let _memory = api.memory.reserve(Some(&tenant.id), MemoryUse::Pages, most)?;
    let bounds = Bounds::of(api, tenant, filter, floor).await?;
    let mut from = match way {
        Way::Newest => FeedPosition::END,
        Way::Older(key) => key.position.next(),
        Way::Newer(key) => key.position.previous(),
    };
    from = match way.is_back() {
        true => from.max(bounds.first),
        false => from.min(bounds.last.next()),
    };
    // A job is of one tenant: its deliveries are searched for as in that tenant's own list.
    let looks = match filter.run {
        Some(_) => MOST_LOOKS,
        None => looks,
    };
    for _ in 0..looks {
        let page = match way.is_back() {
            true => api.store.feed(&tenant.id, from, EVENTS_AT_ONCE).await?,
            false => api.store.feed_back(&tenant.id, from, EVENTS_AT_ONCE).await?,
        };
        // Their payloads are not held.
        let heads = page.events.into_iter();
        let heads: Vec<_> = heads
            .map(|(at, event)| (at, event.accepted, filter.wants(&event.kind).then_some(event.id)))
            .collect();
        let wanted = heads.iter().filter_map(|(.., id)| id.clone());
        let wanted: Vec<_> = wanted.collect();
        let mut stored = api.store.events(&tenant.id, &wanted).await?.into_iter();
        for (position, accepted, id) in heads {
            let stored = id.and_then(|_| stored.next()).flatten();
            from = position;
            let over = match way.is_back() {
                true => from > bounds.last,
                false => from <= bounds.first,
            };
            if over {
                return Ok((End::All, last));
            }
            last = Some(accepted);
            pager.looked_at(Key {
                position: from,
                index: if way.is_back() { 0 } else { u32::MAX },
            });
            // One that is not searched for, or was forgotten meanwhile.
            let Some(stored) = stored else { continue };
            let mut found = of(&stored);
            if way.is_back() {
                found.reverse();
            }
            for Found { index, item } in found {
                let key = Key {
                    position: from,
                    index,
                };
                if way.covers(key) && !pager.take(key, item) {
                    return Ok((End::All, last));
                }
            }
        }
        if !page.more {
            return Ok((End::All, last));
        }
    }
    Ok((End::Budget, last))
}

/// Places between which is what is searched for.
struct Bounds {
    /// Everything that is searched for lies behind it.
    first: FeedPosition,
    /// It is the last.
    last: FeedPosition,
}

impl Bounds {
    async fn of(api: &Api, tenant: &Tenant, filter: &Filter, floor: FeedPosition) -> Result<Self, Problem> {
        let mut bounds = Self {
            first: floor,
            last: FeedPosition::END,
        };
        if let Some(since) = filter.since {
            bounds.first = floor.max(api.feed.place_since(&tenant.id, since).await?);
        }
        if let Some(until) = filter.until {
            bounds.last = api.feed.place_since(&tenant.id, until).await?;
        }
        Ok(bounds)
    }
}

/// Events that are asked of the store at once.
pub(super) const EVENTS_AT_ONCE: usize = 50;
/// Pages of events that one request looks at at most.
pub(in crate::api) const MOST_LOOKS: usize = 10;
