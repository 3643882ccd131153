//! Stands where the plugin host will: it loads nothing. Goes when `plugin::Host` is there.

use std::sync::Arc;

use bytes::Bytes;

use crate::document::Document;
use crate::plugin::{Component, Failure, SettingsProblem};

/// The host that is not there yet.
#[derive(Debug, Clone, Default)]
pub struct Host;

/// No component can be loaded.
#[derive(Debug, thiserror::Error)]
#[error("this build has no plugin host")]
pub struct LoadError;

impl Host {
    pub(super) async fn load(&self, _: Bytes) -> Result<Arc<Component>, LoadError> {
        Err(LoadError)
    }

    pub(super) async fn check_settings(
        &self,
        _: &Arc<Component>,
        _: Arc<Document>,
    ) -> Result<Vec<SettingsProblem>, Failure> {
        Ok(Vec::new())
    }
}
