//! Gateway without its HTTP front, for tests: a store on a disk, a registry, and the scheduler with
//! its dependencies.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::delivery::{self, Attempter};
use crate::dispatch::Inbox;
use crate::health::Watch;
use crate::scheduler::{Config, Journal, Parts, Scheduler};
use crate::system_events::SystemEvents;
use hookgate_contract::profile::{Profiles, STANDARD};
use hookgate_domain::units::Span;
use hookgate_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, Event, Fate, PayloadMode, RetryPolicy, Secret,
    SubscriptionId, Target, TenantId, Trigger,
};
use hookgate_egress::{self as egress, Client};
use hookgate_registry::{NewSubscription, NewTenant, Registry, Sealer};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::memory::MemoryPool;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::clock::StoreClock;
use hookgate_store::embedded::Embedded;
use hookgate_store::group::{self, Committer};
use hookgate_store::{Accepted, LeasePolicy, Leased, NewEvent, Retention, Store, Submission};

pub(super) struct Bench {
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Registry,
    pub(super) committer: Committer,
    pub(super) inbox: Inbox,
    pub(super) secret: Secret,
    clock: Clock,
    event: (&'static str, &'static str),
    shutdown: CancellationToken,
    scheduler: Option<JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

/// Settings that a test changes.
pub(super) struct Wishes {
    pub(super) scheduler: Config,
    pub(super) egress: egress::Config,
    pub(super) retry: RetryPolicy,
    pub(super) profile: &'static str,
    pub(super) clock: Clock,
    /// Type and data of its events.
    pub(super) event: (&'static str, &'static str),
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            scheduler: Config {
                // A test that needs the poll would be a slow test.
                poll_interval: Span::from_secs(60),
                ..Config::default()
            },
            egress: egress::Config {
                allow: vec!["127.0.0.0/8".parse().unwrap()],
                ..egress::Config::default()
            },
            retry: RetryPolicy::schedule(vec![Duration::from_millis(10); 4]).unwrap(),
            profile: STANDARD,
            clock: Clock::System,
            event: ("invoice.paid", r#"{"n":1}"#),
        }
    }
}

impl Bench {
    pub(super) async fn start(wishes: Wishes) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (clock, metrics) = (wishes.clock.clone(), Metrics::new());
        let settings = hookgate_store::embedded::Config::default();
        let store = Embedded::open(
            &directory.path().join("store"),
            &settings,
            Retention::default(),
            clock.clone(),
        );
        let store: Arc<dyn Store> = Arc::new(store.unwrap());
        let (committer, service) = Committer::new(store.clone(), &group::Config::default(), metrics.clone());
        tokio::spawn(service.run(CancellationToken::new()));
        let registry = registry(store.clone(), clock.clone(), metrics.clone()).await;
        let secret = registry.generate_secret(wishes.profile).unwrap();
        let tenant = NewTenant {
            id: tenant(),
            profile: Some(wishes.profile.to_owned()),
            signing_secret: Some(secret.clone()),
            quotas: Default::default(),
            keep_metadata: None,
        };
        registry.create_tenant(tenant).await.unwrap();

        let (inbox, ready) = Inbox::new(wishes.scheduler.inbox(), MemoryPool::new(&Default::default()));
        let store_clock = StoreClock::new(clock.clone());
        let parts = delivery::Parts {
            registry: registry.clone(),
            client: Client::new(&wishes.egress, clock.clone()).unwrap(),
            committer: committer.clone(),
            inbox: inbox.clone(),
            clock: clock.clone(),
            store_clock: store_clock.clone(),
            watch: Watch::default(),
            system_events: SystemEvents::new(&crate::system_events::Config::default()),
            metrics: metrics.clone(),
            tracer: Default::default(),
        };
        let parts = Parts {
            attempter: Attempter::new(delivery::Config::default(), wishes.retry, parts),
            store: store.clone(),
            inbox: inbox.clone(),
            store_clock,
            journal: Journal::none(),
            metrics,
        };
        let shutdown = CancellationToken::new();
        let scheduler = Scheduler::new(wishes.scheduler.clone(), parts, ready);
        let scheduler = tokio::spawn(scheduler.run(shutdown.clone()));
        Self {
            store,
            registry,
            committer,
            inbox,
            secret,
            clock: wishes.clock,
            event: wishes.event,
            shutdown,
            scheduler: Some(scheduler),
            _directory: directory,
        }
    }

    pub(super) async fn subscribe(&self, url: &Url) -> SubscriptionId {
        self.subscribe_with(url, Vec::new(), None).await
    }

    pub(super) async fn subscribe_with(
        &self,
        url: &Url,
        headers: Vec<(String, Secret)>,
        timeout: Option<Duration>,
    ) -> SubscriptionId {
        let new = NewSubscription {
            url: url.clone(),
            events: vec![self.event.0.parse().unwrap()],
            filter: None,
            description: None,
            secret: Some(self.secret.clone()),
            headers,
            timeout,
            retry: None,
            payload: PayloadMode::Full,
            owner: Default::default(),
            mode: Default::default(),
            status: Default::default(),
        };
        self.registry
            .create_subscription(&tenant(), new)
            .await
            .unwrap()
            .id
    }

    /// Stores an event for a target and hands its delivery over, as ingest does.
    pub(super) async fn publish(&self, id: &str, target: Target, deliver_to: Option<Url>) -> DeliveryId {
        let event = self.event(id, deliver_to);
        let new = NewEvent {
            event: Arc::new(event.clone()),
            targets: vec![target],
            id_given: true,
        };
        let mut room = self.inbox.reserve(&tenant(), &[new]).unwrap();
        let accepted = self.accept(&event, target, room.lease()).await;
        room.stored();
        let Accepted::Stored {
            token: Some(token), ..
        } = accepted
        else {
            // The inbox may have no room for its endpoint.
            assert!(matches!(accepted, Accepted::Stored { .. }), "{accepted:?}");
            return DeliveryId {
                event: event.id,
                target,
                run: 0,
            };
        };
        let id = DeliveryId {
            event: event.id.clone(),
            target,
            run: 0,
        };
        let handed_over = room.hand_over(Leased {
            event: Arc::new(event),
            id: id.clone(),
            trigger: Trigger::Published,
            token,
            attempts: 0,
            first_attempt: None,
            crashes: 0,
            body: None,
        });
        handed_over.unwrap();
        id
    }

    /// Stores an event as due, as ingest does when there is no room.
    pub(super) async fn leave(&self, id: &str, target: Target) -> DeliveryId {
        let event = self.event(id, None);
        self.accept(&event, target, LeasePolicy::Due).await;
        self.inbox.due_now();
        DeliveryId {
            event: event.id,
            target,
            run: 0,
        }
    }

    fn event(&self, id: &str, deliver_to: Option<Url>) -> Event {
        Event {
            id: id.parse().unwrap(),
            tenant: tenant(),
            kind: self.event.0.parse().unwrap(),
            created: self.clock.now(),
            accepted: self.clock.now(),
            data: bytes::Bytes::from_static(self.event.1.as_bytes()),
            metadata: None,
            deliver_to,
            fate: Fate::Published,
            steps: Vec::new(),
            rules: Default::default(),
            hops: Default::default(),
            trace: None,
        }
    }

    async fn accept(&self, event: &Event, target: Target, lease: LeasePolicy) -> Accepted {
        let submission = Submission {
            tenant: tenant(),
            events: vec![NewEvent {
                event: Arc::new(event.clone()),
                targets: vec![target],
                id_given: true,
            }],
            idempotency: None,
            lease,
            limits: hookgate_domain::StoredLimits::default(),
        };
        self.committer.accept(submission).await.unwrap()
    }

    pub(super) async fn delivery(&self, id: &DeliveryId) -> (Delivery, Vec<Attempt>) {
        self.store
            .delivery(&tenant(), id)
            .await
            .unwrap()
            .expect("it is stored")
    }

    /// Waits until the delivery is finished.
    pub(super) async fn finished(&self, id: &DeliveryId) -> (Delivery, Vec<Attempt>) {
        self.until(id, |delivery| {
            !matches!(delivery.state, DeliveryState::Pending { .. })
        })
        .await
    }

    pub(super) async fn until(
        &self,
        id: &DeliveryId,
        reached: impl Fn(&Delivery) -> bool,
    ) -> (Delivery, Vec<Attempt>) {
        for _ in 0..TRIES {
            let (delivery, attempts) = self.delivery(id).await;
            if reached(&delivery) {
                return (delivery, attempts);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.delivery(id).await)
    }

    /// Shuts the scheduler down and waits for its end.
    pub(super) async fn stop(&mut self) {
        self.shutdown.cancel();
        self.scheduler.take().expect("it runs").await.unwrap();
    }
}

pub(super) fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

async fn registry(store: Arc<dyn Store>, clock: Clock, metrics: Metrics) -> Registry {
    let parts = hookgate_registry::Parts {
        store,
        host: hookgate_testing::host(),
        sealer: Sealer::generate().0,
        profiles: Profiles::shipped(),
        clock,
        metrics,
        tasks: hookgate_runtime::tasks::Tasks::default(),
    };
    Registry::start(hookgate_registry::Config::default(), parts)
        .await
        .unwrap()
        .0
}

/// Two minutes.
const TRIES: usize = 12_000;
