//! Verifies received requests: the consumer's side of a signature.
//!
//! Used by `hookgate verify`, `listen` and the demo. The header templates are matched against the
//! received values. The extracted parts are signed again with each key, and the signatures are
//! compared in constant time.

use std::time::Duration;

use ring::signature::{ED25519, UnparsedPublicKey};
use subtle::ConstantTimeEq;

use super::file::TimestampForm;
use super::signature::Filling;
use super::template::Part;
use super::{Profile, Signature, SigningKey, Template};
use hookgate_domain::Timestamp;
use hookgate_json::{Document, Limits};

/// Received request.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    /// Value of a header by its lower-case name.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// Bytes of the body.
    pub body: &'a [u8],
    /// Time of arrival.
    pub at: Timestamp,
}

/// Reason for which a request is not genuine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// A header that the scheme needs is missing.
    #[error("the header `{0}` is missing")]
    Missing(String),
    /// A header does not have the format of the scheme.
    #[error("the header `{0}` does not look as this scheme writes it")]
    Shape(String),
    /// The timestamp is malformed.
    #[error("the timestamp is not a time as this scheme writes it")]
    BadTimestamp,
    /// The timestamp is too old or in the future: possibly a replayed request.
    #[error("the timestamp is more than {} seconds from now", .0.as_secs())]
    OutOfTime(Duration),
    /// The body does not contain the part of the data that is signed.
    #[error("the body does not hold what this scheme signs")]
    NothingSigned,
    /// No signature matches any of the keys.
    #[error("no signature matches: another secret, or the body is not byte for byte what was sent")]
    Mismatch,
}

/// Values extracted from the headers.
#[derive(Default)]
pub(super) struct Captured {
    pub id: Option<String>,
    pub kind: Option<String>,
    pub timestamp: Option<String>,
    pub signatures: Vec<String>,
}

impl Profile {
    /// Checks a received request against the keys.
    ///
    /// # Errors
    /// The first reason for which it is not genuine.
    pub fn verify(&self, received: &Received<'_>, keys: &[SigningKey]) -> Result<(), NotGenuine> {
        let captured = self.signature.capture(received)?;
        if let Some(timestamp) = &captured.timestamp {
            self.signature.check_time(timestamp, received.at)?;
        }
        self.check(received, &captured, keys)
    }

    /// Checks that one of the signatures matches one of the keys, without checking the time.
    pub(super) fn check(
        &self,
        received: &Received<'_>,
        captured: &Captured,
        keys: &[SigningKey],
    ) -> Result<(), NotGenuine> {
        let scheme = &self.signature;
        let limits = Limits {
            bytes: received.body.len(),
            depth: Limits::MAX_DEPTH,
        };
        let needs_data = scheme.signs_data();
        let document = needs_data
            .then(|| Document::parse(received.body, limits).ok())
            .flatten();
        let data = document
            .as_ref()
            .and_then(|body| self.envelope.data_in(body.root()));
        let filling = Filling {
            id: captured.id.as_deref().unwrap_or_default(),
            kind: captured.kind.as_deref().unwrap_or_default(),
            timestamp: captured.timestamp.as_deref().unwrap_or_default(),
            body: received.body,
            data,
        };
        for key in keys {
            if let Some(public) = key.kind().public() {
                let signed = scheme
                    .signed_bytes(&filling)
                    .map_err(|_| NotGenuine::NothingSigned)?;
                if captured
                    .signatures
                    .iter()
                    .any(|given| scheme.is_of(given, &signed, &public))
                {
                    return Ok(());
                }
                continue;
            }
            let ours = scheme
                .sign(&filling, key)
                .map_err(|_| NotGenuine::NothingSigned)?;
            let same = |given: &String| -> bool { ours.as_bytes().ct_eq(given.as_bytes()).into() };
            if captured.signatures.iter().any(same) {
                return Ok(());
            }
        }
        Err(NotGenuine::Mismatch)
    }
}

impl Signature {
    /// Returns `true` if an Ed25519 signature in the form of a header matches this public key.
    fn is_of(&self, given: &str, signed: &[u8], public: &[u8; 32]) -> bool {
        let text = signature_in(self.each_ed25519(), given);
        let signature = text.and_then(|text| self.decoded(text));
        signature.is_some_and(|signature| {
            let key = UnparsedPublicKey::new(&ED25519, public);
            key.verify(signed, &signature).is_ok()
        })
    }

    /// Signature of one secret without the surrounding text.
    pub(super) fn bare<'a>(&self, given: &'a str) -> Option<&'a str> {
        signature_in(&self.each, given)
    }

    pub(super) fn capture(&self, received: &Received<'_>) -> Result<Captured, NotGenuine> {
        let mut captured = Captured::default();
        for (name, template) in &self.headers {
            let Some(value) = (received.header)(name) else {
                continue;
            };
            let places = places(template, &value).ok_or_else(|| NotGenuine::Shape(name.clone()))?;
            for (part, text) in places {
                match part {
                    Part::Id => captured.id = Some(text.to_owned()),
                    Part::Kind => captured.kind = Some(text.to_owned()),
                    Part::Timestamp => captured.timestamp = Some(text.to_owned()),
                    _ => captured.signatures.extend(self.separate(text)),
                }
            }
        }
        self.check_complete(&captured)?;
        Ok(captured)
    }

    fn separate<'a>(&'a self, signatures: &'a str) -> impl Iterator<Item = String> + 'a {
        signatures.split(&self.between).map(str::to_owned)
    }

    /// Checks that all signed parts and at least one signature were received.
    fn check_complete(&self, captured: &Captured) -> Result<(), NotGenuine> {
        let signed = |part: &Part| self.content.has(part) || self.each.has(part);
        let missing = |part: &Part| Err(NotGenuine::Missing(self.header_of(part)));
        if captured.signatures.is_empty() {
            let alone = self
                .headers
                .iter()
                .any(|(_, template)| template.has(&Part::First));
            return missing(if alone { &Part::First } else { &Part::Signatures });
        }
        for (part, value) in [
            (Part::Id, &captured.id),
            (Part::Kind, &captured.kind),
            (Part::Timestamp, &captured.timestamp),
        ] {
            if signed(&part) && value.is_none() {
                return missing(&part);
            }
        }
        Ok(())
    }

    /// Event id, if a header contains it.
    pub fn id_in(&self, header: impl Fn(&str) -> Option<String>) -> Option<String> {
        self.headers.iter().find_map(|(name, template)| {
            let value = header(name).filter(|_| template.has(&Part::Id))?;
            let place = places(template, &value)?.into_iter();
            let mut ids = place.filter(|(part, _)| **part == Part::Id);
            ids.next().map(|(_, id)| id.to_owned())
        })
    }

    fn header_of(&self, part: &Part) -> String {
        let header = self.headers.iter().find(|(_, template)| template.has(part));
        header.map(|(name, _)| name.clone()).unwrap_or_default()
    }

    fn check_time(&self, text: &str, now: Timestamp) -> Result<(), NotGenuine> {
        let sent = sent_at(self.timestamp, text).ok_or(NotGenuine::BadTimestamp)?;
        match self.tolerance {
            Some(most) if sent.since(now).max(now.since(sent)) > most => Err(NotGenuine::OutOfTime(most)),
            _ => Ok(()),
        }
    }
}

/// Time that a timestamp denotes.
pub(super) fn sent_at(form: TimestampForm, text: &str) -> Option<Timestamp> {
    let number = || text.parse::<u64>().ok();
    match form {
        // Capped so that the sum of the time and a duration is still a valid time.
        TimestampForm::Seconds => Some(Timestamp::from_millis(
            number()?.saturating_mul(1_000).min(LAST_MILLIS),
        )),
        TimestampForm::Milliseconds => Some(Timestamp::from_millis(number()?.min(LAST_MILLIS))),
        TimestampForm::Rfc3339 => Timestamp::parse(text).ok(),
    }
}

/// Time in the year 5138.
const LAST_MILLIS: u64 = 100_000_000_000_000;

fn signature_in<'a>(each: &Template, given: &'a str) -> Option<&'a str> {
    let found = places(each, given)?;
    found
        .into_iter()
        .find(|(part, _)| **part == Part::Signature)
        .map(|(_, text)| text)
}

/// Extracts the placeholder values of a template from a text; `None` if the text does not match.
///
/// A value ends at the first occurrence of the text that follows it; placeholders are never
/// adjacent.
fn places<'t, 'v>(template: &'t Template, value: &'v str) -> Option<Vec<(&'t Part, &'v str)>> {
    let mut found = Vec::new();
    let mut rest = value;
    let mut open = None;
    for part in template.parts() {
        match part {
            Part::Text(text) => {
                let at = rest.find(text.as_str())?;
                match open.take() {
                    Some(place) => found.push((place, &rest[..at])),
                    None if at > 0 => return None,
                    None => {}
                }
                rest = &rest[at + text.len()..];
            }
            place => open = Some(place),
        }
    }
    match open {
        Some(place) => found.push((place, rest)),
        None if !rest.is_empty() => return None,
        None => {}
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Message, Profiles, Unsendable};
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_614_265_330_000);

    fn profile(name: &str) -> Profile {
        Profile::clone(Profiles::shipped().get(name).expect("it is shipped"))
    }

    fn keys(profile: &Profile) -> [SigningKey; 2] {
        [1, 2].map(|n| {
            let secret = profile.secret.generate([n; 64]);
            profile.secret.key(&secret).expect("valid")
        })
    }

    /// Verifies a body that was signed with both secrets, as a receiver with the old secret.
    fn verify(
        profile: &Profile,
        change: impl Fn(&mut BTreeMap<String, String>),
        body: &[u8],
        at: Timestamp,
    ) -> Result<(), NotGenuine> {
        let [old, new] = keys(profile);
        let message = Message {
            id: "evt_1",
            kind: "a.b",
            timestamp: AT,
            body: BODY,
            data: BODY,
        };
        let signed = profile
            .signature
            .headers(&message, &[new, old.clone()])
            .expect("signed");
        let mut headers: BTreeMap<_, _> = signed
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        change(&mut headers);
        let header = |name: &str| headers.get(name).cloned();
        let received = Received {
            header: &header,
            body,
            at,
        };
        profile.verify(&received, &[old])
    }

    const BODY: &[u8] = br#"{"call_id":"c1","data":{"call_id":"c1"}}"#;

    #[test]
    fn every_shipped_scheme_can_be_verified_with_either_secret() {
        for profile in Profiles::shipped().iter() {
            // In the example for a scheme with a single signature, only the newest secret signs.
            let single = !profile
                .signature
                .headers
                .iter()
                .any(|(_, template)| template.has(&Part::Signatures) || template.has(&Part::Second));
            let expected = if single { Err(NotGenuine::Mismatch) } else { Ok(()) };
            assert_eq!(verify(profile, |_| {}, BODY, AT), expected, "{}", profile.name);
            let gone = verify(profile, BTreeMap::clear, BODY, AT);
            assert!(
                matches!(gone, Err(NotGenuine::Missing(_))),
                "{}: {gone:?}",
                profile.name
            );
            let tampered = verify(
                profile,
                |_| {},
                br#"{"call_id":"c2","data":{"call_id":"c2"}}"#,
                AT,
            );
            assert_eq!(tampered, Err(NotGenuine::Mismatch), "{}", profile.name);
        }
    }

    #[test]
    fn genuine_and_not() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let standard = profile("standard");
        let out_of_time = Err(NotGenuine::OutOfTime(minutes(5)));
        assert_eq!(verify(&standard, |_| {}, BODY, AT.plus(minutes(5))), Ok(()));
        assert_eq!(verify(&standard, |_| {}, BODY, AT.plus(minutes(6))), out_of_time);
        assert_eq!(verify(&standard, |_| {}, BODY, AT.minus(minutes(6))), out_of_time);
        for (name, value) in [("webhook-id", "evt_2"), ("webhook-timestamp", "1614265331")] {
            let other = |headers: &mut BTreeMap<String, String>| {
                headers.insert(name.to_owned(), value.to_owned());
            };
            assert_eq!(
                verify(&standard, other, BODY, AT),
                Err(NotGenuine::Mismatch),
                "{name}"
            );
        }
        let none = |headers: &mut BTreeMap<String, String>| drop(headers.remove("webhook-id"));
        assert_eq!(
            verify(&standard, none, BODY, AT),
            Err(NotGenuine::Missing("webhook-id".into()))
        );
    }

    #[test]
    fn ed25519_is_verified_with_the_public_key() {
        let profile = profile("standard");
        let secret = profile
            .secret
            .generate_ed25519([3; 32])
            .expect("the profile has them");
        let message = Message {
            id: "evt_1",
            kind: "a.b",
            timestamp: AT,
            body: BODY,
            data: BODY,
        };
        let [mac, _] = keys(&profile);
        let pair = profile.secret.key(&secret).expect("valid");
        let signed = profile
            .signature
            .headers(&message, &[mac, pair.clone()])
            .expect("signed");
        let headers: BTreeMap<_, _> = signed.into_iter().collect();
        let header = |name: &str| headers.get(name).cloned();
        let verify = |public: &str, body: &[u8]| {
            let key = profile
                .secret
                .verifying_key(&hookgate_domain::Secret::new(public))
                .expect("valid");
            profile.verify(
                &Received {
                    header: &header,
                    body,
                    at: AT,
                },
                &[key],
            )
        };
        let public = profile.secret.public_key(&secret).expect("it has one");
        assert_eq!(verify(&public, BODY), Ok(()));
        assert_eq!(verify(secret.reveal(), BODY), Ok(()));
        assert_eq!(verify(&public, b"{}"), Err(NotGenuine::Mismatch));
        let other = profile
            .secret
            .generate_ed25519([4; 32])
            .expect("the profile has them");
        assert_eq!(verify(other.reveal(), BODY), Err(NotGenuine::Mismatch));
        let public = profile
            .secret
            .verifying_key(&hookgate_domain::Secret::new(&public))
            .expect("valid");
        assert_eq!(
            profile.signature.headers(&message, &[public]),
            Err(Unsendable::PublicKey)
        );
    }

    #[test]
    fn headers_of_another_shape_are_told() {
        let mixed = profile("stripe");
        let header = |headers: &mut BTreeMap<String, String>| {
            headers.insert("stripe-signature".to_owned(), "v1=00".to_owned());
        };
        assert_eq!(
            verify(&mixed, header, BODY, AT),
            Err(NotGenuine::Shape("stripe-signature".into()))
        );
    }

    #[test]
    fn an_event_without_what_is_signed_is_not_signed() {
        let profile = profile("synthflow");
        let message = |data| Message {
            id: "evt_1",
            kind: "a.b",
            timestamp: AT,
            body: b"{}",
            data,
        };
        let [key, _] = keys(&profile);
        let keys = [key];
        let refused = |data| {
            profile
                .signature
                .headers(&message(data), &keys)
                .expect_err("nothing to sign")
        };
        assert_eq!(refused(b"{}"), Unsendable::NothingToSign("/call_id".into()));
        assert_eq!(
            refused(br#"{"call_id":""}"#),
            Unsendable::NothingToSign("/call_id".into())
        );
        assert_eq!(refused(b"{"), Unsendable::NotJson);
    }
}
