//! Privacy rules and key formats in the file format of profiles.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fields that are removed from every event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfilePrivacy")]
pub struct Privacy {
    /// Classes of the dictionary whose fields are removed: `confidential`, `restricted`.
    ///
    /// Built in: none.
    ///
    /// `confidential` includes `restricted`. Fields with these names are removed before an event is
    /// stored, independently of the tenant's chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<PrivacyClass>>,
    /// Stores and shows the `metadata` of events (a CloudEvent's attributes). Built in: true.
    ///
    /// `false` drops it before the first write, and no plugin sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_metadata: Option<bool>,
    /// Product-specific names that are also removed, by their class. Built in: none.
    ///
    /// For example `confidential = ["margin_band", "*lead_score*"]`. Case and style are ignored;
    /// `*` before or after a name matches anything. These fields are removed for any value of
    /// `classes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<BTreeMap<PrivacyClass, Vec<String>>>,
}

/// Format of API keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileKeys")]
pub struct Keys {
    /// Prefix of the keys that the gateway creates for tenants of the profile, such as `sk_live_`.
    ///
    /// 1 to 16 of `a-z A-Z 0-9 _ -`. Built in: `hg_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// Class of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfilePrivacyClass")]
pub enum PrivacyClass {
    /// Contact details, commercial figures, free text, and everything restricted.
    Confidential,
    /// Credentials, compensation, bank and card details, personal identifiers.
    Restricted,
}
