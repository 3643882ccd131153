//! `hookgate demo`: the main functions end to end on this machine, with a check of each promise.
//!
//! One process runs a gateway with an embedded store in a temporary directory, and a receiver
//! beside it. All requests use HTTP, as from outside. Afterwards events keep coming, for the dashboard.
//! With `--once` it ends at once, and its exit code reports whether every check passed.

mod life;
mod samples;
mod story;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::output::{Failure, bold, dim, say};
use super::receiver::Receiver;
use super::temporary::TemporaryDir;
use crate::app::App;
use crate::config::{Config, Retry};
use crate::http::{self, Server};
use hookgate_domain::units::Span;
use hookgate_runtime::telemetry::{self, Metrics};
use life::Life;
use story::{Flaky, REFUSAL, Story};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End after the last step; exit code 0 only if every check passed.
    #[arg(long)]
    once: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(demonstrate(arguments.once))
}

async fn demonstrate(once: bool) -> Result<(), Failure> {
    let dir = TemporaryDir::new("demo")?;
    let config = config(dir.path());
    telemetry::init(&config.telemetry).map_err(|error| Failure::of(&error))?;
    let shutdown = CancellationToken::new();
    let flaky = Flaky::default();
    let (receiver, arrivals) = Receiver::new(flaky.clone().judge());
    let receiver = receiver.refusing_with(REFUSAL);
    let server = Server::bind(http::Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        ..http::Config::default()
    });
    let server = server.await.map_err(|error| Failure::of(&error))?;
    let endpoint = server.url();
    let receiving = tokio::spawn(server.run(receiver.clone(), Metrics::new(), shutdown.clone()));

    let app = App::start(&config, &[]).await?;
    let (gateway, key) = (app.url(), app.operator_key().clone());
    let running = tokio::spawn(app.run(shutdown.clone()));
    let mut story = Story {
        operator: Client::new(&gateway, None, key.reveal())?,
        gateway: gateway.clone(),
        endpoint,
        receiver,
        arrivals,
        flaky,
    };
    let told = story.tell().await;
    let shown = match &told {
        Ok(tenant_key) if !once => live(&gateway, tenant_key, story).await,
        Ok(_) | Err(_) => Ok(()),
    };
    end(shutdown, [receiving, running]).await;
    told.and(shown)
}

/// Keeps the gateway busy until the user ends it.
async fn live(gateway: &str, tenant_key: &str, story: Story) -> Result<(), Failure> {
    invite(gateway, tenant_key);
    let tenant = Client::new(gateway, None, tenant_key)?;
    life::add_impatient(&tenant, &story.endpoint, &story.receiver).await?;
    life::invite(&story.operator).await?;
    let life = Life {
        tenant,
        operator: story.operator,
        arrivals: story.arrivals,
        flaky: story.flaky,
    };
    tokio::select! {
        () = life.run() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

/// Keeps the gateway running for the user, and prints requests to try.
fn invite(gateway: &str, key: &str) {
    say(bold("\nThe gateway stays up until you press Ctrl-C. Try it:"));
    say(format_args!(
        "\n    curl -s {gateway}/v1/events -H 'Authorization: Bearer {key}' \\\n      -H 'Content-Type: application/json' -d '{{\"type\":\"order.paid\",\"data\":{{\"id\":\"ord_1\",\"email\":\"x@example.com\"}}}}'"
    ));
    say(format_args!(
        "    curl -s '{gateway}/v1/events?limit=10' -H 'Authorization: Bearer {key}'"
    ));
    say(dim(&format!("\n    its API: {gateway}/docs")));
}

/// Shuts down in order, at most five seconds per task: unfinished work is discarded.
async fn end(shutdown: CancellationToken, tasks: [JoinHandle<()>; 2]) {
    shutdown.cancel();
    for task in tasks {
        let _ = tokio::time::timeout(Duration::from_secs(5), task).await;
    }
}

/// Built-in configuration on a free port, with local endpoints permitted and short retry delays.
fn config(dir: &Path) -> Config {
    let mut config = Config {
        data_dir: dir.to_owned(),
        retry: Retry {
            base: Span::from_millis(300),
            max: Span::from_secs(2),
            attempts: 8,
            ..Retry::default()
        },
        ..Config::default()
    };
    config.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.egress.allow.extend("127.0.0.0/8".parse::<ipnet::IpNet>());
    // Deliveries that are given up are in the dashboard.
    config.telemetry.level = "error".to_owned();
    config
}
