//! The keys that seal secrets in the store: which there are, what each has sealed, and how one takes another's place.
//!
//! # Where they are
//! In the configuration (`auth.sealing_keys`) or in a file of the data directory, one key a line. The first seals, all open.
//! The store never has one; it has what they sealed (its `root`, the registry's entries).
//!
//! # How a key is rotated
//! 1. A new key is put before the others. Gateways that share a store all need it, as a later line at first, before one of them
//!    seals with it: that is the operator's to do. A gateway that has its keys in a file and its store for itself does it here.
//! 2. Everything that another key sealed is sealed anew ([`Registry::reseal`]), one tenant at a time. A run that was cut short
//!    leaves a store that all of the ring's keys together open, and the next run goes on where it ended.
//! 3. The old key is dropped: refused as long as anything in the store needs it. A gateway that starts, or reads its keys
//!    again, without a key that is needed refuses too.

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

/// Works on the keys. Cheap to clone.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Parts>,
    /// One change at a time.
    turn: Arc<Mutex<()>>,
}

/// What it works with.
pub struct Parts {
    /// What the gateway seals with.
    pub sealer: Sealer,
    /// What is sealed.
    pub registry: Registry,
    /// Where it is.
    pub store: Arc<dyn Store>,
    /// Where the keys are.
    pub origin: Origin,
    /// What is derived from the keys.
    pub root: Root,
    /// Whether other gateways may use the store too.
    pub shared: bool,
}

/// Where the keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration or the environment, which the gateway cannot change.
    Configuration,
    /// A file of the data directory.
    File(PathBuf),
}

/// A key, and what it is needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// Its id: the beginning of its SHA-256.
    pub id: String,
    /// Whether it seals what is written now.
    pub seals: bool,
    /// Whether this gateway has it.
    pub at_hand: bool,
    /// How many texts in the store are sealed with it.
    pub sealed: usize,
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The id of the key that seals now.
    pub key: String,
    /// Whether it was made by this rotation.
    pub made: bool,
    /// What was sealed anew.
    pub resealed: Resealed,
    /// The ids of the keys that nothing is sealed with any more.
    pub unused: Vec<String>,
}

/// Why the keys stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Everything is sealed with the newest key, and the configuration has the keys.
    #[error("everything is sealed with the newest key, and the next one comes from the configuration")]
    Configured,
    /// Everything is sealed with the newest key, and other gateways would not have one that is made here.
    #[error(
        "everything is sealed with the newest key, and other gateways may share the store: they need the next one first"
    )]
    Shared,
    /// There is no key of this id.
    #[error("there is no sealing key with the id `{0}`")]
    Unknown(String),
    /// It seals what is written now.
    #[error("the key `{0}` seals what is written now")]
    Seals(String),
    /// Something is sealed with it.
    #[error("{sealed} texts in the store are sealed with the key `{id}`")]
    Needed {
        /// Its id.
        id: String,
        /// How many.
        sealed: usize,
    },
    /// The registry cannot be read or written.
    #[error("the secrets in the store cannot be gone through")]
    Registry(#[from] RegistryError),
    /// The store did not do it.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
    /// What is derived from the keys cannot be had.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The file cannot be read or written.
    #[error("the file of the keys cannot be changed")]
    File(#[source] io::Error),
    /// The keys are none.
    #[error("the sealing keys cannot be used")]
    Ring(#[from] SealError),
}

impl Keyring {
    /// With everything that it works with.
    pub fn new(parts: Parts) -> Self {
        Self {
            inner: Arc::new(parts),
            turn: Arc::default(),
        }
    }

    /// Every key that this gateway has or the store needs: the one that seals first.
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

    /// Seals everything with the newest key. Where everything is already, a new key is made first: of keys in a file, and only
    /// if no other gateway shares the store or `alone` says so.
    ///
    /// # Errors
    /// `Configured`, `Shared`: nothing was done. Otherwise what was done stays done, and the next rotation goes on.
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

    /// Drops a key that nothing is sealed with: out of the file, and out of memory.
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

    /// Takes the keys from where they are now: the file, or the configuration's text. A ring that lacks a key that is needed is
    /// refused, and the old one goes on.
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

    /// Somebody may have changed the file.
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

    /// Makes a key, or says why it cannot; false where the ring has older keys that can go, which is an answer too.
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

/// Reads or writes the file on a thread that serves nobody.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, KeyringError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|ended| Err(io::Error::other(ended)))
        .map_err(KeyringError::File)
}

/// The ids of other keys than the newest that something is sealed with.
fn others<'a>(ring: &Ring, counts: &'a BTreeMap<String, usize>) -> Vec<&'a str> {
    let ids = counts.keys().map(String::as_str);
    ids.filter(|id| *id != ring.sealing()).collect()
}
