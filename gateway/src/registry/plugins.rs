//! A tenant's own plugins: uploaded, listed beside the shipped ones, deleted when nothing uses them.

use bytes::Bytes;

use super::apply::Changes;
use super::draft::{Draft, plugin_entry};
use super::record::{PluginRecord, VERSION, VersionRecord, encode};
use super::{PluginInfo, PluginVersion, Registry, RegistryError};
use crate::domain::TenantId;
use crate::plugin::Component;

impl Registry {
    /// Checks a component, keeps it, and makes it the newest version of the tenant's plugin of this name; where none is
    /// given, of the name that it says. Uploading the same bytes again changes nothing.
    ///
    /// # Errors
    /// `NotFound`, `Component`, `Invalid` (no name, or a shipped plugin has it), `LimitReached`, `Conflict`, `Store`.
    pub async fn upload_plugin(
        &self,
        tenant: &TenantId,
        name: Option<&str>,
        bytes: Bytes,
    ) -> Result<PluginInfo, RegistryError> {
        self.existing(tenant).await?;
        let size = bytes.len();
        let component = self.inner.components.admit(bytes.clone()).await?;
        let name = name.unwrap_or(&component.description.name).to_owned();
        if !is_name(&name) {
            return Err(RegistryError::invalid(
                "name",
                "a plugin's name is 1 to 64 of a-z, 0-9 and -",
            ));
        }
        if self.inner.components.is_shipped(&name) {
            return Err(RegistryError::invalid(
                "name",
                format!("`{name}` is the name of a shipped plugin"),
            ));
        }
        self.inner.store.blob_put(&component.digest, bytes).await?;
        let version = self.version_record(&component, size);
        let record = self
            .change(tenant, |draft| self.with_version(draft, &name, &version))
            .await?;
        Ok(info(&name, &record))
    }

    /// The plugins that a tenant can name: the shipped ones, then its own, each by name.
    ///
    /// # Errors
    /// `NotFound`, `Component` (a shipped one does not load), `Store`.
    pub async fn plugins(&self, tenant: &TenantId) -> Result<Vec<PluginInfo>, RegistryError> {
        let draft = self.existing(tenant).await?;
        let mut plugins = self.inner.components.shipped().await?;
        plugins.extend(draft.plugins.iter().map(|(name, record)| info(name, record)));
        Ok(plugins)
    }

    /// Deletes a tenant's own plugin with all its versions.
    ///
    /// # Errors
    /// `NotFound` (shipped ones are not the tenant's), `PluginInUse`, `Conflict`, `Store`.
    pub async fn delete_plugin(&self, tenant: &TenantId, name: &str) -> Result<(), RegistryError> {
        self.change(tenant, |draft| {
            if !draft.plugins.contains_key(name) {
                return Err(RegistryError::NotFound("plugin"));
            }
            let chain = draft.chain.iter();
            if chain
                .flat_map(|chain| &chain.steps)
                .any(|step| step.plugin == name)
            {
                return Err(RegistryError::PluginInUse);
            }
            Ok((vec![(plugin_entry(name), None)], ()))
        })
        .await
    }

    fn version_record(&self, component: &Component, size: usize) -> VersionRecord {
        let said = &component.description;
        VersionRecord {
            version: said.version.clone(),
            digest: component.digest.clone(),
            summary: said.summary.clone(),
            settings_schema: said.settings_schema.clone(),
            redacts: said.redacts,
            bytes: u64::try_from(size).unwrap_or(u64::MAX),
            uploaded: self.inner.clock.now().as_micros(),
        }
    }

    fn with_version(
        &self,
        draft: &Draft,
        name: &str,
        version: &VersionRecord,
    ) -> Result<(Changes, PluginRecord), RegistryError> {
        let limit = self.inner.config.max_plugins;
        if draft.plugins.len() >= limit && !draft.plugins.contains_key(name) {
            return Err(RegistryError::LimitReached {
                what: "plugins",
                limit,
            });
        }
        let empty = PluginRecord {
            v: VERSION,
            versions: Vec::new(),
        };
        let mut record = draft.plugins.get(name).cloned().unwrap_or(empty);
        if record.versions.iter().any(|kept| kept.digest == version.digest) {
            return Ok((Vec::new(), record));
        }
        record.versions.insert(0, version.clone());
        drop_oldest_unused(&mut record, draft, self.inner.config.max_versions);
        Ok((vec![(plugin_entry(name), Some(encode(&record)))], record))
    }
}

/// Drops versions from the oldest on until so many are left, but none that the tenant's chain is pinned to, nor the newest.
fn drop_oldest_unused(record: &mut PluginRecord, draft: &Draft, limit: usize) {
    let steps = draft.chain.iter().flat_map(|chain| &chain.steps);
    let pinned: Vec<_> = steps.filter_map(|step| step.digest.as_deref()).collect();
    while record.versions.len() > limit.max(1) {
        let unused = |version: &VersionRecord| !pinned.contains(&version.digest.as_str());
        match record.versions.iter().rposition(unused) {
            Some(index) if index > 0 => drop(record.versions.remove(index)),
            Some(_) | None => return,
        }
    }
}

/// What can stand in a path and in a chain without a second thought.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

fn info(name: &str, record: &PluginRecord) -> PluginInfo {
    let versions: Vec<PluginVersion> = record.versions.iter().map(VersionRecord::to_version).collect();
    PluginInfo {
        name: name.to_owned(),
        shared: false,
        versions,
    }
}
