//! A notice as it is told a product's customers: an event of the profile's own type. Pure.

use serde_json::Value;

use super::notice::Notice;
use hookgate_contract::profile::{Said, Warning, Warnings};
use hookgate_domain::subscription::Owner;
use hookgate_domain::{EventId, EventType, SubscriptionId, Timestamp};
use hookgate_registry::Tenant;

/// An event to be stored, and to whom it is not sent.
#[derive(Debug)]
pub(super) struct Told {
    /// `None`: it is made.
    pub(super) id: Option<EventId>,
    pub(super) kind: EventType,
    pub(super) at: Timestamp,
    pub(super) data: Value,
    pub(super) not_to: Option<SubscriptionId>,
}

impl Told {
    /// A warning to the customers of the tenant's product; `None`: its profile has none of this, or the subscription is gone or not
    /// theirs. It goes to their other subscriptions, for what it is about does not answer.
    pub(super) fn warning(tenant: &Tenant, notice: &Notice) -> Option<Self> {
        let (change, warning, reason) = notice.change()?;
        let profile = tenant.contract.as_ref()?;
        let kind = profile.warnings.kind(warning)?;
        let subscription = tenant.subscription(change.subscription)?;
        if subscription.owner != Owner::Consumer {
            return None;
        }
        let figures = change.figures;
        let data = profile.warnings.data(|said| match said {
            Said::Id => tenant.public_id(subscription.id).into(),
            Said::Url => subscription.url.as_str().into(),
            Said::Description => subscription.description.clone().into(),
            Said::Status => match warning {
                Warning::Failing => profile.door.active.clone().into(),
                Warning::Disabled => profile.door.disabled.clone().into(),
            },
            Said::Reason => reason.into(),
            Said::Attempts => figures.map(|figures| figures.attempts).into(),
            Said::Failed => figures.map(|figures| figures.failed).into(),
            Said::At => change.at.in_seconds().to_string().into(),
        });
        Some(Self {
            id: Some(Warnings::id(warning, subscription.id, change.at)),
            kind: kind.clone(),
            at: change.at,
            data,
            not_to: Some(subscription.id),
        })
    }
}
