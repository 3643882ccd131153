//! Parsed requests to the registry, and the state that it reports.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use hookgate_domain::subscription;
use hookgate_domain::{
    DeliveryMode, EventPattern, Filter, PayloadMode, Quotas, RetryPolicy, Scopes, Secret, SubscriptionId,
    TenantId, Timestamp,
};
use hookgate_plugin_host::{BreakerState, OnFailure, SettingsProblem, StepLimits};

/// Tenant to create.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Id of the tenant.
    pub id: TenantId,
    /// Name of its profile; the default profile if `None`.
    pub profile: Option<String>,
    /// Signing secret of deliveries to endpoints that events name.
    pub signing_secret: Option<Secret>,
    /// Own quotas, which override those of the profile and of the operator.
    pub quotas: Quotas,
    /// Storage of its events' metadata, as far as the profile permits it; stored by default.
    pub keep_metadata: Option<bool>,
}

/// API key to create.
#[derive(Debug, Clone, Copy)]
pub struct NewKey {
    /// Scopes.
    pub scopes: Scopes,
    /// End of its validity.
    pub expires: Option<Timestamp>,
    /// The only subscription that it reaches.
    pub subscription: Option<SubscriptionId>,
}

impl From<Scopes> for NewKey {
    fn from(scopes: Scopes) -> Self {
        Self {
            scopes,
            expires: None,
            subscription: None,
        }
    }
}

/// Changes of a tenant; `None` leaves a field unchanged.
#[derive(Debug, Clone, Default)]
pub struct TenantPatch {
    /// Name of its profile.
    pub profile: Option<String>,
    /// Signing secret; the inner `None` removes it.
    pub signing_secret: Option<Option<Secret>>,
    /// Own quotas as a whole, which override those of the profile and of the operator.
    pub quotas: Option<Quotas>,
    /// Storage of its events' metadata.
    pub keep_metadata: Option<bool>,
    /// Accepts a new profile even though it blocks existing entries.
    pub force: bool,
}

/// Initial status of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitialStatus {
    /// Receives at once.
    #[default]
    Active,
    /// Receives nothing until it is activated.
    Disabled,
}

/// Subscription to create.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// URL of the endpoint.
    pub url: Url,
    /// Event patterns, at least one.
    pub events: Vec<EventPattern>,
    /// Filter on the event, in addition to the patterns.
    pub filter: Option<Filter>,
    /// Free text for people.
    pub description: Option<String>,
    /// First signing secret; generated if `None`.
    pub secret: Option<Secret>,
    /// Custom headers of every attempt.
    pub headers: Vec<(String, Secret)>,
    /// Timeout of a whole attempt.
    pub timeout: Option<Duration>,
    /// Retry policy, in place of the configuration's.
    pub retry: Option<RetryPolicy>,
    /// Payload mode: the part of the event that is sent.
    pub payload: PayloadMode,
    /// Owner within the tenant.
    pub owner: subscription::Owner,
    /// Delivery mode: deliveries are sent, or only recorded.
    pub mode: DeliveryMode,
    /// Initial status.
    pub status: InitialStatus,
}

/// Changes of a subscription; `None` leaves a field unchanged, `Some(None)` restores the default.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionPatch {
    /// URL of the endpoint.
    pub url: Option<Url>,
    /// Event patterns.
    pub events: Option<Vec<EventPattern>>,
    /// Filter on the event, in addition to the patterns.
    pub filter: Option<Option<Filter>>,
    /// Free text for people.
    pub description: Option<Option<String>>,
    /// Custom headers as a whole.
    pub headers: Option<Vec<(String, Secret)>>,
    /// Timeout of a whole attempt.
    pub timeout: Option<Option<Duration>>,
    /// Retry policy, in place of the configuration's.
    pub retry: Option<Option<RetryPolicy>>,
    /// Payload mode: the part of the event that is sent.
    pub payload: Option<PayloadMode>,
    /// Owner within the tenant.
    pub owner: Option<subscription::Owner>,
    /// Delivery mode: deliveries are sent, or only recorded.
    pub mode: Option<DeliveryMode>,
}

/// Place of a chain in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Ingress: the tenant's events pass the chain before they are stored.
    Ingress,
    /// Delivery: a subscription's payloads pass the chain before they are signed.
    Delivery(SubscriptionId),
}

/// Requested chain; without steps: no chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainSpec {
    /// Steps in order.
    pub steps: Vec<StepSpec>,
}

/// Requested step of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpec {
    /// Name of the plugin: the tenant's own, the operator's, or a shipped one.
    pub plugin: String,
    /// Requirement: one version, a range, `latest` or a digest; `None`: the latest.
    pub version: Option<String>,
    /// Settings: a JSON object as text.
    pub settings: String,
    /// Reaction to a failure of the step.
    pub on_failure: OnFailure,
    /// Limits of a call, below the gateway's own.
    pub limits: StepLimits,
    /// Canary: another version for a share of the events.
    pub canary: Option<CanarySpec>,
}

impl StepSpec {
    /// Step with the latest version of a plugin, whose failure stops the event.
    pub fn new(plugin: impl Into<String>, settings: impl Into<String>) -> Self {
        Self {
            plugin: plugin.into(),
            version: None,
            settings: settings.into(),
            on_failure: OnFailure::Fail,
            limits: StepLimits::default(),
            canary: None,
        }
    }
}

/// Canary: another version of a step's plugin, run on a share of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanarySpec {
    /// Version requirement, in the form of a step's.
    pub version: String,
    /// Share of the events.
    pub share: Share,
}

/// Share of events: 1 to 1,000,000 millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// Share in millionths, clamped to 1 to 1,000,000.
    pub fn of_million(count: u32) -> Self {
        Self(count.clamp(1, MILLION))
    }

    /// Share from a number over 0 and up to 1, with six digits.
    pub fn from_number(number: f64) -> Option<Self> {
        let valid = number > 0.0 && number <= 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is over 0 and at most a million"
        )]
        valid.then(|| Self::of_million((number * f64::from(MILLION)).round() as u32))
    }

    /// Share in millionths.
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// Share as a number over 0 and up to 1.
    pub fn as_number(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }
}

/// Current state of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepState {
    /// Version that it runs; `None`: the shipped one that comes with the gateway.
    pub running: Option<Running>,
    /// Version that it ran before: the target of a roll-back.
    pub previous: Option<Running>,
    /// State of its canary, if it has one.
    pub canary: Option<CanaryState>,
}

/// Version in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Version that the component declares.
    pub version: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
}

/// State of a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryState {
    /// Version of the canary.
    pub running: Running,
    /// Set once the canary was stopped: it receives no more events.
    pub stopped: Option<Stopped>,
}

/// Time and reason of a canary's stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Time of the stop.
    pub at: Timestamp,
    /// Reason, in words.
    pub reason: String,
}

/// Outcome for one step of an upload, a promotion or a roll-back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMove {
    /// Tenant of the step; the operator's uploads move steps of many tenants.
    pub tenant: TenantId,
    /// Chain of the step.
    pub place: Place,
    /// Index of the step, from 0.
    pub step: usize,
    /// Set if the move concerns the step's canary.
    pub canary: bool,
    /// Version before.
    pub from: Option<String>,
    /// Version that it should have now.
    pub to: Option<String>,
    /// Reasons why it keeps the version before; empty if it moved.
    pub refused: Vec<SettingsProblem>,
}

/// Result of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Plugin after the upload.
    pub plugin: PluginInfo,
    /// Uploaded version.
    pub version: PluginVersion,
    /// Outcomes of the steps that follow the plugin.
    pub steps: Vec<StepMove>,
}

/// A plugin that a tenant can name in its chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginInfo {
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: Owner,
    /// Versions, the last uploaded first.
    pub versions: Vec<PluginVersion>,
}

/// Owner of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Shipped with the gateway, for every tenant.
    Shipped,
    /// Uploaded by the operator, for every tenant.
    Operator,
    /// Uploaded for this tenant only.
    Tenant,
}

/// One immutable build of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginVersion {
    /// Version that the component declares.
    pub version: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// Description in one sentence.
    pub summary: String,
    /// JSON Schema of its settings.
    pub settings_schema: Option<String>,
    /// Set if the plugin redacts: it removes confidential data.
    pub redacts: bool,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// Upload time; `None` for a shipped plugin.
    pub uploaded: Option<Timestamp>,
    /// State of its circuit breaker in this process, in answers to a tenant.
    pub breaker: BreakerState,
}

impl PluginInfo {
    /// Imports of a version that the preceding version does not have; empty for the first version.
    pub fn imports_more<'a>(&self, version: &'a PluginVersion) -> Vec<&'a str> {
        let rank = |version: &PluginVersion| version.version.parse::<semver::Version>().ok();
        let own = rank(version);
        let lower = self.versions.iter().filter(|other| rank(other) < own);
        let Some(before) = lower.max_by_key(|other| rank(other)) else {
            return Vec::new();
        };
        let more = version
            .imports
            .iter()
            .filter(|name| !before.imports.contains(name));
        more.map(String::as_str).collect()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ingress => f.write_str("ingress"),
            Self::Delivery(subscription) => subscription.fmt(f),
        }
    }
}

impl FromStr for Place {
    type Err = hookgate_domain::ids::BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "ingress" {
            Ok(Self::Ingress)
        } else {
            text.parse().map(Self::Delivery)
        }
    }
}

const MILLION: u32 = 1_000_000;
