//! Encoding of a body: `Content-Encoding`, `charset`, and a byte order mark before JSON.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::{Code, Problem};

/// Checks that a body is not compressed. An encoding is refused by its name.
///
/// # Errors
/// `unsupported_encoding`.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    for value in headers.get_all(header::CONTENT_ENCODING) {
        let text = value.to_str().unwrap_or("?");
        let foreign = |coding: &&str| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity");
        if let Some(coding) = text.split(',').map(str::trim).find(foreign) {
            let shown: String = coding
                .chars()
                .filter(|c| !c.is_control())
                .take(LONGEST_SHOWN)
                .collect();
            let detail = format!("The body is encoded as `{shown}`, and is read only as it is.");
            return Err(Problem::new(Code::UnsupportedEncoding, detail)
                // Accepted encoding (RFC 9110 §12.5.3, §15.5.16).
                .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
        }
    }
    Ok(())
}

/// Checks that the `charset` of a content type, if any, is UTF-8 or a subset of it (RFC 8259 §8.1).
///
/// # Errors
/// `unsupported_media_type`.
pub fn check_charset(content_type: &str) -> Result<(), Problem> {
    for parameter in content_type.split(';').skip(1) {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        let known = ["utf-8", "utf8", "us-ascii"];
        if name.trim().eq_ignore_ascii_case("charset") && !known.iter().any(|k| value.eq_ignore_ascii_case(k))
        {
            let shown: String = value
                .chars()
                .filter(|c| !c.is_control())
                .take(LONGEST_SHOWN)
                .collect();
            let detail = format!("The body is said to be in `{shown}`, and JSON is read in UTF-8.");
            return Err(Problem::new(Code::UnsupportedMediaType, detail)
                .fix("Send JSON in UTF-8, without a `charset` or with `charset=utf-8`."));
        }
    }
    Ok(())
}

/// JSON text of a body, without a UTF-8 byte order mark before it (RFC 8259 §8.1).
///
/// # Errors
/// `invalid_json` for the marks of UTF-16 and UTF-32.
pub fn json_text(body: Bytes) -> Result<Bytes, Problem> {
    const UTF_8: &[u8] = b"\xef\xbb\xbf";
    let encoding = match *body {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16",
        _ if body.starts_with(UTF_8) => return Ok(body.slice(UTF_8.len()..)),
        _ => return Ok(body),
    };
    let detail =
        format!("The body begins with the byte order mark of {encoding}, and JSON is read in UTF-8.");
    Err(Problem::new(Code::InvalidJson, detail))
}

const LONGEST_SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_encoding_is_refused_by_name() {
        for (values, refused) in [
            (&[][..], None),
            (&["identity"], None),
            (&["Identity, identity"], None),
            (&["gzip"], Some("`gzip`")),
            (&["identity, br"], Some("`br`")),
            (&["identity", "zstd"], Some("`zstd`")),
            (&["deflate"], Some("`deflate`")),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            match (check_encoding(&headers), refused) {
                (Ok(()), None) => {}
                (Err(problem), Some(name)) => {
                    assert!(problem.detail().contains(name), "{}", problem.detail());
                    let reply = problem.into_reply();
                    assert_eq!(reply.status(), 415);
                    assert_eq!(reply.headers()["accept-encoding"], "identity");
                }
                (found, _) => panic!("{values:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn charset_other_than_utf_8_is_refused_by_name() {
        for (content_type, allowed) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("application/json;charset=\"UTF-8\"", true),
            ("application/json; charset=us-ascii", true),
            ("application/json; version=2", true),
            ("application/json; charset=iso-8859-1", false),
            ("application/json; a=b; Charset=utf-16", false),
        ] {
            let checked = check_charset(content_type);
            assert_eq!(checked.is_ok(), allowed, "{content_type}");
            if let Err(problem) = checked {
                let charset = content_type.rsplit('=').next().unwrap_or_default();
                assert!(problem.detail().contains(charset), "{}", problem.detail());
            }
        }
    }

    #[test]
    fn byte_order_mark_before_json() {
        for (body, expected) in [
            (&b"{}"[..], Ok(&b"{}"[..])),
            (b"\xef\xbb\xbf{}", Ok(b"{}")),
            (b"\xef\xbb\xbf\xef\xbb\xbf{}", Ok(b"\xef\xbb\xbf{}")),
            (b"", Ok(b"")),
            (b"\xff\xfe{\0}\0", Err("UTF-16")),
            (b"\xfe\xff\0{\0}", Err("UTF-16")),
            (b"\xff\xfe\0\0{\0\0\0", Err("UTF-32")),
            (b"\0\0\xfe\xff\0\0\0{", Err("UTF-32")),
        ] {
            match (json_text(Bytes::from_static(body)), expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(problem), Err(name)) => assert!(problem.detail().contains(name), "{body:?}"),
                (found, _) => panic!("{body:?}: {found:?}"),
            }
        }
    }
}
