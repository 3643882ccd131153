//! Finds e-mail addresses and card numbers in a text.

/// From where to where, in bytes.
pub(super) type Span = core::ops::Range<usize>;

/// The places of a text, in order, that overlap nowhere.
pub(super) fn find(text: &str, emails: bool, cards: bool) -> Vec<Span> {
    let mut spans = Vec::new();
    if emails {
        find_emails(text.as_bytes(), &mut spans);
    }
    if cards {
        for card in find_cards(text.as_bytes()) {
            insert(&mut spans, card);
        }
    }
    spans
}

/// Quick look at a document's whole text: false where nothing can be found in its texts.
pub(super) fn may_contain(document: &str, emails: bool, cards: bool) -> bool {
    let digits = document
        .chars()
        .filter(|character| matches!(character, '0'..='9' | '\u{ff10}'..='\u{ff19}'));
    (emails && next_at_sign(document.as_bytes(), 0).is_some())
        || (cards && digits.take(MIN_CARD_DIGITS).count() == MIN_CARD_DIGITS)
}

/// Puts a span where it belongs; one that overlaps another is left out: digits in an address go with the address.
fn insert(spans: &mut Vec<Span>, new: Span) {
    let at = spans.iter().take_while(|known| known.end <= new.start).count();
    if spans.get(at).is_none_or(|next| new.end <= next.start) {
        spans.insert(at, new);
    }
}

fn find_emails(text: &[u8], spans: &mut Vec<Span>) {
    let mut from = 0;
    while let Some((at, sign)) = next_at_sign(text, from) {
        let floor = spans.last().map_or(0, |span: &Span| span.end);
        match email_around(text, at..at + sign, floor) {
            Some(span) => {
                from = span.end;
                spans.push(span);
            }
            None => from = at + sign,
        }
    }
}

/// Where the next `@` begins, and how many bytes it has: it may be percent-encoded or full-width.
fn next_at_sign(text: &[u8], from: usize) -> Option<(usize, usize)> {
    (from..text.len()).find_map(|at| {
        let sign = AT_SIGNS.iter().find(|sign| text[at..].starts_with(sign))?;
        Some((at, sign.len()))
    })
}

const AT_SIGNS: &[&[u8]] = &[b"@", b"%40", "\u{ff20}".as_bytes()];
const DOTS: &[&[u8]] = &[b".", "\u{ff0e}".as_bytes(), "\u{3002}".as_bytes()];

/// The address whose `@` is `sign`: something before it, and after it a name with a dot and letters behind the last one.
fn email_around(text: &[u8], sign: Span, floor: usize) -> Option<Span> {
    let start = local_part(text, sign.start, floor);
    let domain = text[sign.end..]
        .iter()
        .take_while(|&&byte| is_domain(byte))
        .count();
    let mut end = sign.end + domain;
    while end > sign.end && matches!(text[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let domain = &text[sign.end..end];
    let dot = (0..domain.len()).rev().find_map(|at| {
        let dot = DOTS.iter().find(|dot| domain[at..].starts_with(dot))?;
        Some(at + dot.len())
    });
    let top = domain.get(dot?..)?;
    let is_name = top.len() >= 2
        && top
            .iter()
            .all(|&byte| byte.is_ascii_alphabetic() || byte >= 0x80 || byte == b'-');
    (start < sign.start && is_name).then_some(start..end)
}

/// Where the local part before an `@` begins: RFC 5322's dot-atom or quoted string.
fn local_part(text: &[u8], at: usize, floor: usize) -> usize {
    let before = &text[floor..at];
    if let [inner @ .., b'"'] = before {
        let longest = inner.len().saturating_sub(MAX_LOCAL_PART);
        let opening = inner[longest..]
            .iter()
            .rposition(|&byte| byte == b'"' || byte < b' ');
        let opening = opening.map(|offset| longest + offset);
        return opening
            .filter(|&opening| inner[opening] == b'"')
            .map_or(at, |opening| floor + opening);
    }
    let local = before.iter().rev().take_while(|&&byte| is_local(byte)).count();
    at - local
}

/// Bytes of the longest local part (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;

/// RFC 5322's characters of an unquoted local part; letters outside ASCII too (RFC 6531).
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'-')
}

fn find_cards(text: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    let (mut at, mut after_digit) = (0, false);
    while at < text.len() {
        let (unit, len) = unit_at(text, at);
        let is_digit = matches!(unit, Unit::Digit(_));
        match if is_digit && !after_digit {
            card_from(text, at)
        } else {
            None
        } {
            Some(end) => {
                spans.push(at..end);
                at = end;
            }
            None => at += len,
        }
        after_digit = is_digit;
    }
    spans
}

/// A part of a text, as far as card numbers are concerned.
#[derive(Clone, Copy)]
enum Unit {
    Digit(u8),
    /// May part a number's digits.
    Separator,
    Other,
}

/// The unit at a place, and its bytes.
fn unit_at(text: &[u8], at: usize) -> (Unit, usize) {
    match text[at..] {
        [digit @ b'0'..=b'9', ..] => (Unit::Digit(digit - b'0'), 1),
        [b' ' | b'-' | b'.', ..] => (Unit::Separator, 1),
        // U+FF10 to U+FF19, the full-width digits.
        [0xEF, 0xBC, digit @ 0x90..=0x99, ..] => (Unit::Digit(digit - 0x90), 3),
        // The no-break space.
        [0xC2, 0xA0, ..] => (Unit::Separator, 2),
        // U+2000 to U+200A and U+202F, spaces; U+2010 to U+2015, hyphens and dashes.
        [0xE2, 0x80, 0x80..=0x8A | 0x90..=0x95 | 0xAF, ..] => (Unit::Separator, 3),
        _ => (Unit::Other, 1),
    }
}

/// The end of the longest card number that begins here: digits, of which single separators may part some.
fn card_from(text: &[u8], start: usize) -> Option<usize> {
    let digit_at = |at: usize| at < text.len() && matches!(unit_at(text, at).0, Unit::Digit(_));
    let mut digits = [0; MAX_CARD_DIGITS];
    let (mut count, mut at, mut end) = (0, start, None);
    while count < MAX_CARD_DIGITS && at < text.len() {
        let (unit, len) = unit_at(text, at);
        match unit {
            Unit::Digit(digit) => {
                digits[count] = digit;
                count += 1;
                if !digit_at(at + len) && is_card(&digits[..count]) {
                    end = Some(at + len);
                }
            }
            Unit::Separator if digit_at(at + len) => {}
            Unit::Separator | Unit::Other => break,
        }
        at += len;
    }
    end
}

const MIN_CARD_DIGITS: usize = 13;
const MAX_CARD_DIGITS: usize = 19;

/// Digits of a length that a card network uses with such a beginning, and that satisfy the Luhn check (ISO/IEC 7812-1).
fn is_card(digits: &[u8]) -> bool {
    is_issued(digits) && luhn(digits)
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
mod tests {
    use super::*;

    #[test]
    fn the_quick_look_misses_nothing() {
        for text in [
            "a@b.example",
            "a%40b.example",
            "a\u{ff20}b.example",
            "4111111111111111",
            "4111 1111 1111 1111",
            "\u{ff14}111111111111111",
        ] {
            let found = |emails, cards| !find(text, emails, cards).is_empty();
            assert!(found(true, true), "{text}");
            assert_eq!(may_contain(text, true, false), found(true, false), "{text}");
            assert_eq!(may_contain(text, false, true), found(false, true), "{text}");
        }
        assert!(!may_contain("12 %4", true, true));
    }

    fn found(text: &str) -> Vec<&str> {
        find(text, true, true)
            .into_iter()
            .map(|span| &text[span])
            .collect()
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("a@b.co", vec!["a@b.co"]),
            (
                "write to anna.b+x@mail.example.org, please.",
                vec!["anna.b+x@mail.example.org"],
            ),
            (
                "<a@b.de>; \"c\" <d-e@f-g.h-i.info>.",
                vec!["a@b.de", "d-e@f-g.h-i.info"],
            ),
            ("a@b.de,c@d.de", vec!["a@b.de", "c@d.de"]),
            ("jürgen@müller.de", vec!["jürgen@müller.de"]),
            ("mailto:x_1@y.io?subject=z", vec!["x_1@y.io"]),
            ("@handle, a@b, a@b.c, a @b.de, a@.", vec![]),
            ("at 5@3.50", vec![]),
            ("?to=anna%40mail.example&x", vec!["?to=anna%40mail.example"]),
            ("anna\u{ff20}mail.example", vec!["anna\u{ff20}mail.example"]),
            ("a@mail\u{ff0e}example", vec!["a@mail\u{ff0e}example"]),
            ("by \"anna b\"@mail.example,", vec!["\"anna b\"@mail.example"]),
            ("\"@b.de", vec![]),
            ("%40, 40%", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn card_numbers() {
        for (text, expected) in [
            ("4111111111111111", vec!["4111111111111111"]),
            ("card 4111 1111 1111 1111 12/29", vec!["4111 1111 1111 1111"]),
            ("5500-0000-0000-0004.", vec!["5500-0000-0000-0004"]),
            (
                "amex 378282246310005, diners 30569309025904",
                vec!["378282246310005", "30569309025904"],
            ),
            ("2 x 6011111111111117", vec!["6011111111111117"]),
            ("4111.1111.1111.1111", vec!["4111.1111.1111.1111"]),
            (
                "4111\u{a0}1111\u{a0}1111\u{a0}1111",
                vec!["4111\u{a0}1111\u{a0}1111\u{a0}1111"],
            ),
            (
                "4111\u{2009}1111\u{2011}1111\u{202f}1111",
                vec!["4111\u{2009}1111\u{2011}1111\u{202f}1111"],
            ),
            ("\u{ff14}111 1111 1111 1111", vec!["\u{ff14}111 1111 1111 1111"]),
            // Wrong check digit, too short, too long, no network's beginning, part of a longer number.
            ("4111111111111112", vec![]),
            ("411111111111", vec![]),
            ("41111111111111111111", vec![]),
            ("1234567812345670", vec![]),
            ("94111111111111111", vec![]),
            ("2024-01-15 10:30:00", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn both_in_one_text_do_not_overlap() {
        let text = "4111111111111111@bank.com and 4111111111111111";
        assert_eq!(found(text), ["4111111111111111@bank.com", "4111111111111111"]);
        assert_eq!(find(text, true, false).len(), 1);
        assert_eq!(find("a@b.de 4111111111111111", false, true), vec![7..23]);
    }
}
