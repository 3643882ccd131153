//! Tests of `diagnose`: genuine requests of every shipped profile, and the common mistakes.

use std::time::Duration;

use super::file::TimestampForm;
use super::{
    BodyChange, ContentReading, Evidence, Finding, Message, Profile, Profiles, Proof, SecretReading,
};
use hookgate_domain::{Secret, Timestamp};

const AT: Timestamp = Timestamp::from_millis(1_614_265_330_000);
const BODY: &[u8] =
    "{\"call_id\":\"c1\",\"n\":[1,2.50],\"name\":\"Jos\u{e9}\",\"data\":{\"call_id\":\"c1\"}}".as_bytes();

/// Request as a receiver has it, changed by the tests.
struct Request {
    profile: Profile,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    secrets: Vec<Secret>,
    at: Timestamp,
}

impl Request {
    fn of(name: &str) -> Self {
        let profile = Profile::clone(Profiles::shipped().get(name).expect("it is shipped"));
        let secret = profile.secret.generate([7; 64]);
        let mut request = Self {
            profile,
            headers: Vec::new(),
            body: BODY.to_vec(),
            secrets: vec![secret.clone()],
            at: AT,
        };
        request.sign(&secret);
        request
    }

    fn sign(&mut self, secret: &Secret) {
        let message = Message {
            id: "evt_1",
            kind: "a.b",
            timestamp: AT,
            body: BODY,
            data: BODY,
        };
        let key = self.profile.secret.key(secret).expect("valid");
        let signed = self.profile.signature.headers(&message, &[key]).expect("signed");
        self.headers = signed
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
    }

    /// Replaces the signature by one of these bytes under this key, encoded by `write`.
    fn forged(mut self, key: &[u8], content: &[u8], write: impl Fn(&[u8]) -> String) -> Self {
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("any length");
        mac.update(content);
        let text = write(&mac.finalize().into_bytes());
        let (_, value) = self
            .headers
            .iter_mut()
            .find(|(name, _)| name == "webhook-signature")
            .expect("there");
        *value = format!("v1,{text}");
        self
    }

    fn judged(&self) -> Result<Proof, Vec<Finding>> {
        self.profile.diagnose(&Evidence {
            headers: &self.headers,
            body: &self.body,
            secrets: &self.secrets,
            at: self.at,
        })
    }

    fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }
}

#[test]
fn what_is_genuine_is_said_so() {
    for profile in Profiles::shipped().iter() {
        let mut request = Request::of(&profile.name);
        request.secrets.insert(0, profile.secret.generate([9; 64]));
        let proof = request
            .judged()
            .unwrap_or_else(|found| panic!("{}: {found:?}", profile.name));
        assert_eq!(proof.secret, 1, "{}", profile.name);
    }
    let mut asymmetric = Request::of("standard");
    let secret = asymmetric
        .profile
        .secret
        .generate_ed25519([5; 32])
        .expect("the profile has them");
    asymmetric.sign(&secret);
    let public = asymmetric.profile.secret.public_key(&secret).expect("it has one");
    asymmetric.secrets = vec![Secret::new(&public)];
    assert_eq!(
        asymmetric.judged(),
        Ok(Proof {
            secret: 0,
            sent: Some(AT)
        })
    );
    asymmetric.body = b"{}".to_vec();
    assert_eq!(asymmetric.judged(), Err(vec![Finding::NoMatch]));
}

#[test]
fn a_changed_body_is_told_by_its_change() {
    let printed_in_lines = |request: &Request| {
        let value: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        serde_json::to_string_pretty(&value).expect("JSON")
    };
    for profile in ["standard", "synaptis", "synthesq", "syncai", "stripe", "github"] {
        let request = || Request::of(profile);
        let text = request().text();
        let lines = printed_in_lines(&request());
        for (body, change) in [
            (format!("{text}\n"), BodyChange::SpaceAtTheEnd),
            (format!("\u{feff}{text}"), BodyChange::ByteOrderMark),
            (serde_json::to_string(&text).expect("JSON"), BodyChange::Quoted),
            (crate_base64(&text), BodyChange::Base64),
            (
                text.replace("\":", "\": ").replace(",\"", ", \""),
                BodyChange::PrintedAgain,
            ),
            (text.replace('\u{e9}', "\\u00e9"), BodyChange::PrintedAgain),
            (lines.replace("2.5\n", "2.50\n"), BodyChange::PrintedAgain),
        ] {
            let found = request().body(&body).judged();
            assert_eq!(
                found,
                Err(vec![Finding::BodyAltered(change)]),
                "{profile}: {body}"
            );
        }
        let other = request().body(text.replace("c1", "c2")).judged();
        assert_eq!(other, Err(vec![Finding::NoMatch]), "{profile}");
    }
}

fn crate_base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_signature_that_was_made_wrongly_is_told_by_how() {
    use base64::Engine as _;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let request = || Request::of("standard");
    let secret = request().secrets[0].reveal().to_owned();
    let key = [7; 32];
    let content = |body: &str| format!("evt_1.1614265330.{body}").into_bytes();
    let text = request().text();
    let own = content(&text);
    for (made, expected) in [
        (
            request().forged(secret.as_bytes(), &own, base64),
            vec![Finding::SecretRead(SecretReading::Whole)],
        ),
        (
            request().forged(&secret.as_bytes()[6..], &own, base64),
            vec![Finding::SecretRead(SecretReading::WithoutPrefix)],
        ),
        (
            request().forged(&key, text.as_bytes(), base64),
            vec![Finding::ContentRead(ContentReading::BodyAlone)],
        ),
        (
            request().forged(&key, &own["evt_1.".len()..], base64),
            vec![Finding::ContentRead(ContentReading::WithoutId)],
        ),
        (
            request().forged(&key, &own, |bytes| hex::encode(bytes)),
            vec![Finding::SignatureWritten("hexadecimal digits")],
        ),
        (
            request().forged(secret.as_bytes(), text.as_bytes(), |bytes| hex::encode(bytes)),
            vec![
                Finding::SecretRead(SecretReading::Whole),
                Finding::ContentRead(ContentReading::BodyAlone),
                Finding::SignatureWritten("hexadecimal digits"),
            ],
        ),
    ] {
        assert_eq!(made.judged(), Err(expected));
    }
    let python = super::python::dumped(&text).expect("JSON");
    let python = String::from_utf8(python).expect("text");
    let made = request().forged(&key, &content(&python), base64);
    let found = vec![Finding::BodyAltered(BodyChange::PrintedByPython)];
    assert_eq!(
        made.judged(),
        Err(found),
        "whoever printed it again: sender or receiver"
    );
}

#[test]
fn headers_times_and_secrets() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let judged = |change: &dyn Fn(&mut Request)| {
        let mut request = Request::of("standard");
        change(&mut request);
        request.judged().expect_err("it is not genuine")
    };
    let renamed = |from: &'static str, to: &'static str| {
        judged(&move |request| {
            let header = request.headers.iter_mut().find(|(name, _)| name == from);
            to.clone_into(&mut header.expect("it is there").0);
        })
    };
    for near in [
        "HTTP_WEBHOOK_SIGNATURE",
        "webhook_signature",
        "X-Webhook-Signature",
        "webhook-signatur",
    ] {
        let missing = Finding::HeaderMissing {
            name: "webhook-signature".into(),
            near: Some(near.into()),
        };
        assert_eq!(renamed("webhook-signature", near), [missing], "{near}");
    }
    let none = renamed("webhook-timestamp", "date");
    assert!(
        matches!(&none[..], [Finding::HeaderMissing { near: None, .. }]),
        "{none:?}"
    );
    let shouted = Request::of("standard");
    let headers = shouted
        .headers
        .iter()
        .map(|(name, value)| (name.to_uppercase(), value.clone()));
    let shouted = Request {
        headers: headers.collect(),
        ..Request::of("standard")
    };
    assert!(shouted.judged().is_ok(), "names in any letters");

    let late = judged(&|request| request.at = AT.plus(minutes(6)));
    let (age, most) = (minutes(6), minutes(5));
    assert_eq!(late, [Finding::TooOld { age, most }, Finding::OtherwiseGenuine]);
    let early = judged(&|request| request.at = AT.minus(minutes(6)));
    assert_eq!(
        early,
        [Finding::TooEarly { ahead: age, most }, Finding::OtherwiseGenuine]
    );
    let stamped = |text: &'static str| {
        judged(&move |request| {
            let header = request
                .headers
                .iter_mut()
                .find(|(name, _)| name == "webhook-timestamp");
            text.clone_into(&mut header.expect("it is there").1);
        })
    };
    for text in ["soon", "", "-1", "1614265"] {
        assert_eq!(stamped(text)[0], Finding::BadTimestamp(text.into()));
    }
    for text in ["99999999999999999999", "18446744073709551615"] {
        let found = stamped(text);
        assert!(
            matches!(found[0], Finding::BadTimestamp(_) | Finding::TooEarly { .. }),
            "{found:?}"
        );
    }
    let expected = TimestampForm::Seconds;
    for (text, given) in [
        ("1614265330000", TimestampForm::Milliseconds),
        ("2021-02-25T15:02:10Z", TimestampForm::Rfc3339),
    ] {
        assert_eq!(stamped(text)[0], Finding::TimestampUnit { given, expected });
    }
    let found = stamped("1000000000");
    assert!(
        matches!(found[0], Finding::TooOld { .. }),
        "a time of 2001: {found:?}"
    );

    let cut = judged(&|request| {
        let text = request.secrets[0]
            .reveal()
            .trim_start_matches("whsec_")
            .to_owned();
        request.secrets = vec![Secret::new(&text)];
    });
    assert!(
        matches!(
            &cut[..],
            [
                Finding::BadSecret { untidy: false, .. },
                Finding::OtherwiseGenuine
            ]
        ),
        "{cut:?}"
    );

    let quoted = judged(&|request| {
        let text = format!("\"{}\"", request.secrets[0].reveal());
        request.secrets = vec![Secret::new(&text)];
    });
    assert!(
        matches!(
            &quoted[..],
            [Finding::BadSecret { untidy: true, .. }, Finding::OtherwiseGenuine]
        ),
        "{quoted:?}"
    );
    let other = judged(&|request| request.secrets = vec![Secret::new("hg_something_else")]);
    assert!(
        matches!(other[0], Finding::BadSecret { untidy: false, .. }),
        "{other:?}"
    );
    assert!(
        !format!("{other:?}").contains("something_else"),
        "a secret is not repeated"
    );
    let wrong = judged(&|request| request.secrets = vec![request.profile.secret.generate([8; 64])]);
    assert_eq!(wrong, [Finding::NoMatch]);
    let nothing = Request::of("synthflow").body("{}").judged();
    assert_eq!(nothing, Err(vec![Finding::NothingSigned]));
}

#[test]
fn every_finding_says_what_to_do() {
    let all = [
        Finding::NothingSigned,
        Finding::NoMatch,
        Finding::OtherwiseGenuine,
        Finding::BodyAltered(BodyChange::Base64),
        Finding::BodyRead(BodyChange::LineEnds),
        Finding::SecretRead(SecretReading::Hexadecimal),
        Finding::ContentRead(ContentReading::WithId),
    ];
    for finding in all {
        assert!(
            !finding.fix().is_empty() && !finding.to_string().ends_with('.'),
            "{finding}"
        );
        assert!(
            finding
                .code()
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'_')
        );
    }
}
