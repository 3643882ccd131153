//! Registry and blobs, inside the write transaction.

use bytes::Bytes;

use super::keys;
use super::row_checksum::with_checksum;
use super::tables::{RevisionRow, read_version};
use super::write_txn::{Step, WriteTxn};
use crate::StoreError;
use hookgate_domain::TenantId;

impl WriteTxn<'_> {
    /// Changes a registry whose revision is `expected`.
    /// A revision is the change's version: unique over all tenants, so that a registry that was
    /// removed and created again never has a revision twice.
    pub(super) fn change_registry(
        &mut self,
        tenant: &TenantId,
        expected: u64,
        changes: &[(String, Option<Bytes>)],
    ) -> Step<u64> {
        let before = match self.revision(tenant)? {
            Ok(row) if row.revision() == expected => row,
            Ok(_) => return Ok(Err(StoreError::Conflict)),
            Err(error) => return Ok(Err(error)),
        };
        let version = match self.last_version()? {
            Ok(last) => last + 1,
            Err(error) => return Ok(Err(error)),
        };
        let entries = self.change_entries(tenant, before.entries, changes)?;
        let name = tenant.as_str().as_bytes();
        self.tables.changes.remove(&before.version.to_be_bytes()[..])?;
        self.tables.changes.insert(&version.to_be_bytes()[..], name)?;
        let row = RevisionRow { version, entries };
        self.tables.revisions.insert(name, &row.encode()[..])?;
        self.wrote();
        Ok(Ok(version))
    }

    /// Changes entries; returns their number afterwards.
    fn change_entries(
        &mut self,
        tenant: &TenantId,
        mut entries: u64,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<u64, redb::Error> {
        for (name, value) in changes {
            let key = keys::named(tenant, name);
            let table = &mut self.tables.entries;
            match value {
                Some(value) => {
                    let row = with_checksum(&key, value.to_vec());
                    entries += u64::from(table.insert(&key[..], &row[..])?);
                }
                None => entries -= u64::from(table.remove(&key[..])?.is_some()),
            }
        }
        Ok(entries)
    }

    fn revision(&self, tenant: &TenantId) -> Step<RevisionRow> {
        let row = self.tables.revisions.get(tenant.as_str().as_bytes())?;
        Ok(RevisionRow::read(row.as_ref().map(redb::AccessGuard::value)))
    }

    fn last_version(&self) -> Step<u64> {
        Ok(match self.tables.changes.last()? {
            Some((key, _)) => read_version(key.value()),
            None => Ok(0),
        })
    }

    /// Stores a blob under its name.
    pub(super) fn keep_blob(&mut self, name: &str, bytes: &[u8]) -> Step<()> {
        let known = self.tables.blobs.get(name.as_bytes())?;
        if known.is_none_or(|known| known.value() != bytes) {
            self.tables.blobs.insert(name.as_bytes(), bytes)?;
            self.wrote();
        }
        Ok(Ok(()))
    }

    /// Deletes a blob.
    pub(super) fn forget_blob(&mut self, name: &str) -> Step<()> {
        if self.tables.blobs.remove(name.as_bytes())?.is_some() {
            self.wrote();
        }
        Ok(Ok(()))
    }
}
