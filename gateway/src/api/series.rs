//! Time series of a tenant: many series in one answer, by step.

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
use hookgate_domain::{StatusClass, SubscriptionId, Target, Timestamp};
use hookgate_registry::Tenant;
use hookgate_runtime::memory::MemoryUse;
use hookgate_store::series::{Cells, MOST_KEYS, Point, SeriesKey, SeriesKind, SeriesStep};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route(
        "/v1/metrics/series",
        get_with(
            series,
            described(
                "Deliveries",
                "getSeries",
                "Time series",
                "Counts of events and attempts by minute or by hour, of all gateways together, a few seconds late. Attempts of test \
                 events do not count. A gateway that is killed loses what it counted in its last seconds. They are kept for \
                 `retention.series_minutes` and `retention.series_hours`.",
            ),
        ),
    )
}

/// Parameters of a time series query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SeriesQuery {
    /// Measures, separated by commas: `accepted` (events), `attempts`, `delivered`, `failed`,
    /// `dead`, and `p50` and `p95`, percentiles of successes' duration in milliseconds, rounded up.
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
    /// Subject: a subscription, a type, a class; `other` for all without a separate series; `all`.
    key: String,
    /// Values by measure, one for each step; null where nothing was measured.
    values: BTreeMap<&'static str, Vec<Option<u64>>>,
}

/// A measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Accepted,
    Attempts,
    Delivered,
    Failed,
    Dead,
    P50,
    P95,
}

/// Validated query for series.
struct Asked {
    measures: Vec<Measure>,
    by: Option<ByView>,
    step: SeriesStep,
    /// Start of each step.
    starts: Vec<Timestamp>,
    /// Only attempts to these subscriptions; `None`: to all.
    only: Option<Vec<SubscriptionId>>,
}

async fn series(
    State(api): State<Api>,
    caller: Consuming,
    Params(query): Params<SeriesQuery>,
) -> Result<Json<SeriesPage>, Problem> {
    let shown = query.step;
    let tenant = &caller.tenant;
    let asked = Asked::read(&caller, &query, api.clock.now())?;
    let (Some(first), Some(last)) = (asked.starts.first(), asked.starts.last()) else {
        return Err(Problem::new(
            Code::InvalidParameter,
            "`until` is not after `since`.",
        ));
    };
    let until = Timestamp::from_millis(last.as_millis() + asked.step.millis());
    // What was counted of a tenant that had the name before is not this one's.
    let first = (*first).max(asked.step.start(tenant.created));
    let whole = caller.reach == Reach::Tenant && asked.only.is_none();
    let kind = match (asked.by, whole) {
        (Some(ByView::Type), _) => SeriesKind::Types,
        (Some(ByView::Subscription), _) | (_, false) => SeriesKind::Targets,
        (Some(ByView::StatusClass) | None, true) => SeriesKind::All,
    };
    let keys = if kind == SeriesKind::All { 1 } else { MOST_KEYS + 1 };
    let most = asked.starts.len() * keys * 2 * size_of::<Point>();
    let most = most.min(api.memory.max_per_tenant() / 2);
    let _memory = api.memory.reserve(Some(&tenant.id), MemoryUse::Pages, most)?;
    let points = api
        .store
        .series(&tenant.id, kind, asked.step, (first, until))
        .await?;
    let reached = points
        .into_iter()
        .filter(|point| asked.covers(&caller, &point.key));
    let series = asked.series(tenant, reached);
    Ok(Json(SeriesPage {
        step: shown,
        times: asked.starts.iter().map(|start| text(*start)).collect(),
        series,
    }))
}

impl Asked {
    fn read(caller: &Consuming, query: &SeriesQuery, now: Timestamp) -> Result<Self, Problem> {
        let step = match query.step {
            StepView::Minute => SeriesStep::Minute,
            StepView::Hour => SeriesStep::Hour,
        };
        let mut measures = Vec::new();
        for name in query.measure.split(',') {
            let measure = Measure::read(name.trim())?;
            if !measures.contains(&measure) {
                measures.push(measure);
            }
        }
        let wrong = |detail: String| Err(Problem::new(Code::InvalidParameter, detail));
        if query.by == Some(ByView::StatusClass) && measures != [Measure::Attempts] {
            return wrong("By `status_class` the `measure` is `attempts`.".to_owned());
        }
        let only = query
            .subscription
            .as_deref()
            .map(|text| subscriptions(caller, text));
        let only = only.transpose()?;
        if query.by == Some(ByView::Type) && (only.is_some() || caller.reach != Reach::Tenant) {
            return wrong(
                "By `type` there is no `subscription`, and the key has to be a tenant's, not a consumer's."
                    .to_owned(),
            );
        }
        let apart = matches!(query.by, Some(ByView::Subscription | ByView::Type)) || only.is_some();
        let apart = apart || caller.reach != Reach::Tenant;
        if apart && measures.contains(&Measure::Accepted) && query.by != Some(ByView::Type) {
            return wrong(
                "`accepted` is counted of all subscriptions together, and for a tenant's key.".to_owned(),
            );
        }
        let most = if apart { MOST_APART } else { MOST_STEPS };
        let end = time("until", query.until.as_deref())?.unwrap_or(now);
        let back = Timestamp::from_millis(end.as_millis().saturating_sub(59 * step.millis()));
        let begin = step.start(time("since", query.since.as_deref())?.unwrap_or(back));
        let count = end
            .as_millis()
            .saturating_sub(begin.as_millis())
            .div_ceil(step.millis());
        if count > most {
            return wrong(format!(
                "These are {count} steps; one answer has {most} at most, {MOST_STEPS} of one series."
            ));
        }
        let start = |n: u64| Timestamp::from_millis(begin.as_millis() + n * step.millis());
        Ok(Self {
            measures,
            by: query.by,
            step,
            starts: (0..count).map(start).collect(),
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
        let mut by_key: BTreeMap<String, Vec<Cells>> = BTreeMap::new();
        let empty = || vec![Cells::default(); self.starts.len()];
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
            let Ok(at) = self.starts.binary_search(&point.start) else {
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
            return named.map(|(key, cells)| self.one(key, &cells)).collect();
        }
        let cells = by_key.into_values().next().unwrap_or_else(empty);
        if self.by.is_none() {
            return vec![self.one("all".to_owned(), &cells)];
        }
        let of_class = |class: StatusClass| OneSeries {
            key: class.word().to_owned(),
            values: BTreeMap::from([(
                Measure::Attempts.word(),
                cells.iter().map(|cells| Some(cells.of_class(class))).collect(),
            )]),
        };
        StatusClass::ALL.into_iter().map(of_class).collect()
    }

    fn name(&self, tenant: &Tenant, key: &SeriesKey) -> String {
        match (self.by, key) {
            (None | Some(ByView::StatusClass), _) | (_, SeriesKey::All) => "all".to_owned(),
            (_, SeriesKey::Target(Target::Subscription(id))) => tenant.public_id(*id),
            (_, SeriesKey::Target(target)) => target.to_string(),
            (_, SeriesKey::Type(kind)) => kind.to_string(),
            (_, SeriesKey::OtherTargets | SeriesKey::OtherTypes) => OTHER.to_owned(),
        }
    }

    fn one(&self, key: String, cells: &[Cells]) -> OneSeries {
        let values = self.measures.iter().map(|measure| {
            let values = cells.iter().map(|cells| measure.of(cells)).collect();
            (measure.word(), values)
        });
        OneSeries {
            key,
            values: values.collect(),
        }
    }
}

/// Keys with the most events and attempts, as many as get a series of their own; `None`: all of them do.
fn most_active(points: &[(String, Point)]) -> Option<BTreeSet<String>> {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, point) in points {
        let total = totals.entry(key).or_default();
        *total = total.saturating_add(point.cells.accepted() + point.cells.attempts());
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

/// Measures of a query.
const MEASURES: &str = "^ *(accepted|attempts|delivered|failed|dead|p50|p95) *(, *(accepted|attempts|delivered|failed|dead|p50|p95) *)*$";

impl Measure {
    const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Attempts,
        Self::Delivered,
        Self::Failed,
        Self::Dead,
        Self::P50,
        Self::P95,
    ];

    fn read(name: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|measure| measure.word() == name);
        found.ok_or_else(|| {
            let all = Self::ALL
                .map(|measure| format!("`{}`", measure.word()))
                .join(", ");
            let detail = format!("`measure` is one or more of {all}, separated by commas.");
            Problem::new(Code::InvalidParameter, detail)
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Attempts => "attempts",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::P50 => "p50",
            Self::P95 => "p95",
        }
    }

    fn of(self, cells: &Cells) -> Option<u64> {
        let counts = cells.counts();
        let latency = |percent| {
            let found = counts.latency(percent)?;
            u64::try_from(found.as_millis()).ok()
        };
        match self {
            Self::Accepted => Some(cells.accepted()),
            Self::Attempts => Some(cells.attempts()),
            Self::Delivered => Some(counts.delivered()),
            Self::Failed => Some(cells.attempts().saturating_sub(counts.delivered())),
            Self::Dead => Some(counts.dead()),
            Self::P50 => latency(50),
            Self::P95 => latency(95),
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

    #[test]
    fn series_are_bounded_and_the_most_active_keep_theirs() {
        let point = |attempts: u64| {
            let mut cells = Cells::default();
            if let Some(last) = cells.0.last_mut() {
                *last = attempts;
            }
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
