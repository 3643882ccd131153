//! Gateway without sockets: requests go to the router.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::super::{Parts, router};
use crate::backup::{self, Backups};
use crate::dispatch::Inbox;
use crate::dispatch::inbox::{Limits, Ready};
use crate::feed::Feed;
use crate::http::{Auth, BodyLimits};
use crate::ingest::{self, Ingest};
use crate::keyring::{self, Expected, Keyring, Origin, Root};
use hookgate_contract::profile::Profiles;
use hookgate_domain::Secret;
use hookgate_egress::Client;
use hookgate_plugin_host::{Artifacts, Compiler, ComponentLoader, Host};
use hookgate_registry::{self as registry, Registry, Sealer};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::memory::MemoryPool;
use hookgate_runtime::tasks::Tasks;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::embedded::Embedded;
use hookgate_store::{Committer, Retention, Store, embedded, group};

pub(super) const OPERATOR: &str = "operator-key-of-the-tests";

pub(super) struct Rig {
    router: Router,
    pub(super) store: Arc<dyn Store>,
    /// Deliveries that would be sent at once.
    pub(super) ready: tokio::sync::mpsc::UnboundedReceiver<Ready>,
    /// Handover to the scheduler.
    pub(super) inbox: Inbox,
    shutdown: CancellationToken,
    _folder: TempDir,
}

/// Response.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// Checks that it is a problem with this status and code.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{:#}",
            self.body
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
    }
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with(ingest::Config::default()).await
    }

    pub(super) async fn with(config: ingest::Config) -> Self {
        Self::with_profiles(config, Profiles::shipped()).await
    }

    pub(super) async fn with_profiles(config: ingest::Config, profiles: Profiles) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::System;
        let path = folder.path().join("store");
        let opened = Embedded::open(
            &path,
            &embedded::Config::default(),
            Retention::default(),
            clock.clone(),
        );
        let store: Arc<dyn Store> = Arc::new(opened.unwrap());
        let artifacts = Artifacts::new(folder.path().join("artifacts"), [7; 32]);
        let workshop = ComponentLoader::new(Compiler::InProcess, artifacts, NonZeroU32::MIN);
        let metrics = Metrics::new();
        let plugins = Arc::new(hookgate_testing::patient());
        let host = Host::start(&plugins, clock.clone(), metrics.clone(), workshop, [9; 32]).unwrap();
        let sealer = Sealer::generate().0;
        let root = Root::open(store.as_ref(), &sealer, Expected::Any).await.unwrap();
        let parts = registry::Parts {
            store: Arc::clone(&store),
            host: host.clone(),
            sealer: sealer.clone(),
            profiles,
            clock: clock.clone(),
            metrics: metrics.clone(),
            tasks: Tasks::default(),
        };
        let (registry, _) = Registry::start(registry::Config::default(), parts).await.unwrap();
        let keyring = Keyring::new(keyring::Parts {
            sealer,
            registry: registry.clone(),
            store: Arc::clone(&store),
            origin: Origin::Configuration,
            root,
            shared: false,
        });
        let egress = hookgate_egress::Config {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            ..Default::default()
        };
        let egress = Client::new(&egress, clock.clone()).unwrap();
        let shutdown = CancellationToken::new();
        let (committer, service) =
            Committer::new(Arc::clone(&store), &group::Config::default(), metrics.clone());
        tokio::spawn(service.run(shutdown.clone()));
        let limits = Limits {
            room: 100,
            bytes: usize::MAX,
            lease: Duration::from_secs(60),
        };
        let memory = MemoryPool::new(&hookgate_runtime::memory::Config::default());
        let (inbox, ready) = Inbox::new(limits, memory.clone());
        let auth = Auth::new(registry.clone(), &Secret::new(OPERATOR));
        let ids = IdSource::new(clock.clone());
        let quotas = crate::quota::QuotaGate::new(Arc::clone(&store), metrics.clone());
        let ingest = ingest::Parts {
            auth: auth.clone(),
            host: host.clone(),
            store: Arc::clone(&store),
            committer: committer.clone(),
            inbox: inbox.clone(),
            egress: egress.clone(),
            quotas: quotas.clone(),
            memory: memory.clone(),
            ids: ids.clone(),
            clock: clock.clone(),
            system_events: crate::system_events::SystemEvents::new(&crate::system_events::Config::default()),
            metrics: metrics.clone(),
            tracer: Default::default(),
            keep_trace_context: false,
            tasks: Tasks::default(),
        };
        let ingest = Ingest::new(config, ingest, Duration::from_secs(5));
        let feed = Feed::new(
            crate::feed::Config::default(),
            crate::feed::Parts {
                store: Arc::clone(&store),
                commits: committer.signals().clone(),
                registry: registry.clone(),
                memory: memory.clone(),
                cursors: crate::feed::CursorKey::new([7; 32]),
                clock: clock.clone(),
                store_clock: hookgate_store::clock::StoreClock::new(clock.clone()),
                shutdown: shutdown.clone(),
            },
        );
        let ui = crate::ui::Config::default();
        let store_clock = hookgate_store::clock::StoreClock::new(clock.clone());
        let parts = Parts {
            sessions: crate::ui::Sessions::new(
                &store,
                (clock.clone(), store_clock),
                crate::ui::TokenKey::new([7; 32]),
                &ui,
            ),
            pages: crate::api::Pages {
                config: ui,
                theme: crate::ui::PortalTheme::default(),
                portal_base: None,
                dashboard_base: None,
                trusted_proxy: None,
                https: false,
            },
            auth,
            key_scopes: hookgate_domain::Scopes::ALL,
            registry,
            host,
            ingest: ingest.clone(),
            keyring,
            backups: Backups::new(
                backup::Config::default(),
                backup::Parts {
                    store: Arc::clone(&store),
                    store_file: Some(path.join(embedded::FILE)),
                    directory: folder.path().join("backups"),
                    clock: clock.clone(),
                    tasks: Tasks::default(),
                    shutdown: shutdown.clone(),
                    metrics: metrics.clone(),
                },
            ),
            store: Arc::clone(&store),
            committer,
            inbox: inbox.clone(),
            feed,
            egress,
            ids,
            clock,
            metrics,
            quotas,
            memory,
            warnings: Vec::new(),
            body: BodyLimits {
                max: 256 << 10,
                time: Duration::from_secs(5),
            },
            max_component: 2 << 20,
            config: crate::api::Config::default(),
            bulk: crate::api::BulkConfig::default(),
            keep_jobs: Duration::from_secs(3600),
            public_also: Vec::new(),
            keep_answers: Duration::from_secs(3600),
            shutdown: shutdown.clone(),
            tasks: Tasks::default(),
        };
        Self {
            router: router(parts, ingest::routes(ingest)),
            store,
            ready,
            inbox,
            shutdown,
            _folder: folder,
        }
    }

    /// Sends a request unchanged.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let mut router = self.router.clone();
        let response = router.call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    /// Sends JSON with a key.
    pub(super) async fn json(&self, key: &str, method: Method, path: &str, body: &Value) -> Answer {
        let request = request(key, method, path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub(super) async fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.json(key, Method::POST, path, body).await
    }

    /// Sends a request without a body.
    pub(super) async fn bare(&self, key: &str, method: Method, path: &str) -> Answer {
        self.send(request(key, method, path).body(Body::empty()).unwrap())
            .await
    }

    pub(super) async fn get(&self, key: &str, path: &str) -> Answer {
        self.bare(key, Method::GET, path).await
    }

    /// Creates a tenant; returns its key.
    pub(super) async fn tenant(&self, id: &str) -> String {
        self.tenant_with(id, "standard").await
    }

    /// Creates a tenant with a profile; returns its key.
    pub(super) async fn tenant_with(&self, id: &str, profile: &str) -> String {
        let made = self
            .post(OPERATOR, "/v1/tenants", &json!({ "id": id, "profile": profile }))
            .await
            .expect(201);
        made["key"].as_str().unwrap().to_owned()
    }

    /// Creates a subscription to every event type; returns its id.
    pub(super) async fn subscribe(&self, key: &str) -> String {
        let body = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"] });
        let made = self.post(key, "/v1/subscriptions", &body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Publishes an event; returns its id.
    pub(super) async fn publish(&self, key: &str, kind: &str) -> String {
        let accepted = self
            .post(key, "/v1/events", &json!({ "type": kind, "data": { "n": 1 } }))
            .await
            .expect(202);
        accepted["id"].as_str().unwrap().to_owned()
    }
}

pub(super) fn request(key: &str, method: Method, path: &str) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    if key.is_empty() {
        request
    } else {
        request.header("authorization", format!("Bearer {key}"))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
