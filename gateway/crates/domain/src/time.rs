//! Timestamps in microseconds, used by all modules.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Microseconds since the Unix epoch, UTC.
///
/// Exact in a Redis sorted set's score up to the year 2255 (2^53 µs).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Converts from microseconds since the Unix epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Converts from milliseconds since the Unix epoch; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole seconds since the Unix epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Truncates to whole seconds.
    #[must_use]
    pub const fn in_seconds(self) -> Self {
        Self(self.0 / 1_000_000 * 1_000_000)
    }

    /// Adds a duration; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// Subtracts a duration; saturates at the epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// Duration since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Parses an RFC 3339 date-time (section 5.6), for example `2024-01-15T10:30:00Z`.
    ///
    /// Digits beyond microseconds are truncated.
    ///
    /// # Errors
    /// A text that is not an RFC 3339 date-time, or a time out of the representable range.
    pub fn parse(text: &str) -> Result<Self, BadTimestamp> {
        if !is_rfc3339(text) {
            return Err(BadTimestamp::Form);
        }
        let parsed: jiff::Timestamp = match text.parse() {
            Ok(parsed) => parsed,
            // A day that does not exist in its month, an hour 24, or a time on the last day of
            // 9999.
            Err(_) if text.starts_with("9999-12-3") => return Err(BadTimestamp::TooLate),
            Err(_) => return Err(BadTimestamp::Form),
        };
        u64::try_from(parsed.as_microsecond())
            .map(Self)
            .map_err(|_| BadTimestamp::BeforeEpoch)
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        Self::parse(text)
    }
}

/// RFC 3339 in UTC with the necessary fractional digits.
///
/// Examples are `2024-01-15T10:30:00Z` and `2024-01-15T10:30:00.25Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = i64::try_from(self.0).map_err(|_| fmt::Error)?;
        jiff::Timestamp::from_microsecond(micros)
            .map_err(|_| fmt::Error)?
            .fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reason for which a text is refused as a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTimestamp {
    /// The text is not an RFC 3339 date-time.
    #[error("not an RFC 3339 date-time such as 2024-01-15T10:30:00Z")]
    Form,
    /// The time is before 1970.
    #[error(
        "a time before 1970-01-01T00:00:00Z, which cannot be kept; leave it out where the time is not known"
    )]
    BeforeEpoch,
    /// The time is at the end of the year 9999.
    #[error(
        "a time after 9999-12-30T22:00:00Z, which cannot be kept; leave it out where the time is not known"
    )]
    TooLate,
}

/// Returns `true` if a text has the form of an RFC 3339 `date-time`.
///
/// The form is `YYYY-MM-DDTHH:MM:SS[.digits](Z|±HH:MM)`. The ranges of the numbers are not checked.
fn is_rfc3339(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let Some((head, mut rest)) = bytes.split_at_checked(FORM.len()) else {
        return false;
    };
    let fits = head.iter().zip(FORM).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        other => byte == other,
    });
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return false;
        }
        rest = &fraction[digits..];
    }
    let offset = match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    fits && offset
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in [
            "2024-01-15T10:30:00Z",
            "2024-01-15T10:30:00.25Z",
            "1970-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text).expect("valid").to_string(), text);
        }
        assert_eq!(
            Timestamp::parse("2024-01-15T11:30:00+01:00")
                .expect("valid")
                .as_secs(),
            1_705_314_600
        );
    }

    #[test]
    fn timestamp_takes_rfc3339_alone() {
        for text in [
            "2018-04-05T17:31:00Z",
            "2018-04-05t17:31:00z",
            "2018-04-05 17:31:00Z",
            "2018-04-05T17:31:00.5Z",
            "2018-04-05T17:31:00.123456789Z",
            "2018-04-05T17:31:00+05:30",
            "2018-04-05T17:31:00-00:00",
            "2016-12-31T23:59:60Z",
        ] {
            assert!(Timestamp::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2024-01-15",
            "2018-04-05T17:31Z",
            "20180405T173100Z",
            "2018-04-05T17:31:00",
            "2018-04-05T17:31:00+0530",
            "2018-04-05T17:31:00+05",
            "2018-04-05T17:31:00,5Z",
            "2018-04-05T17:31:00.Z",
            "2018-04-05T17:31:00Z[UTC]",
            "2018-04-05T17:31:00Z ",
            " 2018-04-05T17:31:00Z",
            "+002018-04-05T17:31:00Z",
            "2018-W14-4T17:31:00Z",
            "2018-02-30T17:31:00Z",
            "2018-04-05T25:31:00Z",
            "2018-04-05T17:31:00Ä",
            "1522949460",
        ] {
            assert_eq!(Timestamp::parse(text), Err(BadTimestamp::Form), "{text}");
        }
        for (text, expected) in [
            ("0001-01-01T00:00:00Z", BadTimestamp::BeforeEpoch),
            ("1969-07-20T20:17:40Z", BadTimestamp::BeforeEpoch),
            ("9999-12-31T23:59:59Z", BadTimestamp::TooLate),
        ] {
            assert_eq!(Timestamp::parse(text), Err(expected), "{text}");
        }
    }
}
