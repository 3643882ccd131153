//! The configuration: every part's own `Config` put together, read from files, the environment and flags, and checked.
//!
//! Each part owns its limits and describes each of them in one doc comment, which becomes the reference page
//! (`docs/configuration.md`), the JSON Schema and the comments of `config print`. Here are only what belongs to no part, the
//! layers (`load`), and the rules between the parts (`rules`). Whatever is wrong is told with file, line and fix, and nothing
//! is started. Called by `cli`; nothing else knows that there are files.

mod changes;
mod layers;
mod load;
mod locate;
mod print;
mod problem;
mod reference;
mod retry;
mod rules;
mod secret;
mod tenants;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::units::Span;
use crate::domain::{BadScopes, Quotas, Scopes};
use crate::registry::DeclaredTenant;
use crate::store::{self, Retention, StoreUrl};
use crate::{
    api, backup, delivery, egress, feed, http, ingest, memory, plugin, profile, registry, scheduler,
    system_events, telemetry,
};

pub use changes::Values;
pub use load::{Environment, Flags, Loaded, load};
pub use print::print;
pub use problem::{Place, Problem, Refused};
pub use reference::{reference, schema};
pub use retry::Retry;
pub use secret::{SecretError, SecretText};
pub use tenants::{DeclaredType, Payload, Step, StepFailure, Subscription, Tenant};

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the gateway keeps its secrets, compiled plugins and, without another store, its events.
    pub data_dir: PathBuf,
    /// The HTTP server.
    pub server: http::Config,
    /// Who may do everything.
    pub auth: Auth,
    /// Where events are kept.
    pub store: store::Config,
    /// Backups of the embedded store.
    pub backup: backup::Config,
    /// Memory for requests, events and pages.
    pub memory: memory::Config,
    /// How long events are kept.
    pub retention: Retention,
    /// What producers may send.
    pub ingest: ingest::Config,
    /// What plugins may use.
    pub plugins: plugin::Config,
    /// Limits of each tenant.
    pub registry: registry::Config,
    /// What each tenant may use, where its profile and its own quotas do not say; without any of them there is no limit.
    pub quotas: Quotas,
    /// Attempts in flight, leases and claims.
    pub scheduler: scheduler::Config,
    /// Single attempts.
    pub delivery: delivery::Config,
    /// When failed deliveries are tried again, where a subscription does not say.
    pub retry: Retry,
    /// Where deliveries may go.
    pub egress: egress::Config,
    /// The pull feed.
    pub feed: feed::Config,
    /// The management API.
    pub api: api::Config,
    /// The gateway's own events: to whom they go, and how many there may be.
    pub system_events: system_events::Config,
    /// Logs.
    pub telemetry: telemetry::Config,
    /// Products' contracts by name, beside those that ship; a shipped name changes that one. See profiles.md.
    pub profiles: BTreeMap<String, profile::file::File>,
    /// Tenants that are declared here, by name.
    pub tenants: BTreeMap<String, Tenant>,
}

/// Who may do everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The operator's key, at least 16 characters. Left out: made at the first start, shown once, and kept in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_key: Option<SecretText>,
    /// What seals secrets in the store: one key a line, each 32 bytes in base64, the newest first. Gateways that share a store
    /// need the same. Left out: made at the first start and kept in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealing_keys: Option<SecretText>,
    /// What new API keys of tenants may be used for where `POST /v1/tenants/{id}/keys` does not say: of `publish` (send events),
    /// `read` (feed, events, deliveries, settings), `manage` (all else that is the tenant's) and `consumer` (a product's own routes, the
    /// feed, and consumers' subscriptions).
    pub key_scopes: Vec<String>,
    /// How often the times are written to the store at which tenants' API keys were last used (`last_used`, to the minute): one
    /// write for each tenant whose keys were. A gateway that is killed forgets those of so long.
    pub last_used_interval: Span,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            operator_key: None,
            sealing_keys: None,
            key_scopes: Scopes::ALL.names().map(str::to_owned).collect(),
            last_used_interval: Span::from_secs(300),
        }
    }
}

impl Auth {
    /// What new keys may be used for.
    ///
    /// # Errors
    /// Which of `key_scopes` is none, or that there is none.
    pub fn scopes(&self) -> Result<Scopes, BadScopes> {
        Scopes::parse(&self.key_scopes)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "hookgate-data".into(),
            server: http::Config::default(),
            auth: Auth::default(),
            store: store::Config::default(),
            backup: backup::Config::default(),
            memory: memory::Config::default(),
            retention: Retention::default(),
            ingest: ingest::Config::default(),
            plugins: plugin::Config::default(),
            registry: registry::Config::default(),
            quotas: Quotas::default(),
            scheduler: scheduler::Config::default(),
            delivery: delivery::Config::default(),
            retry: Retry::default(),
            egress: egress::Config::default(),
            feed: feed::Config::default(),
            api: api::Config::default(),
            system_events: system_events::Config::default(),
            telemetry: telemetry::Config::default(),
            profiles: BTreeMap::new(),
            tenants: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Which store is meant.
    pub fn store_url(&self) -> StoreUrl {
        self.store
            .url
            .clone()
            .unwrap_or_else(|| StoreUrl::in_dir(&self.data_dir))
    }

    /// Address of the store among those that the data directory knows, without credentials: a directory in it moves with it.
    pub fn store_address(&self) -> String {
        match self.store_url() {
            StoreUrl::Embedded(directory) => match directory.strip_prefix(&self.data_dir) {
                Ok(inside) => format!("embedded:{}", inside.display()),
                Err(_) => format!("embedded:{}", directory.display()),
            },
            url @ (StoreUrl::Redis(_) | StoreUrl::Cluster(_)) => format!("{url} {}", self.store.redis.prefix),
        }
    }

    /// Connections to endpoints that there may be at once: attempts in flight, and those that are kept.
    pub fn outgoing_connections(&self) -> usize {
        self.scheduler
            .in_flight
            .saturating_add(self.egress.idle_connections_total)
    }

    /// The profiles that ship and those that are declared here.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn profiles(&self) -> Result<profile::Profiles, Refused> {
        let refused = |found: Vec<profile::Problem>| Refused(found.into_iter().map(Problem::from).collect());
        profile::Profiles::new(&self.profiles).map_err(refused)
    }

    /// The declared tenants as the registry takes them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn declared_tenants(&self) -> Result<Vec<DeclaredTenant>, Refused> {
        let limits = self.registry.filter_limits();
        tenants::declared(&self.tenants, &self.profiles()?, limits).map_err(Refused)
    }
}

/// The fewest characters of a key that somebody chose.
const SHORTEST_KEY: usize = 16;
