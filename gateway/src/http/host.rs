//! `Host` header of a request: exactly one, with a host in it (RFC 9112 §3.2).

use http::{Request, Version, header};

use super::{Code, Problem};

/// Checks the `Host` header. HTTP/1.0 has none.
///
/// # Errors
/// `invalid_parameter`; the connection is closed, as its next request may be ambiguous too.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let detail = match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host.as_bytes()) => return Ok(()),
        (None, _) if request.version() < Version::HTTP_11 => return Ok(()),
        (None, _) => "The request has no `Host` header.",
        (Some(_), None) => "The `Host` header is not a host with or without a port.",
        (Some(_), Some(_)) => "The request has more than one `Host` header.",
    };
    Err(Problem::new(Code::InvalidParameter, detail)
        .fix("Send one `Host` header, with the host and port of the request's URL.")
        .closing())
}

/// Checks the characters of `uri-host [":" port]` (RFC 3986 §3.2.2).
/// It is empty where the URL has no authority.
fn is_host(text: &[u8]) -> bool {
    text.iter().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'.' | b'-'
                    | b'_'
                    | b'~'
                    | b':'
                    | b'['
                    | b']'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b';'
                    | b'='
            )
    })
}
