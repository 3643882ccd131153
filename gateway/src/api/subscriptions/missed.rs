//! Count of the events that a subscription missed while it was disabled, made at its activation.
//!
//! The criteria are those of a recovery, but no delivery is created: the tenant's feed from a time
//! on, the subscription's patterns and its filter. At most [`MOST_EVENTS`] are examined, in at most
//! [`MOST_PAGES`] pages; beyond that the count is a lower bound.

use std::sync::Arc;

use super::super::{Api, events};
use super::recover::meant;
use crate::http::Problem;
use hookgate_domain::{Event, Subscription, Timestamp};
use hookgate_registry::Tenant;

/// Missed events, as far as they are known.
pub(super) struct Missed {
    /// Time from which events were missed.
    pub(super) since: Timestamp,
    /// Number of events; `None`: they could not be counted.
    pub(super) events: Option<usize>,
    /// Set when there may be more events.
    pub(super) more: bool,
}

/// Counts the events that a subscription missed since it was disabled.
///
/// A failure to count is not an error, because the subscription is active already.
pub(super) async fn missed(
    api: &Api,
    tenant: &Arc<Tenant>,
    subscription: &Arc<Subscription>,
    since: Timestamp,
) -> Missed {
    match count(api, tenant, subscription, since).await {
        Ok((events, more)) => Missed {
            since,
            events: Some(events),
            more,
        },
        Err(_) => Missed {
            since,
            events: None,
            more: true,
        },
    }
}

async fn count(
    api: &Api,
    tenant: &Arc<Tenant>,
    subscription: &Arc<Subscription>,
    since: Timestamp,
) -> Result<(usize, bool), Problem> {
    let begin = api.feed.place_since(&tenant.id, since).await?;
    let begin = begin.max(tenant.feed_from);
    let mut at = begin.max(events::floor(api, tenant).await?);
    // Events younger than the retention have not been removed.
    let kept_since = api.clock.now().minus(api.registry.limits().kept.get());
    let (mut count, mut looked) = (0, 0);
    let mut more = at > begin;
    for _ in 0..MOST_PAGES {
        let page = api
            .store
            .feed(&tenant.id, at, PAGE.min(MOST_EVENTS - looked))
            .await?;
        more |= since < kept_since && begin < page.kept_from;
        looked += page.events.len();
        at = page.events.last().map_or(at, |(position, _)| *position);
        let events = page.events.into_iter().map(|(_, event)| event);
        // The position in the feed may be slightly before the time.
        let meanwhile: Vec<Event> = events.filter(|event| event.accepted >= since).collect();
        let (found, left_out) = meant(api, tenant, subscription, meanwhile).await?;
        count += found.len();
        more |= left_out > 0;
        if !page.more || looked >= MOST_EVENTS {
            return Ok((count, more || page.more));
        }
    }
    Ok((count, true))
}

const PAGE: usize = 100;
const MOST_EVENTS: usize = 1_000;
const MOST_PAGES: usize = 20;
