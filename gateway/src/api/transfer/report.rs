//! Report of an import: the number of rows by outcome, and a bounded list of rows.

use schemars::JsonSchema;
use serde::Serialize;

use crate::http::{Code, Problem, RefusedRow};
use hookgate_domain::TenantId;
use hookgate_registry::{Outcome, RowOutcome};

/// Result of an import or of its dry run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Import")]
pub(super) struct Report {
    /// Set for a dry run: nothing was changed.
    pub dry_run: bool,
    /// Number of tenants that the document has rows of.
    pub tenants: usize,
    /// Number of rows in the document.
    pub rows: usize,
    /// Number of rows that were created.
    pub created: usize,
    /// Number of rows that were changed.
    pub changed: usize,
    /// Number of rows that were as in the document already.
    pub unchanged: usize,
    /// Number of rows that were refused.
    pub refused: usize,
    /// Rows that were created or changed, as far as they are listed.
    pub changes: Vec<ChangedRow>,
    /// Rows that were refused, as far as they are listed.
    pub refusals: Vec<RefusedRow>,
    /// Number of created, changed or refused rows that are not listed. The limit of the lists is
    /// `api.max_import_rows_shown`.
    pub more: usize,
    #[serde(skip)]
    most: usize,
}

/// Row that was created or changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChangedRow {
    /// Line of the row in the document.
    line: usize,
    /// Kind of the row.
    #[schemars(with = "super::super::words::RowKind")]
    kind: &'static str,
    /// Tenant of the row.
    tenant: String,
    /// Id or name of the row.
    id: String,
    /// Change of the row.
    #[schemars(with = "super::super::words::RowChange")]
    change: &'static str,
    /// Fields that differed.
    fields: Vec<&'static str>,
}

impl Report {
    /// Creates an empty report, which lists up to `most` rows.
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

    /// Adds a refused row.
    pub(super) fn refuse(&mut self, row: RefusedRow) {
        self.refused += 1;
        if self.has_room() {
            self.refusals.push(row);
        }
    }

    /// Adds the outcome of a tenant's row.
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

    /// Returns `true` if one more row can be listed; otherwise counts the row as not listed.
    fn has_room(&mut self) -> bool {
        let room = self.changes.len() + self.refusals.len() < self.most;
        self.more += usize::from(!room);
        room
    }

    /// Converts a report with refused rows to a problem.
    ///
    /// Returns the report if no row is refused. `done`: number of tenants imported already.
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

    /// Sorts its rows in the document's order.
    pub(super) fn sorted(mut self) -> Self {
        self.refusals.sort_by_key(RefusedRow::line);
        self.changes.sort_by_key(|row| row.line);
        self
    }
}
