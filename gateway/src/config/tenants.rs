//! Tenants declared in the file, parsed into the types of the registry.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Problem, Retry, SecretText};
use hookgate_contract::catalogue::{CatalogueType, TypeSpec};
use hookgate_contract::privacy::Authority;
use hookgate_contract::profile::Profiles;
use hookgate_domain::subscription::Owner;
use hookgate_domain::units::{Size, Span};
use hookgate_domain::{DeliveryMode, EventPattern, Filter, FilterLimits, PayloadMode, Quotas, Secret};
use hookgate_plugin_host::{OnFailure, StepLimits};
use hookgate_registry::{
    self as registry, CanarySpec, ChainSpec, DeclaredSubscription, DeclaredTenant, NewSubscription,
    NewTenant, Share, StepSpec,
};

/// A tenant declared in the file. Its declarations can be changed in the file only; the API changes
/// what it created itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tenant {
    /// Name of the profile; `standard` if omitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// API keys of the tenant: each at least 16 characters, or `env:NAME`.
    pub keys: Vec<SecretText>,
    /// Secret that signs deliveries to endpoints named by events (`deliver_to`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<SecretText>,
    /// Quotas of the tenant, which override those of its profile and of the gateway.
    #[serde(skip_serializing_if = "Quotas::is_empty")]
    pub quotas: Quotas,
    /// Stores the `metadata` of its events (a CloudEvent's attributes too). `false` drops it before
    /// the first write, and no plugin sees it. If omitted, it is stored unless the profile drops
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_metadata: Option<bool>,
    /// Accepts a change of the profile that blocks what was created over the API: subscriptions
    /// that do not fit it receive nothing until they are changed. `false` refuses such a change and
    /// names what would be blocked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force_profile: bool,
    /// Steps of the ingress chain, in order. If omitted, the chain is set over the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<Vec<Step>>,
    /// Event types by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub event_types: BTreeMap<String, DeclaredType>,
    /// Subscriptions.
    pub subscriptions: Vec<Subscription>,
}

/// An event type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "EventType")]
pub struct DeclaredType {
    /// Entity that the type is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Description of when it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its data, draft 2020-12, as a table or as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Refuses data that does not fit the schema.
    pub validate: bool,
}

/// One step of a chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The plugin's name.
    pub plugin: String,
    /// Version of the plugin (`1.4.0`), a range (`^1.2`), `latest` or a digest; the latest if
    /// omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The plugin's settings.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Failure policy of the step: `fail` or `skip`.
    #[serde(default)]
    pub on_failure: StepFailure,
    /// Limits of a call, where they are lower than those of `plugins`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Canary: another version for a share of the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
}

/// Limits of a call of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "StepLimits")]
pub struct Limits {
    /// Processor time of a call, at most `plugins.call_deadline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Linear memory of a call, at most `plugins.memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Size of a call's log, at most `plugins.log`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Size>,
}

/// Canary: another version for a share of a step's events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Version of the canary, in the form of a step's `version`.
    pub version: String,
    /// Share of the events, over 0 and up to 1: `0.05` is one event in twenty.
    pub share: f64,
}

/// Failure policy of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepFailure {
    /// Refuses the event.
    #[default]
    Fail,
    /// Continues without the step.
    Skip,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Name that is unique within the tenant and keeps the id when the rest changes; the URL if
    /// omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// URL of the endpoint.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "hookgate_egress::endpoint_url")]
    pub url: url::Url,
    /// Patterns of event types: `invoice.paid`, `invoice.*` or `*`.
    pub events: Vec<String>,
    /// Filter: conditions on the event's type and data, such as `{ "/total" = { "$gte" = 100 } }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    /// The signing secret. If omitted, one is generated and shown by the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretText>,
    /// Description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Additional headers of every attempt.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretText>,
    /// Timeout of a whole attempt, in place of `delivery.timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Retry schedule, in place of `retry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Detail of the event that is sent: `full` or `thin`.
    #[serde(default)]
    pub payload: Payload,
    /// Sending mode: `send`, or `shadow` to make, sign and record deliveries without sending them.
    #[serde(default)]
    pub mode: Mode,
    /// Initial status: `active`, or `disabled` until activated over the API, which alone changes it
    /// later.
    #[serde(default)]
    pub status: InitialStatus,
    /// Steps of the delivery chain, in order. If omitted, the chain is set over the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Vec<Step>>,
}

/// Detail of the event that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// All of the event's data.
    #[default]
    Full,
    /// Identity, type, status, times and relationship ids.
    Thin,
}

/// Sending mode of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SubscriptionMode")]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Sends them.
    #[default]
    Send,
    /// Records them as they would be sent, without sending them.
    Shadow,
}

/// Initial status of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SubscriptionStatus")]
#[serde(rename_all = "snake_case")]
pub enum InitialStatus {
    /// Receives deliveries.
    #[default]
    Active,
    /// Receives nothing until it is activated.
    Disabled,
}

/// Parses all declarations.
///
/// # Errors
/// All problems of the declarations.
pub(super) fn declared(
    tenants: &BTreeMap<String, Tenant>,
    profiles: &Profiles,
    limits: FilterLimits,
) -> Result<Vec<DeclaredTenant>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut declared = Vec::new();
    for (name, tenant) in tenants {
        let mut parser = Parser {
            key: format!("tenants.{name}"),
            profiles,
            limits,
            problems: &mut problems,
        };
        declared.extend(parser.tenant(name, tenant));
    }
    problems.extend(shared_keys(&declared));
    if problems.is_empty() {
        Ok(declared)
    } else {
        Err(problems)
    }
}

/// A key opens one tenant's data.
fn shared_keys(declared: &[DeclaredTenant]) -> Vec<Problem> {
    let mut owners = BTreeMap::new();
    let mut problems = Vec::new();
    for tenant in declared {
        let id = &tenant.tenant.id;
        for (n, key) in tenant.keys.iter().enumerate() {
            let owner = owners.entry(key.reveal()).or_insert(id);
            if *owner != id {
                let message = format!("`{owner}` has this key, and a key is of one tenant");
                problems.push(Problem::of(format!("tenants.{id}.keys.{n}"), message, None));
            }
        }
    }
    problems
}

struct Parser<'a> {
    key: String,
    profiles: &'a Profiles,
    limits: FilterLimits,
    problems: &'a mut Vec<Problem>,
}

impl Parser<'_> {
    fn tenant(&mut self, name: &str, tenant: &Tenant) -> Option<DeclaredTenant> {
        let id = self.take("", name.parse());
        if let Some(profile) = &tenant.profile
            && self.profiles.get(profile).is_none()
        {
            let names = self.profiles.names();
            self.problem(
                "profile",
                format!("there is no profile `{profile}`; there are {names}"),
            );
        }
        let keys = tenant.keys.iter().enumerate();
        let keys: Vec<_> = keys
            .filter_map(|(index, key)| self.key(&format!("keys.{index}"), key))
            .collect();
        let signing_secret = self.secret("signing_secret", tenant.signing_secret.as_ref());
        let subscriptions = self.subscriptions(&tenant.subscriptions);
        let types = self.event_types(&tenant.event_types);
        Some(DeclaredTenant {
            tenant: NewTenant {
                id: id?,
                profile: tenant.profile.clone(),
                signing_secret,
                quotas: tenant.quotas,
                keep_metadata: tenant.keep_metadata,
            },
            force_profile: tenant.force_profile,
            keys,
            chain: self.chain("chain", tenant.chain.as_deref()),
            types,
            subscriptions,
        })
    }

    fn event_types(&mut self, given: &BTreeMap<String, DeclaredType>) -> Vec<TypeSpec> {
        let mut types = Vec::new();
        for (name, given) in given {
            let key = format!("event_types.{name}");
            let Some(kind) = self.take(&key, name.parse()) else {
                continue;
            };
            let spec = TypeSpec {
                kind,
                entity: given.entity.clone(),
                description: given.description.clone(),
                schema: given.schema.as_ref().map(|schema| match schema {
                    Value::String(text) => text.clone(),
                    table => table.to_string(),
                }),
                validate: given.validate,
                authority: Authority::Operator,
            };
            if let Err(problems) = CatalogueType::new(spec.clone()) {
                for problem in problems {
                    self.problem(&format!("{key}.schema"), problem.to_string());
                }
            }
            types.push(spec);
        }
        types
    }

    fn subscriptions(&mut self, given: &[Subscription]) -> Vec<DeclaredSubscription> {
        let mut names = Vec::new();
        let mut declared = Vec::new();
        for (index, subscription) in given.iter().enumerate() {
            let key = format!("subscriptions.{index}");
            let name = subscription
                .name
                .clone()
                .unwrap_or_else(|| subscription.url.to_string());
            if names.contains(&name) {
                self.problem(
                    &key,
                    format!("there are two subscriptions `{name}`; give each a `name` of its own"),
                );
            }
            let chain = self.chain(&format!("{key}.chain"), subscription.chain.as_deref());
            declared.extend(
                self.subscription(&key, subscription)
                    .map(|subscription| DeclaredSubscription {
                        name: name.clone(),
                        subscription,
                        chain,
                    }),
            );
            names.push(name);
        }
        declared
    }

    fn subscription(&mut self, key: &str, given: &Subscription) -> Option<NewSubscription> {
        let patterns = given.events.iter().enumerate();
        let events: Vec<EventPattern> = patterns
            .filter_map(|(index, text)| self.take(&format!("{key}.events.{index}"), text.parse()))
            .collect();
        let headers = given.headers.iter().filter_map(|(name, value)| {
            let value = self.secret(&format!("{key}.headers.{name}"), Some(value))?;
            Some((name.clone(), value))
        });
        let headers: Vec<_> = headers.collect();
        let retry = given.retry.as_ref().map(Retry::policy).transpose();
        let retry = self.take(&format!("{key}.retry"), retry)?;
        let filter = self.filter(&format!("{key}.filter"), given.filter.as_ref())?;
        Some(NewSubscription {
            url: given.url.clone(),
            events,
            filter,
            description: given.description.clone(),
            secret: self.secret(&format!("{key}.secret"), given.secret.as_ref()),
            headers,
            timeout: given.timeout.map(Span::get),
            retry,
            payload: match given.payload {
                Payload::Full => PayloadMode::Full,
                Payload::Thin => PayloadMode::Thin,
            },
            owner: Owner::Tenant,
            mode: match given.mode {
                Mode::Send => DeliveryMode::Send,
                Mode::Shadow => DeliveryMode::Shadow,
            },
            status: match given.status {
                InitialStatus::Active => registry::InitialStatus::Active,
                InitialStatus::Disabled => registry::InitialStatus::Disabled,
            },
        })
    }

    /// The inner `None` means: there is no filter.
    #[expect(
        clippy::option_option,
        reason = "the outer one is a fault, as of every other field"
    )]
    fn filter(&mut self, key: &str, given: Option<&Map<String, Value>>) -> Option<Option<Filter>> {
        let Some(given) = given else { return Some(None) };
        match Filter::parse(&Value::Object(given.clone()).to_string(), self.limits) {
            Ok(filter) => Some(Some(filter)),
            Err(problems) => {
                for problem in problems {
                    self.problem(key, problem.to_string());
                }
                None
            }
        }
    }

    fn chain(&mut self, key: &str, given: Option<&[Step]>) -> Option<ChainSpec> {
        let steps = given?.iter().enumerate();
        let steps = steps.map(|(index, step)| self.step(&format!("{key}.{index}"), step));
        Some(ChainSpec {
            steps: steps.collect(),
        })
    }

    fn step(&mut self, key: &str, step: &Step) -> StepSpec {
        let limits = step.limits.unwrap_or_default();
        let canary = step.canary.as_ref().and_then(|canary| {
            let share = Share::from_number(canary.share);
            if share.is_none() {
                self.problem(&format!("{key}.canary.share"), "a share is over 0 and at most 1");
            }
            Some(CanarySpec {
                version: canary.version.clone(),
                share: share?,
            })
        });
        StepSpec {
            plugin: step.plugin.clone(),
            version: step.version.clone(),
            settings: Value::Object(step.settings.clone()).to_string(),
            on_failure: match step.on_failure {
                StepFailure::Fail => OnFailure::Fail,
                StepFailure::Skip => OnFailure::Skip,
            },
            limits: StepLimits {
                deadline: limits.deadline.map(Span::get),
                memory: limits.memory.map(Size::bytes),
                log: limits.log.map(Size::bytes),
            },
            canary,
        }
    }

    fn key(&mut self, key: &str, given: &SecretText) -> Option<Secret> {
        let secret = self.secret(key, Some(given))?;
        if secret.reveal().len() < super::SHORTEST_KEY {
            self.problem(key, "an API key has at least 16 characters");
        }
        Some(secret)
    }

    fn secret(&mut self, key: &str, given: Option<&SecretText>) -> Option<Secret> {
        self.take(key, given?.resolve())
    }

    fn take<T, E: ToString>(&mut self, key: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.problem(key, error.to_string())).ok()
    }

    fn problem(&mut self, key: &str, message: impl Into<String>) {
        let key = if key.is_empty() {
            self.key.clone()
        } else {
            format!("{}.{key}", self.key)
        };
        self.problems.push(Problem::of(key, message, None));
    }
}
