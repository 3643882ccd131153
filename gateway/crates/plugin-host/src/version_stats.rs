//! What this process saw of each tenant's plugins: figures of every version, and the lines that they wrote.
//!
//! Steps hold the account of their version, so that counting looks nothing up. An account outlives its steps, for whoever
//! compares versions; of those that no step holds any more there are so many for each tenant.

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

/// One version of a tenant's plugin.
#[derive(Debug)]
pub struct VersionStats {
    release: String,
    digest: String,
    since_ms: u64,
    figures: CallFigures,
    /// The same for all tenants together.
    of_all: ArcSwap<CallFigures>,
    journal: Arc<LogBuffer>,
}

/// Which version of a component.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// What it says of itself.
    pub release: &'a str,
    /// Its digest.
    pub digest: &'a str,
    /// Whether the operator knows its name: it is shipped, or the operator's. Names that tenants give are theirs.
    pub is_shared: bool,
}

/// What was seen of a version.
#[derive(Debug)]
pub struct Observation {
    /// What the component says of itself.
    pub release: String,
    /// Its digest.
    pub digest: String,
    /// Since when it is counted, in ms since 1970.
    pub since_ms: u64,
    /// What was counted.
    pub counts: CallCounts,
}

/// All accounts of this process.
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

/// What is told of a call whose lines are kept.
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

    /// A chain was not run.
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
            // The operator may have begun or ceased to share it.
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
    /// Counts a call, and keeps what it wrote and how it failed.
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

    /// Counts that the breaker opened, or closed.
    pub(super) fn breaker(&self, opened: bool) {
        self.figures.breaker(opened);
        self.of_all.load().breaker(opened);
    }
}

/// How a call failed, and where.
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

/// Forgets versions that no step holds, the one first that was called the longest ago, until few enough are left.
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
    /// Where a tenant's calls of a version of a plugin are counted and told. It begins when this is asked first.
    pub fn account(&self, tenant: &TenantId, plugin: &str, version: Version<'_>) -> Arc<VersionStats> {
        let now_ms = self.inner.shared.clock.now().as_millis();
        self.inner
            .shared
            .observed
            .account(tenant, plugin, version, now_ms)
    }

    /// What this process saw of a tenant's plugin, the version first that began last.
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

    /// What a tenant's plugin wrote lately in this process; `None`: it has not been in a chain here.
    pub fn journal(&self, tenant: &TenantId, plugin: &str) -> Option<Arc<LogBuffer>> {
        let tenants = self.inner.shared.observed.lock();
        Some(Arc::clone(&tenants.get(tenant)?.get(plugin)?.journal))
    }

    /// Forgets all of a tenant that is gone, so that whoever has its name next sees nothing of it.
    pub fn forget(&self, tenant: &TenantId) {
        self.inner.shared.observed.lock().remove(tenant);
    }
}

/// Versions of a tenant's plugins that are kept while no step holds them.
const MOST_UNUSED: usize = 32;
/// Frames of a backtrace that are kept.
const FRAMES: usize = 6;
