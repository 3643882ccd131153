//! Notices of the gateway, and their form as events.

use serde_json::{Value, json};

use hookgate_contract::profile::Warning;
use hookgate_domain::subscription::DisableReason;
use hookgate_domain::{
    DeliveryId, EventId, EventType, StepReport, SubscriptionId, Target, TenantId, Timestamp,
};

/// Change of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Tenant of the subscription.
    pub tenant: TenantId,
    /// Id of the subscription.
    pub subscription: SubscriptionId,
    /// Time of the change in the registry.
    pub at: Timestamp,
    /// Figures by which the change was decided.
    pub figures: Option<Figures>,
}

/// Attempts within the window of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// All attempts.
    pub attempts: u64,
    /// Attempts that failed.
    pub failed: u64,
}

/// Step of a chain that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFailing {
    /// Tenant of the chain.
    pub tenant: TenantId,
    /// Plugin name.
    pub plugin: String,
    /// Digest of its version, if known here.
    pub version: Option<String>,
    /// Kind of the failure, a word from a closed set.
    pub kind: String,
}

/// Plugin version whose circuit breaker opened: it was stopped too often in a row.
///
/// It is not called until the breaker allows a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitOpened {
    /// Tenant of the calls.
    pub tenant: TenantId,
    /// Plugin name.
    pub plugin: String,
    /// First digits of the version's digest.
    pub version: String,
    /// Kind of the last failure, a word from a closed set.
    pub kind: &'static str,
}

/// Canary that the gateway stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryStopped {
    /// Tenant of the chain.
    pub tenant: TenantId,
    /// Chain: `ingress`, or a subscription's id.
    pub chain: String,
    /// Plugin name.
    pub plugin: String,
    /// First digits of the canary's digest.
    pub version: String,
    /// Number of calls that were examined.
    pub calls: u32,
    /// Number of these calls that failed.
    pub failed: u32,
}

impl PluginFailing {
    /// Creates the notice of a step and the kind of its failure.
    pub fn of(tenant: &TenantId, step: &StepReport, kind: &str) -> Self {
        Self {
            tenant: tenant.clone(),
            plugin: step.plugin.clone(),
            version: (!step.version.is_empty()).then(|| step.version.clone()),
            kind: kind.to_owned(),
        }
    }
}

/// Delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dead {
    pub(super) delivery: DeliveryId,
    pub(super) kind: EventType,
    pub(super) outcome: &'static str,
    pub(super) status: Option<u16>,
    pub(super) at: Timestamp,
}

/// Subject of a notice: reports on the same subject are counted and sent together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// Deliveries that were given up.
    Target(TenantId, Target),
    /// Failures of a plugin.
    Plugin(TenantId, String),
    /// Plugin version whose circuit breaker opened.
    CircuitOpened(TenantId, String, String),
    /// Canary that was stopped.
    Canary(TenantId, String, String),
}

/// Single notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    Failing(Change),
    Disabled(Change, DisableReason),
    /// Number of dead deliveries, and the last one.
    Dead(TenantId, u64, Dead),
    /// Last failure, number of failures, and time of the last one.
    Plugin(PluginFailing, u64, Timestamp),
    /// Last opening, number of openings, and time of the last one.
    CircuitOpened(CircuitOpened, u64, Timestamp),
    /// Last stop, number of stops, and time of the last one.
    Canary(CanaryStopped, u64, Timestamp),
}

impl Notice {
    /// Tenant that the notice is about.
    pub(super) fn tenant(&self) -> &TenantId {
        match self {
            Self::Failing(change) | Self::Disabled(change, _) => &change.tenant,
            Self::Dead(tenant, ..) => tenant,
            Self::Plugin(failing, ..) => &failing.tenant,
            Self::CircuitOpened(opened, ..) => &opened.tenant,
            Self::Canary(stopped, ..) => &stopped.tenant,
        }
    }

    /// Change of a subscription that the notice is about, if any.
    pub(super) fn change(&self) -> Option<(&Change, Warning, &'static str)> {
        match self {
            Self::Failing(change) => Some((change, Warning::Failing, "failing")),
            Self::Disabled(change, reason) => Some((change, Warning::Disabled, word(*reason))),
            Self::Dead(..) | Self::Plugin(..) | Self::CircuitOpened(..) | Self::Canary(..) => None,
        }
    }

    /// Type of the event.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Failing(_) => "hookgate.subscription.failing",
            Self::Disabled(..) => "hookgate.subscription.disabled",
            Self::Dead(..) => "hookgate.delivery.dead",
            Self::Plugin(..) => "hookgate.plugin.failing",
            Self::CircuitOpened(..) => "hookgate.plugin.circuit_opened",
            Self::Canary(..) => "hookgate.canary.stopped",
        }
    }

    /// Id of the event if it happens once: every process that reports it gets the same id.
    pub(super) fn id(&self) -> Option<EventId> {
        let of = |what: &str, change: &Change| {
            let id = format!("{what}:{}:{}", change.subscription.ulid(), change.at.as_micros());
            id.parse().ok()
        };
        match self {
            Self::Failing(change) => of("failing", change),
            Self::Disabled(change, _) => of("disabled", change),
            Self::Dead(..) | Self::Plugin(..) | Self::CircuitOpened(..) | Self::Canary(..) => None,
        }
    }

    /// Time at which it happened.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Failing(change) | Self::Disabled(change, _) => change.at,
            Self::Dead(_, _, dead) => dead.at,
            Self::Plugin(_, _, at) | Self::CircuitOpened(_, _, at) | Self::Canary(_, _, at) => *at,
        }
    }

    /// Data of the event.
    pub(super) fn data(&self) -> Value {
        match self {
            Self::Failing(change) => of_change(change, "failing"),
            Self::Disabled(change, reason) => of_change(change, word(*reason)),
            Self::Dead(tenant, count, dead) => json!({
                "tenant": tenant.as_str(),
                "subscription": match dead.delivery.target {
                    Target::Subscription(id) => Some(id.to_string()),
                    Target::Inline => None,
                },
                "count": count,
                "last": {
                    "delivery": dead.delivery.to_string(),
                    "event": dead.delivery.event.as_str(),
                    "type": dead.kind.as_str(),
                    "outcome": dead.outcome,
                    "http_status": dead.status,
                },
            }),
            Self::Plugin(failing, count, _) => json!({
                "tenant": failing.tenant.as_str(),
                "plugin": failing.plugin,
                "version": failing.version,
                "count": count,
                "reason": failing.kind,
            }),
            Self::CircuitOpened(opened, count, _) => json!({
                "tenant": opened.tenant.as_str(),
                "plugin": opened.plugin,
                "version": opened.version,
                "count": count,
                "reason": opened.kind,
            }),
            Self::Canary(stopped, count, _) => json!({
                "tenant": stopped.tenant.as_str(),
                "chain": stopped.chain,
                "plugin": stopped.plugin,
                "version": stopped.version,
                "count": count,
                "calls": stopped.calls,
                "failed": stopped.failed,
            }),
        }
    }
}

fn of_change(change: &Change, reason: &str) -> Value {
    json!({
        "tenant": change.tenant.as_str(),
        "subscription": change.subscription.to_string(),
        "reason": reason,
        "attempts": change.figures.map(|figures| figures.attempts),
        "failed": change.figures.map(|figures| figures.failed),
    })
}

fn word(reason: DisableReason) -> &'static str {
    match reason {
        DisableReason::Asked => "asked",
        DisableReason::Gone => "gone",
        DisableReason::Failing => "failing",
    }
}
