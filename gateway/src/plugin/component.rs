//! A component that is loaded and linked, ready for a fresh instance at every call.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::{Component as Code, Linker};

use super::bindings::PluginPre;
use super::config::Config;
use super::engine::{MEMORIES, TABLES};
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
    /// Links machine code, and checks what only compiling shows: types and sizes.
    pub(super) fn new(code: &Code, base: &Linker<Guest>, config: &Config) -> Result<Self, UploadError> {
        sizes(code, config)?;
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

fn sizes(code: &Code, config: &Config) -> Result<(), UploadError> {
    let Some(required) = code.resources_required() else {
        return Ok(());
    };
    let pages = config.memory.bytes() as u64 / PAGE;
    let initial = required.max_initial_memory_size.unwrap_or(0);
    let elements = required.max_initial_table_size.unwrap_or(0);
    for (what, count, limit) in [
        ("memories", required.num_memories.into(), MEMORIES.into()),
        ("tables", required.num_tables.into(), TABLES.into()),
        ("pages of memory at its start", initial, pages),
        ("elements in a table", elements, config.table_elements.into()),
    ] {
        if count > limit {
            return Err(UploadError::TooMany { what, count, limit });
        }
    }
    Ok(())
}

/// Bytes of a page of WebAssembly's memory.
const PAGE: u64 = 65_536;

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.digest)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}
