//! Statistics of each tenant's plugins in this process: counters and log lines of every version.
//!
//! Steps hold the [`VersionStats`] of their version, so counting needs no lookup. The statistics
//! outlive their steps, so that versions can be compared; a tenant keeps a bounded number of
//! statistics that no step holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::config::Config;
use super::failure::Fault;
use super::host::Host;
use super::log::{Level, LogLine};
use super::log_buffer::{LogBuffer, LogMemory, Origin};
use hookgate_domain::TenantId;
use hookgate_runtime::telemetry::{CallCounts, CallFigures, Called, Metrics, Refusal};

/// Statistics of one version of a tenant's plugin.
#[derive(Debug)]
pub struct VersionStats {
    release: String,
    digest: String,
    since_ms: u64,
    figures: CallFigures,
    /// Counters of this version for all tenants together.
    of_all: ArcSwap<CallFigures>,
    journal: Arc<LogBuffer>,
}

/// Identity of a component's version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// Version that the component declares.
    pub release: &'a str,
    /// Its digest.
    pub digest: &'a str,
    /// Set for plugins that are shipped or the operator's, whose names may appear in metrics.
    /// Tenants choose other names.
    pub is_shared: bool,
}

/// Statistics of a version, as read.
#[derive(Debug)]
pub struct Observation {
    /// Version that the component declares.
    pub release: String,
    /// Its digest.
    pub digest: String,
    /// Start of the counters, in ms since 1970.
    pub since_ms: u64,
    /// Counters.
    pub counts: CallCounts,
}

/// Statistics of all tenants in this process.
#[derive(Debug)]
pub(super) struct PluginStats {
    tenants: Mutex<HashMap<TenantId, Plugins>>,
    room: Arc<LogMemory>,
    metrics: Metrics,
    most_versions: usize,
}

/// A tenant's plugins by name.
type Plugins = HashMap<String, Plugin>;

#[derive(Debug)]
struct Plugin {
    journal: Arc<LogBuffer>,
    versions: Vec<Arc<VersionStats>>,
}

/// Details of a call for the log buffer.
#[derive(Debug)]
pub(super) struct CallReport<'a> {
    pub(super) event: &'a str,
    pub(super) subscription: Option<&'a str>,
    pub(super) at_ms: u64,
    pub(super) lines: &'a [LogLine],
    pub(super) fault: Option<&'a Fault>,
}

impl PluginStats {
    pub(super) fn new(config: &Config, metrics: Metrics) -> Self {
        Self {
            tenants: Mutex::default(),
            room: Arc::new(LogMemory::new(config.journal)),
            metrics,
            most_versions: config.metric_versions as usize,
        }
    }

    /// Counts a chain that was not run.
    pub(super) fn not_run(&self, why: Refusal) {
        self.metrics.chain_not_run(why);
    }

    fn account(
        &self,
        tenant: &TenantId,
        plugin: &str,
        version: Version<'_>,
        now_ms: u64,
    ) -> Arc<VersionStats> {
        let mut tenants = self.lock();
        let plugins = tenants.entry(tenant.clone()).or_default();
        let found = plugins.get(plugin).and_then(|held| held.version(version.digest));
        let of_all = |release: &str| {
            let labels = version.is_shared.then_some((plugin, release));
            self.metrics.plugin_calls(labels, self.most_versions)
        };
        if let Some(account) = found {
            // The operator may have started or stopped sharing it.
            account.of_all.store(of_all(&account.release));
            return Arc::clone(account);
        }
        let of_all = ArcSwap::new(of_all(version.release));
        let place = plugins.entry(plugin.to_owned()).or_insert_with(|| Plugin {
            journal: Arc::new(LogBuffer::new(Arc::clone(&self.room), now_ms)),
            versions: Vec::new(),
        });
        let account = Arc::new(VersionStats {
            release: version.release.to_owned(),
            digest: version.digest.to_owned(),
            since_ms: now_ms,
            figures: CallFigures::default(),
            of_all,
            journal: Arc::clone(&place.journal),
        });
        place.versions.push(Arc::clone(&account));
        forget_unused(plugins);
        account
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Plugins>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VersionStats {
    /// Counts a call; adds its log lines and its failure to the log buffer.
    pub(super) fn called(&self, called: &Called, told: &CallReport<'_>) {
        self.figures.count(called);
        self.of_all.load().count(called);
        if told.lines.is_empty() && told.fault.is_none() {
            return;
        }
        let of = Origin {
            at_ms: told.at_ms,
            event: told.event.to_owned(),
            subscription: told.subscription.map(str::to_owned),
            release: self.release.clone(),
            digest: self.digest.clone(),
        };
        let lines = told.lines.iter().cloned();
        let failed = told.fault.into_iter().flat_map(lines_of);
        self.journal.add(of, lines.chain(failed));
    }

    /// Counts that the breaker opened or closed.
    pub(super) fn breaker(&self, opened: bool) {
        self.figures.breaker(opened);
        self.of_all.load().breaker(opened);
    }
}

/// Formats a failure and its backtrace as log lines.
fn lines_of(fault: &Fault) -> impl Iterator<Item = LogLine> {
    let line = |text| LogLine {
        level: Level::Error,
        text,
    };
    let failed = line(format!("failed ({}): {}", fault.kind, fault.message));
    let frames = fault.backtrace.iter().take(FRAMES);
    let frames = frames.map(move |frame| line(format!("  in {frame}")));
    std::iter::once(failed).chain(frames)
}

impl Plugin {
    fn version(&self, digest: &str) -> Option<&Arc<VersionStats>> {
        self.versions.iter().find(|account| account.digest == digest)
    }
}

/// Evicts statistics that no step holds until at most `MOST_UNUSED` are left.
///
/// The least recently called are evicted first.
fn forget_unused(plugins: &mut Plugins) {
    loop {
        let all = plugins
            .iter()
            .flat_map(|(name, plugin)| plugin.versions.iter().map(move |v| (name, v)));
        let unused: Vec<_> = all
            .filter(|(_, account)| Arc::strong_count(account) == 1)
            .collect();
        if unused.len() <= MOST_UNUSED {
            return;
        }
        let called = |account: &VersionStats| account.figures.read().last_call_ms.unwrap_or(account.since_ms);
        let oldest = unused.into_iter().min_by_key(|(_, account)| called(account));
        let Some((name, digest)) = oldest.map(|(name, account)| (name.clone(), account.digest.clone()))
        else {
            return;
        };
        if let Some(plugin) = plugins.get_mut(&name) {
            plugin.versions.retain(|account| account.digest != digest);
            if plugin.versions.is_empty() {
                plugins.remove(&name);
            }
        }
    }
}

impl Host {
    /// Returns the statistics of a tenant's version of a plugin; creates them at the first call.
    pub fn account(&self, tenant: &TenantId, plugin: &str, version: Version<'_>) -> Arc<VersionStats> {
        let now_ms = self.inner.shared.clock.now().as_millis();
        self.inner
            .shared
            .observed
            .account(tenant, plugin, version, now_ms)
    }

    /// Returns the statistics of a tenant's plugin in this process, newest version first.
    pub fn observed(&self, tenant: &TenantId, plugin: &str) -> Vec<Observation> {
        let tenants = self.inner.shared.observed.lock();
        let plugin = tenants.get(tenant).and_then(|plugins| plugins.get(plugin));
        let versions = plugin.into_iter().flat_map(|plugin| plugin.versions.iter().rev());
        versions
            .map(|account| Observation {
                release: account.release.clone(),
                digest: account.digest.clone(),
                since_ms: account.since_ms,
                counts: account.figures.read(),
            })
            .collect()
    }

    /// Returns the log buffer of a tenant's plugin; `None`: the plugin has not been in a chain
    /// here.
    pub fn journal(&self, tenant: &TenantId, plugin: &str) -> Option<Arc<LogBuffer>> {
        let tenants = self.inner.shared.observed.lock();
        Some(Arc::clone(&tenants.get(tenant)?.get(plugin)?.journal))
    }

    /// Removes all statistics of a deleted tenant.
    ///
    /// A later tenant of the same name must not see them.
    pub fn forget(&self, tenant: &TenantId) {
        self.inner.shared.observed.lock().remove(tenant);
    }
}

/// Maximum number of a tenant's versions that stay while no step holds them.
const MOST_UNUSED: usize = 32;
/// Maximum number of backtrace frames in the log buffer.
const FRAMES: usize = 6;
