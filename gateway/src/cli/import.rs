//! `hookgate import`: imports a file of `export` into a running gateway.
//!
//! A long file is sent in parts of whole tenants, so that neither side holds all of it in memory.
//! All parts are tried in a dry run before the first one is imported, unless rows are imported one
//! by one.

mod parts;

use std::path::PathBuf;

use clap::Args;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Client, refused};
use super::export::Gateway;
use super::output::{Failure, Progress, say};
use parts::{Document, Part};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File to import.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Change nothing, and report what would change.
    #[arg(long)]
    dry_run: bool,
    /// Import the rows that are not refused. Without it: all of the file, or nothing.
    #[arg(long)]
    rows: bool,
    /// Import new subscriptions as disabled.
    /// They receive nothing until they are activated, or the file is imported again without this.
    #[arg(long)]
    disabled: bool,
    /// Tenant of the file, which must exist; rows of others are refused. A key of it with the scope
    /// `manage` suffices. Any tenants by default.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Result of an import, of all parts together.
#[derive(Default, Serialize)]
struct Outcome {
    dry_run: bool,
    #[serde(flatten)]
    counts: Counts,
    changes: Vec<Value>,
    refusals: Vec<Value>,
    more: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct Counts {
    rows: u64,
    created: u64,
    changed: u64,
    unchanged: u64,
    refused: u64,
}

/// Step of an import: a dry run, or the import itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Try,
    Import,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(import(arguments))
}

async fn import(arguments: &Arguments) -> Result<(), Failure> {
    let mut document = Document::open(&arguments.file)?;
    let client = arguments.gateway.client(arguments.tenant.as_deref())?;
    let alone = document.parts.len() < 2;
    let mut outcome = Outcome::default();
    // The gateway itself tries a single part as a whole.
    if arguments.dry_run || !(arguments.rows || alone) {
        outcome = send(arguments, &client, &mut document, Step::Try).await?;
    }
    if !arguments.dry_run && outcome.refusals.is_empty() && outcome.counts.refused == 0 {
        outcome = send(arguments, &client, &mut document, Step::Import).await?;
    }
    outcome.tell(arguments)
}

/// Sends every part. Stops at one of which nothing is imported.
async fn send(
    arguments: &Arguments,
    client: &Client,
    document: &mut Document,
    step: Step,
) -> Result<Outcome, Failure> {
    let path = match arguments.tenant {
        Some(_) => "/v1/import",
        None => "/v1/import/all",
    };
    let mode = if arguments.rows { "rows" } else { "all" };
    let dry_run = step == Step::Try;
    let path = format!(
        "{path}?mode={mode}&dry_run={dry_run}&disabled={}",
        arguments.disabled
    );
    let mut outcome = Outcome {
        dry_run,
        ..Outcome::default()
    };
    let mut progress = Progress::new();
    let what = if dry_run { "tried" } else { "imported" };
    for part in document.parts.clone() {
        let body = document.read(&part)?;
        let answer = client.send(Method::POST, &path, NDJSON, body.into()).await?;
        match answer.status {
            200 => outcome.add(&part, &answer.body),
            422 if answer.body["rows"].is_array() => {
                outcome.refuse(&part, &answer.body);
                break;
            }
            _ => {
                let failure = refused(&answer);
                return Err(if part.first_line > 2 && !dry_run {
                    failure.prefixed(&format!("lines before {} are imported", part.first_line))
                } else {
                    failure
                });
            }
        }
        progress.show(format_args!(
            "{what} {} of {} rows",
            outcome.counts.rows, document.rows
        ));
    }
    progress.end();
    Ok(outcome)
}

impl Outcome {
    fn add(&mut self, part: &Part, answer: &Value) {
        let counts = Counts::deserialize(answer).unwrap_or_default();
        self.counts.rows += counts.rows;
        self.counts.created += counts.created;
        self.counts.changed += counts.changed;
        self.counts.unchanged += counts.unchanged;
        self.counts.refused += counts.refused;
        self.more += answer["more"].as_u64().unwrap_or_default();
        self.list(part, &answer["changes"], |outcome| &mut outcome.changes);
        self.list(part, &answer["refusals"], |outcome| &mut outcome.refusals);
    }

    /// Records a part of which nothing was imported.
    fn refuse(&mut self, part: &Part, answer: &Value) {
        self.list(part, &answer["rows"], |outcome| &mut outcome.refusals);
        self.counts.refused += answer["rows"].as_array().map_or(0, Vec::len) as u64;
    }

    /// Adds rows of a part to a list, with their lines in the file.
    fn list(&mut self, part: &Part, rows: &Value, list: impl Fn(&mut Self) -> &mut Vec<Value>) {
        for row in rows.as_array().into_iter().flatten() {
            if list(self).len() == MOST_LISTED {
                self.more += 1;
                continue;
            }
            let mut row = row.clone();
            row["line"] = json!(part.line(row["line"].as_u64().unwrap_or_default()));
            list(self).push(row);
        }
    }

    fn tell(&self, arguments: &Arguments) -> Result<(), Failure> {
        if arguments.json {
            say(json!(self));
        } else {
            if self.dry_run {
                self.changes.iter().for_each(show);
            }
            let Counts {
                created,
                changed,
                unchanged,
                refused,
                ..
            } = self.counts;
            let would = if self.dry_run { "would be " } else { "" };
            say(format_args!(
                "{would}created {created}, changed {changed}, unchanged {unchanged}, refused {refused}"
            ));
        }
        if self.counts.refused == 0 {
            return Ok(());
        }
        let complaints = self.refusals.iter().flat_map(complaints);
        let told: Vec<_> = complaints.map(|complaint| (complaint, None)).collect();
        let left = (self.more > 0).then(|| (format!("{} more rows are not listed", self.more), None));
        let told = told.into_iter().chain(left);
        let failure = Failure::several(told);
        let nothing = self.dry_run || self.counts.created + self.counts.changed == 0;
        Err(match (arguments.rows || arguments.dry_run, nothing) {
            (true, _) => failure,
            (false, true) => failure
                .hint("nothing was imported; correct these rows, or import the others with `--rows`"),
            (false, false) => failure
                .hint("somebody changed a tenant meanwhile: what stands before these rows was imported; import the file again"),
        })
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn show(row: &Value) {
    let fields: Vec<_> = row["fields"].as_array().into_iter().flatten().map(text).collect();
    let fields = match fields.as_slice() {
        [] => String::new(),
        fields => format!(" ({})", fields.join(", ")),
    };
    say(format_args!(
        "line {}: {} {} {} of {}{fields}",
        row["line"],
        text(&row["change"]),
        text(&row["kind"]),
        text(&row["id"]),
        text(&row["tenant"]),
    ));
}

fn complaints(row: &Value) -> impl Iterator<Item = String> + '_ {
    let errors = row["errors"].as_array().into_iter().flatten();
    errors.map(|error| {
        let place = [text(&row["kind"]), text(&row["id"])].join(" ");
        let pointer = match text(&error["pointer"]) {
            "" => String::new(),
            pointer => format!("{pointer}: "),
        };
        let detail = text(&error["detail"]);
        format!("line {} ({}): {pointer}{detail}", row["line"], place.trim())
    })
}

pub(super) const NDJSON: &str = "application/x-ndjson";
const MOST_LISTED: usize = 1_000;
