//! Notes, inside the write transaction: small values under a name until their end.
//! The first caller's note is stored.

use std::time::Duration;

use bytes::Bytes;

use super::sweep::Stage;
use super::tables::{NoteRow, corrupt, get, read_count};
use super::write_txn::{Step, WriteTxn};
use crate::{NoteOwner, StoreError};
use hookgate_domain::{OverQuota, Quota, Timestamp};

impl WriteTxn<'_> {
    /// Puts a note if there is none, counted for its owner; returns the existing one otherwise.
    pub(super) fn put_note(
        &mut self,
        name: &str,
        note: &Bytes,
        keep: Duration,
        owner: Option<&NoteOwner>,
    ) -> Step<Option<Bytes>> {
        match self.note(name)? {
            Ok(Some(there)) if there.end > self.now => return Ok(Ok(Some(there.note))),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
        // An expired note of this name may not be swept yet.
        if let Err(error) = self.disown_note(name)? {
            return Ok(Err(error));
        }
        if let Some(owner) = owner
            && let Err(error) = self.own_note(name, owner)?
        {
            return Ok(Err(error));
        }
        self.write_note(name, note, keep)?;
        Ok(Ok(None))
    }

    /// Replaces or removes a note by compare-and-set; returns `true` if it did.
    pub(super) fn replace_note(
        &mut self,
        name: &str,
        expected: &Bytes,
        next: Option<&(Bytes, Duration)>,
    ) -> Step<bool> {
        match self.note(name)? {
            Ok(Some(there)) if there.end > self.now && there.note == *expected => {}
            Ok(_) => return Ok(Ok(false)),
            Err(error) => return Ok(Err(error)),
        }
        match next {
            Some((note, keep)) => self.write_note(name, note, *keep)?,
            None => {
                self.tables.notes.remove(name.as_bytes())?;
                self.wrote();
                if let Err(error) = self.disown_note(name)? {
                    return Ok(Err(error));
                }
            }
        }
        Ok(Ok(true))
    }

    /// Counts a note for its owner, within the owner's limit.
    fn own_note(&mut self, name: &str, owner: &NoteOwner) -> Step<()> {
        let used = match self.count_of(owner.name.as_bytes())? {
            Ok(used) => used,
            Err(error) => return Ok(Err(error)),
        };
        if used >= owner.most {
            return Ok(Err(StoreError::OverQuota(OverQuota {
                quota: Quota::KeptAnswers,
                limit: owner.most,
                used,
                added: 1,
            })));
        }
        let owner = owner.name.as_bytes();
        self.tables.note_owners.insert(name.as_bytes(), owner)?;
        let count = (used + 1).to_be_bytes();
        self.tables.note_counts.insert(owner, &count[..])?;
        Ok(Ok(()))
    }

    /// Removes a note from its owner's count, if it was counted.
    fn disown_note(&mut self, name: &str) -> Step<()> {
        let Some(owner) = get(&self.tables.note_owners, name.as_bytes())? else {
            return Ok(Ok(()));
        };
        let left = match self.count_of(&owner)? {
            Ok(used) => used.saturating_sub(1),
            Err(error) => return Ok(Err(error)),
        };
        self.tables.note_owners.remove(name.as_bytes())?;
        if left == 0 {
            self.tables.note_counts.remove(&owner[..])?;
        } else {
            self.tables
                .note_counts
                .insert(&owner[..], &left.to_be_bytes()[..])?;
        }
        self.wrote();
        Ok(Ok(()))
    }

    fn count_of(&self, owner: &[u8]) -> Step<u64> {
        let row = get(&self.tables.note_counts, owner)?;
        Ok(read_count(row.as_deref()))
    }

    fn note(&self, name: &str) -> Step<Option<NoteRow>> {
        let row = get(&self.tables.notes, name.as_bytes())?;
        Ok(row.map(|row| NoteRow::read(&row)).transpose())
    }

    /// Writes a note. The row of an earlier end stays.
    /// The sweep finds that it is not this note's end, and removes only that row.
    fn write_note(&mut self, name: &str, note: &Bytes, keep: Duration) -> Result<(), redb::Error> {
        let row = NoteRow {
            end: self.now.plus(keep),
            note: note.clone(),
        };
        self.tables.notes.insert(name.as_bytes(), &row.encode()[..])?;
        let end = [&row.end.as_micros().to_be_bytes()[..], name.as_bytes()].concat();
        self.tables.note_ends.insert(&end[..], &[][..])?;
        self.wrote();
        Ok(())
    }

    /// Removes up to `most` expired notes; returns the next stage of the sweep.
    pub(super) fn sweep_notes(&mut self, most: usize) -> Step<Option<Stage>> {
        let mut over = Vec::new();
        for row in self.tables.note_ends.range::<&[u8]>(..)?.take(most) {
            let (key, _) = row?;
            let Some((end, _)) = key.value().split_first_chunk::<8>() else {
                return Ok(Err(corrupt("note")));
            };
            if Timestamp::from_micros(u64::from_be_bytes(*end)) > self.now {
                break;
            }
            over.push(key.value().to_vec());
        }
        for key in &over {
            let name = &key[8..];
            let row = get(&self.tables.notes, name)?;
            match row.map(|row| NoteRow::read(&row)).transpose() {
                Ok(Some(row)) if row.end > self.now => {}
                Ok(_) => {
                    self.tables.notes.remove(name)?;
                    let name = String::from_utf8_lossy(name);
                    if let Err(error) = self.disown_note(&name)? {
                        return Ok(Err(error));
                    }
                }
                Err(error) => return Ok(Err(error)),
            }
            self.tables.note_ends.remove(&key[..])?;
            self.wrote();
        }
        Ok(Ok((over.len() == most).then_some(Stage::Notes)))
    }
}
