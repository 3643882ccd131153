//! Parts of a running gateway that a reload of the configuration changes: all of them, or none where anything is wrong.

use super::declare;
use crate::config::{Config, Refused, SecretText};
use crate::http::{Certificates, Error};
use crate::keyring::Keyring;
use hookgate_contract::profile::Profiles;
use hookgate_domain::Secret;
use hookgate_egress as egress;
use hookgate_registry::Registry;
use hookgate_runtime::telemetry::{LogError, LogFilter, LogLevel, error_chain};

/// Parts that take a changed configuration while the gateway runs. Cheap to clone.
#[derive(Clone)]
pub struct Reloadable {
    pub(super) registry: Registry,
    pub(super) keyring: Keyring,
    pub(super) egress: egress::Client,
    pub(super) certificates: Certificates,
}

/// Reason why a configuration is rejected; the previous one stays in effect.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The profiles or the declared tenants are invalid.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The log level is invalid.
    #[error("telemetry.level: {0}")]
    Level(#[from] LogError),
    /// A certificate cannot be used.
    #[error("{}", error_chain(.0))]
    Certificate(#[source] Error),
    /// The settings of `egress` cannot be used.
    #[error("egress: {}", error_chain(.0))]
    Egress(#[source] egress::EgressError),
    /// The sealing keys cannot be used.
    #[error("{0}")]
    SealingKeys(String),
    /// A tenant cannot be had under its profile, or as it is declared.
    #[error("{0}")]
    Tenants(String),
}

impl Reloadable {
    /// Applies what can be applied. `doors` are the profiles whose front doors are served: they are not replaced. Returns the keys of
    /// profiles that take a restart, and the number of declared tenants.
    ///
    /// # Errors
    /// The first fault; nothing is changed then.
    pub async fn reload(
        &self,
        config: &Config,
        doors: &Profiles,
        log: &LogLevel,
    ) -> Result<(Vec<String>, usize), ReloadError> {
        let declared = config.declared_tenants()?;
        let profiles = config.profiles()?;
        let level = LogFilter::parse(&config.telemetry.level)?;
        let certificates = self
            .certificates
            .read(&config.server)
            .map_err(ReloadError::Certificate)?;
        let destinations = egress::Destinations::of(&config.egress).map_err(ReloadError::Egress)?;
        self.reload_keys(config).await.map_err(ReloadError::SealingKeys)?;
        let before = self.registry.profiles();
        let (profiles, fixed) = profiles.behind_doors_of(doors);
        if let Err((tenant, error)) = self.registry.adopt_profiles(profiles).await {
            return Err(ReloadError::Tenants(format!(
                "tenants.{tenant}: {}",
                error_chain(&error)
            )));
        }
        if let Err(error) = declare(&self.registry, &declared).await {
            // They held a moment ago.
            if let Err((tenant, error)) = self.registry.adopt_profiles(before).await {
                tracing::error!(%tenant, error = %error_chain(&error), "configuration.refused");
            }
            return Err(ReloadError::Tenants(error_chain(&error).to_string()));
        }
        log.set(level);
        certificates.adopt();
        self.egress.adopt(destinations);
        Ok((fixed, declared.len()))
    }

    /// The sealing keys as the configuration or their file has them now. A ring without a key that is needed is refused.
    async fn reload_keys(&self, config: &Config) -> Result<(), String> {
        let keys = config.auth.sealing_keys.as_ref().map(SecretText::resolve);
        let keys = keys.transpose().map_err(|error| error.to_string())?;
        let reloaded = self.keyring.reload(keys.as_ref().map(Secret::reveal)).await;
        reloaded.map_err(|error| error_chain(&error).to_string())
    }
}
