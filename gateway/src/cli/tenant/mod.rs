//! `hookgate tenant`: tenants of a running gateway, for its operator.

mod key;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::access::AsOperator;
use super::block_on;
use super::context::{self, Context};
use super::list::{self, Paging, Query};
use super::output::{Failure, bold, note, say};
use super::show::{encoded, facts, items, text, time, word};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List tenants by name.
    #[command(after_help = "Example:\n  hookgate tenant list")]
    List(List),
    /// Show a tenant, its keys and the use of its quotas.
    #[command(after_help = "Example:\n  hookgate tenant show acme")]
    Show(One),
    /// Create a tenant. Its first key is shown this once, or kept with `--use`.
    #[command(after_help = "Examples:
  hookgate tenant create acme
  hookgate tenant create acme --use
  hookgate tenant create acme --quota events_per_second=100 --quota stored_bytes=10GiB")]
    Create(Create),
    /// Delete a tenant with its keys, subscriptions, chain, plugins and events.
    #[command(after_help = "Example:\n  hookgate tenant delete acme --yes")]
    Delete(Delete),
    /// Create, list and delete API keys of a tenant.
    Key(key::Arguments),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    gateway: AsOperator,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct One {
    /// Name of the tenant.
    name: String,
    #[command(flatten)]
    gateway: AsOperator,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    one: One,
    /// Profile, the tenant's public contract; default: `standard`.
    #[arg(long)]
    profile: Option<String>,
    /// Quota of the tenant, such as `events_per_second=100`.
    #[arg(long = "quota", value_name = "NAME=VALUE")]
    quotas: Vec<String>,
    /// Do not store the metadata of events.
    #[arg(long)]
    drop_metadata: bool,
    /// Keep the key as a context of the tenant's name in place of printing it, and use it from now
    /// on.
    #[arg(long = "use")]
    keep: bool,
}

#[derive(Debug, Args)]
struct Delete {
    #[command(flatten)]
    one: One,
    /// Confirm that everything of the tenant is deleted.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => block_on(list(arguments)),
        Command::Show(arguments) => block_on(show(arguments)),
        Command::Create(arguments) => block_on(create(arguments)),
        Command::Delete(arguments) => block_on(delete(arguments)),
        Command::Key(arguments) => key::run(arguments),
    }
}

async fn list(list: &List) -> Result<(), Failure> {
    let client = list.gateway.client()?;
    let columns = ["NAME", "PROFILE", "SUBSCRIPTIONS", "CREATED"];
    let row = |tenant: &Value| {
        [
            word(&tenant["id"]),
            word(&tenant["profile"]),
            word(&tenant["subscriptions"]),
            time(&tenant["created"]),
        ]
    };
    let of = (PATH, &Query::default());
    list::print(&client, of, &list.paging, list.json, (columns, row)).await
}

async fn show(one: &One) -> Result<(), Failure> {
    let client = one.gateway.client()?;
    let path = one.path();
    let mut tenant = client.ask(Method::GET, &path, None).await?;
    let usage = client.ask(Method::GET, &format!("{path}/usage"), None).await?;
    let keys = client.ask(Method::GET, &format!("{path}/keys"), None).await?;
    if one.json {
        tenant["usage"] = usage;
        tenant["keys"] = keys["data"].clone();
        say(tenant);
        return Ok(());
    }
    facts(&[
        ("tenant", bold(text(&tenant["id"]))),
        ("profile", word(&tenant["profile"])),
        (
            "metadata",
            if tenant["keep_metadata"] == true {
                "stored"
            } else {
                "dropped"
            }
            .to_owned(),
        ),
        ("created", time(&tenant["created"])),
        ("subscriptions", amount(&usage["subscriptions"])),
    ]);
    let quotas = usage["quotas"].as_object().into_iter().flatten();
    let quotas: Vec<_> = quotas.map(|(name, of)| (name.as_str(), amount(of))).collect();
    facts(&quotas);
    for key in items(&keys["data"]) {
        let scopes = super::show::joined(&key["scopes"]);
        let ends = match (key["expired"] == true, key["expires"].is_null()) {
            (true, _) => ", expired".to_owned(),
            (false, false) => format!(", until {}", time(&key["expires"])),
            (false, true) => String::new(),
        };
        let used = match &key["last_used"] {
            Value::Null => "never used".to_owned(),
            used => format!("used {}", time(used)),
        };
        say(format_args!(
            "key  {}  {}  {scopes}  {used}{ends}",
            text(&key["id"]),
            text(&key["hint"])
        ));
    }
    Ok(())
}

/// Used amount with its limit.
fn amount(of: &Value) -> String {
    match (&of["limit"], &of["period"]) {
        (Value::Null, Value::Null) => word(&of["used"]),
        (Value::Null, _) => "no limit".to_owned(),
        (limit, Value::Null) => format!("{} of {limit}", word(&of["used"])),
        (limit, period) => format!("{limit} in {}", text(period)),
    }
}

async fn create(create: &Create) -> Result<(), Failure> {
    let mut body = Map::from_iter([("id".to_owned(), json!(create.one.name))]);
    if let Some(profile) = &create.profile {
        body.insert("profile".to_owned(), json!(profile));
    }
    if create.drop_metadata {
        body.insert("keep_metadata".to_owned(), json!(false));
    }
    if !create.quotas.is_empty() {
        let quotas: Result<Map<_, _>, _> = create.quotas.iter().map(|text| quota(text)).collect();
        body.insert("quotas".to_owned(), Value::Object(quotas?));
    }
    let client = create.one.gateway.client()?;
    let mut made = client.ask(Method::POST, PATH, Some(&Value::Object(body))).await?;
    let key = text(&made["key"]).to_owned();
    if create.keep {
        let address = create.one.gateway.address();
        let kept = context::store(
            &create.one.name,
            Context {
                url: address.url()?,
                ca: address.ca()?,
                tenant: None,
                key: key.clone(),
            },
        );
        match kept {
            // The key is shown this once: it is not lost where it cannot be kept.
            Err(failure) => {
                say(format_args!("key  {key}"));
                return Err(failure.prefixed("the tenant was created, and its key cannot be kept"));
            }
            Ok(_) => made["key"].take(),
        };
    }
    if create.one.json {
        say(made);
        return Ok(());
    }
    say(format_args!("tenant {} is created", create.one.name));
    if create.keep {
        say(format_args!(
            "its key is kept as the context {0}, which is used from now on",
            create.one.name
        ));
    } else {
        facts(&[("key", key), ("signing secret", word(&made["signing_secret"]))]);
        note("the key is shown this once");
    }
    Ok(())
}

/// Name and value of a quota.
fn quota(text: &str) -> Result<(String, Value), Failure> {
    let Some((name, value)) = text.split_once('=') else {
        let failure = Failure::new(format!("`{}` is no quota", text.escape_default())).misconfigured();
        return Err(failure.hint("write NAME=VALUE such as `events_per_second=100`"));
    };
    let number: Option<serde_json::Number> = serde_json::from_str(value).ok();
    Ok((
        name.to_owned(),
        number.map_or_else(|| json!(value), Value::Number),
    ))
}

async fn delete(delete: &Delete) -> Result<(), Failure> {
    let name = &delete.one.name;
    if !delete.yes {
        let failure = Failure::new(format!(
            "the tenant {name} would be deleted with its keys, subscriptions and events"
        ));
        return Err(failure.misconfigured().hint("confirm it with `--yes`"));
    }
    let client = delete.one.gateway.client()?;
    client.ask(Method::DELETE, &delete.one.path(), None).await?;
    if !delete.one.json {
        say(format_args!("tenant {name} is deleted"));
    }
    Ok(())
}

impl One {
    fn path(&self) -> String {
        format!("{PATH}/{}", encoded(&self.name))
    }
}

const PATH: &str = "/v1/tenants";
