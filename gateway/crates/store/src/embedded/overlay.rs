//! A file that is read and never written: what the database writes stays in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, Result};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

const BLOCK: u64 = 4096;

/// The file.
#[derive(Debug)]
pub(super) struct Overlay {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    length: u64,
    /// Offset up to which blocks that were not written are read from the file.
    shown: u64,
    /// Written blocks, by number.
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    /// Opens a file to read.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            state: Mutex::new(State {
                length,
                shown: length,
                blocks: BTreeMap::new(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block as it is in the file.
    fn block(&self, state: &State, number: u64) -> Result<Vec<u8>> {
        let at = number * BLOCK;
        let mut block = vec![0; within(BLOCK)];
        let shown = state.shown.saturating_sub(at).min(BLOCK);
        self.file.read_exact_at(&mut block[..within(shown)], at)?;
        Ok(block)
    }
}

/// The parts of a range of bytes that lie in one block each: the block, where in it, and where in the range.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, usize)> {
    let end = offset + length as u64;
    let blocks = offset / BLOCK..end.div_ceil(BLOCK);
    blocks.map(move |number| {
        let from = offset.max(number * BLOCK);
        let to = end.min((number + 1) * BLOCK);
        let place = within(from - number * BLOCK)..within(to - number * BLOCK);
        (number, place, within(from - offset))
    })
}

/// A place in memory that holds what is at it.
fn within(place: u64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64> {
        Ok(self.state().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.state();
        if offset.saturating_add(out.len() as u64) > state.length {
            return Err(Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        for (number, within, at) in parts(offset, out.len()) {
            let part = &mut out[at..at + within.len()];
            match state.blocks.get(&number) {
                Some(block) => part.copy_from_slice(&block[within]),
                None => part.copy_from_slice(&self.block(&state, number)?[within]),
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<()> {
        let mut state = self.state();
        if length < state.length {
            let keep = length.div_ceil(BLOCK);
            drop(state.blocks.split_off(&keep));
            if let Some(block) = state.blocks.get_mut(&(length / BLOCK)) {
                block[within(length % BLOCK)..].fill(0);
            }
            state.shown = state.shown.min(length);
        }
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.state();
        for (number, within, at) in parts(offset, data.len()) {
            let mut block = match state.blocks.remove(&number) {
                Some(block) => block,
                None => self.block(&state, number)?,
            };
            let length = within.len();
            block[within].copy_from_slice(&data[at..at + length]);
            state.blocks.insert(number, block);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, vec![7; 10_000]).unwrap();
        let overlay = Overlay::open(&path).unwrap();
        overlay.write(4_000, &[1; 200]).unwrap();
        let mut read = vec![0; 400];
        overlay.read(3_900, &mut read).unwrap();
        assert_eq!((read[99], read[100], read[299], read[300]), (7, 1, 1, 7));
        overlay.set_len(20_000).unwrap();
        overlay.read(9_900, &mut read).unwrap();
        assert_eq!((read[99], read[100]), (7, 0));
        overlay.set_len(5_000).unwrap();
        assert!(overlay.read(4_999, &mut [0; 2]).is_err());
        overlay.set_len(10_000).unwrap();
        overlay.read(5_000, &mut read).unwrap();
        assert_eq!(read[0], 0, "what was cut off is gone");
        assert_eq!(std::fs::read(&path).unwrap(), vec![7; 10_000]);
    }
}
