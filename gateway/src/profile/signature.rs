//! Signature schemes as data: what is signed, how, and which headers carry it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use super::file::{Algorithm, Encoding, TimestampForm};
use super::template::Part;
use super::{SigningKey, Template, Unsendable};
use crate::document::{Document, Limits, Pointer, Value};
use crate::domain::Timestamp;

/// How bodies are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub(super) content: Template,
    pub(super) algorithm: Algorithm,
    pub(super) encoding: Encoding,
    pub(super) each: Template,
    pub(super) between: String,
    /// By lower-case name.
    pub(super) headers: Vec<(String, Template)>,
    pub(super) timestamp: TimestampForm,
    /// For receivers: how old a timestamp may be.
    pub(super) tolerance: Option<Duration>,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The event's id: the same at every attempt, so that a consumer can tell that it has it already.
    pub id: &'a str,
    /// The event's type.
    pub kind: &'a str,
    /// When the attempt is made.
    pub timestamp: Timestamp,
    /// The exact bytes that are sent.
    pub body: &'a [u8],
    /// The event's data, JSON: looked into only by schemes that sign a part of it.
    pub data: &'a [u8],
}

/// What a template is filled with.
pub(super) struct Filling<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub timestamp: &'a str,
    pub body: &'a [u8],
    /// Only for contents that sign a part of it.
    pub data: Option<&'a Value>,
}

impl Signature {
    /// The headers of an attempt, signed with each key: the newest first.
    ///
    /// # Errors
    /// The event has nothing where the scheme signs a part of its data.
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
            // A header of the previous signatures alone is there only while there are any.
            signatures.len() > 1 || !template.has(&Part::Previous)
        });
        Ok(headers
            .map(|(name, template)| (name.as_str(), self.header(template, &filling, &signatures)))
            .collect())
    }

    /// Whether everything stands in the data that is signed of it.
    pub(super) fn check_data(&self, data: &Value) -> Result<(), Unsendable> {
        let missing = self.content.parts().iter().find_map(|part| match part {
            Part::Data(pointer) if signable(data, pointer).is_none() => Some(pointer),
            _ => None,
        });
        missing.map_or(Ok(()), |pointer| Err(Unsendable::NothingToSign(pointer.clone())))
    }

    /// Whether a part of the data is signed by itself.
    pub(super) fn signs_data(&self) -> bool {
        let parts = self.content.parts();
        parts.iter().any(|part| matches!(part, Part::Data(_)))
    }

    /// One key's signature, as it stands in a header.
    pub(super) fn sign(&self, filling: &Filling<'_>, key: &SigningKey) -> Result<String, Unsendable> {
        let bytes = match self.algorithm {
            Algorithm::HmacSha256 => self.mac::<Hmac<Sha256>>(filling, key)?,
            Algorithm::HmacSha512 => self.mac::<Hmac<Sha512>>(filling, key)?,
        };
        let encoded = match self.encoding {
            Encoding::Base64 => BASE64.encode(bytes),
            Encoding::Hex => hex::encode(bytes),
        };
        let mut text = String::with_capacity(encoded.len() + 8);
        for part in self.each.parts() {
            text.push_str(match part {
                Part::Signature => &encoded,
                other => filling.text(other),
            });
        }
        Ok(text)
    }

    fn mac<M: Mac + KeyInit>(&self, filling: &Filling<'_>, key: &SigningKey) -> Result<Vec<u8>, Unsendable> {
        let mut mac = <M as KeyInit>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
        for part in self.content.parts() {
            match part {
                Part::Body => mac.update(filling.body),
                Part::Data(pointer) => {
                    let found = filling.data.and_then(|data| signable(data, pointer));
                    let text = found.ok_or_else(|| Unsendable::NothingToSign(pointer.clone()))?;
                    mac.update(text.as_bytes());
                }
                other => mac.update(filling.text(other).as_bytes()),
            }
        }
        Ok(mac.finalize().into_bytes().to_vec())
    }

    fn header(&self, template: &Template, filling: &Filling<'_>, signatures: &[String]) -> String {
        let mut text = String::with_capacity(96);
        for part in template.parts() {
            let signatures = match part {
                Part::Signatures => signatures,
                Part::Newest => signatures.get(..1).unwrap_or_default(),
                Part::Previous => signatures.get(1..).unwrap_or_default(),
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
    /// What a part of plain text is; nothing for the others, which their places do not allow.
    fn text<'t>(&'t self, part: &'t Part) -> &'t str {
        match part {
            Part::Text(own) => own,
            Part::Id => self.id,
            Part::Kind => self.kind,
            Part::Timestamp => self.timestamp,
            Part::Body
            | Part::Data(_)
            | Part::Signature
            | Part::Signatures
            | Part::Newest
            | Part::Previous => "",
        }
    }
}

/// What is signed of a value: a text that is not empty, or a number as it was written. A signature over nothing would be the
/// same for every event, and whoever saw one could forge the others.
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
    use crate::domain::Secret;

    fn standard() -> super::super::Profile {
        super::super::Profile::clone(Profiles::shipped().get("standard").expect("it is shipped"))
    }

    fn key(text: &str) -> SigningKey {
        standard().secret.key(&Secret::new(text)).expect("valid")
    }

    /// The example of the reference libraries of Standard Webhooks.
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
