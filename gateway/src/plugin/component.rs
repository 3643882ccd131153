//! A component that is loaded and linked, ready for a fresh instance at every call.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::{Component as Code, Linker};

use super::bindings::PluginPre;
use super::guest::Guest;
use super::imports::wasi;
use super::patterns::PatternCache;
use super::upload::UploadError;

/// A component that is loaded and linked.
pub struct Component {
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// What it says of itself.
    pub description: Description,
    pub(super) linked: Linked,
}

/// What a component says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// A slug.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// A JSON Schema of the settings.
    pub settings_schema: Option<String>,
    /// Whether it takes out what must not go on: a step that redacts can only be `OnFailure::Fail`.
    pub redacts: bool,
}

/// Machine code whose imports are resolved.
#[derive(Clone)]
pub(super) struct Linked {
    pub(super) pre: PluginPre<Guest>,
    pub(super) patterns: Arc<PatternCache>,
}

impl Linked {
    /// Links machine code; here it shows whether its functions have the types of the world.
    pub(super) fn new(code: &Code, base: &Linker<Guest>) -> Result<Self, UploadError> {
        let mismatch = |error: wasmtime::Error| UploadError::Mismatch(format!("{error:#}"));
        let mut linker = base.clone();
        wasi::link(&mut linker, code).map_err(mismatch)?;
        let pre = linker
            .instantiate_pre(code)
            .and_then(PluginPre::new)
            .map_err(mismatch)?;
        Ok(Self {
            pre,
            patterns: Arc::default(),
        })
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.digest)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}
