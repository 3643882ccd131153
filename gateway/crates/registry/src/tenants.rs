//! Creation, changes and deletion of tenants and of their API keys.

use std::sync::Arc;

use super::entry::{TENANT, key_entry};
use super::error::not_declared;
use super::record::{KeyRecord, TenantRecord, VERSION, encode};
use super::tenant_purge::TenantLock;
use super::tenant_state::TenantState;
use super::{ApiKey, NewKey, NewTenant, Registry, RegistryError, Tenant, TenantPatch, key};
use hookgate_contract::profile::{Profile, STANDARD};
use hookgate_domain::subscription::SigningSecret;
use hookgate_domain::{KeyId, Quotas, Scopes, Secret, TenantId};
use hookgate_store::FeedPosition;

impl Registry {
    /// Creates a tenant with a first API key, which is returned only here.
    /// The data of a deleted tenant of this name is purged first.
    ///
    /// # Errors
    /// `Exists`, `LimitReached`, `StillGoing`, `Store`.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<(Arc<Tenant>, Secret), RegistryError> {
        let limit = self.inner.config.max_tenants;
        if self.count() >= limit && self.tenant(&new.id).is_none() {
            return Err(RegistryError::LimitReached {
                what: "tenants",
                limit,
            });
        }
        let profile = self.lasting_profile(new.profile.as_deref().unwrap_or(STANDARD))?;
        let (key, secret) = self.made_key(&profile.key_prefix, Scopes::ALL.into());
        let turn = self.lock_tenant(&new.id).await?;
        let made = self.put_tenant(&new, &key, &turn).await;
        self.unlock(turn).await;
        made?;
        Ok((self.held_tenant(&new.id)?, secret))
    }

    async fn put_tenant(
        &self,
        new: &NewTenant,
        key: &ApiKey,
        turn: &TenantLock,
    ) -> Result<(), RegistryError> {
        self.purge_tenant(&new.id, turn).await?;
        let mut record = self.tenant_record(new, false);
        record.feed_from = self.feed_end(&new.id).await?;
        let changes = vec![
            (TENANT.to_owned(), Some(encode(&record))),
            (key_entry(key.id), Some(encode(&KeyRecord::from_key(key, false)))),
        ];
        if self.apply_to(&new.id, 0, changes).await? {
            Ok(())
        } else {
            Err(RegistryError::Exists("tenant"))
        }
    }

    /// Creates a tenant without any key if it does not exist: for the operator's own tenant.
    ///
    /// # Errors
    /// `Store`, or the tenant cannot be read.
    pub async fn ensure_tenant(&self, id: &TenantId) -> Result<(), RegistryError> {
        if self.tenant(id).is_some() {
            return Ok(());
        }
        let new = NewTenant {
            id: id.clone(),
            profile: None,
            signing_secret: None,
            quotas: Quotas::default(),
            keep_metadata: None,
        };
        let made = vec![(TENANT.to_owned(), Some(encode(&self.tenant_record(&new, false))))];
        if !self.apply_to(id, 0, made).await? {
            // Another process was faster.
            self.catch_up_on(id).await?;
        }
        Ok(())
    }

    /// Changes a tenant.
    ///
    /// # Errors
    /// `NotFound`, `Declared`, `Invalid`, `ProfileBlocks`, `Conflict`, `Store`.
    pub async fn patch_tenant(
        &self,
        id: &TenantId,
        patch: TenantPatch,
    ) -> Result<Arc<Tenant>, RegistryError> {
        self.change(id, |tenant_state| {
            not_declared(tenant_state.tenant.declared, "tenant")?;
            let mut record = tenant_state.tenant.clone();
            if let Some(profile) = &patch.profile {
                self.lasting_profile(profile)?;
                self.check_profile_change(tenant_state, &patch)?;
                record.profile.clone_from(profile);
            }
            if let Some(quotas) = patch.quotas {
                record.quotas = quotas.into();
            }
            record.keep_metadata = patch.keep_metadata.or(record.keep_metadata);
            if let Some(secret) = &patch.signing_secret {
                let only = secret.iter().map(only_secret);
                self.put_tenant_secrets(id, &mut record, &only.collect::<Vec<_>>());
            }
            Ok((vec![(TENANT.to_owned(), Some(encode(&record)))], ()))
        })
        .await?;
        self.held_tenant(id)
    }

    /// Generates a signing secret in a profile's form.
    ///
    /// # Errors
    /// `Invalid`: no such profile.
    pub fn generate_secret(&self, profile: &str) -> Result<Secret, RegistryError> {
        Ok(key::new_signing_secret(&self.profile(profile)?.secret))
    }

    /// Generates an Ed25519 key in a profile's form.
    ///
    /// # Errors
    /// `Invalid`: no such profile, or it has no Ed25519 signatures.
    pub fn generate_ed25519_secret(&self, profile: &str) -> Result<Secret, RegistryError> {
        let made = key::new_ed25519_secret(&self.profile(profile)?.secret);
        made.ok_or_else(|| RegistryError::invalid("signature", "the profile has no Ed25519 signatures"))
    }

    /// Deletes a tenant with its keys, subscriptions, chain and plugins.
    /// Soon after, its accepted events and deliveries are purged. Deliveries in progress find no
    /// subscription.
    ///
    /// # Errors
    /// `NotFound`, `Declared`, `Conflict`, `Store`.
    pub async fn delete_tenant(&self, id: &TenantId) -> Result<(), RegistryError> {
        self.remember_components(id).await?;
        let gone = self
            .change_freely(id, |tenant_state| {
                not_declared(tenant_state.tenant.declared, "tenant")?;
                let changes = tenant_state
                    .entries
                    .keys()
                    .map(|name| (name.clone(), None))
                    .collect();
                Ok((
                    changes,
                    tenant_state.subscriptions.keys().copied().collect::<Vec<_>>(),
                ))
            })
            .await?;
        self.forget_stats(id, &gone).await;
        // An interrupted purge is continued before another tenant of the name is created; otherwise
        // the data expires.
        let forgetting = self.clone().purge_deleted(id.clone());
        self.inner.tasks.spawn_until_stopped(forgetting);
        Ok(())
    }

    /// Creates a further API key, which is returned only here.
    ///
    /// # Errors
    /// `NotFound`, `LimitReached`, `Conflict`, `Store`.
    pub async fn create_key(
        &self,
        id: &TenantId,
        new: impl Into<NewKey>,
    ) -> Result<(ApiKey, Secret), RegistryError> {
        let tenant = self.existing(id).await?.tenant;
        let profile = self.inner.profiles.load().get(&tenant.profile).cloned();
        let prefix = profile.as_ref().map(|profile| profile.key_prefix.as_str());
        let (key, secret) = self.made_key(prefix.unwrap_or(key::PREFIX), new.into());
        self.put_key(id, &key).await?;
        Ok((key, secret))
    }

    /// Imports an existing API key, by its SHA-256 digest.
    ///
    /// # Errors
    /// `Exists`: the key is registered already; `NotFound`, `LimitReached`, `Conflict`, `Store`.
    pub async fn import_key(
        &self,
        id: &TenantId,
        digest: [u8; 32],
        new: NewKey,
    ) -> Result<ApiKey, RegistryError> {
        if self.has_key(&digest) {
            return Err(RegistryError::Exists("key"));
        }
        let key = self.new_key(digest, key::NO_HINT.to_owned(), new);
        self.put_key(id, &key).await?;
        Ok(key)
    }

    async fn put_key(&self, id: &TenantId, key: &ApiKey) -> Result<(), RegistryError> {
        self.change(id, |tenant_state| {
            if tenant_state
                .keys
                .values()
                .any(|kept| kept.value.digest == key.digest)
            {
                return Err(RegistryError::Exists("key"));
            }
            if let Some(subscription) = key.subscription
                && !tenant_state.subscriptions.contains_key(&subscription)
            {
                return Err(RegistryError::invalid(
                    "subscription",
                    "the tenant has no such subscription",
                ));
            }
            let limit = self.inner.config.max_keys;
            if tenant_state.keys.len() >= limit {
                return Err(RegistryError::LimitReached { what: "keys", limit });
            }
            let record = KeyRecord::from_key(key, false);
            Ok((vec![(key_entry(key.id), Some(encode(&record)))], ()))
        })
        .await
    }

    /// Revokes an API key: in this process at once, in every other within `poll_interval`.
    ///
    /// # Errors
    /// `NotFound`, `Declared`, `Conflict`, `Store`.
    pub async fn revoke_key(&self, id: &TenantId, key: KeyId) -> Result<(), RegistryError> {
        self.change_freely(id, |tenant_state| {
            let found = tenant_state
                .keys
                .get(&key)
                .ok_or(RegistryError::NotFound("key"))?;
            not_declared(found.declared, "key")?;
            Ok((vec![(key_entry(key), None)], ()))
        })
        .await
    }

    pub(super) fn tenant_record(&self, new: &NewTenant, declared: bool) -> TenantRecord {
        let mut record = TenantRecord {
            v: VERSION,
            created: self.inner.clock.now().as_micros(),
            profile: new.profile.clone().unwrap_or_else(|| STANDARD.to_owned()),
            signing_secret: None,
            previous_secrets: Vec::new(),
            feed_from: None,
            declared,
            secret_declared: declared && new.signing_secret.is_some(),
            quotas: new.quotas.into(),
            keep_metadata: new.keep_metadata,
        };
        let secret = new.signing_secret.iter().map(only_secret);
        self.put_tenant_secrets(&new.id, &mut record, &secret.collect::<Vec<_>>());
        record
    }

    /// End of the feed of a deleted tenant of this name; `None` if there was none.
    pub(super) async fn feed_end(&self, id: &TenantId) -> Result<Option<(u64, u64)>, RegistryError> {
        let last = self.inner.store.feed_back(id, FeedPosition::END, 1).await?;
        let end = last
            .events
            .first()
            .map_or(last.kept_from, |(position, _)| *position);
        Ok((end > FeedPosition::START).then_some((end.major, end.minor)))
    }

    /// Profile of this name, if its retries and its feed end before the retention of events.
    pub(super) fn lasting_profile(&self, name: &str) -> Result<Arc<Profile>, RegistryError> {
        let profile = self.profile(name)?;
        match profile.check_retention(self.inner.config.kept.get()) {
            None => Ok(profile),
            Some(problem) => Err(RegistryError::invalid("profile", problem.message)),
        }
    }

    pub(super) fn put_tenant_secrets(
        &self,
        id: &TenantId,
        record: &mut TenantRecord,
        secrets: &[SigningSecret],
    ) {
        record.seal_secrets(id, secrets, &self.inner.sealer);
    }

    pub(super) fn held_tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, RegistryError> {
        // Another request may have deleted it after the change.
        self.tenant(id).ok_or(RegistryError::NotFound("tenant"))
    }

    /// Entries of an existing tenant, read from the store.
    pub(super) async fn existing(&self, id: &TenantId) -> Result<TenantState, RegistryError> {
        self.tenant_state(id)
            .await?
            .ok_or(RegistryError::NotFound("tenant"))
    }

    fn made_key(&self, prefix: &str, new: NewKey) -> (ApiKey, Secret) {
        let secret = key::new_api_key(prefix);
        let hint = key::hint_behind(prefix, secret.reveal());
        (self.new_key(key::digest(secret.reveal()), hint, new), secret)
    }

    fn new_key(&self, digest: [u8; 32], hint: String, new: NewKey) -> ApiKey {
        ApiKey {
            id: self.inner.ids.key(),
            digest,
            hint,
            created: self.inner.clock.now(),
            scopes: new.scopes,
            expires: new.expires,
            subscription: new.subscription,
            last_use: Arc::default(),
        }
    }
}

pub(super) fn only_secret(secret: &Secret) -> SigningSecret {
    SigningSecret {
        secret: secret.clone(),
        expires: None,
    }
}
