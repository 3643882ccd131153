//! Scans strings for runs of bytes without escapes, eight bytes at a time.
//!
//! Shared by the parser and the printer.

/// Length of the prefix without quote, backslash or control character (RFC 8259, section 7).
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = &bytes[at..];
    at + rest
        .iter()
        .position(|&byte| is_special(byte))
        .unwrap_or(rest.len())
}

fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// Marks the special bytes of a word with their highest bit.
///
/// A borrow can wrongly mark a byte above a special one, but never one below the first (Hacker's
/// Delight, section 6-1).
fn special(word: u64) -> u64 {
    let below = word.wrapping_sub(each(0x20)) & !word;
    let quote = word ^ each(b'"');
    let quote = quote.wrapping_sub(each(1)) & !quote;
    let backslash = word ^ each(b'\\');
    let backslash = backslash.wrapping_sub(each(1)) & !backslash;
    (below | quote | backslash) & each(0x80)
}

const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut text = [b'x'; 20];
                text[at] = byte;
                let expected = if is_special(byte) { at } else { 20 };
                assert_eq!(plain_run(&text), expected, "{byte} at {at}");
            }
        }
    }
}
