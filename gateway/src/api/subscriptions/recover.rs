//! Recovery of missed deliveries: those that died, were cancelled, or were never created.
//!
//! Walks the tenant's feed from a time on. A new delivery gets the run number after the last one of
//! its event and target. Concurrent calls find the same number, so that two calls at once create
//! one delivery.

use std::sync::Arc;
use std::time::Duration;

use aide::axum::routing::{ApiMethodRouter, post_with};
use axum::extract::State;
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::deliveries::check_count;
use super::super::describe::described;
use super::super::fields::Parsed;
use super::super::input::{Body, Consuming, Id, NoDelivery};
use super::super::output::Accepted;
use super::super::{Api, events, page};
use crate::dispatch::means;
use crate::feed::Cursor;
use crate::http::{Code, FieldError, Problem};
use crate::ingest::lane_refused;
use hookgate_domain::{
    Delivery, DeliveryId, DeliveryState, Event, EventPattern, Status, StoredUsage, Subscription,
    SubscriptionId, Target, Timestamp, Trigger,
};
use hookgate_plugin_host::TenantLane;
use hookgate_registry::{Tenant, show};
use hookgate_store::{FeedPosition, StoreError, StoredEvent};

pub(super) fn method() -> ApiMethodRouter<Api> {
    post_with(
        recover,
        described(
            super::TAG,
            "recoverSubscription",
            "Recover what it missed",
            "Makes again what was not delivered of the events accepted since a time: deliveries that died or were called off, and \
             those that were never made because the subscription was disabled. What is still pending is left alone, and so is an \
             event that has as many deliveries to it as it may have. Each call \
             does a part; go on with `next_cursor` until it is null. Called twice at once it makes no delivery twice.",
        ),
    )
}

/// Parameters of a recovery.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "Recovery")]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct RecoverInput {
    /// Events accepted at this time (RFC 3339) or later. Optional with `only: dead`: then as far
    /// back as events are stored.
    pub since: Option<String>,
    /// Only events accepted before this time.
    pub until: Option<String>,
    /// Only events of these types: patterns such as `invoice.*`.
    pub types: Option<Vec<Parsed<EventPattern>>>,
    /// Deliveries to recover; default: `failed`.
    #[serde(default)]
    pub only: Only,
    /// The `next_cursor` of the previous call.
    pub cursor: Option<String>,
}

/// Bounds of one call, and what it makes.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Extent {
    /// Maximum number of deliveries.
    pub deliveries: usize,
    /// Maximum number of events to examine.
    pub events: usize,
    pub making: Making,
}

/// Runs of the new deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Making {
    /// Each gets the run after the last one of its event and target.
    NextRun,
    /// All get this run, at most one of an event and target; those that exist count as made.
    Run(u64),
    /// Nothing is made: they are only counted.
    Nothing,
}

impl Extent {
    /// Extent of one call of the API.
    pub fn of_call(api: &Api) -> Self {
        Self {
            deliveries: api.config.recover_deliveries,
            events: api.config.recover_events,
            making: Making::NextRun,
        }
    }
}

/// Selection of the deliveries to recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[schemars(rename = "RecoverOnly")]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Only {
    /// Not delivered: dead, cancelled, or never created.
    #[default]
    Failed,
    /// Dead letters only.
    Dead,
    /// All, including those that were delivered.
    All,
}

/// Result of a recovery call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Recovered")]
pub(in crate::api) struct Recovered {
    /// Number of deliveries created.
    pub deliveries: usize,
    /// Number of events examined.
    pub events: usize,
    /// Number of events left out because the subscription's filter exceeds the work budget. It is
    /// unknown whether they match.
    pub left_out: usize,
    /// Cursor to go on with; `null` if the recovery is complete.
    pub next_cursor: Option<String>,
}

/// Criteria of a recovery.
struct Wanted<'s> {
    subscription: &'s Arc<Subscription>,
    types: Vec<EventPattern>,
    only: Only,
    /// Last position to examine.
    last: FeedPosition,
    extent: Extent,
}

async fn recover(
    State(api): State<Api>,
    _: NoDelivery,
    caller: Consuming,
    id: Id,
    Body(input): Body<RecoverInput>,
) -> Result<Accepted<Recovered>, Problem> {
    let id = id.subscription(&caller.tenant)?;
    let extent = Extent::of_call(&api);
    missed_by(&api, &caller, id, input, extent).await.map(Accepted)
}

/// Recovers the missed deliveries of a subscription. Shared by all routes that do so.
pub(in crate::api) async fn missed_by(
    api: &Api,
    caller: &Consuming,
    id: SubscriptionId,
    input: RecoverInput,
    extent: Extent,
) -> Result<Recovered, Problem> {
    let tenant = &caller.tenant;
    api.quotas.admit_replay(tenant)?;
    let subscription = caller.subscription(id)?;
    if subscription.status != Status::Active {
        return Err(Problem::new(Code::WrongState, "The subscription is disabled.").fix("Activate it first."));
    }
    let list = format!("recover:{}", subscription.id);
    let since = time("since", input.since.as_deref())?;
    let until = time("until", input.until.as_deref())?;
    if since.is_none() && input.only != Only::Dead {
        let error = FieldError::new("", "the field `since` is missing");
        return Err(Problem::fields(Code::InvalidField, vec![error]));
    }
    let begin = match input.cursor.as_deref() {
        Some(text) => {
            Cursor::from_text(text, api.feed.cursor_key(), &tenant.id, &list)
                .map_err(|_| page::bad_cursor())?
                .position
        }
        None => match since {
            Some(since) => api.feed.place_since(&tenant.id, since).await?,
            None => FeedPosition::START,
        },
    };
    let wanted = Wanted {
        subscription,
        types: {
            let asked = input.types.unwrap_or_default().into_iter().map(|kind| kind.0);
            caller.granted.narrow(asked.collect())?
        },
        only: input.only,
        last: match until {
            Some(until) => api.store.feed_since(&tenant.id, until).await?,
            None => FeedPosition::END,
        },
        extent,
    };
    let begin = begin.max(events::floor(api, tenant).await?);
    let (recovered, next) = walk(api, tenant, &wanted, begin).await?;
    let recovered = Recovered {
        next_cursor: next
            .map(|position| Cursor::at(position).to_text(api.feed.cursor_key(), &tenant.id, &list)),
        ..recovered
    };
    tracing::info!(
        tenant = %tenant.id,
        subscription = %subscription.id,
        deliveries = recovered.deliveries,
        count = recovered.events,
        "subscription.recovered"
    );
    Ok(recovered)
}

/// Continues after a position until the end or the limits.
///
/// Returns the result, and the position to go on at.
async fn walk(
    api: &Api,
    tenant: &Arc<Tenant>,
    wanted: &Wanted<'_>,
    begin: FeedPosition,
) -> Result<(Recovered, Option<FeedPosition>), Problem> {
    let mut done = Recovered {
        deliveries: 0,
        events: 0,
        left_out: 0,
        next_cursor: None,
    };
    let mut at = begin;
    loop {
        let room = wanted.extent.deliveries.saturating_sub(done.deliveries);
        let looks = wanted.extent.events.saturating_sub(done.events);
        let pending = match room_for(api, tenant).await {
            _ if wanted.extent.making == Making::Nothing => usize::MAX,
            // Reports the deliveries created before; the next call goes on here.
            Err(_) if done.deliveries > 0 => return Ok((done, Some(at))),
            room => room?,
        };
        let count = room.min(looks).min(EVENTS_AT_ONCE).min(pending);
        if count == 0 {
            return Ok((done, Some(at)));
        }
        // Each event gives at most one delivery, so that a page never exceeds the limit.
        let page = api.store.feed(&tenant.id, at, count).await?;
        let ended = !page.more
            || page
                .events
                .last()
                .is_none_or(|(position, _)| *position >= wanted.last);
        let before = at;
        at = page.events.last().map_or(at, |(position, _)| *position);
        let events = page
            .events
            .into_iter()
            .filter(|(position, _)| *position <= wanted.last);
        let events: Vec<Event> = events.map(|(_, event)| event).collect();
        let looked = events.len();
        let (made, left_out) = match make_again(api, tenant, wanted, events).await {
            Err(problem) if problem.code() == Code::QuotaExceeded && done.deliveries > 0 => {
                return Ok((done, Some(before)));
            }
            made => made?,
        };
        done.events += looked;
        done.deliveries += made;
        done.left_out += left_out;
        if ended {
            return Ok((done, None));
        }
    }
}

/// Number of deliveries that the tenant's quota has room for, at least one.
pub(in crate::api) async fn room_for(api: &Api, tenant: &Tenant) -> Result<usize, Problem> {
    let limits = tenant.quotas.stored;
    let Some(limit) = limits.pending_deliveries else {
        return Ok(usize::MAX);
    };
    let used = api.store.usage(&tenant.id, Duration::ZERO).await?;
    let one = StoredUsage {
        pending_deliveries: 1,
        stored_bytes: 0,
    };
    limits
        .check(used, one)
        .map_err(|over| api.quotas.refusal(&StoreError::OverQuota(over)))?;
    let room = limit.saturating_sub(used.pending_deliveries);
    Ok(usize::try_from(room).unwrap_or(usize::MAX))
}

/// Recovers the selected deliveries of these events.
///
/// Returns the number of deliveries created, and the number of events left out.
async fn make_again(
    api: &Api,
    tenant: &Arc<Tenant>,
    wanted: &Wanted<'_>,
    mut events: Vec<Event>,
) -> Result<(usize, usize), Problem> {
    events.retain(|event| !tenant.is_warning_about(event, wanted.subscription.id));
    events.retain(|event| {
        wanted.types.is_empty() || wanted.types.iter().any(|pattern| pattern.matches(&event.kind))
    });
    let (events, left_out) = meant(api, tenant, wanted.subscription, events).await?;
    let mut stored: Vec<Option<StoredEvent>> = Vec::with_capacity(events.len());
    for events in events.chunks(LOADS_AT_ONCE) {
        let mut loads = Vec::with_capacity(events.len());
        for event in events {
            loads.push(api.store.event(&tenant.id, &event.id));
        }
        stored.extend(try_join_all(loads).await?);
    }
    let target = Target::Subscription(wanted.subscription.id);
    let mut there = 0;
    let again = stored.into_iter().flatten().filter_map(|stored| {
        let own = |delivery: &&Delivery| delivery.id.target == target;
        let own = stored.deliveries.iter().filter(own).map(|own| own.id.run);
        let (last, made) = (own.clone().max(), own.count());
        if let Making::Run(run) = wanted.extent.making
            && last >= Some(run)
        {
            there += usize::from(last == Some(run));
            return None;
        }
        check_count(api, made, target).ok()?;
        let next = run_again(&stored.deliveries, target, wanted.only)?;
        let run = match wanted.extent.making {
            Making::Run(run) => run,
            Making::NextRun | Making::Nothing => next,
        };
        let event = stored.event.id;
        Some((DeliveryId { event, target, run }, Trigger::Replay))
    });
    let again: Vec<_> = again.collect();
    if again.is_empty() || wanted.extent.making == Making::Nothing {
        return Ok((there + again.len(), left_out));
    }
    let made = api.store.enqueue(&tenant.id, again, tenant.quotas.stored).await;
    let made = made.map_err(|error| api.quotas.refusal(&error))?;
    api.inbox.due_now();
    Ok((there + made, left_out))
}

/// Selects the events that match the subscription.
///
/// Also returns the number of events left out, whose match is unknown.
pub(super) async fn meant(
    api: &Api,
    tenant: &Arc<Tenant>,
    subscription: &Arc<Subscription>,
    events: Vec<Event>,
) -> Result<(Vec<Event>, usize), Problem> {
    let (mut kept, mut left_out) = (Vec::new(), 0);
    let mut events = events.into_iter().peekable();
    while events.peek().is_some() {
        let part: Vec<_> = events.by_ref().take(JUDGED_AT_ONCE).collect();
        let (own, subscription) = (Arc::clone(tenant), Arc::clone(subscription));
        let job = move |lane: &mut TenantLane<'_>| {
            let judged = part.into_iter().map(|event| {
                let shown = show(&own, event.clone(), lane);
                means(&subscription, &shown, &lane.work()).map(|meant| meant.then_some(event))
            });
            judged.collect::<Vec<_>>()
        };
        let judged = api.host.run_for(&tenant.id, job).await.map_err(lane_refused)?;
        for event in judged {
            match event {
                Ok(event) => kept.extend(event),
                Err(_) => left_out += 1,
            }
        }
    }
    Ok((kept, left_out))
}

/// Returns the run number of a new delivery to a target; `None` if there is none to make. Pure.
fn run_again(deliveries: &[Delivery], target: Target, only: Only) -> Option<u64> {
    let own = || deliveries.iter().filter(|delivery| delivery.id.target == target);
    let any = |is: fn(&DeliveryState) -> bool| own().any(|delivery| is(&delivery.state));
    // Another system sent the shadowed deliveries.
    let delivered = any(|state| {
        matches!(
            state,
            DeliveryState::Delivered { .. } | DeliveryState::Shadowed { .. }
        )
    });
    let wanted = match only {
        Only::Failed => !delivered,
        Only::Dead => !delivered && any(|state| matches!(state, DeliveryState::Dead { .. })),
        Only::All => true,
    };
    if !wanted || any(|state| matches!(state, DeliveryState::Pending { .. })) {
        return None;
    }
    Some(
        own()
            .map(|delivery| delivery.id.run)
            .max()
            .map_or(0, |last| last.saturating_add(1)),
    )
}

pub(in crate::api) fn time(field: &str, given: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    given.map(Timestamp::parse).transpose().map_err(|error| {
        let error = FieldError::new(format!("/{field}"), error.to_string());
        Problem::fields(Code::InvalidField, vec![error])
    })
}

const EVENTS_AT_ONCE: usize = 100;
const LOADS_AT_ONCE: usize = 8;
/// Number of events in one job of the tenant's lane; other jobs run in between.
const JUDGED_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_again_and_in_which_run() {
        let at = Timestamp::default();
        let (died, called_off) = (DeliveryState::Dead { at }, DeliveryState::Cancelled { at });
        let (delivered, pending) = (
            DeliveryState::Delivered { at },
            DeliveryState::Pending { next: at },
        );
        let shadowed = DeliveryState::Shadowed { at };
        for (states, failed, dead, all) in [
            (&[][..], Some(0), None, Some(0)),
            (&[died], Some(1), Some(1), Some(1)),
            (&[called_off], Some(1), None, Some(1)),
            (&[died, called_off], Some(2), Some(2), Some(2)),
            (&[delivered], None, None, Some(1)),
            (&[shadowed], None, None, Some(1)),
            (&[died, shadowed], None, None, Some(2)),
            (&[died, delivered], None, None, Some(2)),
            (&[died, pending], None, None, None),
        ] {
            let target = Target::Inline;
            let delivery = |(run, state): (u64, &DeliveryState)| Delivery {
                id: DeliveryId {
                    event: "e".parse().expect("an id"),
                    target,
                    run,
                },
                trigger: Trigger::Published,
                state: *state,
                attempts: 0,
                first_attempt: None,
                last: None,
            };
            let deliveries: Vec<_> = (0..).zip(states).map(delivery).collect();
            for (only, expected) in [(Only::Failed, failed), (Only::Dead, dead), (Only::All, all)] {
                assert_eq!(
                    run_again(&deliveries, target, only),
                    expected,
                    "{states:?} {only:?}"
                );
            }
        }
    }
}
