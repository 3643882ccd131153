//! Notes, inside the writer's transaction: small values that somebody put under a name first, until their end.

use std::time::Duration;

use bytes::Bytes;
use redb::ReadableTable;

use super::sweep::Stage;
use super::tables::{NoteRow, corrupt, get};
use super::turn::{Step, Turn};
use crate::domain::Timestamp;

impl Turn<'_> {
    /// Puts a note where there is none; otherwise what the one there says.
    pub(super) fn put_note(&mut self, name: &str, note: &Bytes, keep: Duration) -> Step<Option<Bytes>> {
        match self.note(name)? {
            Ok(Some(there)) if there.end > self.now => return Ok(Ok(Some(there.note))),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
        self.write_note(name, note, keep)?;
        Ok(Ok(None))
    }

    /// Replaces or removes a note that says what is expected; whether it did.
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
            }
        }
        Ok(Ok(true))
    }

    fn note(&self, name: &str) -> Step<Option<NoteRow>> {
        let row = get(&self.tables.notes, name.as_bytes())?;
        Ok(row.map(|row| NoteRow::read(&row)).transpose())
    }

    /// The row of an earlier end stays behind; the sweep finds that it is not this note's and removes only it.
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

    /// Removes up to `most` notes whose end has come. Where the sweep goes on.
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
                }
                Err(error) => return Ok(Err(error)),
            }
            self.tables.note_ends.remove(&key[..])?;
            self.wrote();
        }
        Ok(Ok((over.len() == most).then_some(Stage::Notes)))
    }
}
