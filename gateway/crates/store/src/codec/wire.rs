//! Primitives of the record encoding: integers, texts, lists and optionally compressed bytes.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

use crate::StoreError;

/// Minimum size in bytes for compression.
const PACK_FROM: usize = 1024;
/// Maximum expansion factor of LZ4: bounds the allocation for a corrupt length.
const LZ4_MOST: usize = 255;

/// Record writer.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Begins a record of this layout version; `about` is the expected size in bytes.
    pub(super) fn new(version: u8, about: usize) -> Self {
        let mut bytes = Vec::with_capacity(about + 1);
        bytes.push(version);
        Self(bytes)
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    pub(super) fn duration(&mut self, duration: Duration) {
        self.number(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.raw(text.as_bytes());
    }

    /// Writes a text, truncated to at most `most` bytes at a character boundary.
    pub(super) fn cut_text(&mut self, text: &str, most: usize) {
        self.text(&text[..text.floor_char_boundary(most)]);
    }

    pub(super) fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(super) fn list<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(values.len() as u64);
        for value in values {
            write(self, value);
        }
    }

    /// Writes bytes, compressed with LZ4 if that saves a fifth.
    /// The first number is the uncompressed length, or 0 if the bytes are not compressed.
    pub(super) fn packed(&mut self, bytes: &[u8]) {
        if bytes.len() >= PACK_FROM {
            let packed = lz4_flex::block::compress(bytes);
            if packed.len() <= bytes.len() - bytes.len() / 5 {
                self.number(bytes.len() as u64);
                self.number(packed.len() as u64);
                self.raw(&packed);
                return;
            }
        }
        self.number(0);
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }
}

/// Record reader.
pub(super) struct Reader<'a> {
    record: &'a Bytes,
    at: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Begins to read a record of this layout; `what` names the record in errors.
    pub(super) fn new(record: &'a Bytes, version: u8, what: &'static str) -> Result<Self, StoreError> {
        Self::of_any(record, version..=version, what).map(|(reader, _)| reader)
    }

    /// Begins to read a record of any of these layouts; returns the reader and the layout.
    pub(super) fn of_any(
        record: &'a Bytes,
        versions: RangeInclusive<u8>,
        what: &'static str,
    ) -> Result<(Self, u8), StoreError> {
        let mut reader = Self { record, at: 0, what };
        let found = reader.byte()?;
        if versions.contains(&found) {
            return Ok((reader, found));
        }
        let newest = versions.end();
        Err(StoreError::Corrupt(format!(
            "a record ({what}) has layout {found}, this version reads {newest}"
        )))
    }

    /// Checks that the whole record was read.
    pub(super) fn end(self) -> Result<(), StoreError> {
        if self.at == self.record.len() {
            Ok(())
        } else {
            Err(self.corrupt())
        }
    }

    pub(super) fn corrupt(&self) -> StoreError {
        StoreError::Corrupt(format!(
            "a record ({}) breaks off or is no such record",
            self.what
        ))
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoreError> {
        let byte = *self.record.get(self.at).ok_or_else(|| self.corrupt())?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let bytes = self.record.get(self.at..).and_then(<[u8]>::first_chunk::<N>);
        let array = *bytes.ok_or_else(|| self.corrupt())?;
        self.at += N;
        Ok(array)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let digits = u64::from(byte & 0x7f);
            if digits << shift >> shift != digits {
                break;
            }
            number |= digits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.corrupt())
    }

    /// Reads a number of a narrower type.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, StoreError> {
        let number = self.number()?;
        T::try_from(number).map_err(|_| self.corrupt())
    }

    pub(super) fn duration(&mut self) -> Result<Duration, StoreError> {
        self.number().map(Duration::from_micros)
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.str().map(str::to_owned)
    }

    /// Reads a text and parses it.
    pub(super) fn parsed<T: FromStr>(&mut self) -> Result<T, StoreError> {
        let parsed = self.str()?.parse();
        parsed.map_err(|_| self.corrupt())
    }

    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(self.corrupt()),
        }
    }

    pub(super) fn list<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let count = self.length()?;
        (0..count).map(|_| read(self)).collect()
    }

    /// Reads length-prefixed bytes; shares the record's memory.
    pub(super) fn bytes(&mut self) -> Result<Bytes, StoreError> {
        let range = self.range()?;
        Ok(self.record.slice(range))
    }

    /// Reads bytes that `Writer::packed` wrote; shares the record's memory if not compressed.
    pub(super) fn packed(&mut self) -> Result<Bytes, StoreError> {
        let unpacked: usize = self.small()?;
        let range = self.range()?;
        if unpacked == 0 {
            return Ok(self.record.slice(range));
        }
        let packed = &self.record[range];
        if unpacked > packed.len().saturating_mul(LZ4_MOST) {
            return Err(self.corrupt());
        }
        let bytes = lz4_flex::block::decompress(packed, unpacked).map_err(|_| self.corrupt())?;
        if bytes.len() == unpacked {
            Ok(bytes.into())
        } else {
            Err(self.corrupt())
        }
    }

    fn str(&mut self) -> Result<&'a str, StoreError> {
        let range = self.range()?;
        std::str::from_utf8(&self.record[range]).map_err(|_| self.corrupt())
    }

    /// Reads a length; returns the range of the bytes of that length.
    fn range(&mut self) -> Result<std::ops::Range<usize>, StoreError> {
        let length = self.length()?;
        let from = self.at;
        self.at += length;
        Ok(from..self.at)
    }

    /// Reads a count of items of at least one byte each.
    /// The bound prevents a corrupt count from allocating more than the record's size.
    fn length(&mut self) -> Result<usize, StoreError> {
        let length = self.small()?;
        if length <= self.record.len() - self.at {
            Ok(length)
        } else {
            Err(self.corrupt())
        }
    }
}
