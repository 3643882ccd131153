//! Bytes of a time series' counts: those that are not 0, each behind its number.

use bytes::Bytes;

use super::wire::{Reader, Writer};
use super::{StoreError, VERSION};
use crate::series::Cells;

/// Counts.
pub(crate) fn encode_cells(cells: &Cells) -> Vec<u8> {
    let counted: Vec<_> = (0_u64..).zip(cells.0).filter(|(_, count)| *count > 0).collect();
    let mut out = Writer::new(VERSION, 2 + 4 * counted.len());
    out.list(&counted, |out, (cell, count)| {
        out.number(*cell);
        out.number(*count);
    });
    out.finish()
}

/// Reads what `encode_cells` wrote. Counts of a later version are left out.
///
/// # Errors
/// `Corrupt` when it is not such a record.
pub(crate) fn decode_cells(record: &Bytes) -> Result<Cells, StoreError> {
    let mut from = Reader::new(record, VERSION, "series")?;
    let counted = from.list(|from| Ok((from.small::<usize>()?, from.number()?)))?;
    from.end()?;
    let mut cells = Cells::default();
    for (cell, count) in counted {
        if let Some(of) = cells.0.get_mut(cell) {
            *of = count;
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back() {
        let mut cells = Cells::default();
        assert_eq!(decode_cells(&encode_cells(&cells).into()).unwrap(), cells);
        for (at, of) in cells.0.iter_mut().enumerate() {
            *of = if at % 3 == 0 { u64::MAX } else { 0 };
        }
        let record = Bytes::from(encode_cells(&cells));
        assert_eq!(decode_cells(&record).unwrap(), cells);
        assert!(decode_cells(&record.slice(..record.len() - 1)).is_err());
    }
}
