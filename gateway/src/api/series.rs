//! Time series of a tenant: many series in one answer, by step.

mod measure;
mod operator;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::describe::described;
use super::input::{Consuming, Params};
use super::lists::time;
use super::views::text;
use crate::http::{Code, Problem, Reach};
use hookgate_domain::{StatusClass, SubscriptionId, Target, TenantId, Timestamp};
use hookgate_registry::Tenant;
use hookgate_runtime::memory::MemoryUse;
use hookgate_store::StoreError;
use hookgate_store::series::{MOST_KEYS, Point, SeriesKey, SeriesKind, SeriesStep};

use measure::{MEASURES, Measure, Value};

pub(super) fn routes() -> ApiRouter<Api> {
    operator::routes().api_route(
        "/v1/metrics/series",
        get_with(
            series,
            described(
                "Deliveries",
                "getSeries",
                "Time series",
                "Counts of events and attempts by minute or by hour, of all gateways together, a few seconds late. Attempts of test \
                 events do not count. A gateway that is killed loses what it counted in its last seconds. They are kept for \
                 `retention.series_minutes` and `retention.series_hours`. `pending` and `oldest_pending` are means of samples, four a \
                 minute.",
            ),
        ),
    )
}

/// Parameters of a time series query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SeriesQuery {
    /// Measures, separated by commas: `accepted` (events), `attempts`, `delivered`, `failed`,
    /// `dead`, `dropped` (events and deliveries, by a plugin), `redacted` (events and attempts of which a plugin changed or
    /// removed something), `calls` (of a plugin), `pending` (deliveries), `oldest_pending` (how long the delivery that was
    /// due first has been due, in milliseconds), and `p50` and `p95`, percentiles of successes' duration in milliseconds,
    /// rounded up.
    #[schemars(regex(pattern = MEASURES))]
    measure: String,
    /// Grouping: one series per value; default: one series of all.
    by: Option<ByView>,
    /// Length of a step.
    step: StepView,
    /// Start time (RFC 3339), rounded down to a step; default: 60 steps back.
    since: Option<String>,
    /// End time (RFC 3339), exclusive of the step that begins with it; default: now.
    until: Option<String>,
    /// Only attempts to these subscriptions, separated by commas; at most 100.
    subscription: Option<String>,
}

/// Subject of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "SeriesBy")]
#[serde(rename_all = "snake_case")]
enum ByView {
    /// A subscription.
    Subscription,
    /// An event type.
    Type,
    /// A class of outcomes; only with the measure `attempts`.
    StatusClass,
    /// A plugin of the tenant's chain or of a subscription's, with the measures `calls`, `failed`, `dropped` and `redacted`.
    Plugin,
}

/// Length of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "SeriesStep")]
enum StepView {
    /// A minute.
    #[serde(rename = "1m")]
    Minute,
    /// An hour.
    #[serde(rename = "1h")]
    Hour,
}

/// Time series.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SeriesPage")]
struct SeriesPage {
    /// The length of a step.
    step: StepView,
    /// Start time of each step.
    times: Vec<String>,
    /// The series, by key.
    series: Vec<OneSeries>,
}

/// One series.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Series")]
struct OneSeries {
    /// Subject: a subscription, a type, a class, a plugin, a tenant; `other` for all without a separate series; `all`.
    key: String,
    /// Values by measure, one for each step; null where nothing was measured.
    values: BTreeMap<&'static str, Vec<Option<u64>>>,
}

/// Steps of an answer.
struct Steps {
    step: SeriesStep,
    /// Start of each step, one or more.
    starts: Vec<Timestamp>,
    /// Samples of pending deliveries that were taken in each; zeros if none are asked for.
    samples: Vec<u64>,
}

/// Validated query for series.
struct Asked {
    measures: Vec<Measure>,
    by: Option<ByView>,
    steps: Steps,
    /// Only attempts to these subscriptions; `None`: to all.
    only: Option<Vec<SubscriptionId>>,
}

async fn series(
    State(api): State<Api>,
    caller: Consuming,
    Params(query): Params<SeriesQuery>,
) -> Result<Json<SeriesPage>, Problem> {
    let tenant = &caller.tenant;
    let mut asked = Asked::read(&caller, &query, api.clock.now())?;
    // What was counted of a tenant that had the name before is not this one's.
    let from = asked.steps.step.start(tenant.created);
    let whole = caller.reach == Reach::Tenant && asked.only.is_none();
    let kind = match (asked.by, whole) {
        (Some(ByView::Type), _) => SeriesKind::Types,
        (Some(ByView::Plugin), _) => SeriesKind::Plugins,
        (Some(ByView::Subscription), _) | (_, false) => SeriesKind::Targets,
        (Some(ByView::StatusClass) | None, true) => SeriesKind::All,
    };
    let keys = if kind == SeriesKind::All { 1 } else { MOST_KEYS + 1 };
    let most = asked.steps.starts.len() * keys * 2 * size_of::<Point>();
    let most = most.min(api.memory.max_per_tenant() / 2);
    let _memory = api.memory.reserve(Some(&tenant.id), MemoryUse::Pages, most)?;
    asked.steps.read_samples(&api, &asked.measures).await?;
    let points = asked.steps.points(&api, &tenant.id, kind, from).await?;
    let reached = points
        .into_iter()
        .filter(|point| asked.covers(&caller, &point.key));
    let series = asked.series(tenant, reached);
    Ok(Json(asked.steps.page(query.step, series)))
}

impl Steps {
    /// Reads the range of a query: `most` steps of it at most.
    fn read(
        step: StepView,
        (since, until): (Option<&str>, Option<&str>),
        now: Timestamp,
        most: u64,
    ) -> Result<Self, Problem> {
        let step = match step {
            StepView::Minute => SeriesStep::Minute,
            StepView::Hour => SeriesStep::Hour,
        };
        let wrong = |detail: String| Err(Problem::new(Code::InvalidParameter, detail));
        let end = time("until", until)?.unwrap_or(now);
        let back = Timestamp::from_millis(end.as_millis().saturating_sub(59 * step.millis()));
        let begin = step.start(time("since", since)?.unwrap_or(back));
        let count = end
            .as_millis()
            .saturating_sub(begin.as_millis())
            .div_ceil(step.millis());
        if count > most {
            return wrong(format!(
                "These are {count} steps; one answer has {most} at most, {MOST_STEPS} of one series."
            ));
        }
        if count == 0 {
            return wrong("`until` is not after `since`.".to_owned());
        }
        let start = |n: u64| Timestamp::from_millis(begin.as_millis() + n * step.millis());
        let starts: Vec<_> = (0..count).map(start).collect();
        Ok(Self {
            step,
            samples: vec![0; starts.len()],
            starts,
        })
    }

    /// Counts of the steps that begin at `from` or later.
    async fn points(
        &self,
        api: &Api,
        tenant: &TenantId,
        kind: SeriesKind,
        from: Timestamp,
    ) -> Result<Vec<Point>, StoreError> {
        let (Some(first), Some(last)) = (self.starts.first(), self.starts.last()) else {
            return Ok(Vec::new());
        };
        let until = Timestamp::from_millis(last.as_millis() + self.step.millis());
        api.store
            .series(tenant, kind, self.step, ((*first).max(from), until))
            .await
    }

    /// Reads the numbers of samples, if a measure needs them.
    async fn read_samples(&mut self, api: &Api, measures: &[Measure]) -> Result<(), StoreError> {
        if measures.iter().any(|measure| measure.is_sampled()) {
            let all = (TenantId::operator(), SeriesKind::All, Timestamp::default());
            for point in self.points(api, &all.0, all.1, all.2).await? {
                if let Some(at) = self.at(&point) {
                    self.samples[at] = point.cells.samples();
                }
            }
        }
        Ok(())
    }

    /// Index of a point's step.
    fn at(&self, point: &Point) -> Option<usize> {
        self.starts.binary_search(&point.start).ok()
    }

    /// Values without counts.
    fn empty(&self) -> Vec<Value> {
        self.samples.iter().map(|samples| Value::of(*samples)).collect()
    }

    fn page(&self, step: StepView, series: Vec<OneSeries>) -> SeriesPage {
        SeriesPage {
            step,
            times: self.starts.iter().map(|start| text(*start)).collect(),
            series,
        }
    }
}

/// A series of the measures.
fn one(measures: &[Measure], key: String, values: &[Value]) -> OneSeries {
    let of = |measure: &Measure| {
        let values = values.iter().map(|value| measure.of(value)).collect();
        (measure.word(), values)
    };
    OneSeries {
        key,
        values: measures.iter().map(of).collect(),
    }
}

/// Series of attempts by class.
fn by_class(values: &[Value]) -> Vec<OneSeries> {
    let of = |class: StatusClass| {
        let counts = values.iter().map(|value| Some(value.cells.of_class(class)));
        OneSeries {
            key: class.word().to_owned(),
            values: BTreeMap::from([(Measure::Attempts.word(), counts.collect())]),
        }
    };
    StatusClass::ALL.into_iter().map(of).collect()
}

impl Asked {
    fn read(caller: &Consuming, query: &SeriesQuery, now: Timestamp) -> Result<Self, Problem> {
        let measures = Measure::read_all(&query.measure)?;
        let wrong = |detail: String| Err(Problem::new(Code::InvalidParameter, detail));
        if query.by == Some(ByView::StatusClass) && measures != [Measure::Attempts] {
            return wrong("By `status_class` the `measure` is `attempts`.".to_owned());
        }
        if let Some(detail) = misplaced(&measures, query.by, caller.reach == Reach::Tenant) {
            return wrong(detail.to_owned());
        }
        if query.by == Some(ByView::Plugin) {
            caller.granted.check_untyped()?;
        }
        let only = query
            .subscription
            .as_deref()
            .map(|text| subscriptions(caller, text));
        let only = only.transpose()?;
        let tenants = matches!(query.by, Some(ByView::Type | ByView::Plugin));
        if tenants && (only.is_some() || caller.reach != Reach::Tenant) {
            return wrong(
                "By `type` and by `plugin` there is no `subscription`, and the key has to be a tenant's, not a consumer's."
                    .to_owned(),
            );
        }
        let apart = query.by.is_some_and(|by| by != ByView::StatusClass) || only.is_some();
        let apart = apart || caller.reach != Reach::Tenant;
        if apart && measures.contains(&Measure::Accepted) && query.by != Some(ByView::Type) {
            return wrong(
                "`accepted` is counted of all subscriptions together, and for a tenant's key.".to_owned(),
            );
        }
        let most = if apart { MOST_APART } else { MOST_STEPS };
        let range = (query.since.as_deref(), query.until.as_deref());
        Ok(Self {
            measures,
            by: query.by,
            steps: Steps::read(query.step, range, now, most)?,
            only,
        })
    }

    /// Tells whether counts of this are asked for and within reach.
    fn covers(&self, caller: &Consuming, key: &SeriesKey) -> bool {
        if let SeriesKey::Type(kind) = key
            && !caller.granted.sees(kind)
        {
            return false;
        }
        if matches!(key, SeriesKey::OtherTypes) && caller.granted.is_typed() {
            return false;
        }
        let SeriesKey::Target(target) = key else {
            // Of others nobody knows whose they are.
            return caller.reach == Reach::Tenant && self.only.is_none();
        };
        let asked = self.only.as_ref().is_none_or(|only| match target {
            Target::Subscription(id) => only.contains(id),
            Target::Inline => false,
        });
        asked && caller.reaches(*target)
    }

    fn series(&self, tenant: &Tenant, points: impl Iterator<Item = Point>) -> Vec<OneSeries> {
        let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let empty = || self.steps.empty();
        // What was asked for by name is there, though nothing was counted of it.
        for id in self
            .only
            .iter()
            .flatten()
            .filter(|_| self.by == Some(ByView::Subscription))
        {
            by_key.insert(tenant.public_id(*id), empty());
        }
        let points: Vec<_> = points
            .map(|point| (self.name(tenant, &point.key), point))
            .collect();
        let shown = most_active(&points);
        for (key, point) in points {
            let Some(at) = self.steps.at(&point) else {
                continue;
            };
            let key = if shown.as_ref().is_none_or(|shown| shown.contains(&key)) {
                key
            } else {
                OTHER.to_owned()
            };
            by_key.entry(key).or_insert_with(empty)[at].add(&point.cells);
        }
        if self.by.is_some_and(|by| by != ByView::StatusClass) {
            let named = by_key.into_iter();
            return named
                .map(|(key, values)| one(&self.measures, key, &values))
                .collect();
        }
        let values = by_key.into_values().next().unwrap_or_else(empty);
        match self.by {
            None => vec![one(&self.measures, "all".to_owned(), &values)],
            Some(_) => by_class(&values),
        }
    }

    fn name(&self, tenant: &Tenant, key: &SeriesKey) -> String {
        match (self.by, key) {
            (None | Some(ByView::StatusClass), _) | (_, SeriesKey::All) => "all".to_owned(),
            (_, SeriesKey::Target(Target::Subscription(id))) => tenant.public_id(*id),
            (_, SeriesKey::Target(target)) => target.to_string(),
            (_, SeriesKey::Type(kind)) => kind.to_string(),
            (_, SeriesKey::Plugin(name)) => name.clone(),
            (_, SeriesKey::OtherTargets | SeriesKey::OtherTypes | SeriesKey::OtherPlugins) => {
                OTHER.to_owned()
            }
        }
    }
}

/// Fault of measures that are not counted by this subject, or not for a consumer.
fn misplaced(measures: &[Measure], by: Option<ByView>, whole: bool) -> Option<&'static str> {
    let any = |fits: fn(&Measure) -> bool| measures.iter().any(fits);
    let of_plugins = |measure: &Measure| {
        matches!(
            measure,
            Measure::Calls | Measure::Failed | Measure::Dropped | Measure::Redacted
        )
    };
    if by == Some(ByView::Plugin) && !measures.iter().all(of_plugins) {
        return Some("By `plugin` the `measure` is `calls`, `failed`, `dropped` or `redacted`.");
    }
    if by != Some(ByView::Plugin) && any(|measure| *measure == Measure::Calls) {
        return Some("`calls` are counted by `plugin`.");
    }
    if by == Some(ByView::Type) && any(|measure| measure.is_sampled()) {
        return Some("`pending` and `oldest_pending` are sampled of all, or by `subscription`.");
    }
    if !whole && any(|measure| matches!(measure, Measure::Dropped | Measure::Redacted)) {
        return Some("`dropped` and `redacted` are for a tenant's key.");
    }
    None
}

/// Keys with the most events and attempts, as many as get a series of their own; `None`: all of them do.
fn most_active(points: &[(String, Point)]) -> Option<BTreeSet<String>> {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, point) in points {
        let total = totals.entry(key).or_default();
        let cells = &point.cells;
        *total = total.saturating_add(cells.accepted() + cells.attempts() + cells.calls());
    }
    if totals.len() <= MOST_KEYS {
        return None;
    }
    let mut by_total: Vec<_> = totals.into_iter().collect();
    by_total.sort_by_key(|(_, total)| Reverse(*total));
    let shown = by_total.into_iter().take(MOST_KEYS);
    Some(shown.map(|(key, _)| key.to_owned()).collect())
}

/// Subscriptions that are within reach, by their ids with commas between. Those that were deleted are told to a tenant's key.
fn subscriptions(caller: &Consuming, text: &str) -> Result<Vec<SubscriptionId>, Problem> {
    let ids: Option<Vec<_>> = text
        .split(',')
        .map(|id| caller.tenant.subscription_id(id.trim()))
        .collect();
    match ids {
        Some(ids) if ids.len() <= MOST_SUBSCRIPTIONS => Ok(ids),
        _ => {
            let detail = "`subscription` is 1 to 100 ids of subscriptions, separated by commas.";
            Err(Problem::new(Code::InvalidParameter, detail))
        }
    }
}

/// Steps of one series in one answer.
const MOST_STEPS: u64 = 1_500;
/// Steps in an answer with a series each.
const MOST_APART: u64 = 300;
const MOST_SUBSCRIPTIONS: usize = 100;
/// Key of all that has no series of its own.
const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_store::series::Cells;

    #[test]
    fn series_are_bounded_and_the_most_active_keep_theirs() {
        let point = |attempts: u64| {
            let mut cells = Cells::default();
            // Of a class.
            cells.0[hookgate_domain::stats::CELLS] = attempts;
            Point {
                start: Timestamp::default(),
                key: SeriesKey::All,
                cells,
            }
        };
        let points = |count: u64| {
            (0..count)
                .map(|n| (format!("type.{n}"), point(n)))
                .collect::<Vec<_>>()
        };
        let most = MOST_KEYS as u64;
        assert_eq!(most_active(&points(most)), None);
        let shown = most_active(&points(most + 3)).unwrap();
        assert_eq!(shown.len(), MOST_KEYS);
        assert!(!shown.contains("type.2") && shown.contains("type.3"));
    }
}
