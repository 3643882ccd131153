//! What there is to tell, and how it reads as an event.

use serde_json::{Value, json};

use hookgate_contract::profile::Warning;
use hookgate_domain::subscription::DisableReason;
use hookgate_domain::{
    DeliveryId, EventId, EventType, StepReport, SubscriptionId, Target, TenantId, Timestamp,
};

/// A change of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub subscription: SubscriptionId,
    /// When, as the registry has it.
    pub at: Timestamp,
    /// What it was decided by.
    pub figures: Option<Figures>,
}

/// Attempts within the window of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// All.
    pub attempts: u64,
    /// Those that failed.
    pub failed: u64,
}

/// A step of a chain that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFailing {
    /// Whose chain.
    pub tenant: TenantId,
    /// The plugin's name.
    pub plugin: String,
    /// Its version's digest, if it is known here.
    pub version: Option<String>,
    /// The failure's kind, a word from a closed set.
    pub kind: String,
}

/// A version of a plugin that was stopped so often in a row that it is not called for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// Whose calls.
    pub tenant: TenantId,
    /// The plugin's name.
    pub plugin: String,
    /// The first digits of its digest.
    pub version: String,
    /// How it was stopped last, a word from a closed set.
    pub kind: &'static str,
}

/// A canary that the gateway called off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryStopped {
    /// Whose.
    pub tenant: TenantId,
    /// In which chain: `ingress`, or a subscription's id.
    pub chain: String,
    /// The plugin's name.
    pub plugin: String,
    /// The first digits of the canary's digest.
    pub version: String,
    /// How many calls were looked at.
    pub calls: u32,
    /// How many of them failed.
    pub failed: u32,
}

impl PluginFailing {
    /// Of a step that failed so.
    pub fn of(tenant: &TenantId, step: &StepReport, kind: &str) -> Self {
        Self {
            tenant: tenant.clone(),
            plugin: step.plugin.clone(),
            version: (!step.version.is_empty()).then(|| step.version.clone()),
            kind: kind.to_owned(),
        }
    }
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dead {
    pub(super) delivery: DeliveryId,
    pub(super) kind: EventType,
    pub(super) outcome: &'static str,
    pub(super) status: Option<u16>,
    pub(super) at: Timestamp,
}

/// What is told together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// Deliveries given up.
    Target(TenantId, Target),
    /// Failures of a plugin.
    Plugin(TenantId, String),
    /// A version that is left alone.
    LeftAlone(TenantId, String, String),
    /// A canary that was called off.
    Canary(TenantId, String, String),
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    Failing(Change),
    Disabled(Change, DisableReason),
    /// So many, the last of which was this.
    Dead(TenantId, u64, Dead),
    /// So many times, last like this.
    Plugin(PluginFailing, u64, Timestamp),
    /// So many times, last like this.
    LeftAlone(LeftAlone, u64, Timestamp),
    /// So many times, last like this.
    Canary(CanaryStopped, u64, Timestamp),
}

impl Notice {
    /// Whom it is about.
    pub(super) fn tenant(&self) -> &TenantId {
        match self {
            Self::Failing(change) | Self::Disabled(change, _) => &change.tenant,
            Self::Dead(tenant, ..) => tenant,
            Self::Plugin(failing, ..) => &failing.tenant,
            Self::LeftAlone(left, ..) => &left.tenant,
            Self::Canary(stopped, ..) => &stopped.tenant,
        }
    }

    /// The change of a subscription that it is about, if it is about one.
    pub(super) fn change(&self) -> Option<(&Change, Warning, &'static str)> {
        match self {
            Self::Failing(change) => Some((change, Warning::Failing, "failing")),
            Self::Disabled(change, reason) => Some((change, Warning::Disabled, word(*reason))),
            Self::Dead(..) | Self::Plugin(..) | Self::LeftAlone(..) | Self::Canary(..) => None,
        }
    }

    /// The event's type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Failing(_) => "hookgate.subscription.failing",
            Self::Disabled(..) => "hookgate.subscription.disabled",
            Self::Dead(..) => "hookgate.delivery.dead",
            Self::Plugin(..) => "hookgate.plugin.failing",
            Self::LeftAlone(..) => "hookgate.plugin.left_alone",
            Self::Canary(..) => "hookgate.canary.stopped",
        }
    }

    /// The event's id where what is told happens once: the same whoever tells it.
    pub(super) fn id(&self) -> Option<EventId> {
        let of = |what: &str, change: &Change| {
            let id = format!("{what}:{}:{}", change.subscription.ulid(), change.at.as_micros());
            id.parse().ok()
        };
        match self {
            Self::Failing(change) => of("failing", change),
            Self::Disabled(change, _) => of("disabled", change),
            Self::Dead(..) | Self::Plugin(..) | Self::LeftAlone(..) | Self::Canary(..) => None,
        }
    }

    /// When it happened.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Failing(change) | Self::Disabled(change, _) => change.at,
            Self::Dead(_, _, dead) => dead.at,
            Self::Plugin(_, _, at) | Self::LeftAlone(_, _, at) | Self::Canary(_, _, at) => *at,
        }
    }

    /// The event's data.
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
            Self::LeftAlone(left, count, _) => json!({
                "tenant": left.tenant.as_str(),
                "plugin": left.plugin,
                "version": left.version,
                "count": count,
                "reason": left.kind,
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
