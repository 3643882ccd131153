//! Search of a tenant's dead letters, those that were given up last first: what lists of dead letters are made of.

use super::super::Api;
use super::super::input::Consuming;
use super::Filter;
use crate::http::Problem;
use hookgate_domain::{Delivery, Timestamp};
use hookgate_runtime::memory::MemoryUse;
use hookgate_store::{FEED_PAGE_BYTES, IndexedEvent};

/// Place in the dead letters: all that were given up later are before it, and some of the same time.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Examined {
    /// Time at which the last one was given up.
    pub at: Timestamp,
    /// Number of those of that time that are before the place.
    pub at_once: usize,
}

/// Result of a search.
#[derive(Clone, Copy)]
pub(in crate::api) struct Searched {
    /// Place from which a search goes on; `None`: there is nothing more.
    pub on: Option<Examined>,
    /// Number of dead letters that were looked at.
    pub looked_at: usize,
}

impl Searched {
    /// The result, without a place to go on from if it is `over`.
    fn unless(self, over: bool) -> Self {
        Self {
            on: self.on.filter(|_| !over),
            ..self
        }
    }
}

/// Gives the dead letters that a filter finds to `take`, with the times at which they were given up, from a place on, until it
/// returns `false` or `most` were looked at. The filter's times are those too.
///
/// # Errors
/// The store's; the limits of memory.
pub(in crate::api) async fn dead_letters(
    api: &Api,
    caller: &Consuming,
    filter: &Filter,
    (after, most): (Option<Examined>, usize),
    mut take: impl FnMut(Timestamp, &IndexedEvent<'_>, &Delivery) -> bool,
) -> Result<Searched, Problem> {
    let tenant = &caller.tenant;
    let most_bytes = FEED_PAGE_BYTES.min(api.memory.max_per_tenant() / 2);
    let _memory = api
        .memory
        .reserve(Some(&tenant.id), MemoryUse::Pages, most_bytes)?;
    let before = after.map(|after| Timestamp::from_micros(after.at.as_micros().saturating_add(1)));
    let before = before.into_iter().chain(filter.until).min();
    let given = after.map_or(0, |after| after.at_once);
    let asked = most.saturating_add(given);
    let letters = api.store.dead_letters(&tenant.id, before, asked).await?;
    let ends = letters.len() < asked;
    let there = letters.len().saturating_sub(given);
    let mut searched = Searched {
        on: after,
        looked_at: 0,
    };
    let mut letters = letters.into_iter().skip(given);
    loop {
        let part: Vec<_> = letters.by_ref().take(EVENTS_AT_ONCE).collect();
        let events: Vec<_> = part.iter().map(|(id, _)| id.event.clone()).collect();
        if events.is_empty() {
            break;
        }
        let stored = api.store.events(&tenant.id, &events).await?;
        for ((id, at), stored) in part.into_iter().zip(stored) {
            if filter.since.is_some_and(|since| at < since) {
                return Ok(searched.unless(true));
            }
            searched.looked_at += 1;
            let at_once = searched.on.filter(|on| on.at == at).map_or(0, |on| on.at_once);
            searched.on = Some(Examined {
                at,
                at_once: at_once + 1,
            });
            // It may have been forgotten meanwhile.
            let Some(stored) = stored.filter(|stored| filter.wants(&stored.event.kind)) else {
                continue;
            };
            let stored = stored.indexed();
            let delivery = stored.to(id.target).iter().find(|delivery| delivery.id == id);
            let wanted = |one: &&&Delivery| caller.reaches(id.target) && filter.finds(&stored, one);
            if let Some(delivery) = delivery.filter(wanted)
                && !take(at, &stored, delivery)
            {
                return Ok(searched.unless(ends && searched.looked_at == there));
            }
        }
    }
    Ok(searched.unless(ends))
}

/// Events of dead letters that are read at once, with their payloads.
const EVENTS_AT_ONCE: usize = 10;
/// Dead letters that one request looks at at most.
pub(in crate::api) const MOST_DEAD_LETTERS: usize = 500;
