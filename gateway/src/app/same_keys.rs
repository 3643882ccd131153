//! Gateways that share a store must share its sealing keys: checked once at the start, before anything is served.
//!
//! The first gateway leaves a sealed word in the store; every later one must be able to open it. Without this check a second
//! gateway with keys of its own would start, and fail at each tenant's secrets one by one.

use bytes::Bytes;

use super::StartError;
use crate::domain::Secret;
use crate::registry::Sealer;
use crate::store::Store;

/// Opens the word in the store, or leaves one there.
///
/// # Errors
/// `OtherKeys` when it was sealed with a key that is not in the ring, `KeyCheck` when the store does not answer.
pub(super) async fn check(store: &dyn Store, sealer: &Sealer) -> Result<(), StartError> {
    let read = async || store.blob_get(NAME).await.map_err(StartError::KeyCheck);
    let kept = match read().await? {
        Some(kept) => kept,
        None => {
            let sealed = Bytes::from(sealer.seal(NAME, &Secret::new(WORD)));
            let put = store.blob_put(NAME, sealed.clone()).await;
            put.map_err(StartError::KeyCheck)?;
            // Another gateway may have been faster: the first word stays.
            read().await?.unwrap_or(sealed)
        }
    };
    let sealed = std::str::from_utf8(&kept).map_err(|_| StartError::OtherKeys)?;
    sealer
        .open(NAME, sealed)
        .map_err(|_| StartError::OtherKeys)
        .map(drop)
}

const NAME: &str = "sealing-check";
const WORD: &str = "sealed";
