//! Admits candidates and processes them into events (`making`). Only the resulting event is
//! retained.

use std::sync::Arc;
use std::time::Duration;

use crate::http::{Code, FieldError, PluginWords, Problem};
use hookgate_json::Value;
use hookgate_json::budget::TooMuchWork;
use hookgate_plugin_host::{Failure, LaneRefusal, TenantLane, Verdict};
use hookgate_registry::{Place, Tenant};
use hookgate_runtime::telemetry::AcceptResult;
use hookgate_runtime::telemetry::traces::Recording;
use hookgate_store::NewEvent;

use super::Ingest;
use super::candidate::Candidate;
use super::making::{AtOnce, Begun, Making, Purpose, Ran, Refused};

impl Ingest {
    /// Processes candidates into events, each with its targets. `many`: pointers begin with the
    /// index.
    pub(super) async fn run_chain(
        &self,
        tenant: &Arc<Tenant>,
        candidates: Vec<Candidate>,
        many: bool,
        trace: Option<Recording>,
    ) -> Result<Vec<NewEvent>, Problem> {
        if tenant.is_behind() {
            // The newer state may have subscriptions that are unknown here: the event would miss
            // them.
            let detail = "The tenant changed in a way that this gateway cannot read.";
            return Err(Problem::new(Code::TenantUnreadable, detail).retry_after(PAUSE));
        }
        let prefix = |index| if many { format!("/{index}") } else { String::new() };
        for (index, candidate) in candidates.iter().enumerate() {
            self.admit(tenant, candidate, &prefix(index))?;
        }
        self.admit_endpoints(&candidates, many).await?;
        let mut events = Vec::with_capacity(candidates.len());
        for (index, candidate) in candidates.into_iter().enumerate() {
            let prefix = prefix(index);
            events.push(
                self.run_chain_one(tenant, candidate, prefix, (Purpose::Publish, trace.clone()))
                    .await?,
            );
        }
        Ok(events)
    }

    /// Checks that precede any plugin.
    fn admit(&self, tenant: &Tenant, candidate: &Candidate, prefix: &str) -> Result<(), Problem> {
        let kind = &candidate.kind;
        let reserved = if kind.is_system() {
            Some(format!("`{kind}`: types below `hookgate.` are the gateway's own"))
        } else if tenant.is_warning(kind) {
            Some(format!(
                "`{kind}`: events of this type are warnings of the tenant's profile, which the gateway alone makes"
            ))
        } else {
            None
        };
        if let Some(detail) = reserved {
            return Err(Problem::fields(
                Code::ReservedType,
                vec![FieldError::new(format!("{prefix}/type"), detail)],
            ));
        }
        check_type(tenant, candidate, prefix)?;
        let most = self.inner.config.max_metadata;
        let metadata = candidate.metadata.as_ref().map_or(0, Value::printed_len);
        if metadata > most.bytes() {
            return Err(invalid(
                prefix,
                "metadata",
                format!("is {metadata} bytes; at most {most} are allowed"),
            ));
        }
        let Some(url) = &candidate.deliver_to else {
            return Ok(());
        };
        if tenant.signing_secrets.is_empty() {
            let detail = "the tenant has no signing secret, so no delivery to an endpoint of the event's own could be signed";
            return Err(invalid(prefix, "deliver_to", detail.to_owned())
                .fix("Make one with `POST /v1/signing-secret/rotate`."));
        }
        let offered = tenant
            .contract
            .as_ref()
            .map(|profile| profile.endpoint.check(url));
        if let Some(Err(refused)) = offered {
            return Err(invalid(prefix, "deliver_to", refused.to_string()));
        }
        Ok(())
    }

    /// Processes a candidate: at once if it is certainly little work, else in the tenant's lane.
    pub(super) async fn run_chain_one(
        &self,
        tenant: &Arc<Tenant>,
        candidate: Candidate,
        prefix: String,
        (purpose, trace): (Purpose, Option<Recording>),
    ) -> Result<NewEvent, Problem> {
        // No event passes the previous chain, which may lack a redaction.
        if tenant.chain.is_some() && tenant.is_loading(Place::Ingress) {
            let detail = "A plugin of the tenant's chain is still being loaded by this gateway.";
            return Err(Problem::new(Code::TenantLoading, detail).retry_after(PAUSE));
        }
        let parts = &self.inner.parts;
        let making = Making::of(tenant, &candidate, prefix, (purpose, trace), parts);
        let begun = Begun::of(candidate, self.inner.allowed.document);
        let begun = match making.at_once(begun) {
            AtOnce::Made(made) => return made,
            AtOnce::Later(begun) => begun,
        };
        let job = move |lane: &mut TenantLane<'_>| making.in_lane(begun, lane);
        let account = tenant.account.clone();
        let ran = parts.host.run_on_account(&tenant.id, account, job).await;
        let Ran { made, failing } = ran.map_err(lane_refused)?;
        // Includes failed steps that were skipped.
        for failing in failing {
            parts.system_events.plugin_failing(failing, parts.clock.now());
        }
        made.map_err(|refused| match refused {
            Refused::Problem(problem) => problem,
            Refused::Verdict(verdict, prefix) => self.refuse(verdict, &prefix),
        })
    }

    /// Problem of an event that the chain did not pass.
    fn refuse(&self, verdict: Verdict, prefix: &str) -> Problem {
        let metrics = &self.inner.parts.metrics;
        match verdict {
            Verdict::Reject {
                plugin,
                code,
                message,
            } => {
                metrics.events_accepted(AcceptResult::Rejected, 1);
                rejected(
                    PluginWords {
                        plugin,
                        code,
                        message,
                    },
                    prefix,
                )
            }
            Verdict::Failed(failure) => {
                metrics.events_accepted(AcceptResult::Unavailable, 1);
                failed(failure)
            }
            // The host permits no delay by an ingress step; to continue would ignore the step's
            // verdict.
            Verdict::Delay { plugin, .. } => failed(Failure {
                plugin,
                kind: "refused",
                message: "it asked for a delay, which only a delivery can have".to_owned(),
            }),
            Verdict::OverBudget { wait, per_second } => {
                lane_refused(LaneRefusal::OverBudget { wait, per_second })
            }
            Verdict::Busy => lane_refused(LaneRefusal::Busy),
            Verdict::Pass | Verdict::Drop { .. } => lane_refused(LaneRefusal::Failed),
        }
    }
}

/// Checks that the type is known, if the tenant's profile permits no others.
fn check_type(tenant: &Tenant, candidate: &Candidate, prefix: &str) -> Result<(), Problem> {
    let Some(profile) = &tenant.contract else {
        return Ok(());
    };
    let known = profile.patterns.check_type(&candidate.kind, &tenant.types);
    known.map_err(|unknown| {
        let error = FieldError::new(format!("{prefix}/type"), unknown.to_string());
        Problem::fields(Code::EventTypeUnknown, vec![error])
    })
}

/// Problem of a tenant's lane that accepts no more jobs.
pub(crate) fn lane_refused(refusal: LaneRefusal) -> Problem {
    match refusal {
        LaneRefusal::Busy => {
            let detail = "So much of this tenant waits for a thread (its plugins, schemas and filters) that no more is taken now.";
            Problem::new(Code::TenantBusy, detail).retry_after(PAUSE)
        }
        LaneRefusal::OverBudget { wait, per_second } => {
            let detail = format!(
                "The tenant's plugins, schemas and filters have used up their processor time, which is {per_second} in a second (`plugins.budget`)."
            );
            Problem::new(Code::TenantBusy, detail).retry_after(wait.max(PAUSE))
        }
        LaneRefusal::Failed => failed(Failure {
            plugin: String::new(),
            kind: "internal",
            message: "the plugin host failed; its log says how".to_owned(),
        }),
    }
}

/// Problem of a tenant's declaration that takes more work than an event may take.
pub(crate) fn too_much_work(what: &str, cause: TooMuchWork) -> Problem {
    let detail = format!(
        "{what} takes more work with this event than the {} steps that an event may take (`plugins.max_event_work`).",
        cause.max
    );
    Problem::new(Code::TooMuchWork, detail)
}

fn rejected(words: PluginWords, prefix: &str) -> Problem {
    let place = if prefix.is_empty() {
        String::new()
    } else {
        format!(" (at {prefix})")
    };
    let detail = format!(
        "The plugin `{}` rejected the event{place}: {}",
        words.plugin, words.message
    );
    Problem::new(Code::EventRejected, detail).plugin(words)
}

fn failed(failure: Failure) -> Problem {
    let detail = format!(
        "The plugin `{}` failed ({}), and its step lets no event pass without it.",
        failure.plugin, failure.kind
    );
    Problem::new(Code::PluginFailed, detail)
        .retry_after(PAUSE)
        .plugin(PluginWords {
            plugin: failure.plugin,
            code: failure.kind.to_owned(),
            message: failure.message,
        })
}

pub(super) fn invalid(prefix: &str, field: &str, detail: String) -> Problem {
    Problem::fields(
        Code::InvalidEvent,
        vec![FieldError::new(format!("{prefix}/{field}"), detail)],
    )
}

/// `Retry-After` when a plugin failed or a queue is full.
const PAUSE: Duration = Duration::from_secs(1);
