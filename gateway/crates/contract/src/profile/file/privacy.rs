//! Privacy and keys of a profile, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is taken out of every event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfilePrivacy")]
pub struct Privacy {
    /// Fields whose names are in the dictionary under these classes are taken out before an event is stored, whatever the
    /// tenant's chain does: `confidential` (which includes what is restricted) and `restricted`. Built in: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<PrivacyClass>>,
    /// Whether the `metadata` of events (a CloudEvent's attributes) is stored and shown. `false`: it is dropped before the first
    /// write, and no plugin sees it. Built in: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_metadata: Option<bool>,
    /// Names of the product's own that are taken out too, by their class: `confidential = ["margin_band", "*lead_score*"]`. Case and
    /// style do not count; `*` before or behind a name stands for anything. They go whatever `classes` says. Built in: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<BTreeMap<PrivacyClass, Vec<String>>>,
}

/// What API keys look like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileKeys")]
pub struct Keys {
    /// What the keys begin with that the gateway makes for tenants of the profile, such as `sk_live_`: 1 to 16 of `a-z A-Z 0-9 _ -`.
    /// Built in: `hg_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// A class of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfilePrivacyClass")]
pub enum PrivacyClass {
    /// Contact details, commercial figures, free text; and what is restricted.
    Confidential,
    /// Credentials, compensation, bank and card details, personal identifiers.
    Restricted,
}
