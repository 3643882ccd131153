//! Bulk jobs of all tenants, for the operator.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Api;
use super::super::describe::{described, does};
use super::super::fields::Parsed;
use super::super::input::{Body, Consuming, Id, NoDelivery, Operator, Params, not_found};
use super::super::lists::TriesView;
use super::super::lists::operator::{OfTenant, named};
use super::super::page::{self, Page, PageQuery};
use super::super::views::{DeliveryStatus, StatusClassView};
use super::filter::{BulkAction, BulkFilter};
use super::record::{JobState, Stored};
use super::views::{BulkAnswer, BulkInput, JobView};
use super::{begin, switch, work};
use crate::http::{Code, FieldError, Problem, Reach};
use hookgate_domain::{EventPattern, TenantId};
use hookgate_registry::{Actor, Tenant};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/operator/bulk",
            post_with(
                start,
                described(
                    TAG,
                    "startTenantBulkJob",
                    "Act on all that a filter finds of a tenant",
                    "As POST /v1/bulk, for the tenant that the filter names.",
                ),
            ),
        )
        .api_route(
            "/v1/operator/jobs",
            get_with(
                list,
                does(
                    TAG,
                    "listAllBulkJobs",
                    "List bulk jobs of all tenants, the newest first",
                ),
            ),
        )
        .api_route(
            "/v1/operator/jobs/{id}",
            get_with(get, does(TAG, "getTenantBulkJob", "One bulk job of any tenant")),
        )
        .api_route(
            "/v1/operator/jobs/{id}/pause",
            post_with(
                pause,
                does(TAG, "pauseTenantBulkJob", "Pause a bulk job of any tenant"),
            ),
        )
        .api_route(
            "/v1/operator/jobs/{id}/resume",
            post_with(
                resume,
                does(TAG, "resumeTenantBulkJob", "Resume a bulk job of any tenant"),
            ),
        )
        .api_route(
            "/v1/operator/jobs/{id}/cancel",
            post_with(
                cancel,
                does(TAG, "cancelTenantBulkJob", "Cancel a bulk job of any tenant"),
            ),
        )
}

/// New bulk job of a tenant.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewTenantBulkJob")]
#[serde(deny_unknown_fields)]
struct OperatorInput {
    /// Action on all that the filter finds.
    action: BulkAction,
    /// Selection of deliveries or subscriptions of a tenant.
    filter: OperatorFilter,
    /// Flag: nothing is changed, only counted.
    #[serde(default)]
    dry_run: bool,
}

/// Filter of a bulk job, and its tenant.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TenantBulkFilter")]
#[serde(deny_unknown_fields)]
struct OperatorFilter {
    /// Name of the tenant.
    tenant: String,
    /// Only from this time on (RFC 3339).
    since: Option<String>,
    /// Only from before this time (RFC 3339).
    until: Option<String>,
    /// Only of events of these types: patterns such as `invoice.*`.
    #[schemars(length(max = 64))]
    types: Option<Vec<Parsed<EventPattern>>>,
    /// Only to this subscription; `inline`: to endpoints that events name themselves.
    subscription: Option<String>,
    /// Only deliveries in this status.
    status: Option<DeliveryStatus>,
    /// Only deliveries whose last attempt came to this.
    status_class: Option<StatusClassView>,
    /// Only deliveries with at most one attempt, or with more.
    attempt: Option<TriesView>,
    /// Only deliveries in whose place another one was made, or only those without.
    replayed: Option<bool>,
}

/// Query of the list of bulk jobs of all tenants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OperatorJobsQuery {
    /// Only this tenant's.
    tenant: Option<String>,
    /// Maximum number of items: 1 to 500, default 50.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

async fn start(
    State(api): State<Api>,
    _: NoDelivery,
    _: Operator,
    Body(input): Body<OperatorInput>,
) -> Result<BulkAnswer<OfTenant<JobView>>, Problem> {
    let OperatorFilter {
        tenant,
        since,
        until,
        types,
        subscription,
        status,
        status_class,
        attempt,
        replayed,
    } = input.filter;
    let id = tenant.parse::<TenantId>().ok();
    let tenant = id.and_then(|id| api.registry.tenant(&id)).ok_or_else(|| {
        let error = FieldError::new("/filter/tenant", "it is not a tenant's name");
        Problem::fields(Code::InvalidField, vec![error])
    })?;
    let input = BulkInput {
        action: input.action,
        filter: BulkFilter {
            since,
            until,
            types,
            subscription,
            status,
            status_class,
            attempt,
            replayed,
        },
        dry_run: input.dry_run,
    };
    let answer = begin(&api, &everything(&tenant), &Actor::Operator, input).await?;
    Ok(answer.map(|job| of(&tenant, job)))
}

async fn list(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<OperatorJobsQuery>,
) -> Result<Json<Page<OfTenant<JobView>>>, Problem> {
    let tenants = match query.tenant.as_deref() {
        Some(name) => vec![named(&api, name)?],
        None => api.registry.tenants(),
    };
    let jobs = tenants
        .iter()
        .flat_map(|tenant| tenant.bulk_jobs.iter().map(move |job| (tenant, job)));
    let mut jobs: Vec<_> = jobs.collect();
    jobs.sort_unstable_by(|(_, one), (_, other)| other.id.cmp(&one.id));
    let query = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let listed = page::of(jobs.into_iter(), |(_, job)| page::newest_first(&job.id), &query)?;
    let mut data = Vec::with_capacity(listed.data.len());
    for (tenant, job) in listed.data {
        let stored = Stored::load(&api, tenant, &job.id).await?;
        data.extend(stored.map(|stored| of(tenant, JobView::of(&stored.job))));
    }
    Ok(Json(Page {
        data,
        next_cursor: listed.next_cursor,
    }))
}

async fn get(State(api): State<Api>, _: Operator, id: Id) -> Result<Json<OfTenant<JobView>>, Problem> {
    let tenant = tenant_of(&api, &id)?;
    let stored = Stored::load(&api, &tenant, &id.0).await?;
    let stored = stored.ok_or_else(not_found)?;
    Ok(Json(of(&tenant, JobView::of(&stored.job))))
}

async fn pause(State(api): State<Api>, _: Operator, id: Id) -> Result<Json<OfTenant<JobView>>, Problem> {
    switched(&api, &id, JobState::Paused).await
}

async fn resume(
    State(api): State<Api>,
    _: NoDelivery,
    _: Operator,
    id: Id,
) -> Result<Json<OfTenant<JobView>>, Problem> {
    switched(&api, &id, JobState::Running).await
}

async fn cancel(State(api): State<Api>, _: Operator, id: Id) -> Result<Json<OfTenant<JobView>>, Problem> {
    switched(&api, &id, JobState::Cancelled).await
}

async fn switched(api: &Api, id: &Id, to: JobState) -> Result<Json<OfTenant<JobView>>, Problem> {
    let tenant = tenant_of(api, id)?;
    let job = switch(api, &everything(&tenant), &Actor::Operator, &id.0, to).await?;
    Ok(Json(of(&tenant, job)))
}

/// Tenant of a job, by the registry.
fn tenant_of(api: &Api, id: &Id) -> Result<Arc<Tenant>, Problem> {
    let tenants = api.registry.tenants();
    let mut having = tenants
        .into_iter()
        .filter(|tenant| tenant.bulk_jobs.iter().any(|job| job.id == id.0));
    having.next().ok_or_else(not_found)
}

fn everything(tenant: &Arc<Tenant>) -> Consuming {
    work::caller(tenant, Reach::Tenant)
}

fn of(tenant: &Tenant, item: JobView) -> OfTenant<JobView> {
    OfTenant {
        tenant: tenant.id.to_string(),
        item,
    }
}

const TAG: &str = "Operator";
