//! Report of an import: how many rows came to what, and which. It names a bounded number of them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::http::{Code, Problem, RefusedRow};
use hookgate_domain::TenantId;
use hookgate_registry::{Outcome, RowOutcome};

/// What an import came to, or would.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Import")]
pub(super) struct Report {
    /// Whether nothing was changed, because that was asked for.
    pub dry_run: bool,
    /// How many tenants the document has rows of.
    pub tenants: usize,
    /// How many rows it has.
    pub rows: usize,
    /// What was not there.
    pub created: usize,
    /// What was different.
    pub changed: usize,
    /// What is as the document says.
    pub unchanged: usize,
    /// What was not taken.
    pub refused: usize,
    /// Rows that were created or changed, as far as they are listed.
    pub changes: Vec<ChangedRow>,
    /// Rows that were not taken, as far as they are listed.
    pub refusals: Vec<RefusedRow>,
    /// How many rows that were created, changed or not taken are not listed (`api.max_import_rows_shown`).
    pub more: usize,
    #[serde(skip)]
    most: usize,
}

/// A row that was created or changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChangedRow {
    /// Its line in the document.
    line: usize,
    /// `tenant`, `event_type`, `subscription` or `key`.
    kind: &'static str,
    /// The tenant.
    tenant: String,
    /// What it is called.
    id: String,
    /// `created` or `changed`.
    change: &'static str,
    /// The fields that were different.
    fields: Vec<&'static str>,
}

impl Report {
    /// `most`: how many rows are listed.
    pub(super) fn new(dry_run: bool, most: usize) -> Self {
        Self {
            dry_run,
            tenants: 0,
            rows: 0,
            created: 0,
            changed: 0,
            unchanged: 0,
            refused: 0,
            changes: Vec::new(),
            refusals: Vec::new(),
            more: 0,
            most,
        }
    }

    /// Notes a row that is not taken.
    pub(super) fn refuse(&mut self, row: RefusedRow) {
        self.refused += 1;
        if self.has_room() {
            self.refusals.push(row);
        }
    }

    /// Notes what a tenant's row came to.
    pub(super) fn add(&mut self, tenant: &TenantId, row: RowOutcome) {
        let (change, fields) = match row.outcome {
            Outcome::Unchanged => {
                self.unchanged += 1;
                return;
            }
            Outcome::Refused(error) => {
                let refused = RefusedRow::new(row.line, &Problem::from(error));
                let kind = row.kind.word().to_owned();
                return self.refuse(refused.about(kind, tenant.to_string(), row.id));
            }
            Outcome::Created => {
                self.created += 1;
                ("created", Vec::new())
            }
            Outcome::Changed(fields) => {
                self.changed += 1;
                ("changed", fields)
            }
        };
        if self.has_room() {
            self.changes.push(ChangedRow {
                line: row.line,
                kind: row.kind.word(),
                tenant: tenant.to_string(),
                id: row.id,
                change,
                fields,
            });
        }
    }

    /// Whether one more row is listed; counts it where not.
    fn has_room(&mut self) -> bool {
        let room = self.changes.len() + self.refusals.len() < self.most;
        self.more += usize::from(!room);
        room
    }

    /// The refusal of a document of which rows are not taken; none where all are. `done`: how many tenants are imported already.
    pub(super) fn into_refusal(mut self, done: usize) -> Result<Self, Problem> {
        if self.refused == 0 {
            return Ok(self);
        }
        self.refusals.sort_by_key(RefusedRow::line);
        let first = self.refusals.first().map(ToString::to_string);
        let done = match done {
            0 => "nothing was changed".to_owned(),
            some => format!("{some} tenants before theirs were imported"),
        };
        let detail = format!(
            "{} of the document's {} rows are refused, and {done}. {}",
            self.refused,
            self.rows,
            first.unwrap_or_default()
        );
        Err(Problem::new(Code::ImportRefused, detail).rows(self.refusals))
    }

    /// With its rows in the document's order.
    pub(super) fn sorted(mut self) -> Self {
        self.refusals.sort_by_key(RefusedRow::line);
        self.changes.sort_by_key(|row| row.line);
        self
    }
}
