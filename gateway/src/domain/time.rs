//! A point in time, in microseconds, as every other module counts it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Microseconds since the Unix epoch, UTC. Exact in a Redis sorted set's score up to the year 2255 (2^53 µs).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the Unix epoch; saturates.
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

    /// This long after; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This long before; saturates at the epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Parses RFC 3339 text, for example `2024-01-15T10:30:00Z`.
    ///
    /// # Errors
    /// Text that is no RFC 3339 date-time, or one before 1970.
    pub fn parse(text: &str) -> Result<Self, BadTimestamp> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| BadTimestamp)?;
        u64::try_from(parsed.as_microsecond())
            .map(Self)
            .map_err(|_| BadTimestamp)
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        Self::parse(text)
    }
}

/// RFC 3339 in UTC, with as many fractional digits as there are: `2024-01-15T10:30:00Z`, `2024-01-15T10:30:00.25Z`.
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

/// The text is not an RFC 3339 date-time from 1970 on.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 date-time such as 2024-01-15T10:30:00Z")]
pub struct BadTimestamp;

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
        for text in ["", "2024-01-15", "yesterday", "1969-12-31T23:59:59Z"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
