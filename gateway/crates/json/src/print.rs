//! JSON printer: compact text with minimal escapes. Equal values print to equal text.
//!
//! The `javascript` module prints the other style, the text that JavaScript makes of a value.

use super::scan::plain_run;
use super::{Number, Value};

impl Value {
    /// Appends the value as compact JSON text.
    pub fn print(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Int(value) => integer(*value, out),
            Self::Number(value) => number(value, out),
            Self::Text(text) => string(text, out),
            Self::Array(elements) => {
                out.push(b'[');
                for (n, element) in elements.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    element.print(out);
                }
                out.push(b']');
            }
            Self::Object(object) => {
                out.push(b'{');
                for (n, (key, value)) in object.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    string(key, out);
                    out.push(b':');
                    value.print(out);
                }
                out.push(b'}');
            }
        }
    }

    /// Prints the value as compact JSON text.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.print(&mut out);
        String::from_utf8(out).expect("the printer writes whole strings and ASCII")
    }

    /// Number of bytes that [`Value::print`] writes.
    pub fn printed_len(&self) -> usize {
        match self {
            Self::Null | Self::Bool(true) => 4,
            Self::Bool(false) => 5,
            Self::Int(number) => integer_len(*number),
            Self::Number(number) => number.as_str().len(),
            Self::Text(text) => string_len(text),
            Self::Array(elements) => {
                let commas = elements.len().saturating_sub(1);
                2 + commas + elements.iter().map(Self::printed_len).sum::<usize>()
            }
            Self::Object(object) => {
                let commas = object.len().saturating_sub(1);
                let member = |(key, value): (&str, &Self)| string_len(key) + 1 + value.printed_len();
                2 + commas + object.iter().map(member).sum::<usize>()
            }
        }
    }
}

/// Number of bytes that a string prints to, including its quotes.
pub(super) fn string_len(text: &str) -> usize {
    let escapes = |&byte: &u8| match escape(byte) {
        Escape::None => 0,
        Escape::Short(_) => 1,
        Escape::Code => 5,
    };
    let plain = plain_run(text.as_bytes());
    let more: usize = text.as_bytes()[plain..].iter().map(escapes).sum();
    2 + text.len() + more
}

pub(super) fn integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn integer_len(value: i64) -> usize {
    itoa::Buffer::new().format(value).len()
}

fn number(value: &Number, out: &mut Vec<u8>) {
    out.extend_from_slice(value.as_str().as_bytes());
}

pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_run(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else {
            break;
        };
        match escape(byte) {
            Escape::None => out.push(byte),
            Escape::Short(letter) => out.extend_from_slice(&[b'\\', letter]),
            Escape::Code => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
        rest = after;
    }
    out.push(b'"');
}

enum Escape {
    None,
    Short(u8),
    Code,
}

/// Escape of a byte (RFC 8259, section 7).
///
/// Escapes only where required, in the short form where one exists.
fn escape(byte: u8) -> Escape {
    match byte {
        b'"' | b'\\' => Escape::Short(byte),
        0x08 => Escape::Short(b'b'),
        0x0c => Escape::Short(b'f'),
        b'\n' => Escape::Short(b'n'),
        b'\r' => Escape::Short(b'r'),
        b'\t' => Escape::Short(b't'),
        0..0x20 => Escape::Code,
        _ => Escape::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_the_fewest_escapes() {
        for (text, printed) in [
            ("", r#""""#),
            ("a/b", r#""a/b""#),
            ("\"\\\u{8}\u{c}\n\r\t", r#""\"\\\b\f\n\r\t""#),
            ("\u{0}\u{1f}\u{7f}", "\"\\u0000\\u001f\u{7f}\""),
            ("é\u{2028}🦀", "\"é\u{2028}🦀\""),
            (
                "a long text before the \" quote",
                r#""a long text before the \" quote""#,
            ),
        ] {
            let value = Value::Text(text.into());
            assert_eq!(value.to_json(), printed);
            assert_eq!(value.printed_len(), printed.len(), "{printed}");
        }
    }

    #[test]
    fn lengths_are_what_is_printed() {
        for text in [
            "[]",
            "{}",
            "[null,true,false,-12,1.50]",
            r#"{"a":[{}],"b\n":{"c":""}}"#,
        ] {
            let value = super::super::parse::parse(text.as_bytes(), super::super::Limits::default()).unwrap();
            assert_eq!(value.to_json(), text);
            assert_eq!(value.printed_len(), text.len(), "{text}");
        }
    }
}
