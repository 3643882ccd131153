//! Signature schemes as data: signed content, algorithm, encoding and headers.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::Ed25519KeyPair;
use sha2::{Sha256, Sha512};

use super::file::{Algorithm, Encoding, TimestampForm};
use super::secret::Kind;
use super::template::Part;
use super::{SigningKey, Template, Unsendable};
use hookgate_domain::Timestamp;
use hookgate_json::{Document, Limits, Pointer, Value};

/// Signature scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub(super) content: Template,
    pub(super) algorithm: Algorithm,
    pub(super) encoding: Encoding,
    pub(super) each: Template,
    /// Replaces `each` for Ed25519 keys; `None` if the profile has none.
    pub(super) ed25519: Option<Template>,
    pub(super) between: String,
    /// Header templates by lower-case name.
    pub(super) headers: Vec<(String, Template)>,
    pub(super) timestamp: TimestampForm,
    /// Maximum age of a timestamp, for receivers.
    pub(super) tolerance: Option<Duration>,
}

/// Message to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Event id: identical at every attempt, so that a consumer can detect duplicates.
    pub id: &'a str,
    /// Event type.
    pub kind: &'a str,
    /// Time of the attempt.
    pub timestamp: Timestamp,
    /// Exact bytes that are sent.
    pub body: &'a [u8],
    /// Event data, JSON; parsed only by schemes that sign a part of it.
    pub data: &'a [u8],
}

/// Values for the placeholders of a template.
pub(super) struct Filling<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub timestamp: &'a str,
    pub body: &'a [u8],
    /// Set only for contents that sign a part of the data.
    pub data: Option<&'a Value>,
}

impl Signature {
    /// Headers of an attempt, signed with each key in the order of [`in_turn`](Self::in_turn).
    ///
    /// # Errors
    /// The event has no value at the pointer that the scheme signs.
    pub fn headers(
        &self,
        message: &Message<'_>,
        keys: &[SigningKey],
    ) -> Result<Vec<(&str, String)>, Unsendable> {
        let timestamp = self.written(message.timestamp);
        let data = self.parsed_data(message.data)?;
        let filling = Filling {
            id: message.id,
            kind: message.kind,
            timestamp: &timestamp,
            body: message.body,
            data: data.as_ref(),
        };
        let signatures = keys.iter().map(|key| self.sign(&filling, key));
        let signatures: Vec<_> = signatures.collect::<Result<_, _>>()?;
        let headers = self.headers.iter().filter(|(_, template)| {
            // A header for the second signature alone is sent only if there is one.
            signatures.len() > 1 || !template.has(&Part::Second)
        });
        Ok(headers
            .map(|(name, template)| (name.as_str(), self.header(template, &filling, &signatures)))
            .collect())
    }

    /// Returns `true` if one of the headers has this lower-case name.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own == name)
    }

    /// Rotates the keys of an attempt, given newest first, into the order of their signatures.
    ///
    /// During a secret rotation each attempt begins with the next key. A receiver that compares
    /// only one signature therefore accepts one of the attempts with either secret.
    pub fn in_turn(keys: &mut [SigningKey], attempts_before: u32) {
        let count = keys.len().max(1);
        keys.rotate_left(attempts_before as usize % count);
    }

    /// Checks that the data contains all parts that are signed.
    pub(super) fn check_data(&self, data: &Value) -> Result<(), Unsendable> {
        let missing = self.content.parts().iter().find_map(|part| match part {
            Part::Data(pointer) if signable(data, pointer).is_none() => Some(pointer),
            _ => None,
        });
        missing.map_or(Ok(()), |pointer| Err(Unsendable::NothingToSign(pointer.clone())))
    }

    /// Returns `true` if the scheme signs a part of the data.
    pub(super) fn signs_data(&self) -> bool {
        let parts = self.content.parts();
        parts.iter().any(|part| matches!(part, Part::Data(_)))
    }

    /// Signs with one key; returns the signature in the form of a header.
    pub(super) fn sign(&self, filling: &Filling<'_>, key: &SigningKey) -> Result<String, Unsendable> {
        let (bytes, each) = match key.kind() {
            Kind::Mac(key) => (self.mac_over(&self.content, filling, key)?, &self.each),
            Kind::Pair(seed) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed has 32 bytes");
                let signature = pair.sign(&self.signed_bytes(filling)?);
                (signature.as_ref().to_vec(), self.each_ed25519())
            }
            Kind::Public(_) => return Err(Unsendable::PublicKey),
        };
        let encoded = self.encoded(&bytes);
        let mut text = String::with_capacity(encoded.len() + 8);
        for part in each.parts() {
            text.push_str(match part {
                Part::Signature => &encoded,
                other => filling.text(other),
            });
        }
        Ok(text)
    }

    /// Returns `true` if a request has every header with signatures.
    pub fn is_carried_by(&self, has: impl Fn(&str) -> bool) -> bool {
        let mut needed = self
            .headers
            .iter()
            .filter(|(_, template)| !template.has(&Part::Second));
        needed.all(|(name, _)| has(name))
    }

    /// Sets the maximum distance of a timestamp from the receiver's clock.
    pub fn tolerate(&mut self, most: Duration) {
        self.tolerance = Some(most);
    }

    /// Form of an Ed25519 signature in a header.
    pub(super) fn each_ed25519(&self) -> &Template {
        self.ed25519.as_ref().unwrap_or(&self.each)
    }

    /// Encodes the bytes of a signature as text.
    pub(super) fn encoded(&self, bytes: &[u8]) -> String {
        match self.encoding {
            Encoding::Base64 => BASE64.encode(bytes),
            Encoding::Hex => hex::encode(bytes),
        }
    }

    /// Decodes the text of a signature; `None` if it is malformed.
    pub(super) fn decoded(&self, text: &str) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Base64 => BASE64.decode(text).ok(),
            Encoding::Hex => hex::decode(text).ok(),
        }
    }

    /// MAC of a content under a key.
    pub(super) fn mac_over(
        &self,
        content: &Template,
        filling: &Filling<'_>,
        key: &[u8],
    ) -> Result<Vec<u8>, Unsendable> {
        match self.algorithm {
            Algorithm::HmacSha256 => mac::<Hmac<Sha256>>(content, filling, key),
            Algorithm::HmacSha512 => mac::<Hmac<Sha512>>(content, filling, key),
        }
    }

    /// Signed content in one piece, as Ed25519 requires.
    pub(super) fn signed_bytes(&self, filling: &Filling<'_>) -> Result<Vec<u8>, Unsendable> {
        let mut bytes = Vec::with_capacity(filling.body.len() + 64);
        fill(&self.content, filling, |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    fn header(&self, template: &Template, filling: &Filling<'_>, signatures: &[String]) -> String {
        let mut text = String::with_capacity(96);
        for part in template.parts() {
            let signatures = match part {
                Part::Signatures => signatures,
                Part::First => signatures.get(..1).unwrap_or_default(),
                Part::Second => signatures.get(1..2).unwrap_or_default(),
                other => {
                    text.push_str(filling.text(other));
                    continue;
                }
            };
            for (n, signature) in signatures.iter().enumerate() {
                if n > 0 {
                    text.push_str(&self.between);
                }
                text.push_str(signature);
            }
        }
        text
    }

    fn written(&self, at: Timestamp) -> String {
        match self.timestamp {
            TimestampForm::Seconds => at.as_secs().to_string(),
            TimestampForm::Milliseconds => at.as_millis().to_string(),
            TimestampForm::Rfc3339 => at.to_string(),
        }
    }

    fn parsed_data(&self, data: &[u8]) -> Result<Option<Value>, Unsendable> {
        if !self.signs_data() {
            return Ok(None);
        }
        let limits = Limits {
            bytes: usize::MAX,
            depth: Limits::MAX_DEPTH,
        };
        let document = Document::parse(data, limits).map_err(|_| Unsendable::NotJson)?;
        Ok(Some(document.into_root()))
    }
}

impl Filling<'_> {
    /// Value of a text placeholder.
    ///
    /// Empty for the others, which the template's place does not allow.
    fn text<'t>(&'t self, part: &'t Part) -> &'t str {
        match part {
            Part::Text(own) => own,
            Part::Id => self.id,
            Part::Kind => self.kind,
            Part::Timestamp => self.timestamp,
            Part::Body | Part::Data(_) | Part::Signature | Part::Signatures | Part::First | Part::Second => {
                ""
            }
        }
    }
}

fn mac<M: Mac + KeyInit>(
    content: &Template,
    filling: &Filling<'_>,
    key: &[u8],
) -> Result<Vec<u8>, Unsendable> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    fill(content, filling, |piece| mac.update(piece))?;
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Passes the pieces of a content in order to `take`.
fn fill(content: &Template, filling: &Filling<'_>, mut take: impl FnMut(&[u8])) -> Result<(), Unsendable> {
    for part in content.parts() {
        match part {
            Part::Body => take(filling.body),
            Part::Data(pointer) => {
                let found = filling.data.and_then(|data| signable(data, pointer));
                let text = found.ok_or_else(|| Unsendable::NothingToSign(pointer.clone()))?;
                take(text.as_bytes());
            }
            other => take(filling.text(other).as_bytes()),
        }
    }
    Ok(())
}

/// Text of a value that is signed: a non-empty text, or a number as it was written.
///
/// A signature over an empty text would be identical for every event, so an observer of one could
/// forge the others.
fn signable(data: &Value, pointer: &str) -> Option<String> {
    let value = data.at(Pointer::parse(pointer).ok()?)?;
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.to_string()),
        Value::Int(_) | Value::Number(_) => Some(value.to_json()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Profiles;
    use super::*;
    use hookgate_domain::Secret;

    fn standard() -> super::super::Profile {
        super::super::Profile::clone(Profiles::shipped().get("standard").expect("it is shipped"))
    }

    fn key(text: &str) -> SigningKey {
        standard().secret.key(&Secret::new(text)).expect("valid")
    }

    /// Example of the reference libraries of Standard Webhooks.
    const MESSAGE: Message<'_> = Message {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        kind: "test",
        timestamp: Timestamp::from_millis(1_614_265_330_000),
        body: br#"{"test": 2432232314}"#,
        data: b"",
    };
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn headers(keys: &[SigningKey]) -> Vec<(String, String)> {
        let scheme = standard().signature;
        let headers = scheme.headers(&MESSAGE, keys).expect("it can be signed");
        headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    #[test]
    fn the_published_example() {
        let expected = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            ("webhook-timestamp", "1614265330"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers(&[key(SECRET)]), expected);
    }

    /// Published Ed25519 examples.
    ///
    /// Ed25519 is deterministic: these are the results of the Standard Webhooks reference library
    /// (Go) and of Svix's server for the same message, with a seed and with a seed and its public
    /// key.
    #[test]
    fn the_published_examples_of_ed25519() {
        for (secret, public, expected) in [
            (
                "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=",
                None,
                "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
            ),
            (
                "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
                Some("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="),
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
            ),
        ] {
            assert_eq!(headers(&[key(secret)])[1].1, expected);
            let shown = standard().secret.public_key(&Secret::new(secret));
            assert!(
                public.is_none_or(|public| shown.as_deref() == Some(public)),
                "{shown:?}"
            );
            // While a subscription changes from one kind of key to the other, both sign.
            let both = headers(&[key(secret), key(SECRET)]);
            let parts: Vec<_> = both[1].1.split(' ').collect();
            assert_eq!(
                parts,
                [expected, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]
            );
        }
    }

    #[test]
    fn both_secrets_sign_during_a_rotation() {
        let newer = standard().secret.generate([1; 64]);
        let headers = headers(&[key(newer.reveal()), key(SECRET)]);
        let parts: Vec<_> = headers[1].1.split(' ').collect();
        assert_eq!(parts.len(), 2);
        assert_ne!(parts[0], parts[1]);
        assert_eq!(parts[1], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn attempts_begin_with_one_key_after_the_other() {
        let profiles = Profiles::shipped();
        let profile = profiles.get("syncai").expect("it is shipped");
        let alone = |n: u8| {
            let secret = profile.secret.generate([n; 64]);
            let key = profile.secret.key(&secret).expect("valid");
            let signed = profile.signature.headers(&MESSAGE, std::slice::from_ref(&key));
            (key, signed.expect("it can be signed"))
        };
        let made = [alone(3), alone(2), alone(1)];
        for (attempts, first, second) in [(0, 0, 1), (1, 1, 2), (2, 2, 0), (3, 0, 1)] {
            let mut keys = made.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
            Signature::in_turn(&mut keys, attempts);
            let signed = profile.signature.headers(&MESSAGE, &keys).expect("signed");
            let values: Vec<_> = signed.iter().map(|(_, value)| value).collect();
            // The single signature of the header is compared as it is, and so is that of the second
            // one.
            assert_eq!(values, [&made[first].1[0].1, &made[second].1[0].1], "{attempts}");
        }
        Signature::in_turn(&mut [], 1);
    }

    #[test]
    fn what_can_be_signed_of_data() {
        let data = Value::from(serde_json::json!({"a": "x", "n": 7, "e": "", "z": null, "o": {}, "t": true}));
        for (pointer, expected) in [
            ("/a", Some("x")),
            ("/n", Some("7")),
            ("/e", None),
            ("/z", None),
            ("/o", None),
            ("/t", None),
            ("/none", None),
        ] {
            assert_eq!(signable(&data, pointer).as_deref(), expected, "{pointer}");
        }
    }
}
