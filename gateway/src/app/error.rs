//! Why a gateway does not start, and what to do about it.

use std::io;

use super::SecretsError;
use crate::config::Refused;
use crate::domain::TenantId;
use crate::domain::ids::BadId;
use crate::domain::retry::BadRetryPolicy;
use crate::keyring::{KNOWN_STORES, RootError};
use crate::registry::RegistryError;
use crate::registry::seal::SealError;
use crate::store::{StoreError, StoreUrl};
use crate::{egress, http, profile};

/// Why a gateway does not start. What was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be had, or https not be served.
    #[error("the server cannot start")]
    Server(#[from] http::Error),
    /// Its secrets cannot be had.
    #[error("the gateway's secrets cannot be had")]
    Secrets(#[from] SecretsError),
    /// The store cannot be opened.
    #[error("the store {url} cannot be opened")]
    Store {
        /// Its address, without credentials.
        url: StoreUrl,
        /// Why not.
        source: StoreError,
    },
    /// The outbound client cannot be made.
    #[error("the outbound client cannot be made (`egress`)")]
    Egress(#[from] egress::EgressError),
    /// The plugin host cannot be started.
    #[error("the plugin host cannot be started")]
    Host(#[source] io::Error),
    /// The file of known stores in the data directory cannot be read or written.
    #[error("the file `{KNOWN_STORES}` of the data directory cannot be read or written")]
    KnownStores(#[source] io::Error),
    /// What is derived from the sealing keys cannot be had.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The registry cannot be read.
    #[error("the tenants cannot be loaded")]
    Registry(#[from] RegistryError),
    /// A declared tenant cannot be had.
    #[error("a tenant of the configuration file is refused{}", tenant.as_ref().map(|id| format!(": tenants.{id}")).unwrap_or_default())]
    Declared {
        /// Which.
        tenant: Option<TenantId>,
        /// Why not.
        source: RegistryError,
    },
    /// A tenant's profile needs events longer than they are kept.
    #[error("{}: {} (the tenant `{tenant}` has it)", problem.key, problem.message)]
    Outlasted {
        /// Whose.
        tenant: TenantId,
        /// What is wrong.
        problem: profile::Problem,
    },
    /// The tenant of system events has no tenant's name.
    #[error("system_events.tenant cannot be used")]
    SystemTenant(#[from] BadId),
    /// A profile makes no sense.
    #[error("the profiles cannot be used")]
    Profiles(#[from] Refused),
    /// The retry schedule makes no sense.
    #[error("the retry schedule cannot be used")]
    Retry(#[from] BadRetryPolicy),
}

impl StartError {
    /// Whether the configuration is at fault rather than what is around the gateway.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Retry(_) | Self::Profiles(_) | Self::Outlasted { .. } | Self::SystemTenant(_) => true,
            Self::Declared { source, .. } => {
                !matches!(source, RegistryError::Store(_) | RegistryError::Conflict)
            }
            Self::Server(_)
            | Self::Secrets(_)
            | Self::Store { .. }
            | Self::Egress(_)
            | Self::Host(_)
            | Self::KnownStores(_)
            | Self::Root(_)
            | Self::Registry(_) => false,
        }
    }

    /// How to mend it, where the message itself does not say.
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
            Self::Server(_) | Self::Secrets(_) | Self::Egress(_) | Self::Host(_) | Self::KnownStores(_) | Self::Root(_) | Self::Registry(_) | Self::Profiles(_) | Self::SystemTenant(_) | Self::Retry(_) => {
                return None;
            }
        };
        Some(hint)
    }
}

/// The plugin's own words about settings.
fn problems_of(error: &RegistryError) -> Option<String> {
    let RegistryError::SettingsRefused { problems, .. } = error else {
        return None;
    };
    let words = problems
        .iter()
        .map(|problem| format!("settings{}: {}", problem.pointer, problem.message));
    Some(words.collect::<Vec<_>>().join("; "))
}
