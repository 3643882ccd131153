//! Usage of a tenant's quotas and limits.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::Api;
use super::describe::described;
use super::idempotency::answers_of;
use super::input::{Acting, Id, Operator};
use super::tenants;
use super::views::text;
use crate::http::Problem;
use hookgate_domain::Rate;
use hookgate_registry::Tenant;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/usage",
            get_with(own, described("Usage", "getUsage", "What the tenant uses", ABOUT)),
        )
        .api_route(
            "/v1/tenants/{id}/usage",
            get_with(
                of_tenant,
                described("Tenants", "getTenantUsage", "What a tenant uses", ABOUT),
            ),
        )
}

/// Usage of a tenant's quotas and limits.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Usage")]
struct UsageView {
    /// Time at which the figures were taken.
    at: String,
    /// Usage of the tenant's quotas.
    quotas: QuotasView,
    /// Size in bytes of the tenant's registry in the store. The registry has the keys,
    /// subscriptions, chains and event types. The limit is `registry.max_bytes_per_tenant`.
    registry_bytes: AmountView,
    /// Number of subscriptions. The limit is the smaller of the profile's and
    /// `registry.max_subscriptions`.
    subscriptions: AmountView,
    /// Memory in bytes that the tenant's requests, events and pages hold in this gateway. The limit
    /// is `memory.max_bytes_per_tenant`.
    memory_bytes: AmountView,
    /// Requests that wait for new events in this gateway (long polling). The limit is
    /// `feed.max_waiting_per_tenant`.
    waiting_polls: AmountView,
}

/// Usage of a tenant's quotas, by name.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuotaUsage")]
struct QuotasView {
    /// Events per second, in each gateway.
    events_per_second: RateView,
    /// Deliveries that have not ended, in all gateways.
    pending_deliveries: AmountView,
    /// Bytes of stored events, in all gateways.
    stored_bytes: AmountView,
    /// Calls per minute that make deliveries again (replay, retry, recovery), in each gateway.
    replays_per_minute: RateView,
    /// Stored responses for repeated calls (`Idempotency-Key`), in all gateways.
    kept_answers: AmountView,
}

/// Amount used, and its limit.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AmountUsage")]
struct AmountView {
    /// Amount used now.
    used: u64,
    /// Limit; `null` if there is none.
    limit: Option<u64>,
}

/// Rate used, and its limit.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RateUsage")]
struct RateView {
    /// Part of `burst` that is used in this gateway now; `null` if there is no limit. `limit` of it
    /// is refilled in every period. Without a limit, nothing is counted.
    used: Option<u32>,
    /// Sustained rate: number allowed in a period; `null` if there is no limit.
    limit: Option<u32>,
    /// Number allowed at once after a pause.
    burst: Option<u32>,
    /// Period of the rate.
    #[schemars(with = "super::words::RatePeriod")]
    period: &'static str,
}

async fn own(State(api): State<Api>, Acting(tenant): Acting) -> Result<Json<UsageView>, Problem> {
    usage(&api, &tenant).await.map(Json)
}

async fn of_tenant(State(api): State<Api>, _: Operator, id: Id) -> Result<Json<UsageView>, Problem> {
    let tenant = tenants::find(&api, &id)?;
    usage(&api, &tenant).await.map(Json)
}

async fn usage(api: &Api, tenant: &Tenant) -> Result<UsageView, Problem> {
    let stored = api.store.usage(&tenant.id, std::time::Duration::ZERO).await?;
    let (limits, rates) = (tenant.quotas, api.quotas.rates(tenant));
    let registry = api.registry.limits();
    Ok(UsageView {
        at: text(api.clock.now()),
        quotas: QuotasView {
            events_per_second: RateView::new(rates.events, limits.events, "1s"),
            pending_deliveries: AmountView {
                used: stored.pending_deliveries,
                limit: limits.stored.pending_deliveries,
            },
            stored_bytes: AmountView {
                used: stored.stored_bytes,
                limit: limits.stored.stored_bytes,
            },
            replays_per_minute: RateView::new(rates.replays, limits.replays, "1m"),
            kept_answers: AmountView {
                used: api.store.notes_of(&answers_of(tenant)).await?,
                limit: limits.kept_answers,
            },
        },
        registry_bytes: AmountView::of(tenant.bytes, registry.max_bytes_per_tenant.bytes()),
        subscriptions: AmountView::of(
            tenant.subscriptions.len(),
            api.registry.max_subscriptions_of(tenant),
        ),
        memory_bytes: AmountView::of(api.memory.held_by(&tenant.id), api.memory.max_per_tenant()),
        waiting_polls: AmountView::of(api.feed.waiting_of(&tenant.id), api.feed.max_waiting_per_tenant()),
    })
}

impl AmountView {
    fn of(used: usize, limit: usize) -> Self {
        Self {
            used: used as u64,
            limit: Some(limit as u64),
        }
    }
}

impl RateView {
    fn new(used: Option<u32>, rate: Option<Rate>, period: &'static str) -> Self {
        Self {
            used,
            limit: rate.map(|rate| rate.count.get()),
            burst: rate.map(|rate| rate.burst.get()),
            period,
        }
    }
}

const ABOUT: &str = "Each figure with its limit. Pending deliveries and bytes are those of all gateways; rates, memory and waiting \
                     requests are those of the gateway that answers.";
