//! Finds e-mail addresses and card numbers in a text.

use super::plain::{Plain, is_at_sign, is_digit};

/// A byte range.
pub(super) type Span = core::ops::Range<usize>;

/// The values of a text, in order and without overlap.
pub(super) fn find(text: &str, emails: bool, cards: bool) -> Vec<Span> {
    let plain = Plain::of(text);
    let bytes = plain.text.as_bytes();
    let mut spans = Vec::new();
    if emails {
        find_emails(bytes, &mut spans);
    }
    if cards {
        for card in find_cards(bytes) {
            insert(&mut spans, card);
        }
    }
    spans.iter().map(|span| plain.original(span)).collect()
}

/// Quick check of a document's whole text: `false` if it can hold no value.
pub(super) fn may_contain(document: &str, emails: bool, cards: bool) -> bool {
    let at_signs = || document.contains(is_at_sign) || (document.contains('%') && document.contains("40"));
    let digits = || document.chars().filter(|character| is_digit(*character));
    // With an exponent, one digit stands for many.
    let exponents = || document.contains(['e', 'E']) && document.contains(is_digit);
    (emails && at_signs())
        || (cards && (digits().take(MIN_CARD_DIGITS).count() == MIN_CARD_DIGITS || exponents()))
}

/// Returns `true` if a JSON number, as written, is a card number: an integer in any notation.
pub(super) fn is_card_number(number: &str) -> bool {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i32>() else {
        return false;
    };
    let written = whole.trim_start_matches('-').bytes().chain(fraction.bytes());
    let point = i64::try_from(whole.trim_start_matches('-').len()).unwrap_or(i64::MAX);
    let count = point.saturating_add(exponent.into());
    let Ok(count @ MIN_CARD_DIGITS..=MAX_CARD_DIGITS) = usize::try_from(count) else {
        return false;
    };
    let mut digits = [0; MAX_CARD_DIGITS];
    for (place, digit) in written.map(|byte| byte.wrapping_sub(b'0')).enumerate() {
        match digits.get_mut(place).filter(|_| place < count) {
            Some(known) => *known = digit,
            None if digit == 0 => {}
            // The number is not an integer.
            None => return false,
        }
    }
    is_card(digits.get(..count).unwrap_or_default())
}

/// Inserts a span in order and omits one that overlaps another: digits in an address belong to the
/// address.
fn insert(spans: &mut Vec<Span>, new: Span) {
    let at = spans.iter().take_while(|known| known.end <= new.start).count();
    if spans.get(at).is_none_or(|next| new.end <= next.start) {
        spans.insert(at, new);
    }
}

fn find_emails(text: &[u8], spans: &mut Vec<Span>) {
    let mut from = 0;
    while let Some(offset) = text[from..].iter().position(|&byte| byte == b'@') {
        let at = from + offset;
        let floor = spans.last().map_or(0, |span: &Span| span.end);
        match email_around(text, at, floor) {
            Some(span) => {
                from = span.end;
                spans.push(span);
            }
            None => from = at + 1,
        }
    }
}

/// The address around the `@` at a position: a local part before it, and after it a name with a dot
/// and letters behind the last dot, or an address literal.
fn email_around(text: &[u8], at: usize, floor: usize) -> Option<Span> {
    let start = local_part(text, at, floor);
    let after = &text[at + 1..];
    let len = match after {
        [b'[', literal @ ..] => address_literal(literal)?,
        name => domain_name(name)?,
    };
    (start < at).then_some(start..at + 1 + len)
}

/// Bytes of the name at the beginning of a text.
fn domain_name(text: &[u8]) -> Option<usize> {
    let mut end = text.len() - rest_after(text, is_domain).len();
    while end > 0 && matches!(text[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let dot = text[..end].iter().rposition(|&byte| byte == b'.')?;
    let top = &text[dot + 1..end];
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80 || *byte == b'-';
    // `xn--p1ai` has digits.
    let is_encoded = top.len() > 4 && top[..4].eq_ignore_ascii_case(b"xn--");
    (top.len() >= 2 && (is_encoded || top.iter().all(is_letter))).then_some(end)
}

/// Bytes of an address literal (RFC 5321 §4.1.3), with both brackets; `text` lacks the first.
fn address_literal(text: &[u8]) -> Option<usize> {
    let is_inside = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':');
    let len = text.iter().take(MAX_LITERAL).take_while(is_inside).count();
    (len > 0 && text.get(len) == Some(&b']')).then_some(len + 2)
}

/// Start of the local part before an `@`: RFC 5322's dot-atom or quoted string.
fn local_part(text: &[u8], at: usize, floor: usize) -> usize {
    let before = &text[floor..at];
    if let [inner @ .., b'"'] = before {
        let longest = inner.len().saturating_sub(MAX_LOCAL_PART);
        let opening = (longest..inner.len()).rev().find(|&place| {
            // A quote behind a backslash is a character of the string (RFC 5322 §3.2.4).
            inner[place] < b' ' || (inner[place] == b'"' && (place == 0 || inner[place - 1] != b'\\'))
        });
        return opening
            .filter(|&opening| inner[opening] == b'"')
            .map_or(at, |opening| floor + opening);
    }
    let mut start = before.len();
    while let Some(len) = last_character(&before[..start]) {
        if !is_local(&before[start - len..start]) {
            break;
        }
        start -= len;
    }
    floor + start
}

/// Bytes of the last character of a text.
fn last_character(text: &[u8]) -> Option<usize> {
    let begins = |byte: &u8| byte & 0xc0 != 0x80;
    text.iter().rev().position(begins).map(|more| more + 1)
}

/// The rest of a text after the leading characters that satisfy `holds`.
fn rest_after(mut text: &[u8], holds: fn(&[u8]) -> bool) -> &[u8] {
    while let Some(&first) = text.first() {
        let len = match first {
            0..0xc0 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        match text.get(..len) {
            Some(character) if holds(character) => text = &text[len..],
            _ => break,
        }
    }
    text
}

/// Maximum length of a local part in bytes (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;
/// Maximum length of an address literal in bytes: `IPv6:` and eight groups.
const MAX_LITERAL: usize = 64;

/// RFC 5322's characters of an unquoted local part, and letters outside ASCII (RFC 6531).
fn is_local(character: &[u8]) -> bool {
    match character {
        [byte] => byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(byte),
        other => is_letter(other),
    }
}

fn is_domain(character: &[u8]) -> bool {
    match character {
        [byte] => byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'),
        other => is_letter(other),
    }
}

/// Characters outside ASCII, without punctuation: quotation marks around an address do not belong
/// to it.
fn is_letter(character: &[u8]) -> bool {
    // U+00A1 to U+00BF; U+2000 to U+206F; U+3000 to U+303F.
    !matches!(character, [0xc2, ..] | [0xe2, 0x80 | 0x81, ..] | [0xe3, 0x80, ..])
}

fn find_cards(text: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    let (mut at, mut after_digit) = (0, false);
    while let Some(byte) = text.get(at) {
        let is_digit = byte.is_ascii_digit();
        let card = if is_digit && !after_digit {
            card_from(text, at)
        } else {
            None
        };
        match card {
            Some(end) => {
                spans.push(at..end);
                at = end;
            }
            None => at += 1,
        }
        after_digit = is_digit;
    }
    spans
}

/// The end of the longest card number that begins here: digits, some separated by single
/// separators.
fn card_from(text: &[u8], start: usize) -> Option<usize> {
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    // Has a country code, in the form of E.164.
    let is_phone = start > 0 && text[start - 1] == b'+' && (start < 2 || !is_digit(start - 2));
    let mut digits = [0; MAX_CARD_DIGITS];
    let (mut count, mut at, mut end) = (0, start, None);
    while count < MAX_CARD_DIGITS && at < text.len() {
        match text[at] {
            digit @ b'0'..=b'9' => {
                digits[count] = digit - b'0';
                count += 1;
                let is_long = !is_phone || count > MAX_PHONE_DIGITS;
                if !is_digit(at + 1) && is_long && is_card(&digits[..count]) {
                    end = Some(at + 1);
                }
            }
            b' ' | b'-' | b'.' | b'+' if is_digit(at + 1) => {}
            _ => break,
        }
        at += 1;
    }
    end
}

const MIN_CARD_DIGITS: usize = 12;
const MAX_CARD_DIGITS: usize = 19;
/// Maximum number of digits of an international phone number (ITU-T E.164).
const MAX_PHONE_DIGITS: usize = 15;

/// Checks the length and prefix of a card network and the Luhn check (ISO/IEC 7812-1).
///
/// Numbers of 12 or 13 digits are no longer issued by any network but Maestro; those that are an
/// article number (GTIN-12, GTIN-13) are refused. Times in milliseconds to nanoseconds begin with
/// 1, which no network uses.
fn is_card(digits: &[u8]) -> bool {
    is_issued(digits) && luhn(digits) && !(digits.len() <= 13 && is_article(digits))
}

fn is_issued(digits: &[u8]) -> bool {
    let length = digits.len();
    if length < MIN_CARD_DIGITS {
        return false;
    }
    let beginning = digits[..4]
        .iter()
        .fold(0, |number, &digit| number * 10 + u16::from(digit));
    match beginning {
        4000..=4999 => matches!(length, 13 | 16 | 19),
        5100..=5599 | 2221..=2720 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3099 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&length),
        3528..=3589 | 6011 | 6200..=6299 | 6440..=6599 => length >= 16,
        5000..=5099 | 5600..=5899 | 6300..=6399 | 6700..=6799 => true,
        _ => false,
    }
}

/// Verifies the check digit of GS1's article numbers: from the right, every other digit counts
/// three times.
fn is_article(digits: &[u8]) -> bool {
    let weights = [1, 3].into_iter().cycle();
    let sum: u32 = digits
        .iter()
        .rev()
        .zip(weights)
        .map(|(&digit, weight)| weight * u32::from(digit))
        .sum();
    sum.is_multiple_of(10)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match u32::from(digit) {
            digit if place % 2 == 0 => digit,
            digit if digit > 4 => 2 * digit - 9,
            digit => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
