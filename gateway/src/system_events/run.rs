//! Makes events of reports and has them stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::notice::Notice;
use super::warning::Told;
use super::{Change, SystemEvents};
use crate::budget::WorkBudget;
use crate::clock::Clock;
use crate::dispatch::{Handover, fan_out_again};
use crate::domain::event::RulesMark;
use crate::domain::subscription::DisableReason;
use crate::domain::{Event, EventType, Fate, Hops, Status, StoredLimits, Subscription, Target, TenantId};
use crate::ids::IdSource;
use crate::registry::{Registry, RegistryError, Tenant};
use crate::store::{Accepted, Committer, LeasePolicy, NewEvent, StoreError, Submission};
use crate::telemetry::{Metrics, error_chain};

/// What the service works with.
pub struct Parts {
    /// Whose subscriptions receive them.
    pub registry: Registry,
    /// Where they are stored.
    pub committer: Committer,
    /// Who is told that deliveries are due.
    pub handover: Handover,
    /// Makes ids.
    pub ids: IdSource,
    /// Tells the time.
    pub clock: Clock,
    /// Counts.
    pub metrics: Metrics,
}

/// Tells what is reported.
pub struct Service {
    tenant: TenantId,
    handle: SystemEvents,
    parts: Parts,
}

/// Why something could not be told.
#[derive(Debug, thiserror::Error)]
enum NotTold {
    #[error("the event cannot be stored")]
    Store(#[source] StoreError),
    #[error("there is no tenant for it, and none can be made")]
    Tenant(#[source] RegistryError),
}

impl Service {
    /// What makes events of this tenant of the handle's reports.
    pub fn new(tenant: TenantId, handle: SystemEvents, parts: Parts) -> Self {
        Self {
            tenant,
            handle,
            parts,
        }
    }

    /// Tells until the shutdown, and then once what still waits. Shut it down after everything that reports, and before the
    /// committer.
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

    /// Reports the latest changes again: who made them may have died before they were told. An event that is there already is
    /// not made again.
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

    /// Tells what is to be told now. False: the store is away, and it waits on.
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

    /// Stores the event for the operator, and for the tenant that it is about where that asks for it.
    async fn tell_one(&self, notice: &Notice) -> Result<(), NotTold> {
        let Ok(kind) = notice.kind().parse::<EventType>() else {
            return Ok(());
        };
        // Somebody may have deleted it.
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

    /// Stores an event with its deliveries. False: it was there.
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
            // What the gateway has to tell is counted and never refused.
            limits: StoredLimits::default(),
        };
        let accepted = self.parts.committer.accept(submission).await;
        let new =
            matches!(accepted.map_err(NotTold::Store)?, Accepted::Stored { fresh, .. } if fresh == [true]);
        if new && due {
            self.parts.handover.due_now();
        }
        Ok(new)
    }

    /// Who receives an event. Where filters are asked that is the tenant's own doing, in its lane. A tenant whose lane takes
    /// no more holds up nobody else's events for long, and finds this one in its feed.
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

/// How often a tenant's lane is asked.
const TRIES: u32 = 4;
/// How often it is looked whether something that was counted is to be told.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// When a store that is away is tried again.
const STORE_AWAY: Duration = Duration::from_secs(1);
/// How far back changes are reported again at start.
const RECENT: Duration = Duration::from_secs(3600);
