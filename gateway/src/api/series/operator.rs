//! Time series over all tenants, for the operator.
//!
//! The sums of all tenants are counted as such, so that they cost as much as one tenant's. By `tenant`
//! the tenants are read one after the other, a few at a time, and only the most active are held.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Api;
use super::super::describe::described;
use super::super::input::{Operator, Params};
use super::super::lists::operator::tenants;
use super::{
    MEASURES, MOST_APART, MOST_STEPS, Measure, OTHER, OneSeries, SeriesPage, StepView, Steps, Value,
    by_class, one,
};
use crate::http::{Code, Problem};
use hookgate_domain::{TenantId, Timestamp};
use hookgate_registry::Tenant;
use hookgate_runtime::memory::MemoryUse;
use hookgate_store::StoreError;
use hookgate_store::series::SeriesKind;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route(
        "/v1/operator/metrics/series",
        get_with(
            series,
            described(
                "Operator",
                "getAllSeries",
                "Time series of all tenants",
                "As the tenants' own, of all of them together or of one. By `tenant` the most active of up to 2,000 have a series \
                 each, and the rest is `other`; deleted tenants are in the sums alone.",
            ),
        ),
    )
}

/// Parameters of a time series query over all tenants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OperatorSeriesQuery {
    /// Measures, separated by commas: those of the tenants' series but `calls`.
    #[schemars(regex(pattern = MEASURES))]
    measure: String,
    /// Grouping: one series per value; default: one series of all.
    by: Option<OperatorByView>,
    /// Length of a step.
    step: StepView,
    /// Start time (RFC 3339), rounded down to a step; default: 60 steps back.
    since: Option<String>,
    /// End time (RFC 3339), exclusive of the step that begins with it; default: now.
    until: Option<String>,
    /// Only this tenant's.
    tenant: Option<String>,
}

/// Subject of a series over all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "OperatorSeriesBy")]
#[serde(rename_all = "snake_case")]
enum OperatorByView {
    /// A tenant.
    Tenant,
    /// A class of outcomes; only with the measure `attempts`.
    StatusClass,
}

async fn series(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<OperatorSeriesQuery>,
) -> Result<Json<SeriesPage>, Problem> {
    let measures = Measure::read_all(&query.measure)?;
    let wrong = |detail: &'static str| Err(Problem::new(Code::InvalidParameter, detail));
    if measures.contains(&Measure::Calls) {
        return wrong("`calls` are counted for each tenant, by `plugin`.");
    }
    if query.by == Some(OperatorByView::StatusClass) && measures != [Measure::Attempts] {
        return wrong("By `status_class` the `measure` is `attempts`.");
    }
    let by_tenant = query.by == Some(OperatorByView::Tenant);
    let most = if by_tenant { MOST_APART } else { MOST_STEPS };
    let range = (query.since.as_deref(), query.until.as_deref());
    let mut steps = Steps::read(query.step, range, api.clock.now(), most)?;
    let held = if by_tenant { MOST_TENANTS + 1 + AT_ONCE } else { 2 };
    let most = steps.starts.len() * held * 2 * size_of::<Value>();
    let most = most.min(api.memory.max_per_tenant() / 2);
    let _memory = api
        .memory
        .reserve(Some(&TenantId::operator()), MemoryUse::Pages, most)?;
    steps.read_samples(&api, &measures).await?;
    let series = match (query.by, query.tenant.as_deref()) {
        (Some(OperatorByView::Tenant), only) => by_tenants(&api, &steps, &measures, only).await?,
        (by, only) => {
            let (of, from) = match only {
                Some(_) => {
                    let tenants = tenants(&api, only)?;
                    let one = tenants.first().map(|tenant| (tenant.id.clone(), tenant.created));
                    one.unwrap_or_else(|| (TenantId::operator(), Timestamp::default()))
                }
                None => (TenantId::operator(), Timestamp::default()),
            };
            let values = values(&api, &steps, &of, from).await?;
            match by {
                Some(_) => by_class(&values),
                None => vec![one(&measures, "all".to_owned(), &values)],
            }
        }
    };
    Ok(Json(steps.page(query.step, series)))
}

/// Values of all that a tenant has, or all tenants.
async fn values(
    api: &Api,
    steps: &Steps,
    tenant: &TenantId,
    from: Timestamp,
) -> Result<Vec<Value>, StoreError> {
    let from = steps.step.start(from);
    let mut values = steps.empty();
    for point in steps.points(api, tenant, SeriesKind::All, from).await? {
        if let Some(at) = steps.at(&point) {
            values[at].add(&point.cells);
        }
    }
    Ok(values)
}

async fn by_tenants(
    api: &Api,
    steps: &Steps,
    measures: &[Measure],
    only: Option<&str>,
) -> Result<Vec<OneSeries>, Problem> {
    let mut most_active = MostActive::default();
    for part in tenants(api, only)?.chunks(AT_ONCE) {
        let read = |tenant: &Tenant| (tenant.id.clone(), tenant.created);
        let part: Vec<_> = part.iter().map(|tenant| read(tenant)).collect();
        let read = part.iter().map(|(id, created)| values(api, steps, id, *created));
        let all = try_join_all(read).await?;
        for ((id, _), values) in part.into_iter().zip(all) {
            most_active.add(id.to_string(), values);
        }
    }
    let MostActive { shown, other } = most_active;
    let shown = shown.into_iter().map(|((_, key), values)| (key, values));
    let mut shown: Vec<_> = shown.collect();
    shown.sort_by(|(one, _), (other, _)| one.cmp(other));
    shown.extend(other.map(|values| (OTHER.to_owned(), values)));
    Ok(shown
        .into_iter()
        .map(|(key, values)| one(measures, key, &values))
        .collect())
}

/// Most active of the tenants that were added, and the sum of the rest.
#[derive(Default)]
struct MostActive {
    /// By activity and name.
    shown: BTreeMap<(u64, String), Vec<Value>>,
    other: Option<Vec<Value>>,
}

impl MostActive {
    fn add(&mut self, tenant: String, values: Vec<Value>) {
        let active = |value: &Value| {
            let cells = &value.cells;
            cells.accepted() + cells.attempts() + cells.pending(1)
        };
        let active: u64 = values.iter().map(active).sum();
        if active == 0 {
            return;
        }
        self.shown.insert((active, tenant), values);
        if self.shown.len() <= MOST_TENANTS {
            return;
        }
        let Some((_, least)) = self.shown.pop_first() else {
            return;
        };
        match &mut self.other {
            Some(other) => other
                .iter_mut()
                .zip(&least)
                .for_each(|(sum, value)| sum.join(value)),
            None => self.other = Some(least),
        }
    }
}

/// Tenants with a series each in an answer.
const MOST_TENANTS: usize = 50;
/// Tenants that are read at once.
const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_store::series::Cells;

    #[test]
    fn most_active_tenants_are_kept_and_the_rest_is_summed() {
        let mut most_active = MostActive::default();
        let values = |attempts: u64| {
            let mut cells = Cells::default();
            // A cell of a status class.
            cells.0[hookgate_domain::stats::CELLS] = attempts;
            let mut value = Value::of(0);
            value.add(&cells);
            vec![value]
        };
        for n in 0..60_u64 {
            most_active.add(format!("t-{n}"), values(n));
        }
        let MostActive { shown, other } = most_active;
        assert_eq!(shown.len(), MOST_TENANTS);
        assert_eq!(shown.first_key_value().unwrap().0.0, 10);
        let other = other.unwrap()[0].cells.attempts();
        assert_eq!(other, (1..10).sum::<u64>());
    }
}
