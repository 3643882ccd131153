//! Usage of tenants: pending deliveries and bytes of events.
//!
//! Pending deliveries are counted by the index, which is built from the pending rows at each
//! opening. Bytes have one row per tenant, written in the transaction that stores or removes
//! events: at most once in each, for any number of events.

use std::collections::HashMap;
use std::sync::PoisonError;

use bytes::Bytes;
use redb::Database;

use super::file::{Sync, begin};
use super::keys;
use super::tables::{EventRow, Tables, corrupt, get};
use super::write_txn::{Step, WriteTxn};
use super::writer::Shared;
use crate::StoreError;
use hookgate_domain::{StoredLimits, StoredUsage, TenantId};

/// Committed bytes of events by tenant.
pub(super) type Stored = HashMap<TenantId, u64>;

/// Usage of a tenant as changed within a transaction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// Number of new pending deliveries.
    pub(super) added_pending: u64,
    /// Bytes of its events; `None` if unchanged.
    stored_bytes: Option<u64>,
}

impl WriteTxn<'_> {
    /// Checks an increase of a tenant's usage against its limits.
    pub(super) fn room_for(
        &mut self,
        tenant: &TenantId,
        limits: StoredLimits,
        added: StoredUsage,
    ) -> Step<()> {
        if limits.is_unlimited() {
            return Ok(Ok(()));
        }
        let pending = self.index().pending_of(tenant);
        let used = StoredUsage {
            pending_deliveries: pending + self.used(tenant).added_pending,
            stored_bytes: self.stored_bytes(tenant)?,
        };
        Ok(limits.check(used, added).map_err(StoreError::OverQuota))
    }

    /// Usage of a tenant as changed within this transaction.
    pub(super) fn used(&mut self, tenant: &TenantId) -> &mut Used {
        self.used.entry(tenant.clone()).or_default()
    }

    /// Counts the bytes of a stored event.
    pub(super) fn store_bytes(&mut self, tenant: &TenantId, bytes: u64) -> Result<(), redb::Error> {
        let sum = self.stored_bytes(tenant)?.saturating_add(bytes);
        self.used(tenant).stored_bytes = Some(sum);
        Ok(())
    }

    /// Subtracts the bytes of a removed event.
    pub(super) fn free_bytes(&mut self, tenant: &TenantId, bytes: u64) -> Result<(), redb::Error> {
        let rest = self.stored_bytes(tenant)?.saturating_sub(bytes);
        self.used(tenant).stored_bytes = Some(rest);
        Ok(())
    }

    fn stored_bytes(&self, tenant: &TenantId) -> Result<u64, redb::Error> {
        if let Some(known) = self.used.get(tenant).and_then(|used| used.stored_bytes) {
            return Ok(known);
        }
        let row = self.tables.usage.get(tenant.as_str().as_bytes())?;
        // An unreadable row is started anew: no event is refused because of it.
        Ok(row.and_then(|row| read_bytes(row.value())).unwrap_or(0))
    }

    /// Writes the changed usage of tenants.
    pub(super) fn write_used(&mut self) -> Result<(), redb::Error> {
        for (tenant, used) in std::mem::take(&mut self.used) {
            let Some(bytes) = used.stored_bytes else { continue };
            let name = tenant.as_str().as_bytes();
            if bytes == 0 {
                self.tables.usage.remove(name)?;
            } else {
                self.tables.usage.insert(name, &bytes.to_be_bytes()[..])?;
            }
            self.effects.stored.push((tenant, bytes));
            self.wrote();
        }
        Ok(())
    }
}

impl Shared {
    /// Committed usage of a tenant.
    pub(super) fn usage(&self, tenant: &TenantId) -> StoredUsage {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let pending_deliveries = index.pending_of(tenant);
        drop(index);
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        StoredUsage {
            pending_deliveries,
            stored_bytes: stored.get(tenant).copied().unwrap_or(0),
        }
    }
}

/// Counts the events of a file of an older version, once.
pub(super) fn count(database: &Database) -> Result<Result<(), StoreError>, redb::Error> {
    let transaction = begin(database, Sync::Now)?;
    let counted = {
        let mut tables = Tables::of(&transaction);
        if get(&tables.meta, COUNTED)?.is_some() {
            Ok(false)
        } else {
            match sum(&tables)? {
                Ok(sums) => {
                    for (tenant, bytes) in sums {
                        tables
                            .usage
                            .insert(tenant.as_str().as_bytes(), &bytes.to_be_bytes()[..])?;
                    }
                    tables.meta.insert(COUNTED, &[1][..])?;
                    Ok(true)
                }
                Err(error) => Err(error),
            }
        }
    };
    match counted {
        Ok(true) => transaction.commit()?,
        Ok(false) | Err(_) => transaction.abort()?,
    }
    Ok(counted.map(drop))
}

fn sum(tables: &Tables<'_>) -> Step<Stored> {
    let mut sums = Stored::new();
    for row in tables.events.range::<&[u8]>(..)? {
        let (key, row) = row?;
        let Some((tenant, _)) = keys::read_event(key.value()) else {
            return Ok(Err(corrupt("event")));
        };
        match EventRow::read(&Bytes::copy_from_slice(row.value())) {
            Ok(event) => *sums.entry(tenant).or_default() += event.record.len() as u64,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(sums))
}

/// Decodes a row of `tables::USAGE`.
pub(super) fn read_row(tenant: &[u8], bytes: &[u8]) -> Result<(TenantId, u64), StoreError> {
    let name = std::str::from_utf8(tenant).ok();
    let tenant = name.and_then(|name| TenantId::from_store(name).ok());
    let (Some(tenant), Some(bytes)) = (tenant, read_bytes(bytes)) else {
        return Err(corrupt("usage"));
    };
    Ok((tenant, bytes))
}

fn read_bytes(row: &[u8]) -> Option<u64> {
    row.try_into().map(u64::from_be_bytes).ok()
}

const COUNTED: &[u8] = b"usage";
