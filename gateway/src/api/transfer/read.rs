//! Reader of a document: its frame first, then row by row.
//!
//! An error in a row concerns that row only; the others are read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::Api;
use super::document::{
    EndRow, FORMAT, Header, KeyRow, Kind, SubscriptionRow, TenantRow, TypeRow, VERSION, read_row,
};
use super::report::Report;
use crate::http::{Code, FieldError, Problem, RefusedRow};
use hookgate_domain::{KeyId, SubscriptionId, TenantId, nearest};
use hookgate_registry::{Row, TenantImport};

/// Content of a document, by tenant.
pub(super) struct Document {
    pub tenants: Vec<Arc<TenantImport>>,
    /// Number of rows.
    pub rows: usize,
}

/// Fields that identify a row.
#[derive(Default, Deserialize)]
struct Label<'a> {
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    tenant: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    name: Option<&'a RawValue>,
}

/// Format and version in the first line, independently of its other fields.
#[derive(Deserialize)]
struct Frame {
    format: Option<String>,
    version: Option<u64>,
}

/// Rows read so far.
struct Rows<'a> {
    api: &'a Api,
    /// Only tenant that rows may be about.
    own: Option<&'a TenantId>,
    tenants: IndexMap<TenantId, TenantImport>,
    /// Lines of the items that must be unique.
    lines: HashMap<Once, usize>,
}

#[derive(PartialEq, Eq, Hash)]
enum Once {
    Type(TenantId, String),
    Subscription(SubscriptionId),
    Digest([u8; 32]),
    Key(KeyId),
}

/// Reads a document; rows that cannot be read are in the report.
///
/// `own`: the only tenant that it may be about.
///
/// # Errors
/// `invalid_import`, `body_too_large`.
pub(super) fn read(
    api: &Api,
    bytes: &Bytes,
    own: Option<&TenantId>,
    report: &mut Report,
) -> Result<Document, Problem> {
    let most = api.config.max_import_rows;
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines = lines.zip(1..).filter(|(text, _)| !text.is_empty());
    // The header, the last line, and one more line to detect that there are too many.
    let lines: Vec<(&[u8], usize)> = lines.take(most.saturating_add(3)).collect();
    let (first, inner) = match lines.as_slice() {
        [] => return Err(not_one("it is empty")),
        [(first, _), inner @ ..] => (first, inner),
    };
    check_header(first)?;
    if inner.len() > most.saturating_add(1) {
        let detail = format!("The document has more than {most} rows (`api.max_import_rows`).");
        return Err(Problem::new(Code::BodyTooLarge, detail)
            .fix("Import one tenant after the other, or have the operator raise the limit."));
    }
    let (last, inner) = inner.split_last().ok_or_else(truncated)?;
    let end: EndRow = serde_json::from_slice(last.0).map_err(|_| truncated())?;
    if end.kind != Kind::End || end.rows != inner.len() {
        return Err(truncated());
    }
    let mut rows = Rows {
        api,
        own,
        tenants: IndexMap::new(),
        lines: HashMap::new(),
    };
    for (text, line) in inner {
        let label: Result<Label<'_>, _> = serde_json::from_slice(text);
        let taken = match &label {
            Ok(label) => rows.take(text, *line, label),
            Err(_) => Err(unreadable(text)),
        };
        if let Err(problem) = taken {
            report.refuse(label.unwrap_or_default().refused(*line, &problem));
        }
    }
    Ok(Document {
        rows: inner.len(),
        tenants: rows.tenants.into_values().map(Arc::new).collect(),
    })
}

fn check_header(first: &[u8]) -> Result<(), Problem> {
    let what = format!("its first line is not `{{\"format\":\"{FORMAT}\",\"version\":{VERSION}}}`");
    let frame: Frame = serde_json::from_slice(first).map_err(|_| not_one(&what))?;
    if frame.format.as_deref() != Some(FORMAT) {
        return Err(not_one(&what));
    }
    match frame.version {
        Some(VERSION) => read_row::<Header>(first).map(drop).map_err(|problem| {
            let told = problem.errors().first().map(ToString::to_string);
            not_one(&format!("its first line: {}", told.unwrap_or_default()))
        }),
        Some(other) => Err(not_one(&format!(
            "it has version {other} of the format, and this gateway reads version {VERSION}"
        ))
        .fix("Import it with the release of hookgate that wrote it, or export it with this one.")),
        None => Err(not_one(&what)),
    }
}

fn truncated() -> Problem {
    not_one(
        "it was cut off: its last line is not `{\"kind\":\"end\",\"rows\":N}` with the number of its rows",
    )
    .fix("Export it again, and see that all of it arrives.")
}

fn not_one(why: &str) -> Problem {
    Problem::new(
        Code::InvalidImport,
        format!("The document cannot be imported: {why}."),
    )
}

/// Problem of a row that is not an object with names.
fn unreadable(text: &[u8]) -> Problem {
    let read = read_row::<EndRow>(text).err();
    read.unwrap_or_else(|| invalid("", "the row cannot be read"))
}

fn invalid(pointer: &str, told: impl Into<String>) -> Problem {
    Problem::fields(Code::InvalidField, vec![FieldError::new(pointer, told)])
}

fn text_of(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

impl Label<'_> {
    fn refused(&self, line: usize, problem: &Problem) -> RefusedRow {
        let shown = |raw: Option<&RawValue>| {
            let text = text_of(raw).unwrap_or_default();
            text.chars().take(LONGEST_SHOWN).collect::<String>()
        };
        let id = shown(self.id.or(self.name));
        RefusedRow::new(line, problem).about(shown(self.kind), shown(self.tenant), id)
    }

    fn kind(&self) -> Result<Kind, Problem> {
        let words = Kind::WORDS.map(|(word, _)| word);
        let Some(text) = text_of(self.kind) else {
            let told = format!("a row says what it is about; there are {}", words.join(", "));
            return Err(invalid("/kind", told));
        };
        let known = Kind::WORDS.iter().find(|(word, _)| *word == text);
        known
            .map(|(_, kind)| *kind)
            .ok_or_else(|| match nearest(&text, &words) {
                Some(near) => invalid(
                    "/kind",
                    format!("there is no such kind of row; did you mean `{near}`?"),
                ),
                None => invalid(
                    "/kind",
                    format!("there is no such kind of row; there are {}", words.join(", ")),
                ),
            })
    }
}

impl Rows<'_> {
    fn take(&mut self, text: &[u8], line: usize, label: &Label<'_>) -> Result<(), Problem> {
        match label.kind()? {
            Kind::Tenant => {
                let row: TenantRow = read_row(text)?;
                let import = self.of(&row.tenant.0)?;
                if let Some(before) = &import.settings {
                    return Err(twice("tenant", "/tenant", before.line));
                }
                let value = row.into_settings();
                import.settings = Some(Row { line, value });
            }
            Kind::EventType => {
                let row: TypeRow = read_row(text)?;
                let tenant = row.tenant.0.clone();
                self.check_own(&tenant)?;
                let name = row.name.0.to_string();
                self.once(Once::Type(tenant.clone(), name), line)?;
                let value = row.into_spec();
                self.of(&tenant)?.types.push(Row { line, value });
            }
            Kind::Subscription => {
                let row: SubscriptionRow = read_row(text)?;
                let tenant = row.tenant.0.clone();
                self.check_own(&tenant)?;
                self.once(Once::Subscription(row.id.0), line)?;
                let value = row.into_subscription(self.api)?;
                self.of(&tenant)?.subscriptions.push(Row { line, value });
            }
            Kind::Key => {
                let row: KeyRow = read_row(text)?;
                let tenant = row.tenant.0.clone();
                self.check_own(&tenant)?;
                let value = row.into_key(self.api)?;
                self.once(Once::Digest(value.digest), line)?;
                if let Some(id) = value.id {
                    self.once(Once::Key(id), line)?;
                }
                self.of(&tenant)?.keys.push(Row { line, value });
            }
            Kind::End => {
                return Err(invalid(
                    "/kind",
                    "the row `end` is the last line, and this is not",
                ));
            }
        }
        Ok(())
    }

    /// Rows of a tenant that were read so far.
    fn of(&mut self, tenant: &TenantId) -> Result<&mut TenantImport, Problem> {
        self.check_own(tenant)?;
        let new = || TenantImport::new(tenant.clone());
        Ok(self.tenants.entry(tenant.clone()).or_insert_with(new))
    }

    fn check_own(&self, tenant: &TenantId) -> Result<(), Problem> {
        if self.own.is_none_or(|own| own == tenant) {
            return Ok(());
        }
        let detail = "The row is another tenant's, and this import is one tenant's.";
        Err(Problem::new(Code::OperatorRequired, detail))
    }

    /// Records an item that must be unique, and refuses a second one.
    fn once(&mut self, what: Once, line: usize) -> Result<(), Problem> {
        let (kind, pointer) = match &what {
            Once::Type(..) => ("event type", "/type"),
            Once::Subscription(_) => ("subscription", "/id"),
            Once::Digest(_) => ("key", "/digest"),
            Once::Key(_) => ("key", "/id"),
        };
        match self.lines.entry(what) {
            Entry::Occupied(before) => Err(twice(kind, pointer, *before.get())),
            Entry::Vacant(free) => {
                free.insert(line);
                Ok(())
            }
        }
    }
}

fn twice(kind: &str, pointer: &str, before: usize) -> Problem {
    let told = format!("the document has this {kind} before, on line {before}");
    Problem::fields(Code::AlreadyExists, vec![FieldError::new(pointer, told)])
}

/// Maximum number of characters of a row's label that are shown.
const LONGEST_SHOWN: usize = 64;
