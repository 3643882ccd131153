//! Metrics of plugins, by plugin and version.
//! The number of label sets is bounded, and no name given by a tenant is a label.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::calls::{CallCounts, CallFigures, QUARTER_NS};

/// Counters by their labels. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct PluginSeries {
    figures: Arc<Mutex<BTreeMap<Key, Arc<CallFigures>>>>,
}

/// Name and version of a plugin.
type Key = (String, String);

/// Values of one metric family for one plugin and version, each with its own label.
type Counted = Vec<(&'static str, u64)>;

impl PluginSeries {
    /// Counters of a shipped or operator's plugin version.
    /// Beyond `most`, plugins share one set; the shipped ones always have their own. `None`: a
    /// tenant's own plugin, whose name must not be visible to others; these use the same shared
    /// set.
    pub(super) fn of(&self, labels: Option<(&str, &str)>, most: usize) -> Arc<CallFigures> {
        let mut figures = self.lock();
        let counts = |(plugin, _): &&Key| !SHIPPED.contains(&plugin.as_str()) && plugin != OTHER;
        let own = labels
            .map(|(plugin, version)| (plugin.to_owned(), version.to_owned()))
            .filter(|key| {
                SHIPPED.contains(&key.0.as_str())
                    || figures.contains_key(key)
                    || figures.keys().filter(counts).count() < most
            });
        let key = own.unwrap_or_else(|| (OTHER.to_owned(), OTHER.to_owned()));
        Arc::clone(figures.entry(key).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<CallFigures>>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for PluginSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let read: Vec<(Key, CallCounts)> = self
            .lock()
            .iter()
            .map(|(key, figures)| (key.clone(), figures.read()))
            .collect();
        let of = |family: fn(&CallCounts) -> Counted| {
            let counted = read.iter().map(move |(key, counts)| (key, family(counts)));
            counted.collect::<Vec<_>>()
        };
        let calls = of(|counts| {
            counts
                .verdicts
                .iter()
                .map(|(said, n)| (said.word(), *n))
                .collect()
        });
        let failures = of(|counts| counts.failures.clone());
        let bytes = of(|counts| vec![("in", counts.bytes_in), ("out", counts.bytes_out)]);
        let breakers = of(|counts| vec![("open", counts.breaker.0), ("closed", counts.breaker.1)]);
        let e = &mut encoder;
        counters(
            e,
            ("plugin_calls", "Plugin calls by what they said"),
            "verdict",
            &calls,
        )?;
        let help = ("plugin_failures", "Plugin calls that failed, by how");
        counters(e, help, "kind", &failures)?;
        let help = (
            "plugin_document_bytes",
            "Bytes of documents before and after plugin calls",
        );
        counters(e, help, "direction", &bytes)?;
        let help = ("plugin_breakers", "Breakers of plugins that opened or closed");
        counters(e, help, "to", &breakers)?;
        times(e, &read)
    }
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    label: &str,
    families: &[(&Key, Counted)],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for ((plugin, version), counted) in families {
        for (value, count) in counted.iter().filter(|(_, count)| *count > 0) {
            let labels = [
                ("plugin", plugin.as_str()),
                ("version", version.as_str()),
                (label, value),
            ];
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
    }
    Ok(())
}

fn times(encoder: &mut DescriptorEncoder<'_>, read: &[(Key, CallCounts)]) -> fmt::Result {
    let help = "Time of a plugin call, its instance's making included";
    let mut family =
        encoder.encode_descriptor("plugin_call", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for ((plugin, version), counts) in read {
        let mut below = 0;
        let mut buckets: Vec<_> = BOUNDS
            .map(|exponent| {
                let all = counts.below(exponent);
                let here = all - std::mem::replace(&mut below, all);
                ((QUARTER_NS << exponent) as f64 / 1e9, here)
            })
            .collect();
        buckets.push((f64::INFINITY, counts.calls().saturating_sub(below)));
        let labels = [("plugin", plugin.as_str()), ("version", version.as_str())];
        family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
            counts.total.as_secs_f64(),
            counts.calls(),
            &buckets,
            None,
        )?;
    }
    Ok(())
}

/// Buckets from 4 µs to 131 ms, as powers of two of quarters of a microsecond.
const BOUNDS: std::ops::RangeInclusive<u32> = 4..=19;
/// Plugins that come with the gateway.
const SHIPPED: [&str; 3] = ["redact", "filter", "reshape"];
/// Label of tenants' own plugins and of all beyond the limit.
const OTHER: &str = "other";
