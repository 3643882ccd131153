//! Errors of the registry.

use hookgate_contract::catalogue::SchemaProblem;
use hookgate_domain::EventType;
use hookgate_domain::units::Size;
use hookgate_plugin_host::SettingsProblem;
use hookgate_store::StoreError;

/// Error of a registry operation. Except after `Store`, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The resource does not exist, or belongs to another tenant.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A resource of that name exists already.
    #[error("there is a {0} of that name already")]
    Exists(&'static str),
    /// The tenant kept changing concurrently: every compare-and-set failed.
    #[error("others changed the tenant at the same time")]
    Conflict,
    /// A count limit is reached.
    #[error("the limit of {limit} {what} is reached")]
    LimitReached {
        /// Limited resource, in the plural.
        what: &'static str,
        /// Maximum count.
        limit: usize,
    },
    /// The tenant's entries would exceed its quota.
    #[error(
        "the tenant's registry would take {bytes} bytes; at most {limit} are kept (`registry.max_bytes_per_tenant`)"
    )]
    RegistryFull {
        /// Size after the change, in bytes.
        bytes: usize,
        /// Quota.
        limit: Size,
    },
    /// A value is invalid.
    #[error("{field}: {problem}")]
    Invalid {
        /// Field, as the API and the configuration name it.
        field: &'static str,
        /// Problem, in words.
        problem: String,
    },
    /// The new profile would block some of the tenant's entries.
    #[error("the profile does not fit what the tenant has: {0}")]
    ProfileBlocks(Box<super::Blocked>),
    /// A step names a plugin or a version that does not exist.
    #[error("there is no plugin `{name}`{}", version.as_deref().map(|v| format!(" of version {v}")).unwrap_or_default())]
    PluginUnknown {
        /// Name of the plugin.
        name: String,
        /// Requested version or digest.
        version: Option<String>,
    },
    /// The plugin refuses the settings of a step.
    #[error("the plugin `{plugin}` refuses the settings of step {step}")]
    SettingsRefused {
        /// Index of the step, from 0.
        step: usize,
        /// Name of its plugin.
        plugin: String,
        /// Problems as the plugin reports them.
        problems: Vec<SettingsProblem>,
    },
    /// A redacting step would be skipped on failure.
    #[error("step {step} redacts, so its failure must stop the event: on_failure can only be `fail`")]
    RedactionSkipped {
        /// Index of the step, from 0.
        step: usize,
    },
    /// The schema of an event type is invalid.
    #[error("the schema of the event type `{kind}` cannot be used: {}", problems.first().map(ToString::to_string).unwrap_or_default())]
    SchemaRefused {
        /// Event type.
        kind: EventType,
        /// Problems of the schema.
        problems: Vec<SchemaProblem>,
    },
    /// An uploaded component is invalid.
    #[error("the component cannot be used")]
    Component(#[source] hookgate_plugin_host::UploadError),
    /// The version exists or existed with other bytes.
    #[error(
        "version {version} of `{name}` is or was there, of other bytes (digest {digest}); a version is never changed"
    )]
    VersionExists {
        /// Name of the plugin.
        name: String,
        /// Version.
        version: String,
        /// Digest of the existing version.
        digest: String,
    },
    /// A version or a plugin in use by steps cannot be deleted.
    #[error("it is in use by {}", .by.join(", "))]
    PluginInUse {
        /// Chains that use it, in words; the first few.
        by: Vec<String>,
    },
    /// The operation does not fit the state of the plugin's steps.
    #[error("{0}")]
    WrongState(String),
    /// A field of a step is invalid.
    #[error("step {step}: {field}: {problem}")]
    StepInvalid {
        /// Index of the step, from 0.
        step: usize,
        /// Field, as a JSON pointer without its first slash.
        field: String,
        /// Problem, in words.
        problem: String,
    },
    /// Another tenant has a resource of this id or digest.
    #[error("another tenant has this {0}")]
    TakenByAnother(&'static str),
    /// Only the operator may change it; the caller used a tenant's key.
    #[error("only the operator may change {0}")]
    OperatorsOnly(&'static str),
    /// The configuration file declares it; it can be changed only there.
    #[error("this {0} is declared in the configuration file")]
    Declared(&'static str),
    /// A stored secret cannot be decrypted with the available keys.
    #[error("a stored secret cannot be opened")]
    Sealed(#[from] super::seal::SealError),
    /// An entry in the store cannot be read.
    #[error("the entry `{entry}` of the registry cannot be read: {problem}")]
    Unreadable {
        /// Name of the entry.
        entry: String,
        /// Problem, in words.
        problem: String,
    },
    /// The data of a deleted tenant of this name is still being purged.
    /// Another process holds the tenant's lock, or the purge takes longer than the lock lasts.
    #[error("what a tenant of this name has left is still being removed")]
    StillGoing,
    /// The store failed; after `StoreError::Unavailable` the outcome is unknown.
    #[error("the registry could not reach the store")]
    Store(#[from] StoreError),
}

impl RegistryError {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over literals and errors that they are done with"
    )]
    pub(super) fn invalid(field: &'static str, problem: impl ToString) -> Self {
        Self::Invalid {
            field,
            problem: problem.to_string(),
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over literals and errors that they are done with"
    )]
    pub(super) fn unreadable(entry: &str, problem: impl ToString) -> Self {
        Self::Unreadable {
            entry: entry.to_owned(),
            problem: problem.to_string(),
        }
    }
}

/// Refuses a change of what the configuration file declares.
pub(super) fn not_declared(declared: bool, what: &'static str) -> Result<(), RegistryError> {
    if declared {
        Err(RegistryError::Declared(what))
    } else {
        Ok(())
    }
}
