//! Pages of work of a bulk job, by its action. Each uses what the single actions use.

use std::sync::Arc;

use futures_util::future::join_all;

use super::super::Api;
use super::super::deliveries::{call_off, can_retry, check_count, found, hasten};
use super::super::fields::Parsed;
use super::super::input::{Consuming, Granted};
use super::super::lists::Filter;
use super::super::subscriptions::act;
use super::super::subscriptions::recover::{Extent, Making, RecoverInput, missed_by, room_for};
use super::filter::{BulkAction, BulkFilter};
use super::record::{BulkJob, Counts, Place};
use crate::http::{Code, Problem, Reach, Retry};
use hookgate_domain::{
    Delivery, DeliveryId, DeliveryState, Status, Subscription, SubscriptionId, Timestamp, Trigger,
};
use hookgate_registry::Tenant;
use hookgate_store::IndexedEvent;

/// Result of a page.
pub(super) struct Page {
    pub counts: Counts,
    /// Place at which the job goes on; `None`: it has looked at everything.
    pub next: Option<Place>,
}

/// Maximum extent of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    /// Maximum number of deliveries or subscriptions.
    pub changes: usize,
    /// Maximum number of events that a recovery looks at.
    pub looks: usize,
}

/// Change of a delivery.
enum Plan {
    /// A new delivery is made.
    Make(DeliveryId),
    /// This job made it before, in a page that was not recorded.
    Made,
    /// The pending delivery is made due now.
    Hasten(DeliveryId, Timestamp),
    /// The pending delivery is cancelled.
    CallOff(DeliveryId, Timestamp),
    /// Nothing is changed.
    Skip,
}

/// Caller for which a job works: all that it reaches, narrowed by the filter.
pub(super) fn caller(tenant: &Arc<Tenant>, reach: Reach) -> Consuming {
    Consuming {
        tenant: Arc::clone(tenant),
        reach,
        granted: Granted::default(),
    }
}

/// Does a page of a job. If it is done again, no delivery is made twice.
///
/// # Errors
/// Those of the single action, of the quotas and of the store: the page may be done in part.
pub(super) async fn page(api: &Api, caller: &Consuming, job: &BulkJob, most: Most) -> Result<Page, Problem> {
    match job.action {
        BulkAction::Retry | BulkAction::Cancel => deliveries(api, caller, job, most).await,
        BulkAction::Recover => recover(api, caller, job, most).await,
        BulkAction::Disable => disable(api, caller, job, most).await,
    }
}

async fn deliveries(api: &Api, caller: &Consuming, job: &BulkJob, most: Most) -> Result<Page, Problem> {
    let tenant = &caller.tenant;
    let filter = Filter {
        before: Some(job.run),
        ..job.filter.conditions(tenant)?
    };
    let limit = match job.action {
        BulkAction::Retry => most.changes.min(room_for(api, tenant).await?),
        _ => most.changes,
    };
    let cursor = job.place.cursor.as_deref();
    let plan = |stored: &IndexedEvent<'_>, delivery: &Delivery| match (job.action, delivery.state) {
        (BulkAction::Cancel, DeliveryState::Pending { next }) => Plan::CallOff(delivery.id.clone(), next),
        (BulkAction::Cancel, _) => Plan::Skip,
        _ => retried(api, tenant, &filter, (stored, delivery)),
    };
    let page = found(api, caller, &filter, (cursor, limit), plan).await?;
    let matched = page.data.len();
    let changed = carry_out(api, tenant, page.data).await?;
    let next = page.next_cursor.map(|cursor| Place {
        subscription: None,
        cursor: Some(cursor),
    });
    Ok(Page {
        counts: counts(page.looked_at, matched, changed),
        next,
    })
}

/// Decides on the retry of a delivery that a job finds. Of several deliveries of an event to an
/// endpoint the newest one is retried.
fn retried(
    api: &Api,
    tenant: &Tenant,
    filter: &Filter,
    (stored, delivery): (&IndexedEvent<'_>, &Delivery),
) -> Plan {
    let of_endpoint = stored.to(delivery.id.target);
    let id = DeliveryId {
        run: filter.before.unwrap_or_default(),
        ..delivery.id.clone()
    };
    let newer = of_endpoint.iter().rev();
    let mut newer = newer.take_while(|other| other.id.run > delivery.id.run);
    if newer.any(|other| filter.finds(stored, other)) {
        return Plan::Skip;
    }
    if of_endpoint.iter().any(|other| other.id == id) {
        return Plan::Made;
    }
    let full = check_count(api, of_endpoint.len(), id.target).is_err();
    match delivery.state {
        _ if can_retry(tenant, delivery).is_err() => Plan::Skip,
        DeliveryState::Pending { next } => Plan::Hasten(delivery.id.clone(), next),
        _ if full => Plan::Skip,
        _ => Plan::Make(id),
    }
}

/// Carries plans out; returns the number of changed deliveries.
async fn carry_out(api: &Api, tenant: &Tenant, plans: Vec<Plan>) -> Result<usize, Problem> {
    let mut changed = plans.iter().filter(|plan| matches!(plan, Plan::Made)).count();
    let again = |plan: &Plan| matches!(plan, Plan::Make(_) | Plan::Hasten(..));
    if plans.iter().any(again) {
        api.quotas.admit_replay(tenant)?;
    }
    let make = plans.iter().filter_map(|plan| match plan {
        Plan::Make(id) => Some((id.clone(), Trigger::Replay)),
        _ => None,
    });
    let make: Vec<_> = make.collect();
    if !make.is_empty() {
        let made = api.store.enqueue(&tenant.id, make, tenant.quotas.stored).await;
        changed += made.map_err(|error| api.quotas.refusal(&error))?;
        api.inbox.due_now();
    }
    // All at once: the store commits them together.
    let rest = plans.into_iter().map(async |plan| match plan {
        Plan::Hasten(id, next) => hasten(api, tenant, id, next).await.map(|_| 1),
        Plan::CallOff(id, next) => call_off(api, tenant, &id, next).await.map(|()| 1),
        Plan::Make(_) | Plan::Made | Plan::Skip => Ok(0),
    });
    for done in join_all(rest).await {
        changed += unless_it_changed(done, 0)?;
    }
    Ok(changed)
}

async fn recover(api: &Api, caller: &Consuming, job: &BulkJob, most: Most) -> Result<Page, Problem> {
    let mut ids = subscriptions(
        caller,
        (job.action, &job.filter),
        job.place.subscription.as_deref(),
    );
    let Some(id) = ids.next() else {
        return Ok(Page {
            counts: Counts::default(),
            next: None,
        });
    };
    // The cursor is of the subscription at which the last page ended, which may be gone.
    let same = job.place.subscription.as_deref() == Some(id.to_string().as_str());
    let input = recovery(&job.filter, job.place.cursor.clone().filter(|_| same));
    let extent = Extent {
        deliveries: most.changes,
        events: most.looks,
        making: Making::Run(job.run),
    };
    let done = missed_by(api, caller, id, input, extent).await.map(Some);
    // Disabled or deleted meanwhile.
    let Some(done) = unless_it_changed(done, None)? else {
        return Ok(Page {
            counts: counts(0, 1, 0),
            next: ids.next().map(at),
        });
    };
    let next = match done.next_cursor {
        Some(cursor) => Some(Place {
            cursor: Some(cursor),
            ..at(id)
        }),
        None => ids.next().map(at),
    };
    Ok(Page {
        counts: counts(done.events, done.deliveries + done.left_out, done.deliveries),
        next,
    })
}

async fn disable(api: &Api, caller: &Consuming, job: &BulkJob, most: Most) -> Result<Page, Problem> {
    let mut ids = subscriptions(
        caller,
        (job.action, &job.filter),
        job.place.subscription.as_deref(),
    );
    let mut done = Counts::default();
    for id in ids.by_ref().take(most.changes) {
        let disabled = act::disable(api, caller, id).await.map(|_| 1);
        done.add(counts(1, 1, unless_it_changed(disabled, 0)?));
    }
    Ok(Page {
        counts: done,
        next: ids.next().map(at),
    })
}

/// Number of what a job would change, and whether there may be more: it looks at as much as one
/// request may (`api.list_scan`).
///
/// # Errors
/// Those of the lists and of a recovery.
pub(super) async fn dry_run(
    api: &Api,
    caller: &Consuming,
    (action, filter): (BulkAction, &BulkFilter),
) -> Result<(usize, bool), Problem> {
    let (mut matched, mut looks) = (0, api.config.list_scan);
    match action {
        BulkAction::Retry | BulkAction::Cancel => {
            let (filter, mut cursor) = (filter.conditions(&caller.tenant)?, None::<String>);
            while looks > 0 {
                let asked = (cursor.as_deref(), LISTED_AT_ONCE.min(looks));
                let page = found(api, caller, &filter, asked, |_, _| ()).await?;
                matched += page.data.len();
                looks = looks.saturating_sub(page.looked_at.max(1));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return Ok((matched, false));
                }
            }
            Ok((matched, true))
        }
        BulkAction::Recover => {
            for id in subscriptions(caller, (action, filter), None) {
                let extent = Extent {
                    deliveries: usize::MAX,
                    events: looks,
                    making: Making::Nothing,
                };
                let done = missed_by(api, caller, id, recovery(filter, None), extent).await?;
                matched += done.deliveries;
                looks = looks.saturating_sub(done.events.max(1));
                if looks == 0 || done.next_cursor.is_some() {
                    return Ok((matched, true));
                }
            }
            Ok((matched, false))
        }
        BulkAction::Disable => Ok((subscriptions(caller, (action, filter), None).count(), false)),
    }
}

/// Active subscriptions within the caller's reach that a filter names, by id, from one on.
fn subscriptions(
    caller: &Consuming,
    (action, filter): (BulkAction, &BulkFilter),
    from: Option<&str>,
) -> impl Iterator<Item = SubscriptionId> + use<> {
    let only = filter.subscription.as_deref();
    let named =
        |found: &Subscription| only.is_none_or(|text| caller.tenant.subscription_id(text) == Some(found.id));
    let all = caller.tenant.subscriptions.iter();
    let wanted =
        all.filter(|found| found.status == Status::Active && caller.reach.covers(found) && named(found));
    // A recovery selects events by their types.
    let wanted = wanted.filter(|found| action == BulkAction::Recover || filter.covers(found));
    let wanted = wanted.filter(|found| from.is_none_or(|from| found.id.to_string().as_str() >= from));
    let mut ids: Vec<_> = wanted.map(|found| found.id).collect();
    ids.sort_unstable();
    ids.into_iter()
}

fn at(id: SubscriptionId) -> Place {
    Place {
        subscription: Some(id.to_string()),
        cursor: None,
    }
}

fn recovery(filter: &BulkFilter, cursor: Option<String>) -> RecoverInput {
    let types: Vec<_> = filter.patterns().cloned().map(Parsed).collect();
    RecoverInput {
        since: filter.since.clone(),
        until: filter.until.clone(),
        types: (!types.is_empty()).then_some(types),
        cursor,
        ..RecoverInput::default()
    }
}

/// Takes `skipped` in place of the refusal of an item that changed since it was found.
fn unless_it_changed<T>(done: Result<T, Problem>, skipped: T) -> Result<T, Problem> {
    match done {
        Err(problem) if problem.code() == Code::Conflict || is_of_item(&problem) => Ok(skipped),
        done => done,
    }
}

/// Returns `true` if a problem is one of the item, not of the job.
fn is_of_item(problem: &Problem) -> bool {
    let codes = [
        Code::WrongState,
        Code::NotFound,
        Code::DeclaredInFile,
        Code::LimitReached,
    ];
    problem.code().retry() == Retry::No && codes.contains(&problem.code())
}

fn counts(looked_at: usize, matched: usize, changed: usize) -> Counts {
    Counts {
        looked_at: looked_at as u64,
        matched: matched as u64,
        changed: changed as u64,
        skipped: matched.saturating_sub(changed) as u64,
    }
}

/// Deliveries that a dry run asks of the list at once.
const LISTED_AT_ONCE: usize = 500;
