//! Import of a tenant's registry: settings, event types, subscriptions and keys as another gateway had them, in one commit.
//!
//! A plan (`plan`) says of each row what it comes to, and has the entries to write; it is made on a thread that serves nobody. A
//! dry run ends there. Otherwise the entries are applied if the tenant's revision is still the same, and planned again if not.
//! Nothing is ever deleted, and what is as the row says is not written: the same rows twice change nothing.

mod plan;
mod rows;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Mutex as AsyncMutex;

use super::apply::{Changes, TRIES};
use super::draft::Draft;
use super::former::Turn;
use super::publish::blocking;
use super::{Registry, RegistryError};
use hookgate_contract::catalogue::TypeSpec;
use hookgate_contract::privacy::Authority;
use hookgate_domain::subscription::{DisableReason, SigningSecret};
use hookgate_domain::{KeyId, Quotas, SubscriptionId, TenantId, Timestamp};
use hookgate_store::FeedPosition;

use super::{NewKey, NewSubscription};

/// Rows of a document about one tenant, each with its line.
#[derive(Debug, Clone)]
pub struct TenantImport {
    /// Which tenant.
    pub id: TenantId,
    /// Its settings. A tenant that is not there is made of them.
    pub settings: Option<Row<ImportedTenant>>,
    /// Event types.
    pub types: Vec<Row<TypeSpec>>,
    /// Subscriptions.
    pub subscriptions: Vec<Row<ImportedSubscription>>,
    /// API keys.
    pub keys: Vec<Row<ImportedKey>>,
}

/// A value and the line of the document that it stands on.
#[derive(Debug, Clone)]
pub struct Row<T> {
    /// Counted from 1.
    pub line: usize,
    /// What it says.
    pub value: T,
}

/// Settings of a tenant.
#[derive(Debug, Clone)]
pub struct ImportedTenant {
    /// Its profile's name.
    pub profile: String,
    /// When it was made; counts for one that is not there.
    pub created: Option<Timestamp>,
    /// Its own quotas.
    pub quotas: Quotas,
    /// What it says of its events' metadata.
    pub keep_metadata: Option<bool>,
    /// Its own signing secrets, the newest first; `None`: they stay as they are.
    pub signing_secrets: Option<Vec<SigningSecret>>,
}

/// A subscription.
#[derive(Debug, Clone)]
pub struct ImportedSubscription {
    /// Its id.
    pub id: SubscriptionId,
    /// What it asks for; its `secret` is not looked at.
    pub spec: NewSubscription,
    /// The headers stay as they are, whatever `spec` has: the document does not tell them.
    pub keeps_headers: bool,
    /// Its signing secrets, the newest first; `None`: they stay as they are, and a new subscription gets one.
    pub secrets: Option<Vec<SigningSecret>>,
    /// Whether it receives.
    pub status: ImportedStatus,
    /// When it was made; counts for one that is not there.
    pub created: Option<Timestamp>,
}

/// Status of a subscription in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedStatus {
    /// It receives.
    Active,
    /// It does not.
    Disabled {
        /// Since when; `None`: since the import, or as it was.
        since: Option<Timestamp>,
        /// Who or what did it.
        reason: DisableReason,
    },
}

/// An API key by its digest.
#[derive(Debug, Clone)]
pub struct ImportedKey {
    /// Its id; `None`: the digest says which it is.
    pub id: Option<KeyId>,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// Its first characters; `None`: they stay as they are.
    pub hint: Option<String>,
    /// What it may be used for.
    pub spec: NewKey,
    /// When it was made; counts for one that is not there.
    pub created: Option<Timestamp>,
}

/// How rows are taken.
#[derive(Debug, Clone)]
pub struct ImportRules {
    /// Who imports. What only the operator may change is refused to a tenant.
    pub authority: Authority,
    /// What is done with the plan.
    pub mode: ImportMode,
    /// How subscriptions begin that are not there yet.
    pub begin: Begin,
    /// Which of the document's subscriptions which other tenant has, too; see [`Registry::subscription_owners`].
    pub owners: Arc<HashMap<SubscriptionId, Vec<TenantId>>>,
}

/// What is done with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// Nothing.
    DryRun,
    /// It is applied if no row is refused.
    AllOrNothing,
    /// What is not refused is applied.
    RowByRow,
}

/// How imported subscriptions begin that are not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// As their rows say.
    AsGiven,
    /// Disabled. The status of those that are there stays as it is.
    Disabled,
}

/// What a row came to, or would.
#[derive(Debug)]
pub struct RowOutcome {
    /// The row's line.
    pub line: usize,
    /// What it is about.
    pub kind: RowKind,
    /// Its id, digest or name; empty where the row is unchanged.
    pub id: String,
    /// What it came to.
    pub outcome: Outcome,
}

/// What a row is about.
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

/// What a row came to.
#[derive(Debug)]
pub enum Outcome {
    /// It was not there.
    Created,
    /// These fields were different.
    Changed(Vec<&'static str>),
    /// It is as the row says.
    Unchanged,
    /// It is not taken.
    Refused(RegistryError),
}

impl RowKind {
    /// As a document writes it.
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
    /// Whether the row is not taken.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl TenantImport {
    /// Nothing about a tenant.
    pub fn new(id: TenantId) -> Self {
        Self {
            id,
            settings: None,
            types: Vec::new(),
            subscriptions: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Leaves only those rows whose lines this keeps.
    pub fn retain(&mut self, keeps: impl Fn(usize) -> bool) {
        self.settings.take_if(|row| !keeps(row.line));
        self.types.retain(|row| keeps(row.line));
        self.subscriptions.retain(|row| keeps(row.line));
        self.keys.retain(|row| keeps(row.line));
    }
}

impl Registry {
    /// The tenants that have these subscriptions. Looks at every subscription there is: for a thread that serves nobody.
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

    /// Imports the rows of one tenant in one commit, as the mode says. What each row came to, in the order of the document.
    ///
    /// # Errors
    /// `StillGoing`, `Conflict`, `Store`; or the tenant cannot be read. Why a row is refused is in its outcome.
    pub async fn import_tenant(
        &self,
        import: Arc<TenantImport>,
        rules: ImportRules,
    ) -> Result<Vec<RowOutcome>, RegistryError> {
        let draft = self.draft(&import.id).await?;
        if rules.mode == ImportMode::DryRun {
            let (_, outcomes) = self.planned(draft, &import, &rules).await?;
            return Ok(outcomes);
        }
        if draft.is_some() || import.settings.is_none() {
            return self.put_import(&import, &rules, None).await;
        }
        let turn = self.take_turn(&import.id).await?;
        let put = self.put_import(&import, &rules, Some(&turn)).await;
        self.end_turn(turn).await;
        put
    }

    /// `turn`: the right to make the tenant.
    async fn put_import(
        &self,
        import: &Arc<TenantImport>,
        rules: &ImportRules,
        turn: Option<&Turn>,
    ) -> Result<Vec<RowOutcome>, RegistryError> {
        let id = &import.id;
        let changing = self.inner.changing.of(id.clone(), AsyncMutex::default);
        let _turn = changing.lock().await;
        for _ in 0..TRIES {
            let draft = self.draft(id).await?;
            if let (None, Some(turn)) = (&draft, turn) {
                self.forget_former(id, turn).await?;
            }
            let revision = draft.as_ref().map_or(0, |draft| draft.revision);
            let (changes, outcomes) = self.planned(draft, import, rules).await?;
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
        draft: Option<Draft>,
        import: &Arc<TenantImport>,
        rules: &ImportRules,
    ) -> Result<(Changes, Vec<RowOutcome>), RegistryError> {
        let feed_from = match &draft {
            Some(_) => None,
            None => self.feed_end(&import.id).await?,
        };
        let (registry, import, rules) = (self.clone(), Arc::clone(import), rules.clone());
        let feed_from = feed_from.map(|(major, minor)| FeedPosition { major, minor });
        blocking(move || Ok(plan::plan(&registry, draft.as_ref(), &import, &rules, feed_from))).await
    }
}
