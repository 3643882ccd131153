//! Why the registry did not do it.

use hookgate_contract::catalogue::SchemaProblem;
use hookgate_domain::EventType;
use hookgate_domain::units::Size;
use hookgate_plugin_host::SettingsProblem;
use hookgate_store::StoreError;

/// Why the registry did not do it. Except for `Store`, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is none such, or it is another tenant's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// One of that name is there already.
    #[error("there is a {0} of that name already")]
    Exists(&'static str),
    /// Others kept changing the tenant at the same time.
    #[error("others changed the tenant at the same time")]
    Conflict,
    /// No more of these.
    #[error("the limit of {limit} {what} is reached")]
    LimitReached {
        /// What there would be too many of, in the plural.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The tenant's entries would take more room than its quota.
    #[error(
        "the tenant's registry would take {bytes} bytes; at most {limit} are kept (`registry.max_bytes_per_tenant`)"
    )]
    RegistryFull {
        /// How many it would take.
        bytes: usize,
        /// How many it may take.
        limit: Size,
    },
    /// A value is not acceptable.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which, as the API and the configuration name it.
        field: &'static str,
        /// What is wrong, in words.
        problem: String,
    },
    /// Another profile would block what the tenant has.
    #[error("the profile does not fit what the tenant has: {0}")]
    ProfileBlocks(Box<super::Blocked>),
    /// A step names a plugin or a version that is not there.
    #[error("there is no plugin `{name}`{}", version.as_deref().map(|v| format!(" of version {v}")).unwrap_or_default())]
    PluginUnknown {
        /// The plugin.
        name: String,
        /// The version or digest asked for.
        version: Option<String>,
    },
    /// The plugin refuses the settings of a step.
    #[error("the plugin `{plugin}` refuses the settings of step {step}")]
    SettingsRefused {
        /// Which step, counted from 0.
        step: usize,
        /// Its plugin.
        plugin: String,
        /// The plugin's own words.
        problems: Vec<SettingsProblem>,
    },
    /// A step that redacts would be skipped when it fails.
    #[error("step {step} redacts, so its failure must stop the event: on_failure can only be `fail`")]
    RedactionSkipped {
        /// Which step, counted from 0.
        step: usize,
    },
    /// The schema of an event type cannot be used.
    #[error("the schema of the event type `{kind}` cannot be used: {}", problems.first().map(ToString::to_string).unwrap_or_default())]
    SchemaRefused {
        /// Which type.
        kind: EventType,
        /// What is wrong with it.
        problems: Vec<SchemaProblem>,
    },
    /// An uploaded component cannot be used.
    #[error("the component cannot be used")]
    Component(#[source] hookgate_plugin_host::UploadError),
    /// There are other bytes of that version already.
    #[error(
        "version {version} of `{name}` is or was there, of other bytes (digest {digest}); a version is never changed"
    )]
    VersionExists {
        /// The plugin.
        name: String,
        /// The version.
        version: String,
        /// The digest of what is there.
        digest: String,
    },
    /// A version or a plugin cannot be deleted: steps run it.
    #[error("it is in use by {}", .by.join(", "))]
    PluginInUse {
        /// By which chains, in words; the first few.
        by: Vec<String>,
    },
    /// What is asked for does not go with how a plugin's steps stand.
    #[error("{0}")]
    WrongState(String),
    /// A field of a step is not acceptable.
    #[error("step {step}: {field}: {problem}")]
    StepInvalid {
        /// Which step, counted from 0.
        step: usize,
        /// Which field, as a pointer without its first slash.
        field: String,
        /// What is wrong, in words.
        problem: String,
    },
    /// Another tenant has one of this id, or of this digest.
    #[error("another tenant has this {0}")]
    TakenByAnother(&'static str),
    /// A tenant's own key cannot change it.
    #[error("only the operator may change {0}")]
    OperatorsOnly(&'static str),
    /// It comes from the configuration file and is changed there.
    #[error("this {0} is declared in the configuration file")]
    Declared(&'static str),
    /// Something kept cannot be opened with the keys at hand.
    #[error("a stored secret cannot be opened")]
    Sealed(#[from] super::seal::SealError),
    /// An entry in the store cannot be read.
    #[error("the entry `{entry}` of the registry cannot be read: {problem}")]
    Unreadable {
        /// Its name.
        entry: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody makes or removes a tenant of this name, or what one has left is more than is removed at once.
    #[error("what a tenant of this name has left is still being removed")]
    StillGoing,
    /// The store did not do it; after `StoreError::Unavailable` nothing is known.
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
