//! Durations and sizes in the form of a configuration: `30s`, `1h 30m`, `256KiB`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// A length of time, never negative: `250ms`, `30s`, `5m`, `2h`, `30d`, `1h 30m`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

/// A number of bytes: `512`, `64KiB`, `1MiB`, `2GB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Span {
    /// Creates a span of this many microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(Duration::from_micros(micros))
    }

    /// Creates a span of this many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// Creates a span of this many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// Converts to the standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl Size {
    /// Creates a size of this many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Size in bytes; saturates if `usize` is smaller.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Error: the text is not a duration.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a duration; write a number and its unit, such as 250ms, 30s, 5m, 2h or 30d")]
pub struct BadSpan(String);

/// Error: the text is not a size.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a size; write a number and its unit, such as 512B, 64KiB or 1MiB")]
pub struct BadSize(String);

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let bad = || BadSpan(text.to_owned());
        let span: jiff::Span = text.parse().map_err(|_| bad())?;
        let days = jiff::SpanRelativeTo::days_are_24_hours();
        let duration = span.to_duration(days).map_err(|_| bad())?;
        Duration::try_from(duration).map(Self).map_err(|_| bad())
    }
}

impl FromStr for Size {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        let size: bytesize::ByteSize = text.parse().map_err(|_| BadSize(text.to_owned()))?;
        Ok(Self(size.as_u64()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u128, &str); 6] = [
            (86_400_000_000, "d"),
            (3_600_000_000, "h"),
            (60_000_000, "m"),
            (1_000_000, "s"),
            (1_000, "ms"),
            (1, "us"),
        ];
        let mut rest = self.0.as_micros();
        if rest == 0 {
            return f.write_str("0s");
        }
        let mut gap = "";
        for (micros, unit) in UNITS {
            if rest >= micros {
                write!(f, "{gap}{}{unit}", rest / micros)?;
                rest %= micros;
                gap = " ";
            }
        }
        Ok(())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        for (bytes, unit) in UNITS {
            if self.0 >= bytes && self.0.is_multiple_of(bytes) {
                return write!(f, "{}{unit}", self.0 / bytes);
            }
        }
        write!(f, "{}B", self.0)
    }
}

macro_rules! as_text {
    ($type:ident, $example:literal, $pattern:literal, $about:literal) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $about, "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

as_text!(
    Span,
    "30s",
    "^[0-9]{1,9} ?(us|ms|s|m|h|d)( ?[0-9]{1,9} ?(us|ms|s|m|h|d))*$",
    "A length of time with its unit: ms, s, m, h, d."
);
as_text!(
    Size,
    "256KiB",
    "^[0-9]{1,12} ?(B|KiB|MiB|GiB)?$",
    "A number of bytes with its unit: B, KiB, MiB, GiB."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, millis) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("1h 30m", 5_400_000),
            ("30d", 2_592_000_000),
            ("0s", 0),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!(span, Span::from_millis(millis), "{text}");
            assert_eq!(span.to_string(), text);
        }
        for text in ["", "30", "s", "-5s", "3 fortnights"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("512B", 512), ("64KiB", 65_536), ("1MiB", 1 << 20)] {
            let size: Size = text.parse().expect(text);
            assert_eq!(size, Size::from_bytes(bytes), "{text}");
            assert_eq!(size.to_string(), text);
        }
        for text in ["", "KiB", "-1KiB", "12 parsecs"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
