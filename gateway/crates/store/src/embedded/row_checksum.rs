//! Checksums of rows: a row that was changed on the disk is told from one that was written.
//!
//! A row of these tables begins with a byte below 0x80. With a checksum it has that bit set, and its checksum at its end; rows of older
//! versions have neither and are read as they are. The database has checksums of its pages, which it compares when a file is
//! opened and checked, not when a page is read.

use bytes::Bytes;

use crate::StoreError;

const MARK: u8 = 0x80;
/// Bytes of a checksum.
pub(super) const LENGTH: usize = 8;

/// Adds the checksum to a row. `key` is what else the checksum covers: the row's key, or nothing where the row moves between keys.
pub(super) fn with_checksum(key: &[u8], mut row: Vec<u8>) -> Vec<u8> {
    if let Some(first) = row.first_mut() {
        *first |= MARK;
        let sum = checksum(key, &row);
        row.extend_from_slice(&sum);
    }
    row
}

/// The row without its checksum, but for the mark in its first byte ([`unmarked`]).
///
/// # Errors
/// `Corrupt`: it does not have its checksum.
pub(super) fn checked<'r>(key: &[u8], row: &'r [u8], what: &str) -> Result<&'r [u8], StoreError> {
    if row.first().is_none_or(|first| first & MARK == 0) {
        return Ok(row);
    }
    let whole = row.split_last_chunk::<LENGTH>();
    match whole {
        Some((rest, sum)) if checksum(key, rest) == *sum => Ok(rest),
        _ => Err(StoreError::Corrupt(format!(
            "a row ({what}) does not have its checksum"
        ))),
    }
}

/// The row without its checksum, in memory of its own.
///
/// # Errors
/// As `checked`.
pub(super) fn open(key: &[u8], row: &[u8], what: &str) -> Result<Bytes, StoreError> {
    let mut row = checked(key, row, what)?.to_vec();
    if let Some(first) = row.first_mut() {
        *first = unmarked(*first);
    }
    Ok(row.into())
}

/// A first byte without the mark.
pub(super) fn unmarked(first: u8) -> u8 {
    first & !MARK
}

/// FNV-1a of 64 bits over the key's length, the key and the row.
pub(super) fn checksum(key: &[u8], row: &[u8]) -> [u8; LENGTH] {
    let length = (key.len() as u64).to_be_bytes();
    let bytes = length.iter().chain(key).chain(row);
    let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    sum.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_is_noticed() {
        let sealed = with_checksum(b"key", b"\x01a row".to_vec());
        assert_eq!(&open(b"key", &sealed, "test").unwrap()[..], b"\x01a row");
        assert!(open(b"kez", &sealed, "test").is_err());
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                // Without the mark it is a row of an older version, with eight bytes too many: its reader refuses it.
                let unmarked = at == 0 && bit == 7;
                assert_eq!(open(b"key", &changed, "test").is_ok(), unmarked, "{at}.{bit}");
            }
            assert!(open(b"key", &vec![0xff; at], "test").is_err() || at == 0);
        }
        assert_eq!(&open(b"key", b"\x01old", "test").unwrap()[..], b"\x01old");
    }
}
