//! Change of a tenant's profile, checked against the tenant's existing entries.
//! A change that would block any of them is refused unless it is forced.
//!
//! Blocked means that it would not be delivered or could not be verified: endpoints without https
//! where the profile demands it, secrets that it cannot sign with, patterns and payload modes that
//! it does not offer, more subscriptions or patterns than its limits.

use std::fmt;

use super::error::not_declared;
use super::tenant_state::TenantState;
use super::tenants::only_secret;
use super::{DeclaredTenant, Registry, RegistryError, Tenant, TenantPatch};
use hookgate_contract::profile::{Profile, SecretOwner};
use hookgate_domain::subscription::{SigningSecret, signing_at};
use hookgate_domain::{EventType, Subscription, SubscriptionId, TenantId, Timestamp};

/// Parts of a tenant that a profile would block: at most `MOST_PARTS`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocked {
    /// Blocked parts, by subscription.
    pub parts: Vec<BlockedPart>,
    /// Set if there are more.
    pub more: bool,
}

/// Part of a tenant that a profile would block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedPart {
    /// Subscription that it belongs to; `None`: the tenant itself.
    pub subscription: Option<SubscriptionId>,
    /// Location in the subscription or tenant: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Problem, in words.
    pub problem: String,
}

/// Parts of a tenant that its profile constrains.
struct Held<'a> {
    subscriptions: Vec<&'a Subscription>,
    /// Number of further subscriptions, which are checked elsewhere.
    further: usize,
    secrets: &'a [SigningSecret],
    types: Vec<EventType>,
}

impl Registry {
    /// Parts that a change of a tenant's profile would block; changes nothing.
    ///
    /// # Errors
    /// `NotFound`, `Declared`, `Invalid`, `Store`.
    pub async fn blocked_by(&self, id: &TenantId, patch: &TenantPatch) -> Result<Blocked, RegistryError> {
        let tenant_state = self.existing(id).await?;
        not_declared(tenant_state.tenant.declared, "tenant")?;
        if let Some(profile) = &patch.profile {
            self.lasting_profile(profile)?;
        }
        self.blocked_by_patch(&tenant_state, patch)
    }

    /// Checks a tenant's change of profile, if the patch has one.
    pub(super) fn check_profile_change(
        &self,
        tenant_state: &TenantState,
        patch: &TenantPatch,
    ) -> Result<(), RegistryError> {
        if patch.force {
            return Ok(());
        }
        refuse(self.blocked_by_patch(tenant_state, patch)?)
    }

    /// Checks a declared tenant's change of profile against entries made over the API.
    /// The declared entries are checked when they are applied.
    pub(super) fn check_declared_profile(
        &self,
        tenant_state: &TenantState,
        declared: &DeclaredTenant,
        profile: &Profile,
        types: &[EventType],
    ) -> Result<(), RegistryError> {
        let given = declared.tenant.signing_secret.as_ref().map(only_secret);
        let kept = tenant_state.subscriptions.values().filter(|kept| !kept.declared);
        let held = Held {
            subscriptions: kept.map(|kept| &*kept.value).collect(),
            further: declared.subscriptions.len(),
            secrets: given
                .as_ref()
                .map_or(&tenant_state.signing_secrets, std::slice::from_ref),
            types: types.to_vec(),
        };
        refuse(self.blocked(profile, &held))
    }

    /// Parts of a tenant that the new contract blocks and the previous one did not.
    pub(super) fn newly_blocked(&self, tenant: &Tenant, before: &Profile, now: &Profile) -> Blocked {
        let held = Held {
            subscriptions: tenant.subscriptions.iter().map(|kept| &**kept).collect(),
            further: 0,
            secrets: &tenant.signing_secrets,
            types: tenant.types.keys().cloned().collect(),
        };
        let (before, mut after) = (self.blocked(before, &held), self.blocked(now, &held));
        let same =
            |a: &BlockedPart, b: &BlockedPart| (a.subscription, &a.pointer) == (b.subscription, &b.pointer);
        after
            .parts
            .retain(|part| !before.parts.iter().any(|known| same(known, part)));
        after
    }

    fn blocked_by_patch(
        &self,
        tenant_state: &TenantState,
        patch: &TenantPatch,
    ) -> Result<Blocked, RegistryError> {
        let Some(name) = patch
            .profile
            .as_ref()
            .filter(|name| **name != tenant_state.tenant.profile)
        else {
            return Ok(Blocked::default());
        };
        let given: Option<Vec<_>> = patch
            .signing_secret
            .as_ref()
            .map(|given| given.iter().map(only_secret).collect());
        let held = Held {
            subscriptions: tenant_state
                .subscriptions
                .values()
                .map(|kept| &*kept.value)
                .collect(),
            further: 0,
            secrets: given.as_deref().unwrap_or(&tenant_state.signing_secrets),
            types: tenant_state.own_types(),
        };
        let wanted = self.profile(name)?;
        Ok(self.blocked(&wanted, &held))
    }

    fn blocked(&self, profile: &Profile, held: &Held<'_>) -> Blocked {
        let (now, mut found) = (self.inner.clock.now(), Found::default());
        check_tenant(profile, held, self.most_subscriptions(profile), now, &mut found);
        let patterns = self.inner.config.max_patterns;
        let patterns = profile.limits.patterns.map_or(patterns, |own| own.min(patterns));
        for subscription in &held.subscriptions {
            if found.blocked.more {
                break;
            }
            found.of = Some(subscription.id);
            check_subscription(profile, held, subscription, (patterns, now), &mut found);
        }
        found.blocked
    }
}

/// Findings so far, and the subscription of the next one.
#[derive(Default)]
struct Found {
    blocked: Blocked,
    of: Option<SubscriptionId>,
}

impl Found {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over literals and errors that they are done with"
    )]
    fn add(&mut self, pointer: impl Into<String>, problem: impl ToString) {
        if self.blocked.parts.len() == MOST_PARTS {
            self.blocked.more = true;
            return;
        }
        self.blocked.parts.push(BlockedPart {
            subscription: self.of,
            pointer: pointer.into(),
            problem: problem.to_string(),
        });
    }
}

fn check_tenant(profile: &Profile, held: &Held<'_>, most: usize, now: Timestamp, found: &mut Found) {
    let count = held.subscriptions.len() + held.further;
    if count > most {
        found.add(
            "/profile",
            format!("there are {count} subscriptions, and it takes {most}"),
        );
    }
    let mut signing = signing_at(held.secrets, now).peekable();
    if profile.secret.owner == SecretOwner::Tenant && count > 0 && signing.peek().is_none() {
        let told = "it signs everything with the tenant's one secret, and there is none";
        found.add("/signing_secret", told);
    }
    if let Some(bad) = signing.find_map(|secret| profile.secret.key(secret).err()) {
        found.add("/signing_secret", bad);
    }
}

fn check_subscription(
    profile: &Profile,
    held: &Held<'_>,
    subscription: &Subscription,
    (most_patterns, now): (usize, Timestamp),
    found: &mut Found,
) {
    if let Err(refused) = profile.endpoint.check(&subscription.url) {
        found.add("/url", refused);
    }
    let count = subscription.events.len();
    if count > most_patterns {
        found.add(
            "/events",
            format!("there are {count} patterns, and it takes {most_patterns}"),
        );
    }
    for (n, pattern) in subscription.events.iter().enumerate() {
        if let Err(refused) = profile.patterns.check(pattern, &held.types) {
            found.add(format!("/events/{n}"), refused);
        }
    }
    if let Err(refused) = profile.payload.check(subscription.payload) {
        found.add("/payload", refused);
    }
    let mut signing = subscription.signing_at(now).peekable();
    match profile.secret.owner {
        SecretOwner::Tenant if signing.peek().is_some() => {
            let told = "the tenant's one secret signs everything; what its receiver has verifies nothing";
            found.add("/secret", told);
        }
        SecretOwner::Tenant => {}
        SecretOwner::Subscription if signing.peek().is_none() => {
            found.add("/secret", "it has no signing secret of its own");
        }
        SecretOwner::Subscription => {
            if let Some(bad) = signing.find_map(|secret| profile.secret.key(secret).err()) {
                found.add("/secret", bad);
            }
        }
    }
}

fn refuse(blocked: Blocked) -> Result<(), RegistryError> {
    if blocked.parts.is_empty() {
        Ok(())
    } else {
        Err(RegistryError::ProfileBlocks(Box::new(blocked)))
    }
}

impl fmt::Display for BlockedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.subscription {
            write!(f, "{id}")?;
        }
        write!(f, "{}: {}", self.pointer, self.problem)
    }
}

/// Names the first `SHOWN` parts.
impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.parts.iter().take(SHOWN).map(ToString::to_string).collect();
        f.write_str(&shown.join("; "))?;
        if self.more || self.parts.len() > SHOWN {
            f.write_str("; and more")?;
        }
        Ok(())
    }
}

/// Maximum of blocked parts that are listed.
const MOST_PARTS: usize = 50;
/// Maximum of blocked parts in one line of text.
const SHOWN: usize = 5;
