//! `hookgate tenant key`: API keys of a tenant.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::super::block_on;
use super::super::body::Object;
use super::super::output::{Failure, note, say, table};
use super::super::show::{encoded, items, joined, text, time, word};
use super::One;
use hookgate_domain::Timestamp;
use hookgate_domain::units::Span;
use hookgate_runtime::clock::Clock;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a key, and print it this once.
    #[command(after_help = "Examples:
  hookgate tenant key create acme --scopes publish > publish.key
  hookgate tenant key create acme --scopes read,manage --expires 90d
  hookgate tenant key create acme --scopes consumer --subscription sub_01J0000000000000000000000A")]
    Create(Create),
    /// List keys, with their scopes and last uses. The keys themselves are not shown.
    #[command(after_help = "Example:\n  hookgate tenant key list acme")]
    List(One),
    /// Delete a key: it is refused from then on.
    #[command(after_help = "Example:\n  hookgate tenant key delete acme key_01J0000000000000000000000A")]
    Delete(Delete),
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    tenant: One,
    /// Scopes, separated by commas; default: `auth.key_scopes` of the gateway.
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// Time at which the key expires: RFC 3339, or a span from now such as `90d`; default: never.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Limits a key with the scope `consumer` to one subscription.
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    /// SHA-256 of a key that exists, 64 hexadecimal digits, in place of a new one.
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
}

#[derive(Debug, Args)]
struct Delete {
    #[command(flatten)]
    tenant: One,
    /// Id of the key, as `list` shows it.
    #[arg(value_name = "KEY")]
    id: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Create(arguments) => block_on(create(arguments)),
        Command::List(arguments) => block_on(list(arguments)),
        Command::Delete(arguments) => block_on(delete(arguments)),
    }
}

async fn create(create: &Create) -> Result<(), Failure> {
    let expires = create.expires.as_deref().map(end).transpose()?;
    let mut body = Object::default();
    body.set_some("scopes", create.scopes.as_ref())
        .set_some("expires", expires.as_ref())
        .set_some("subscription", create.subscription.as_ref())
        .set_some("digest", create.digest.as_ref());
    let client = create.tenant.gateway.client()?;
    let made = client.submit(Method::POST, &path(&create.tenant), &body).await?;
    if create.tenant.json {
        say(made);
        return Ok(());
    }
    let about = format!("{} has the scopes {}", text(&made["id"]), joined(&made["scopes"]));
    match made["key"].as_str() {
        // The key is alone on the standard output, for a file.
        Some(key) => {
            note(format_args!("{about}; it is shown this once"));
            say(key);
        }
        None => say(about),
    }
    Ok(())
}

async fn list(tenant: &One) -> Result<(), Failure> {
    let keys = tenant
        .gateway
        .client()?
        .ask(Method::GET, &path(tenant), None)
        .await?;
    if tenant.json {
        say(keys);
        return Ok(());
    }
    let row = |key: &Value| {
        [
            word(&key["id"]),
            word(&key["hint"]),
            joined(&key["scopes"]),
            time(&key["created"]),
            match key["expired"] == true {
                true => "expired".to_owned(),
                false => time(&key["expires"]),
            },
            time(&key["last_used"]),
            word(&key["subscription"]),
        ]
    };
    let columns = [
        "KEY",
        "HINT",
        "SCOPES",
        "CREATED",
        "EXPIRES",
        "LAST USED",
        "SUBSCRIPTION",
    ];
    table(columns, &items(&keys["data"]).map(row).collect::<Vec<_>>());
    Ok(())
}

async fn delete(delete: &Delete) -> Result<(), Failure> {
    let path = format!("{}/{}", path(&delete.tenant), encoded(&delete.id));
    let client = delete.tenant.gateway.client()?;
    client.ask(Method::DELETE, &path, None).await?;
    if !delete.tenant.json {
        say(format_args!("{} is deleted", delete.id));
    }
    Ok(())
}

/// Time of an argument: RFC 3339, or a span from now.
fn end(text: &str) -> Result<String, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_string());
    }
    let span: Result<Span, _> = text.parse();
    let time = span.map(|span| Clock::System.now().plus(span.get()));
    time.map(|time| time.to_string()).map_err(|_| {
        let failure = Failure::new(format!("`{}` is no time", text.escape_default())).misconfigured();
        failure.hint("write RFC 3339 such as 2027-01-15T00:00:00Z, or a span from now such as `90d`")
    })
}

fn path(tenant: &One) -> String {
    format!("{}/keys", tenant.path())
}
