//! Test events, sent to one subscription to try it.
//! A test event passes the tenant's privacy rules and ingress chain like any event, and no other
//! subscription receives it. The schema of its type is not checked: a test payload need not be
//! complete.

use std::sync::Arc;

use crate::http::{Code, FieldError, Problem};
use hookgate_domain::{Event, EventType, Fate};
use hookgate_json::Value;
use hookgate_registry::Tenant;

use super::Ingest;
use super::candidate::Candidate;
use super::making::Purpose;

impl Ingest {
    /// Creates a test event, to be stored and sent.
    ///
    /// # Errors
    /// `reserved_type` for the gateway's own types except `hookgate.test`; `event_rejected` if the
    /// chain rejects or drops it; those of a failing chain.
    pub async fn test_event(
        &self,
        tenant: &Arc<Tenant>,
        kind: EventType,
        data: Value,
    ) -> Result<Event, Problem> {
        if kind.is_system() && kind.as_str() != TEST {
            let detail = format!("`{kind}`: of the types below `hookgate.` only `{TEST}` can be sent");
            return Err(Problem::fields(
                Code::ReservedType,
                vec![FieldError::new("/type", detail)],
            ));
        }
        let candidate = Candidate {
            kind,
            id: None,
            created: None,
            time_field: "created",
            metadata: None,
            data,
            deliver_to: None,
        };
        let made = self.run_chain_one(tenant, candidate, String::new(), (Purpose::Test, None));
        let event = Arc::unwrap_or_clone(made.await?.event);
        if let Fate::Filtered { reason } = &event.fate {
            let detail = format!("The tenant's chain dropped the test event: {reason}");
            return Err(Problem::new(Code::EventRejected, detail)
                .fix("Send a test event of a type and with data that the chain lets through."));
        }
        Ok(Event {
            fate: Fate::Test,
            ..event
        })
    }
}

const TEST: &str = "hookgate.test";
