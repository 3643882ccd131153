//! Diagnosis of received requests that are not genuine, for `hookgate verify`.
//!
//! Runs the check of `verify`, then tries the common mistakes of receivers, one by one and in
//! combination. It signs some hundred variants and is slow by design; it is never used while
//! serving requests.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::file::TimestampForm;
use super::finding::{BodyChange, ContentReading, Finding, SecretReading};
use super::signature::Filling;
use super::template::{Place, Template};
use super::verify::{Captured, NotGenuine, Received, sent_at};
use super::{Profile, SigningKey};
use hookgate_domain::{Secret, Timestamp};
use hookgate_json::{Document, Limits, Value};

/// Request as a receiver has it.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// Received headers; names in any case.
    pub headers: &'a [(String, String)],
    /// Bytes of the body.
    pub body: &'a [u8],
    /// Secrets that may have signed the request.
    pub secrets: &'a [Secret],
    /// Time of arrival.
    pub at: Timestamp,
}

/// Result for a genuine request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Index of the secret that signed it, counted from 0.
    pub secret: usize,
    /// Time of the attempt, if the scheme carries it.
    pub sent: Option<Timestamp>,
}

impl Profile {
    /// Checks a request and explains why it is not genuine.
    ///
    /// # Errors
    /// At least one finding, the likeliest cause first.
    pub fn diagnose(&self, evidence: &Evidence<'_>) -> Result<Proof, Vec<Finding>> {
        let mut findings = Vec::new();
        let keys = self.keys_of(evidence.secrets, &mut findings);
        let header = |name: &str| value_of(evidence.headers, name);
        let received = Received {
            header: &header,
            body: evidence.body,
            at: evidence.at,
        };
        let captured = match self.signature.capture(&received) {
            Ok(captured) => captured,
            Err(error) => {
                findings.push(self.about_headers(error, evidence.headers));
                return Err(findings);
            }
        };
        let sent = captured.timestamp.as_deref();
        let sent = sent.and_then(|text| sent_at(self.signature.timestamp, text));
        if let Some(found) = self.about_time(captured.timestamp.as_deref(), sent, evidence.at) {
            findings.push(found);
        }
        let signer = keys.iter().find(|(_, key)| {
            let keys = std::slice::from_ref(key);
            self.check(&received, &captured, keys).is_ok()
        });
        match signer {
            Some((secret, _)) if findings.is_empty() => Ok(Proof {
                secret: *secret,
                sent,
            }),
            Some(_) => {
                findings.push(Finding::OtherwiseGenuine);
                Err(findings)
            }
            None => {
                findings.extend(self.about_mismatch(evidence, &received, &captured, &keys));
                Err(findings)
            }
        }
    }

    fn keys_of(&self, secrets: &[Secret], findings: &mut Vec<Finding>) -> Vec<(usize, SigningKey)> {
        let mut keys = Vec::new();
        for (index, secret) in secrets.iter().enumerate() {
            match self.secret.verifying_key(secret) {
                Ok(key) => keys.push((index, key)),
                Err(bad) => {
                    findings.push(Finding::BadSecret {
                        problem: bad.to_string(),
                        untidy: secret.reveal().trim_matches(UNTIDY) != secret.reveal(),
                    });
                    keys.extend(self.mended_key(secret).map(|key| (index, key)));
                }
            }
        }
        keys
    }

    /// Key of a secret after removal of surrounding characters and addition of a missing prefix.
    fn mended_key(&self, secret: &Secret) -> Option<SigningKey> {
        let tidy = secret.reveal().trim_matches(UNTIDY);
        let with_prefix = format!("{}{tidy}", self.secret.prefix);
        [tidy, &with_prefix]
            .into_iter()
            .find_map(|text| self.secret.verifying_key(&Secret::new(text)).ok())
    }

    fn about_headers(&self, error: NotGenuine, headers: &[(String, String)]) -> Finding {
        match error {
            NotGenuine::Missing(name) => Finding::HeaderMissing {
                near: nearest(&name, headers),
                name,
            },
            NotGenuine::Shape(name) => {
                let template = self.signature.headers.iter().find(|(own, _)| *own == name);
                Finding::HeaderShape {
                    expected: template
                        .map(|(_, template)| template.to_string())
                        .unwrap_or_default(),
                    name,
                }
            }
            _ => Finding::NoMatch,
        }
    }

    fn about_time(&self, text: Option<&str>, sent: Option<Timestamp>, now: Timestamp) -> Option<Finding> {
        let text = text?;
        let expected = self.signature.timestamp;
        if let Some(given) = unit_of(text, now).filter(|given| *given != expected) {
            return Some(Finding::TimestampUnit { given, expected });
        }
        let Some(sent) = sent.filter(|sent| *sent >= FIRST_WEBHOOKS) else {
            return Some(Finding::BadTimestamp(text.to_owned()));
        };
        let most = self.signature.tolerance?;
        let (age, ahead) = (now.since(sent), sent.since(now));
        if age > most {
            Some(Finding::TooOld { age, most })
        } else if ahead > most {
            Some(Finding::TooEarly { ahead, most })
        } else {
            None
        }
    }

    /// Smallest set of changes after which a signature matches.
    fn about_mismatch(
        &self,
        evidence: &Evidence<'_>,
        received: &Received<'_>,
        captured: &Captured,
        keys: &[(usize, SigningKey)],
    ) -> Vec<Finding> {
        if self
            .made(&self.signature.content, received, captured, b"")
            .is_none()
        {
            return vec![Finding::NothingSigned];
        }
        let bodies = body_variants(evidence.body);
        for (change, body) in &bodies[1..] {
            let received = Received { body, ..*received };
            let matches = |(_, key): &(usize, SigningKey)| {
                self.check(&received, captured, std::slice::from_ref(key)).is_ok()
            };
            if keys.iter().any(matches) {
                return change.map(Finding::BodyAltered).into_iter().collect();
            }
        }
        let mut best: Option<Vec<Finding>> = None;
        for secret in evidence.secrets {
            for (reading, key) in self.secret_readings(secret) {
                for (part, content) in self.content_readings() {
                    for (change, body) in &bodies {
                        let received = Received { body, ..*received };
                        let Some(made) = self.made(&content, &received, captured, &key) else {
                            continue;
                        };
                        let Some(encoding) = self.written_as(captured, &made) else {
                            continue;
                        };
                        let found = [
                            reading.map(Finding::SecretRead),
                            part.map(Finding::ContentRead),
                            change.map(Finding::BodyRead),
                            encoding.map(Finding::SignatureWritten),
                        ];
                        let found: Vec<_> = found.into_iter().flatten().collect();
                        if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                            best = Some(found);
                        }
                    }
                }
            }
        }
        best.filter(|found| !found.is_empty())
            .unwrap_or_else(|| vec![Finding::NoMatch])
    }

    /// Possible interpretations of the secret, the scheme's first.
    fn secret_readings(&self, secret: &Secret) -> Vec<(Option<SecretReading>, Vec<u8>)> {
        let text = secret.reveal();
        let bare = text.strip_prefix(&self.secret.prefix).unwrap_or(text);
        let own = self.secret.key(secret).ok();
        let own = own.as_ref().and_then(SigningKey::mac);
        let mut readings: Vec<(Option<SecretReading>, Vec<u8>)> = Vec::new();
        readings.extend(own.map(|own| (None, own.to_vec())));
        let tidy = text.trim_matches(UNTIDY);
        for (reading, key) in [
            (SecretReading::Whole, Some(text.as_bytes().to_vec())),
            (SecretReading::WithoutPrefix, Some(bare.as_bytes().to_vec())),
            (SecretReading::Base64, base64_of(bare)),
            (SecretReading::Hexadecimal, hex::decode(bare).ok()),
            (SecretReading::Untidy, Some(tidy.as_bytes().to_vec())),
        ] {
            let key = key.filter(|key| readings.iter().all(|(_, known)| known != key));
            readings.extend(key.map(|key| (Some(reading), key)));
        }
        readings
    }

    /// Possible signed contents, the scheme's first.
    fn content_readings(&self) -> Vec<(Option<ContentReading>, Template)> {
        let own = self.signature.content.clone();
        let mut readings = vec![(None, own)];
        for (reading, text) in [
            (ContentReading::BodyAlone, "{body}"),
            (ContentReading::WithoutId, "{timestamp}.{body}"),
            (ContentReading::WithId, "{id}.{timestamp}.{body}"),
        ] {
            let template = Template::parse(text, Place::Content);
            let template = template.ok().filter(|template| *template != readings[0].1);
            readings.extend(template.map(|template| (Some(reading), template)));
        }
        readings
    }

    fn made(
        &self,
        content: &Template,
        received: &Received<'_>,
        captured: &Captured,
        key: &[u8],
    ) -> Option<Vec<u8>> {
        let data = self.signed_part(received.body);
        let data = data.as_ref().and_then(|body| self.envelope.data_in(body.root()));
        let filling = Filling {
            id: captured.id.as_deref().unwrap_or_default(),
            kind: captured.kind.as_deref().unwrap_or_default(),
            timestamp: captured.timestamp.as_deref().unwrap_or_default(),
            body: received.body,
            data,
        };
        self.signature.mac_over(content, &filling, key).ok()
    }

    fn signed_part(&self, body: &[u8]) -> Option<Document> {
        let limits = Limits {
            bytes: body.len(),
            depth: Limits::MAX_DEPTH,
        };
        let needed = self.signature.signs_data();
        needed.then(|| Document::parse(body, limits).ok()).flatten()
    }

    /// Searches the signatures for these bytes.
    ///
    /// `Some(None)` if one is written as in the scheme, `Some(Some(_))` with the name of another
    /// encoding.
    fn written_as(&self, captured: &Captured, made: &[u8]) -> Option<Option<&'static str>> {
        captured.signatures.iter().find_map(|given| {
            let text = self.signature.bare(given).unwrap_or(given);
            if text == self.signature.encoded(made) {
                return Some(None);
            }
            let writings = [
                ("hexadecimal digits", hex::decode(text).ok()),
                (
                    "base64 of the standard alphabet, padded",
                    STANDARD.decode(text).ok(),
                ),
                ("base64 without padding", STANDARD_NO_PAD.decode(text).ok()),
                ("base64 of the URL-safe alphabet", URL_SAFE.decode(text).ok()),
                (
                    "base64 of the URL-safe alphabet without padding",
                    URL_SAFE_NO_PAD.decode(text).ok(),
                ),
            ];
            let writings = writings.into_iter();
            let mut same = writings.filter(|(_, bytes)| bytes.as_deref() == Some(made));
            same.next().map(|(writing, _)| Some(writing))
        })
    }
}

/// Form in which a text denotes a time near `now`.
fn unit_of(text: &str, now: Timestamp) -> Option<TimestampForm> {
    let forms = [
        TimestampForm::Seconds,
        TimestampForm::Milliseconds,
        TimestampForm::Rfc3339,
    ];
    forms.into_iter().find(|form| {
        let time = sent_at(*form, text);
        time.is_some_and(|time| time.since(now).max(now.since(time)) <= NEAR)
    })
}

/// Possible original forms of the body, the given one first.
///
/// The others undo changes in transit or reprinting by the receiver.
fn body_variants(body: &[u8]) -> Vec<(Option<BodyChange>, Vec<u8>)> {
    let mut variants: Vec<(Option<BodyChange>, Vec<u8>)> = vec![(None, body.to_vec())];
    let text = std::str::from_utf8(body).ok();
    let tried = [
        (BodyChange::SpaceAtTheEnd, Some(body.trim_ascii_end().to_vec())),
        (BodyChange::NewlineMissing, Some([body, b"\n"].concat())),
        (
            BodyChange::ByteOrderMark,
            body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec),
        ),
        (
            BodyChange::LineEnds,
            text.map(|text| text.replace("\r\n", "\n").into_bytes()),
        ),
        (
            BodyChange::LineEnds,
            text.map(|text| text.replace('\n', "\r\n").into_bytes()),
        ),
        (BodyChange::Base64, text.and_then(|text| base64_of(text.trim()))),
        (
            BodyChange::Quoted,
            serde_json::from_slice::<String>(body)
                .ok()
                .map(String::into_bytes),
        ),
        (BodyChange::PrintedAgain, printed(body, Value::print)),
        (
            BodyChange::PrintedByJavaScript,
            printed(body, Value::print_javascript),
        ),
        (BodyChange::PrintedByPython, text.and_then(super::python::dumped)),
    ];
    for (change, variant) in tried {
        let new = variant.filter(|variant| variants.iter().all(|(_, known)| known != variant));
        variants.extend(new.map(|variant| (Some(change), variant)));
    }
    variants
}

fn printed(body: &[u8], print: impl Fn(&Value, &mut Vec<u8>)) -> Option<Vec<u8>> {
    let document = Document::parse(body, Limits::of_bytes(body.len())).ok()?;
    let mut out = Vec::with_capacity(body.len());
    print(document.root(), &mut out);
    Some(out)
}

fn base64_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    STANDARD_NO_PAD
        .decode(text)
        .or_else(|_| URL_SAFE_NO_PAD.decode(text))
        .ok()
}

fn value_of(headers: &[(String, String)], name: &str) -> Option<String> {
    let found = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.clone())
}

/// Most similar header name: ignores `_`, `HTTP_` and `X-`, or differs in a few letters.
fn nearest(name: &str, headers: &[(String, String)]) -> Option<String> {
    let plain = |name: &str| {
        let name = name.to_ascii_lowercase().replace('_', "-");
        let name = name.strip_prefix("http-").unwrap_or(&name);
        name.strip_prefix("x-").unwrap_or(name).to_owned()
    };
    let wanted = plain(name);
    let near = headers
        .iter()
        .map(|(own, _)| (strsim::damerau_levenshtein(&plain(own), &wanted), own));
    let nearest = near.min_by_key(|(distance, _)| *distance);
    nearest
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, own)| own.clone())
}

/// Characters that are often copied with a secret by mistake.
const UNTIDY: &[char] = &['"', '\'', ' ', '\t', '\r', '\n'];
/// Year 2000: no webhook was sent before.
const FIRST_WEBHOOKS: Timestamp = Timestamp::from_millis(946_684_800_000);
/// Maximum distance from now of a number that is read as a time in some unit.
const NEAR: Duration = Duration::from_secs(365 * 24 * 3600);
