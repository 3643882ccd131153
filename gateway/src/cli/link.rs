//! `hookgate link` and `hookgate session`: links into the portal and the dashboard, and the end of
//! the sessions that they began.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::access::{AsOperator, AsTenant};
use super::block_on;
use super::body::Object;
use super::list::Query;
use super::output::{Failure, note, say};
use super::show::{text, time};
use crate::ui::Capability;
use hookgate_domain::units::Span;

#[derive(Debug, Args)]
pub(super) struct Links {
    #[command(subcommand)]
    command: Link,
}

#[derive(Debug, Subcommand)]
enum Link {
    /// Create a link into the portal of the tenant, and print its URL.
    #[command(after_help = "Examples:
  hookgate link portal
  hookgate link portal --capabilities view,payloads,retry --types 'invoice.*' --session user-42
  hookgate link portal --tenant acme --ttl 8h --next '/deliveries?status=dead'")]
    Portal(Box<Portal>),
    /// Create a link into the dashboard, for the operator, and print its URL.
    #[command(after_help = "Example:\n  hookgate link dashboard --ttl 8h")]
    Dashboard(Dashboard),
}

#[derive(Debug, Args)]
pub(super) struct Sessions {
    #[command(subcommand)]
    command: Session,
}

#[derive(Debug, Subcommand)]
enum Session {
    /// End portal sessions of the tenant and links that were not used: all, or those of a label.
    #[command(after_help = "Examples:
  hookgate session end-portal --session user-42
  hookgate session end-portal --tenant acme")]
    EndPortal(EndPortal),
    /// End all sessions of the dashboard, and the links that were not used, for the operator.
    #[command(after_help = "Example:\n  hookgate session end-dashboard")]
    EndDashboard(EndDashboard),
}

#[derive(Debug, Args)]
struct Portal {
    /// Permitted actions, separated by commas; default: `view`.
    #[arg(long, value_name = "CAPABILITIES", value_delimiter = ',', value_parser = Capability::ALL.map(Capability::name))]
    capabilities: Option<Vec<String>>,
    /// Label by which the session can be ended, such as the user's name.
    #[arg(long, value_name = "LABEL")]
    session: Option<String>,
    /// Event types that the session sees: patterns separated by commas; default: all.
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    types: Option<Vec<String>>,
    /// Limits the session to consumers' subscriptions.
    #[arg(long)]
    consumer: bool,
    /// Limits the session to one subscription and its deliveries.
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Dashboard {
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    gateway: AsOperator,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of every link.
#[derive(Debug, Args)]
struct Page {
    /// Time after which the session ends, however often it is renewed: up to `24h`; default: `1h`.
    #[arg(long, value_name = "SPAN")]
    ttl: Option<Span>,
    /// Path within the pages to open first, such as `/deliveries?status=dead`.
    #[arg(long, value_name = "PATH")]
    next: Option<String>,
    /// Theme of the pages; default: the browser's.
    #[arg(long, value_parser = ["auto", "light", "dark"])]
    theme: Option<String>,
}

#[derive(Debug, Args)]
struct EndPortal {
    /// Only sessions with this label; default: all.
    #[arg(long, value_name = "LABEL")]
    session: Option<String>,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct EndDashboard {
    #[command(flatten)]
    gateway: AsOperator,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

/// Creates a link.
pub(super) fn run(arguments: &Links) -> Result<(), Failure> {
    match &arguments.command {
        Link::Portal(arguments) => block_on(portal(arguments)),
        Link::Dashboard(arguments) => block_on(dashboard(arguments)),
    }
}

/// Ends sessions.
pub(super) fn run_session(arguments: &Sessions) -> Result<(), Failure> {
    match &arguments.command {
        Session::EndPortal(arguments) => block_on(end_portal(arguments)),
        Session::EndDashboard(arguments) => block_on(end_dashboard(arguments)),
    }
}

async fn portal(portal: &Portal) -> Result<(), Failure> {
    let mut body = portal.page.body();
    body.set_some("capabilities", portal.capabilities.as_ref())
        .set_some("session", portal.session.as_ref())
        .set_some("types", portal.types.as_ref())
        .set_some("consumer", portal.consumer.then_some(&true))
        .set_some("subscription", portal.subscription.as_ref());
    let client = portal.gateway.client()?;
    print(
        &client.submit(Method::POST, "/v1/portal-links", &body).await?,
        portal.json,
    );
    Ok(())
}

async fn dashboard(dashboard: &Dashboard) -> Result<(), Failure> {
    let client = dashboard.gateway.client()?;
    let path = "/v1/operator/dashboard-links";
    let made = client.submit(Method::POST, path, &dashboard.page.body()).await?;
    print(&made, dashboard.json);
    Ok(())
}

/// Prints the URL of a link alone, and its times beside.
fn print(link: &Value, as_json: bool) {
    if as_json {
        say(link);
        return;
    }
    note(format_args!(
        "it works once, until {}; the session ends at {}",
        time(&link["code_expires"]),
        time(&link["expires"])
    ));
    say(text(&link["url"]));
}

async fn end_portal(end: &EndPortal) -> Result<(), Failure> {
    let path = Query::default()
        .add("session", end.session.as_deref())
        .of("/v1/portal-sessions");
    end.gateway.client()?.ask(Method::DELETE, &path, None).await?;
    if !end.json {
        say(match &end.session {
            Some(label) => format!("the portal sessions of {} have ended", label.escape_default()),
            None => "all portal sessions of the tenant have ended".to_owned(),
        });
    }
    Ok(())
}

async fn end_dashboard(end: &EndDashboard) -> Result<(), Failure> {
    let path = "/v1/operator/dashboard-sessions";
    end.gateway.client()?.ask(Method::DELETE, path, None).await?;
    if !end.json {
        say("all sessions of the dashboard have ended");
    }
    Ok(())
}

impl Page {
    fn body(&self) -> Object {
        let mut body = Object::default();
        body.set_some("ttl", self.ttl.as_ref())
            .set_some("next", self.next.as_ref())
            .set_some("theme", self.theme.as_ref());
        body
    }
}
