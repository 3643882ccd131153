//! From a plugin's name to a component that is loaded: the shipped ones from this binary, a tenant's own from the store.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::UnboundedSender;
use tracing::warn;

use super::chain_record::{ChainRecord, PluginRecord, StepRecord, VersionRecord};
use super::draft::Draft;
use super::shared::Shared;
use super::version::Requirement;
use super::{Owner, Place, PluginInfo, PluginVersion, RegistryError};
use crate::document::{Document, Limits};
use crate::domain::TenantId;
use crate::plugin::{
    self, BreakerState, Canary, Chain, Component, Host, Kept, SettingsProblem, Step, StepLimits, Tripped,
    UploadError, Watch, Watched,
};
use crate::store::Store;
use crate::telemetry::error_chain;

/// Finds components and loads them once.
pub(super) struct Components {
    host: Host,
    store: Arc<dyn Store>,
    shipped: Vec<Shipped>,
    /// What is in use, by digest, so that a tenant's refresh does not fetch it again.
    loaded: Mutex<HashMap<String, Weak<Component>>>,
    /// What counts the calls of canaries.
    watches: Kept<Watched, Watch>,
    /// Who is told of canaries that fail.
    tripped: UnboundedSender<Tripped>,
}

/// Among which plugins a step's name is looked up: the tenant's own, and the operator's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Among<'a> {
    pub draft: &'a Draft,
    pub shared: &'a Shared,
}

/// What a step means, and among what.
pub(super) struct Meaning<'a> {
    pub among: Among<'a>,
    pub plugin: &'a str,
    pub requirement: &'a Requirement,
    /// The requirement as it was written.
    pub asked: Option<&'a str>,
}

/// What was meant.
pub(super) struct Resolved {
    pub component: Arc<Component>,
    /// What to pin the step to; `None`: it comes with the gateway.
    pub digest: Option<String>,
}

impl<'a> Meaning<'a> {
    fn record(&self) -> Option<&'a PluginRecord> {
        let own = self.among.draft.plugins.get(self.plugin);
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
            watches: Kept::default(),
            tripped,
        }
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn is_shipped(&self, name: &str) -> bool {
        self.shipped.iter().any(|shipped| shipped.name == name)
    }

    /// Checks and loads an upload.
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

    /// The component that a step means now: the tenant's own, then the operator's, then the shipped one of that name.
    pub(super) async fn resolve(&self, meaning: Meaning<'_>) -> Result<Resolved, RegistryError> {
        let unknown = || RegistryError::PluginUnknown {
            name: meaning.plugin.to_owned(),
            version: meaning.asked.map(str::to_owned),
        };
        if let Some(record) = meaning.record() {
            let picked = meaning.requirement.pick(&record.versions, VersionRecord::names);
            let digest = picked.ok_or_else(unknown)?.digest.clone();
            let component = self.by_digest(&digest).await?.ok_or_else(unknown)?;
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
        // It stays when the gateway comes with another one.
        let bytes = Bytes::from_static(shipped.bytes);
        self.store.blob_put(&shipped.digest, bytes).await?;
        let digest = Some(shipped.digest.clone());
        Ok(Resolved { component, digest })
    }

    /// The digests of components that somebody holds.
    pub(super) fn in_use(&self) -> HashSet<String> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let held = loaded
            .iter()
            .filter(|(_, component)| component.strong_count() > 0);
        held.map(|(digest, _)| digest.clone()).collect()
    }

    /// How the breaker of a version stands in this process.
    pub(super) fn breaker_state(&self, tenant: &TenantId, digest: &str) -> BreakerState {
        self.host.breaker_state(tenant, digest)
    }

    /// The host's limits for a component with a step's own in their place.
    pub(super) fn bounds(
        &self,
        component: &Component,
        limits: &StepLimits,
    ) -> Result<Option<Arc<plugin::Config>>, (&'static str, String)> {
        self.host.bounds(component, limits)
    }

    /// What the plugin finds wrong in settings; they must be a JSON object.
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

    /// A chain as it is run. A step whose component cannot be had now fails as `missing` at every call: an event must
    /// never go on without a step only because the store was away.
    pub(super) async fn chain(&self, tenant: &TenantId, place: Place, record: &ChainRecord) -> Arc<Chain> {
        let mut steps = Vec::new();
        for step in &record.steps {
            let mut made = self.step(tenant, step, step.digest.as_deref()).await;
            made.canary = self.canary(tenant, place, step).await;
            steps.push(made);
        }
        Arc::new(self.host.chain(tenant, steps))
    }

    /// A canary that sees events and can be loaded.
    async fn canary(&self, tenant: &TenantId, place: Place, record: &StepRecord) -> Option<Canary> {
        let canary = record.canary.as_ref().filter(|canary| canary.stopped.is_none())?;
        let digest = canary.running.digest.as_str();
        if record.digest.as_deref() == Some(digest) {
            return None;
        }
        let step = self.step(tenant, record, Some(digest)).await;
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

    /// A step with the component of this digest; `None`: with the shipped one.
    async fn step(&self, tenant: &TenantId, record: &StepRecord, digest: Option<&str>) -> Step {
        let shipped = || self.shipped.iter().find(|shipped| shipped.name == record.plugin);
        let component = match digest.or_else(|| shipped().map(|shipped| shipped.digest.as_str())) {
            Some(digest) => self.present(tenant, &record.plugin, digest).await,
            None => None,
        };
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
        let version = plugin::Version {
            release: component.map_or_else(kept, |component| &component.description.version),
            digest: component.map_or_else(|| digest.unwrap_or_default(), |component| &component.digest),
        };
        step.account = Some(self.host.account(tenant, &record.plugin, version));
        step
    }

    async fn present(&self, tenant: &TenantId, plugin: &str, digest: &str) -> Option<Arc<Component>> {
        match self.by_digest(digest).await {
            Ok(Some(component)) => return Some(component),
            Ok(None) => warn!(%tenant, plugin, "plugin.missing"),
            Err(error) => warn!(%tenant, plugin, error = %error_chain(&error), "plugin.missing"),
        }
        None
    }

    async fn by_digest(&self, digest: &str) -> Result<Option<Arc<Component>>, RegistryError> {
        let held = self
            .loaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)
            .and_then(Weak::upgrade);
        if held.is_some() {
            return Ok(held);
        }
        match self.source(digest).await? {
            Some(bytes) => self.remembered(self.host.load(bytes).await).map(Some),
            None => Ok(None),
        }
    }

    /// The bytes of a component.
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
    }
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

/// What `plugins/dist` holds.
const SHIPPED: [(&str, &[u8]); 3] = [
    ("filter", include_bytes!("../../../plugins/dist/filter.wasm")),
    ("redact", include_bytes!("../../../plugins/dist/redact.wasm")),
    ("reshape", include_bytes!("../../../plugins/dist/reshape.wasm")),
];
