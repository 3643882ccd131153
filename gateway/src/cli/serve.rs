//! `hookgate serve`: runs the gateway.

use std::io::IsTerminal as _;
use std::sync::Arc;

use clap::Args;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::output::{Failure, say};
use super::{Settings, notify};
use crate::app::{App, ReloadError, Reloadable, StartError};
use crate::config::{Loaded, Refused, Values};
use hookgate_contract::profile::Profiles;
use hookgate_registry::DeclaredTenant;
use hookgate_runtime::telemetry::{self, LogLevel};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// Accept an empty or different store in place of the previous one (`store.accept_new`).
    #[arg(long)]
    new_store: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = &arguments.settings;
    // Files of the gateway are accessible to its own user only.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let loaded = settings.load()?;
    let declared = loaded.config.declared_tenants()?;
    let log = telemetry::init(&loaded.config.telemetry).map_err(|error| Failure::of(&error))?;
    leave_no_core();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(serve(&loaded, &declared, arguments, log))
}

/// Disables core dumps and foreign debuggers, which would reveal keys and events in memory.
/// A system that cannot prevent that is reported in the log.
fn leave_no_core() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none);
    if let Err(error) = limited.and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable)) {
        warn!(%error, "gateway.may_leave_a_core");
    }
}

async fn serve(
    loaded: &Loaded,
    declared: &[DeclaredTenant],
    arguments: &Arguments,
    log: LogLevel,
) -> Result<(), Failure> {
    for renamed in loaded.renamed_keys() {
        warn!(%renamed, "config.key_renamed");
    }
    let mut config = loaded.config.clone();
    config.store.accept_new |= arguments.new_store;
    let started = App::start(&config, declared).await;
    let app = started.map_err(|error| refused(loaded, error))?;
    greet(&app);
    let shutdown = CancellationToken::new();
    let signals = Signals::new()?;
    let reloads = Reloads {
        wanted: Arc::new(Notify::new()),
        reloadable: app.reloadable().clone(),
        log,
        settings: arguments.settings.clone(),
        fixed: Fixed {
            values: Values::fixed(&loaded.config),
            profiles: loaded.config.profiles()?,
        },
    };
    notify::ready();
    let watching = tokio::spawn(signals.watch(shutdown.clone(), reloads));
    app.run(shutdown).await;
    watching.abort();
    Ok(())
}

/// A declaration that is refused is told with the place where it stands.
pub(super) fn refused(loaded: &Loaded, error: StartError) -> Failure {
    let place = match &error {
        StartError::Declared { tenant: Some(id), .. } => Some(loaded.place(&format!("tenants.{id}"))),
        _ => None,
    };
    let failure = Failure::from(error);
    match place {
        Some(place) => failure.prefixed(&place.to_string()),
        None => failure,
    }
}

/// Prints the start-up messages on the standard output. Programs read the line `listening on`.
fn greet(app: &App) {
    let url = app.url();
    if app.operator_key_is_new() {
        // A container's log stores this output: the key itself is shown on a terminal only.
        let shown = std::io::stdout()
            .is_terminal()
            .then(|| app.operator_key().reveal());
        match shown {
            Some(key) => {
                say(
                    "This is the first start. The operator's key, shown this once and kept in the data directory:",
                );
                say(format_args!("\n    {key}\n"));
            }
            None => say(format_args!(
                "This is the first start. The operator's key is in {}",
                app.operator_key_file().display()
            )),
        }
        let key = shown.map_or_else(
            || format!("$(cat {})", app.operator_key_file().display()),
            str::to_owned,
        );
        say("Make a tenant with it:");
        say(format_args!(
            "\n    curl -s {url}/v1/tenants -H \"Authorization: Bearer {key}\" \\\n      -H 'Content-Type: application/json' -d '{{\"id\":\"acme\"}}'\n"
        ));
    }
    if let Some(address) = app.public_url() {
        info!(address, "gateway.public_listening");
    }
    if let Some(address) = app.health_url() {
        info!(address, "gateway.health_listening");
    }
    if let Some(dashboard) = app.dashboard() {
        say(format_args!("dashboard at {dashboard}"));
    }
    say(format_args!("listening on {url}"));
    info!(
        address = url,
        version = env!("CARGO_PKG_VERSION"),
        "gateway.listening"
    );
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let take = |kind| signal(kind).map_err(|error| Failure::of(&error));
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hang_up: take(SignalKind::hangup())?,
        })
    }

    /// SIGTERM and SIGINT end the gateway in order, and a second one at once; SIGHUP reads the configuration again.
    async fn watch(mut self, shutdown: CancellationToken, reloads: Reloads) {
        let wanted = reloads.wanted.clone();
        tokio::spawn(reloads.run(shutdown.clone()));
        loop {
            tokio::select! {
                _ = self.terminate.recv() => end(&shutdown),
                _ = self.interrupt.recv() => end(&shutdown),
                _ = self.hang_up.recv() => wanted.notify_one(),
            }
        }
    }
}

/// Reloads the configuration on request. A reload may wait for a plugin's compilation; a shutdown
/// does not wait for the reload.
struct Reloads {
    wanted: Arc<Notify>,
    reloadable: Reloadable,
    log: LogLevel,
    settings: Settings,
    fixed: Fixed,
}

/// Settings that are fixed from the start of the process to its end.
struct Fixed {
    values: Values,
    /// Profiles whose routes are served.
    profiles: Profiles,
}

impl Reloads {
    async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wanted.notified() => {}
            }
            notify::reloading();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.reload() => {}
            }
            notify::ready();
        }
    }

    /// Applies what of the configuration can be applied: all of it, or nothing where anything is wrong. What else has changed is
    /// named: it takes a restart.
    async fn reload(&self) {
        let loaded = match self.settings.reload() {
            Ok(loaded) => loaded,
            Err(refused) => return refuse(&refused),
        };
        let config = &loaded.config;
        let reloaded = self
            .reloadable
            .reload(config, &self.fixed.profiles, &self.log)
            .await;
        let (doors, count) = match reloaded {
            Ok(reloaded) => reloaded,
            Err(ReloadError::Refused(refused)) => return refuse(&refused),
            Err(error @ ReloadError::SealingKeys(_)) => return error!(%error, "sealing_keys.refused"),
            Err(error) => return error!(%error, "configuration.refused"),
        };
        let mut unapplied = self.fixed.values.differing(&Values::fixed(config));
        unapplied.extend(doors);
        if unapplied.is_empty() {
            info!(count, "configuration.reloaded");
        } else {
            let keys = unapplied.join(", ");
            warn!(count, keys, "configuration.partly_reloaded");
        }
    }
}

fn end(shutdown: &CancellationToken) {
    if shutdown.is_cancelled() {
        warn!("gateway.aborted");
        std::process::exit(1);
    }
    notify::stopping();
    shutdown.cancel();
}

fn refuse(refused: &Refused) {
    for problem in &refused.0 {
        error!(error = %problem, "configuration.refused");
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let failure = Self::of(&error);
        let failure = if error.is_configuration() {
            failure.misconfigured()
        } else {
            failure
        };
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
