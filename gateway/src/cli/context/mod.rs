//! `hookgate context`: gateways and keys by name, in place of exported variables.

mod file;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::access::DEFAULT_URL;
use super::body;
use super::client::Client;
use super::output::{Failure, say, table};
use file::Contexts;

pub(super) use file::Context;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the contexts. Keys are not shown.
    #[command(after_help = "Example:\n  hookgate context list")]
    List(List),
    /// Use a context from now on.
    #[command(after_help = "Example:\n  hookgate context use production")]
    Use(Use),
    /// Add a context, or replace it, and use it from now on.
    #[command(after_help = "Examples:
  hookgate context add local --key-file hookgate-data/operator.key
  hookgate context add production --url https://hooks.example.com --tenant acme < key.txt")]
    Add(Add),
    /// Remove a context and its key.
    #[command(after_help = "Example:\n  hookgate context remove production")]
    Remove(Use),
}

#[derive(Debug, Args)]
struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Use {
    /// Name of the context.
    name: String,
}

#[derive(Debug, Args)]
struct Add {
    /// Name of the context.
    name: String,
    /// URL of the gateway.
    #[arg(long, default_value = DEFAULT_URL)]
    url: String,
    /// Certificate authorities (PEM) to trust beside the public ones.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Tenant that the operator acts for, with the operator's key.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// File of the key; `-` or nothing: from the standard input.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Use(Use { name }) => change(|contexts| {
            contexts
                .contexts
                .get(name)
                .ok_or_else(|| unknown(name, contexts))?;
            contexts.current = Some(name.clone());
            Ok(format!("{name} is used from now on"))
        }),
        Command::Add(arguments) => add(arguments),
        Command::Remove(Use { name }) => change(|contexts| {
            if contexts.contexts.remove(name).is_none() {
                return Err(unknown(name, contexts));
            }
            contexts.current.take_if(|current| current == name);
            Ok(format!("{name} is removed"))
        }),
    }
}

/// Context that is used, with its name.
pub(super) fn current() -> Result<Option<(String, Context)>, Failure> {
    let mut contexts = Contexts::read()?;
    let Some(name) = contexts.current.take() else {
        return Ok(None);
    };
    let context = contexts
        .contexts
        .remove(&name)
        .ok_or_else(|| unknown(&name, &contexts))?;
    Ok(Some((name, context)))
}

/// Context of this name, with its name.
pub(super) fn named(name: &str) -> Result<(String, Context), Failure> {
    let mut contexts = Contexts::read()?;
    let context = contexts.contexts.remove(name);
    let context = context.ok_or_else(|| unknown(name, &contexts))?;
    Ok((name.to_owned(), context))
}

/// Adds a context and uses it. Returns the path of the file.
pub(super) fn store(name: &str, context: Context) -> Result<PathBuf, Failure> {
    let mut contexts = Contexts::read()?;
    contexts.contexts.insert(name.to_owned(), context);
    contexts.current = Some(name.to_owned());
    contexts.write()
}

fn add(add: &Add) -> Result<(), Failure> {
    let key = body::read(add.key_file.as_deref())?;
    let key = key.trim().to_owned();
    if key.is_empty() || key.contains(char::is_whitespace) {
        let failure = Failure::new("the key is one word").misconfigured();
        return Err(failure.hint("give a file that has the key alone with `--key-file FILE`"));
    }
    // The URL is refused here and not at the first command.
    Client::new(&add.url, add.ca.as_deref(), &key).map_err(Failure::misconfigured)?;
    let path = store(
        &add.name,
        Context {
            url: add.url.clone(),
            ca: add.ca.clone(),
            tenant: add.tenant.clone(),
            key,
        },
    )?;
    say(format_args!(
        "{} is used from now on; it is kept in {}",
        add.name,
        path.display()
    ));
    Ok(())
}

fn list(list: &List) -> Result<(), Failure> {
    let contexts = Contexts::read()?;
    let is_current = |name: &String| contexts.current.as_ref() == Some(name);
    if list.json {
        let data = contexts.contexts.iter().map(|(name, context)| {
            let Context { url, ca, tenant, .. } = context;
            json!({ "name": name, "current": is_current(name), "url": url, "ca": ca, "tenant": tenant })
        });
        say(json!({ "data": data.collect::<Vec<_>>() }));
        return Ok(());
    }
    let rows = contexts.contexts.iter().map(|(name, context)| {
        [
            if is_current(name) { "*" } else { "" }.to_owned(),
            name.clone(),
            context.url.clone(),
            context.tenant.clone().unwrap_or_default(),
        ]
    });
    table(["USED", "NAME", "URL", "TENANT"], &rows.collect::<Vec<_>>());
    Ok(())
}

fn change(work: impl FnOnce(&mut Contexts) -> Result<String, Failure>) -> Result<(), Failure> {
    let mut contexts = Contexts::read()?;
    let done = work(&mut contexts)?;
    contexts.write()?;
    say(done);
    Ok(())
}

fn unknown(name: &str, contexts: &Contexts) -> Failure {
    let failure = Failure::new(format!("there is no context `{}`", name.escape_default()));
    let names: Vec<_> = contexts.contexts.keys().map(String::as_str).collect();
    failure.misconfigured().hint(match names.as_slice() {
        [] => "add one with `hookgate context add NAME --key-file FILE`".to_owned(),
        names => format!("there are {}", names.join(", ")),
    })
}
