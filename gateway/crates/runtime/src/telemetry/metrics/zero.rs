//! Counters whose labels are known from the start begin at zero: a counter that appears with its first increment has no rate.

use super::{Inner, StoreOperation};

impl Inner {
    pub(super) fn begin_at_zero(&self) {
        for (family, label, words) in [
            (&self.events, "result", RESULTS),
            (&self.chains_not_run, "reason", &["budget", "busy"]),
            (
                &self.deliveries,
                "end",
                &["delivered", "dead", "cancelled", "shadowed"],
            ),
            (&self.disabled, "reason", &["gone", "failing"]),
            (&self.attempts, "outcome", OUTCOMES),
            (&self.quotas, "quota", QUOTAS),
            (&self.system_events, "type", SYSTEM_EVENTS),
        ] {
            for word in words {
                drop(family.get_or_create(&[(label, *word)]));
            }
        }
        for operation in [
            StoreOperation::Accept,
            StoreOperation::Claim,
            StoreOperation::Settle,
            StoreOperation::Renew,
        ] {
            let label = [("operation", operation.word())];
            drop(self.store_batch_size.get_or_create(&label));
            drop(self.store_seconds.get_or_create(&label));
        }
    }
}

const RESULTS: &[&str] = &[
    "stored",
    "filtered",
    "duplicate",
    "rejected",
    "unavailable",
    "over_quota",
];
const OUTCOMES: &[&str] = &[
    "delivered",
    "refused",
    "timed_out",
    "unreachable",
    "blocked",
    "plugin_failed",
    "dropped",
    "postponed",
    "crashed",
    "shadowed",
];
const QUOTAS: &[&str] = &[
    "events_per_second",
    "pending_deliveries",
    "stored_bytes",
    "replays_per_minute",
    "kept_answers",
];
/// Types of system events.
pub const SYSTEM_EVENTS: &[&str] = &[
    "hookgate.subscription.failing",
    "hookgate.subscription.disabled",
    "hookgate.delivery.dead",
    "hookgate.plugin.failing",
    "hookgate.plugin.circuit_opened",
    "hookgate.canary.stopped",
];
