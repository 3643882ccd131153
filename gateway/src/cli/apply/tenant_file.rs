//! Tenant files: all of a tenant but its secrets, one file per tenant in a directory, named after
//! it, JSON or TOML.
//!
//! Signing secrets, values of headers and keys are left as they are where a file has none.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest as _, Sha256};
use ulid::Ulid;

use crate::cli::output::Failure;

/// JSON object whose values keep the digits of their numbers.
pub(super) type Row = IndexMap<String, Box<RawValue>>;

/// Steps of chains by subscription.
type Chains = BTreeMap<String, Box<RawValue>>;

/// Content of a tenant file.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantFile {
    /// Profile; without it and the next two, the tenant's settings are left as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Box<RawValue>>,
    /// Quotas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Box<RawValue>>,
    /// Stores the metadata of events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_metadata: Option<Box<RawValue>>,
    /// Steps of the tenant's chain; without it, the chain is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<Box<RawValue>>,
    /// Event types, each in the form of an export's row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<Row>,
    /// Subscriptions, each in the form of an export's row, with `name` in place of `id` if wanted, and
    /// `chain`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Row>,
}

/// Row of an import, with its kind and id.
pub(super) struct ImportRow {
    pub kind: &'static str,
    pub id: String,
    pub row: Row,
}

impl TenantFile {
    /// Rows of an import, and the chains of subscriptions by id.
    ///
    /// `status`: the present status of a subscription, for those whose file has none.
    pub(super) fn rows(
        &self,
        tenant: &str,
        is_new: bool,
        status: impl Fn(&str) -> Option<[Option<Box<RawValue>>; 2]>,
    ) -> Result<(Vec<ImportRow>, Chains), Failure> {
        let mut rows = Vec::new();
        let settings = [
            ("profile", &self.profile),
            ("quotas", &self.quotas),
            ("keep_metadata", &self.keep_metadata),
        ];
        if is_new || settings.iter().any(|(_, value)| value.is_some()) {
            let mut row = Row::new();
            row.insert("profile".to_owned(), raw("standard")?);
            for (name, value) in settings {
                row.extend(value.clone().map(|value| (name.to_owned(), value)));
            }
            rows.push(ImportRow::new("tenant", tenant, tenant.to_owned(), row)?);
        }
        for row in &self.event_types {
            let id = text(row, "type").ok_or_else(|| Failure::new("an event type has no `type`"))?;
            rows.push(ImportRow::new("event_type", tenant, id, row.clone())?);
        }
        let mut chains = Chains::new();
        for row in &self.subscriptions {
            let mut row = row.clone();
            let id = match (text(&row, "id"), text(&row, "name")) {
                (Some(id), None) => id,
                (None, Some(name)) => id_of(tenant, &name),
                _ => return Err(Failure::new("a subscription has `id` or `name`, and not both")),
            };
            row.shift_remove("name");
            row.insert("id".to_owned(), raw(&id)?);
            if let Some(chain) = row.shift_remove("chain") {
                chains.insert(id.clone(), chain);
            }
            if let (false, Some([status, disabled])) = (row.contains_key("status"), status(&id)) {
                row.extend(status.map(|status| ("status".to_owned(), status)));
                row.extend(disabled.map(|disabled| ("disabled".to_owned(), disabled)));
            }
            rows.push(ImportRow::new("subscription", tenant, id, row)?);
        }
        Ok((rows, chains))
    }
}

impl ImportRow {
    fn new(kind: &'static str, tenant: &str, id: String, content: Row) -> Result<Self, Failure> {
        for name in ["kind", "tenant"] {
            if content.contains_key(name) {
                return Err(Failure::new(format!(
                    "{kind} {id}: `{name}` is given by the file's name and place"
                )));
            }
        }
        let mut row = Row::new();
        row.insert("kind".to_owned(), raw(kind)?);
        row.insert("tenant".to_owned(), raw(tenant)?);
        row.extend(content);
        Ok(Self { kind, id, row })
    }
}

/// Reads the tenant files of a directory, or one file, by tenant. `only`: one tenant's.
pub(super) fn read(path: &Path, only: Option<&str>) -> Result<BTreeMap<String, TenantFile>, Failure> {
    let failed = |error: &std::io::Error| Failure::of(error).prefixed(&path.display().to_string());
    let files: Vec<PathBuf> = if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| failed(&error))?;
        let files: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        files.map_err(|error| failed(&error))?
    } else {
        vec![path.to_owned()]
    };
    let mut tenants = BTreeMap::new();
    for file in files {
        let extension = file.extension().and_then(std::ffi::OsStr::to_str);
        let Some(tenant) = file.file_stem().and_then(std::ffi::OsStr::to_str) else {
            continue;
        };
        let (Some("json" | "toml"), true) = (extension, only.is_none_or(|only| only == tenant)) else {
            continue;
        };
        let content = parse(&file, extension == Some("toml"));
        let content =
            content.map_err(|failure| failure.misconfigured().prefixed(&file.display().to_string()))?;
        if tenants.insert(tenant.to_owned(), content).is_some() {
            let failure = Failure::new(format!("the tenant {tenant} has two files"));
            return Err(failure.misconfigured().hint("keep the JSON or the TOML file"));
        }
    }
    if tenants.is_empty() {
        let failure = Failure::new(format!("{}: there is no tenant file", path.display()));
        return Err(failure
            .misconfigured()
            .hint("a tenant's file is TENANT.json or TENANT.toml"));
    }
    Ok(tenants)
}

fn parse(file: &Path, is_toml: bool) -> Result<TenantFile, Failure> {
    let mut text = fs::read_to_string(file).map_err(|error| Failure::of(&error))?;
    if is_toml {
        let value: serde_json::Value =
            toml_edit::de::from_str(&text).map_err(|error| Failure::new(error.to_string()))?;
        text = value.to_string();
    }
    serde_json::from_str(&text).map_err(|error| Failure::of(&error))
}

/// Writes the file of a tenant, readable for its owner only: a URL may hold a token.
pub(super) fn write(dir: &Path, tenant: &str, content: &TenantFile) -> Result<(), Failure> {
    let file = dir.join(format!("{tenant}.json"));
    let mut text = serde_json::to_string_pretty(content).map_err(|error| Failure::of(&error))?;
    text.push('\n');
    let written = fs::create_dir_all(dir).and_then(|()| {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&file)?.write_all(text.as_bytes())
    });
    written.map_err(|error| Failure::of(&error).prefixed(&file.display().to_string()))
}

/// Id of a subscription that its file names: the same for every gateway and every run.
fn id_of(tenant: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{tenant}\0{name}"));
    let random = digest
        .iter()
        .take(10)
        .fold(0_u128, |all, byte| all << 8 | u128::from(*byte));
    format!("sub_{}", Ulid::from_parts(0, random))
}

/// Text of a member; `None`: there is none, or it is no text.
pub(super) fn text(row: &Row, name: &str) -> Option<String> {
    serde_json::from_str(row.get(name)?.get()).ok()
}

/// JSON of a value.
pub(super) fn raw(value: &(impl Serialize + ?Sized)) -> Result<Box<RawValue>, Failure> {
    to_raw_value(value).map_err(|error| Failure::of(&error))
}
