//! Errors that prevent a start, with hints.

use std::io;

use super::SecretsError;
use crate::config::Refused;
use crate::http;
use crate::keyring::{KNOWN_STORES, RootError};
use hookgate_contract::profile;
use hookgate_domain::TenantId;
use hookgate_domain::ids::BadId;
use hookgate_domain::retry::BadRetryPolicy;
use hookgate_egress as egress;
use hookgate_registry::RegistryError;
use hookgate_registry::seal::SealError;
use hookgate_store::{StoreError, StoreUrl};

/// Error that prevents a start. Previous state is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is not available, or https cannot be served.
    #[error("the server cannot start")]
    Server(#[from] http::Error),
    /// The gateway's secrets cannot be read or made.
    #[error("the gateway's secrets cannot be had")]
    Secrets(#[from] SecretsError),
    /// The store cannot be opened.
    #[error("the store {url} cannot be opened")]
    Store {
        /// Address of the store, without credentials.
        url: StoreUrl,
        /// Cause of the error.
        source: StoreError,
    },
    /// The outbound client cannot be created.
    #[error("the outbound client cannot be made (`egress`)")]
    Egress(#[from] egress::EgressError),
    /// The plugin host cannot be started.
    #[error("the plugin host cannot be started")]
    Host(#[source] io::Error),
    /// The file of known stores in the data directory cannot be read or written.
    #[error("the file `{KNOWN_STORES}` of the data directory cannot be read or written")]
    KnownStores(#[source] io::Error),
    /// The root, which keys are derived from, cannot be opened.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The registry cannot be read.
    #[error("the tenants cannot be loaded")]
    Registry(#[from] RegistryError),
    /// A tenant of the configuration file is refused.
    #[error("a tenant of the configuration file is refused{}", tenant.as_ref().map(|id| format!(": tenants.{id}")).unwrap_or_default())]
    Declared {
        /// Tenant at fault, if known.
        tenant: Option<TenantId>,
        /// Cause of the error.
        source: RegistryError,
    },
    /// A tenant's profile needs events for longer than they are stored.
    #[error("{}: {} (the tenant `{tenant}` has it)", problem.key, problem.message)]
    Outlasted {
        /// Tenant at fault.
        tenant: TenantId,
        /// Contradiction that was found.
        problem: profile::Problem,
    },
    /// The name of the tenant of system events is invalid.
    #[error("system_events.tenant cannot be used")]
    SystemTenant(#[from] BadId),
    /// A profile is invalid.
    #[error("the profiles cannot be used")]
    Profiles(#[from] Refused),
    /// The exporter of traces cannot be configured.
    #[error("traces cannot be exported")]
    Traces(#[source] Refused),
    /// The retry schedule is invalid.
    #[error("the retry schedule cannot be used")]
    Retry(#[from] BadRetryPolicy),
}

impl StartError {
    /// Returns `true` if the configuration is at fault rather than the environment of the gateway.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Retry(_)
            | Self::Profiles(_)
            | Self::Traces(_)
            | Self::Outlasted { .. }
            | Self::SystemTenant(_) => true,
            Self::Declared { source, .. } => {
                !matches!(source, RegistryError::Store(_) | RegistryError::Conflict)
            }
            Self::Server(http::Error::Tls(_))
            | Self::Secrets(SecretsError::Elsewhere(_) | SecretsError::Sealing { .. })
            | Self::Egress(_) => true,
            Self::Server(_)
            | Self::Secrets(_)
            | Self::Store { .. }
            | Self::Host(_)
            | Self::KnownStores(_)
            | Self::Root(_)
            | Self::Registry(_) => false,
        }
    }

    /// Hint at a remedy, unless the message itself has it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Server(http::Error::PortTaken { .. }) => "try `--listen 127.0.0.1:0`, which takes a free port".to_owned(),
            Self::Store { url: StoreUrl::Embedded(_), source: StoreError::Corrupt(_) } => {
                "its file is damaged, cut short or no store's: `hookgate store check` says what is, and `hookgate store salvage` takes what \
                 is whole into a new one; or put a backup of it in its place; to begin anew without what is in it, move it away and \
                 start once with `hookgate serve --new-store`"
                    .to_owned()
            }
            Self::Store { url: StoreUrl::Embedded(_), .. } => {
                "one gateway owns an embedded store; for several, set store.url to a redis://…".to_owned()
            }
            Self::Store { url: StoreUrl::Redis(_) | StoreUrl::Cluster(_), .. } => {
                "check store.url (HOOKGATE_STORE__URL) and that the server runs and takes connections from here".to_owned()
            }
            Self::Secrets(SecretsError::DataDir { .. } | SecretsError::File { .. }) => {
                "set data_dir (HOOKGATE_DATA_DIR, --data-dir) to a directory that this user may write".to_owned()
            }
            Self::Root(RootError::OtherKeys) => {
                "gateways that share a store need the same auth.sealing_keys (or the same secrets.key in their data_dir)".to_owned()
            }
            Self::Root(RootError::Emptied | RootError::Another) => {
                "check store.url and data_dir; restore the store if it was removed or emptied; if a new one is meant, start once with \
                 `hookgate serve --new-store`: tenants, subscriptions and events of the old one are not in it"
                    .to_owned()
            }
            Self::Registry(RegistryError::Sealed(SealError::KeyUnknown(id))) | Self::Declared { source: RegistryError::Sealed(SealError::KeyUnknown(id)), .. } => {
                format!(
                    "secrets in the store are still sealed with the key {id}: put it back as a later line of auth.sealing_keys (or of \
                     secrets.key in data_dir), start, and run `hookgate keys rotate`, which says when it can go"
                )
            }
            Self::Outlasted { problem, .. } => return problem.hint.clone(),
            Self::Declared { source, .. } => return problems_of(source),
            Self::Server(_) | Self::Secrets(_) | Self::Egress(_) | Self::Host(_) | Self::KnownStores(_) | Self::Root(_) | Self::Registry(_) | Self::Profiles(_) | Self::Traces(_) | Self::SystemTenant(_) | Self::Retry(_) => {
                return None;
            }
        };
        Some(hint)
    }
}

/// Formats a plugin's problems with its settings.
fn problems_of(error: &RegistryError) -> Option<String> {
    let RegistryError::SettingsRefused { problems, .. } = error else {
        return None;
    };
    let words = problems
        .iter()
        .map(|problem| format!("settings{}: {}", problem.pointer, problem.message));
    Some(words.collect::<Vec<_>>().join("; "))
}
