//! Tenants that the configuration file declares: the registry is reconciled with the file.
//!
//! Declared entries are marked, can be changed only in the file, and are deleted when the file no
//! longer names them. Entries made over the API beside them are not touched. The reconciliation is
//! idempotent.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use sha2::{Digest, Sha256};
use tracing::info;
use ulid::Ulid;

use super::audit::AuditEntry;
use super::audit_record::AuditAction;
use super::chains::set;
use super::components::Among;
use super::edit::{Charge, TRIES};
use super::entry::Changes;
use super::entry::{CHAIN, HISTORY, TENANT, chain_entry, key_entry, subscription_entry, type_entry};
use super::record::{KeyRecord, encode};
use super::rotation::rotated_secrets;
use super::subscriptions::{check, check_secrets};
use super::tenant_purge::TenantLock;
use super::tenant_state::TenantState;
use super::{Actor, ApiKey, ChainSpec, NewSubscription, NewTenant, Place, Registry, RegistryError, key};
use hookgate_contract::catalogue::TypeSpec;
use hookgate_contract::profile::{Profile, STANDARD};
use hookgate_domain::subscription::SigningSecret;
use hookgate_domain::{EventType, KeyId, Scopes, Secret, Subscription, SubscriptionId, TenantId};

/// A tenant as the file declares it.
#[derive(Debug, Clone)]
pub struct DeclaredTenant {
    /// The tenant itself.
    pub tenant: NewTenant,
    /// Accepts another profile than before although it blocks entries that were made over the API.
    pub force_profile: bool,
    /// Its API keys.
    pub keys: Vec<Secret>,
    /// Its ingress chain; `None`: the chain is managed over the API.
    pub chain: Option<ChainSpec>,
    /// Its event types.
    pub types: Vec<TypeSpec>,
    /// Its subscriptions.
    pub subscriptions: Vec<DeclaredSubscription>,
}

/// A subscription as the file declares it.
#[derive(Debug, Clone)]
pub struct DeclaredSubscription {
    /// Name that identifies it among the tenant's subscriptions; its id is derived from the name.
    pub name: String,
    /// Its settings.
    pub subscription: NewSubscription,
    /// Its delivery chain; `None`: the chain is managed over the API.
    pub chain: Option<ChainSpec>,
}

impl DeclaredTenant {
    /// Chains that are or could be declared, each with its place.
    fn chains(&self) -> impl Iterator<Item = (Place, Option<&ChainSpec>)> {
        let delivery = self.subscriptions.iter().map(|given| {
            let id = declared_id(&self.tenant.id, &given.name);
            (Place::Delivery(id), given.chain.as_ref())
        });
        std::iter::once((Place::Ingress, self.chain.as_ref())).chain(delivery)
    }

    /// Event types of the tenant after the change: the declared ones and those made over the API.
    fn known_types(&self, tenant_state: &TenantState) -> Vec<EventType> {
        let made = tenant_state.types.iter().filter(|(_, kept)| !kept.declared);
        let declared = self.types.iter().map(|spec| spec.kind.clone());
        made.map(|(kind, _)| kind.clone()).chain(declared).collect()
    }
}

impl Registry {
    /// Checks all declarations, then reconciles the registry with them.
    /// Nothing is changed if one is invalid.
    ///
    /// # Errors
    /// The tenant of the invalid declaration, if it is known, and the problem.
    pub async fn declare(&self, tenants: &[DeclaredTenant]) -> Result<(), (Option<TenantId>, RegistryError)> {
        let mut checks: Vec<BoxFuture<'_, _>> = Vec::with_capacity(tenants.len());
        for declared in tenants {
            checks.push(Box::pin(async {
                let checked = self.check_declared(declared).await;
                checked.map_err(|e| (Some(declared.tenant.id.clone()), e))
            }));
        }
        // In the file's order, so that the error names the first invalid declaration.
        let mut checks = std::pin::pin!(stream::iter(checks).buffered(CHECKED_AT_ONCE));
        while let Some(checked) = checks.next().await {
            checked?;
        }
        for declared in tenants {
            self.declare_one(declared)
                .await
                .map_err(|e| (Some(declared.tenant.id.clone()), e))?;
        }
        let named: BTreeSet<_> = tenants.iter().map(|declared| &declared.tenant.id).collect();
        for id in self.held().iter().filter(|id| !named.contains(id)) {
            self.undeclare(id).await.map_err(|e| (Some(id.clone()), e))?;
        }
        Ok(())
    }

    async fn check_declared(&self, declared: &DeclaredTenant) -> Result<(), RegistryError> {
        let id = &declared.tenant.id;
        for key in &declared.keys {
            if key.reveal().len() < key::SHORTEST_KEY {
                return Err(RegistryError::invalid("keys", "a key has at least 16 characters"));
            }
            if self
                .by_key(key.reveal())
                .is_some_and(|(owner, ..)| owner.id != *id)
            {
                return Err(RegistryError::invalid(
                    "keys",
                    "one of the keys is another tenant's",
                ));
            }
        }
        let profile = &self.profile(declared.tenant.profile.as_deref().unwrap_or(STANDARD))?;
        let limit = self.most_subscriptions(profile);
        if declared.subscriptions.len() > limit {
            let what = "subscriptions";
            return Err(RegistryError::LimitReached { what, limit });
        }
        self.check_types(&declared.types)?;
        let tenant_state = match self.tenant_state(id).await? {
            Some(tenant_state) => tenant_state,
            None => TenantState::empty(id, self.tenant_record(&declared.tenant, true)),
        };
        let known = declared.known_types(&tenant_state);
        if tenant_state.tenant.profile != profile.name && !declared.force_profile {
            self.check_declared_profile(&tenant_state, declared, profile, &known)?;
        }
        for given in &declared.subscriptions {
            let named = declared_id(id, &given.name);
            let made = self.new_subscription(id, named, given.subscription.clone(), profile);
            check(&made, &self.inner.config, profile, &known)?;
            check_secrets(&made, profile)?;
        }
        for (place, chain) in declared.chains() {
            let Some(chain) = chain else { continue };
            // The chain in force was checked when it was set: a start does not wait until its
            // components are loaded.
            if tenant_state
                .chain_at(place)
                .is_some_and(|kept| kept.is_declared_as(chain))
            {
                continue;
            }
            self.check_size(chain)?;
            let shared = self.shared().await?;
            let among = Among {
                tenant_state: &tenant_state,
                shared: &shared,
            };
            self.chain_change(among, place, chain, true).await?;
        }
        Ok(())
    }

    async fn declare_one(&self, declared: &DeclaredTenant) -> Result<(), RegistryError> {
        let id = &declared.tenant.id;
        if self.tenant_state(id).await?.is_some() {
            return self.put_declared(declared, None).await;
        }
        let turn = self.lock_tenant(id).await?;
        let put = self.put_declared(declared, Some(&turn)).await;
        self.unlock(turn).await;
        put
    }

    async fn put_declared(
        &self,
        declared: &DeclaredTenant,
        turn: Option<&TenantLock>,
    ) -> Result<(), RegistryError> {
        let id = &declared.tenant.id;
        for _ in 0..TRIES {
            let there = self.tenant_state(id).await?;
            let tenant_state = match there {
                Some(tenant_state) => tenant_state,
                None => {
                    if let Some(turn) = turn {
                        self.purge_tenant(id, turn).await?;
                    }
                    let mut record = self.tenant_record(&declared.tenant, true);
                    record.feed_from = self.feed_end(id).await?;
                    TenantState::empty(id, record)
                }
            };
            let changes = self.declared_changes(&tenant_state, declared).await?;
            if changes.is_empty() || self.apply(&tenant_state, changes, Charge::Quota).await? {
                return Ok(());
            }
        }
        Err(RegistryError::Conflict)
    }

    /// Changes that reconcile these entries with the declaration.
    async fn declared_changes(
        &self,
        tenant_state: &TenantState,
        declared: &DeclaredTenant,
    ) -> Result<Changes, RegistryError> {
        let mut changes = self.tenant_changes(tenant_state, declared);
        changes.extend(self.key_changes(tenant_state, &declared.keys));
        changes.extend(self.type_changes(tenant_state, &declared.types)?);
        let profile = &self.profile(declared.tenant.profile.as_deref().unwrap_or(STANDARD))?;
        let known = declared.known_types(tenant_state);
        changes.extend(self.subscription_changes(tenant_state, &declared.subscriptions, profile, &known)?);
        let mut entries = Vec::new();
        for (place, chain) in declared.chains() {
            let kept = tenant_state.chain_at(place);
            match chain {
                Some(chain) if kept.is_some_and(|kept| kept.is_declared_as(chain)) => {}
                Some(chain) => {
                    let shared = self.shared().await?;
                    let among = Among {
                        tenant_state,
                        shared: &shared,
                    };
                    changes.extend(self.chain_change(among, place, chain, true).await?);
                    entries.extend(set(kept, place, chain));
                }
                None if kept.is_some_and(|kept| kept.declared) => {
                    changes.push((chain_entry(place), None));
                    entries.push(AuditEntry::new(AuditAction::ChainRemoved).at(place));
                }
                None => {}
            }
        }
        self.add_audit_entry(tenant_state, &mut changes, &Actor::Declared, entries);
        Ok(changes)
    }

    fn tenant_changes(&self, tenant_state: &TenantState, declared: &DeclaredTenant) -> Changes {
        let wanted = self.tenant_record(&declared.tenant, true);
        let secret = &declared.tenant.signing_secret;
        let same = tenant_state.revision > 0
            && tenant_state.tenant.declared
            && tenant_state.tenant.profile == wanted.profile
            && tenant_state.tenant.quotas == wanted.quotas
            && tenant_state.tenant.keep_metadata == wanted.keep_metadata
            && tenant_state.tenant.secret_declared == secret.is_some()
            && (secret.is_none()
                || tenant_state.signing_secrets.first().map(|kept| &kept.secret) == secret.as_ref());
        if same {
            return Vec::new();
        }
        let mut record = wanted;
        record.created = tenant_state.tenant.created;
        record.feed_from = tenant_state.tenant.feed_from;
        let secrets = match secret {
            None => tenant_state.signing_secrets.clone(),
            // Another secret in the file is a rotation: the old one signs for the grace period.
            Some(secret) => {
                let grace = self.inner.config.rotation_grace.get();
                rotated_secrets(
                    &tenant_state.signing_secrets,
                    secret,
                    self.inner.clock.now(),
                    grace,
                )
            }
        };
        self.put_tenant_secrets(&tenant_state.id, &mut record, &secrets);
        vec![(TENANT.to_owned(), Some(encode(&record)))]
    }

    fn key_changes(&self, tenant_state: &TenantState, keys: &[Secret]) -> Changes {
        let mut changes = Changes::new();
        let wanted: Vec<_> = keys.iter().map(|secret| key::digest(secret.reveal())).collect();
        for (id, kept) in &tenant_state.keys {
            if kept.declared && !wanted.contains(&kept.value.digest) {
                changes.push((key_entry(*id), None));
            }
        }
        for (secret, digest) in keys.iter().zip(wanted) {
            if tenant_state.keys.values().any(|kept| kept.value.digest == digest) {
                continue;
            }
            let made = ApiKey {
                id: KeyId::new(derived_ulid(&[b"key", &digest])),
                digest,
                hint: key::hint(secret.reveal()),
                created: self.inner.clock.now(),
                scopes: Scopes::ALL,
                expires: None,
                subscription: None,
                last_use: std::sync::Arc::default(),
            };
            changes.push((
                key_entry(made.id),
                Some(encode(&KeyRecord::from_key(&made, true))),
            ));
        }
        changes
    }

    fn subscription_changes(
        &self,
        tenant_state: &TenantState,
        wanted: &[DeclaredSubscription],
        profile: &Profile,
        known: &[EventType],
    ) -> Result<Changes, RegistryError> {
        let mut changes = Changes::new();
        let ids: BTreeSet<_> = wanted
            .iter()
            .map(|given| declared_id(&tenant_state.id, &given.name))
            .collect();
        for (id, kept) in &tenant_state.subscriptions {
            if kept.declared && !ids.contains(id) {
                changes.push((subscription_entry(*id), None));
                changes.extend(tenant_state.without_chain(*id));
            }
        }
        for given in wanted {
            let id = declared_id(&tenant_state.id, &given.name);
            let kept = tenant_state.subscriptions.get(&id).map(|kept| &*kept.value);
            let made = merged(
                kept,
                self.new_subscription(&tenant_state.id, id, given.subscription.clone(), profile),
                given,
            );
            check(&made, &self.inner.config, profile, known)?;
            if kept != Some(&made) {
                changes.extend(self.put(&made, true));
            }
        }
        Ok(changes)
    }

    /// Removes declared entries that the file no longer names.
    /// Entries made over the API stay, and their tenant with them; a tenant without any is deleted.
    async fn undeclare(&self, id: &TenantId) -> Result<(), RegistryError> {
        let removed = self
            .change(id, |tenant_state| {
                let changes = if tenant_state.tenant.declared {
                    undeclared_changes(tenant_state)
                } else {
                    Changes::new()
                };
                let removed = !changes.is_empty();
                Ok((changes, removed))
            })
            .await?;
        if removed {
            info!(tenant = %id, "tenant.undeclared");
        }
        Ok(())
    }
}

fn undeclared_changes(tenant_state: &TenantState) -> Changes {
    let keys = tenant_state
        .keys
        .iter()
        .filter(|(_, kept)| kept.declared)
        .map(|(id, _)| key_entry(*id));
    let subscriptions = tenant_state
        .subscriptions
        .iter()
        .filter(|(_, kept)| kept.declared);
    let chain = tenant_state
        .chain
        .iter()
        .filter(|chain| chain.declared)
        .map(|_| CHAIN.to_owned());
    let types = tenant_state.types.iter().filter(|(_, kept)| kept.declared);
    let delivery = tenant_state.delivery.keys().filter(|id| {
        tenant_state
            .subscriptions
            .get(*id)
            .is_none_or(|kept| kept.declared)
    });
    let gone: Vec<_> = keys
        .chain(subscriptions.map(|(id, _)| subscription_entry(*id)))
        .chain(types.map(|(kind, _)| type_entry(kind)))
        .chain(chain)
        .chain(delivery.map(|id| chain_entry(Place::Delivery(*id))))
        .chain(
            tenant_state
                .entries
                .keys()
                .filter(|name| *name == HISTORY)
                .cloned(),
        )
        .collect();
    let mut changes: Changes = gone.into_iter().map(|name| (name, None)).collect();
    let alone = changes.len() + 1 == tenant_state.entries.len();
    let tenant = super::record::TenantRecord {
        declared: false,
        secret_declared: false,
        ..tenant_state.tenant.clone()
    };
    changes.push((TENANT.to_owned(), (!alone).then(|| encode(&tenant))));
    changes
}

impl TenantState {
    /// Draft of a tenant that does not exist yet.
    pub(super) fn empty(id: &TenantId, tenant: super::record::TenantRecord) -> Self {
        Self {
            id: id.clone(),
            revision: 0,
            tenant,
            signing_secrets: Vec::new(),
            keys: std::collections::BTreeMap::new(),
            subscriptions: std::collections::BTreeMap::new(),
            chain: None,
            types: std::collections::BTreeMap::new(),
            delivery: std::collections::BTreeMap::new(),
            history: super::audit_record::HistoryRecord::default(),
            bulk_jobs: super::bulk_jobs::BulkJobsRecord::default(),
            plugins: std::collections::BTreeMap::new(),
            gone: std::collections::BTreeMap::new(),
            entries: std::collections::BTreeMap::new(),
        }
    }
}

/// Merges a declared subscription with its stored state.
/// The running system keeps status, age, and the secrets where the file gives none or the one that
/// signs already.
fn merged(kept: Option<&Subscription>, made: Subscription, given: &DeclaredSubscription) -> Subscription {
    let Some(kept) = kept else { return made };
    let signs_already = |secret: &Secret| kept.secrets.first().is_some_and(|first| first.secret == *secret);
    let secrets = match &given.subscription.secret {
        Some(secret) if !signs_already(secret) => vec![SigningSecret {
            secret: secret.clone(),
            expires: None,
        }],
        Some(_) | None => kept.secrets.clone(),
    };
    Subscription {
        status: kept.status.clone(),
        created: kept.created,
        activated: kept.activated,
        warned: kept.warned,
        owner: kept.owner,
        secrets,
        ..made
    }
}

fn declared_id(tenant: &TenantId, name: &str) -> SubscriptionId {
    SubscriptionId::new(derived_ulid(&[
        b"subscription",
        tenant.as_str().as_bytes(),
        name.as_bytes(),
    ]))
}

/// Deterministic id, the same at every start.
/// It is a ULID of time 0 whose 80 random bits are a digest of the parts.
fn derived_ulid(parts: &[&[u8]]) -> Ulid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes[6..].copy_from_slice(&digest[..10]);
    Ulid::from_bytes(bytes)
}

/// Maximum of declared tenants checked concurrently.
const CHECKED_AT_ONCE: usize = 8;
