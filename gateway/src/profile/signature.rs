//! Signature schemes as data: what is signed, how, and which headers carry it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::template::Part;
use super::{SecretForm, SigningKey, Template};
use crate::domain::Timestamp;

/// How bodies are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What is signed: `{id}`, `{timestamp}`, `{body}` and text.
    pub content: Template,
    /// With what.
    pub algorithm: Algorithm,
    /// How the result is written.
    pub encoding: Encoding,
    /// What the secrets look like.
    pub secret: SecretForm,
    /// One secret's signature: `{signature}` and text.
    pub each: Template,
    /// Between the signatures of several secrets, while a rotation lasts.
    pub between: String,
    /// The headers, by lower-case name: `{id}`, `{timestamp}`, `{signatures}` and text.
    pub headers: Vec<(String, Template)>,
}

/// What makes a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 2104, FIPS 180-4).
    HmacSha256,
}

/// How signature bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Standard alphabet, padded (RFC 4648 §4).
    Base64,
    /// Lower-case hexadecimal.
    Hex,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The event's id: the same at every attempt, so that a consumer can tell that it has it already.
    pub id: &'a str,
    /// When the attempt is made.
    pub timestamp: Timestamp,
    /// The exact bytes that are sent.
    pub body: &'a [u8],
}

impl Signature {
    /// Standard Webhooks' symmetric scheme, `v1`.
    pub fn standard() -> Self {
        let template = |text: &str| -> Template { text.parse().expect("a template of ours") };
        Self {
            content: template("{id}.{timestamp}.{body}"),
            algorithm: Algorithm::HmacSha256,
            encoding: Encoding::Base64,
            secret: SecretForm::Whsec,
            each: template("v1,{signature}"),
            between: " ".to_owned(),
            headers: vec![
                ("webhook-id".to_owned(), template("{id}")),
                ("webhook-timestamp".to_owned(), template("{timestamp}")),
                ("webhook-signature".to_owned(), template("{signatures}")),
            ],
        }
    }

    /// The headers of an attempt, signed with each key: the newest first.
    pub fn headers(&self, message: &Message<'_>, keys: &[SigningKey]) -> Vec<(&str, String)> {
        let timestamp = message.timestamp.as_secs().to_string();
        let mut signatures = String::new();
        for key in keys {
            if !signatures.is_empty() {
                signatures.push_str(&self.between);
            }
            signatures.push_str(&self.sign(message.id, &timestamp, message.body, key));
        }
        let fill = |template: &Template| fill(template, message.id, &timestamp, &signatures);
        self.headers
            .iter()
            .map(|(name, template)| (name.as_str(), fill(template)))
            .collect()
    }

    /// One key's signature, as it stands in a header. `timestamp` is the text that is signed.
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &[u8], key: &SigningKey) -> String {
        let signature = match self.algorithm {
            Algorithm::HmacSha256 => {
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
                for part in self.content.parts() {
                    match part {
                        Part::Text(text) => mac.update(text.as_bytes()),
                        Part::Id => mac.update(id.as_bytes()),
                        Part::Timestamp => mac.update(timestamp.as_bytes()),
                        Part::Body => mac.update(body),
                        // A signature is not part of what it signs.
                        Part::Signature | Part::Signatures => {}
                    }
                }
                mac.finalize().into_bytes()
            }
        };
        let text = match self.encoding {
            Encoding::Base64 => BASE64.encode(signature),
            Encoding::Hex => hex::encode(signature),
        };
        fill(&self.each, id, timestamp, &text)
    }
}

/// A header's value. A body is never copied into a header.
fn fill(template: &Template, id: &str, timestamp: &str, signature: &str) -> String {
    let mut text = String::with_capacity(64);
    for part in template.parts() {
        text.push_str(match part {
            Part::Text(own) => own,
            Part::Id => id,
            Part::Timestamp => timestamp,
            Part::Signature | Part::Signatures => signature,
            Part::Body => "",
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;

    fn key(text: &str) -> SigningKey {
        SecretForm::Whsec.key(&Secret::new(text)).expect("valid")
    }

    /// The example of the reference libraries of Standard Webhooks.
    const MESSAGE: Message<'_> = Message {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: Timestamp::from_millis(1_614_265_330_000),
        body: br#"{"test": 2432232314}"#,
    };
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_published_example() {
        let scheme = Signature::standard();
        let headers = scheme.headers(&MESSAGE, &[key(SECRET)]);
        assert_eq!(
            headers,
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
                ("webhook-timestamp", "1614265330".to_owned()),
                (
                    "webhook-signature",
                    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn both_secrets_sign_during_a_rotation() {
        let newer = SecretForm::Whsec.generate([1; 32]);
        let scheme = Signature::standard();
        let headers = scheme.headers(&MESSAGE, &[key(newer.reveal()), key(SECRET)]);
        let parts: Vec<_> = headers[2].1.split(' ').collect();
        assert_eq!(parts.len(), 2);
        assert_ne!(parts[0], parts[1]);
        assert_eq!(parts[1], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn other_products_schemes_are_data() {
        // Hexadecimal over `timestamp.body`, all in one header, as payment providers have it.
        let scheme = Signature {
            content: "{timestamp}.{body}".parse().expect("valid"),
            encoding: Encoding::Hex,
            secret: SecretForm::Text,
            each: "v1={signature}".parse().expect("valid"),
            between: ",".to_owned(),
            headers: vec![(
                "x-signature".to_owned(),
                "t={timestamp},{signatures}".parse().expect("valid"),
            )],
            ..Signature::standard()
        };
        let key = SecretForm::Text.key(&Secret::new("key")).expect("valid");
        let message = Message {
            id: "evt_1",
            timestamp: Timestamp::from_millis(1_000),
            body: b"body",
        };
        // printf '1.body' | openssl dgst -sha256 -hmac key
        let expected = "t=1,v1=91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5";
        assert_eq!(
            scheme.headers(&message, &[key]),
            [("x-signature", expected.to_owned())]
        );
    }
}
