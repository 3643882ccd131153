//! Rotation of signing secrets: the new one signs at once, the old ones for a grace period.

use std::sync::Arc;
use std::time::Duration;

use super::entry::TENANT;
use super::record::encode;
use super::{Registry, RegistryError, Tenant, key};
use hookgate_contract::profile::Profile;
use hookgate_domain::subscription::SigningSecret;
use hookgate_domain::{Secret, TenantId, Timestamp};

impl Registry {
    /// Rotates the tenant's own signing secret, or gives it its first one.
    /// Without a given secret, one is generated in its profile's form. The old ones sign beside it
    /// for `grace` (by default the configuration's `rotation_grace`; zero: they stop at once).
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Declared` (the configuration file gives the secret), `Conflict`,
    /// `Store`.
    pub async fn rotate_tenant_secret(
        &self,
        id: &TenantId,
        secret: Option<Secret>,
        grace: Option<Duration>,
    ) -> Result<Arc<Tenant>, RegistryError> {
        let grace = grace.unwrap_or(self.inner.config.rotation_grace.get());
        self.change_freely(id, |tenant_state| {
            if tenant_state.tenant.secret_declared {
                return Err(RegistryError::Declared("signing secret"));
            }
            let profile = &self.profile(&tenant_state.tenant.profile)?;
            let made = || key::next_signing_secret(&profile.secret, tenant_state.signing_secrets.first());
            let secret = secret.clone().unwrap_or_else(made);
            check_tenant_secret(&secret, profile)?;
            let now = self.inner.clock.now();
            let secrets = rotated_secrets(&tenant_state.signing_secrets, &secret, now, grace);
            let mut record = tenant_state.tenant.clone();
            self.put_tenant_secrets(id, &mut record, &secrets);
            Ok((vec![(TENANT.to_owned(), Some(encode(&record)))], ()))
        })
        .await?;
        self.held_tenant(id)
    }
}

/// Secrets after a rotation, the newest first. The rotation never extends an old secret's validity.
pub(super) fn rotated_secrets(
    before: &[SigningSecret],
    secret: &Secret,
    now: Timestamp,
    grace: Duration,
) -> Vec<SigningSecret> {
    let end = now.plus(grace);
    let newest = SigningSecret {
        secret: secret.clone(),
        expires: None,
    };
    let old = before.iter().filter(|old| old.secret != *secret);
    let old = old.map(|old| SigningSecret {
        secret: old.secret.clone(),
        expires: Some(old.expires.map_or(end, |expires| expires.min(end))),
    });
    let signing = old.filter(|old| old.expires.is_some_and(|expires| now < expires));
    std::iter::once(newest).chain(signing).take(MAX_SECRETS).collect()
}

/// Checks that the tenant's profile can sign with a secret.
pub(super) fn check_tenant_secret(secret: &Secret, profile: &Profile) -> Result<(), RegistryError> {
    let key = profile.secret.key(secret);
    key.map(drop)
        .map_err(|bad| RegistryError::invalid("signing_secret", bad))
}

/// Maximum of secrets that sign at the same time: the headers must fit a signature of each.
pub(super) const MAX_SECRETS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_signs_for_ever_and_the_others_until_their_time() {
        let (now, hour) = (Timestamp::from_millis(1_000_000), Duration::from_secs(3600));
        let secret = Secret::new;
        let first = rotated_secrets(&[], &secret("a"), now, hour);
        let second = rotated_secrets(&first, &secret("b"), now, hour);
        let told = |secrets: &[SigningSecret]| -> Vec<_> {
            let told = secrets.iter().map(|s| (s.secret.reveal().to_owned(), s.expires));
            told.collect()
        };
        let end = Some(now.plus(hour));
        assert_eq!(told(&second), [("b".to_owned(), None), ("a".to_owned(), end)]);
        // A second rotation with a longer grace period does not extend the first one's.
        let third = rotated_secrets(&second, &secret("c"), now, 2 * hour);
        assert_eq!(told(&third)[2], ("a".to_owned(), end));
        // The same secret again does not count as its own predecessor.
        let again = rotated_secrets(&second, &secret("b"), now, hour);
        assert_eq!(told(&again), told(&second));
        assert_eq!(
            rotated_secrets(&third, &secret("d"), now, Duration::ZERO).len(),
            1
        );
        let later = now.plus(hour);
        assert_eq!(rotated_secrets(&second, &secret("e"), later, hour).len(), 2);
        let many = (0..9).fold(Vec::new(), |secrets, n| {
            rotated_secrets(&secrets, &secret(&n.to_string()), now, hour)
        });
        assert_eq!(many.len(), MAX_SECRETS);
    }
}
