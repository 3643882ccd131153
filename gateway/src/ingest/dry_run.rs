//! Dry run of a publication: all of it but the commit, answered with what would become of each event.
//!
//! The schema, the privacy rules, the chain and the filters run as for a real event and cost as much:
//! the tenant's rate and processor time are charged. The store is only asked for ids that a producer
//! chose. The answer is 200, because a 202 means that events are durable.

use std::collections::HashSet;

use axum::extract::Query;
use http::{StatusCode, Uri};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::http::{Code, Problem};
use hookgate_domain::Fate;
use hookgate_registry::Tenant;
use hookgate_store::NewEvent;

use super::Ingest;
use super::answer::{AcceptedEvent, EventStatus};
use super::commit::receivers;

/// Parameters of a publication.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PublishQuery {
    /// Dry run: stores and sends nothing, and answers 200 with what would become of each event. The schemas, the chain and the
    /// filters run, and the rate is charged. An `Idempotency-Key` and the quotas of what is stored are not looked at.
    pub dry_run: bool,
}

impl PublishQuery {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// `invalid_parameter`: an unknown parameter, such as a misspelt `dry_run`, publishes nothing.
    pub(super) fn read(uri: &Uri) -> Result<Self, Problem> {
        if uri.query().is_none() {
            return Ok(Self::default());
        }
        let query = Query::<Self>::try_from_uri(uri).map_err(|rejection| {
            let text = rejection.body_text();
            let told = text.trim_start_matches("Failed to deserialize query string: ");
            Problem::new(Code::InvalidParameter, format!("The query is wrong: {told}."))
        })?;
        Ok(query.0)
    }

    /// Status of success: a 202 means that events are durable, which a dry run's are not.
    pub(super) fn success(&self) -> StatusCode {
        match self.dry_run {
            true => StatusCode::OK,
            false => StatusCode::ACCEPTED,
        }
    }
}

impl Ingest {
    /// Results that the commit of these events would have.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn would_accept(
        &self,
        tenant: &Tenant,
        events: Vec<NewEvent>,
    ) -> Result<Vec<AcceptedEvent>, Problem> {
        let (mut ids, mut results) = (HashSet::new(), Vec::with_capacity(events.len()));
        for new in &events {
            let id = &new.event.id;
            let known = new.id_given
                && (!ids.insert(id) || self.inner.parts.store.event(&tenant.id, id).await?.is_some());
            results.push(result(tenant, new, known));
        }
        Ok(results)
    }
}

/// Result that the commit of an event would have. `known`: its id is known already.
fn result(tenant: &Tenant, new: &NewEvent, known: bool) -> AcceptedEvent {
    let event = &new.event;
    let (status, reason) = match &event.fate {
        _ if known => (EventStatus::Duplicate, None),
        Fate::Filtered { reason } => (EventStatus::Filtered, Some(reason.clone())),
        Fate::Published | Fate::Test => (EventStatus::Accepted, None),
    };
    let subscriptions = match status {
        EventStatus::Accepted => receivers(tenant, &new.targets),
        EventStatus::Duplicate | EventStatus::Filtered => Vec::new(),
    };
    let last = event.steps.last().filter(|_| status == EventStatus::Filtered);
    AcceptedEvent {
        id: event.id.clone(),
        status,
        deliveries: subscriptions.len(),
        subscriptions,
        dry_run: true,
        dropped_by: last.map(|step| step.plugin.clone()),
        reason,
    }
}
