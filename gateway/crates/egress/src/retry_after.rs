//! Parser of Retry-After (RFC 9110 §10.2.3): seconds, or an HTTP date in any of its three forms.

use std::time::Duration;

use hookgate_domain::Timestamp;

/// Requested delay, at most 24 hours; `None`: the value is malformed.
pub(super) fn parse(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let asked = if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        // A number that does not fit is a long time.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        http_date(text)?.since(now)
    };
    Some(asked.min(LONGEST))
}

/// HTTP date (RFC 9110 §5.6.7): IMF-fixdate, RFC 850 or asctime.
fn http_date(text: &str) -> Option<Timestamp> {
    let date = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ]
    .into_iter()
    .find_map(|form| jiff::civil::DateTime::strptime(form, text).ok())?;
    let instant = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    u64::try_from(instant.as_microsecond())
        .ok()
        .map(Timestamp::from_micros)
}

const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = Timestamp::from_millis(784_111_777_000);
        let day = 24 * 3600;
        for (text, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("86401", Some(day)),
            ("99999999999999999999999", Some(day)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Mon, 06 Nov 2034 08:49:00 GMT", Some(day)),
            ("", None),
            ("-5", None),
            ("soon", None),
            ("1.5", None),
        ] {
            assert_eq!(parse(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
