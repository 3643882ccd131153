//! Runs of the deliveries that bulk jobs make: lists find a job's deliveries by them.

use serde::Deserialize;

use super::super::Api;
use hookgate_registry::Tenant;
use hookgate_store::StoreError;

/// Part of a stored job that a list needs.
#[derive(Deserialize)]
struct OfJob {
    run: u64,
}

/// Run of the deliveries that a job makes; `None`: there is no such job.
///
/// # Errors
/// The store's.
pub(in crate::api) async fn of(api: &Api, tenant: &Tenant, id: &str) -> Result<Option<u64>, StoreError> {
    let note = api.store.note(&name(tenant, id)).await?;
    Ok(note.and_then(|note| Some(serde_json::from_slice::<OfJob>(&note).ok()?.run)))
}

/// Name of a job's note. A tenant that was deleted and created again has none of the former's.
pub(super) fn name(tenant: &Tenant, id: &str) -> String {
    format!("bulk-job:{}@{}:{id}", tenant.id, tenant.created.as_micros())
}
