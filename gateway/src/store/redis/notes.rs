//! Notes: small values that somebody put under a name first, and that go by themselves.

use std::time::Duration;

use bytes::Bytes;
use redis::{Pipeline, Value};

use super::time::millis;
use super::{Inner, reply};
use crate::store::StoreError;

/// Puts a note where there is none; otherwise what the one there says.
pub(super) async fn put(
    store: &Inner,
    name: &str,
    note: &Bytes,
    keep: Duration,
) -> Result<Option<Bytes>, StoreError> {
    let key = store.keys.note(name);
    let mut pipeline = Pipeline::with_capacity(2);
    pipeline.cmd("SET").arg(&key).arg(note.as_ref());
    pipeline.arg("NX").arg("PX").arg(millis(keep));
    pipeline.cmd("GET").arg(&key);
    let mut replies = store.link.atomic(&mut pipeline).await?.into_iter();
    let (Some(set), Some(there)) = (replies.next(), replies.next()) else {
        return Err(reply::unexpected("two replies"));
    };
    if set == Value::Nil {
        reply::optional(there)
    } else {
        Ok(None)
    }
}

/// Replaces or removes a note that says what is expected; whether it did.
pub(super) async fn replace(
    store: &Inner,
    name: &str,
    expected: &Bytes,
    next: Option<(Bytes, Duration)>,
) -> Result<bool, StoreError> {
    let mut call = store.scripts.note.call();
    call.key(store.keys.note(name)).arg(expected.as_ref());
    match &next {
        Some((note, keep)) => call.arg(note.as_ref()).arg(millis(*keep)),
        None => call.arg("").arg(0),
    };
    Ok(store.link.call(call).await? == Value::Int(1))
}
