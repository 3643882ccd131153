//! Plugins of a tenant and of the operator: upload, list and deletion of unused ones.
//! The operator's plugins are available to all tenants, like the shipped ones.

use bytes::Bytes;

use super::audit::AuditEntry;
use super::audit_record::AuditAction;
use super::chain_record::{PluginRecord, VersionRecord};
use super::components::Among;
use super::edit::{Charge, TRIES};
use super::entry::Changes;
use super::entry::{TENANT, gone_entry, plugin_entry};
use super::record::{VERSION, encode};
use super::shared::Shared;
use super::tenant_state::TenantState;
use super::version::Requirement;
use super::{Actor, Owner, PluginInfo, PluginVersion, Registry, RegistryError, StepMove, Uploaded};
use hookgate_domain::TenantId;
use hookgate_plugin_host::Component;

impl Registry {
    /// Checks a component, stores it as a version of a plugin, and moves the steps that follow it.
    /// Without a given name, the component's declared name is used. Uploading the same bytes again
    /// stores nothing new.
    ///
    /// `owner` may be the operator: then every tenant can name the plugin.
    ///
    /// # Errors
    /// `NotFound`, `Component`, `Invalid` (no name, or the name is taken by another owner),
    /// `VersionExists`, `LimitReached`, `Conflict`, `Store`.
    pub async fn upload_plugin(
        &self,
        owner: &TenantId,
        name: Option<&str>,
        bytes: Bytes,
        who: &Actor,
    ) -> Result<Uploaded, RegistryError> {
        self.owned(owner).await?;
        let size = bytes.len();
        let component = self.inner.components.admit(owner, bytes.clone()).await?;
        let name = name.unwrap_or(&component.description.name).to_owned();
        self.check_name(owner, &name).await?;
        let version = self.version_record(&component, size);
        let keep = self.keep_version(owner, &name, &version, who);
        let (record, mut steps) = self.keep_component(&component.digest, bytes, keep).await?;
        if *owner == TenantId::operator() {
            steps = self.upgrade_tenants(&name, who).await?;
        }
        for step in &steps {
            self.loaded(&step.tenant, step.place).await;
        }
        Ok(Uploaded {
            plugin: info(&name, owner_of(owner), &record),
            version: version.to_version(),
            steps,
        })
    }

    /// Plugins that a tenant can name: the shipped ones, the operator's, its own; each by name.
    ///
    /// # Errors
    /// `NotFound`, `Component` (a shipped one does not load), `Store`.
    pub async fn plugins(&self, tenant: &TenantId) -> Result<Vec<PluginInfo>, RegistryError> {
        let tenant_state = self.existing(tenant).await?;
        let mut plugins = self.inner.components.shipped().await?;
        plugins.extend(self.shared_plugins().await?);
        plugins.retain(|plugin| !tenant_state.plugins.contains_key(&plugin.name));
        let own = tenant_state.plugins.iter();
        plugins.extend(own.map(|(name, record)| info(name, Owner::Tenant, record)));
        for version in plugins.iter_mut().flat_map(|plugin| &mut plugin.versions) {
            version.breaker = self.inner.components.breaker_state(tenant, &version.digest);
        }
        Ok(plugins)
    }

    /// Plugins of the operator, by name.
    ///
    /// # Errors
    /// `Store`.
    pub async fn shared_plugins(&self) -> Result<Vec<PluginInfo>, RegistryError> {
        let shared = self.shared().await?;
        let plugins = shared.plugins.iter();
        Ok(plugins
            .map(|(name, record)| info(name, Owner::Operator, record))
            .collect())
    }

    /// Deletes a plugin of a tenant or of the operator, with all its versions.
    ///
    /// # Errors
    /// `NotFound` (shipped ones cannot be deleted), `PluginInUse`, `Conflict`, `Store`.
    pub async fn delete_plugin(
        &self,
        owner: &TenantId,
        name: &str,
        who: &Actor,
    ) -> Result<(), RegistryError> {
        self.delete(owner, name, None, who).await
    }

    /// Deletes one version of a plugin, given as `1.4.0` or as its digest.
    /// With the last version the plugin is deleted too.
    ///
    /// # Errors
    /// `NotFound`, `PluginInUse`, `Conflict`, `Store`.
    pub async fn delete_version(
        &self,
        owner: &TenantId,
        name: &str,
        version: &str,
        who: &Actor,
    ) -> Result<(), RegistryError> {
        self.delete(owner, name, Some(version), who).await
    }

    async fn delete(
        &self,
        owner: &TenantId,
        name: &str,
        version: Option<&str>,
        who: &Actor,
    ) -> Result<(), RegistryError> {
        for _ in 0..TRIES {
            let tenant_state = self.owned(owner).await?;
            let missing = RegistryError::NotFound("plugin");
            let mut record = tenant_state.plugins.get(name).cloned().ok_or(missing)?;
            let gone = match version {
                None => record.versions.clone(),
                Some(version) => vec![take_version(&mut record, version)?],
            };
            let used = match owner_of(owner) {
                Owner::Operator => self.shared_users(name, &gone).await?,
                Owner::Tenant | Owner::Shipped => users(&tenant_state, name, &gone),
            };
            if !used.is_empty() {
                return Err(RegistryError::PluginInUse { by: used });
            }
            let left = version.is_some() && !record.versions.is_empty();
            let mut changes = vec![(plugin_entry(name), left.then(|| encode(&record)))];
            changes.extend(self.remembered(&tenant_state, name, &gone));
            let deleted = AuditEntry::new(AuditAction::Deleted).of(name);
            let which = version.and(gone.first()).map(|version| version.version.as_str());
            self.add_audit_entry(&tenant_state, &mut changes, who, vec![deleted.from(which)]);
            if self.apply(&tenant_state, changes, Charge::Free).await? {
                return Ok(());
            }
        }
        Err(RegistryError::Conflict)
    }

    /// Stores a version and moves the owner's own steps in one commit.
    async fn keep_version(
        &self,
        owner: &TenantId,
        name: &str,
        version: &VersionRecord,
        who: &Actor,
    ) -> Result<(PluginRecord, Vec<StepMove>), RegistryError> {
        for _ in 0..TRIES {
            let mut tenant_state = self.owned(owner).await?;
            let (mut changes, record) = self.with_version(&tenant_state, name, version)?;
            if !changes.is_empty() && tenant_state.revision == 0 {
                changes.push((TENANT.to_owned(), Some(encode(&tenant_state.tenant))));
            }
            tenant_state.plugins.insert(name.to_owned(), record.clone());
            let mut entries = Vec::new();
            if !changes.is_empty() {
                entries.push(
                    AuditEntry::new(AuditAction::Uploaded)
                        .of(name)
                        .to(Some(&version.version)),
                );
            }
            let among = Among {
                tenant_state: &tenant_state,
                shared: &Shared::default(),
            };
            let moved = self.moved(among, name).await?;
            changes.extend(moved.changes);
            entries.extend(moved.entries);
            self.add_audit_entry(&tenant_state, &mut changes, who, entries);
            if changes.is_empty() || self.apply(&tenant_state, changes, Charge::Quota).await? {
                return Ok((record, moved.steps));
            }
        }
        Err(RegistryError::Conflict)
    }

    async fn check_name(&self, owner: &TenantId, name: &str) -> Result<(), RegistryError> {
        if !is_name(name) {
            return Err(RegistryError::invalid(
                "name",
                "a plugin's name is 1 to 64 of a-z, 0-9 and -",
            ));
        }
        if self.inner.components.is_shipped(name) {
            let problem = format!("`{name}` is the name of a shipped plugin");
            return Err(RegistryError::invalid("name", problem));
        }
        let own = owner_of(owner) == Owner::Tenant;
        if own && self.shared().await?.plugins.contains_key(name) && !self.has(owner, name).await? {
            let problem = format!("`{name}` is the name of a plugin that the operator gives all tenants");
            return Err(RegistryError::invalid("name", problem));
        }
        Ok(())
    }

    /// Returns `true` if the tenant has a plugin of this name, older than the operator's.
    async fn has(&self, tenant: &TenantId, name: &str) -> Result<bool, RegistryError> {
        Ok(self.existing(tenant).await?.plugins.contains_key(name))
    }

    fn version_record(&self, component: &Component, size: usize) -> VersionRecord {
        let said = &component.description;
        VersionRecord {
            version: said.version.clone(),
            digest: component.digest.clone(),
            summary: said.summary.clone(),
            settings_schema: said.settings_schema.clone(),
            redacts: said.redacts,
            imports: component.imports.clone(),
            bytes: u64::try_from(size).unwrap_or(u64::MAX),
            uploaded: self.inner.clock.now().as_micros(),
        }
    }

    fn with_version(
        &self,
        tenant_state: &TenantState,
        name: &str,
        version: &VersionRecord,
    ) -> Result<(Changes, PluginRecord), RegistryError> {
        let limit = self.inner.config.max_plugins;
        if tenant_state.plugins.len() >= limit && !tenant_state.plugins.contains_key(name) {
            return Err(RegistryError::LimitReached {
                what: "plugins",
                limit,
            });
        }
        let empty = PluginRecord {
            v: VERSION,
            versions: Vec::new(),
        };
        let mut record = tenant_state.plugins.get(name).cloned().unwrap_or(empty);
        if record.versions.iter().any(|kept| kept.digest == version.digest) {
            return Ok((Vec::new(), record));
        }
        if let Some(kept) = record
            .versions
            .iter()
            .find(|kept| kept.version == version.version)
        {
            return Err(RegistryError::VersionExists {
                name: name.to_owned(),
                version: kept.version.clone(),
                digest: kept.digest.clone(),
            });
        }
        let gone = tenant_state
            .gone
            .get(name)
            .into_iter()
            .flat_map(|gone| &gone.versions);
        let mut other = gone.filter(|gone| gone.version == version.version && gone.digest != version.digest);
        if let Some(other) = other.next() {
            return Err(RegistryError::VersionExists {
                name: name.to_owned(),
                version: other.version.clone(),
                digest: other.digest.clone(),
            });
        }
        record.versions.insert(0, version.clone());
        let dropped = self.drop_oldest_unused(&mut record, tenant_state)?;
        let mut changes = vec![(plugin_entry(name), Some(encode(&record)))];
        changes.extend(self.remembered(tenant_state, name, &dropped));
        Ok((changes, record))
    }

    /// Remembers deleted versions, so that none returns with other bytes. No change without
    /// versions.
    fn remembered(&self, tenant_state: &TenantState, name: &str, gone: &[VersionRecord]) -> Changes {
        if gone.is_empty() {
            return Changes::new();
        }
        let before = tenant_state.gone.get(name).cloned().unwrap_or_default();
        let now = self.inner.clock.now();
        let record = before.with(gone.iter(), now, self.inner.config.max_deleted_versions);
        vec![(gone_entry(name), Some(encode(&record)))]
    }

    /// Evicts versions, the oldest first, until the limit holds. Returns the evicted ones.
    /// The newest version, and those that a chain runs or ran before, are never evicted.
    fn drop_oldest_unused(
        &self,
        record: &mut PluginRecord,
        tenant_state: &TenantState,
    ) -> Result<Vec<VersionRecord>, RegistryError> {
        let limit = self.inner.config.max_versions.max(1);
        let mut pinned = self.pinned_shared(&tenant_state.id);
        for (_, chain) in tenant_state.chains() {
            pinned.extend(chain.digests().chain(chain.previous()).map(str::to_owned));
        }
        let mut dropped = Vec::new();
        while record.versions.len() > limit {
            let unused = |version: &VersionRecord| !pinned.contains(&version.digest);
            match record.versions.iter().rposition(unused) {
                Some(index) if index > 0 => dropped.push(record.versions.remove(index)),
                Some(_) | None => {
                    let what = "versions of a plugin that chains use";
                    return Err(RegistryError::LimitReached { what, limit });
                }
            }
        }
        Ok(dropped)
    }

    /// Digests that all tenants' steps run or ran before, if the owner is the operator.
    fn pinned_shared(&self, owner: &TenantId) -> Vec<String> {
        if owner_of(owner) != Owner::Operator {
            return Vec::new();
        }
        let tenants = self.tenants();
        let chains = tenants.iter().flat_map(|tenant| tenant.states());
        let digests = chains.flat_map(|(_, _, state)| {
            let canary = state.canary.iter().map(|canary| &canary.running);
            let all = state.running.iter().chain(&state.previous).chain(canary);
            all.map(|running| running.digest.clone())
        });
        digests.collect()
    }

    /// Chains whose steps run versions of one of the operator's plugins, in words.
    async fn shared_users(&self, name: &str, gone: &[VersionRecord]) -> Result<Vec<String>, RegistryError> {
        self.catch_up().await?;
        let mut used = Vec::new();
        for tenant in self.tenants() {
            let tenant_state = match self.tenant_state(&tenant.id).await? {
                Some(tenant_state) if !tenant_state.plugins.contains_key(name) => tenant_state,
                Some(_) | None => continue,
            };
            used.extend(users(&tenant_state, name, gone));
            if used.len() >= USERS {
                break;
            }
        }
        used.truncate(USERS);
        Ok(used)
    }
}

/// Chains of a tenant whose steps run versions of a plugin, in words.
fn users(tenant_state: &TenantState, name: &str, gone: &[VersionRecord]) -> Vec<String> {
    let uses = tenant_state.chains().filter(|(_, chain)| {
        let of = chain.steps.iter().filter(|step| step.plugin == name);
        let mut digests = of.flat_map(|step| {
            let canary = step.canary.iter().map(|canary| &canary.running.digest);
            step.digest.iter().chain(canary)
        });
        digests.any(|digest| gone.iter().any(|version| version.digest == *digest))
    });
    let words = uses.map(|(place, _)| match place {
        super::Place::Ingress => format!("the chain of the tenant `{}`", tenant_state.id),
        super::Place::Delivery(id) => format!("the chain of `{id}` of the tenant `{}`", tenant_state.id),
    });
    words.take(USERS).collect()
}

/// Removes a version, given as its number or its digest, from a plugin.
fn take_version(record: &mut PluginRecord, version: &str) -> Result<VersionRecord, RegistryError> {
    let missing = || RegistryError::NotFound("version");
    let requirement = version.parse().map_err(|_| missing())?;
    let exact = matches!(requirement, Requirement::Exact(_) | Requirement::Digest(_));
    let meant = requirement
        .pick(&record.versions, VersionRecord::names)
        .filter(|_| exact);
    let digest = meant.ok_or_else(missing)?.digest.clone();
    let index = record.versions.iter().position(|kept| kept.digest == digest);
    Ok(record.versions.remove(index.ok_or_else(missing)?))
}

/// Returns `true` for a valid plugin name: usable in a path and in a chain without escaping.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

fn owner_of(owner: &TenantId) -> Owner {
    if *owner == TenantId::operator() {
        Owner::Operator
    } else {
        Owner::Tenant
    }
}

fn info(name: &str, owner: Owner, record: &PluginRecord) -> PluginInfo {
    let versions: Vec<PluginVersion> = record.versions.iter().map(VersionRecord::to_version).collect();
    PluginInfo {
        name: name.to_owned(),
        owner,
        versions,
    }
}

/// Maximum of chains that an error names as users of a plugin.
const USERS: usize = 5;
