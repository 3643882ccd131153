//! Stored events as they may be shown today: by the privacy rules that hold now, in the tenant's lane.

use std::sync::Arc;

use super::{Registry, Tenant};
use hookgate_domain::Event;
use hookgate_plugin_host::{LaneRefusal, TenantLane};

impl Registry {
    /// Events as they may be shown today. Those that were stored under today's rules are as they are, which costs nothing;
    /// the others are looked through again, and withheld where that takes more work than an event may.
    ///
    /// # Errors
    /// When the tenant's lane takes no more now: nothing may be shown then.
    pub async fn shown(
        &self,
        tenant: &Arc<Tenant>,
        mut events: Vec<Event>,
    ) -> Result<Vec<Event>, LaneRefusal> {
        for part in events.chunks_mut(AT_ONCE) {
            if part.iter().all(|event| tenant.privacy.anew(event).is_none()) {
                continue;
            }
            let (given, own) = (part.to_vec(), Arc::clone(tenant));
            let job = move |lane: &mut TenantLane<'_>| {
                let shown = given.into_iter().map(|event| show(&own, event, lane));
                shown.collect::<Vec<_>>()
            };
            let shown = self.host().run_for(&tenant.id, job).await?;
            for (place, shown) in part.iter_mut().zip(shown) {
                *place = shown;
            }
        }
        Ok(events)
    }
}

/// One event, already in the lane.
pub fn show(tenant: &Tenant, event: Event, lane: &TenantLane<'_>) -> Event {
    let Some(rules) = tenant.privacy.anew(&event) else {
        return event;
    };
    rules.shown(&event, &lane.work()).unwrap_or_else(|_| {
        tracing::warn!(tenant = %tenant.id, event = %event.id, "event.withheld");
        rules.withheld(&event)
    })
}

/// How many events are one job: others have a turn in between.
const AT_ONCE: usize = 8;
