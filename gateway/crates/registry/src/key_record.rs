//! Stored form of API keys.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ApiKey;
use super::entry::KEY;
use super::error::RegistryError;
use super::record::{LIMITED_KEY, VERSION};
use hookgate_domain::{KeyId, Scopes, Timestamp};
use hookgate_store::RegistryRecord;

/// Returns `true` if a tenant has keys and each has every scope.
/// Keys made before scopes existed have all of them.
pub fn have_every_scope(tenant: &RegistryRecord) -> bool {
    let entries = tenant.entries.iter();
    let mut keys = entries
        .filter(|(name, _)| name.starts_with(KEY))
        .filter_map(|(_, entry)| serde_json::from_slice::<KeyRecord>(entry).ok())
        .peekable();
    keys.peek().is_some() && keys.all(|key| key.scopes.is_none())
}

/// Entry `key:KEY`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    pub v: u8,
    /// Digest in hexadecimal.
    pub digest: String,
    pub hint: String,
    pub created: u64,
    #[serde(default)]
    pub declared: bool,
    /// Names of its scopes; all scopes if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
}

impl KeyRecord {
    pub(super) fn from_key(key: &ApiKey, declared: bool) -> Self {
        let limited = key.expires.is_some() || key.subscription.is_some();
        Self {
            v: if limited { LIMITED_KEY } else { VERSION },
            digest: hex::encode(key.digest),
            hint: key.hint.clone(),
            created: key.created.as_micros(),
            declared,
            scopes: (key.scopes != Scopes::ALL).then(|| key.scopes.names().map(str::to_owned).collect()),
            expires: key.expires.map(Timestamp::as_micros),
            subscription: key.subscription.map(|id| id.to_string()),
        }
    }

    pub(super) fn into_key(self, id: KeyId, entry: &str) -> Result<ApiKey, RegistryError> {
        let mut digest = [0; 32];
        hex::decode_to_slice(&self.digest, &mut digest).map_err(|e| RegistryError::unreadable(entry, e))?;
        Ok(ApiKey {
            id,
            digest,
            hint: self.hint,
            created: Timestamp::from_micros(self.created),
            scopes: match self.scopes {
                None => Scopes::ALL,
                Some(names) => Scopes::parse(&names).map_err(|e| RegistryError::unreadable(entry, e))?,
            },
            expires: self.expires.map(Timestamp::from_micros),
            subscription: self
                .subscription
                .map(|id| id.parse().map_err(|e| RegistryError::unreadable(entry, e)))
                .transpose()?,
            last_use: Arc::default(),
        })
    }
}
