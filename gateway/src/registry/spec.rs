//! What callers ask the registry for: parsed requests, before they are applied.

use std::time::Duration;

use url::Url;

use crate::domain::{EventPattern, Filter, PayloadMode, RetryPolicy, Secret, TenantId, Timestamp};
use crate::plugin::OnFailure;

/// A tenant that is to be.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its name.
    pub id: TenantId,
    /// Its profile's name; the default's where none is given.
    pub profile: Option<String>,
    /// What signs deliveries to endpoints that events name.
    pub signing_secret: Option<Secret>,
}

/// What is to change of a tenant; `None`: leave it.
#[derive(Debug, Clone, Default)]
pub struct TenantPatch {
    /// Its profile's name.
    pub profile: Option<String>,
    /// Its signing secret, or none any more.
    pub signing_secret: Option<Option<Secret>>,
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
}

/// A tenant's ingress chain as it was asked for; no steps: no chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainSpec {
    /// In order.
    pub steps: Vec<StepSpec>,
}

/// A step as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpec {
    /// The plugin's name: the tenant's own one, or a shipped one.
    pub plugin: String,
    /// A version or a digest; the newest one where none is given.
    pub version: Option<String>,
    /// A JSON object as text.
    pub settings: String,
    /// What a failure of the step means.
    pub on_failure: OnFailure,
}

/// A plugin that a tenant can name in its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginInfo {
    /// Its name.
    pub name: String,
    /// Whether it came with the gateway, for every tenant; otherwise it is this tenant's own.
    pub shared: bool,
    /// Its versions, the newest first.
    pub versions: Vec<PluginVersion>,
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
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was uploaded; a shipped one has no such time.
    pub uploaded: Option<Timestamp>,
}
