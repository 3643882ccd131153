//! Limit on concurrent component uploads of a tenant.
//!
//! An upload counts from before its body is read until it is answered.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;

use crate::http::{Code, InFlight, InFlightLimit, Problem};
use hookgate_domain::TenantId;

/// Limit on concurrent uploads.
pub(super) struct Uploads {
    limit: InFlightLimit,
}

/// Upload in progress, as a request extension. Counted once, even if several layers read the body.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    _held: Arc<InFlight>,
}

impl Uploads {
    pub(super) fn new(max_per_tenant: usize) -> Self {
        Self {
            limit: InFlightLimit::new(usize::MAX, max_per_tenant),
        }
    }

    /// Counts an upload of an owner, unless the request's extensions show that it is counted.
    ///
    /// # Errors
    /// `tenant_busy`.
    pub(super) fn begin(&self, owner: &TenantId, extensions: &Extensions) -> Result<Upload, Problem> {
        if let Some(begun) = extensions.get::<Upload>() {
            return Ok(begun.clone());
        }
        match self.limit.enter(owner) {
            Ok(held) => Ok(Upload {
                _held: Arc::new(held),
            }),
            Err(_) => Err(Problem::new(
                Code::TenantBusy,
                "The tenant uploads as many components at once as it may (`api.max_uploads_per_tenant`).",
            )
            .retry_after(PAUSE)),
        }
    }
}

/// `Retry-After` of a refused upload.
const PAUSE: Duration = Duration::from_secs(1);
