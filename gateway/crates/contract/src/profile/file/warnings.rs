//! Warnings about failing endpoints in the file format of profiles.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AnswerMember;

/// Events about a subscription that keeps failing or was disabled for it.
///
/// They are sent to the tenant's other subscriptions that match; none are sent if no type is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileWarnings")]
pub struct Warnings {
    /// Type of the event for a failing subscription, such as `webhook.failing`.
    ///
    /// `auto_disable.warn_over` defines failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
    /// Type of the event for a disabled subscription, such as `webhook.disabled`.
    ///
    /// `auto_disable` or a 410 disables it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// Members of the event's data, in order. Built in: id, status, reason, attempts and failed.
    ///
    /// A member is a `value` of `{id}`, `{url}`, `{description}`, `{status}`, `{reason}` (`failing`
    /// or `gone`), `{attempts}`, `{failed}` or `{at}`, or a `constant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<AnswerMember>>,
}
