//! Management API and its OpenAPI document.
//!
//! One file per resource, each with its routes, records and handlers. The OpenAPI document is
//! generated from them.
//!
//! A handler reads its input (`input`: caller, ids, query, body), calls the registry, the store or
//! the feed, and returns a record (`views`). Changes go through the registry. Events enter and are
//! replayed through the same store operations as everywhere else: there is no second way to send.
//! Product adapters (`doors`) serve the same functions under other names.

mod backup;
mod bodies;
mod canary;
mod capabilities;
mod chain;
mod config;
mod deliveries;
mod describe;
mod docs;
mod doors;
mod event_types;
mod events;
mod exposure;
mod fields;
mod history;
mod idempotency;
mod input;
mod jobs;
mod key_fields;
mod listeners;
mod lists;
mod moves;
mod observing;
mod openapi;
mod output;
mod page;
mod pages;
mod plugins;
mod records;
mod request_memory;
mod sealing_keys;
mod secrets;
mod series;
mod sessions;
mod shared_plugins;
mod spelling;
mod subscriptions;
mod system;
mod tail;
mod tenants;
mod transfer;
mod trials;
mod tried;
mod unknown;
mod uploads;
mod usage;
mod views;
mod words;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use jobs::Config as BulkConfig;
pub use tried::TriedView;
pub(crate) use tried::{ChangeView, SaidView, StepUsageView, TriedStepView, UsageView, changes_between};

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aide::axum::ApiRouter;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio_util::sync::CancellationToken;

use crate::backup::Backups;
use crate::dispatch::Inbox;
use crate::feed::Feed;
use crate::http::{Also, Auth, BodyLimits, InFlightLimit};
use crate::ingest::Ingest;
use crate::keyring::Keyring;
use crate::quota::QuotaGate;
use crate::ui::{self, Assets, Sessions};
use hookgate_domain::Scopes;
use hookgate_egress::Client;
use hookgate_plugin_host::Host;
use hookgate_registry::Registry;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::memory::MemoryPool;
use hookgate_runtime::tasks::Tasks;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::{Committer, Store};

use uploads::Uploads;

/// Parts that the API works with.
pub struct Parts {
    /// Authenticates callers.
    pub auth: Auth,
    /// Scopes of a new API key whose request names none.
    pub key_scopes: Scopes,
    /// Tenants, subscriptions, chains and plugins.
    pub registry: Registry,
    /// Runs dry runs.
    pub host: Host,
    /// Makes test events.
    pub ingest: Ingest,
    /// Keys that seal secrets.
    pub keyring: Keyring,
    /// Backups of the store.
    pub backups: Backups,
    /// Store of events and deliveries.
    pub store: Arc<dyn Store>,
    /// Commits test events and cancellations.
    pub committer: Committer,
    /// Handover, notified when a delivery becomes due.
    pub inbox: Inbox,
    /// Pull feed.
    pub feed: Feed,
    /// Outbound client, which checks endpoints.
    pub egress: Client,
    /// Charges tenants' quotas.
    pub quotas: QuotaGate,
    /// Memory that requests, events and pages hold.
    pub memory: MemoryPool,
    /// Source of ids.
    pub ids: IdSource,
    /// Source of the time.
    pub clock: Clock,
    /// Limits of one call.
    pub config: Config,
    /// Limits of bulk jobs.
    pub bulk: BulkConfig,
    /// Time for which bulk jobs are stored after their last change.
    pub keep_jobs: Duration,
    /// Routes that the public listener serves besides those of products.
    pub public_also: Vec<Also>,
    /// Sessions of the pages.
    pub sessions: Sessions,
    /// Pages, and the links into them.
    pub pages: Pages,
    /// Time for which responses to calls with an `Idempotency-Key` are stored.
    pub keep_answers: Duration,
    /// Metrics that `/metrics` shows.
    pub metrics: Metrics,
    /// Warnings that `/readyz` shows as long as the process runs.
    pub warnings: Vec<String>,
    /// Size and time limits of a JSON body.
    pub body: BodyLimits,
    /// Maximum size of an uploaded component, in bytes.
    pub max_component: usize,
    /// Shutdown signal, after which the gateway is not ready.
    pub shutdown: CancellationToken,
    /// Background tasks, which carry on work that a caller began and does not wait for.
    pub tasks: Tasks,
}

/// Settings of the pages.
#[derive(Debug, Clone)]
pub struct Pages {
    /// Configuration of the pages.
    pub config: ui::Config,
    /// Theme of the portal.
    pub theme: ui::PortalTheme,
    /// Base of links into the portal; `None`: the host that the request names.
    pub portal_base: Option<url::Url>,
    /// Base of links into the dashboard; `None`: the host that the request names.
    pub dashboard_base: Option<url::Url>,
    /// Proxy that signs the operator in.
    pub trusted_proxy: Option<ui::TrustedProxy>,
    /// Flag: the listeners have certificates.
    pub https: bool,
}

impl Pages {
    /// URL of the dashboard of a gateway at `url`, if the pages are enabled.
    pub fn dashboard(&self, url: &str) -> Option<String> {
        let base = self.dashboard_base.as_ref().map_or(url, url::Url::as_str);
        let base = base.trim_end_matches('/');
        self.config.enabled.then(|| format!("{base}/dashboard"))
    }
}

/// Parts, shared by the handlers. Cheap to clone.
#[derive(Clone)]
struct Api(Arc<Shared>);

struct Shared {
    parts: Parts,
    uploads: Uploads,
    transfers: InFlightLimit,
    tails: InFlightLimit,
    /// Document of all routes, set once they are built.
    document: OnceLock<Arc<openapi::Published>>,
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl Api {
    fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    fn transfers(&self) -> &InFlightLimit {
        &self.0.transfers
    }

    fn tails(&self) -> &InFlightLimit {
        &self.0.tails
    }
}

/// Builds the router of the gateway and the document that describes its routes.
///
/// The routes are the API's, the given ones of the ingest, and those of the product adapters in the
/// registry's profiles. A task goes on with open bulk jobs until the gateway stops.
pub fn router(parts: Parts, ingest: ApiRouter) -> Router {
    let entrances = doors::entrances(&parts.registry.profiles());
    let uploads = Uploads::new(parts.config.max_uploads_per_tenant);
    let transfers = InFlightLimit::new(parts.config.max_transfers, parts.config.max_transfers_per_tenant);
    let tails = InFlightLimit::new(parts.config.tail_clients, parts.config.tail_clients_per_tenant);
    let pages = &parts.pages.config;
    let assets = pages
        .enabled
        .then(|| Assets::new(&pages.embed_origins, &parts.pages.theme));
    let api = Api(Arc::new(Shared {
        parts,
        uploads,
        transfers,
        tails,
        document: OnceLock::new(),
    }));
    api.tasks.spawn_until_stopped(jobs::run(api.clone()));
    let once = idempotency::IdempotencyLayer::new(api.clone(), &entrances);
    let described = own().merge(doors::routes(&entrances)).with_state(api.clone());
    let (published, document) = docs::publish(ingest.merge(described), &entrances, api.registry.limits());
    api.0.document.get_or_init(|| Arc::new(document));
    // After the document: building a second one takes the schemas collected until then.
    let bodiless = bodies::Bodiless::new(api.clone(), docs::bodiless(own()));
    let listeners = listeners::Listeners::new(api.clone(), &entrances);
    let proxied = assets.is_some().then(|| sessions::proxied::routes(api.clone()));
    published
        .merge(pages::routes(assets))
        .merge(proxied.unwrap_or_default())
        .fallback(unknown::route)
        .method_not_allowed_fallback(unknown::method)
        .layer(from_fn_with_state(bodiless, bodies::layer))
        .layer(from_fn_with_state(once, idempotency::layer))
        .layer(from_fn(request_memory::layer))
        .layer(from_fn_with_state(api, capabilities::layer))
        .layer(from_fn_with_state(listeners, listeners::layer))
}

/// Returns the paths that no product route can have.
pub fn paths() -> Vec<String> {
    docs::paths(own())
}

fn own() -> ApiRouter<Api> {
    ApiRouter::new()
        .merge(events::routes())
        .merge(subscriptions::routes())
        .merge(deliveries::routes())
        .merge(lists::attempts::routes())
        .merge(lists::operator::routes())
        .merge(jobs::routes())
        .merge(tail::routes())
        .merge(series::routes())
        .merge(event_types::routes())
        .merge(exposure::routes())
        .merge(chain::routes())
        .merge(plugins::routes())
        .merge(canary::routes())
        .merge(observing::routes())
        .merge(sealing_keys::routes())
        .merge(backup::routes())
        .merge(secrets::routes())
        .merge(trials::routes())
        .merge(shared_plugins::routes())
        .merge(history::routes())
        .merge(tenants::routes())
        .merge(sessions::routes())
        .merge(usage::routes())
        .merge(transfer::routes())
        .merge(system::routes())
        .merge(openapi::routes())
}
