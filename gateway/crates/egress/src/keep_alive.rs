//! Keep-alive time that an endpoint offers: `Keep-Alive: timeout=5`.
//! RFC 2068 §19.7.1.1, as servers send it.

use std::time::Duration;

use hyper::header::HeaderMap;

/// Idle timeout of a connection, from the endpoint's header; `None`: there is no such header.
/// It is shorter than the endpoint's, so that a request rarely meets a closed connection.
pub(super) fn offered(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = text.split([',', ';']).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let named = name.trim().eq_ignore_ascii_case("timeout");
        named.then(|| value.trim().trim_matches('"').parse::<u32>().ok())?
    })?;
    let whole = Duration::from_secs(seconds.into());
    Some(whole.saturating_sub(MARGIN.min(whole / 2)))
}

const MARGIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alive_timeout_is_honoured_with_a_margin() {
        for (text, expected) in [
            ("timeout=5", Some(4000)),
            ("timeout=5, max=100", Some(4000)),
            ("max=100; Timeout = \"60\"", Some(59_000)),
            ("timeout=1", Some(500)),
            ("timeout=0", Some(0)),
            ("timeout=soon", None),
            ("max=1", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("keep-alive", text.parse().expect("a value"));
            assert_eq!(offered(&headers), expected.map(Duration::from_millis), "{text}");
        }
        assert_eq!(offered(&HeaderMap::new()), None);
    }
}
