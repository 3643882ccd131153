//! Text of Python's `json.dumps(json.loads(text))`, which receivers in Python sign by mistake.

use std::io;

use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// Prints the text as Python does: with `, ` and `: `, and non-ASCII characters escaped.
///
/// `None` if it is not JSON.
pub(super) fn dumped(text: &str) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_str(text).ok()?;
    let mut out = Vec::with_capacity(text.len());
    serde::Serialize::serialize(&value, &mut Serializer::with_formatter(&mut out, Python)).ok()?;
    Some(out)
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut units = [0; 2];
        for letter in text.chars() {
            if letter.is_ascii() {
                write!(out, "{letter}")?;
                continue;
            }
            for unit in letter.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_prints() {
        let text = r#"{"b":[1,2.50,null,true],"a":{"ü":"😀\n"},"e":{},"l":[]}"#;
        let printed = dumped(text).expect("it is JSON");
        let expected = r#"{"b": [1, 2.5, null, true], "a": {"\u00fc": "\ud83d\ude00\n"}, "e": {}, "l": []}"#;
        assert_eq!(String::from_utf8(printed).expect("text"), expected);
    }
}
