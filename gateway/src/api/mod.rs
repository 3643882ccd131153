//! The management API: one file a resource, each with its routes, its records and its handlers; and the OpenAPI document,
//! which is made of them.
//!
//! A handler reads its input (`input`: who calls, ids, query, body), asks the registry, the store or the feed, and answers with
//! a record of its own (`views`). Changes go through the registry; events enter and are replayed through the same store
//! operations as everywhere. There is no second way to send. The front doors of products (`doors`) are other names for the same.

mod backup;
mod bodies;
mod canary;
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
mod input;
mod key_fields;
mod listeners;
mod lists;
mod moves;
mod observing;
mod output;
mod page;
mod plugins;
mod records;
mod repeats;
mod request_memory;
mod sealing_keys;
mod secrets;
mod series;
mod shared_plugins;
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

#[cfg(test)]
mod tests;

pub use config::Config;
pub use tried::TriedView;
pub(crate) use tried::{ChangeView, SaidView, StepUsageView, TriedStepView, UsageView, changes_between};

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use aide::axum::ApiRouter;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio_util::sync::CancellationToken;

use crate::backup::Backups;
use crate::clock::Clock;
use crate::dispatch::Handover;
use crate::domain::Scopes;
use crate::egress::Client;
use crate::feed::Feed;
use crate::http::{Also, Auth, BodyLimits, InFlightLimit};
use crate::ids::IdSource;
use crate::ingest::Ingest;
use crate::keyring::Keyring;
use crate::memory::MemoryPool;
use crate::plugin::Host;
use crate::quota::QuotaGate;
use crate::registry::Registry;
use crate::store::{Committer, Store};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

use uploads::Uploads;

/// What the API works with.
pub struct Parts {
    /// Who is calling.
    pub auth: Auth,
    /// What new API keys may be used for where the request does not say.
    pub key_scopes: Scopes,
    /// Tenants, subscriptions, chains and plugins.
    pub registry: Registry,
    /// Runs dry runs.
    pub host: Host,
    /// Makes test events.
    pub ingest: Ingest,
    /// The keys that seal secrets.
    pub keyring: Keyring,
    /// Backups of the store.
    pub backups: Backups,
    /// Events and deliveries.
    pub store: Arc<dyn Store>,
    /// Commits test events and cancellations.
    pub committer: Committer,
    /// Who is told when something becomes due.
    pub handover: Handover,
    /// The pull feed.
    pub feed: Feed,
    /// Judges endpoints.
    pub egress: Client,
    /// Charges tenants' quotas.
    pub quotas: QuotaGate,
    /// Memory that requests, events and pages hold.
    pub memory: MemoryPool,
    /// Makes ids.
    pub ids: IdSource,
    /// Tells the time.
    pub clock: Clock,
    /// What one call may ask for.
    pub config: Config,
    /// What the public listener serves beside the routes of products.
    pub public_also: Vec<Also>,
    /// How long the answers to calls with an `Idempotency-Key` are kept.
    pub keep_answers: Duration,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// What `/readyz` warns of as long as the process runs.
    pub warnings: Vec<String>,
    /// How much of a JSON body is read, and for how long.
    pub body: BodyLimits,
    /// The largest component that may be uploaded, in bytes.
    pub max_component: usize,
    /// From then on the gateway is not ready.
    pub shutdown: CancellationToken,
    /// What carries on what a caller began and does not wait for.
    pub tasks: Tasks,
}

/// The parts as handlers share them. Cheap to clone.
#[derive(Clone)]
struct Api(Arc<Shared>);

struct Shared {
    parts: Parts,
    uploads: Uploads,
    transfers: InFlightLimit,
    tails: InFlightLimit,
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

/// All routes of the gateway: the API's, those of the ingest that are given, the front doors of the registry's profiles, and
/// the document that describes all of them.
pub fn router(parts: Parts, ingest: ApiRouter) -> Router {
    let entrances = doors::entrances(&parts.registry.profiles());
    let uploads = Uploads::new(parts.config.max_uploads_per_tenant);
    let transfers = InFlightLimit::new(parts.config.max_transfers, parts.config.max_transfers_per_tenant);
    let tails = InFlightLimit::new(parts.config.tail_clients, parts.config.tail_clients_per_tenant);
    let api = Api(Arc::new(Shared {
        parts,
        uploads,
        transfers,
        tails,
    }));
    let once = repeats::Once::new(api.clone(), &entrances);
    let described = own().merge(doors::routes(&entrances)).with_state(api.clone());
    let published = docs::publish(ingest.merge(described), &entrances);
    // After the document: a second one takes the schemas that were made until then.
    let bodiless = bodies::Bodiless::new(api.clone(), docs::bodiless(own()));
    let listeners = listeners::Listeners::new(api, &entrances);
    published
        .fallback(unknown::route)
        .method_not_allowed_fallback(unknown::method)
        .layer(from_fn_with_state(bodiless, bodies::layer))
        .layer(from_fn_with_state(once, repeats::layer))
        .layer(from_fn(request_memory::layer))
        .layer(from_fn_with_state(listeners, listeners::layer))
}

/// The paths that no front door can have.
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
        .merge(usage::routes())
        .merge(transfer::routes())
        .merge(system::routes())
}
