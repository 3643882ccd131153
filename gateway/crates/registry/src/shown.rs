//! Display of stored events under the present privacy rules, applied in the tenant's lane.

use std::sync::Arc;

use super::{Registry, Tenant};
use hookgate_domain::Event;
use hookgate_plugin_host::{LaneRefusal, TenantLane};

impl Registry {
    /// Applies the present privacy rules to stored events.
    /// Events stored under the present rules are returned unchanged, at no cost; the others are
    /// checked again, and withheld if that exceeds the budget of an event.
    ///
    /// # Errors
    /// The tenant's lane is full: no event may be shown then.
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

/// Applies the present privacy rules to one event. To be called in the lane.
pub fn show(tenant: &Tenant, event: Event, lane: &TenantLane<'_>) -> Event {
    let Some(rules) = tenant.privacy.anew(&event) else {
        return event;
    };
    rules.shown(&event, &lane.work()).unwrap_or_else(|_| {
        tracing::warn!(tenant = %tenant.id, event = %event.id, "event.withheld");
        rules.withheld(&event)
    })
}

/// Events per job, so that other jobs of the tenant run in between.
const AT_ONCE: usize = 8;
