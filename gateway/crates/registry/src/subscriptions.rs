//! Creation, changes, rotation and deletion of subscriptions.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::entry::Changes;
use super::entry::subscription_entry;
use super::error::not_declared;
use super::record::{SubscriptionRecord, encode};
use super::rotation::rotated_secrets;
use super::tenant_state::{Declarable, TenantState};
use super::{Config, InitialStatus, NewSubscription, Registry, RegistryError, SubscriptionPatch, key};
use hookgate_contract::profile::{Profile, SecretOwner};
use hookgate_domain::subscription::{DisableReason, SigningSecret};
use hookgate_domain::{EventPattern, EventType, Secret, Status, Subscription, SubscriptionId, TenantId};

impl Registry {
    /// Creates a subscription.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `LimitReached`, `Conflict`, `Store`.
    pub async fn create_subscription(
        &self,
        tenant: &TenantId,
        new: NewSubscription,
    ) -> Result<Arc<Subscription>, RegistryError> {
        let id = self.inner.ids.subscription();
        self.change(tenant, |tenant_state| {
            let profile = &self.profile(&tenant_state.tenant.profile)?;
            let made = self.new_subscription(tenant, id, new.clone(), profile);
            check(&made, &self.inner.config, profile, &tenant_state.own_types())?;
            check_secrets(&made, profile)?;
            let limit = self.most_subscriptions(profile);
            if tenant_state.subscriptions.len() >= limit {
                let what = "subscriptions";
                return Err(RegistryError::LimitReached { what, limit });
            }
            Ok((self.put(&made, false), ()))
        })
        .await?;
        self.held_subscription(tenant, id)
    }

    /// Changes a subscription.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `LimitReached`, `Declared`, `Conflict`, `Store`.
    pub async fn patch_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        patch: SubscriptionPatch,
    ) -> Result<Arc<Subscription>, RegistryError> {
        self.change(tenant, |tenant_state| {
            let found = find(tenant_state, id)?;
            not_declared(found.declared, "subscription")?;
            let patched = patched(&found.value, &patch);
            let profile = &self.profile(&tenant_state.tenant.profile)?;
            check(&patched, &self.inner.config, profile, &tenant_state.own_types())?;
            Ok((self.put(&patched, false), ()))
        })
        .await?;
        self.held_subscription(tenant, id)
    }

    /// Deletes a subscription. Its pending deliveries are cancelled when they are due.
    ///
    /// # Errors
    /// `NotFound`, `Declared`, `Conflict`, `Store`.
    pub async fn delete_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<(), RegistryError> {
        self.change_freely(tenant, |tenant_state| {
            not_declared(find(tenant_state, id)?.declared, "subscription")?;
            let mut changes = vec![(subscription_entry(id), None)];
            changes.extend(tenant_state.without_chain(id));
            Ok((changes, ()))
        })
        .await?;
        self.forget_stats(tenant, &[id]).await;
        Ok(())
    }

    /// Deletes the statistics of deleted subscriptions. After a failure of the store they expire.
    pub(super) async fn forget_stats(&self, tenant: &TenantId, gone: &[SubscriptionId]) {
        if let Err(error) = self.inner.store.forget_stats(tenant, gone).await {
            tracing::info!(%tenant, %error, "subscription.stats_kept");
        }
    }

    /// Activates a subscription.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Store`.
    pub async fn activate_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Arc<Subscription>, RegistryError> {
        self.set_status(tenant, id, &Status::Active).await
    }

    /// Disables a subscription. One that is disabled already keeps its time and reason.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Store`.
    pub async fn disable_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        reason: DisableReason,
    ) -> Result<Arc<Subscription>, RegistryError> {
        let since = self.inner.clock.now();
        self.set_status(tenant, id, &Status::Disabled { since, reason })
            .await
    }

    /// Rotates a subscription's signing secret; a new one is generated if none is given.
    /// The old ones sign beside it for `grace` (by default the configuration's `rotation_grace`;
    /// zero: they stop at once).
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Conflict`, `Store`.
    pub async fn rotate_secret(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        secret: Option<Secret>,
        grace: Option<Duration>,
    ) -> Result<Arc<Subscription>, RegistryError> {
        let grace = grace.unwrap_or(self.inner.config.rotation_grace.get());
        self.change_freely(tenant, |tenant_state| {
            let found = find(tenant_state, id)?;
            let profile = &self.profile(&tenant_state.tenant.profile)?;
            let made = || key::next_signing_secret(&profile.secret, found.value.secrets.first());
            let secret = secret.clone().unwrap_or_else(made);
            let mut rotated = Subscription::clone(&found.value);
            rotated.secrets = rotated_secrets(&found.value.secrets, &secret, self.inner.clock.now(), grace);
            check_secrets(&rotated, profile)?;
            Ok((self.put(&rotated, found.declared), ()))
        })
        .await?;
        self.held_subscription(tenant, id)
    }

    async fn set_status(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        status: &Status,
    ) -> Result<Arc<Subscription>, RegistryError> {
        self.change_freely(tenant, |tenant_state| {
            let found = find(tenant_state, id)?;
            let already = (found.value.status == Status::Active) == (*status == Status::Active);
            if already {
                return Ok((Vec::new(), ()));
            }
            let mut changed = Subscription::clone(&found.value);
            changed.status = status.clone();
            if *status == Status::Active {
                changed.activated = self.inner.clock.now();
                changed.warned = None;
            }
            Ok((self.put(&changed, found.declared), ()))
        })
        .await?;
        self.held_subscription(tenant, id)
    }

    pub(super) fn new_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        new: NewSubscription,
        profile: &Profile,
    ) -> Subscription {
        let secret = match profile.secret.owner {
            SecretOwner::Subscription => {
                let made = || key::new_signing_secret(&profile.secret);
                Some(new.secret.unwrap_or_else(made))
            }
            SecretOwner::Tenant => new.secret,
        };
        let newest = |secret| SigningSecret {
            secret,
            expires: None,
        };
        let now = self.inner.clock.now();
        Subscription {
            id,
            tenant: tenant.clone(),
            url: new.url,
            events: new.events,
            filter: new.filter,
            description: new.description,
            status: match new.status {
                InitialStatus::Active => Status::Active,
                InitialStatus::Disabled => Status::Disabled {
                    since: now,
                    reason: DisableReason::Asked,
                },
            },
            secrets: secret.map(newest).into_iter().collect(),
            headers: new.headers,
            timeout: new.timeout,
            retry: new.retry,
            payload: new.payload,
            mode: new.mode,
            created: now,
            activated: now,
            warned: None,
            owner: new.owner,
        }
    }

    /// Maximum of subscriptions of a tenant.
    pub fn max_subscriptions_of(&self, tenant: &super::Tenant) -> usize {
        let own = self.inner.config.max_subscriptions;
        tenant
            .contract
            .as_ref()
            .map_or(own, |profile| self.most_subscriptions(profile))
    }

    /// Maximum of subscriptions of a tenant with this profile.
    pub(super) fn most_subscriptions(&self, profile: &Profile) -> usize {
        let limit = self.inner.config.max_subscriptions;
        profile.limits.subscriptions.map_or(limit, |own| own.min(limit))
    }

    pub(super) fn put(&self, subscription: &Subscription, declared: bool) -> Changes {
        let record = SubscriptionRecord::from_subscription(subscription, declared, &self.inner.sealer);
        vec![(subscription_entry(subscription.id), Some(encode(&record)))]
    }

    fn held_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Arc<Subscription>, RegistryError> {
        let tenant = self.held_tenant(tenant)?;
        tenant
            .subscription(id)
            .cloned()
            .ok_or(RegistryError::NotFound("subscription"))
    }
}

pub(super) fn find(
    tenant_state: &TenantState,
    id: SubscriptionId,
) -> Result<&Declarable<Arc<Subscription>>, RegistryError> {
    tenant_state
        .subscriptions
        .get(&id)
        .ok_or(RegistryError::NotFound("subscription"))
}

fn patched(before: &Subscription, patch: &SubscriptionPatch) -> Subscription {
    let patch = patch.clone();
    let before = before.clone();
    Subscription {
        url: patch.url.unwrap_or(before.url),
        events: patch.events.unwrap_or(before.events),
        filter: patch.filter.unwrap_or(before.filter),
        description: patch.description.unwrap_or(before.description),
        headers: patch.headers.unwrap_or(before.headers),
        timeout: patch.timeout.unwrap_or(before.timeout),
        retry: patch.retry.unwrap_or(before.retry),
        payload: patch.payload.unwrap_or(before.payload),
        owner: patch.owner.unwrap_or(before.owner),
        mode: patch.mode.unwrap_or(before.mode),
        ..before
    }
}

/// Checks a subscription, regardless of its source; `types` are the tenant's own event types.
/// The `egress` crate checks that its address may be dialled.
pub(super) fn check(
    subscription: &Subscription,
    config: &Config,
    profile: &Profile,
    types: &[EventType],
) -> Result<(), RegistryError> {
    check_url(&subscription.url)?;
    check_events(&subscription.events, config, profile)?;
    check_offered(subscription, profile, types)?;
    if subscription
        .description
        .as_ref()
        .is_some_and(|text| text.len() > MAX_DESCRIPTION)
    {
        return Err(RegistryError::invalid("description", "it is over 1024 bytes"));
    }
    check_headers(&subscription.headers, config)?;
    if let Some(retry) = &subscription.retry
        && retry.longest() > config.kept.get()
    {
        let problem = format!(
            "its attempts go on for longer than events are kept, {}",
            config.kept
        );
        return Err(RegistryError::invalid("retry", problem));
    }
    let longest = config.max_timeout;
    if subscription
        .timeout
        .is_some_and(|timeout| timeout.is_zero() || timeout > longest.get())
    {
        let problem = format!("a timeout is over 0s and at most {longest}");
        return Err(RegistryError::invalid("timeout", problem));
    }
    Ok(())
}

/// Checks that the profile can sign with the newest secret. Earlier ones may come from another
/// profile.
pub(super) fn check_secrets(subscription: &Subscription, profile: &Profile) -> Result<(), RegistryError> {
    let Some(newest) = subscription.secrets.first() else {
        return Ok(());
    };
    if profile.secret.owner == SecretOwner::Tenant {
        let problem = "the tenant's one secret signs everything; subscriptions have none of their own";
        return Err(RegistryError::invalid("secret", problem));
    }
    if newest.secret.reveal().len() > MAX_SECRET_BYTES {
        return Err(RegistryError::invalid("secret", "it is over 512 bytes"));
    }
    let key = profile.secret.key(&newest.secret);
    key.map(drop).map_err(|bad| RegistryError::invalid("secret", bad))
}

/// Checks a subscription against its profile's offer.
fn check_offered(
    subscription: &Subscription,
    profile: &Profile,
    types: &[EventType],
) -> Result<(), RegistryError> {
    let url = profile.endpoint.check(&subscription.url);
    url.map_err(|refused| RegistryError::invalid("url", refused))?;
    for pattern in &subscription.events {
        let taken = profile.patterns.check(pattern, types);
        taken.map_err(|refused| RegistryError::invalid("events", refused))?;
    }
    let payload = profile.payload.check(subscription.payload);
    payload.map_err(|refused| RegistryError::invalid("payload", refused))
}

fn check_url(url: &Url) -> Result<(), RegistryError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RegistryError::invalid(
            "url",
            "an endpoint's URL begins with https:// or http://",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let problem = "a URL with a user name or password is not taken; send credentials as a header";
        return Err(RegistryError::invalid("url", problem));
    }
    if url.as_str().len() > MAX_URL {
        return Err(RegistryError::invalid("url", "it is over 2048 bytes"));
    }
    Ok(())
}

fn check_events(events: &[EventPattern], config: &Config, profile: &Profile) -> Result<(), RegistryError> {
    let most = config.max_patterns;
    let limit = profile.limits.patterns.map_or(most, |own| own.min(most));
    match events.len() {
        0 => Err(RegistryError::invalid(
            "events",
            "at least one pattern is needed; `*` means every event",
        )),
        count if count > limit => Err(RegistryError::LimitReached {
            what: "patterns of a subscription",
            limit,
        }),
        _ => Ok(()),
    }
}

fn check_headers(headers: &[(String, Secret)], config: &Config) -> Result<(), RegistryError> {
    let limit = config.max_headers;
    if headers.len() > limit {
        let what = "headers of a subscription";
        return Err(RegistryError::LimitReached { what, limit });
    }
    let size = config.max_header_size;
    for (name, value) in headers {
        let value = value.reveal();
        let valid_name = !name.is_empty() && name.bytes().all(is_token);
        let valid_value = value.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b));
        if !valid_name || !valid_value || value.trim() != value {
            let problem = format!(
                "`{}` is not a header that can be sent (RFC 9110 §5.5)",
                name.escape_default()
            );
            return Err(RegistryError::invalid("headers", problem));
        }
        if name.len() + value.len() > size.bytes() {
            return Err(RegistryError::invalid(
                "headers",
                format!("`{name}` is over {size}"),
            ));
        }
    }
    Ok(())
}

/// Returns `true` for a character of a header's name (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const MAX_DESCRIPTION: usize = 1024;
pub(super) const MAX_SECRET_BYTES: usize = 512;
const MAX_URL: usize = 2048;
