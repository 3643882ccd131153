//! Limit on component uploads: so many at once per tenant, from before the body is read until the upload is answered.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;

use crate::http::{Code, InFlight, InFlightLimit, Problem};
use hookgate_domain::TenantId;

/// Limit on uploads at once.
pub(super) struct Uploads {
    limit: InFlightLimit,
}

/// An upload under way, as an extension of its request: held once, however many layers read the body.
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

    /// Begins an upload of an owner's, where the request's extensions do not say that it was begun.
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

/// What `Retry-After` says.
const PAUSE: Duration = Duration::from_secs(1);
