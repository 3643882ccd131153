//! System events: the gateway reports failures as events.
//!
//! They report a subscription that fails or was disabled, a delivery that was given up, a plugin
//! that keeps failing, an opened circuit breaker, and a canary that was stopped.
//!
//! Parts report to the [`SystemEvents`] handle, which takes a short lock and never waits. The
//! service makes events of the reports. They are ordinary events of the tenant that the
//! configuration names, accepted like any other, with its feed, subscriptions, signatures and
//! retries. They are also events of the tenant that a report is about, if it has a subscription
//! that names their type. The data of an event holds ids, names, counts and reasons, never a
//! payload.
//!
//! A product's customers are warned in its own wording, if its profile has one (`warning`): a
//! warning about a consumer's subscription goes to the tenant's other subscriptions and into its
//! feed.
//!
//! Bursts are limited (`pending`): repeated reports on a subscription or plugin are counted and
//! sent together, and the number of events per minute is limited. A system event that cannot be
//! delivered is not reported, so that reports cannot cause further reports.
//!
//! A change of a subscription is reported once, independently of the number of reporters and
//! reports: the id of its event is made of the subscription's id and the time. When it starts, the
//! service reports recent changes again, in case the process that made them ended first.

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
pub use notice::{CanaryStopped, Change, CircuitOpened, Figures, PluginFailing};
pub use run::{Parts, Service};

use notice::{Dead, Notice};
use pending::Pending;

/// Receives reports. Cheap to clone.
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
    /// Creates a handle. A [`Service`] must run for its reports to become events.
    pub fn new(config: &Config) -> Self {
        Self {
            inner: Arc::new(Inner {
                pending: Mutex::new(Pending::new(config)),
                reported: Notify::new(),
            }),
        }
    }

    /// Reports that a subscription was disabled at this time, not by its owner.
    pub fn disabled(&self, change: Change, reason: DisableReason) {
        self.report(|pending, _| pending.changed(Notice::Disabled(change, reason)));
    }

    /// Reports that a subscription keeps failing. This is the warning.
    pub fn failing(&self, change: Change) {
        self.report(|pending, _| pending.changed(Notice::Failing(change)));
    }

    /// Reports a delivery that was given up after this outcome. Those of system events are not
    /// reported.
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

    /// Reports a failed step of a tenant's chain.
    ///
    /// It is sent once the step has failed often enough within the window.
    pub fn plugin_failing(&self, failing: PluginFailing, at: Timestamp) {
        self.report(|pending, now| pending.plugin_failed(failing, at, now));
    }

    /// Reports an opened circuit breaker: a plugin version was stopped too often in a row.
    pub fn circuit_opened(&self, opened: CircuitOpened, at: Timestamp) {
        self.report(|pending, now| pending.circuit_opened(opened, at, now));
    }

    /// Reports a canary that failed too often and was stopped by this process.
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
    /// Creates the change of a subscription at this time.
    pub fn new(tenant: TenantId, subscription: SubscriptionId, at: Timestamp) -> Self {
        Self {
            tenant,
            subscription,
            at,
            figures: None,
        }
    }

    /// Adds the figures by which the change was decided.
    #[must_use]
    pub fn by(self, figures: Figures) -> Self {
        Self {
            figures: Some(figures),
            ..self
        }
    }
}
