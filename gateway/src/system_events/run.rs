//! Service that makes events of reports and stores them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::notice::Notice;
use super::warning::Told;
use super::{Change, SystemEvents};
use crate::dispatch::{Inbox, fan_out_again};
use hookgate_domain::event::RulesMark;
use hookgate_domain::subscription::DisableReason;
use hookgate_domain::{Event, EventType, Fate, Hops, Status, StoredLimits, Subscription, Target, TenantId};
use hookgate_json::budget::WorkBudget;
use hookgate_registry::{Registry, RegistryError, Tenant};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::telemetry::{Metrics, error_chain};
use hookgate_store::{Accepted, Committer, LeasePolicy, NewEvent, StoreError, Submission};

/// Parts that the service works with.
pub struct Parts {
    /// Registry, whose subscriptions receive the events.
    pub registry: Registry,
    /// Committer, which stores the events.
    pub committer: Committer,
    /// Handover, notified when deliveries are due.
    pub inbox: Inbox,
    /// Source of ids.
    pub ids: IdSource,
    /// Source of the time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Metrics,
}

/// Service that sends the reports.
pub struct Service {
    tenant: TenantId,
    handle: SystemEvents,
    parts: Parts,
}

/// Error of sending a report.
#[derive(Debug, thiserror::Error)]
enum NotTold {
    #[error("the event cannot be stored")]
    Store(#[source] StoreError),
    #[error("there is no tenant for it, and none can be made")]
    Tenant(#[source] RegistryError),
}

impl Service {
    /// Creates the service that makes events of this tenant of the handle's reports.
    pub fn new(tenant: TenantId, handle: SystemEvents, parts: Parts) -> Self {
        Self {
            tenant,
            handle,
            parts,
        }
    }

    /// Runs until the shutdown, then sends once what is still pending.
    ///
    /// Shut it down after every part that reports, and before the committer.
    pub async fn run(self, shutdown: CancellationToken) {
        self.report_recent();
        loop {
            let ended = shutdown.is_cancelled();
            let stored = self.tell().await;
            if ended {
                return;
            }
            let idle = self.handle.pending().is_idle();
            let pause = if stored { LOOK_EVERY } else { STORE_AWAY };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.handle.inner.reported.notified(), if idle => {}
                () = tokio::time::sleep(pause), if !idle => {}
            }
        }
    }

    /// Reports the latest changes again. The process that made them may have ended before its
    /// report.
    ///
    /// An event that exists already is not made again.
    fn report_recent(&self) {
        let recent = self.parts.clock.now().minus(RECENT);
        for tenant in self.parts.registry.tenants() {
            for subscription in &tenant.subscriptions {
                let change = |at| Change::new(tenant.id.clone(), subscription.id, at);
                if let Some(warned) = subscription.warned.filter(|at| *at > recent) {
                    self.handle.failing(change(warned));
                }
                match subscription.status {
                    Status::Disabled {
                        since,
                        reason: reason @ (DisableReason::Gone | DisableReason::Failing),
                    } if since > recent => self.handle.disabled(change(since), reason),
                    Status::Active | Status::Disabled { .. } => {}
                }
            }
        }
    }

    /// Sends what is due. `false`: the store is not available, and the notices remain pending.
    async fn tell(&self) -> bool {
        let (told, left_out) = {
            let mut pending = self.handle.pending();
            (pending.take(Instant::now()), pending.take_left_out())
        };
        if left_out > 0 {
            self.parts.metrics.system_events_left_out(left_out);
        }
        let mut told = told.into_iter();
        while let Some(notice) = told.next() {
            if let Err(error) = self.tell_one(&notice).await {
                let error = error_chain(&error).to_string();
                tracing::debug!(%error, "system_event.not_stored");
                let mut pending = self.handle.pending();
                let rest: Vec<_> = std::iter::once(notice).chain(told).collect();
                for notice in rest.into_iter().rev() {
                    pending.put_back(notice, Instant::now());
                }
                return false;
            }
        }
        true
    }

    /// Stores the event for the operator, and for the tenant concerned if it subscribed to it.
    async fn tell_one(&self, notice: &Notice) -> Result<(), NotTold> {
        let Ok(kind) = notice.kind().parse::<EventType>() else {
            return Ok(());
        };
        // The tenant may have been deleted.
        let registry = &self.parts.registry;
        registry
            .ensure_tenant(&self.tenant)
            .await
            .map_err(NotTold::Tenant)?;
        if let Some(operator) = registry.tenant(&self.tenant) {
            self.store(&operator, notice, &kind).await?;
        }
        if *notice.tenant() == self.tenant {
            return Ok(());
        }
        let Some(tenant) = registry.tenant(notice.tenant()) else {
            return Ok(());
        };
        if tenant.subscriptions.iter().any(|s| s.wants(&kind)) {
            self.store(&tenant, notice, &kind).await?;
        }
        match Told::warning(&tenant, notice) {
            Some(warning) => self.accept(&tenant, warning).await.map(drop),
            None => Ok(()),
        }
    }

    async fn store(&self, tenant: &Tenant, notice: &Notice, kind: &EventType) -> Result<(), NotTold> {
        let told = Told {
            id: notice.id(),
            kind: kind.clone(),
            at: notice.at(),
            data: notice.data(),
            not_to: None,
        };
        if self.accept(tenant, told).await? {
            self.parts.metrics.system_event(notice.kind());
        }
        Ok(())
    }

    /// Stores an event with its deliveries. `false`: it existed already.
    async fn accept(&self, tenant: &Tenant, told: Told) -> Result<bool, NotTold> {
        let id_given = told.id.is_some();
        let event = Event {
            id: told.id.unwrap_or_else(|| self.parts.ids.event()),
            tenant: tenant.id.clone(),
            kind: told.kind,
            created: told.at,
            accepted: self.parts.clock.now(),
            data: told.data.to_string().into(),
            metadata: None,
            deliver_to: None,
            fate: Fate::Published,
            steps: Vec::new(),
            rules: RulesMark::default(),
            hops: Hops::default(),
            trace: None,
        };
        let subscriptions = tenant.subscriptions.iter();
        let others = subscriptions.filter(|one| Some(one.id) != told.not_to);
        let targets = self.targets(&event, others.cloned().collect()).await;
        let due = !targets.is_empty();
        let submission = Submission {
            tenant: tenant.id.clone(),
            events: vec![NewEvent {
                event: Arc::new(event),
                targets,
                id_given,
            }],
            idempotency: None,
            lease: LeasePolicy::Due,
            // System events are counted against the quotas and never refused.
            limits: StoredLimits::default(),
        };
        let accepted = self.parts.committer.accept(submission).await;
        let new =
            matches!(accepted.map_err(NotTold::Store)?, Accepted::Stored { fresh, .. } if fresh == [true]);
        if new && due {
            self.parts.inbox.due_now();
        }
        Ok(new)
    }

    /// Targets of an event. Filters that are not small run in the tenant's lane.
    ///
    /// If the lane accepts no more jobs, the events of other tenants are not delayed for long: the
    /// event has no targets then, and the tenant finds it in its feed.
    async fn targets(&self, event: &Event, subscriptions: Vec<Arc<Subscription>>) -> Vec<Target> {
        let small = WorkBudget::small();
        if let Ok(targets) = fan_out_again(event, &subscriptions, &small) {
            return targets;
        }
        for _ in 0..TRIES {
            let (own, subscriptions) = (event.clone(), subscriptions.clone());
            let host = self.parts.registry.host();
            let ran = host.run_for(&event.tenant, move |lane| {
                fan_out_again(&own, &subscriptions, &lane.work())
            });
            match ran.await {
                Ok(Ok(targets)) => return targets,
                Ok(Err(_)) => break,
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        tracing::warn!(tenant = %event.tenant, event = %event.id, "system_event.not_filtered");
        Vec::new()
    }
}

/// Number of tries to get into a tenant's lane.
const TRIES: u32 = 4;
/// Interval at which counted reports are checked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Pause before a retry if the store is not available.
const STORE_AWAY: Duration = Duration::from_secs(1);
/// Age up to which changes are reported again at start.
const RECENT: Duration = Duration::from_secs(3600);
