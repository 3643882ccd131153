//! Tables of a write transaction, each opened at its first use.
//!
//! Opening a table reads and checks its name, types and root, and closing it writes them back. A batch of events uses six
//! tables out of more than twenty.

use std::borrow::Borrow;
use std::cell::OnceCell;
use std::ops::RangeBounds;

use redb::{AccessGuard, Range, ReadOnlyTable, ReadableTable, Table, WriteTransaction};

use super::tables::Definition;

type Bytes = &'static [u8];
type Row<'g> = AccessGuard<'g, Bytes>;

/// Table of a write transaction, opened at its first use.
pub(super) struct LazyTable<'t> {
    transaction: &'t WriteTransaction,
    definition: Definition,
    opened: OnceCell<Table<'t, Bytes, Bytes>>,
}

/// Access to single rows, of an open table or a lazy one.
pub(super) trait Rows {
    /// Reads a row.
    fn row(&self, key: &[u8]) -> Result<Option<Row<'_>>, redb::Error>;
}

impl<'t> LazyTable<'t> {
    /// Table that is not open yet.
    pub(super) fn new(transaction: &'t WriteTransaction, definition: Definition) -> Self {
        Self {
            transaction,
            definition,
            opened: OnceCell::new(),
        }
    }

    /// Reads a row.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Row<'_>>, redb::Error> {
        Ok(self.read()?.get(key)?)
    }

    /// Reads the row with the greatest key.
    pub(super) fn last(&self) -> Result<Option<(Row<'_>, Row<'_>)>, redb::Error> {
        Ok(self.read()?.last()?)
    }

    /// Reads the rows of a range of keys.
    pub(super) fn range<'a, K>(
        &self,
        keys: impl RangeBounds<K> + 'a,
    ) -> Result<Range<'_, Bytes, Bytes>, redb::Error>
    where
        K: Borrow<&'a [u8]> + 'a,
    {
        Ok(self.read()?.range(keys)?)
    }

    /// Writes a row. Returns `true` if its key is new.
    pub(super) fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<bool, redb::Error> {
        Ok(self.write()?.insert(key, value)?.is_none())
    }

    /// Removes a row; returns it.
    pub(super) fn remove(&mut self, key: &[u8]) -> Result<Option<Row<'_>>, redb::Error> {
        Ok(self.write()?.remove(key)?)
    }

    /// Table, to write to.
    pub(super) fn write(&mut self) -> Result<&mut Table<'t, Bytes, Bytes>, redb::Error> {
        self.read()?;
        Ok(self.opened.get_mut().expect("opened by the line above"))
    }

    fn read(&self) -> Result<&Table<'t, Bytes, Bytes>, redb::Error> {
        if self.opened.get().is_none() {
            let table = self.transaction.open_table(self.definition)?;
            let _ = self.opened.set(table);
        }
        Ok(self.opened.get().expect("opened by the lines above"))
    }
}

impl Rows for LazyTable<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<Row<'_>>, redb::Error> {
        self.get(key)
    }
}

impl Rows for ReadOnlyTable<Bytes, Bytes> {
    fn row(&self, key: &[u8]) -> Result<Option<Row<'_>>, redb::Error> {
        Ok(self.get(key)?)
    }
}
