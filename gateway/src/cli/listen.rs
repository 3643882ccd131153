//! `hookgate listen`: an endpoint on this machine that verifies and shows deliveries, passes them on
//! to an application, and sends them again.

mod input;
mod kept;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use http::Method;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::access::AsTenant;
use super::block_on;
use super::body::Object;
use super::client::Client;
use super::output::{Failure, dim, green, note, red_out, say, table};
use super::plugin::pretty;
use super::receiver::{Arrival, Receiver};
use super::show::plain;
use super::subscription::{self, Created};
use super::verify::{named, profiles_with};
use crate::http::{Config, Server};
use hookgate_runtime::telemetry::Metrics;
use input::Typed;
use kept::Kept;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Port; 0 takes a free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Signing secret or public key; several during a rotation.
    #[arg(long, value_name = "SECRET", env = "HG_SECRET", hide_env_values = true)]
    secret: Vec<String>,
    /// Profile of the deliveries: a shipped one, or one of the configuration.
    #[arg(long, default_value = hookgate_contract::profile::STANDARD)]
    profile: String,
    /// Configuration file with custom profiles; by default `hookgate.toml` in this directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Status of the responses.
    #[arg(long, default_value_t = 200, conflicts_with = "forward")]
    status: u16,
    /// Create a subscription to these event types (patterns separated by commas; default: all), and
    /// delete it at the end.
    #[arg(long, value_name = "PATTERNS", num_args = 0..=1, default_missing_value = "*")]
    subscribe: Option<String>,
    /// URL under which the gateway reaches this endpoint; default: http://127.0.0.1 and the port.
    #[arg(long, value_name = "URL", requires = "subscribe")]
    public_url: Option<String>,
    /// Pass each delivery on to this URL, and answer with its status.
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Number of deliveries that are kept to be listed and sent again.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    keep: u16,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print one JSON object per delivery.
    #[arg(long)]
    json: bool,
}

/// Deliveries that arrived, and the application that they go to.
struct Session {
    kept: Kept,
    application: Option<Client>,
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    block_on(listen(arguments))
}

async fn listen(arguments: &Arguments) -> Result<(), Failure> {
    let status = arguments.status;
    let profiles = profiles_with(&arguments.profile, arguments.config.as_ref())?;
    let profile = Arc::clone(named(&profiles, &arguments.profile)?);
    let application = arguments.forward.as_deref().map(|url| Client::new(url, None, ""));
    let application = application.transpose().map_err(Failure::misconfigured)?;
    // Before the port is taken: without a key nothing is begun.
    let gateway = arguments.subscribe.as_ref().map(|_| arguments.gateway.client());
    let gateway = gateway.transpose()?;
    let (receiver, arrivals) = Receiver::of(profile, move |_| status);
    let receiver = receiver.forwarding(application.clone());
    for secret in &arguments.secret {
        if !receiver.trust(secret) {
            let failure = Failure::new(format!(
                "the secret is none of the profile `{}`",
                arguments.profile
            ));
            return Err(failure.hint("the answer to making the subscription has it"));
        }
    }
    let config = Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)),
        ..Config::default()
    };
    let server = Server::bind(config).await.map_err(|error| Failure::of(&error))?;
    let url = server.url();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(server.run(receiver.clone(), Metrics::new(), shutdown.clone()));
    let mut session = Session {
        kept: Kept::new(usize::from(arguments.keep)),
        application,
        json: arguments.json,
    };
    let subscribed = match (&gateway, &arguments.subscribe) {
        (Some(gateway), Some(events)) => {
            Some(subscribe(arguments, gateway, (&url, events), &receiver).await?)
        }
        _ => None,
    };
    if !arguments.json {
        say(format_args!("listening on {url}"));
    }
    let ended = session.show(arrivals).await;
    let removed = match (&gateway, &subscribed) {
        (Some(gateway), Some(created)) => unsubscribe(gateway, created).await,
        _ => Ok(()),
    };
    shutdown.cancel();
    serving.abort();
    ended.and(removed)
}

/// Registers the endpoint, and verifies with the secret of the subscription from then on.
async fn subscribe(
    arguments: &Arguments,
    gateway: &Client,
    (own, events): (&str, &str),
    receiver: &Receiver,
) -> Result<Created, Failure> {
    let url = arguments.public_url.as_deref().unwrap_or(own);
    let created = subscription::create(gateway, url, events, "hookgate listen").await?;
    if let Some(secret) = &created.verifies_with
        && !receiver.trust(secret)
    {
        note(format_args!(
            "signatures are not checked: the secret is none of the profile `{}`",
            arguments.profile
        ));
    }
    note(format_args!("subscribed to {events} as {}", created.id));
    Ok(created)
}

async fn unsubscribe(gateway: &Client, created: &Created) -> Result<(), Failure> {
    let path = subscription::path(&created.id);
    let deleted = gateway.ask(Method::DELETE, &path, None).await;
    deleted.map_err(|failure| {
        let id = &created.id;
        let failure = failure.prefixed(&format!("the subscription {id} is left"));
        failure.hint(format!("delete it with `hookgate subscription delete {id}`"))
    })?;
    note(format_args!("unsubscribed {}", created.id));
    Ok(())
}

impl Session {
    /// Shows deliveries and does what is typed, until a signal.
    async fn show(&mut self, mut arrivals: UnboundedReceiver<Arrival>) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::of(&error);
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
        let mut lines = input::read();
        let mut is_read = true;
        loop {
            tokio::select! {
                Some(arrival) = arrivals.recv() => self.arrived(arrival),
                typed = lines.recv(), if is_read => match typed {
                    Some(Typed::Quit) => return Ok(()),
                    Some(Typed::Resend(number)) => self.resend(number).await,
                    Some(Typed::List) => self.list(),
                    Some(Typed::Help) => note("r NUMBER: send it again to --forward; l: list; q: end"),
                    None => is_read = false,
                },
                _ = tokio::signal::ctrl_c() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = hang_up.recv() => return Ok(()),
            }
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let number = self.kept.add(arrival);
        let Some(arrival) = self.kept.get(number) else {
            return;
        };
        let signature = match &arrival.genuine {
            None => "not checked: no --secret".to_owned(),
            Some(Ok(())) => "genuine".to_owned(),
            Some(Err(error)) => format!("NOT genuine: {error}"),
        };
        let body: Option<Box<RawValue>> = serde_json::from_slice(&arrival.body).ok();
        if self.json {
            let mut line = Object::default();
            line.set("number", &number)
                .set("id", &arrival.id)
                .set("path", &arrival.path)
                .set("signature", &signature)
                .set("answered", &arrival.answered)
                .set_some("failure", arrival.failure.as_ref())
                .set("body", &body);
            say(serde_json::to_string(&line).unwrap_or_default());
            return;
        }
        let mark = match &arrival.genuine {
            Some(Ok(())) => green(&signature),
            Some(Err(_)) => red_out(&signature),
            None => signature,
        };
        let from = if self.application.is_some() {
            ", as the application"
        } else {
            ""
        };
        say(format_args!(
            "[{number}] {} {} signature {mark}, answered {}{from}",
            plain(&arrival.id),
            dim(&plain(&arrival.path)),
            arrival.answered
        ));
        if let Some(failure) = &arrival.failure {
            say(red_out(failure));
        }
        match body {
            Some(body) => say(pretty(&body)),
            None => say(format_args!("{} bytes that are not JSON", arrival.body.len())),
        }
    }

    async fn resend(&self, number: usize) {
        let Some(application) = &self.application else {
            note("there is nothing to send it to: start with `--forward URL`");
            return;
        };
        let Some(arrival) = self.kept.get(number) else {
            note(format_args!("there is no delivery {number}; `l` lists them"));
            return;
        };
        let sent = application
            .pass_on(Method::POST, arrival.headers.clone(), arrival.body.clone())
            .await;
        match sent {
            Ok(status) if self.json => say(json!({ "resent": number, "answered": status })),
            Ok(status) => say(format_args!("[{number}] sent again, answered {status}")),
            Err(failure) => {
                for (told, _) in failure.told() {
                    note(format_args!("[{number}] {told}"));
                }
            }
        }
    }

    fn list(&self) {
        let rows = self.kept.iter().map(|(number, arrival)| {
            let id = plain(&arrival.id);
            [
                number.to_string(),
                id,
                arrival.answered.to_string(),
                arrival.body.len().to_string(),
            ]
        });
        table(["NUMBER", "ID", "ANSWERED", "BYTES"], &rows.collect::<Vec<_>>());
    }
}
