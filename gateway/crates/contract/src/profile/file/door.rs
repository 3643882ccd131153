//! A product's own routes, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_default;

/// What a product's routes have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileDoor")]
pub struct Door {
    /// How the API key arrives: `bearer`, or the name of a header that holds it. Built in: `bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What subscriptions' ids begin with, in place of `sub_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_prefix: Option<String>,
    /// The word for a subscription that receives. Built in: `active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// The word for one that does not. Built in: `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// What a failure's body looks like; RFC 9457 problems where nothing is said.
    #[serde(skip_serializing_if = "is_default")]
    pub errors: Errors,
    /// The texts of refusals, by their code: `limit_reached = "You have {limit} webhooks already."`. Which codes and placeholders
    /// there are, profiles.md says. What is not here has a built-in text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub messages: BTreeMap<String, String>,
}

/// What a failure's body looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileErrors")]
pub struct Errors {
    /// The one member that holds the others, as in `{"error": {…}}`; left out: they stand at the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// The members, in order: a `value` of `{title}`, `{detail}`, `{code}`, `{status}`, `{fix}` or `{errors}`, or a `constant`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<AnswerMember>,
}

/// One of a product's routes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProfileRoute")]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: Method,
    /// Such as `/v1/webhooks/{id}`.
    pub path: String,
    /// What it does.
    pub action: Action,
    /// What arrives: the request's field, or the parameter of a `GET`, and what it means.
    #[serde(rename = "in", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input: BTreeMap<String, String>,
    /// Fields that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// The status of success.
    #[serde(default = "ok")]
    pub status: u16,
    /// The members of the answer, in order; none: no body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answer: Vec<AnswerMember>,
    /// The members of each of `{items}`, in order; none in a feed: what is pushed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<AnswerMember>,
    /// Under `add.routes`: it takes the place of the route of this method and path.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replace: bool,
}

/// One member of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProfileAnswerMember")]
pub struct AnswerMember {
    /// Its key.
    pub name: String,
    /// What it holds, such as `{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The same always, any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<serde_json::Value>,
}

/// A request's method.
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
    /// As a request has it.
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

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ProfileAction")]
pub enum Action {
    /// Makes a subscription.
    CreateSubscription,
    /// Lists them.
    ListSubscriptions,
    /// Shows one.
    GetSubscription,
    /// Changes one.
    UpdateSubscription,
    /// Deletes one.
    DeleteSubscription,
    /// Lets it receive.
    ActivateSubscription,
    /// Lets it receive no more.
    DisableSubscription,
    /// Gives it a new secret; the old one signs beside it for a grace time.
    RotateSecret,
    /// Shows its secret.
    RevealSecret,
    /// Sends it a test event.
    TestSubscription,
    /// Makes again what it missed since a time.
    RecoverSubscription,
    /// Tells how its attempts fared.
    SubscriptionStats,
    /// Lists deliveries: of one subscription where the path has `{id}`, else of all.
    ListDeliveries,
    /// Shows a delivery with its attempts.
    GetDelivery,
    /// Makes a delivery again.
    RetryDelivery,
    /// Makes the tenant's own secret anew; the old one signs beside it for a grace time.
    CreateTenantSecret,
    /// Pages through events.
    Feed,
    /// Lists the catalogue.
    ListEventTypes,
}

fn ok() -> u16 {
    200
}
