//! Figures of backups at `/metrics`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::Metrics;
use super::metrics::Labels;
use hookgate_domain::Timestamp;

/// Figures of backups. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct BackupFigures {
    ended: Family<Labels<1>, Counter>,
    shared: Arc<Shared>,
}

/// Zero: there is none.
#[derive(Debug, Default)]
struct Shared {
    interval_ms: AtomicU64,
    last_ms: AtomicU64,
    now_ms: AtomicU64,
}

impl Metrics {
    /// A backup ended, whole or not.
    pub fn backup_ended(&self, whole: bool) {
        let result = if whole { "made" } else { "failed" };
        self.backups().ended.get_or_create(&[("result", result)]).inc();
    }

    /// The newest backup began then.
    pub fn newest_backup_is_of(&self, began: Timestamp) {
        self.backups().shared.last_ms.store(began.as_millis(), Relaxed);
    }

    /// Backups are made this often.
    pub fn backups_are_made_every(&self, interval: Duration) {
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.backups().shared.interval_ms.store(millis, Relaxed);
    }
}

impl BackupFigures {
    pub(super) fn register(&self, r: &mut Registry) {
        for result in ["made", "failed"] {
            drop(self.ended.get_or_create(&[("result", result)]));
        }
        r.register("backups", "Backups that ended, by result", self.ended.clone());
        r.register_collector(Box::new(self.clone()));
    }

    /// Sets the time that ages are told by.
    pub(super) fn read_at(&self, now: Timestamp) {
        self.shared.now_ms.store(now.as_millis(), Relaxed);
    }
}

impl Collector for BackupFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let read = |figure: &AtomicU64| figure.load(Relaxed);
        let (interval, last) = (read(&self.shared.interval_ms), read(&self.shared.last_ms));
        let mut gauge = |name: &str, help: &str, millis: u64| {
            let gauge = ConstGauge::new(millis as f64 / 1e3);
            let metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), gauge.metric_type())?;
            gauge.encode(metric)
        };
        if interval > 0 {
            gauge("backup_interval", "Time between scheduled backups", interval)?;
        }
        if last > 0 {
            let help = "Time at which the newest backup began, since the Unix epoch";
            gauge("backup_last_success_timestamp", help, last)?;
            let age = read(&self.shared.now_ms).saturating_sub(last);
            gauge("backup_age", "Time since the newest backup began", age)?;
        }
        Ok(())
    }
}
