//! History of the changes of a tenant's plugins and chains.
//! Each entry is written in the commit of its change; the last `registry.max_history` are retained.

use std::fmt;
use std::str::FromStr;

use super::audit_record::{AuditAction, ChangeRecord, HistoryRecord};
use super::entry::Changes;
use super::entry::HISTORY;
use super::record::{VERSION, encode};
use super::tenant_state::TenantState;
use super::{Place, Registry};
use hookgate_domain::{KeyId, Timestamp};

/// Author of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Holder of this API key of the tenant.
    Key(KeyId),
    /// Holder of the operator's key.
    Operator,
    /// User of a session of the tenant's portal.
    Portal,
    /// The configuration file.
    Declared,
    /// The gateway itself: an automatic roll-back.
    Automatic,
}

/// Entry of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Time of the change.
    pub at: Timestamp,
    /// Author, in the text form of [`Actor`].
    pub who: String,
    /// Kind of the change.
    pub deed: AuditAction,
    /// Chain that it concerns, if any.
    pub place: Option<Place>,
    /// Plugin that it concerns, if any.
    pub plugin: Option<String>,
    /// Version before, if any.
    pub from: Option<String>,
    /// Version after, if any.
    pub to: Option<String>,
    /// Reason in words, where it is not obvious; at most 256 bytes.
    pub note: Option<String>,
}

/// History entry of a change in preparation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuditEntry {
    pub deed: AuditAction,
    pub place: Option<Place>,
    pub plugin: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub note: Option<String>,
}

impl AuditEntry {
    pub(super) fn new(deed: AuditAction) -> Self {
        Self {
            deed,
            place: None,
            plugin: None,
            from: None,
            to: None,
            note: None,
        }
    }

    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub(super) fn of(mut self, plugin: &str) -> Self {
        self.plugin = Some(plugin.to_owned());
        self
    }

    pub(super) fn from(mut self, version: Option<&str>) -> Self {
        self.from = version.map(str::to_owned);
        self
    }

    pub(super) fn to(mut self, version: Option<&str>) -> Self {
        self.to = version.map(str::to_owned);
        self
    }

    pub(super) fn because(mut self, note: &str) -> Self {
        let end = note.floor_char_boundary(NOTE_BYTES);
        self.note = Some(note[..end].to_owned());
        self
    }
}

impl Registry {
    /// Last changes of a tenant's plugins and chains, the newest first.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn history(
        &self,
        tenant: &hookgate_domain::TenantId,
    ) -> Result<Vec<Change>, super::RegistryError> {
        let tenant_state = self.existing(tenant).await?;
        Ok(tenant_state.history.changes.iter().map(Change::from).collect())
    }

    /// Adds the audit entry to a set of changes, which the caller commits. An empty set stays empty.
    pub(super) fn add_audit_entry(
        &self,
        tenant_state: &TenantState,
        changes: &mut Changes,
        who: &Actor,
        entries: Vec<AuditEntry>,
    ) {
        if changes.is_empty() || entries.is_empty() {
            return;
        }
        let at = self.inner.clock.now().as_micros();
        let mut history = HistoryRecord {
            v: VERSION,
            changes: entries.into_iter().map(|entry| entry.record(at, who)).collect(),
        };
        history
            .changes
            .extend(tenant_state.history.changes.iter().cloned());
        history.changes.truncate(self.inner.config.max_history);
        changes.push((HISTORY.to_owned(), Some(encode(&history))));
    }
}

impl AuditEntry {
    fn record(self, at: u64, who: &Actor) -> ChangeRecord {
        ChangeRecord {
            at,
            who: who.to_string(),
            deed: self.deed,
            place: self.place.map(|place| place.to_string()),
            plugin: self.plugin,
            from: self.from,
            to: self.to,
            note: self.note,
        }
    }
}

impl From<&ChangeRecord> for Change {
    fn from(record: &ChangeRecord) -> Self {
        Self {
            at: Timestamp::from_micros(record.at),
            who: record.who.clone(),
            deed: record.deed,
            place: record
                .place
                .as_deref()
                .and_then(|text| Place::from_str(text).ok()),
            plugin: record.plugin.clone(),
            from: record.from.clone(),
            to: record.to.clone(),
            note: record.note.clone(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::Portal => f.write_str("portal"),
            Self::Declared => f.write_str("declared"),
            Self::Automatic => f.write_str("automatic"),
        }
    }
}

const NOTE_BYTES: usize = 256;
