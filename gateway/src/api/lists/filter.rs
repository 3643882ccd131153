//! Conditions of a search in a list: read from the query, and matched against attempts and deliveries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Api;
use super::super::events::patterns;
use super::super::input::Consuming;
use super::super::jobs::runs;
use super::super::views::{DeliveryStatus, StatusClassView};
use crate::http::{Code, Problem};
use crate::ingest::stored_key;
use hookgate_domain::{
    Delivery, DeliveryId, EventId, EventPattern, EventType, Outcome, StatusClass, Target, Timestamp,
};
use hookgate_registry::Tenant;
use hookgate_store::{IndexedEvent, Left, LoggedAttempt};

/// Query of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ListQuery {
    /// Maximum number of items: 1 to 500, default 50.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
    /// The `next_cursor` or `previous_cursor` of another page.
    pub cursor: Option<String>,
    /// Only from this time on (RFC 3339).
    pub since: Option<String>,
    /// Only from before this time (RFC 3339).
    pub until: Option<String>,
    /// Only of events of these types: up to 64 patterns such as `invoice.*`, separated by commas.
    pub types: Option<String>,
    /// Only to this subscription.
    pub subscription: Option<String>,
    /// Only where the delivery stands like this; of attempts: where it stood like this after it.
    pub status: Option<DeliveryStatus>,
    /// Only where the attempt, or the last one, came to this.
    pub status_class: Option<StatusClassView>,
    /// Only first attempts, or only later ones; of deliveries: only those with at most one attempt, or with more.
    pub attempt: Option<TriesView>,
    /// Only of this event, this delivery, or the events that were published with this idempotency key: exactly.
    pub q: Option<String>,
    /// Of dead letters only those that were made again, or only those that were not.
    pub replayed: Option<bool>,
    /// Only deliveries that this bulk job made.
    pub job: Option<String>,
}

/// Number of attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Tries")]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum TriesView {
    /// One, or none.
    First,
    /// More.
    Retry,
}

/// Conditions of a search.
#[derive(Debug, Default)]
pub(in crate::api) struct Filter {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub types: Vec<EventPattern>,
    pub target: Option<Target>,
    pub status: Option<DeliveryStatus>,
    pub class: Option<StatusClass>,
    pub tries: Option<TriesView>,
    pub replayed: Option<bool>,
    /// Of these events alone.
    pub only: Option<Vec<EventId>>,
    /// Of these only this delivery.
    pub delivery: Option<DeliveryId>,
    /// Only runs before this one, as if there were no others.
    pub before: Option<u64>,
    /// Only this run.
    pub run: Option<u64>,
}

impl Filter {
    /// Reads the query of a caller.
    ///
    /// # Errors
    /// `invalid_parameter`; the store's, which is asked for an idempotency key.
    pub async fn read(api: &Api, caller: &Consuming, query: &ListQuery) -> Result<Self, Problem> {
        let tenant = &caller.tenant;
        let target = query.subscription.as_deref().map(|text| target(tenant, text));
        let (mut only, mut delivery) = (None, None);
        if let Some(text) = &query.q {
            if text.is_empty() || text.len() > MOST_SEARCHED {
                let detail = format!("`q` is 1 to {MOST_SEARCHED} bytes.");
                return Err(Problem::new(Code::InvalidParameter, detail));
            }
            if let Ok(id) = text.parse::<DeliveryId>() {
                only = Some(vec![id.event.clone()]);
                delivery = Some(id);
            } else {
                let mut events = api
                    .store
                    .events_of_key(&tenant.id, &stored_key(text, tenant.created))
                    .await?;
                events.extend(text.parse::<EventId>().ok());
                only = Some(events);
            }
        }
        Ok(Self {
            since: time("since", query.since.as_deref())?,
            until: time("until", query.until.as_deref())?,
            types: caller.granted.narrow(patterns(query.types.as_deref())?)?,
            target: target.transpose()?,
            status: query.status,
            class: query.status_class.map(StatusClass::from),
            tries: query.attempt,
            replayed: query.replayed,
            only,
            delivery,
            before: None,
            run: match &query.job {
                Some(id) => Some(made_by(api, tenant, id).await?),
                None => None,
            },
        })
    }

    /// Tells whether events of a type are searched for.
    pub fn wants(&self, kind: &EventType) -> bool {
        self.types.is_empty() || self.types.iter().any(|pattern| pattern.matches(kind))
    }

    /// Tells whether an attempt is searched for.
    pub fn logged(&self, attempt: &LoggedAttempt) -> bool {
        let first = attempt.number <= 1;
        let id = &attempt.delivery;
        self.wants(&attempt.kind)
            && self.target.is_none_or(|target| id.target == target)
            && self.status.is_none_or(|status| status == attempt.left.into())
            && self.class.is_none_or(|class| attempt.class() == Some(class))
            && self
                .tries
                .is_none_or(|tries| (tries == TriesView::First) == first)
            && self.only.as_ref().is_none_or(|events| events.contains(&id.event))
            && self.delivery.as_ref().is_none_or(|only| only == id)
            && self.run.is_none_or(|run| id.run == run)
    }

    /// Tells whether a delivery of an event of the right type is searched for.
    pub fn finds(&self, stored: &IndexedEvent<'_>, delivery: &Delivery) -> bool {
        let in_time = |of: &Delivery| self.before.is_none_or(|run| of.id.run < run);
        let others = stored.to(delivery.id.target).iter().rev();
        let newest = others.copied().find(|other| in_time(other));
        let again = newest.is_some_and(|newest| newest.id.run > delivery.id.run);
        in_time(delivery) && self.delivery(delivery, again)
    }

    /// Tells whether a delivery has what is searched for. `again`: another one was made in its place.
    fn delivery(&self, delivery: &Delivery, again: bool) -> bool {
        let class = delivery.last.as_ref().and_then(Outcome::class);
        let first = delivery.attempts <= 1;
        self.target.is_none_or(|target| delivery.id.target == target)
            && self
                .status
                .is_none_or(|status| DeliveryStatus::from(delivery.state) == status)
            && self.class.is_none_or(|wanted| class == Some(wanted))
            && self
                .tries
                .is_none_or(|tries| (tries == TriesView::First) == first)
            && self.replayed.is_none_or(|replayed| replayed == again)
            && self.delivery.as_ref().is_none_or(|only| *only == delivery.id)
            && self.run.is_none_or(|run| delivery.id.run == run)
    }

    /// Tells whether anything of deliveries is searched for.
    pub fn asks_for_deliveries(&self) -> bool {
        self.target.is_some()
            || self.status.is_some()
            || self.class.is_some()
            || self.tries.is_some()
            || self.replayed.is_some()
            || self.delivery.is_some()
            || self.run.is_some()
    }
}

/// The run of the deliveries that a bulk job made.
async fn made_by(api: &Api, tenant: &Tenant, job: &str) -> Result<u64, Problem> {
    let run = runs::of(api, tenant, job).await?;
    run.ok_or_else(|| {
        let detail = "The query is wrong: `job` is not the id of a bulk job that is kept.";
        Problem::new(Code::InvalidParameter, detail)
            .fix("Send the id of a job that `GET /v1/jobs` lists; the last `bulk.jobs_kept` are kept, for `retention.jobs`.")
    })
}

fn target(tenant: &Tenant, subscription: &str) -> Result<Target, Problem> {
    if subscription == "inline" {
        return Ok(Target::Inline);
    }
    let id = tenant.subscription_id(subscription);
    id.map(Target::Subscription).ok_or_else(|| {
        let detail = "The query is wrong: `subscription` is not a subscription's id.";
        Problem::new(Code::InvalidParameter, detail)
    })
}

/// A time in the query.
///
/// # Errors
/// `invalid_parameter`.
pub(in crate::api) fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let parsed = text.map(Timestamp::parse).transpose();
    parsed.map_err(|error| {
        Problem::new(Code::InvalidParameter, format!("`{name}` is wrong: {error}."))
            .fix("Send a time of RFC 3339 such as 2026-01-15T00:00:00Z, with `+` as %2B.")
    })
}

impl From<Left> for DeliveryStatus {
    fn from(left: Left) -> Self {
        match left {
            Left::Pending => Self::Pending,
            Left::Delivered => Self::Delivered,
            Left::Dead => Self::Dead,
            Left::Cancelled => Self::Cancelled,
            Left::Shadowed => Self::Shadowed,
        }
    }
}

/// Bytes of what is searched for: as long as an idempotency key may be.
const MOST_SEARCHED: usize = 300;
