//! Keys that seal secrets in the store: list, rotation and removal.
//!
//! # Location
//! The keys are in the configuration (`auth.sealing_keys`) or in a file of the data directory, one
//! key per line. The first key seals, all open. The store never contains a key, only what they
//! sealed (the `root`, the registry's entries).
//!
//! # Rotation
//! 1. A new key is put before the others. Gateways with a common store all need it, as a later line
//!    at first, before one of them seals with it: the operator does that. A gateway with its keys
//!    in a file and a store of its own does it here.
//! 2. Everything that another key sealed is sealed again ([`Registry::reseal`]), one tenant at a
//!    time. An interrupted run leaves a store that the keys of the ring open together, and the next
//!    run continues.
//! 3. The old key is dropped. This is refused as long as anything in the store needs the key. A
//!    gateway that starts or reloads its keys without a needed key refuses, too.

mod file;
mod known_store;
mod root;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::info;

use hookgate_registry::seal::{Ring, SealError, new_key};
use hookgate_registry::{Registry, RegistryError, Resealed, Sealer};
use hookgate_store::{Store, StoreError};

pub use known_store::{KNOWN_STORES, KnownStore};
pub use root::{Expected, Root, RootError};

/// Operations on the sealing keys. Cheap to clone.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Parts>,
    /// Lock: one change at a time.
    turn: Arc<Mutex<()>>,
}

/// Parts that the keyring works with.
pub struct Parts {
    /// Sealer of the gateway.
    pub sealer: Sealer,
    /// Registry, whose entries are sealed.
    pub registry: Registry,
    /// Store of the sealed entries.
    pub store: Arc<dyn Store>,
    /// Source of the keys.
    pub origin: Origin,
    /// Root, which other keys are derived from.
    pub root: Root,
    /// Set when other gateways may use the store, too.
    pub shared: bool,
}

/// Source of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration or the environment, which the gateway cannot change.
    Configuration,
    /// A file in the data directory.
    File(PathBuf),
}

/// Sealing key and its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// Key id: the beginning of the key's SHA-256.
    pub id: String,
    /// Set when the key seals new values.
    pub seals: bool,
    /// Set when this gateway has the key.
    pub at_hand: bool,
    /// Number of texts in the store that are sealed with the key.
    pub sealed: usize,
}

/// Result of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Id of the key that seals new values.
    pub key: String,
    /// Set when the rotation made the key.
    pub made: bool,
    /// Count of what was sealed again.
    pub resealed: Resealed,
    /// Ids of the keys that seal nothing any more.
    pub unused: Vec<String>,
}

/// Error of an operation on the keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Everything is sealed with the newest key, and the keys are in the configuration.
    #[error("everything is sealed with the newest key, and the next one comes from the configuration")]
    Configured,
    /// Everything is sealed with the newest key, and other gateways would not have a key made here.
    #[error(
        "everything is sealed with the newest key, and other gateways may share the store: they need the next one first"
    )]
    Shared,
    /// No key has this id.
    #[error("there is no sealing key with the id `{0}`")]
    Unknown(String),
    /// The key seals new values.
    #[error("the key `{0}` seals what is written now")]
    Seals(String),
    /// Something is sealed with the key.
    #[error("{sealed} texts in the store are sealed with the key `{id}`")]
    Needed {
        /// Key id.
        id: String,
        /// Number of texts that are sealed with the key.
        sealed: usize,
    },
    /// The registry cannot be read or written.
    #[error("the secrets in the store cannot be gone through")]
    Registry(#[from] RegistryError),
    /// The store did not answer.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
    /// The root cannot be opened.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The file cannot be read or written.
    #[error("the file of the keys cannot be changed")]
    File(#[source] io::Error),
    /// The keys are invalid.
    #[error("the sealing keys cannot be used")]
    Ring(#[from] SealError),
}

impl Keyring {
    /// Creates the keyring from its parts.
    pub fn new(parts: Parts) -> Self {
        Self {
            inner: Arc::new(parts),
            turn: Arc::default(),
        }
    }

    /// Lists the keys that this gateway has or the store needs, the one that seals first.
    ///
    /// # Errors
    /// `Registry`.
    pub async fn keys(&self) -> Result<Vec<KeyStatus>, KeyringError> {
        let mut counts = self.inner.registry.sealed_with().await?;
        let ring = self.inner.sealer.ring();
        let own = ring.ids().map(|id| KeyStatus {
            id: id.to_owned(),
            seals: id == ring.sealing(),
            at_hand: true,
            sealed: counts.remove(id).unwrap_or(0),
        });
        let mut keys: Vec<_> = own.collect();
        keys.extend(counts.into_iter().map(|(id, sealed)| KeyStatus {
            id,
            seals: false,
            at_hand: false,
            sealed,
        }));
        Ok(keys)
    }

    /// Seals everything with the newest key.
    ///
    /// If everything is sealed with it already, a new key is made first. That requires keys in a
    /// file, and that no other gateway shares the store, or `alone`.
    ///
    /// # Errors
    /// `Configured`, `Shared`: nothing was done. After any other error, completed work persists,
    /// and the next rotation continues.
    pub async fn rotate(&self, alone: bool) -> Result<Rotated, KeyringError> {
        let _turn = self.turn.lock().await;
        self.refresh().await?;
        let before = self.inner.registry.sealed_with().await?;
        let done = others(&self.inner.sealer.ring(), &before).is_empty();
        let made = done && self.make(alone).await?;
        let (sealer, store) = (&self.inner.sealer, self.inner.store.as_ref());
        self.inner.root.keep(store, sealer).await?;
        let resealed = self.inner.registry.reseal().await?;
        let ring = sealer.ring();
        for old in ring.ids().skip(1) {
            Root::forget(store, old).await?;
        }
        let after = self.inner.registry.sealed_with().await?;
        let unused = ring.ids().skip(1).filter(|id| !after.contains_key(*id));
        let (key, texts) = (ring.sealing(), resealed.texts);
        info!(key, made, count = texts, "sealing_keys.rotated");
        Ok(Rotated {
            key: key.to_owned(),
            made,
            resealed,
            unused: unused.map(str::to_owned).collect(),
        })
    }

    /// Drops a key that seals nothing, from the file and from memory.
    ///
    /// # Errors
    /// `Unknown`, `Seals`, `Needed`, `Configured`: nothing was done.
    pub async fn remove(&self, id: &str) -> Result<(), KeyringError> {
        let _turn = self.turn.lock().await;
        self.refresh().await?;
        let ring = self.inner.sealer.ring();
        if !ring.has(id) {
            return Err(KeyringError::Unknown(id.to_owned()));
        }
        if ring.sealing() == id {
            return Err(KeyringError::Seals(id.to_owned()));
        }
        let needed = self.inner.registry.sealed_with().await?;
        if let Some(sealed) = needed.get(id).copied() {
            let id = id.to_owned();
            return Err(KeyringError::Needed { id, sealed });
        }
        let Origin::File(path) = &self.inner.origin else {
            return Err(KeyringError::Configured);
        };
        Root::forget(self.inner.store.as_ref(), id).await?;
        let (path, gone) = (path.clone(), id.to_owned());
        let ring = on_disk(move || file::without(&path, &gone)).await?;
        self.inner.sealer.replace(ring.parse()?);
        info!(key = id, "sealing_keys.removed");
        Ok(())
    }

    /// Reloads the keys from the file, or from the configuration's text.
    ///
    /// A ring without a key that is needed is refused, and the old ring remains in use.
    ///
    /// # Errors
    /// `Needed`, `Ring`, `File`, `Registry`.
    pub async fn reload(&self, configured: Option<&str>) -> Result<(), KeyringError> {
        let _turn = self.turn.lock().await;
        match configured {
            Some(text) => self.adopt(text.parse()?).await,
            None => self.refresh().await,
        }
    }

    /// Reloads the file, which may have been changed.
    async fn refresh(&self) -> Result<(), KeyringError> {
        let Origin::File(path) = &self.inner.origin else {
            return Ok(());
        };
        let path = path.clone();
        let text = on_disk(move || std::fs::read_to_string(path)).await?;
        self.adopt(text.parse()?).await
    }

    async fn adopt(&self, ring: Ring) -> Result<(), KeyringError> {
        let before = self.inner.sealer.ring();
        if before.ids().eq(ring.ids()) {
            return Ok(());
        }
        let needed = self.inner.registry.sealed_with().await?;
        if let Some((id, sealed)) = needed.into_iter().find(|(id, _)| !ring.has(id)) {
            return Err(KeyringError::Needed { id, sealed });
        }
        self.inner.sealer.replace(ring);
        let kept = self
            .inner
            .root
            .keep(self.inner.store.as_ref(), &self.inner.sealer);
        kept.await?;
        info!(keys = ?self.inner.sealer.ring(), "sealing_keys.changed");
        Ok(())
    }

    /// Makes a key. `false`: none was made, because the ring has older keys that can be dropped.
    ///
    /// # Errors
    /// `Configured`, `Shared`: no key can be made; `File`, `Ring`.
    async fn make(&self, alone: bool) -> Result<bool, KeyringError> {
        let refused = match &self.inner.origin {
            Origin::File(path) if alone || !self.inner.shared => {
                let path = path.clone();
                let text = on_disk(move || file::with_first(&path, &new_key())).await?;
                self.inner.sealer.replace(text.parse()?);
                return Ok(true);
            }
            Origin::File(_) => KeyringError::Shared,
            Origin::Configuration => KeyringError::Configured,
        };
        if self.inner.sealer.ring().ids().count() > 1 {
            return Ok(false);
        }
        Err(refused)
    }
}

/// Reads or writes the file on the blocking thread pool, off the threads that serve requests.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, KeyringError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|ended| Err(io::Error::other(ended)))
        .map_err(KeyringError::File)
}

/// Ids of the keys other than the newest that something is sealed with.
fn others<'a>(ring: &Ring, counts: &'a BTreeMap<String, usize>) -> Vec<&'a str> {
    let ids = counts.keys().map(String::as_str);
    ids.filter(|id| *id != ring.sealing()).collect()
}
