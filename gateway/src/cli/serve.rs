//! `hookgate serve`: runs the gateway.

use std::io::IsTerminal as _;
use std::sync::Arc;

use clap::Args;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::Settings;
use super::output::{Failure, say};
use crate::app::{App, StartError, declare};
use crate::config::{Config, Loaded, Refused, SecretText, Values};
use crate::keyring::Keyring;
use hookgate_contract::profile::Profiles;
use hookgate_domain::Secret;
use hookgate_registry::{DeclaredTenant, Registry};
use hookgate_runtime::telemetry::{self, error_chain};

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
    telemetry::init(&loaded.config.telemetry).map_err(|error| Failure::of(&error))?;
    leave_no_core();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(serve(&loaded, &declared, arguments))
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

async fn serve(loaded: &Loaded, declared: &[DeclaredTenant], arguments: &Arguments) -> Result<(), Failure> {
    let mut config = loaded.config.clone();
    config.store.accept_new |= arguments.new_store;
    let started = App::start(&config, declared).await;
    let app = started.map_err(|error| refused(loaded, error))?;
    greet(&app);
    let shutdown = CancellationToken::new();
    let signals = Signals::new()?;
    let reloads = Reloads {
        wanted: Arc::new(Notify::new()),
        registry: app.registry().clone(),
        keyring: app.keyring().clone(),
        settings: arguments.settings.clone(),
        fixed: Fixed::of(&loaded.config),
    };
    let watching = tokio::spawn(signals.watch(shutdown.clone(), reloads));
    app.run(shutdown).await;
    watching.abort();
    Ok(())
}

/// Error of a refused declaration, with its place in the configuration.
fn refused(loaded: &Loaded, error: StartError) -> Failure {
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

    /// Handles signals until the shutdown.
    /// SIGTERM and SIGINT shut the gateway down gracefully, a second one at once; SIGHUP reloads
    /// the profiles, the declared tenants and the sealing keys.
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
    registry: Registry,
    keyring: Keyring,
    settings: Settings,
    fixed: Fixed,
}

/// Settings that are fixed from the start of the process to its end.
struct Fixed {
    values: Values,
    /// Profiles whose product routes are served.
    profiles: Option<Profiles>,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            values: Values::fixed(config),
            profiles: config.profiles().ok(),
        }
    }
}

impl Reloads {
    async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wanted.notified() => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.reload() => {}
            }
        }
    }
}

fn end(shutdown: &CancellationToken) {
    if shutdown.is_cancelled() {
        warn!("gateway.aborted");
        std::process::exit(1);
    }
    shutdown.cancel();
}

impl Reloads {
    /// Applies the current profiles, sealing keys and declared tenants; none of them if one is invalid.
    /// Other changes of the configuration need a restart and are reported.
    async fn reload(&self) {
        let loaded = match self.settings.reload() {
            Ok(loaded) => loaded,
            Err(refused) => return refuse(&refused),
        };
        let config = &loaded.config;
        let (declared, profiles) = match config
            .declared_tenants()
            .and_then(|d| Ok((d, config.profiles()?)))
        {
            Ok(found) => found,
            Err(refused) => return refuse(&refused),
        };
        if let Err(error) = reload_keys(&self.keyring, config).await {
            return error!(error = %error, "sealing_keys.refused");
        }
        let mut unapplied = self.fixed.values.differing(&Values::fixed(config));
        let before = self.registry.profiles();
        let (profiles, doors) = profiles.behind_doors_of(self.fixed.profiles.as_ref().unwrap_or(&before));
        unapplied.extend(doors);
        if let Err((tenant, error)) = self.registry.adopt_profiles(profiles).await {
            return error!(%tenant, error = %error_chain(&error), "configuration.refused");
        }
        if let Err(error) = declare(&self.registry, &declared).await {
            error!(error = %error_chain(&error), "configuration.refused");
            // These profiles were valid a moment ago.
            if let Err((tenant, error)) = self.registry.adopt_profiles(before).await {
                error!(%tenant, error = %error_chain(&error), "configuration.refused");
            }
            return;
        }
        let count = declared.len();
        if unapplied.is_empty() {
            info!(count, "configuration.reloaded");
        } else {
            let keys = unapplied.join(", ");
            warn!(count, keys, "configuration.partly_reloaded");
        }
    }
}

/// Reloads the sealing keys from the configuration or their file.
/// A ring without a key that is in use is refused.
async fn reload_keys(keyring: &Keyring, config: &Config) -> Result<(), String> {
    let keys = config.auth.sealing_keys.as_ref().map(SecretText::resolve);
    let keys = keys.transpose().map_err(|error| error.to_string())?;
    let reloaded = keyring.reload(keys.as_ref().map(Secret::reveal)).await;
    reloaded.map_err(|error| error_chain(&error).to_string())
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
