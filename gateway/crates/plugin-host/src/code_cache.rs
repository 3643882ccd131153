//! Compiled code cache: an LRU of loaded machine code, bounded by bytes.
//!
//! An evicted component keeps its description and its place in chains; its next call reloads it
//! from its artifact.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use wasmtime::Engine;
use wasmtime::component::Linker;

use super::artifact::{Artifact, Artifacts};
use super::bindings::PluginPre;
use super::class::Class;
use super::guest::Guest;
use super::imports::wasi;
use super::log::escaped;
use super::machine_code;
use super::patterns::PatternCache;
use super::upload::{TEXT_BYTES, UploadError};
use hookgate_runtime::telemetry::error_chain;

/// Loads components and evicts the least recently used ones.
pub(super) struct CodeCache {
    engine: Engine,
    imports: Linker<Guest>,
    artifacts: Artifacts,
    /// Class of the components in it.
    class: Class,
    /// Maximum size of loaded machine code, in bytes.
    room: usize,
    /// Loaded components.
    held: Mutex<Vec<Weak<CachedComponent>>>,
    /// Use counter; a component's `used` holds its value at the last use.
    uses: AtomicU64,
}

/// A component in the code cache, loaded or evicted.
pub(super) struct CachedComponent {
    digest: String,
    class: Class,
    used: AtomicU64,
    patterns: Arc<PatternCache>,
    linked: Mutex<Option<Arc<Linked>>>,
    /// Set after the log has reported that the machine code does not load.
    unloadable: AtomicBool,
}

/// Machine code with resolved imports.
pub(super) struct Linked {
    pub(super) pre: PluginPre<Guest>,
    pub(super) patterns: Arc<PatternCache>,
    bytes: usize,
}

impl CodeCache {
    /// Creates an empty cache for components of the configured class, with a maximum size in bytes.
    pub(super) fn new(
        engine: Engine,
        imports: Linker<Guest>,
        artifacts: Artifacts,
        class: Class,
        room: usize,
    ) -> Self {
        Self {
            engine,
            imports,
            artifacts,
            class,
            room,
            held: Mutex::default(),
            uses: AtomicU64::new(0),
        }
    }

    /// Links machine code and adds it to the cache. Fails if the component does not fit the pool or
    /// the world.
    pub(super) fn add(
        &self,
        digest: String,
        artifact: &Artifact,
    ) -> Result<Arc<CachedComponent>, UploadError> {
        let patterns = Arc::<PatternCache>::default();
        let linked = Arc::new(self.link(artifact, patterns.clone())?);
        let cached = Arc::new(CachedComponent {
            digest,
            class: self.class,
            used: AtomicU64::new(self.use_now()),
            patterns,
            linked: Mutex::new(Some(linked)),
            unloadable: AtomicBool::new(false),
        });
        self.hold(&cached);
        Ok(cached)
    }

    /// Returns machine code to call; reloads it (and blocks) if it was evicted. `None`: its
    /// artifact is gone.
    pub(super) fn take(&self, cached: &Arc<CachedComponent>) -> Option<Arc<Linked>> {
        cached.used.store(self.use_now(), Ordering::Relaxed);
        let mut place = cached.place();
        if let Some(linked) = &*place {
            return Some(linked.clone());
        }
        let artifact = self.artifacts.get(&cached.digest)?;
        let linked = match self.link(&artifact, cached.patterns.clone()) {
            Ok(linked) => Arc::new(linked),
            Err(error) => {
                if !cached.unloadable.swap(true, Ordering::Relaxed) {
                    let version = cached.digest.get(..12);
                    tracing::warn!(version, error = %error_chain(&error), "plugin.not_loaded");
                }
                return None;
            }
        };
        *place = Some(linked.clone());
        drop(place);
        self.hold(cached);
        Some(linked)
    }

    fn link(&self, artifact: &Artifact, patterns: Arc<PatternCache>) -> Result<Linked, UploadError> {
        let said = |error: wasmtime::Error| escaped(&format!("{error:#}"), TEXT_BYTES);
        let unfit = |error| UploadError::Unfit {
            table: self.class.table(),
            said: said(error),
        };
        let mismatch = |error| UploadError::Mismatch(said(error));
        let code = machine_code::load(&self.engine, artifact).map_err(unfit)?;
        let mut imports = self.imports.clone();
        wasi::link(&mut imports, &code).map_err(mismatch)?;
        let pre = imports
            .instantiate_pre(&code)
            .and_then(PluginPre::new)
            .map_err(mismatch)?;
        let image = code.image_range();
        Ok(Linked {
            pre,
            patterns,
            bytes: image.end.addr() - image.start.addr(),
        })
    }

    /// Records a loaded component, and evicts others if the cache is over its size.
    fn hold(&self, cached: &Arc<CachedComponent>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.push(Arc::downgrade(cached));
        let mut loaded: Vec<_> = held.iter().filter_map(Weak::upgrade).collect();
        loaded.sort_by_key(|cached| cached.used.load(Ordering::Relaxed));
        let mut bytes: usize = loaded.iter().map(|cached| cached.bytes()).sum();
        let mut kept = loaded.as_slice();
        while let [oldest, rest @ ..] = kept
            && bytes > self.room
            && !Arc::ptr_eq(oldest, cached)
        {
            bytes -= oldest.evict();
            kept = rest;
        }
        *held = kept.iter().map(Arc::downgrade).collect();
    }

    fn use_now(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

impl CachedComponent {
    /// Class of the component, which decides the engine.
    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// Size of the loaded machine code, in bytes.
    fn bytes(&self) -> usize {
        self.place().as_ref().map_or(0, |linked| linked.bytes)
    }

    /// Unloads the machine code. A running call keeps its reference until it ends.
    fn evict(&self) -> usize {
        self.place().take().map_or(0, |linked| linked.bytes)
    }

    fn place(&self) -> MutexGuard<'_, Option<Arc<Linked>>> {
        self.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCache")
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CachedComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedComponent")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
