//! Registry and blobs: small, rarely changed data under one hash tag.
//! A change and its version are therefore one step.

use bytes::Bytes;
use redis::{Pipeline, Value};

use super::{Inner, reply};
use crate::{RegistryRecord, StoreError};
use hookgate_domain::TenantId;

/// Prefix of an entry's field in a registry's hash.
const ENTRY: &str = "e:";
/// Field of a registry's revision.
const REVISION: &str = "rev";

/// Tenants whose registry changed after a version, and the current version.
/// The version is read first: changes in between are reported again.
pub(super) async fn changes(store: &Inner, since: u64) -> Result<(u64, Vec<TenantId>), StoreError> {
    let keys = &store.keys;
    let mut pipeline = Pipeline::new();
    pipeline.cmd("GET").arg(keys.registry_version());
    pipeline.cmd("ZRANGEBYSCORE").arg(keys.registry_changed());
    pipeline.arg(format!("({since}")).arg("+inf");
    let (version, tenants) = pair(store.connection.many(&pipeline).await?)?;
    let version = if version == Value::Nil {
        0
    } else {
        reply::number(version)?
    };
    store.status.registry_is_at(version)?;
    if version < since {
        // The server lost a part of its data: the caller has to read all tenants again.
        return Box::pin(changes(store, 0)).await;
    }
    let tenants = reply::array(tenants)?
        .into_iter()
        .map(|tenant| TenantId::from_store(&reply::text(tenant)?).map_err(|_| reply::unexpected("a tenant")))
        .collect::<Result<Vec<TenantId>, StoreError>>()?;
    let tenants = if since == 0 {
        existing(store, tenants).await?
    } else {
        tenants
    };
    Ok((version, tenants))
}

async fn existing(store: &Inner, tenants: Vec<TenantId>) -> Result<Vec<TenantId>, StoreError> {
    if tenants.is_empty() {
        return Ok(tenants);
    }
    let mut pipeline = Pipeline::with_capacity(tenants.len());
    for tenant in &tenants {
        pipeline.cmd("EXISTS").arg(store.keys.registry(tenant));
    }
    let exist = store.connection.many(&pipeline).await?;
    let kept = tenants
        .into_iter()
        .zip(exist)
        .filter(|(_, exists)| *exists == Value::Int(1));
    Ok(kept.map(|(tenant, _)| tenant).collect())
}

/// A tenant's registry.
pub(super) async fn load(store: &Inner, tenant: &TenantId) -> Result<Option<RegistryRecord>, StoreError> {
    if let Some(emptied) = store.status.emptied_error() {
        return Err(emptied);
    }
    let mut get = redis::cmd("HGETALL");
    get.arg(store.keys.registry(tenant));
    let mut fields = reply::array(store.connection.one(get).await?)?.into_iter();
    let mut revision = None;
    let mut entries = Vec::with_capacity(fields.len() / 2);
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        let name = reply::text(name)?;
        if let Some(name) = name.strip_prefix(ENTRY) {
            entries.push((name.to_owned(), reply::bytes(value)?));
        } else if name == REVISION {
            revision = Some(reply::number(value)?);
        }
    }
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    if revision.is_none() {
        // The server may have been emptied without anyone having noticed: then the tenant is not
        // deleted.
        let mut get = redis::cmd("GET");
        get.arg(store.keys.registry_version());
        let version = reply::optional(store.connection.one(get).await?)?;
        store.status.registry_is_at(u64::from(version.is_some()))?;
    }
    Ok(revision.map(|revision| RegistryRecord { revision, entries }))
}

/// Applies changes to a tenant's registry if its revision is the expected one.
pub(super) async fn apply(
    store: &Inner,
    tenant: &TenantId,
    expected: u64,
    changes: &[(String, Option<Bytes>)],
) -> Result<u64, StoreError> {
    if let Some(emptied) = store.status.emptied_error() {
        return Err(emptied);
    }
    let keys = &store.keys;
    let mut call = store.scripts.registry.call();
    call.key(keys.registry(tenant))
        .key(keys.registry_version())
        .key(keys.registry_changed());
    call.arg(tenant.as_str()).arg(expected);
    for (name, value) in changes {
        match value {
            Some(value) => call.arg("set").arg(name).arg(value.as_ref()),
            None => call.arg("del").arg(name),
        };
    }
    match store.connection.call(call).await? {
        Value::Int(revision) => reply::number(Value::Int(revision)),
        _ => Err(StoreError::Conflict),
    }
}

/// Stores a blob under its name.
pub(super) async fn blob_put(store: &Inner, name: &str, bytes: &Bytes) -> Result<(), StoreError> {
    let mut set = redis::cmd("SET");
    set.arg(store.keys.blob(name)).arg(bytes.as_ref()).arg("NX");
    store.connection.one(set).await.map(|_| ())
}

/// Blob of this name; `None` if there is none.
pub(super) async fn blob_get(store: &Inner, name: &str) -> Result<Option<Bytes>, StoreError> {
    let mut get = redis::cmd("GET");
    get.arg(store.keys.blob(name));
    reply::optional(store.connection.one(get).await?)
}

/// Deletes a blob.
pub(super) async fn blob_delete(store: &Inner, name: &str) -> Result<(), StoreError> {
    let mut delete = redis::cmd("DEL");
    delete.arg(store.keys.blob(name));
    store.connection.one(delete).await.map(|_| ())
}

fn pair(replies: Vec<Value>) -> Result<(Value, Value), StoreError> {
    <[Value; 2]>::try_from(replies)
        .map(|[first, second]| (first, second))
        .map_err(|_| reply::unexpected("two replies"))
}
