//! What the gateway itself has to tell: a subscription fails or was disabled, a delivery was given up, a plugin keeps failing, is
//! left alone, or its canary was called off.
//!
//! Parts report what happened to the [`SystemEvents`] handle, which takes a moment's lock and never waits. The service makes
//! events of the reports: ordinary ones of the tenant that the configuration names, accepted like any other, so that its feed,
//! subscriptions, signatures and retries are theirs too; and, of the tenant that a report is about, if it has a subscription
//! that asks for them by name. An event's data holds ids, names, counts and reasons, never a payload.
//!
//! A product's customers are warned in its own words, where its profile has any (`warning`): of a consumer's subscription, to the
//! tenant's other subscriptions and in its feed.
//!
//! A storm makes none here (`pending`): what happens again to the same subscription or plugin is counted and told together, and
//! there are so many a minute. A system event that cannot be delivered is not reported: nothing here feeds itself.
//!
//! A change of a subscription is told once, whoever reports it and however often: its event's id is made of the subscription's
//! and the time, and the service reports recent changes again when it starts, in case their reporter died first.

mod config;
mod notice;
mod pending;
mod run;
mod warning;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use hookgate_domain::subscription::DisableReason;
use hookgate_domain::{DeliveryId, Event, Outcome, SubscriptionId, TenantId, Timestamp};

pub use config::Config;
pub use notice::{CanaryStopped, Change, Figures, LeftAlone, PluginFailing};
pub use run::{Parts, Service};

use notice::{Dead, Notice};
use pending::Pending;

/// Takes reports. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SystemEvents {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pending: Mutex<Pending>,
    reported: Notify,
}

impl SystemEvents {
    /// A handle. A [`Service`] must run for its reports to become events.
    pub fn new(config: &Config) -> Self {
        Self {
            inner: Arc::new(Inner {
                pending: Mutex::new(Pending::new(config)),
                reported: Notify::new(),
            }),
        }
    }

    /// A subscription was disabled at this time by something other than its owner.
    pub fn disabled(&self, change: Change, reason: DisableReason) {
        self.report(|pending, _| pending.changed(Notice::Disabled(change, reason)));
    }

    /// A subscription keeps failing: this is the warning.
    pub fn failing(&self, change: Change) {
        self.report(|pending, _| pending.changed(Notice::Failing(change)));
    }

    /// A delivery was given up after this outcome. One of a system event is not reported.
    pub fn dead(&self, event: &Event, delivery: &DeliveryId, outcome: &Outcome, at: Timestamp) {
        if event.kind.is_system() {
            return;
        }
        let dead = Dead {
            delivery: delivery.clone(),
            kind: event.kind.clone(),
            outcome: outcome.word(),
            status: match outcome {
                Outcome::Refused { status, .. } => Some(*status),
                _ => None,
            },
            at,
        };
        self.report(|pending, now| pending.dead(&event.tenant, dead, now));
    }

    /// A step of a tenant's chain failed. Told once it has failed so often within a while.
    pub fn plugin_failing(&self, failing: PluginFailing, at: Timestamp) {
        self.report(|pending, now| pending.plugin_failed(failing, at, now));
    }

    /// A version of a plugin was stopped so often in a row that it is left alone for a while.
    pub fn left_alone(&self, left: LeftAlone, at: Timestamp) {
        self.report(|pending, now| pending.left_alone(left, at, now));
    }

    /// A canary failed too often, and this process called it off.
    pub fn canary_stopped(&self, stopped: CanaryStopped, at: Timestamp) {
        self.report(|pending, now| pending.canary_stopped(stopped, at, now));
    }

    fn report(&self, report: impl FnOnce(&mut Pending, Instant)) {
        report(&mut self.pending(), Instant::now());
        self.inner.reported.notify_one();
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change {
    /// A change of a subscription at this time.
    pub fn new(tenant: TenantId, subscription: SubscriptionId, at: Timestamp) -> Self {
        Self {
            tenant,
            subscription,
            at,
            figures: None,
        }
    }

    /// The same, with the figures that it was decided by.
    #[must_use]
    pub fn by(self, figures: Figures) -> Self {
        Self {
            figures: Some(figures),
            ..self
        }
    }
}
