//! Delivery actions of product routes: statistics, list, retry and recovery.

use axum::response::Response;
use serde_json::Value;

use super::super::deliveries;
use super::super::input::{Id, not_found};
use super::super::lists::ListQuery;
use super::super::subscriptions::recover;
use super::super::subscriptions::stats::{self, CountsView};
use super::super::views::{AttemptView, DeliveryFacts, DeliveryView};
use super::Visit;
use super::action::limit;
use super::answer::{Json, Members, in_seconds, json, members};
use super::request::Fields;
use crate::http::Problem;
use hookgate_contract::profile::{Field, Input};
use hookgate_domain::SubscriptionId;
use hookgate_domain::units::Span;

/// Lists deliveries, of one subscription or of all within reach.
pub(super) async fn list(
    visit: &Visit<'_>,
    of: Option<SubscriptionId>,
    fields: &Fields,
) -> Result<Response, Problem> {
    if let Some(id) = of {
        visit.caller.subscription(id)?;
    }
    let query = ListQuery {
        limit: limit(fields)?,
        cursor: fields.text(Input::Cursor)?,
        status: fields.word(Input::Status, "is `pending`, `delivered`, `dead` or `cancelled`")?,
        subscription: of.map(|id| id.to_string()),
        ..ListQuery::default()
    };
    let page = deliveries::page_of(visit.api, visit.caller, &query).await?;
    let item = |view: &DeliveryView| {
        members(&visit.route.item, |field| {
            of_delivery(&view.facts, view.attempts, field)
        })
    };
    let items: Vec<Members> = page.data.iter().map(item).collect();
    Ok(visit.page(&items, page.next_cursor.as_deref(), page.next_cursor.is_some()))
}

/// Returns a delivery; its items are the attempts.
pub(super) async fn one(visit: &Visit<'_>, id: Option<&str>) -> Result<Response, Problem> {
    let shown = deliveries::one(visit.api, visit.caller, &path_id(id)?).await?;
    let item = |attempt| members(&visit.route.item, |field| of_attempt(attempt, field));
    let items: Vec<Members> = shown.attempts.iter().map(item).collect();
    let count = u32::try_from(shown.attempts.len()).unwrap_or(u32::MAX);
    Ok(visit.reply(|field| match field {
        Field::Items => json(&items),
        _ => of_delivery(&shown.facts, count, field),
    }))
}

/// Retries a delivery.
pub(super) async fn retry(visit: &Visit<'_>, id: Option<&str>) -> Result<Response, Problem> {
    let made = deliveries::again(visit.api, visit.caller, &path_id(id)?).await?;
    Ok(visit.reply(|_| json(&made.to_string())))
}

/// Recovers the missed deliveries of a subscription.
pub(super) async fn recover(
    visit: &Visit<'_>,
    id: SubscriptionId,
    fields: Fields,
) -> Result<Response, Problem> {
    let input = fields.text_to_list(Input::Types).read()?;
    let done = recover::missed_by(
        visit.api,
        visit.caller,
        id,
        input,
        recover::Extent::of_call(visit.api),
    )
    .await?;
    Ok(visit.reply(|field| match field {
        Field::Deliveries => json(&done.deliveries),
        Field::LookedAt => json(&done.events),
        Field::LeftOut => json(&done.left_out),
        Field::NextCursor => json(&done.next_cursor),
        Field::HasMore => json(&done.next_cursor.is_some()),
        _ => json(&()),
    }))
}

/// Returns the statistics of a subscription; the items are buckets of time.
pub(super) async fn stats(visit: &Visit<'_>, id: SubscriptionId) -> Result<Response, Problem> {
    let status = &visit.caller.subscription(id)?.status;
    let found = stats::of(visit.api, visit.caller, id).await?;
    let items: Vec<Members> = found
        .buckets
        .iter()
        .map(|bucket| {
            members(&visit.route.item, |field| match field {
                Field::Start => time(Some(&bucket.start)),
                _ => of_counts(&bucket.counts, field),
            })
        })
        .collect();
    let failure = found.last_failure.as_ref();
    Ok(visit.reply(|field| match field {
        Field::Id => json(&visit.door.public_id(id)),
        Field::Status => json(visit.door.status(status)),
        Field::Window => json(&found.window.get().as_secs()),
        Field::Since => time(Some(&found.since)),
        Field::LastSuccess => time(found.last_success.as_ref()),
        Field::LastFailure => time(failure.map(|failure| &failure.at)),
        Field::Outcome => json(&failure.map(|failure| &failure.outcome)),
        Field::HttpStatus => json(&failure.and_then(|failure| failure.http_status)),
        Field::Warned => time(found.warned.as_ref()),
        Field::Items => json(&items),
        _ => of_counts(&found.totals, field),
    }))
}

fn path_id(id: Option<&str>) -> Result<Id, Problem> {
    id.map(|text| Id(text.to_owned())).ok_or_else(not_found)
}

fn of_delivery(facts: &DeliveryFacts, attempts: u32, field: Field) -> Json {
    match field {
        Field::Id => json(&facts.id),
        Field::Event => json(&facts.event),
        Field::Subscription => json(&facts.subscription),
        Field::Trigger => json(&facts.trigger),
        Field::Status => json(&facts.status),
        Field::Attempts => json(&attempts),
        Field::NextAttempt => time(facts.next_attempt.as_ref()),
        Field::FirstAttempt => time(facts.first_attempt.as_ref()),
        Field::Finished => time(facts.finished.as_ref()),
        Field::Outcome => json(&facts.last_outcome),
        _ => json(&Value::Null),
    }
}

fn of_attempt(attempt: &AttemptView, field: Field) -> Json {
    match field {
        Field::Number => json(&attempt.number),
        Field::Started => time(Some(&attempt.started)),
        Field::Took => json(&attempt.took_ms),
        Field::Outcome => json(attempt.outcome),
        Field::HttpStatus => json(&attempt.response_status),
        Field::Response => json(&attempt.response_body),
        Field::Stage => json(&attempt.stage),
        Field::Reason => json(&attempt.reason),
        _ => json(&Value::Null),
    }
}

fn of_counts(counts: &CountsView, field: Field) -> Json {
    let millis = |span: Option<Span>| json(&span.map(|span| span.get().as_millis()));
    match field {
        Field::Attempts => json(&counts.attempts),
        Field::Delivered => json(&counts.delivered),
        Field::Failed => json(&counts.failed),
        Field::Dead => json(&counts.dead),
        Field::FailedShare => json(&counts.failed_share),
        Field::P50 => millis(counts.p50),
        Field::P95 => millis(counts.p95),
        _ => json(&Value::Null),
    }
}

fn time(printed: Option<&String>) -> Json {
    json(&printed.map(|printed| in_seconds(printed)))
}
