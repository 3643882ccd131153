//! Shadow mode: a request is built and signed as usual, then recorded instead of sent.
//!
//! No name is resolved and no connection is made. The record holds no secret: the values of headers
//! that the subscription sets, and the URL's query, are left out. The record has only the digest
//! and the length of the body.

use sha2::{Digest, Sha256};
use url::Url;

use super::Attempter;
use hookgate_domain::{Outcome, UnsentRequest};
use hookgate_egress::{HeaderMap, HeaderName, HeaderValue, Request};

impl Attempter {
    /// Records a request instead of sending it.
    pub(super) fn shadow(&self, request: Request<'_>) -> Outcome {
        let (url, body) = (request.url, request.body.clone());
        match self.parts.client.headers_of(request) {
            Ok(headers) => Outcome::Shadowed {
                request: Box::new(recorded(url, &headers, &body)),
            },
            Err(refused) => Outcome::Blocked {
                reason: refused.to_string(),
            },
        }
    }
}

fn recorded(url: &Url, headers: &HeaderMap, body: &[u8]) -> UnsentRequest {
    let mut bare = url.clone();
    bare.set_query(None);
    let shown = |(name, value): (&HeaderName, &HeaderValue)| {
        let text = value.to_str().ok().filter(|_| !value.is_sensitive());
        (name.as_str().to_owned(), text.map(str::to_owned))
    };
    UnsentRequest {
        url: bare.into(),
        query: url.query().is_some(),
        headers: headers.iter().map(shown).collect(),
        more_headers: 0,
        body_digest: Sha256::digest(body).into(),
        body_bytes: body.len() as u64,
    }
}
