//! Names in headers that a product's customers see, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Headers by which customers know who sends and answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileHeaders")]
pub struct Headers {
    /// The `User-Agent` of deliveries, where a subscription sets none of its own. Built in: `webhooks/1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Headers of every answer of the product's own routes, such as `Server = "Acme"`; at most 16.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub response: BTreeMap<String, String>,
    /// The header of those answers that holds an id of its own for each, such as `X-Request-Id`: what support asks for, and what
    /// the log has of failures. Built in: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
