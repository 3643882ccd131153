//! Notes: small values under a name, put by the first caller, that expire.

use std::time::Duration;

use bytes::Bytes;
use redis::{Pipeline, Value};

use super::time::millis;
use super::{Inner, reply};
use crate::{NoteOwner, StoreError};
use hookgate_domain::{OverQuota, Quota};

/// Note under a name, if there is one.
pub(super) async fn get(store: &Inner, name: &str) -> Result<Option<Bytes>, StoreError> {
    let mut get = redis::cmd("GET");
    get.arg(store.keys.note(name));
    reply::optional(store.connection.one(get).await?)
}

/// Puts a note if there is none; returns the existing one otherwise.
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
    let mut replies = store.connection.atomic(&mut pipeline).await?.into_iter();
    let (Some(set), Some(there)) = (replies.next(), replies.next()) else {
        return Err(reply::unexpected("two replies"));
    };
    if set == Value::Nil {
        reply::optional(there)
    } else {
        Ok(None)
    }
}

/// Same as `put`, for an owner whose notes are counted.
pub(super) async fn put_owned(
    store: &Inner,
    name: &str,
    note: &Bytes,
    keep: Duration,
    owner: &NoteOwner,
) -> Result<Option<Bytes>, StoreError> {
    let mut call = store.scripts.note_put.call();
    call.key(store.keys.note(name))
        .key(store.keys.notes_of(&owner.name));
    call.arg(note.as_ref())
        .arg(millis(keep))
        .arg(owner.most)
        .arg(name);
    match answer(store.connection.call(call).await?)? {
        (PUT, _) => Ok(None),
        (THERE, there) => reply::optional(there),
        (_, used) => Err(StoreError::OverQuota(OverQuota {
            quota: Quota::KeptAnswers,
            limit: owner.most,
            used: reply::number(used)?,
            added: 1,
        })),
    }
}

/// Number of an owner's notes.
pub(super) async fn count(store: &Inner, owner: &str) -> Result<u64, StoreError> {
    let key = store.keys.notes_of(owner);
    let mut call = store.scripts.note_put.call();
    // The first key decides to which server the call is sent.
    call.key(key.clone()).key(key);
    call.arg("").arg(0).arg(0).arg("");
    let (_, used) = answer(store.connection.call(call).await?)?;
    reply::number(used)
}

fn answer(value: Value) -> Result<(u64, Value), StoreError> {
    let parts = <[Value; 2]>::try_from(reply::array(value)?);
    let [state, told] = parts.map_err(|_| reply::unexpected("two values"))?;
    Ok((reply::number(state)?, told))
}

/// Replaces or removes a note by compare-and-set; returns `true` if it did.
pub(super) async fn replace(
    store: &Inner,
    name: &str,
    expected: &Bytes,
    next: Option<(Bytes, Duration)>,
    owner: Option<&NoteOwner>,
) -> Result<bool, StoreError> {
    let mut call = store.scripts.note.call();
    call.key(store.keys.note(name));
    if let Some(owner) = owner {
        call.key(store.keys.notes_of(&owner.name));
    }
    call.arg(expected.as_ref());
    match &next {
        Some((note, keep)) => call.arg(note.as_ref()).arg(millis(*keep)),
        None => call.arg("").arg(0),
    };
    call.arg(name);
    Ok(store.connection.call(call).await? == Value::Int(1))
}

/// First value of the script's reply: the note was put.
const PUT: u64 = 0;
/// First value of the script's reply: a note exists.
const THERE: u64 = 1;
