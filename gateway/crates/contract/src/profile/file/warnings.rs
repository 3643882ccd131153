//! What a product's customers are told when an endpoint of theirs keeps failing, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AnswerMember;

/// Events about a consumer's subscription that keeps failing or was disabled for it, sent to the tenant's other subscriptions
/// that match; none where no type is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileWarnings")]
pub struct Warnings {
    /// The type of the event that says that a subscription keeps failing (`auto_disable.warn_over`), such as `webhook.failing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
    /// The type of the one that says that it was disabled, by `auto_disable` or a 410, such as `webhook.disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// The members of the event's data, in order: a `value` of `{id}`, `{url}`, `{description}`, `{status}`, `{reason}` (`failing`
    /// or `gone`), `{attempts}`, `{failed}` or `{at}`, or a `constant`. Built in: id, status, reason, attempts and failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<AnswerMember>>,
}
