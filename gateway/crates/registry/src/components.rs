//! Component lookup: from a plugin's name to a loaded component.
//! Shipped components come from this binary, a tenant's and the operator's from the store.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::UnboundedSender;

use super::chain_record::{CanaryRecord, ChainRecord, PluginRecord, StepRecord, VersionRecord};
use super::shared::Shared;
use super::tenant_chain::{Role, TenantChain, Wanted};
use super::tenant_state::TenantState;
use super::version::Requirement;
use super::{Owner, Place, PluginInfo, PluginVersion, RegistryError};
use hookgate_domain::TenantId;
use hookgate_json::{Document, Limits};
use hookgate_plugin_host::{
    self as plugin, BreakerState, Canary, Component, Host, SettingsProblem, Step, StepLimits, Tripped,
    UploadError, Watch, Watched, WeakMap,
};
use hookgate_store::Store;

/// Resolves components and loads each once.
pub(super) struct Components {
    host: Host,
    store: Arc<dyn Store>,
    shipped: Vec<Shipped>,
    /// Loaded components in use, by digest, so that a tenant's refresh does not fetch them again.
    loaded: Mutex<HashMap<String, Weak<Component>>>,
    /// Components that were loaded or checked recently, the newest last; at most [`RECENT`].
    recent: Mutex<VecDeque<Arc<Component>>>,
    /// Failure counters of canaries.
    watches: WeakMap<Watched, Watch>,
    /// The operator's plugins: name and digest of each version.
    shared: Mutex<HashSet<(String, String)>>,
    /// Channel for canaries that failed too often.
    tripped: UnboundedSender<Tripped>,
}

/// Scope of a plugin name's lookup: the tenant's own plugins, then the operator's.
#[derive(Clone, Copy)]
pub(super) struct Among<'a> {
    pub tenant_state: &'a TenantState,
    pub shared: &'a Shared,
}

/// Plugin reference of a step, and the scope of its lookup.
pub(super) struct Meaning<'a> {
    pub among: Among<'a>,
    pub plugin: &'a str,
    pub requirement: &'a Requirement,
    /// Version requirement as written.
    pub asked: Option<&'a str>,
}

/// Component that a reference resolved to.
pub(super) struct Resolved {
    pub component: Arc<Component>,
    /// Digest to pin the step to; `None` for a shipped component.
    pub digest: Option<String>,
}

impl<'a> Meaning<'a> {
    fn record(&self) -> Option<&'a PluginRecord> {
        let own = self.among.tenant_state.plugins.get(self.plugin);
        own.or_else(|| self.among.shared.plugins.get(self.plugin))
    }
}

struct Shipped {
    name: &'static str,
    bytes: &'static [u8],
    digest: String,
}

impl Components {
    pub(super) fn new(host: Host, store: Arc<dyn Store>, tripped: UnboundedSender<Tripped>) -> Self {
        let shipped = SHIPPED.iter().map(|&(name, bytes)| Shipped {
            name,
            bytes,
            digest: hex::encode(Sha256::digest(bytes)),
        });
        Self {
            host,
            store,
            shipped: shipped.collect(),
            loaded: Mutex::default(),
            recent: Mutex::default(),
            watches: WeakMap::default(),
            shared: Mutex::default(),
            tripped,
        }
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn is_shipped(&self, name: &str) -> bool {
        self.shipped.iter().any(|shipped| shipped.name == name)
    }

    /// Records the operator's current plugin versions.
    pub(super) fn share(&self, shared: &Shared) {
        let versions = shared.plugins.iter().flat_map(|(name, record)| {
            let digests = record.versions.iter().map(|version| version.digest.clone());
            digests.map(move |digest| (name.clone(), digest))
        });
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = versions.collect();
    }

    /// Returns `true` if a component of this name is shipped or the operator's.
    /// The operator knows such a name.
    fn is_shared(&self, name: &str, digest: &str) -> bool {
        let mut shipped = self.shipped.iter();
        if shipped.any(|shipped| shipped.name == name && shipped.digest == digest) {
            return true;
        }
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.contains(&(name.to_owned(), digest.to_owned()))
    }

    /// Checks and loads an uploaded component.
    pub(super) async fn admit(
        &self,
        owner: &TenantId,
        bytes: Bytes,
    ) -> Result<Arc<Component>, RegistryError> {
        self.remembered(self.host.load_for(owner, bytes).await)
    }

    fn remembered(
        &self,
        loaded: Result<Arc<Component>, UploadError>,
    ) -> Result<Arc<Component>, RegistryError> {
        let component = loaded.map_err(RegistryError::Component)?;
        self.remember(&component);
        Ok(component)
    }

    /// The shipped plugins, by name.
    pub(super) async fn shipped(&self) -> Result<Vec<PluginInfo>, RegistryError> {
        let mut plugins = Vec::new();
        for shipped in &self.shipped {
            let component = self.by_digest(&shipped.digest).await?;
            plugins.push(shipped.info(component.as_deref()));
        }
        Ok(plugins)
    }

    /// Resolves a step's component: the tenant's plugin, then the operator's, then the shipped one.
    pub(super) async fn resolve(&self, meaning: Meaning<'_>) -> Result<Resolved, RegistryError> {
        let unknown = || RegistryError::PluginUnknown {
            name: meaning.plugin.to_owned(),
            version: meaning.asked.map(str::to_owned),
        };
        if let Some(record) = meaning.record() {
            let picked = meaning.requirement.pick(&record.versions, VersionRecord::names);
            let digest = picked.ok_or_else(unknown)?.digest.clone();
            let tenant = Some(&meaning.among.tenant_state.id);
            let component = self.load(tenant, &digest).await?.ok_or_else(unknown)?;
            return Ok(Resolved {
                component,
                digest: Some(digest),
            });
        }
        let shipped = self.shipped.iter().find(|shipped| shipped.name == meaning.plugin);
        let shipped = shipped.ok_or_else(unknown)?;
        let component = self.by_digest(&shipped.digest).await?.ok_or_else(unknown)?;
        if *meaning.requirement == Requirement::Latest {
            return Ok(Resolved {
                component,
                digest: None,
            });
        }
        let only = [(component.description.version.clone(), shipped.digest.clone())];
        let picked = meaning
            .requirement
            .pick(&only, |(version, digest)| (version, digest));
        picked.ok_or_else(unknown)?;
        // The running step keeps these bytes after an upgrade to a gateway that ships another
        // version.
        let bytes = Bytes::from_static(shipped.bytes);
        self.store.blob_put(&shipped.digest, bytes).await?;
        let digest = Some(shipped.digest.clone());
        Ok(Resolved { component, digest })
    }

    /// Digests of components that are loaded and in use.
    pub(super) fn in_use(&self) -> HashSet<String> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let held = loaded
            .iter()
            .filter(|(_, component)| component.strong_count() > 0);
        held.map(|(digest, _)| digest.clone()).collect()
    }

    /// State of a version's circuit breaker in this process.
    pub(super) fn breaker_state(&self, tenant: &TenantId, digest: &str) -> BreakerState {
        self.host.breaker_state(tenant, digest)
    }

    /// Effective bounds of a component: the step's limits override the host's.
    pub(super) fn bounds(
        &self,
        component: &Component,
        limits: &StepLimits,
    ) -> Result<Option<Arc<plugin::Config>>, (&'static str, String)> {
        self.host.bounds(component, limits)
    }

    /// Problems that the plugin finds in settings, which must be a JSON object.
    pub(super) async fn check_settings(
        &self,
        tenant: &TenantId,
        component: &Arc<Component>,
        settings: &str,
    ) -> Result<Vec<SettingsProblem>, RegistryError> {
        let settings = parse_settings(settings)?;
        let checked = self.host.check_settings(Some(tenant), component, settings).await;
        checked.map_err(|failure| RegistryError::invalid("settings", failure.message))
    }

    /// Runnable chain with the components that are loaded now; never waits.
    /// A step whose component is not loaded fails as `missing` at every call: no event may skip a
    /// step because its component is still loading.
    pub(super) fn chain(
        &self,
        tenant: &TenantId,
        place: Place,
        source: &Arc<ChainRecord>,
        missing: &HashSet<String>,
    ) -> TenantChain {
        let (mut steps, mut lacking) = (Vec::new(), Vec::new());
        for record in &source.steps {
            let digest = self.digest_of(record);
            let mut step = self.step(tenant, record, digest);
            if let Some(digest) = digest.filter(|_| step.component.is_none()) {
                lacking.push(Wanted::new(record, digest, Role::Step));
            }
            step.canary = self.canary(tenant, place, record);
            if let Some(canary) = running_canary(record).filter(|_| step.canary.is_none()) {
                lacking.push(Wanted::new(record, &canary.running.digest, Role::Canary));
            }
            steps.push(step);
        }
        TenantChain {
            spec: source.to_spec(),
            states: source.states(),
            run: Arc::new(self.host.chain(tenant, steps)),
            is_loading: is_loading(&lacking, missing),
            lacking,
            source: Arc::clone(source),
        }
    }

    /// Returns `true` if a rebuild would change the chain.
    /// That is: a missing component was loaded, or its load is known to have failed.
    pub(super) fn has_moved(&self, chain: &TenantChain, missing: &HashSet<String>) -> bool {
        let came = chain
            .lacking
            .iter()
            .any(|wanted| self.held(&wanted.digest).is_some());
        came || is_loading(&chain.lacking, missing) != chain.is_loading
    }

    /// Digest of the component that a step runs; `None`: a shipped one that this gateway lacks.
    fn digest_of<'a>(&'a self, record: &'a StepRecord) -> Option<&'a str> {
        record.digest.as_deref().or_else(|| {
            let shipped = self.shipped.iter().find(|shipped| shipped.name == record.plugin);
            shipped.map(|shipped| shipped.digest.as_str())
        })
    }

    /// Canary of a step, if it is active and loaded.
    fn canary(&self, tenant: &TenantId, place: Place, record: &StepRecord) -> Option<Canary> {
        let canary = running_canary(record)?;
        let digest = canary.running.digest.as_str();
        let step = self.step(tenant, record, Some(digest));
        step.component.as_ref()?;
        let what = Watched {
            tenant: tenant.clone(),
            place: place.to_string(),
            plugin: record.plugin.clone(),
            digest: digest.to_owned(),
        };
        let rules = self.host.config().canary;
        let make = || Watch::new(rules, what.clone(), self.tripped.clone());
        let watch = self.watches.of(what.clone(), make);
        Some(Canary::new(step, canary.share, watch))
    }

    /// Runnable step with the component of this digest, if it is loaded.
    fn step(&self, tenant: &TenantId, record: &StepRecord, digest: Option<&str>) -> Step {
        let component = digest.and_then(|digest| self.held(digest));
        let settings = parse_settings(&record.settings).unwrap_or_default();
        let mut step = Step::new(record.plugin.clone(), component, settings, record.on_failure());
        let component = step.component.as_ref();
        let bounds = component.and_then(|component| {
            let limits = record.limits().within(self.host.limits_of(component));
            self.bounds(component, &limits).ok()
        });
        step.bounds = bounds.flatten();
        step.breaker = component.map(|component| self.host.breaker(tenant, &component.digest));
        let kept = || record.resolved.as_deref().unwrap_or_default();
        let digest = component.map_or_else(|| digest.unwrap_or_default(), |component| &component.digest);
        let version = plugin::Version {
            release: component.map_or_else(kept, |component| &component.description.version),
            digest,
            is_shared: self.is_shared(&record.plugin, digest),
        };
        step.account = Some(self.host.account(tenant, &record.plugin, version));
        step
    }

    /// Loaded component of this digest.
    fn held(&self, digest: &str) -> Option<Arc<Component>> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.get(digest).and_then(Weak::upgrade)
    }

    /// Loads a component with the gateway's own place in the compiler's queue.
    async fn by_digest(&self, digest: &str) -> Result<Option<Arc<Component>>, RegistryError> {
        self.load(None, digest).await
    }

    /// Loads a component, unless it is loaded already.
    /// A component that is not shipped is compiled in the tenant's place in the queue. `None`: no
    /// stored bytes.
    pub(super) async fn load(
        &self,
        tenant: Option<&TenantId>,
        digest: &str,
    ) -> Result<Option<Arc<Component>>, RegistryError> {
        if let Some(component) = self.held(digest) {
            self.recent(&component);
            return Ok(Some(component));
        }
        let shipped = self.shipped.iter().any(|shipped| shipped.digest == digest);
        let lane = if shipped { None } else { tenant };
        let away = Mutex::new(None);
        let fetch = || async {
            self.source(digest).await.map_err(|error| {
                *away.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                UploadError::Busy
            })
        };
        let loaded = self.host.load_stored(lane, fetch).await;
        if let Some(error) = away.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        match loaded {
            Ok(Some(component)) => self.remembered(Ok(component)).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(RegistryError::Component(error)),
        }
    }

    /// Bytes of a component.
    pub(super) async fn source(&self, digest: &str) -> Result<Option<Bytes>, RegistryError> {
        match self.shipped.iter().find(|shipped| shipped.digest == digest) {
            Some(shipped) => Ok(Some(Bytes::from_static(shipped.bytes))),
            None => Ok(self.store.blob_get(digest).await?),
        }
    }

    fn remember(&self, component: &Arc<Component>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, component| component.strong_count() > 0);
        loaded.insert(component.digest.clone(), Arc::downgrade(component));
        drop(loaded);
        self.recent(component);
    }

    /// Retains a component for a while, so that a chain checked with it runs as soon as it is set.
    fn recent(&self, component: &Arc<Component>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|held| held.digest != component.digest);
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(component));
    }
}

/// Returns `true` if the component of one of the chain's own steps may still be loaded.
fn is_loading(lacking: &[Wanted], missing: &HashSet<String>) -> bool {
    let mut own = lacking.iter().filter(|wanted| wanted.role == Role::Step);
    own.any(|wanted| !missing.contains(&wanted.digest))
}

/// Active canary of a step whose version differs from the step's own.
fn running_canary(step: &StepRecord) -> Option<&CanaryRecord> {
    let canary = step.canary.as_ref().filter(|canary| canary.stopped.is_none())?;
    (step.digest.as_deref() != Some(&canary.running.digest)).then_some(canary)
}

impl Shipped {
    fn info(&self, component: Option<&Component>) -> PluginInfo {
        let versions = component.into_iter().map(|component| PluginVersion {
            version: component.description.version.clone(),
            digest: self.digest.clone(),
            summary: component.description.summary.clone(),
            settings_schema: component.description.settings_schema.clone(),
            redacts: component.description.redacts,
            imports: component.imports.clone(),
            bytes: u64::try_from(self.bytes.len()).unwrap_or(u64::MAX),
            uploaded: None,
            breaker: BreakerState::Closed,
        });
        PluginInfo {
            name: self.name.to_owned(),
            owner: Owner::Shipped,
            versions: versions.collect(),
        }
    }
}

pub(super) fn parse_settings(text: &str) -> Result<Arc<Document>, RegistryError> {
    let limits = Limits {
        bytes: text.len(),
        depth: SETTINGS_DEPTH,
    };
    let document =
        Document::parse(text.as_bytes(), limits).map_err(|e| RegistryError::invalid("settings", e))?;
    if document.root().as_object().is_none() {
        return Err(RegistryError::invalid("settings", "a JSON object is expected"));
    }
    Ok(Arc::new(document))
}

const SETTINGS_DEPTH: usize = 64;
/// Maximum of retained components that no chain may use: more than one chain has.
const RECENT: usize = 64;

/// Returns `true` if a plugin of this name ships with the gateway.
pub fn is_shipped(name: &str) -> bool {
    SHIPPED.iter().any(|(shipped, _)| *shipped == name)
}

/// Components of the plugins that ship with the gateway, from `plugins/dist`, by name.
const SHIPPED: [(&str, &[u8]); 3] = [
    ("filter", include_bytes!("../../../../plugins/dist/filter.wasm")),
    ("redact", include_bytes!("../../../../plugins/dist/redact.wasm")),
    ("reshape", include_bytes!("../../../../plugins/dist/reshape.wasm")),
];
