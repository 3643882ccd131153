//! Numbers and scalars.
//!
//! A number retains its text unless a 64-bit integer represents it fully. Scalars are the form that
//! plugins see.

use std::cmp::Ordering;
use std::fmt;

use compact_str::{CompactString, format_compact};

use super::{Decimal, Value};

/// JSON number other than a plain 64-bit integer, with its text.
///
/// Examples are `8500.00`, `1e21`, `-0`, `12345678901234567890`.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(CompactString);

/// Value without children.
#[derive(Clone, PartialEq)]
pub enum Scalar {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number that was written as a 64-bit integer.
    Integer(i64),
    /// Number equal to the shortest text of a 64-bit float: `8500.00`, `0.1`, `1e21`.
    Decimal(f64),
    /// Any other number, as text.
    RawNumber(String),
    /// A string.
    Text(String),
}

/// Error: the text is not a JSON number (RFC 8259, section 6), or the float is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON number")]
pub struct BadNumber;

impl Number {
    /// Text of the number as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Converts to a 64-bit float if this is lossless.
    ///
    /// It is if the float's shortest text denotes the same number.
    pub fn to_f64_exact(&self) -> Option<f64> {
        let float: f64 = self.0.parse().ok()?;
        let shortest = format_compact!("{float:e}");
        (float.is_finite() && Decimal::of_text(&self.0) == Decimal::of_text(&shortest)).then_some(float)
    }

    /// Wraps a text that matches the number grammar and is not the printed form of an `i64`.
    pub(super) fn from_grammar(text: &str) -> Self {
        Self(text.into())
    }
}

impl Value {
    /// Parses a number from its JSON text.
    pub fn number(text: &str) -> Result<Self, BadNumber> {
        match number_len(text.as_bytes()) {
            Some(len) if len == text.len() => Ok(number_of(text)),
            _ => Err(BadNumber),
        }
    }

    /// Converts a float to a number, printed as by ECMAScript (`Number::toString`, also RFC 8785).
    ///
    /// Prints the shortest digits that parse to the same float, without `.0`, and an exponent from
    /// `1e+21` up and below `0.000001`.
    pub fn float(float: f64) -> Result<Self, BadNumber> {
        if !float.is_finite() {
            return Err(BadNumber);
        }
        Ok(number_of(ryu_js::Buffer::new().format_finite(float)))
    }

    /// Compares two numbers of any size exactly by value.
    ///
    /// `None` if one is not a number, or its exponent is out of range.
    pub fn compare_numbers(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            _ => Some(Decimal::of(self)?.compare(&Decimal::of(other)?)),
        }
    }

    /// Converts to a scalar; `None` for arrays and objects.
    pub fn to_scalar(&self) -> Option<Scalar> {
        Some(match self {
            Self::Null => Scalar::Null,
            Self::Bool(truth) => Scalar::Boolean(*truth),
            Self::Int(number) => Scalar::Integer(*number),
            Self::Number(number) => match number.to_f64_exact() {
                Some(float) => Scalar::Decimal(float),
                None => Scalar::RawNumber(number.as_str().to_owned()),
            },
            Self::Text(text) => Scalar::Text(text.to_string()),
            Self::Array(_) | Self::Object(_) => return None,
        })
    }
}

impl TryFrom<Scalar> for Value {
    type Error = BadNumber;

    fn try_from(scalar: Scalar) -> Result<Self, BadNumber> {
        Ok(match scalar {
            Scalar::Null => Self::Null,
            Scalar::Boolean(truth) => Self::Bool(truth),
            Scalar::Integer(number) => Self::Int(number),
            Scalar::Decimal(float) => Self::float(float)?,
            Scalar::RawNumber(text) => Self::number(&text)?,
            Scalar::Text(text) => Self::Text(text.into()),
        })
    }
}

/// Length in bytes of the number at the start of a text (RFC 8259, section 6).
///
/// `None` if there is none.
pub(super) fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let some_digits = |from: usize| Some(digits(from)).filter(|&count| count > 0);
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += if bytes.get(at) == Some(&b'0') {
        1
    } else {
        some_digits(at)?
    };
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        at += some_digits(at)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at += some_digits(at)?;
    }
    Some(at)
}

/// Value of a text that matches the number grammar.
pub(super) fn number_of(text: &str) -> Value {
    // Rust's integer parser accepts exactly the grammar's integers, except that `-0` would lose its
    // sign.
    match text.parse() {
        Ok(0) if text.len() > 1 => Value::Number(Number::from_grammar(text)),
        Ok(number) => Value::Int(number),
        Err(_) => Value::Number(Number::from_grammar(text)),
    }
}

/// Omits the digits: they can be personal data.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number of {} bytes", self.0.len())
    }
}

/// Omits the contents: they can be personal data.
impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(_) => f.write_str("boolean"),
            Self::Integer(_) => f.write_str("integer"),
            Self::Decimal(_) => f.write_str("decimal"),
            Self::RawNumber(text) => write!(f, "raw number of {} bytes", text.len()),
            Self::Text(text) => write!(f, "text of {} bytes", text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_integer_prints_is_one() {
        for (text, integer) in [
            ("0", true),
            ("-1", true),
            ("9223372036854775807", true),
            ("-9223372036854775808", true),
            ("9223372036854775808", false),
            ("-0", false),
            ("1.0", false),
            ("1e2", false),
            ("8500.00", false),
        ] {
            let value = Value::number(text).unwrap();
            assert_eq!(matches!(value, Value::Int(_)), integer, "{text}");
            assert_eq!(value.to_json(), text);
        }
        for text in [
            "", "-", "01", "+1", ".5", "1.", "1e", "1e+", "0x1", "1 ", " 1", "NaN", "--1", "1.e2",
        ] {
            assert!(Value::number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_decimal_is_a_number_that_a_float_says_exactly() {
        for (text, float) in [
            ("8500.00", Some(8500.0)),
            ("0.1", Some(0.1)),
            ("1e21", Some(1e21)),
            ("-0", Some(-0.0)),
            ("0.0e99", Some(0.0)),
            ("9007199254740993.0", None),
            ("12345678901234567890", None),
            // 2^64 is a float, but its shortest text, 18446744073709552000, denotes another number.
            ("18446744073709551616", None),
            ("0.1000000000000000055", None),
            ("1e400", None),
            ("1e-400", None),
            ("1e99999999999999999999", None),
        ] {
            let Value::Number(number) = Value::number(text).unwrap() else {
                panic!("{text}")
            };
            assert_eq!(number.to_f64_exact(), float, "{text}");
        }
    }

    #[test]
    fn numbers_compare_by_what_they_denote() {
        let ascending = [
            "-1e400",
            "-12345678901234567891",
            "-12345678901234567890",
            "-9223372036854775808",
            "-2",
            "-1.5",
            "-1e-400",
            "0",
            "0.1",
            "0.1000000000000000055",
            "1",
            "1.01",
            "1.1",
            "9007199254740992",
            "9007199254740993.0",
            "9223372036854775807",
            "12345678901234567890",
            "12345678901234567891",
            "1e21",
            "1e400",
        ];
        let value = |text: &str| Value::number(text).unwrap();
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(value(a).compare_numbers(&value(b)), Some(i.cmp(&j)), "{a} {b}");
            }
        }
        for (a, b) in [
            ("8500.00", "8500"),
            ("-0", "0.0e9"),
            ("1e2", "100"),
            ("0.10", "1E-1"),
        ] {
            assert_eq!(
                value(a).compare_numbers(&value(b)),
                Some(Ordering::Equal),
                "{a} {b}"
            );
        }
        assert_eq!(value("1").compare_numbers(&"1".into()), None);
        assert_eq!(value("1e99999999999999999999").compare_numbers(&value("1")), None);
    }

    #[test]
    fn floats_print_as_ecmascript_does() {
        for (float, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (8500.0, "8500"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (123_456_789.25, "123456789.25"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.000_001, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (5e-324, "5e-324"),
            // The exact value is …083.25: of the two shortest texts, which are equally near, the
            // even one is chosen.
            (1_072_797_782_008_083.2, "1072797782008083.2"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(Value::float(float).unwrap().to_json(), text);
        }
        assert!(Value::float(f64::NAN).is_err() && Value::float(f64::INFINITY).is_err());
    }
}
