//! Lenient parser for the status and Retry-After of a response head that hyper refuses.
//!
//! RFC 9112 permits a client to reject faulty framing (two lengths, `Transfer-Encoding` in
//! HTTP/1.0) and invalid characters in headers. A delivery needs the status only: the endpoint's
//! decision counts. The connection is closed.

/// Final head of a response, as far as a delivery needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnswerHead {
    /// Status, 100 to 599; of the informational ones only 101.
    pub(super) status: u16,
    /// Value of the first Retry-After, as text.
    pub(super) retry_after: Option<String>,
}

impl AnswerHead {
    /// Parses the final head at the start of the received bytes; `None`: not HTTP/1, or incomplete.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = Lines(bytes);
        loop {
            let first = lines.by_ref().find(|line| !line.is_empty())?;
            let status = status(first)?;
            let mut retry_after = None;
            loop {
                let line = lines.next()?;
                if line.is_empty() {
                    break;
                }
                retry_after = retry_after.or_else(|| value_of(line, "retry-after"));
            }
            if status == 101 || status >= 200 {
                return Some(Self { status, retry_after });
            }
        }
    }
}

/// Status of a status line: `HTTP/1.x`, spaces, three digits, and any rest.
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let (version, rest) = rest.split_first()?;
    let digits = rest.trim_ascii_start();
    let (status, after) = digits.split_first_chunk::<3>()?;
    let ends = after.first().is_none_or(|byte| !byte.is_ascii_digit());
    let numeric = version.is_ascii_digit() && rest.len() > digits.len() && ends;
    let status: u16 = std::str::from_utf8(status).ok()?.parse().ok()?;
    (numeric && (100..600).contains(&status)).then_some(status)
}

/// Value of a header line of this name.
fn value_of(line: &[u8], name: &str) -> Option<String> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (own, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
    own.eq_ignore_ascii_case(name.as_bytes())
        .then(|| String::from_utf8_lossy(value).into_owned())
}

/// Iterator over complete lines, without their ends (CR LF, or LF alone: RFC 9112 §2.2).
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|&byte| byte == b'\n')?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_head_is_read_of_what_comes() {
        let asked = |status, retry_after: &str| Some((status, Some(retry_after.to_owned())));
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some((200, None))),
            ("HTTP/1.0 204\n\n", Some((204, None))),
            (
                "HTTP/1.1  410 Gone\r\ncontent-length: x\r\n\r\n",
                Some((410, None)),
            ),
            (
                "\r\nHTTP/1.1 429 \x01\r\nRetry-After : 7\r\n\r\nbody",
                asked(429, "7"),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nretry-after: 1\r\nretry-after: 2\r\n\r\n",
                asked(503, "1"),
            ),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Some((101, None))),
            ("HTTP/1.1 100 Continue\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", None),
            ("HTTP/1.1 2000 OK\r\n\r\n", None),
            ("HTTP/1.1 099 OK\r\n\r\n", None),
            ("HTTP/1.1 600 OK\r\n\r\n", None),
            ("HTTP/1.1200 OK\r\n\r\n", None),
            ("HTTP/2 200\r\n\r\n", None),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", None),
            ("", None),
        ] {
            let read = AnswerHead::read(text.as_bytes()).map(|head| (head.status, head.retry_after));
            assert_eq!(read, expected, "{text:?}");
        }
    }
}
