//! Runs the tenant's ingress chain over what was sent. What comes out is the event; what came in is gone.

use std::sync::Arc;
use std::time::Duration;

use crate::dispatch::fan_out;
use crate::document::{Document, Value};
use crate::domain::units::Span;
use crate::domain::{Event, Fate, Hops, StepReport, Target, TenantId};
use crate::http::{Code, FieldError, PluginWords, Problem};
use crate::plugin::{Call, Done, Failure, Phase, Verdict};
use crate::privacy::Rules;
use crate::registry::{Place, Tenant};
use crate::store::NewEvent;
use crate::system_events::PluginFailing;
use crate::telemetry::AcceptResult;

use super::Ingest;
use super::candidate::Candidate;

/// What the chain let through of one event.
enum Screened {
    Passed { data: Document, steps: Vec<StepReport> },
    Dropped { reason: String, steps: Vec<StepReport> },
}

impl Ingest {
    /// Makes events of candidates, each with its targets. `many`: pointers in problems begin with the index.
    pub(super) async fn screen(
        &self,
        tenant: &Tenant,
        candidates: Vec<Candidate>,
        many: bool,
    ) -> Result<Vec<NewEvent>, Problem> {
        if tenant.is_behind() {
            // It may have subscriptions that are not known here: the event would miss them.
            let detail = "The tenant changed in a way that this gateway cannot read.";
            return Err(Problem::new(Code::TenantUnreadable, detail).retry_after(PAUSE));
        }
        let prefix = |index| if many { format!("/{index}") } else { String::new() };
        for (index, candidate) in candidates.iter().enumerate() {
            self.admit(tenant, candidate, &prefix(index)).await?;
        }
        self.admit_endpoints(&candidates, many).await?;
        let mut events = Vec::with_capacity(candidates.len());
        for (index, candidate) in candidates.into_iter().enumerate() {
            events.push(self.screen_one(tenant, candidate, &prefix(index)).await?);
        }
        Ok(events)
    }

    /// What can be refused of an event before any plugin sees it.
    async fn admit(&self, tenant: &Tenant, candidate: &Candidate, prefix: &str) -> Result<(), Problem> {
        if candidate.kind.is_system() {
            let detail = format!(
                "`{}`: types below `hookgate.` are the gateway's own",
                candidate.kind
            );
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
        check_data(tenant, candidate, prefix).await?;
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

    pub(super) async fn screen_one(
        &self,
        tenant: &Tenant,
        candidate: Candidate,
        prefix: &str,
    ) -> Result<NewEvent, Problem> {
        let Candidate {
            kind,
            id,
            created,
            metadata,
            data,
            deliver_to,
            ..
        } = candidate;
        let id_given = id.is_some();
        let id = id.unwrap_or_else(|| self.inner.parts.ids.event());
        let created = created.unwrap_or_else(|| self.inner.parts.clock.now());
        let limits = self.inner.allowed.document;
        let mut data = Document::from_value(data, limits);
        let mut metadata = metadata.map(|value| Document::from_value(value, limits));
        let rules = tenant.privacy.of(&kind);
        if let Some(rules) = rules {
            rules.apply(&mut data);
            metadata
                .iter_mut()
                .for_each(|metadata| rules.apply_to_notes(metadata));
        }
        let metadata_json = metadata.as_ref().map(Document::to_bytes);
        let screened = match &tenant.chain {
            None => Screened::Passed {
                data,
                steps: Vec::new(),
            },
            // None passes the chain before it, which may lack a redaction.
            Some(_) if tenant.is_loading(Place::Ingress) => {
                let detail = "A plugin of the tenant's chain is still being loaded by this gateway.";
                return Err(Problem::new(Code::TenantLoading, detail).retry_after(PAUSE));
            }
            Some(chain) => {
                let call = Call {
                    tenant: tenant.id.clone(),
                    chain: Arc::clone(chain),
                    id: id.clone(),
                    kind: kind.clone(),
                    created,
                    phase: Phase::Ingress,
                    metadata: Arc::new(metadata.unwrap_or_else(empty_object)),
                    data,
                };
                self.run(call, prefix).await?
            }
        };
        let tenant_id = tenant.id.clone();
        let mark = rules.map(Rules::mark).unwrap_or_default();
        Ok(match screened {
            Screened::Passed { mut data, steps } => {
                // What a plugin put back goes again.
                if let Some(rules) = rules.filter(|_| tenant.chain.is_some()) {
                    rules.apply(&mut data);
                }
                let signable = tenant
                    .contract
                    .as_ref()
                    .map(|profile| profile.check_data(data.root()));
                if let Some(Err(unsendable)) = signable {
                    return Err(invalid(prefix, "data", unsendable.to_string()));
                }
                let mut targets = fan_out(&kind, data.root(), &tenant.subscriptions);
                targets.extend(deliver_to.iter().map(|_| Target::Inline));
                let event = Event {
                    id,
                    tenant: tenant_id,
                    kind,
                    created,
                    data: data.to_bytes(),
                    metadata: metadata_json,
                    deliver_to,
                    fate: Fate::Published,
                    steps,
                    rules: mark,
                    hops: Hops::default(),
                };
                NewEvent {
                    event,
                    targets,
                    id_given,
                }
            }
            // That it came and why it went is all that is kept: the metadata is as unscreened as the data.
            Screened::Dropped { reason, steps } => {
                let event = Event {
                    id,
                    tenant: tenant_id,
                    kind,
                    created,
                    data: bytes::Bytes::new(),
                    metadata: None,
                    deliver_to: None,
                    fate: Fate::Filtered { reason },
                    steps,
                    rules: mark,
                    hops: Hops::default(),
                };
                NewEvent {
                    event,
                    targets: Vec::new(),
                    id_given,
                }
            }
        })
    }

    async fn run(&self, call: Call, prefix: &str) -> Result<Screened, Problem> {
        let tenant = call.tenant.clone();
        let done = self.inner.parts.host.run(call).await;
        self.tell_failures(&tenant, &done);
        let metrics = &self.inner.parts.metrics;
        match done.verdict {
            Verdict::Pass => Ok(Screened::Passed {
                data: done.data,
                steps: done.steps,
            }),
            Verdict::Drop { reason, .. } => Ok(Screened::Dropped {
                reason,
                steps: done.steps,
            }),
            Verdict::Reject {
                plugin,
                code,
                message,
            } => {
                metrics.events_accepted(AcceptResult::Rejected, 1);
                Err(rejected(
                    PluginWords {
                        plugin,
                        code,
                        message,
                    },
                    prefix,
                ))
            }
            Verdict::Failed(failure) => {
                metrics.events_accepted(AcceptResult::Unavailable, 1);
                Err(failed(failure))
            }
            // The host lets no ingress step ask for a delay; to go on without its word would be to ignore it.
            Verdict::Delay { plugin, .. } => Err(failed(Failure {
                plugin,
                kind: "refused",
                message: "it asked for a delay, which only a delivery can have".to_owned(),
            })),
            Verdict::OverBudget { wait, per_second } => {
                Err(over_budget(per_second).retry_after(wait.max(PAUSE)))
            }
            Verdict::Busy => Err(Problem::new(
                Code::TenantBusy,
                "So many events of this tenant wait for their plugins that no more are taken now.",
            )
            .retry_after(PAUSE)),
        }
    }

    /// Reports the steps that failed, those that were gone on without too.
    fn tell_failures(&self, tenant: &TenantId, done: &Done) {
        let parts = &self.inner.parts;
        for (step, kind) in done.failures() {
            let failing = PluginFailing::of(tenant, step, kind);
            parts.system_events.plugin_failing(failing, parts.clock.now());
        }
    }
}

/// That the type is a known one, where the tenant's profile has no others.
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

/// That the data fits the schema of the event's type, where the type asks for it.
async fn check_data(tenant: &Tenant, candidate: &Candidate, prefix: &str) -> Result<(), Problem> {
    let kind = tenant.types.get(&candidate.kind);
    let Some(check) = kind.and_then(|kind| kind.check()) else {
        return Ok(());
    };
    let data = candidate.data.to_serde();
    let checked = if candidate.data.printed_len() < LONG_TO_CHECK {
        check.data(&data)
    } else {
        let check = Arc::clone(check);
        let checked = tokio::task::spawn_blocking(move || check.data(&data)).await;
        checked.map_err(|_| Problem::new(Code::InternalError, "The check of the data broke off."))?
    };
    let Err(violations) = checked else { return Ok(()) };
    let errors = violations.into_iter().map(|violation| {
        let pointer = format!("{prefix}/data{}", violation.pointer);
        FieldError::new(pointer, violation.message)
    });
    Err(Problem::fields(Code::SchemaMismatch, errors.collect()))
}

/// A tenant's plugins have used up their time.
pub(crate) fn over_budget(per_second: Span) -> Problem {
    let detail = format!(
        "The tenant's plugins have used up their processor time, which is {per_second} in a second (`plugins.budget`)."
    );
    Problem::new(Code::TenantBusy, detail)
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

fn invalid(prefix: &str, field: &str, detail: String) -> Problem {
    Problem::fields(
        Code::InvalidEvent,
        vec![FieldError::new(format!("{prefix}/{field}"), detail)],
    )
}

fn empty_object() -> Document {
    Document::from_value(
        Value::Object(crate::document::Object::new()),
        crate::document::Limits::default(),
    )
}

/// From so many bytes on, data is not checked on a thread that serves others.
const LONG_TO_CHECK: usize = 64 << 10;
/// What `Retry-After` says when a plugin failed or a queue is full.
const PAUSE: Duration = Duration::from_secs(1);
