//! The components whose machine code is loaded: as many as there is room for, the least recently used go first.
//!
//! A component that was put away keeps its description and its place in chains; its next call brings it back from its artifact.

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

/// Loads components, and puts away what was not used for long.
pub(super) struct CodeCache {
    engine: Engine,
    imports: Linker<Guest>,
    artifacts: Artifacts,
    /// Of the components on it.
    class: Class,
    /// Bytes of machine code that may be loaded.
    room: usize,
    /// What is loaded.
    held: Mutex<Vec<Weak<CachedComponent>>>,
    /// Grows with every use; what a component's `used` is compared by.
    uses: AtomicU64,
}

/// A component's place on the shelf.
pub(super) struct CachedComponent {
    digest: String,
    class: Class,
    used: AtomicU64,
    patterns: Arc<PatternCache>,
    linked: Mutex<Option<Arc<Linked>>>,
    /// It was told that its machine code does not load.
    unloadable: AtomicBool,
}

/// Machine code whose imports are resolved.
pub(super) struct Linked {
    pub(super) pre: PluginPre<Guest>,
    pub(super) patterns: Arc<PatternCache>,
    bytes: usize,
}

impl CodeCache {
    /// An empty shelf for components of this class, with room for so many bytes of machine code.
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

    /// Links machine code and gives it a place. Here it shows whether the component fits the pool and the world.
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

    /// Machine code to call; blocks for as long as it takes to load when it was put away. `None`: its artifact is gone.
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

    /// Notes what is loaded, and makes room.
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
    /// Which engine runs it.
    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// How many bytes of machine code are loaded.
    fn bytes(&self) -> usize {
        self.place().as_ref().map_or(0, |linked| linked.bytes)
    }

    /// Unloads; a call that is running keeps what it took until its end.
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
