//! `hookgate listen`: an endpoint on this machine that verifies and shows deliveries.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::output::{Failure, dim, green, say};
use super::receiver::{Arrival, Receiver};
use super::verify::{named, profiles_with};
use crate::http::{Config, Server};
use hookgate_runtime::telemetry::Metrics;

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
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// Print one JSON object per delivery.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(listen(arguments))
}

async fn listen(arguments: &Arguments) -> Result<(), Failure> {
    let status = arguments.status;
    let profiles = profiles_with(&arguments.profile, arguments.config.as_ref())?;
    let profile = Arc::clone(named(&profiles, &arguments.profile)?);
    let (receiver, mut arrivals) = Receiver::of(profile, move |_| status);
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
    if !arguments.json {
        say(format_args!("listening on {}", server.url()));
    }
    let shutdown = CancellationToken::new();
    let showing = async {
        while let Some(arrival) = arrivals.recv().await {
            show(&arrival, arguments.json);
        }
    };
    tokio::select! {
        () = server.run(receiver, Metrics::new(), shutdown.clone()) => {}
        () = showing => {}
        _ = tokio::signal::ctrl_c() => shutdown.cancel(),
    }
    Ok(())
}

fn show(arrival: &Arrival, as_json: bool) {
    let signature = match &arrival.genuine {
        None => "not checked: no --secret".to_owned(),
        Some(Ok(())) => "genuine".to_owned(),
        Some(Err(error)) => format!("NOT genuine: {error}"),
    };
    let body: Value = serde_json::from_slice(&arrival.body).unwrap_or_default();
    if as_json {
        say(json!({
            "id": arrival.id, "path": arrival.path, "signature": signature, "answered": arrival.answered, "body": body,
        }));
        return;
    }
    let mark = if matches!(arrival.genuine, Some(Ok(()))) {
        green(&signature)
    } else {
        signature
    };
    say(format_args!(
        "{} {} signature {mark}, answered {}",
        arrival.id,
        dim(&arrival.path),
        arrival.answered
    ));
    say(serde_json::to_string_pretty(&body).unwrap_or_default());
}
