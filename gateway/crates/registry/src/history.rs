//! Who changed what of a tenant's plugins and chains, and when: written with the change itself, the last so many kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::apply::Changes;
use super::draft::{Draft, HISTORY};
use super::record::{VERSION, encode};
use super::{Place, Registry};
use hookgate_domain::{KeyId, Timestamp};

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Whoever has this API key of the tenant's.
    Key(KeyId),
    /// Whoever has the operator's key.
    Operator,
    /// The configuration file.
    Declared,
    /// The gateway by itself: a roll-back.
    Automatic,
}

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A chain was set.
    ChainSet,
    /// A chain was taken away.
    ChainRemoved,
    /// A version was uploaded.
    Uploaded,
    /// A version, or a plugin with all of them, was deleted.
    Deleted,
    /// A step went over to a version that was uploaded.
    Moved,
    /// A step stayed where it was: the uploaded version does not take its settings.
    Kept,
    /// A step's canary began to see events.
    CanaryBegun,
    /// A step's canary became what the step runs.
    Promoted,
    /// A step's canary sees no more events.
    CanaryStopped,
    /// A step went back to the version before.
    RolledBack,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who; the actor's text (`Actor` displays so).
    pub who: String,
    /// What kind.
    pub deed: Deed,
    /// Which chain, if it is about one.
    pub place: Option<Place>,
    /// Which plugin, if it is about one.
    pub plugin: Option<String>,
    /// The version before, if there was one.
    pub from: Option<String>,
    /// The version after, if there is one.
    pub to: Option<String>,
    /// Why, in words, where it is not plain; at most 256 bytes.
    pub note: Option<String>,
}

/// A change that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doing {
    pub deed: Deed,
    pub place: Option<Place>,
    pub plugin: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub note: Option<String>,
}

/// The entry `history`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct HistoryRecord {
    pub v: u8,
    /// The newest first.
    pub changes: Vec<ChangeRecord>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ChangeRecord {
    at: u64,
    who: String,
    deed: Deed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Doing {
    pub(super) fn new(deed: Deed) -> Self {
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
    /// The last changes of a tenant's plugins and chains, the newest first.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn history(
        &self,
        tenant: &hookgate_domain::TenantId,
    ) -> Result<Vec<Change>, super::RegistryError> {
        let draft = self.existing(tenant).await?;
        Ok(draft
            .history
            .changes
            .iter()
            .map(ChangeRecord::to_change)
            .collect())
    }

    /// Adds to changes what they come to, in words for the history. Nothing is added to no changes.
    pub(super) fn note(&self, draft: &Draft, changes: &mut Changes, who: &Actor, doings: Vec<Doing>) {
        if changes.is_empty() || doings.is_empty() {
            return;
        }
        let at = self.inner.clock.now().as_micros();
        let mut history = HistoryRecord {
            v: VERSION,
            changes: doings.into_iter().map(|doing| doing.record(at, who)).collect(),
        };
        history.changes.extend(draft.history.changes.iter().cloned());
        history.changes.truncate(self.inner.config.max_history);
        changes.push((HISTORY.to_owned(), Some(encode(&history))));
    }
}

impl Doing {
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

impl ChangeRecord {
    fn to_change(&self) -> Change {
        Change {
            at: Timestamp::from_micros(self.at),
            who: self.who.clone(),
            deed: self.deed,
            place: self.place.as_deref().and_then(|text| Place::from_str(text).ok()),
            plugin: self.plugin.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            note: self.note.clone(),
        }
    }
}

impl Deed {
    /// As a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::ChainSet => "chain_set",
            Self::ChainRemoved => "chain_removed",
            Self::Uploaded => "uploaded",
            Self::Deleted => "deleted",
            Self::Moved => "moved",
            Self::Kept => "kept",
            Self::CanaryBegun => "canary_begun",
            Self::Promoted => "promoted",
            Self::CanaryStopped => "canary_stopped",
            Self::RolledBack => "rolled_back",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::Declared => f.write_str("declared"),
            Self::Automatic => f.write_str("automatic"),
        }
    }
}

const NOTE_BYTES: usize = 256;
