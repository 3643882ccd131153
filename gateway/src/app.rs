//! Composition root: builds the parts from a configuration, runs them, and ends them in order.
//!
//! It imports every module; only `cli` imports it. [`App::start`] creates every part, in the order of their dependencies. It binds the port first:
//! a gateway that cannot listen changes nothing else. [`App::run`] runs the parts. They end in the
//! order of an event's way: the server stops listening and finishes requests, the scheduler
//! finishes attempts, the committer commits what still waits, and then the rest ends.

mod background;
mod error;
mod event_path;
mod machine;
mod maintenance;
mod reload;
mod secrets;
mod stored;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::backup::Backups;
use crate::config::Config;
use crate::dispatch::Inbox;
use crate::health::Watch;
use crate::http::{Auth, BodyLimits, Certificates, HealthHandler, RootHandler, Server};
use crate::ingest::Ingest;
use crate::keyring::{self, Keyring, Root};
use crate::quota::QuotaGate;
use crate::scheduler::Scheduler;
use crate::system_events::SystemEvents;
use crate::traces::Exporter;
use crate::{api, feed, ingest, ui};
use hookgate_domain::Secret;
use hookgate_egress as egress;
use hookgate_plugin_host::{Artifacts, Compiler, ComponentLoader, Host};
use hookgate_registry::{self as registry, DeclaredTenant, Registry, Sync};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::memory::MemoryPool;
use hookgate_runtime::tasks::Tasks;
use hookgate_runtime::telemetry::Metrics;
use hookgate_runtime::telemetry::traces::Tracer;
use hookgate_store::{self as store, Committer, Store, StoreUrl};
use hookgate_store::{clock::StoreClock, group::Service as CommitService};

pub use error::StartError;
pub use reload::{ReloadError, Reloadable};
pub use secrets::SecretsError;

use background::Background;
use maintenance::Maintenance;
use secrets::Secrets;

/// Gateway that has bound its port and created its parts, but does not run yet.
pub struct App {
    /// Servers, the one with the API first.
    servers: Vec<(Server, RootHandler<Ingest>)>,
    health: Option<Server>,
    metrics: Metrics,
    scheduler: Scheduler,
    commits: CommitService,
    background: Background,
    sync: Sync,
    egress: egress::Client,
    backups: Backups,
    maintenance: Maintenance,
    reloadable: Reloadable,
    secrets: Secrets,
    operator_key_file: PathBuf,
    pages: api::Pages,
    stopping: CancellationToken,
    tasks: Tasks,
}

/// Parts that all others use.
struct Common {
    clock: Clock,
    metrics: Metrics,
    tracer: Tracer,
    exporter: Option<Exporter>,
    memory: MemoryPool,
    quotas: QuotaGate,
    store: Arc<dyn Store>,
    committer: Committer,
    store_clock: StoreClock,
    egress: egress::Client,
    watch: Watch,
    system_events: SystemEvents,
    backups: Backups,
    stopping: CancellationToken,
    tasks: Tasks,
}

impl App {
    /// Creates the parts. `declared` are the tenants of the configuration file.
    ///
    /// # Errors
    /// The error of the first part that cannot be created, with a hint.
    pub async fn start(config: &Config, declared: &[DeclaredTenant]) -> Result<Self, StartError> {
        let (server_config, mut warnings) = machine::limited(config);
        warnings.extend(machine::unconfined().await);
        let health = Server::bind_health(&server_config).await?;
        let bound = Server::bind_all(&server_config).await?;
        let secrets = Secrets::prepare(config)?;
        let addresses = bound.iter().map(|(_, server)| server.address()).collect();
        let (mut common, commits) = common(config, addresses).await?;
        let root = stored::open_root(config, &secrets, &common).await?;
        let host = host(config, &root, &common)?;
        let (registry, sync) = start_registry(config, &secrets, host.clone(), &common).await?;
        declare(&registry, declared).await?;
        check_contracts(config, &registry)?;
        let operator = config.system_events.tenant.parse()?;
        registry.ensure_tenant(&operator).await?;
        // Long enough for stored machine code, so that a restart refuses no events; not for compilation.
        registry.wait_loaded(LOADED_AT_START).await;
        let cursors = feed::CursorKey::new(root.derive("cursors"));
        let sessions = stored::sessions(config, &root, &common);
        let keyring = keyring(config, &secrets, &registry, root, &common);
        let (inbox, ready) = Inbox::new(config.scheduler_on_store().inbox(), common.memory.clone());
        let scheduler = event_path::scheduler(config, &registry, inbox.clone(), ready, &common)?;
        let certificates = Certificates::of(bound.iter().map(|(_, server)| server));
        let exporter = common.exporter.take();
        let background = Background::new(operator, exporter, (&registry, &inbox), &common);
        let auth = Auth::new(registry.clone(), &secrets.operator_key);
        let ingest = event_path::ingest(config, auth.clone(), host.clone(), inbox.clone(), &common);
        let routes = api::router(
            api::Parts {
                warnings,
                ..api_parts(
                    config,
                    auth,
                    (&registry, &keyring, host, &ingest, cursors),
                    (inbox, sessions),
                    &common,
                )
            },
            ingest::routes(ingest.clone()),
        );
        Ok(Self {
            servers: bound
                .into_iter()
                .map(|(listener, server)| {
                    (server, RootHandler::new(ingest.clone(), routes.clone(), listener))
                })
                .collect(),
            health,
            metrics: common.metrics.clone(),
            scheduler,
            commits,
            background,
            sync,
            egress: common.egress.clone(),
            backups: common.backups,
            maintenance: Maintenance::new(
                common.store,
                common.metrics,
                registry.clone(),
                config.retention.sweep_every.get(),
                config.auth.last_used_interval.get(),
            ),
            reloadable: Reloadable {
                registry,
                keyring,
                egress: common.egress,
                certificates,
            },
            secrets,
            pages: config.pages(),
            operator_key_file: config.data_dir.join(secrets::OPERATOR_KEY),
            stopping: common.stopping,
            tasks: common.tasks,
        })
    }

    /// URL of the listener; with two listeners, of the one with the API.
    pub fn url(&self) -> String {
        self.servers
            .first()
            .map(|(server, _)| server.url())
            .unwrap_or_default()
    }

    /// URL of the dashboard, if the pages are enabled.
    pub fn dashboard(&self) -> Option<String> {
        self.pages.dashboard(&self.url())
    }

    /// URL of the public listener, if products' customers have a separate one.
    pub fn public_url(&self) -> Option<String> {
        self.servers.get(1).map(|(server, _)| server.url())
    }

    /// URL of the health listener, if there is one.
    pub fn health_url(&self) -> Option<String> {
        self.health.as_ref().map(Server::url)
    }

    /// API key of the operator.
    pub fn operator_key(&self) -> &Secret {
        &self.secrets.operator_key
    }

    /// Path of the file of the operator's key, if the gateway made the key.
    pub fn operator_key_file(&self) -> &Path {
        &self.operator_key_file
    }

    /// Returns `true` if this start made the operator's key, which has not been shown yet.
    pub fn operator_key_is_new(&self) -> bool {
        self.secrets.fresh
    }

    /// Parts that take a changed configuration while it runs.
    pub fn reloadable(&self) -> &Reloadable {
        &self.reloadable
    }

    /// Runs until the shutdown, then ends the parts in order.
    pub async fn run(self, shutdown: CancellationToken) {
        let (served, delivered) = (CancellationToken::new(), CancellationToken::new());
        let told = CancellationToken::new();
        let (serving_ended, delivering_ended) = (served.clone(), delivered.clone());
        let stopping = self.stopping.clone();
        let serving = async move {
            let admin = self
                .servers
                .first()
                .map(|(_, front)| HealthHandler(front.clone()));
            let health = async {
                if let Some((health, front)) = self.health.zip(admin) {
                    health.run(front, self.metrics.clone(), stopping.clone()).await;
                }
            };
            let run = |(server, front): (Server, RootHandler<Ingest>)| {
                server.run(front, self.metrics.clone(), stopping.clone())
            };
            tokio::join!(join_all(self.servers.into_iter().map(run)), health);
            // Tasks that requests left are finished while the store still commits.
            if !self.tasks.join(TASKS_WITHIN).await {
                warn!(count = self.tasks.len(), "gateway.tasks_left");
            }
            serving_ended.cancel();
        };
        let delivering = async move {
            self.scheduler.run(served).await;
            delivering_ended.cancel();
        };
        let stopping = async {
            shutdown.cancelled().await;
            info!("gateway.stopping");
            self.stopping.cancel();
        };
        tokio::join!(
            stopping,
            on_workers(serving),
            on_workers(delivering),
            on_workers(self.background.run(delivered.clone(), told.clone())),
            on_workers(self.commits.run(told)),
            on_workers(self.sync.run(delivered.clone())),
            on_workers(self.egress.run(delivered.clone())),
            on_workers(self.backups.run(delivered.clone())),
            on_workers(self.maintenance.run(delivered)),
        );
        info!("gateway.stopped");
    }
}

/// Applies the declared tenants to the registry: all of them, or none if one is at fault.
///
/// # Errors
/// The tenant at fault, and the reason.
pub async fn declare(registry: &Registry, declared: &[DeclaredTenant]) -> Result<(), StartError> {
    let result = registry.declare(declared).await;
    result.map_err(|(tenant, source)| StartError::Declared { tenant, source })
}

/// Checks the retention that tenants need, also those that were created over the API.
///
/// The configuration can have changed since they were created.
fn check_contracts(config: &Config, registry: &Registry) -> Result<(), StartError> {
    let kept = config.retention.events.get();
    for tenant in registry.tenants() {
        let found = tenant
            .contract
            .as_ref()
            .and_then(|profile| profile.check_retention(kept));
        if let Some(problem) = found {
            let tenant = tenant.id.clone();
            return Err(StartError::Outlasted { tenant, problem });
        }
    }
    Ok(())
}

/// Runs a part as a separate task, on the runtime's workers.
///
/// A part that runs in the caller's task would share its thread, which is none of the workers:
/// every wake-up between such a part and a request would be a system call. A panic of the part is
/// resumed here.
async fn on_workers(part: impl Future<Output = ()> + Send + 'static) {
    if let Err(ended) = tokio::spawn(part).await
        && let Ok(panic) = ended.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

async fn common(config: &Config, listen: Vec<SocketAddr>) -> Result<(Common, CommitService), StartError> {
    let (clock, steady, metrics) = (Clock::System, Clock::steady(), Metrics::new());
    let own = egress::OwnAddresses {
        listen,
        public: config.server.public_url.clone(),
    };
    let egress = egress::Client::of_gateway(&config.egress, clock.clone(), metrics.clone(), own)?;
    let (tracer, exporter) = event_path::traces(config, &clock, &metrics)?;
    let url = config.store_url();
    let opened = store::open(&url, &config.store, &config.retention, steady.clone()).await;
    let store = opened.map_err(|source| StartError::Store { url, source })?;
    let (committer, commits) = Committer::new(Arc::clone(&store), &config.store.commit, metrics.clone());
    let stopping = CancellationToken::new();
    let tasks = Tasks::new(stopping.clone());
    let common = Common {
        backups: stored::backups(config, &store, &clock, &tasks, (&stopping, &metrics)),
        store_clock: StoreClock::new(steady),
        clock,
        quotas: QuotaGate::new(Arc::clone(&store), metrics.clone()),
        metrics,
        tracer,
        exporter,
        memory: MemoryPool::new(&config.memory),
        store,
        committer,
        egress,
        watch: Watch::default(),
        system_events: SystemEvents::new(&config.system_events),
        tasks,
        stopping,
    };
    Ok((common, commits))
}

fn host(config: &Config, root: &Root, common: &Common) -> Result<Host, StartError> {
    let exe = std::env::current_exe().map_err(StartError::Host)?;
    let artifacts = Artifacts::new(config.data_dir.join("compiled"), root.derive("artifacts"));
    let workshop = ComponentLoader::new(
        Compiler::ChildProcess { exe },
        artifacts,
        config.plugins.compile_concurrency,
    );
    let pseudonyms = root.derive("pseudonyms");
    let plugins = Arc::new(config.plugins.clone());
    let started = Host::start(
        &plugins,
        common.clock.clone(),
        common.metrics.clone(),
        workshop,
        pseudonyms,
    );
    started.map_err(StartError::Host)
}

async fn start_registry(
    config: &Config,
    secrets: &Secrets,
    host: Host,
    common: &Common,
) -> Result<(Registry, Sync), StartError> {
    let parts = registry::Parts {
        store: Arc::clone(&common.store),
        host,
        sealer: secrets.sealer.clone(),
        profiles: config.profiles()?,
        clock: common.clock.clone(),
        metrics: common.metrics.clone(),
        tasks: common.tasks.clone(),
    };
    let limits = registry::Config {
        max_timeout: config.delivery.max_timeout,
        kept: config.retention.events,
        quotas: config.quotas,
        max_events: config.ingest.max_events,
        ..config.registry.clone()
    };
    Ok(Registry::start(limits, parts).await?)
}

fn keyring(config: &Config, secrets: &Secrets, registry: &Registry, root: Root, common: &Common) -> Keyring {
    Keyring::new(keyring::Parts {
        sealer: secrets.sealer.clone(),
        registry: registry.clone(),
        store: Arc::clone(&common.store),
        origin: secrets.origin.clone(),
        root,
        shared: !matches!(config.store_url(), StoreUrl::Embedded(_)),
    })
}

fn api_parts(
    config: &Config,
    auth: Auth,
    (registry, keyring, host, ingest, cursors): (&Registry, &Keyring, Host, &Ingest, feed::CursorKey),
    (inbox, sessions): (Inbox, ui::Sessions),
    common: &Common,
) -> api::Parts {
    api::Parts {
        auth,
        key_scopes: config.auth.scopes().unwrap_or_default(),
        registry: registry.clone(),
        keyring: keyring.clone(),
        host,
        ingest: ingest.clone(),
        backups: common.backups.clone(),
        store: Arc::clone(&common.store),
        committer: common.committer.clone(),
        inbox,
        feed: feed::Feed::new(
            config.feed.clone(),
            feed::Parts {
                store: Arc::clone(&common.store),
                commits: common.committer.signals().clone(),
                registry: registry.clone(),
                memory: common.memory.clone(),
                cursors,
                clock: common.clock.clone(),
                store_clock: common.store_clock.clone(),
                shutdown: common.stopping.clone(),
            },
        ),
        egress: common.egress.clone(),
        quotas: common.quotas.clone(),
        memory: common.memory.clone(),
        ids: IdSource::new(common.clock.clone()),
        clock: common.clock.clone(),
        metrics: common.metrics.clone(),
        warnings: Vec::new(),
        body: BodyLimits {
            max: config.ingest.max_body.bytes(),
            time: config.server.body_timeout.get(),
        },
        max_component: config.plugins.largest_upload().bytes(),
        config: config.api.clone(),
        bulk: config.bulk.clone(),
        keep_jobs: config.retention.jobs.get(),
        public_also: config.server.also().to_vec(),
        sessions,
        pages: config.pages(),
        keep_answers: config.retention.idempotency_keys.get(),
        shutdown: common.stopping.clone(),
        tasks: common.tasks.clone(),
    }
}

/// Maximum time for which a start waits for plugins with stored machine code.
const LOADED_AT_START: Duration = Duration::from_millis(500);
/// Maximum time for which a shutdown waits for tasks that requests left.
const TASKS_WITHIN: Duration = Duration::from_secs(30);
