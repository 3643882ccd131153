//! State of a tenant in a gateway, as its export and its chains show it.

use std::path::Path;

use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::chain;
use super::tenant_file::{self, Row, TenantFile, text};
use crate::cli::client::Client;
use crate::cli::output::Failure;
use crate::cli::show::{encoded, items};
use crate::cli::subscription;

/// Rows of a tenant, by kind and id, in the order of the export.
pub(super) struct State {
    client: Client,
    rows: indexmap::IndexMap<(String, String), Row>,
}

/// Chain, as the gateway shows it.
#[derive(Deserialize)]
struct Chain {
    steps: Box<RawValue>,
}

impl State {
    /// Reads the state of a tenant; `None`: there is no such tenant.
    pub(super) async fn read(client: &Client, tenant: &str) -> Result<Option<Self>, Failure> {
        let client = client.clone().acting_for(Some(tenant));
        let text = match client.text("/v1/export").await {
            Ok(text) => text,
            Err(failure) if failure.is_status(404) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let mut rows = indexmap::IndexMap::new();
        let mut is_whole = false;
        for line in text.lines().skip(1) {
            let row: Row = serde_json::from_str(line).map_err(|error| Failure::of(&error))?;
            let kind = tenant_file::text(&row, "kind").unwrap_or_default();
            is_whole = kind == "end";
            let id = match kind.as_str() {
                "tenant" => Some(tenant.to_owned()),
                "event_type" => tenant_file::text(&row, "type"),
                "subscription" => tenant_file::text(&row, "id"),
                _ => None,
            };
            rows.extend(id.map(|id| ((kind, id), row)));
        }
        if !is_whole {
            return Err(Failure::new(format!("the export of {tenant} was cut off")));
        }
        Ok(Some(Self { client, rows }))
    }

    /// Row of an object.
    pub(super) fn row(&self, kind: &str, id: &str) -> Option<&Row> {
        self.rows.get(&(kind.to_owned(), id.to_owned()))
    }

    /// Ids of a kind.
    pub(super) fn ids(&self, kind: &str) -> impl Iterator<Item = &str> {
        let of = self.rows.keys().filter(move |(one, _)| one == kind);
        of.map(|(_, id)| id.as_str())
    }

    /// Status of a subscription, and the reason if it is disabled.
    pub(super) fn status(&self, id: &str) -> Option<[Option<Box<RawValue>>; 2]> {
        let row = self.row("subscription", id)?;
        Some(["status", "disabled"].map(|name| row.get(name).cloned()))
    }

    /// Steps of the tenant's chain, or of a subscription's.
    pub(super) async fn chain(&self, subscription: Option<&str>) -> Result<Box<RawValue>, Failure> {
        let chain: Chain = self.client.get(&chain_path(subscription)).await?;
        Ok(chain.steps)
    }

    /// Content of the tenant's file, without secrets.
    async fn to_file(&self, tenant: &str) -> Result<TenantFile, Failure> {
        let mut content = TenantFile {
            chain: self.steps(None).await?,
            ..TenantFile::default()
        };
        if let Some(mut row) = self.row("tenant", tenant).cloned() {
            content.profile = row.shift_remove("profile");
            content.quotas = row.shift_remove("quotas");
            content.keep_metadata = row.shift_remove("keep_metadata");
        }
        for ((kind, id), row) in &self.rows {
            let mut row = row.clone();
            row.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
            match kind.as_str() {
                "event_type" => content.event_types.push(row),
                "subscription" => {
                    if !self.is_asked(id) {
                        row.shift_remove("status");
                    }
                    let chain = self.steps(Some(id)).await?;
                    row.extend(chain.map(|chain| ("chain".to_owned(), chain)));
                    content.subscriptions.push(row);
                }
                _ => {}
            }
        }
        Ok(content)
    }

    /// Returns `true` if a subscription is disabled because somebody asked for it.
    fn is_asked(&self, id: &str) -> bool {
        let row = self.row("subscription", id);
        let disabled = row.and_then(|row| row.get("disabled"));
        let disabled: Option<Row> = disabled.and_then(|raw| serde_json::from_str(raw.get()).ok());
        disabled.is_some_and(|disabled| text(&disabled, "reason").is_none_or(|reason| reason == "asked"))
    }

    /// Steps of a chain for a file; `None`: it has none.
    async fn steps(&self, subscription: Option<&str>) -> Result<Option<Box<RawValue>>, Failure> {
        let steps = self.chain(subscription).await?;
        let is_empty = chain::count(&steps)? == 0;
        (!is_empty).then(|| chain::for_file(&steps)).transpose()
    }
}

/// Path of the tenant's chain, or of a subscription's.
pub(super) fn chain_path(subscription: Option<&str>) -> String {
    match subscription {
        None => "/v1/chain".to_owned(),
        Some(id) => format!("{}/chain", subscription::path(id)),
    }
}

/// Path of an object that can be deleted.
pub(super) fn path(kind: &str, id: &str) -> String {
    match kind {
        "event_type" => format!("/v1/event-types/{}", encoded(id)),
        _ => subscription::path(id),
    }
}

/// Writes the file of one tenant, or of all, to a directory. Returns the number of files.
pub(in crate::cli) async fn export(
    client: &Client,
    only: Option<&str>,
    dir: &Path,
) -> Result<usize, Failure> {
    let names = match only {
        Some(name) => vec![name.to_owned()],
        None => tenants(client).await?,
    };
    for name in &names {
        let Some(state) = State::read(client, name).await? else {
            // One that was listed may be deleted by now.
            if only.is_some() {
                return Err(Failure::new(format!("the tenant {name} does not exist")));
            }
            continue;
        };
        tenant_file::write(dir, name, &state.to_file(name).await?)?;
    }
    Ok(names.len())
}

async fn tenants(client: &Client) -> Result<Vec<String>, Failure> {
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let mut query = crate::cli::list::Query::default();
        query.add("limit", Some("500")).add("cursor", cursor.as_deref());
        let page = client.ask(Method::GET, &query.of("/v1/tenants"), None).await?;
        names.extend(items(&page["data"]).map(|tenant| crate::cli::show::text(&tenant["id"]).to_owned()));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(names);
        }
    }
}

/// Fields of an export's row that a tenant file does not have.
const LEFT_OUT: &[&str] = &[
    "kind",
    "tenant",
    "secrets",
    "signing_secrets",
    "headers",
    "created",
    "disabled",
];
