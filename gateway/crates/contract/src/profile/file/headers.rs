//! Product-specific headers in the file format of profiles.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Headers that identify the product to its customers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileHeaders")]
pub struct Headers {
    /// `User-Agent` of deliveries whose subscription sets none. Built in: `webhooks/1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Headers of every response of the product's routes, such as `Server = "Acme"`; at most 16.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub response: BTreeMap<String, String>,
    /// Header that holds a unique id of each response, such as `X-Request-Id`. Built in: none.
    ///
    /// Support requests refer to it, and the log contains it for failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
