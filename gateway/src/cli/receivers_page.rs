//! Tests that run the samples of `docs/receivers.md`: in Node, Python and Rust.
//! Each sample verifies a request signed by its profile.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use hookgate_contract::profile::{Message, Profiles};
use hookgate_domain::Secret;
use hookgate_runtime::clock::Clock;

const PAGE: &str = include_str!("../../../docs/receivers.md");
const BODY: &[u8] = "{\"call_id\":\"c1\",\"name\":\"Jos\u{e9}\",\"amount\":8500.00}".as_bytes();

/// Signed request of a profile, and the text that its receiver verifies with.
/// `rotated`: the secret is being rotated out.
fn signed(name: &str, ed25519: bool, rotated: bool) -> (Vec<(String, String)>, String) {
    let profiles = Profiles::shipped();
    let profile = profiles.get(name).expect("it is shipped");
    let scheme = &profile.secret;
    let secret = match ed25519 {
        true => scheme.generate_ed25519([3; 32]).expect("the profile has them"),
        false => scheme.generate([3; 64]),
    };
    let mut keys = vec![scheme.key(&secret).expect("valid")];
    if rotated {
        keys.insert(0, scheme.key(&scheme.generate([4; 64])).expect("valid"));
    }
    let message = Message {
        id: "evt_1",
        kind: "a.b",
        timestamp: Clock::System.now(),
        body: BODY,
        data: BODY,
    };
    let headers = profile.signature.headers(&message, &keys).expect("signed");
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
    let verifying = scheme
        .public_key(&secret)
        .unwrap_or_else(|| secret.reveal().to_owned());
    (headers.collect(), verifying)
}

/// Code blocks of a language: the text after its name, and the code.
fn samples(language: &str) -> Vec<(&'static str, &'static str)> {
    let blocks = PAGE.split("\n```").filter_map(|block| {
        let (head, code) = block.split_once('\n')?;
        Some((head.strip_prefix(language)?.strip_prefix(' ')?, code))
    });
    blocks.collect()
}

/// Verdict of a sample on a request: true or false.
fn judged(program: &str, flag: &str, code: &str, input: &serde_json::Value) -> bool {
    let done = Command::new(program)
        .args([flag, code, &input.to_string()])
        .output();
    let done = done
        .unwrap_or_else(|error| panic!("install {program}: the page's samples are run with it ({error})"));
    let said = String::from_utf8_lossy(&done.stdout);
    match said.trim() {
        "genuine" => true,
        "refused" => false,
        other => panic!("{other}{}\n{code}", String::from_utf8_lossy(&done.stderr)),
    }
}

fn run(language: &str, program: &str, flag: &str, ending: &str, fewest: usize) {
    let found = samples(language);
    assert!(found.len() >= fewest, "{language}: {found:?}");
    for (name, code) in found {
        let ed25519 = name == "ed25519";
        let profile = if ed25519 { "standard" } else { name };
        let code = format!("{code}\n{ending}");
        for rotated in [false, true] {
            let (headers, secret) = signed(profile, ed25519, rotated);
            // A scheme with one signature has it in a header that this receiver does not read.
            let single = rotated && profile == "synthflow";
            let judge = |body: &[u8], secret: &str, without: &str| {
                let headers = headers.iter().filter(|(name, _)| name != without);
                let headers: serde_json::Map<_, _> = headers
                    .map(|(name, value)| (name.clone(), value.clone().into()))
                    .collect();
                let input = json!({ "headers": headers, "body": BASE64.encode(body), "secret": secret });
                judged(program, flag, &code, &input)
            };
            assert_eq!(
                judge(BODY, &secret, ""),
                !single,
                "{language} {name}, rotated: {rotated}"
            );
            let tampered = String::from_utf8_lossy(BODY).replace("c1", "c2");
            assert!(
                !judge(tampered.as_bytes(), &secret, ""),
                "{language} {name}: tampered"
            );
            let scheme = Profiles::shipped()
                .get(profile)
                .expect("it is shipped")
                .secret
                .clone();
            let other = if ed25519 {
                scheme.generate_ed25519([9; 32])
            } else {
                Some(scheme.generate([9; 64]))
            };
            let other = other.expect("made");
            let other = scheme
                .public_key(&other)
                .unwrap_or_else(|| other.reveal().to_owned());
            assert!(!judge(BODY, &other, ""), "{language} {name}: another secret");
            for (header, _) in headers
                .iter()
                .filter(|(name, _)| name.ends_with("signature") && !rotated)
            {
                let read = !header.starts_with("http_");
                assert_eq!(
                    judge(BODY, &secret, header),
                    !read,
                    "{language} {name}: without {header}"
                );
            }
        }
    }
}

#[test]
fn javascript() {
    let ending = "const input = JSON.parse(process.argv[1]);\n\
                  console.log(verify(input.headers, Buffer.from(input.body, 'base64'), input.secret) ? 'genuine' : 'refused');";
    run("js", "node", "-e", ending, 5);
}

#[test]
fn python() {
    let ending = "import sys, json, base64\n\
                  i = json.loads(sys.argv[1])\n\
                  print('genuine' if verify(i['headers'], base64.b64decode(i['body']), i['secret']) else 'refused')";
    run("python", "python3", "-c", ending, 4);
}

#[rustfmt::skip]
#[expect(clippy::too_many_arguments, reason = "what a receiver has at hand, on one page")]
mod sample {
    use super::*;

pub fn verify(id: &str, timestamp: &str, signatures: &str, body: &[u8], secret: &str, now: u64) -> bool {
    let fresh = timestamp.parse::<u64>().is_ok_and(|sent| now.abs_diff(sent) <= 300);
    let Ok(key) = BASE64.decode(secret.trim_start_matches("whsec_")) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let given = signatures.split(' ').filter_map(|part| BASE64.decode(part.strip_prefix("v1,")?).ok());
    fresh && given.into_iter().any(|given| mac.clone().verify_slice(&given).is_ok())
}
}

#[test]
fn rust() {
    let [(_, code)] = samples("rust")[..] else {
        panic!("one sample")
    };
    assert!(
        include_str!("receivers_page.rs").contains(code.trim_end()),
        "the page has what is run here"
    );
    let (headers, secret) = signed("standard", false, true);
    let header = |name: &str| {
        headers
            .iter()
            .find(|(own, _)| own == name)
            .expect("it is there")
            .1
            .as_str()
    };
    let (id, at, signatures) = (
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    );
    let now: u64 = at.parse().expect("seconds");
    assert!(sample::verify(id, at, signatures, BODY, &secret, now));
    assert!(!sample::verify(id, at, signatures, b"{}", &secret, now));
    assert!(!sample::verify(id, at, signatures, BODY, &secret, now + 301));
    assert!(!sample::verify(
        id,
        at,
        signatures,
        BODY,
        Secret::new("whsec_AAAA").reveal(),
        now
    ));
}
