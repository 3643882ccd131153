//! From a plugin's name to a component that is loaded: the shipped ones from this binary, a tenant's own from the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tracing::warn;

use super::draft::Draft;
use super::record::StepRecord;
use super::{PluginInfo, PluginVersion, RegistryError};
use crate::document::{Document, Limits};
use crate::plugin::{Chain, Component, Host, SettingsProblem, Step};
use crate::store::Store;
use crate::telemetry::error_chain;

/// Finds components and loads them once.
pub(super) struct Components {
    host: Host,
    store: Arc<dyn Store>,
    shipped: Vec<Shipped>,
    /// What is in use, by digest, so that a tenant's refresh does not fetch it again.
    loaded: Mutex<HashMap<String, Weak<Component>>>,
}

struct Shipped {
    name: &'static str,
    bytes: &'static [u8],
    digest: String,
}

impl Components {
    pub(super) fn new(host: Host, store: Arc<dyn Store>) -> Self {
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
        }
    }

    pub(super) fn is_shipped(&self, name: &str) -> bool {
        self.shipped.iter().any(|shipped| shipped.name == name)
    }

    /// Checks and loads an upload.
    pub(super) async fn admit(&self, bytes: Bytes) -> Result<Arc<Component>, RegistryError> {
        let component = self.host.load(bytes).await.map_err(RegistryError::Component)?;
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

    /// The component that a step means now, and the digest to pin the step to: a tenant's own plugin does not change
    /// under a chain; a shipped one whose version is left open comes with the gateway.
    pub(super) async fn resolve(
        &self,
        draft: &Draft,
        name: &str,
        version: Option<&str>,
    ) -> Result<(Arc<Component>, Option<String>), RegistryError> {
        let unknown = || RegistryError::PluginUnknown {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        };
        if let Some(shipped) = self.shipped.iter().find(|shipped| shipped.name == name) {
            let component = self.by_digest(&shipped.digest).await?.ok_or_else(unknown)?;
            let matches = |version| version == shipped.digest || version == component.description.version;
            return match version {
                None => Ok((component, None)),
                Some(version) if matches(version) => Ok((component, Some(shipped.digest.clone()))),
                Some(_) => Err(unknown()),
            };
        }
        let versions = draft
            .plugins
            .get(name)
            .map(|record| &record.versions)
            .ok_or_else(unknown)?;
        let found = versions.iter().find(|kept| match version {
            None => true,
            Some(version) => kept.digest == version || kept.version == version,
        });
        let digest = found.ok_or_else(unknown)?.digest.clone();
        let component = self.by_digest(&digest).await?.ok_or_else(unknown)?;
        Ok((component, Some(digest)))
    }

    /// What the plugin finds wrong in settings; they must be a JSON object.
    pub(super) async fn check_settings(
        &self,
        component: &Arc<Component>,
        settings: &str,
    ) -> Result<Vec<SettingsProblem>, RegistryError> {
        let settings = parse_settings(settings)?;
        let checked = self.host.check_settings(component, settings).await;
        checked.map_err(|failure| RegistryError::invalid("settings", failure.message))
    }

    /// The chain as it is run. A step whose component cannot be had now fails as `missing` at every call: an event must
    /// never go on without a step only because the store was away.
    pub(super) async fn chain(&self, draft: &Draft) -> Option<Arc<Chain>> {
        let record = draft.chain.as_ref()?;
        let mut steps = Vec::new();
        for step in &record.steps {
            steps.push(self.step(draft, step).await);
        }
        Some(Arc::new(Chain { steps }))
    }

    async fn step(&self, draft: &Draft, step: &StepRecord) -> Step {
        let version = step.digest.as_deref().or(step.version.as_deref());
        let component = match self.resolve(draft, &step.plugin, version).await {
            Ok((component, _)) => Some(component),
            Err(error) => {
                warn!(tenant = %draft.id, plugin = step.plugin, error = %error_chain(&error), "plugin.missing");
                None
            }
        };
        Step {
            name: step.plugin.clone(),
            component,
            settings: parse_settings(&step.settings).unwrap_or_default(),
            on_failure: step.on_failure(),
        }
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
            Some(bytes) => self.admit(bytes).await.map(Some),
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
            bytes: u64::try_from(self.bytes.len()).unwrap_or(u64::MAX),
            uploaded: None,
        });
        PluginInfo {
            name: self.name.to_owned(),
            shared: true,
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
