//! Metrics of quotas, by the quota's name, never by tenant.

use super::Metrics;

impl Metrics {
    /// Counts a refusal over a quota of this name, from a closed set.
    pub fn quota_refused(&self, quota: &'static str) {
        self.quotas().get_or_create(&[("quota", quota)]).inc();
    }
}
