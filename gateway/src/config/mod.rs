//! The configuration: combines the `Config` of every part, reads files, environment and flags, and
//! validates the result.
//!
//! Each part owns its limits and describes each of them in one doc comment, which becomes the
//! reference page (`docs/configuration.md`), the JSON Schema and the comments of `config print`.
//! This module holds the keys that belong to no part, the layers (`load`), and the rules between
//! the parts (`rules`). A problem is reported with file, line and fix, and prevents the start.
//! Called by `cli`; no other module knows that there are files.

mod changes;
mod layers;
mod load;
mod locate;
mod print;
mod problem;
mod reference;
mod renamed;
mod retry;
mod rules;
mod secret;
mod tenants;
mod traces;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ui::TrustedProxy;
use crate::{api, backup, delivery, feed, http, ingest, scheduler, system_events, ui};
use hookgate_contract::profile;
use hookgate_domain::units::Span;
use hookgate_domain::{BadScopes, Quotas, Scopes};
use hookgate_egress as egress;
use hookgate_plugin_host as plugin;
use hookgate_registry as registry;
use hookgate_registry::DeclaredTenant;
use hookgate_runtime::{memory, telemetry};
use hookgate_store::{self as store, Retention, StoreUrl};

pub use changes::Values;
pub use load::{Environment, Flags, Loaded, load};
pub use print::print;
pub use problem::{Place, Problem, Refused};
pub use reference::{reference, schema};
pub use retry::Retry;
pub use secret::{SecretError, SecretText};
pub use tenants::{DeclaredType, Payload, Step, StepFailure, Subscription, Tenant};
pub use traces::Traces;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the gateway's secrets, compiled plugins and, unless another store is
    /// configured, its events.
    pub data_dir: PathBuf,
    /// The HTTP server.
    pub server: http::Config,
    /// Operator access and key scopes.
    pub auth: Auth,
    /// Store of events.
    pub store: store::Config,
    /// Backups of the embedded store.
    pub backup: backup::Config,
    /// Memory for requests, events and pages.
    pub memory: memory::Config,
    /// Retention of events.
    pub retention: Retention,
    /// Limits of requests from producers.
    pub ingest: ingest::Config,
    /// Limits of plugins.
    pub plugins: plugin::Config,
    /// Limits of each tenant.
    pub registry: registry::Config,
    /// Limits of a tenant's usage that neither its profile nor its own quotas set. A limit that
    /// none of them sets does not exist.
    pub quotas: Quotas,
    /// Attempts in flight, leases and claims.
    pub scheduler: scheduler::Config,
    /// Single attempts.
    pub delivery: delivery::Config,
    /// Retry schedule of failed deliveries, unless a subscription has its own.
    pub retry: Retry,
    /// Permitted destinations of deliveries.
    pub egress: egress::Config,
    /// The pull feed.
    pub feed: feed::Config,
    /// The management API.
    pub api: api::Config,
    /// Bulk jobs.
    pub bulk: api::BulkConfig,
    /// The dashboard and the tenant portal.
    pub ui: ui::Config,
    /// The tenant portal.
    pub portal: ui::PortalConfig,
    /// System events: their recipient and their limits.
    pub system_events: system_events::Config,
    /// Logs.
    pub telemetry: telemetry::Config,
    /// Traces, for an OpenTelemetry collector.
    pub traces: Traces,
    /// Products' contracts by name, in addition to the built-in ones; a built-in name changes that
    /// contract. See profiles.md.
    pub profiles: BTreeMap<String, profile::file::File>,
    /// Tenants declared in the file, by name.
    pub tenants: BTreeMap<String, Tenant>,
}

/// Operator access and key scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The operator's key, at least 16 characters. If omitted, it is generated at the first start,
    /// shown once, and stored in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_key: Option<SecretText>,
    /// Keys that seal secrets in the store: one key a line, each 32 bytes in base64, the newest
    /// first. Gateways that share a store need the same keys. If omitted, a key is generated at the
    /// first start and stored in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealing_keys: Option<SecretText>,
    /// Header in which a proxy in front of the gateway names the user that it has authenticated, such
    /// as `x-forwarded-user`: `/dashboard/sign-in` then signs the operator in. Needs `trusted_secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_header: Option<String>,
    /// Secret, at least 16 characters, that this proxy sends as `x-hookgate-proxy-secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_secret: Option<SecretText>,
    /// Default scopes of new API keys of tenants, for a `POST /v1/tenants/{id}/keys` without scopes:
    /// of `publish` (send events), `read` (feed, events, deliveries, settings), `manage` (everything
    /// else of the tenant) and `consumer` (a product's own routes, the feed, and consumers'
    /// subscriptions).
    pub key_scopes: Vec<String>,
    /// Interval of writing the last use of tenants' API keys to the store (`last_used`, to the
    /// minute): one write for each tenant whose keys were used. A gateway that is killed loses the
    /// uses of the last interval.
    pub last_used_interval: Span,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            operator_key: None,
            sealing_keys: None,
            trusted_header: None,
            trusted_secret: None,
            key_scopes: Scopes::ALL.names().map(str::to_owned).collect(),
            last_used_interval: Span::from_secs(300),
        }
    }
}

impl Auth {
    /// Parses `key_scopes`.
    ///
    /// # Errors
    /// The scope that does not exist, or an empty list.
    pub fn scopes(&self) -> Result<Scopes, BadScopes> {
        Scopes::parse(&self.key_scopes)
    }

    /// Proxy that signs the operator in, as the rules have checked it.
    fn trusted_proxy(&self) -> Option<TrustedProxy> {
        let secret = self.trusted_secret.as_ref()?.resolve().ok()?;
        TrustedProxy::new(self.trusted_header.as_deref()?, &secret)
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
            bulk: api::BulkConfig::default(),
            ui: ui::Config::default(),
            portal: ui::PortalConfig::default(),
            system_events: system_events::Config::default(),
            telemetry: telemetry::Config::default(),
            traces: Traces::default(),
            profiles: BTreeMap::new(),
            tenants: BTreeMap::new(),
        }
    }
}

impl Config {
    /// URL of the configured store.
    pub fn store_url(&self) -> StoreUrl {
        self.store
            .url
            .clone()
            .unwrap_or_else(|| StoreUrl::in_dir(&self.data_dir))
    }

    /// Settings of the pages. With two listeners, the configured URLs are not those of the dashboard.
    pub fn pages(&self) -> api::Pages {
        let server = &self.server;
        let portal = self.ui.public_url.as_ref().or(server.public_url.as_ref());
        let apart = server.public.is_some() || server.admin.is_some();
        api::Pages {
            config: self.ui.clone(),
            // The rules have checked it; a logo that has gone meanwhile is left out with its theme.
            theme: self.portal.theme.resolve().unwrap_or_default(),
            portal_base: portal.cloned(),
            dashboard_base: portal.filter(|_| !apart).cloned(),
            trusted_proxy: self.auth.trusted_proxy(),
            https: server.tls.is_some(),
        }
    }

    /// Address of the store among those that the data directory records, without credentials. A
    /// directory inside it moves with it.
    pub fn store_address(&self) -> String {
        match self.store_url() {
            StoreUrl::Embedded(directory) => match directory.strip_prefix(&self.data_dir) {
                Ok(inside) => format!("embedded:{}", inside.display()),
                Err(_) => format!("embedded:{}", directory.display()),
            },
            url @ (StoreUrl::Redis(_) | StoreUrl::Cluster(_)) => format!("{url} {}", self.store.redis.prefix),
        }
    }

    /// Settings of the scheduler on this store.
    ///
    /// On the embedded store a lease ends with the process. A short one gains nothing, and a
    /// settlement that waits for the disk must not outlast it.
    pub fn scheduler_on_store(&self) -> scheduler::Config {
        let mut settings = self.scheduler.clone();
        if let StoreUrl::Embedded(_) = self.store_url() {
            settings.lease = settings.lease.max(scheduler::EMBEDDED_LEASE);
        }
        settings
    }

    /// Maximum number of connections to endpoints: attempts in flight and pooled connections.
    pub fn outgoing_connections(&self) -> usize {
        self.scheduler
            .in_flight
            .saturating_add(self.egress.idle_connections_total)
    }

    /// The built-in profiles and those of the configuration.
    ///
    /// # Errors
    /// All problems of the profiles.
    pub fn profiles(&self) -> Result<profile::Profiles, Refused> {
        let refused = |found: Vec<profile::Problem>| Refused(found.into_iter().map(Problem::from).collect());
        profile::Profiles::new(&self.profiles).map_err(refused)
    }

    /// The declared tenants, in the registry's form.
    ///
    /// # Errors
    /// All problems of the declarations.
    pub fn declared_tenants(&self) -> Result<Vec<DeclaredTenant>, Refused> {
        let limits = self.registry.filter_limits();
        tenants::declared(&self.tenants, &self.profiles()?, limits).map_err(Refused)
    }
}

/// Minimum length of a key that an operator chose, in characters.
const SHORTEST_KEY: usize = 16;
