//! JSON parser: strict RFC 8259, in one pass over the bytes.
//!
//! Beyond the grammar it refuses duplicate keys in an object, escapes of lone surrogates, and texts
//! over the limits.

use std::fmt;

use compact_str::CompactString;

use super::number::{number_len, number_of};
use super::pointer::push_escaped;
use super::scan::plain_run;
use super::{Limits, Object, Value};

/// Parse error with its position.
///
/// Shows nothing of the text except the pointer of a duplicate key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct ParseError {
    /// Kind of the error.
    pub kind: ParseErrorKind,
    /// Byte offset of the error.
    pub offset: usize,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in bytes, counted from 1.
    pub column: usize,
}

/// Kind of a parse error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// Unexpected end of the text.
    #[error("the text ends too early")]
    UnexpectedEnd,
    /// Another token in place of a value.
    #[error("a value is expected")]
    ExpectedValue,
    /// Another token in place of a member's key.
    #[error("a key in double quotes is expected")]
    ExpectedKey,
    /// Another token in place of the colon between key and value.
    #[error("a colon is expected")]
    ExpectedColon,
    /// Another token in place of a comma or closing brace after a member.
    #[error("a comma or the object's end is expected")]
    ExpectedCommaOrBrace,
    /// Another token in place of a comma or closing bracket after an element.
    #[error("a comma or the array's end is expected")]
    ExpectedCommaOrBracket,
    /// Data after the value.
    #[error("something follows the value")]
    TrailingData,
    /// Malformed number.
    #[error("the number is malformed")]
    BadNumber,
    /// Backslash before a character that cannot be escaped.
    #[error("the escape is malformed")]
    BadEscape,
    /// `\u` escape of half a surrogate pair.
    #[error("the escape is a lone surrogate")]
    LoneSurrogate,
    /// Unescaped control character inside a string.
    #[error("a control character must be escaped")]
    ControlCharacter,
    /// Invalid UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// Nesting depth over the limit.
    #[error("the nesting is deeper than {limit}")]
    TooDeep {
        /// Maximum depth.
        limit: usize,
    },
    /// Size over the limit.
    #[error("the text is longer than {limit} bytes")]
    TooLarge {
        /// Maximum size in bytes.
        limit: usize,
    },
    /// Duplicate key in an object.
    #[error("the key {pointer} is there twice")]
    DuplicateKey {
        /// Pointer to the key, cut to 256 bytes.
        pointer: DuplicatePointer,
    },
}

/// Parses a whole text.
pub(super) fn parse(bytes: &[u8], limits: Limits) -> Result<Value, ParseError> {
    if bytes.len() > limits.bytes {
        let fault = fault(limits.bytes, ParseErrorKind::TooLarge { limit: limits.bytes });
        return Err(fault.locate(bytes));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| fault(error.valid_up_to(), ParseErrorKind::NotUtf8).locate(bytes))?;
    let mut parser = Parser {
        text,
        bytes,
        at: 0,
        depth: 0,
        limit: limits.depth(),
    };
    parser.document().map_err(|fault| fault.locate(bytes))
}

/// Internal error without line and column. Boxed by its users because it is rare.
struct Fault {
    at: usize,
    kind: ParseErrorKind,
}

type Parsed<T> = Result<T, Box<Fault>>;

fn fault(at: usize, kind: ParseErrorKind) -> Box<Fault> {
    Box::new(Fault { at, kind })
}

struct Parser<'a> {
    /// Same content as `bytes`; sliced only next to ASCII characters.
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    limit: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Parsed<Value> {
        let value = self.value()?;
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(fault(self.at, ParseErrorKind::TrailingData)),
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected(ParseErrorKind::ExpectedValue)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        if self.depth == self.limit {
            return Err(fault(self.at, ParseErrorKind::TooDeep { limit: self.limit }));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Parsed<Value> {
        let mut object = Object::new();
        let mut seen = Sketch::default();
        if self.take(b'}') {
            return Ok(Value::Object(object));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected(ParseErrorKind::ExpectedKey));
            }
            let key_at = self.at;
            let key = self.string()?;
            if (seen.add(&key) || object.is_indexed()) && object.contains_key(&key) {
                return Err(duplicate(key_at, &key));
            }
            if !self.take(b':') {
                return Err(self.unexpected(ParseErrorKind::ExpectedColon));
            }
            let value = self.value().map_err(|fault| fault.within(&key))?;
            object.append(key, value);
            if self.take(b'}') {
                return Ok(Value::Object(object));
            }
            if !self.take(b',') {
                return Err(self.unexpected(ParseErrorKind::ExpectedCommaOrBrace));
            }
        }
    }

    fn array(&mut self) -> Parsed<Value> {
        let mut elements = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(elements));
        }
        loop {
            let element = self
                .value()
                .map_err(|fault| fault.within(&elements.len().to_string()))?;
            elements.push(element);
            if self.take(b']') {
                return Ok(Value::Array(elements));
            }
            if !self.take(b',') {
                return Err(self.unexpected(ParseErrorKind::ExpectedCommaOrBracket));
            }
        }
    }

    fn number(&mut self) -> Parsed<Value> {
        let Some(len) = number_len(&self.bytes[self.at..]) else {
            return Err(fault(self.at, ParseErrorKind::BadNumber));
        };
        let value = number_of(&self.text[self.at..self.at + len]);
        self.at += len;
        Ok(value)
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(fault(self.at, ParseErrorKind::ExpectedValue));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Parses a string with both quotes; the caller has seen the opening one.
    fn string(&mut self) -> Parsed<CompactString> {
        let start = self.at + 1;
        self.at = start + plain_run(&self.bytes[start..]);
        if self.bytes.get(self.at) == Some(&b'"') {
            self.at += 1;
            return Ok(CompactString::new(&self.text[start..self.at - 1]));
        }
        let mut unescaped = String::from(&self.text[start..self.at]);
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => unescaped.push(self.escape()?),
                Some(_) => return Err(fault(self.at, ParseErrorKind::ControlCharacter)),
                None => return Err(fault(self.at, ParseErrorKind::UnexpectedEnd)),
            }
            let run = plain_run(&self.bytes[self.at..]);
            unescaped.push_str(&self.text[self.at..self.at + run]);
            self.at += run;
        }
        self.at += 1;
        Ok(unescaped.into())
    }

    /// Parses one escape, starting at its backslash.
    fn escape(&mut self) -> Parsed<char> {
        let start = self.at;
        let Some(&letter) = self.bytes.get(start + 1) else {
            return Err(fault(self.bytes.len(), ParseErrorKind::UnexpectedEnd));
        };
        self.at += 2;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(start),
            _ => return Err(fault(start, ParseErrorKind::BadEscape)),
        })
    }

    /// Parses the digits after `\u`, and the second half of a surrogate pair (RFC 8259, section 7).
    fn code_point(&mut self, start: usize) -> Parsed<char> {
        let lone = || fault(start, ParseErrorKind::LoneSurrogate);
        let first = self.unit(start)?;
        let code = match first {
            0xd800..0xdc00 => {
                if !self.bytes[self.at..].starts_with(b"\\u") {
                    return Err(lone());
                }
                let second_at = self.at;
                self.at += 2;
                let second = self.unit(second_at)?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(lone());
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    fn unit(&mut self, start: usize) -> Parsed<u32> {
        let bad = || fault(start, ParseErrorKind::BadEscape);
        let digits = self.bytes.get(self.at..self.at + 4).ok_or_else(bad)?;
        let mut unit = 0;
        for &digit in digits {
            unit = unit * 16 + char::from(digit).to_digit(16).ok_or_else(bad)?;
        }
        self.at += 4;
        Ok(unit)
    }

    /// Consumes this byte if it is next after white space; returns whether it was.
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Next byte after white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn unexpected(&self, kind: ParseErrorKind) -> Box<Fault> {
        let ended = self.at >= self.bytes.len();
        fault(
            self.at,
            if ended {
                ParseErrorKind::UnexpectedEnd
            } else {
                kind
            },
        )
    }
}

impl Fault {
    /// Adds the step of the enclosing object or array to the error.
    fn within(mut self: Box<Self>, step: &str) -> Box<Self> {
        if let ParseErrorKind::DuplicateKey { pointer } = &mut self.kind {
            pointer.0.push(step.into());
        }
        self
    }

    fn locate(self, bytes: &[u8]) -> ParseError {
        let before = &bytes[..self.at.min(bytes.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        ParseError {
            kind: self.kind,
            offset: self.at,
            line: 1 + memchr::memchr_iter(b'\n', before).count(),
            column: 1 + self.at - line_start,
        }
    }
}

/// Path to a duplicate key; displayed as a JSON pointer of at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicatePointer(Vec<CompactString>);

fn duplicate(at: usize, key: &CompactString) -> Box<Fault> {
    fault(
        at,
        ParseErrorKind::DuplicateKey {
            pointer: DuplicatePointer(vec![key.clone()]),
        },
    )
}

impl fmt::Display for DuplicatePointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pointer = String::new();
        for step in self.0.iter().rev() {
            push_escaped(&mut pointer, step);
        }
        if pointer.len() <= 256 {
            return f.write_str(&pointer);
        }
        write!(f, "{}…", &pointer[..pointer.floor_char_boundary(253)])
    }
}

/// Approximate set of keys without false negatives: a key that it has not seen is certainly new.
#[derive(Default)]
struct Sketch(u64);

impl Sketch {
    /// Adds a key; returns `true` if it may have been added before.
    fn add(&mut self, key: &str) -> bool {
        let bytes = key.as_bytes();
        let (first, last) = (
            bytes.first().copied().unwrap_or(0),
            bytes.last().copied().unwrap_or(0),
        );
        let middle = bytes.get(bytes.len() / 2).copied().unwrap_or(0);
        let mixed =
            (bytes.len() as u64) ^ u64::from(first) << 8 ^ u64::from(last) << 16 ^ u64::from(middle) << 24;
        let bit = 1 << (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        let seen = self.0 & bit != 0;
        self.0 |= bit;
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ParseErrorKind as E;

    fn refusal(text: &[u8]) -> ParseError {
        parse(text, Limits { bytes: 200, depth: 4 }).expect_err("it is refused")
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_is_wrong() {
        for (text, kind, offset) in [
            ("", E::UnexpectedEnd, 0),
            ("  ", E::UnexpectedEnd, 2),
            ("\u{feff}1", E::ExpectedValue, 0),
            ("tru", E::ExpectedValue, 0),
            ("nul1", E::ExpectedValue, 0),
            ("True", E::ExpectedValue, 0),
            ("'a'", E::ExpectedValue, 0),
            ("[1,]", E::ExpectedValue, 3),
            ("[1 2]", E::ExpectedCommaOrBracket, 3),
            ("[1", E::UnexpectedEnd, 2),
            ("{\"a\":1,}", E::ExpectedKey, 7),
            ("{a:1}", E::ExpectedKey, 1),
            ("{\"a\" 1}", E::ExpectedColon, 5),
            ("{\"a\":1 \"b\":2}", E::ExpectedCommaOrBrace, 7),
            ("{\"a\":", E::UnexpectedEnd, 5),
            ("1 2", E::TrailingData, 2),
            ("01", E::TrailingData, 1),
            ("-", E::BadNumber, 0),
            ("[1.]", E::BadNumber, 1),
            ("1e", E::BadNumber, 0),
            ("+1", E::ExpectedValue, 0),
            ("\"a", E::UnexpectedEnd, 2),
            ("\"a\\", E::UnexpectedEnd, 3),
            ("\"\\x\"", E::BadEscape, 1),
            ("\"\\u12\"", E::BadEscape, 1),
            ("\"\\u+123\"", E::BadEscape, 1),
            ("\"\\ud800\"", E::LoneSurrogate, 1),
            ("\"\\udc00\"", E::LoneSurrogate, 1),
            ("\"\\ud800\\u0041\"", E::LoneSurrogate, 1),
            ("\"\\ud800\\ud800\"", E::LoneSurrogate, 1),
            ("\"a\nb\"", E::ControlCharacter, 2),
            ("[[[[[]]]]]", E::TooDeep { limit: 4 }, 4),
        ] {
            let error = refusal(text.as_bytes());
            assert_eq!((error.kind, error.offset), (kind, offset), "{text:?}");
        }
        assert_eq!(refusal(b"\"\xff\"").kind, E::NotUtf8);
        assert_eq!(refusal(&[b' '; 201]).kind, E::TooLarge { limit: 200 });
    }

    #[test]
    fn a_key_twice_is_refused_by_its_pointer() {
        let error = refusal(br#"{"a":[0,{"x/~":1,"b":2,"x\u002f~":3}]}"#);
        assert_eq!(
            error.to_string(),
            "the key /a/1/x~1~0 is there twice at line 1, column 24"
        );
        let many: String = (0..100).map(|n| format!("\"k{n}\":0,")).collect();
        for n in [0, 50, 99] {
            let text = format!("{{{many}\"k{n}\":1}}");
            let error = parse(text.as_bytes(), Limits::default()).expect_err("it is there twice");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("the key /k{n} is there twice")),
                "{error}"
            );
        }
    }

    #[test]
    fn places_are_lines_and_columns() {
        let error = refusal(b"{\n  \"a\": 1,\n  \"b\": ?\n}");
        assert_eq!((error.line, error.column, error.offset), (3, 8, 19));
        assert_eq!(error.to_string(), "a value is expected at line 3, column 8");
    }

    #[test]
    fn escapes_are_read() {
        let value = parse(
            br#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83e\udd80 end""#,
            Limits::default(),
        )
        .unwrap();
        assert_eq!(value.as_str(), Some("\"\\/\u{8}\u{c}\n\r\tAé🦀 end"));
    }
}
