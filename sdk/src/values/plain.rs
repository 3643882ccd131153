//! Normalises a text before the search for values, with a mapping back to the original.
//!
//! Full-width, mathematical, circled, superscript and subscript letters and digits (Unicode's NFKC)
//! and the decimal digits of other scripts become ASCII. Percent-encoded characters are decoded,
//! through any number of encodings. Spaces and dashes of all kinds become one. Invisible characters
//! are removed.

use std::borrow::Cow;

use super::spans::Span;

/// A normalised text.
pub(super) struct Plain<'t> {
    pub(super) text: Cow<'t, str>,
    /// Ends of units whose length differs from that of their original: in the normalised text, then
    /// in the original, in bytes.
    ends: Vec<(usize, usize)>,
}

impl<'t> Plain<'t> {
    /// Normalises a text.
    pub(super) fn of(text: &'t str) -> Self {
        if text.bytes().all(|byte| byte.is_ascii() && byte != b'%') {
            return Self {
                text: text.into(),
                ends: Vec::new(),
            };
        }
        let (mut plain, mut ends, mut at) = (String::with_capacity(text.len()), Vec::new(), 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let before = plain.len();
            let (character, len) = first_of(rest);
            plain.extend(plain_of(character));
            at += len;
            if plain.len() - before != len {
                ends.push((plain.len(), at));
            }
        }
        Self {
            text: plain.into(),
            ends,
        }
    }

    /// Maps a span of the normalised text to the original.
    pub(super) fn original(&self, span: &Span) -> Span {
        self.place(span.start)..self.place(span.end)
    }

    fn place(&self, at: usize) -> usize {
        let known = self.ends.partition_point(|(end, _)| *end <= at);
        match known.checked_sub(1).and_then(|last| self.ends.get(last)) {
            Some((end, original)) => original + (at - end),
            None => at,
        }
    }
}

/// The first character of a text that is not empty, percent-decoded, and its length in bytes there.
fn first_of(text: &str) -> (char, usize) {
    if let Some((first, len)) = octet(text.as_bytes()) {
        let more = match first {
            0..0x80 => return (char::from(first), len),
            0xc2..0xe0 => 1,
            0xe0..0xf0 => 2,
            0xf0..0xf5 => 3,
            _ => return ('%', 1),
        };
        return encoded(text.as_bytes(), first, more, len).unwrap_or(('%', 1));
    }
    let character = text.chars().next().unwrap_or_default();
    (character, character.len_utf8().min(text.len()))
}

/// A character of several percent-encoded octets.
fn encoded(text: &[u8], first: u8, more: usize, mut at: usize) -> Option<(char, usize)> {
    let mut octets = [first, 0, 0, 0];
    for place in octets.iter_mut().skip(1).take(more) {
        let (octet, len) = octet(text.get(at..)?)?;
        *place = octet;
        at += len;
    }
    let decoded = core::str::from_utf8(octets.get(..=more)?).ok()?;
    Some((decoded.chars().next()?, at))
}

/// A percent-encoded octet, encoded once (`%40`) or repeatedly (`%2540`), and its length in bytes.
fn octet(text: &[u8]) -> Option<(u8, usize)> {
    let mut digits = text.strip_prefix(b"%")?;
    let mut len = 3;
    while let Some(again) = digits.strip_prefix(b"25")
        && again.first_chunk().copied().and_then(hexadecimal).is_some()
    {
        digits = again;
        len += 2;
    }
    Some((hexadecimal(*digits.first_chunk()?)?, len))
}

fn hexadecimal([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from((digit(high)? << 4) | digit(low)?).ok()
}

/// The normalised form of a character; `None` for an invisible one.
fn plain_of(character: char) -> Option<char> {
    if character.is_ascii() {
        return Some(character);
    }
    let code = u32::from(character);
    let from = |first: char, offset: u32| char::from_u32(u32::from(first) + offset);
    match character {
        // Soft hyphen, zero-width characters, direction marks, variation selectors, the keycap's frame.
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{20e3}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        '\u{3002}' | '\u{fe52}' | '\u{ff61}' => Some('.'),
        '\u{fe6b}' => Some('@'),
        '\u{ff01}'..='\u{ff5e}' => from('!', code - 0xff01),
        // Mathematical letters, in runs of 26 capitals and 26 small ones.
        '\u{1d400}'..='\u{1d6a3}' => match (code - 0x1d400) % 52 {
            capital @ 0..26 => from('A', capital),
            small => from('a', small - 26),
        },
        '\u{1d7ce}'..='\u{1d7ff}' => from('0', (code - 0x1d7ce) % 10),
        '\u{24b6}'..='\u{24cf}' => from('A', code - 0x24b6),
        '\u{24d0}'..='\u{24e9}' => from('a', code - 0x24d0),
        '\u{2460}'..='\u{2468}' => from('1', code - 0x2460),
        '\u{24ea}' => Some('0'),
        '\u{b9}' => Some('1'),
        '\u{b2}' | '\u{b3}' => from('2', code - 0xb2),
        '\u{2070}' | '\u{2074}'..='\u{2079}' => from('0', code - 0x2070),
        '\u{2080}'..='\u{2089}' => from('0', code - 0x2080),
        other if other.is_whitespace() => Some(' '),
        other => Some(decimal(code).and_then(|digit| from('0', digit)).unwrap_or(other)),
    }
}

/// The value of a decimal digit of another script.
fn decimal(code: u32) -> Option<u32> {
    let zero = SCRIPTS.iter().find(|&&zero| (zero..zero + 10).contains(&code))?;
    Some(code - zero)
}

/// The zeros of scripts: Arabic-Indic, extended Arabic-Indic, Devanagari, Bengali, Gurmukhi,
/// Gujarati, Tamil, Telugu, Kannada, Malayalam, Thai, Lao, Myanmar, Khmer.
const SCRIPTS: [u32; 14] = [
    0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0x1040, 0x17e0,
];

/// Returns `true` for a character that is a digit in its normalised form.
pub(super) fn is_digit(character: char) -> bool {
    plain_of(character).is_some_and(|plain| plain.is_ascii_digit())
}

/// Returns `true` for a character that is an `@` in its normalised form.
pub(super) fn is_at_sign(character: char) -> bool {
    plain_of(character) == Some('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_plain_and_spans_find_their_way_back() {
        for (text, plain) in [
            ("", ""),
            ("a@b.de", "a@b.de"),
            ("%40%2E%2540%252540", "@.@@"),
            ("100% of %2 %zz %25 %2541", "100% of %2 %zz % A"),
            ("%C3%BC%c3 %e2%82%ac%ff", "ü%c3 €%ff"),
            ("ａ＠ｂ．ｄｅ４１", "a@b.de41"),
            ("𝐚𝟒𝗓𝟙①⁴₁٤१", "a4z114141"),
            ("a\u{200b}b\u{ad}\u{feff}", "ab"),
            ("1\u{a0}2\u{2009}3\u{2011}4。", "1 2 3-4."),
            ("größe 🦀 ", "größe 🦀 "),
        ] {
            let found = Plain::of(text);
            assert_eq!(found.text, plain, "{text}");
            assert_eq!(found.original(&(0..plain.len())).end, text.len(), "{text}");
        }
        let found = Plain::of("x %61%40b é\u{200b}y");
        let at = |part: &str| found.text.find(part).expect("it is there");
        let part = |plain: &str| {
            let span = found.original(&(at(plain)..at(plain) + plain.len()));
            "x %61%40b é\u{200b}y".get(span).expect("between characters")
        };
        assert_eq!(
            (part("a@b"), part("@"), part("x"), part("y")),
            ("%61%40b", "%40", "x", "y")
        );
    }
}
