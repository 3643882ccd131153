//! JavaScript printer: produces the text of `JSON.stringify(JSON.parse(text))` for a value's text.
//!
//! For consumers that parse and print the body again before they verify its signature (`profile`,
//! `numbers = "javascript"`): for them the printed text comes back byte for byte. The rules are
//! those of ECMA-262:
//!
//! * Every number is a 64-bit float, printed by `Number::toString` (§6.1.6.1.20): `8500.00` becomes
//!   `8500`, `1e21` becomes `1e+21`, `-0` becomes `0`. Integers beyond 2^53 lose their last digits,
//!   as for every JavaScript consumer. A number beyond the range of a float becomes `null`, since
//!   `JSON.stringify` has no other text for infinity (§25.5.2.2).
//! * Keys that are array indices, `0` to `4294967294`, come first, in ascending order. The others
//!   follow in document order (§10.1.11.1).
//! * Strings are escaped as by `print`: `QuoteJSONString` (§25.5.2.3) of a string without lone
//!   surrogates.

use super::print::{integer, string};
use super::{Object, Value};

impl Value {
    /// Appends the value as JavaScript prints it.
    pub fn print_javascript(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(value) if value.unsigned_abs() <= EXACT => integer(*value, out),
            #[expect(clippy::cast_precision_loss, reason = "what JavaScript loses is lost here")]
            Self::Int(value) => float(*value as f64, out),
            // Rust and ECMAScript both parse a decimal text to the nearest float, ties to even.
            Self::Number(number) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => float(number, out),
                _ => out.extend_from_slice(b"null"),
            },
            Self::Array(elements) => {
                out.push(b'[');
                for (n, element) in elements.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    element.print_javascript(out);
                }
                out.push(b']');
            }
            Self::Object(object) => print_object(object, out),
            Self::Null | Self::Bool(_) | Self::Text(_) => self.print(out),
        }
    }
}

fn float(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(ryu_js::Buffer::new().format_finite(number).as_bytes());
}

fn print_object(object: &Object, out: &mut Vec<u8>) {
    let mut indices: Vec<_> = object
        .iter()
        .filter_map(|(key, value)| Some((array_index(key)?, key, value)))
        .collect();
    indices.sort_unstable_by_key(|(index, ..)| *index);
    let first = indices.iter().map(|&(_, key, value)| (key, value));
    let others = object
        .iter()
        .filter(|(key, _)| indices.is_empty() || array_index(key).is_none());
    out.push(b'{');
    for (n, (key, value)) in first.chain(others).enumerate() {
        if n > 0 {
            out.push(b',');
        }
        string(key, out);
        out.push(b':');
        value.print_javascript(out);
    }
    out.push(b'}');
}

/// Array index that a key denotes (§6.1.7).
///
/// Its text is the decimal form of an integer below 2^32 - 1, without leading zeros.
fn array_index(key: &str) -> Option<u32> {
    let canonical = key == "0" || !key.starts_with('0');
    let digits = (1..=10).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_digit());
    let index: u32 = (canonical && digits).then(|| key.parse().ok())??;
    (index < u32::MAX).then_some(index)
}

/// Every integer up to 2^53 is exactly representable as a float.
const EXACT: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use proptest::strategy::{Strategy as _, ValueTree as _};
    use proptest::test_runner::TestRunner;

    use super::super::Limits;
    use super::super::parse::parse;
    use super::super::texts::text;

    fn javascript(text: &str) -> String {
        let limits = Limits {
            bytes: 1 << 24,
            depth: Limits::MAX_DEPTH,
        };
        let mut out = Vec::new();
        parse(text.as_bytes(), limits)
            .expect(text)
            .print_javascript(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn as_the_specification_says() {
        for (text, printed) in [
            ("8500.00", "8500"),
            ("1.0", "1"),
            ("1e21", "1e+21"),
            ("1E2", "100"),
            ("123456789012345678901", "123456789012345680000"),
            ("-0", "0"),
            ("-0.0e5", "0"),
            ("9007199254740992", "9007199254740992"),
            ("9007199254740993", "9007199254740992"),
            ("9223372036854775807", "9223372036854776000"),
            ("-9223372036854775808", "-9223372036854776000"),
            ("1e400", "null"),
            ("[-1e400]", "[null]"),
            ("1e-400", "0"),
            ("0.0000001", "1e-7"),
            (
                r#"{"b":1,"10":2,"2":3,"a":4,"01":5,"0":6,"-1":7}"#,
                r#"{"0":6,"2":3,"10":2,"b":1,"a":4,"01":5,"-1":7}"#,
            ),
            (
                r#"{"4294967295":1,"4294967294":2}"#,
                r#"{"4294967294":2,"4294967295":1}"#,
            ),
            (
                r#"{"__proto__":{"1":1.0},"a":"\u2028\u007f\u001F\/"}"#,
                "{\"__proto__\":{\"1\":1},\"a\":\"\u{2028}\u{7f}\\u001f/\"}",
            ),
        ] {
            assert_eq!(javascript(text), printed, "{text}");
        }
    }

    const SCRIPT: &str = "let all = '';\
        process.stdin.setEncoding('utf8').on('data', d => all += d).on('end', () => {\
          for (const line of all.split('\\n')) if (line) {\
            const [text, ours] = JSON.parse(line);\
            const theirs = JSON.stringify(JSON.parse(text));\
            if (theirs !== ours) console.log('of ' + text + '\\nthey print ' + theirs + '\\nwe print   ' + ours);\
            else if (JSON.stringify(JSON.parse(ours)) !== ours) console.log('no fixed point: ' + ours);\
          }\
          console.log('compared');\
        });";

    /// Runs one Node process for all values.
    #[test]
    fn node_prints_the_same() {
        let mut node = Command::new("node")
            .args(["-e", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tests need Node: apt-get install nodejs");
        let mut runner = TestRunner::default();
        let mut lines = String::new();
        let deep = format!("{}1.50{}", "[{\"1\":".repeat(60), "}]".repeat(60));
        let random = (0..4_000).map(|_| text().new_tree(&mut runner).expect("a text").current());
        for text in random.chain([deep]) {
            let line = serde_json::to_string(&[&text, &javascript(&text)]).expect("two strings");
            lines.push_str(&line);
            lines.push('\n');
        }
        let mut input = node.stdin.take().expect("it is piped");
        // Node prints only after it has read all input, so neither process blocks on a full pipe.
        input.write_all(lines.as_bytes()).expect("it reads");
        drop(input);
        let output = node.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            said.trim_end(),
            "compared",
            "{}",
            said.chars().take(2_000).collect::<String>()
        );
    }
}
