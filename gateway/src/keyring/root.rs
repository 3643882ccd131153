//! Root: a random number that other keys are derived from, unchanged for the lifetime of the store.
//!
//! Pseudonyms must not change with a sealing key, so they are derived from the root. The store
//! holds the root once for each key that seals or sealed, sealed with that key. A gateway opens any
//! copy that it can. This also checks that gateways with a common store have a common key: a
//! gateway that opens none of the copies in a store has other keys.

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::RngExt as _;
use sha2::Sha256;

use hookgate_domain::Secret;
use hookgate_registry::Sealer;
use hookgate_registry::seal::SealError;
use hookgate_store::{Store, StoreError};

/// Root value, not shown by `Debug`.
#[derive(Clone)]
pub struct Root(Secret);

/// Error of opening the root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The root is sealed with keys that this gateway does not have.
    #[error("the secrets in the store were sealed with another key than this gateway has")]
    OtherKeys,
    /// The sealed root was changed.
    #[error("what the store says of its sealing keys cannot be opened")]
    Broken(#[source] SealError),
    /// The store is empty, but a store with tenants is known at its address.
    #[error("the store is empty, and the one that this gateway used at the same address before was not")]
    Emptied,
    /// The store is not the one that is known at its address.
    #[error("the store is not the one that this gateway used at the same address before")]
    Another,
    /// The store did not answer.
    #[error("the store cannot be asked which key its secrets were sealed with")]
    Store(#[source] StoreError),
}

/// Store that is expected at an address.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// Any store, also an empty one.
    Any,
    /// The store with this identity.
    Known(&'a str),
}

impl Root {
    /// Opens the root of a store, and stores a copy for the newest key.
    ///
    /// Makes a root if there is none yet and no store is expected.
    ///
    /// # Errors
    /// See `RootError`.
    pub async fn open(store: &dyn Store, sealer: &Sealer, expected: Expected<'_>) -> Result<Self, RootError> {
        if let Some(root) = Self::find(store, sealer).await? {
            if let Expected::Known(identity) = expected
                && root.identity() != identity
            {
                return Err(RootError::Another);
            }
            root.keep(store, sealer).await?;
            return Ok(root);
        }
        if get(store, FIRST_KEY).await?.is_some() {
            return Err(RootError::OtherKeys);
        }
        if let Expected::Known(_) = expected {
            return Err(RootError::Emptied);
        }
        let ring = sealer.ring();
        let random: [u8; 32] = rand::rng().random();
        Self(Secret::new(&hex::encode(random)))
            .keep(store, sealer)
            .await?;
        let first = Bytes::from(ring.sealing().to_owned());
        store.blob_put(FIRST_KEY, first).await.map_err(RootError::Store)?;
        // Another gateway may have been faster: its root is the one.
        let first = get(store, FIRST_KEY).await?.unwrap_or_default();
        if !ring.ids().any(|id| id.as_bytes() == first) {
            Self::forget(store, ring.sealing())
                .await
                .map_err(RootError::Store)?;
            return Err(RootError::OtherKeys);
        }
        Self::find(store, sealer).await?.ok_or(RootError::OtherKeys)
    }

    /// Identity of the root's store: 32 hexadecimal digits that do not reveal the root.
    pub fn identity(&self) -> String {
        hex::encode(&self.derive("identity")[..16])
    }

    /// Derives a key for a purpose: HMAC-SHA256(root, purpose).
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let root = self.0.reveal().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(root).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Stores a copy of the root for the newest key, if there is none.
    pub(super) async fn keep(&self, store: &dyn Store, sealer: &Sealer) -> Result<(), RootError> {
        let name = name(sealer.ring().sealing());
        if get(store, &name).await?.is_none() {
            let sealed = Bytes::from(sealer.seal(PLACE, &self.0));
            store.blob_put(&name, sealed).await.map_err(RootError::Store)?;
        }
        Ok(())
    }

    /// Removes the copy of the root for a key.
    pub(super) async fn forget(store: &dyn Store, key: &str) -> Result<(), StoreError> {
        store.blob_delete(&name(key)).await
    }

    async fn find(store: &dyn Store, sealer: &Sealer) -> Result<Option<Self>, RootError> {
        for id in sealer.ring().ids() {
            if let Some(sealed) = get(store, &name(id)).await? {
                let sealed = str::from_utf8(&sealed).unwrap_or_default();
                let opened = sealer.open(PLACE, sealed).map_err(RootError::Broken)?;
                return Ok(Some(Self(opened)));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[root]")
    }
}

async fn get(store: &dyn Store, name: &str) -> Result<Option<Bytes>, RootError> {
    store.blob_get(name).await.map_err(RootError::Store)
}

fn name(key: &str) -> String {
    format!("{PLACE}:{key}")
}

const PLACE: &str = "sealing-root";
/// Name of the blob with the id of the key that first sealed the root.
///
/// It is written once. Its value is used only while a root is made.
const FIRST_KEY: &str = "sealing-root";
