//! The pause of an endpoint, as the gateway process that answers has it.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::Api;
use super::super::views::text;
use super::views::SubscriptionView;
use hookgate_domain::{Subscription, Target};
use hookgate_store::Endpoint;

/// Pause of an endpoint: no requests are sent to it, and no attempts are used up.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EndpointPause")]
pub(in crate::api) struct PauseView {
    /// Time of the next attempt.
    pub until: String,
    /// Reason. `failing`: its last attempts failed.
    #[schemars(with = "super::super::words::PauseReason")]
    pub reason: &'static str,
    /// Scope: other gateways detect failures independently.
    #[schemars(with = "super::super::words::ProcessScope")]
    pub scope: &'static str,
}

impl SubscriptionView {
    /// Adds the pause of the subscription's endpoint.
    pub(super) fn paused(mut self, api: &Api, subscription: &Subscription) -> Self {
        let endpoint = Endpoint {
            tenant: subscription.tenant.clone(),
            target: Target::Subscription(subscription.id),
        };
        self.pause = api.inbox.pause_of(&endpoint).map(|(time, asked)| PauseView {
            until: text(api.clock.now().plus(time)),
            reason: if asked { "asked" } else { "failing" },
            scope: "process",
        });
        self
    }
}
