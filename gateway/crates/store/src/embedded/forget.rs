//! Removes a deleted tenant's data in small steps, inside the write transaction.

use bytes::Bytes;

use super::keys::{self, EventSlot, Space};
use super::sweep::STEP;
use super::tables::{EventRow, KeyRow, corrupt};
use super::write_txn::{Step, WriteTxn};
use crate::FeedPosition;
use hookgate_domain::{EventId, TenantId};

impl WriteTxn<'_> {
    /// Removes a batch of a tenant's data; returns `true` if there may be more.
    /// Its sequence continues where it is.
    pub(super) fn forget_tenant(&mut self, tenant: &TenantId, until: FeedPosition) -> Step<bool> {
        let prefix = keys::tenant(tenant);
        let end = keys::behind(prefix.clone());
        let mut found = Vec::new();
        for row in self.tables.events.range::<&[u8]>(&prefix[..]..&end[..])? {
            let (key, row) = row?;
            let Some((_, place)) = keys::read_event(key.value()) else {
                return Ok(Err(corrupt("event")));
            };
            if place.space == Space::Feed && place.sequence > until.major {
                continue;
            }
            match EventRow::read(&Bytes::copy_from_slice(row.value())) {
                Ok(event) => found.push((place, event.id)),
                Err(error) => return Ok(Err(error)),
            }
            if found.len() == STEP {
                break;
            }
        }
        for (place, event) in &found {
            if let Err(error) = self.forget_event(tenant, *place, event)? {
                return Ok(Err(error));
            }
        }
        if found.len() == STEP {
            return Ok(Ok(true));
        }
        self.forget_keys(tenant, &prefix, &end)
    }

    fn forget_event(&mut self, tenant: &TenantId, place: EventSlot, event: &EventId) -> Step<()> {
        let prefix = keys::deliveries_of(tenant, event);
        let end = keys::behind(prefix.clone());
        let mut pending = Vec::new();
        for row in self.tables.due.range::<&[u8]>(&prefix[..]..&end[..])? {
            pending.push(row?.0.value().to_vec());
        }
        for key in pending {
            self.tables.due.remove(&key[..])?;
            self.drop_pending(tenant, &key);
        }
        self.remove_event(tenant, place, event)
    }

    fn forget_keys(&mut self, tenant: &TenantId, prefix: &[u8], end: &[u8]) -> Step<bool> {
        let mut used = Vec::new();
        for row in self.tables.keys.range::<&[u8]>(prefix..end)?.take(STEP) {
            let (name, row) = row?;
            match KeyRow::read(row.value()) {
                Ok(row) => used.push((row.first_used, name.value().to_vec())),
                Err(error) => return Ok(Err(error)),
            }
        }
        for (first_used, name) in &used {
            self.tables.keys.remove(&name[..])?;
            self.tables.key_ages.remove(&keys::aged(*first_used, name)[..])?;
            self.wrote();
        }
        if used.len() == STEP {
            return Ok(Ok(true));
        }
        if self.forget_log(tenant)? {
            return Ok(Ok(true));
        }
        self.forget_series(tenant).map(Ok)
    }
}
