//! Warnings to a product's customers: a notice as an event of the profile's own type. Pure.

use serde_json::Value;

use super::notice::Notice;
use hookgate_contract::profile::{Said, Warning, Warnings};
use hookgate_domain::subscription::Owner;
use hookgate_domain::{EventId, EventType, SubscriptionId, Timestamp};
use hookgate_registry::Tenant;

/// Event to be stored, and the subscription that it is not sent to.
#[derive(Debug)]
pub(super) struct Told {
    /// Event id; `None`: one is made.
    pub(super) id: Option<EventId>,
    pub(super) kind: EventType,
    pub(super) at: Timestamp,
    pub(super) data: Value,
    pub(super) not_to: Option<SubscriptionId>,
}

impl Told {
    /// Creates a warning to the customers of the tenant's product.
    ///
    /// `None` if the profile has none of this kind, or the subscription is gone or not a
    /// consumer's. The warning goes to the customers' other subscriptions, because the one
    /// concerned does not answer.
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
