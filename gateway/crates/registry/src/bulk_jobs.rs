//! Bulk jobs of a tenant: their ids, and the open ones among them.
//!
//! The jobs themselves are notes of the store, which change with every page of their work. The
//! registry names them, so that each process knows from its snapshot which jobs are open.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::BULK_JOBS;
use super::record::{VERSION, encode};
use super::{Registry, RegistryError, Tenant};
use hookgate_domain::TenantId;

/// Bulk job of a tenant, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkJobRef {
    /// Id of the job.
    pub id: String,
    /// Flag: the job has not ended.
    pub open: bool,
}

/// Maximum numbers of a tenant's bulk jobs.
#[derive(Debug, Clone, Copy)]
pub struct BulkJobLimits {
    /// Maximum of open jobs.
    pub open: usize,
    /// Maximum of jobs, the ended ones included.
    pub kept: usize,
}

/// Entry `jobs`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct BulkJobsRecord {
    pub v: u8,
    /// Jobs, oldest first.
    pub jobs: Vec<BulkJobRef>,
}

impl Registry {
    /// Tenants with open bulk jobs, in no order.
    pub fn with_open_jobs(&self) -> Vec<Arc<Tenant>> {
        let snapshot = self.inner.snapshot.load();
        let tenants = snapshot.tenants();
        tenants
            .filter(|tenant| tenant.bulk_jobs.iter().any(|job| job.open))
            .cloned()
            .collect()
    }

    /// Adds an open bulk job. Returns the ids of the ended jobs that made room for it.
    ///
    /// # Errors
    /// `LimitReached`, `NotFound`, `RegistryFull`, `Conflict`, `Store`.
    pub async fn open_job(
        &self,
        tenant: &TenantId,
        id: &str,
        limits: BulkJobLimits,
    ) -> Result<Vec<String>, RegistryError> {
        self.change(tenant, |tenant_state| {
            let mut jobs = tenant_state.bulk_jobs.jobs.clone();
            if jobs.iter().filter(|job| job.open).count() >= limits.open {
                return Err(RegistryError::LimitReached {
                    what: "open bulk jobs",
                    limit: limits.open,
                });
            }
            jobs.push(BulkJobRef {
                id: id.to_owned(),
                open: true,
            });
            let mut over = jobs.len().saturating_sub(limits.kept);
            let mut evicted = Vec::new();
            jobs.retain(|job| {
                let evict = over > 0 && !job.open;
                if evict {
                    over -= 1;
                    evicted.push(job.id.clone());
                }
                !evict
            });
            Ok((vec![entry(jobs)], evicted))
        })
        .await
    }

    /// Marks a bulk job as ended. Idempotent.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Store`.
    pub async fn close_job(&self, tenant: &TenantId, id: &str) -> Result<(), RegistryError> {
        self.change_freely(tenant, |tenant_state| {
            let mut jobs = tenant_state.bulk_jobs.jobs.clone();
            let job = jobs.iter_mut().find(|job| job.open && job.id == id);
            let Some(job) = job else {
                return Ok((Vec::new(), ()));
            };
            job.open = false;
            Ok((vec![entry(jobs)], ()))
        })
        .await
    }
}

fn entry(jobs: Vec<BulkJobRef>) -> (String, Option<bytes::Bytes>) {
    let record = BulkJobsRecord { v: VERSION, jobs };
    (BULK_JOBS.to_owned(), Some(encode(&record)))
}
