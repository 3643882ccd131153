//! Product-specific routes in the file format of profiles.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;

/// Common settings of a product's routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileDoor")]
pub struct Door {
    /// Location of the API key: `bearer`, or the name of a header that holds it.
    ///
    /// Built in: `bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Prefix of subscription ids, in place of `sub_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_prefix: Option<String>,
    /// Status word of an active subscription. Built in: `active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// Status word of a disabled subscription. Built in: `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// Format of an error's body; RFC 9457 problems if unset.
    #[serde(skip_serializing_if = "is_default")]
    pub errors: Errors,
    /// Error texts by code: `limit_reached = "You have {limit} webhooks already."`.
    ///
    /// Codes and placeholders are listed in profiles.md. A code without an entry has a built-in
    /// text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub messages: BTreeMap<String, String>,
}

/// Format of an error's body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileErrors")]
pub struct Errors {
    /// Member that contains all others, as in `{"error": {…}}`.
    ///
    /// If unset, they are at the top level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Members, in order.
    ///
    /// A member is a `value` of `{title}`, `{detail}`, `{code}`, `{status}`, `{fix}` or `{errors}`,
    /// or a `constant`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<AnswerMember>,
}

/// One route of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProfileRoute")]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: Method,
    /// Path, such as `/v1/webhooks/{id}`.
    pub path: String,
    /// Operation that the route performs.
    pub action: Action,
    /// Request fields, or the parameters of a `GET`, with their meanings.
    #[serde(rename = "in", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input: BTreeMap<String, String>,
    /// Required fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Status of a successful response.
    #[serde(default = "ok")]
    pub status: u16,
    /// Members of the response, in order; empty for a response without body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answer: Vec<AnswerMember>,
    /// Members of each of `{items}`, in order.
    ///
    /// Empty in a feed, whose items are the pushed bodies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<AnswerMember>,
    /// Under `add.routes`: replaces the route of this method and path.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replace: bool,
}

/// One member of a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProfileAnswerMember")]
pub struct AnswerMember {
    /// Key of the member.
    pub name: String,
    /// Value of the member, such as `{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Constant value, any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<serde_json::Value>,
}

/// HTTP method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "ProfileMethod")]
pub enum Method {
    /// RFC 9110 §9.3.1.
    Get,
    /// RFC 9110 §9.3.3.
    Post,
    /// RFC 9110 §9.3.4.
    Put,
    /// RFC 5789.
    Patch,
    /// RFC 9110 §9.3.5.
    Delete,
}

impl Method {
    /// Name of the method in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Operation of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ProfileAction")]
pub enum Action {
    /// Creates a subscription.
    CreateSubscription,
    /// Lists subscriptions.
    ListSubscriptions,
    /// Shows a subscription.
    GetSubscription,
    /// Changes a subscription.
    UpdateSubscription,
    /// Deletes a subscription.
    DeleteSubscription,
    /// Activates a subscription.
    ActivateSubscription,
    /// Disables a subscription.
    DisableSubscription,
    /// Creates a new secret of a subscription; the old one also signs for a grace period.
    RotateSecret,
    /// Shows the secret of a subscription.
    RevealSecret,
    /// Sends a test event to a subscription.
    TestSubscription,
    /// Repeats the deliveries that a subscription missed since a time.
    RecoverSubscription,
    /// Shows the attempt statistics of a subscription.
    SubscriptionStats,
    /// Lists deliveries: of one subscription if the path has `{id}`, otherwise all.
    ListDeliveries,
    /// Shows a delivery with its attempts.
    GetDelivery,
    /// Repeats a delivery.
    RetryDelivery,
    /// Creates a new secret of the tenant; the old one also signs for a grace period.
    CreateTenantSecret,
    /// Pages through events.
    Feed,
    /// Lists the catalogue.
    ListEventTypes,
}

fn ok() -> u16 {
    200
}
