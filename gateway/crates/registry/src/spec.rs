//! What callers ask the registry for: parsed requests, before they are applied.

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

/// A tenant that is to be.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its name.
    pub id: TenantId,
    /// Its profile's name; the default's where none is given.
    pub profile: Option<String>,
    /// What signs deliveries to endpoints that events name.
    pub signing_secret: Option<Secret>,
    /// What overrides the quotas of the profile and of the operator.
    pub quotas: Quotas,
    /// Whether the metadata of its events is stored, as far as the profile lets it be: it is where nothing is said.
    pub keep_metadata: Option<bool>,
}

/// An API key that is to be.
#[derive(Debug, Clone, Copy)]
pub struct NewKey {
    /// What it may be used for.
    pub scopes: Scopes,
    /// It opens nothing from then on.
    pub expires: Option<Timestamp>,
    /// The one subscription that it reaches.
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

/// What is to change of a tenant; `None`: leave it.
#[derive(Debug, Clone, Default)]
pub struct TenantPatch {
    /// Its profile's name.
    pub profile: Option<String>,
    /// Its signing secret, or none any more.
    pub signing_secret: Option<Option<Secret>>,
    /// All that overrides the quotas of the profile and of the operator.
    pub quotas: Option<Quotas>,
    /// Whether the metadata of its events is stored.
    pub keep_metadata: Option<bool>,
    /// What a new profile blocks does not keep it from being taken.
    pub force: bool,
}

/// Status of a subscription when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitialStatus {
    /// It receives at once.
    #[default]
    Active,
    /// It receives nothing until it is activated.
    Disabled,
}

/// A subscription that is to be.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// The endpoint.
    pub url: Url,
    /// At least one.
    pub events: Vec<EventPattern>,
    /// What else must hold of an event.
    pub filter: Option<Filter>,
    /// For people.
    pub description: Option<String>,
    /// Its first signing secret; a generated one where none is given.
    pub secret: Option<Secret>,
    /// Headers to send with every attempt.
    pub headers: Vec<(String, Secret)>,
    /// For a whole attempt.
    pub timeout: Option<Duration>,
    /// In place of the configuration's.
    pub retry: Option<RetryPolicy>,
    /// How much is sent.
    pub payload: PayloadMode,
    /// Whose it is within the tenant.
    pub owner: subscription::Owner,
    /// Whether its deliveries are sent.
    pub mode: DeliveryMode,
    /// How it begins.
    pub status: InitialStatus,
}

/// What is to change of a subscription; `None`: leave it. The inner `None` goes back to the default.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionPatch {
    /// The endpoint.
    pub url: Option<Url>,
    /// The patterns.
    pub events: Option<Vec<EventPattern>>,
    /// What else must hold of an event.
    pub filter: Option<Option<Filter>>,
    /// For people.
    pub description: Option<Option<String>>,
    /// All of the headers.
    pub headers: Option<Vec<(String, Secret)>>,
    /// For a whole attempt.
    pub timeout: Option<Option<Duration>>,
    /// In place of the configuration's.
    pub retry: Option<Option<RetryPolicy>>,
    /// How much is sent.
    pub payload: Option<PayloadMode>,
    /// Whose it is within the tenant.
    pub owner: Option<subscription::Owner>,
    /// Whether its deliveries are sent.
    pub mode: Option<DeliveryMode>,
}

/// Which of a tenant's chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The one that its events pass before they are stored.
    Ingress,
    /// The one that what goes to a subscription passes before it is signed.
    Delivery(SubscriptionId),
}

/// A chain as it was asked for; no steps: no chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainSpec {
    /// In order.
    pub steps: Vec<StepSpec>,
}

/// A step as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpec {
    /// The plugin's name: the tenant's own one, one of the operator's, or a shipped one.
    pub plugin: String,
    /// One version, a range, `latest` or a digest; the latest where none is given.
    pub version: Option<String>,
    /// A JSON object as text.
    pub settings: String,
    /// What a failure of the step means.
    pub on_failure: OnFailure,
    /// What a call may use, below the gateway's own limits.
    pub limits: StepLimits,
    /// Another version for a share of the events.
    pub canary: Option<CanarySpec>,
}

impl StepSpec {
    /// The latest version of a plugin, whose failure stops the event.
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

/// Another version of a step's plugin, tried on a share of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanarySpec {
    /// As that of a step.
    pub version: String,
    /// Of which share.
    pub share: Share,
}

/// A share: 1 to 1,000,000 of a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// So many of a million, at least 1 and at most all.
    pub fn of_million(count: u32) -> Self {
        Self(count.clamp(1, MILLION))
    }

    /// From a number over 0 and up to 1, to six digits.
    pub fn from_number(number: f64) -> Option<Self> {
        let valid = number > 0.0 && number <= 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is over 0 and at most a million"
        )]
        valid.then(|| Self::of_million((number * f64::from(MILLION)).round() as u32))
    }

    /// How many of a million.
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// As a number over 0 and up to 1.
    pub fn as_number(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }
}

/// What a step runs at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepState {
    /// Which version; `None`: the shipped one that comes with the gateway.
    pub running: Option<Running>,
    /// What it ran before: a roll-back goes there.
    pub previous: Option<Running>,
    /// The canary, if it has one.
    pub canary: Option<CanaryState>,
}

/// A version that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What it says of itself.
    pub version: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
}

/// How a canary stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryState {
    /// Which version.
    pub running: Running,
    /// It sees no more events: since when, and why.
    pub stopped: Option<Stopped>,
}

/// Since when a canary sees no more events, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Since when.
    pub at: Timestamp,
    /// In words.
    pub reason: String,
}

/// What became of a step when another version of its plugin was uploaded, promoted or rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMove {
    /// Whose; the operator's uploads move steps of many.
    pub tenant: TenantId,
    /// In which chain.
    pub place: Place,
    /// Which step, counted from 0.
    pub step: usize,
    /// Whether it is the step's canary.
    pub canary: bool,
    /// The version before.
    pub from: Option<String>,
    /// The version that it is meant to have now.
    pub to: Option<String>,
    /// Why it stays at the one before; empty: it does not.
    pub refused: Vec<SettingsProblem>,
}

/// What an upload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The plugin.
    pub plugin: PluginInfo,
    /// What of it was uploaded.
    pub version: PluginVersion,
    /// The steps that it concerned.
    pub steps: Vec<StepMove>,
}

/// A plugin that a tenant can name in its chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginInfo {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: Owner,
    /// Its versions, the last that was uploaded first.
    pub versions: Vec<PluginVersion>,
}

/// Whose a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It came with the gateway, for every tenant.
    Shipped,
    /// The operator uploaded it, for every tenant.
    Operator,
    /// It is this tenant's own.
    Tenant,
}

/// One immutable build of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginVersion {
    /// What it says of itself.
    pub version: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// One sentence.
    pub summary: String,
    /// A JSON Schema of its settings.
    pub settings_schema: Option<String>,
    /// Whether it takes out what must not go on.
    pub redacts: bool,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was uploaded; a shipped one has no such time.
    pub uploaded: Option<Timestamp>,
    /// Whether it is left alone in this process, where it is asked for by a tenant.
    pub breaker: BreakerState,
}

impl PluginInfo {
    /// What this version imports that the one before it in rank does not; nothing for the first.
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
