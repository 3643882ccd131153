//! Records of unsent requests: headers up to [`MOST_HEADERS`], a URL up to [`MOST_URL`] bytes.

use super::wire::{Reader, Writer};
use crate::StoreError;
use hookgate_domain::UnsentRequest;

/// Maximum bytes of header names and values that are stored; the number of the rest is stored.
const MOST_HEADERS: usize = 16 << 10;
/// Maximum bytes of a stored URL.
const MOST_URL: usize = 4 << 10;
/// Maximum encoding overhead of a header in bytes, without its name and value.
const BESIDE: usize = 8;

pub(super) fn write(out: &mut Writer, request: &UnsentRequest) {
    out.cut_text(&request.url, MOST_URL);
    out.byte(u8::from(request.query));
    let mut room = MOST_HEADERS;
    let fits = |(name, value): &&(String, Option<String>)| {
        let size = name.len() + value.as_ref().map_or(0, String::len) + BESIDE;
        let left = room.checked_sub(size);
        room = left.unwrap_or(room);
        left.is_some()
    };
    let kept = request.headers.iter().take_while(fits).count();
    out.list(&request.headers[..kept], |out, (name, value)| {
        out.text(name);
        out.option(value.as_ref(), |out, value| out.text(value));
    });
    let left_out = request.headers.len() - kept;
    out.number(u64::from(request.more_headers).saturating_add(left_out as u64));
    out.raw(&request.body_digest);
    out.number(request.body_bytes);
}

pub(super) fn read(from: &mut Reader) -> Result<UnsentRequest, StoreError> {
    Ok(UnsentRequest {
        url: from.text()?,
        query: from.byte()? != 0,
        headers: from.list(|from| Ok((from.text()?, from.option(Reader::text)?)))?,
        more_headers: from.small()?,
        body_digest: from.array()?,
        body_bytes: from.number()?,
    })
}
