//! `hookgate apply`: makes a gateway's tenants as their files describe them.
//!
//! Everything is planned first, with the gateway's own dry run of an import, and nothing is changed
//! if a part is refused. A chain is set before events can pass without it: that of a tenant before
//! its subscriptions, and a new subscription is disabled until it has its own.

mod chain;
mod plan;
mod state;
mod tenant_file;

use std::path::PathBuf;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::block_on;
use super::client::{Client, refused};
use super::export::Gateway;
use super::output::{Failure, green, red_out, say, yellow};
use plan::{Change, Kind, Plan};

pub(super) use state::export;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory with a file per tenant, `TENANT.json` or `TENANT.toml`; or one such file.
    #[arg(short = 'f', long = "file", value_name = "DIR")]
    file: PathBuf,
    /// Change nothing, and show what would change.
    #[arg(long)]
    plan: bool,
    /// Delete subscriptions, event types and chains of these tenants that their files do not
    /// have. Tenants are never deleted.
    #[arg(long)]
    prune: bool,
    /// Only this tenant, for which a key of it with the scopes `manage` and `read` suffices.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
    /// Print the changes as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let content = tenant_file::read(&arguments.file, arguments.tenant.as_deref())?;
    block_on(async {
        let client = arguments.gateway.client(None)?;
        let mut plans = Vec::new();
        for (tenant, content) in &content {
            plans.push(Plan::make(&client, tenant, content, arguments.prune).await?);
        }
        let changes: Vec<_> = plans.iter().flat_map(|plan| &plan.changes).collect();
        if !arguments.json {
            changes.iter().for_each(|change| show(change));
        }
        if !arguments.plan {
            for plan in &plans {
                apply(&client, plan).await.map_err(|failure| {
                    failure.prefixed(&format!(
                        "tenant {}, before which everything is applied",
                        plan.tenant
                    ))
                })?;
            }
        }
        summary(arguments, &changes, plans.iter().map(|plan| plan.unlisted).sum());
        Ok(())
    })
}

async fn apply(client: &Client, plan: &Plan) -> Result<(), Failure> {
    let own = client.clone().acting_for(Some(&plan.tenant));
    let (of_tenant, of_subscriptions): (Vec<_>, Vec<_>) =
        plan.chains.iter().partition(|chain| chain.subscription.is_none());
    if !plan.is_new {
        set(&own, &of_tenant).await?;
    }
    if plan.has_rows {
        if plan.begins_disabled {
            import(client, plan, "true").await?;
        } else {
            import(client, plan, "false").await?;
        }
    }
    if plan.is_new {
        set(&own, &of_tenant).await?;
    }
    set(&own, &of_subscriptions).await?;
    if plan.has_rows && plan.begins_disabled {
        import(client, plan, "false").await?;
    }
    for (kind, id) in &plan.deletions {
        own.ask(Method::DELETE, &state::path(kind, id), None).await?;
    }
    Ok(())
}

async fn set(own: &Client, chains: &[&plan::Chain]) -> Result<(), Failure> {
    for chain in chains {
        let path = state::chain_path(chain.subscription.as_deref());
        let body = tenant_file::Row::from_iter([("steps".to_owned(), chain.steps.clone())]);
        own.submit(Method::PUT, &path, &body).await?;
    }
    Ok(())
}

async fn import(client: &Client, plan: &Plan, disabled: &str) -> Result<(), Failure> {
    let answer = plan.send(client, "false", disabled).await?;
    match answer.status {
        200 => Ok(()),
        _ => Err(plan.refusal(&answer.body).unwrap_or_else(|| refused(&answer))),
    }
}

fn show(change: &Change) {
    let Change { tenant, kind, id, .. } = change;
    let of = if *kind == "tenant" {
        String::new()
    } else {
        format!(" of {tenant}")
    };
    let line = format!("{} {}{of}", kind.replace('_', " "), super::show::plain(id));
    say(match change.is {
        Kind::Created => green(&format!("+ {line}")),
        Kind::Changed => yellow(&format!("~ {line}")),
        Kind::Deleted => red_out(&format!("- {line}")),
    });
    for field in &change.fields {
        let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "none".to_owned(), shortened);
        match (&field.old, &field.new) {
            (None, None) => say(format_args!("    {}", field.name)),
            (old, new) => say(format_args!(
                "    {}: {} -> {}",
                field.name,
                shown(old),
                shown(new)
            )),
        }
    }
}

/// Beginning of a long text.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn summary(arguments: &Arguments, changes: &[&Change], unlisted: u64) {
    let count = |kind: Kind| changes.iter().filter(|change| change.is == kind).count();
    let (created, changed, deleted) = (count(Kind::Created), count(Kind::Changed), count(Kind::Deleted));
    if arguments.json {
        let list: Vec<Value> = changes.iter().map(|change| change.to_json()).collect();
        say(json!({
            "plan": arguments.plan, "created": created, "changed": changed, "deleted": deleted,
            "more": unlisted, "changes": list,
        }));
        return;
    }
    if unlisted > 0 {
        say(format_args!("{unlisted} more changes are not listed"));
    }
    if changes.is_empty() && unlisted == 0 {
        say("no changes");
        return;
    }
    let would = if arguments.plan { "would be " } else { "" };
    say(format_args!(
        "{would}created {created}, changed {changed}, deleted {deleted}"
    ));
}

/// Maximum number of characters of a shown value.
const WIDEST: usize = 120;
