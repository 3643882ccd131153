//! Plan of one tenant: the rows of an import, chains to set, and objects to delete.

use std::collections::BTreeSet;

use http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::chain;
use super::state::State;
use super::tenant_file::{ImportRow, TenantFile, raw};
use crate::cli::client::{Answer, Client, refused};
use crate::cli::import::NDJSON;
use crate::cli::output::Failure;
use crate::cli::show::{items, text};

/// Changes of one tenant.
pub(super) struct Plan {
    pub tenant: String,
    /// The tenant is created.
    pub is_new: bool,
    /// Rows are created or changed.
    pub has_rows: bool,
    /// New subscriptions are disabled until they have their chains.
    pub begins_disabled: bool,
    pub chains: Vec<Chain>,
    /// Kinds and ids of what is deleted.
    pub deletions: Vec<(&'static str, String)>,
    pub changes: Vec<Change>,
    /// Number of changes that the gateway does not list.
    pub unlisted: u64,
    document: String,
}

/// Chain to set.
pub(super) struct Chain {
    /// Subscription; `None`: the tenant's chain.
    pub subscription: Option<String>,
    pub steps: Box<RawValue>,
}

/// Change of an object.
pub(super) struct Change {
    pub is: Kind,
    pub tenant: String,
    pub kind: String,
    pub id: String,
    pub fields: Vec<Field>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Created,
    Changed,
    Deleted,
}

/// Field that differs. Values are missing where they may be secrets.
pub(super) struct Field {
    pub name: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

impl Plan {
    /// Compares a tenant file with the gateway, which checks every row.
    ///
    /// # Errors
    /// Rows that the gateway refuses.
    pub(super) async fn make(
        client: &Client,
        tenant: &str,
        content: &TenantFile,
        prune: bool,
    ) -> Result<Self, Failure> {
        let state = State::read(client, tenant).await?;
        let known = state.as_ref();
        let status = |id: &str| known.and_then(|state| state.status(id));
        let rows = content.rows(tenant, known.is_none(), status);
        let (rows, chains) =
            rows.map_err(|failure| failure.misconfigured().prefixed(&format!("tenant {tenant}")))?;
        let mut plan = Self {
            tenant: tenant.to_owned(),
            is_new: known.is_none(),
            has_rows: false,
            begins_disabled: false,
            chains: Vec::new(),
            deletions: Vec::new(),
            changes: Vec::new(),
            unlisted: 0,
            document: document(&rows)?,
        };
        plan.dry_run(client, known, &rows).await?;
        let empty = raw(&[""; 0])?;
        let pruned = prune.then_some(&*empty);
        plan.chain(known, None, content.chain.as_deref().or(pruned))
            .await?;
        for row in rows.iter().filter(|row| row.kind == "subscription") {
            let steps = chains.get(&row.id).map(AsRef::as_ref).or(pruned);
            plan.chain(known, Some(&row.id), steps).await?;
        }
        if let (true, Some(state)) = (prune, known) {
            plan.prune(state, &rows);
        }
        Ok(plan)
    }

    /// Asks the gateway what an import of the rows would change.
    async fn dry_run(
        &mut self,
        client: &Client,
        state: Option<&State>,
        rows: &[ImportRow],
    ) -> Result<(), Failure> {
        let answer = self.send(client, "true", "false").await?;
        if let Some(failure) = self.refusal(&answer.body) {
            return Err(failure);
        }
        if answer.status != 200 {
            return Err(refused(&answer));
        }
        let count = |name: &str| answer.body[name].as_u64().unwrap_or_default();
        self.has_rows = count("created") + count("changed") > 0;
        self.unlisted = answer.body["more"].as_u64().unwrap_or_default();
        for change in items(&answer.body["changes"]) {
            let (kind, id) = (text(&change["kind"]), text(&change["id"]));
            let old = state.and_then(|state| state.row(kind, id));
            let new = rows.iter().find(|row| row.kind == kind && row.id == id);
            let fields = items(&change["fields"]).map(|name| {
                let name = text(name);
                let shown = |row: Option<&super::tenant_file::Row>| {
                    let value = row?.get(name).filter(|_| !SECRET.contains(&name))?;
                    Some(shown(name, value))
                };
                Field {
                    name: name.to_owned(),
                    old: shown(old),
                    new: shown(new.map(|new| &new.row)),
                }
            });
            let is = if change["change"] == "created" {
                Kind::Created
            } else {
                Kind::Changed
            };
            self.add(is, kind, id, fields.collect());
        }
        Ok(())
    }

    /// Adds a chain that differs. `steps`: the wanted ones; `None`: whatever there is.
    async fn chain(
        &mut self,
        state: Option<&State>,
        subscription: Option<&str>,
        steps: Option<&RawValue>,
    ) -> Result<(), Failure> {
        let Some(steps) = steps else { return Ok(()) };
        let existing =
            state.filter(|state| subscription.is_none_or(|id| state.row("subscription", id).is_some()));
        let present = match existing {
            Some(state) => state.chain(subscription).await?,
            None => raw(&[""; 0])?,
        };
        let id = subscription.unwrap_or(&self.tenant).to_owned();
        let named = |failure: Failure| failure.misconfigured().prefixed(&format!("chain of {id}"));
        if chain::same(&present, steps).map_err(named)? {
            return Ok(());
        }
        let (old, new) = (chain::count(&present)?, chain::count(steps)?);
        let is = match (old, new) {
            (0, _) => Kind::Created,
            (_, 0) => Kind::Deleted,
            _ => Kind::Changed,
        };
        let field = Field {
            name: "steps".to_owned(),
            old: Some(chain::for_file(&present)?.to_string()),
            new: Some(steps.to_string()),
        };
        self.begins_disabled |= subscription.is_some() && existing.is_none();
        self.add(is, "chain", &id, vec![field]);
        self.chains.push(Chain {
            subscription: subscription.map(str::to_owned),
            steps: steps.to_owned(),
        });
        Ok(())
    }

    fn prune(&mut self, state: &State, rows: &[ImportRow]) {
        for kind in ["subscription", "event_type"] {
            let wanted: BTreeSet<_> = rows
                .iter()
                .filter(|row| row.kind == kind)
                .map(|row| row.id.as_str())
                .collect();
            let left: Vec<_> = state
                .ids(kind)
                .filter(|id| !wanted.contains(id))
                .map(str::to_owned)
                .collect();
            for id in left {
                self.add(Kind::Deleted, kind, &id, Vec::new());
                self.deletions.push((kind, id));
            }
        }
    }

    fn add(&mut self, is: Kind, kind: &str, id: &str, fields: Vec<Field>) {
        self.changes.push(Change {
            is,
            tenant: self.tenant.clone(),
            kind: kind.to_owned(),
            id: id.to_owned(),
            fields,
        });
    }

    /// Sends the rows as an import.
    pub(super) async fn send(
        &self,
        client: &Client,
        dry_run: &str,
        disabled: &str,
    ) -> Result<Answer, Failure> {
        let own = client.clone().acting_for(Some(&self.tenant));
        // Only the operator creates tenants.
        let (client, path) = if self.is_new {
            (client, "/v1/import/all")
        } else {
            (&own, "/v1/import")
        };
        let path = format!("{path}?mode=all&dry_run={dry_run}&disabled={disabled}");
        client
            .send(Method::POST, &path, NDJSON, self.document.clone().into())
            .await
    }

    /// Error with the rows that were refused; `None`: none was.
    pub(super) fn refusal(&self, answer: &Value) -> Option<Failure> {
        let rows = items(&answer["refusals"]).chain(items(&answer["rows"]));
        let told = rows.flat_map(|row| {
            let place = format!(
                "tenant {}: {} {}",
                self.tenant,
                text(&row["kind"]),
                text(&row["id"])
            );
            items(&row["errors"]).map(move |error| {
                let told = format!("{place}: {} {}", text(&error["pointer"]), text(&error["detail"]));
                (told, None)
            })
        });
        let told: Vec<_> = told.collect();
        (!told.is_empty()).then(|| Failure::several(told).hint("nothing of this tenant is changed"))
    }
}

impl Change {
    pub(super) fn to_json(&self) -> Value {
        let is = match self.is {
            Kind::Created => "created",
            Kind::Changed => "changed",
            Kind::Deleted => "deleted",
        };
        let fields = self
            .fields
            .iter()
            .map(|field| json!({ "field": field.name, "old": field.old, "new": field.new }));
        json!({
            "change": is, "tenant": self.tenant, "kind": self.kind, "id": self.id,
            "fields": fields.collect::<Vec<_>>(),
        })
    }
}

/// Document of an import (docs/moving.md).
fn document(rows: &[ImportRow]) -> Result<String, Failure> {
    let mut document = r#"{"format":"hookgate-registry","version":1}"#.to_owned();
    for row in rows {
        document.push('\n');
        let row = serde_json::to_string(&row.row).map_err(|error| Failure::of(&error))?;
        // Line breaks stand between the parts of a value, as it was written in the file: texts have none.
        document.push_str(&row.replace(['\n', '\r'], " "));
    }
    let end = json!({ "kind": "end", "rows": rows.len() });
    document.push_str(&format!("\n{end}\n"));
    Ok(document)
}

/// Value of a field. The query of a URL may be a secret.
fn shown(name: &str, value: &RawValue) -> String {
    match value.get().split_once('?') {
        Some((before, _)) if name == "url" => format!("{before}?…\""),
        _ => value.to_string(),
    }
}

/// Fields whose values are not shown.
const SECRET: &[&str] = &["headers", "secrets", "signing_secrets"];
