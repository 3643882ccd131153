//! `hookgate attempt`: the attempt log of a tenant.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::access::AsTenant;
use super::block_on;
use super::list::{self, Filters, Paging};
use super::output::Failure;
use super::show::{outcome, text, time, word};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List attempts, newest first.
    #[command(after_help = "Examples:
  hookgate attempt list --status-class network --since 1h
  hookgate attempt list --query evt_01J0000000000000000000000A")]
    List(List),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    paging: Paging,
    /// Of all tenants, with the operator's key.
    #[arg(long)]
    all_tenants: bool,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::List(list) = &arguments.command;
    block_on(print(list))
}

async fn print(list: &List) -> Result<(), Failure> {
    let mut query = list.filters.query()?;
    let (client, path) = if list.all_tenants {
        query.add("tenant", list.gateway.tenant());
        (list.gateway.operator()?, "/v1/operator/attempts")
    } else {
        (list.gateway.client()?, "/v1/attempts")
    };
    let columns = ["AT", "DELIVERY", "TYPE", "NUMBER", "OUTCOME", "MS", "STATUS"];
    let row = |attempt: &Value| {
        let tenant = attempt["tenant"].as_str().map(|tenant| format!("{tenant} "));
        [
            time(&attempt["at"]),
            format!("{}{}", tenant.unwrap_or_default(), text(&attempt["delivery"])),
            word(&attempt["type"]),
            word(&attempt["number"]),
            outcome(&attempt["outcome"], &attempt["response_status"]),
            word(&attempt["took_ms"]),
            word(&attempt["status"]),
        ]
    };
    list::print(&client, (path, &query), &list.paging, list.json, (columns, row)).await
}
