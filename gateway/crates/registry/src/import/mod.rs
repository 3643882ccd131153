//! Import of a tenant's registry in one commit: settings, event types, subscriptions and keys.
//!
//! A plan (`plan`) has the outcome of each row and the entries to write; it is made on a blocking
//! thread. A dry run ends there. Otherwise the entries are applied by compare-and-set on the
//! tenant's revision, and planned again after a conflict. Nothing is ever deleted, and an entry
//! that equals its row is not written: importing the same rows twice changes nothing.

mod plan;
mod rows;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Mutex as AsyncMutex;

use super::edit::TRIES;
use super::entry::Changes;
use super::publish::blocking;
use super::tenant_purge::TenantLock;
use super::tenant_state::TenantState;
use super::{Registry, RegistryError};
use hookgate_contract::catalogue::TypeSpec;
use hookgate_contract::privacy::Authority;
use hookgate_domain::subscription::{DisableReason, SigningSecret};
use hookgate_domain::{KeyId, Quotas, SubscriptionId, TenantId, Timestamp};
use hookgate_store::FeedPosition;

use super::{NewKey, NewSubscription};

/// Rows of a document about one tenant.
#[derive(Debug, Clone)]
pub struct TenantImport {
    /// Id of the tenant.
    pub id: TenantId,
    /// Settings; a tenant that does not exist is created with them.
    pub settings: Option<Row<ImportedTenant>>,
    /// Event types.
    pub types: Vec<Row<TypeSpec>>,
    /// Subscriptions.
    pub subscriptions: Vec<Row<ImportedSubscription>>,
    /// API keys.
    pub keys: Vec<Row<ImportedKey>>,
}

/// Value of a row, with its line in the document.
#[derive(Debug, Clone)]
pub struct Row<T> {
    /// Line number, from 1.
    pub line: usize,
    /// Parsed value.
    pub value: T,
}

/// Settings of a tenant.
#[derive(Debug, Clone)]
pub struct ImportedTenant {
    /// Name of its profile.
    pub profile: String,
    /// Creation time; used only for a tenant that does not exist.
    pub created: Option<Timestamp>,
    /// Its own quotas.
    pub quotas: Quotas,
    /// Its own setting for the metadata of its events.
    pub keep_metadata: Option<bool>,
    /// Its own signing secrets, the newest first; `None` leaves them unchanged.
    pub signing_secrets: Option<Vec<SigningSecret>>,
}

/// Subscription of a document.
#[derive(Debug, Clone)]
pub struct ImportedSubscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Its settings; their `secret` is ignored.
    pub spec: NewSubscription,
    /// Leaves the headers unchanged, regardless of `spec`: the document does not contain them.
    pub keeps_headers: bool,
    /// Signing secrets, the newest first.
    /// `None`: an existing subscription's are unchanged, a new one's are generated.
    pub secrets: Option<Vec<SigningSecret>>,
    /// Status: active or disabled.
    pub status: ImportedStatus,
    /// Creation time; used only for a subscription that does not exist.
    pub created: Option<Timestamp>,
}

/// Status of a subscription in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedStatus {
    /// Deliveries are sent.
    Active,
    /// Deliveries are not sent.
    Disabled {
        /// Time of the disabling; `None`: the time of the import, or the existing time.
        since: Option<Timestamp>,
        /// Reason of the disabling.
        reason: DisableReason,
    },
}

/// API key, identified by its digest.
#[derive(Debug, Clone)]
pub struct ImportedKey {
    /// Id; `None`: the key is found by its digest.
    pub id: Option<KeyId>,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// First characters of the key; `None` leaves them unchanged.
    pub hint: Option<String>,
    /// Scopes and limits of the key.
    pub spec: NewKey,
    /// Creation time; used only for a key that does not exist.
    pub created: Option<Timestamp>,
}

/// Options of an import.
#[derive(Debug, Clone)]
pub struct ImportRules {
    /// Authority of the caller; changes reserved to the operator are refused to a tenant.
    pub authority: Authority,
    /// Application of the plan.
    pub mode: ImportMode,
    /// Initial status of new subscriptions.
    pub begin: Begin,
    /// Other tenants with subscriptions of the document; see [`Registry::subscription_owners`].
    pub owners: Arc<HashMap<SubscriptionId, Vec<TenantId>>>,
}

/// Application of an import plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// Nothing is applied.
    DryRun,
    /// The plan is applied only if no row is refused.
    AllOrNothing,
    /// Every row that is not refused is applied.
    RowByRow,
}

/// Initial status of imported subscriptions that do not exist yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Status of their rows.
    AsGiven,
    /// Disabled. Existing subscriptions keep their status.
    Disabled,
}

/// Outcome of a row, applied or planned.
#[derive(Debug)]
pub struct RowOutcome {
    /// Line of the row.
    pub line: usize,
    /// Kind of the row.
    pub kind: RowKind,
    /// Id, digest or name; empty where the row is unchanged.
    pub id: String,
    /// Outcome.
    pub outcome: Outcome,
}

/// Kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A tenant's settings.
    Tenant,
    /// An event type.
    EventType,
    /// A subscription.
    Subscription,
    /// An API key.
    Key,
}

/// Outcome of a row.
#[derive(Debug)]
pub enum Outcome {
    /// The entry was created.
    Created,
    /// These fields were changed.
    Changed(Vec<&'static str>),
    /// The entry equals the row already.
    Unchanged,
    /// The row was refused.
    Refused(RegistryError),
}

impl RowKind {
    /// Name in a document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::EventType => "event_type",
            Self::Subscription => "subscription",
            Self::Key => "key",
        }
    }
}

impl Outcome {
    /// Returns `true` if the row was refused.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl TenantImport {
    /// Import without rows for a tenant.
    pub fn new(id: TenantId) -> Self {
        Self {
            id,
            settings: None,
            types: Vec::new(),
            subscriptions: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Retains only the rows whose line satisfies the predicate.
    pub fn retain(&mut self, keeps: impl Fn(usize) -> bool) {
        self.settings.take_if(|row| !keeps(row.line));
        self.types.retain(|row| keeps(row.line));
        self.subscriptions.retain(|row| keeps(row.line));
        self.keys.retain(|row| keeps(row.line));
    }
}

impl Registry {
    /// Tenants that have these subscriptions.
    /// Looks at every subscription of every tenant: call it on a blocking thread.
    pub fn subscription_owners(
        &self,
        wanted: &HashSet<SubscriptionId>,
    ) -> HashMap<SubscriptionId, Vec<TenantId>> {
        let mut owners: HashMap<_, Vec<TenantId>> = HashMap::new();
        let snapshot = self.inner.snapshot.load_full();
        for tenant in snapshot.tenants() {
            for found in tenant.subscriptions.iter().filter(|s| wanted.contains(&s.id)) {
                owners.entry(found.id).or_default().push(tenant.id.clone());
            }
        }
        owners
    }

    /// Imports the rows of one tenant in one commit, according to the mode.
    /// Returns the outcome of each row in the order of the document.
    ///
    /// # Errors
    /// `StillGoing`, `Conflict`, `Store`; or the tenant cannot be read. A row's refusal is in its
    /// outcome.
    pub async fn import_tenant(
        &self,
        import: Arc<TenantImport>,
        rules: ImportRules,
    ) -> Result<Vec<RowOutcome>, RegistryError> {
        let tenant_state = self.tenant_state(&import.id).await?;
        if rules.mode == ImportMode::DryRun {
            let (_, outcomes) = self.planned(tenant_state, &import, &rules).await?;
            return Ok(outcomes);
        }
        if tenant_state.is_some() || import.settings.is_none() {
            return self.put_import(&import, &rules, None).await;
        }
        let turn = self.lock_tenant(&import.id).await?;
        let put = self.put_import(&import, &rules, Some(&turn)).await;
        self.unlock(turn).await;
        put
    }

    /// Applies an import; `turn` is the lock of the tenant's name if the tenant is created.
    async fn put_import(
        &self,
        import: &Arc<TenantImport>,
        rules: &ImportRules,
        turn: Option<&TenantLock>,
    ) -> Result<Vec<RowOutcome>, RegistryError> {
        let id = &import.id;
        let changing = self.inner.changing.of(id.clone(), AsyncMutex::default);
        let _turn = changing.lock().await;
        for _ in 0..TRIES {
            let tenant_state = self.tenant_state(id).await?;
            if let (None, Some(turn)) = (&tenant_state, turn) {
                self.purge_tenant(id, turn).await?;
            }
            let revision = tenant_state
                .as_ref()
                .map_or(0, |tenant_state| tenant_state.revision);
            let (changes, outcomes) = self.planned(tenant_state, import, rules).await?;
            let refused = outcomes.iter().any(|row| row.outcome.is_refused());
            let nothing = rules.mode == ImportMode::AllOrNothing && refused;
            if nothing || changes.is_empty() || self.apply_to(id, revision, changes).await? {
                return Ok(outcomes);
            }
        }
        Err(RegistryError::Conflict)
    }

    async fn planned(
        &self,
        tenant_state: Option<TenantState>,
        import: &Arc<TenantImport>,
        rules: &ImportRules,
    ) -> Result<(Changes, Vec<RowOutcome>), RegistryError> {
        let feed_from = match &tenant_state {
            Some(_) => None,
            None => self.feed_end(&import.id).await?,
        };
        let (registry, import, rules) = (self.clone(), Arc::clone(import), rules.clone());
        let feed_from = feed_from.map(|(major, minor)| FeedPosition { major, minor });
        blocking(move || {
            Ok(plan::plan(
                &registry,
                tenant_state.as_ref(),
                &import,
                &rules,
                feed_from,
            ))
        })
        .await
    }
}
