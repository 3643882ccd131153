//! Reads a signature scheme and the format of its secrets.

use super::super::file::{self, Encoding, SecretForm};
use super::super::problem::Problems;
use super::super::secret::{KeyPrefixes, LONGEST, MOST_RANDOM, SecretScheme};
use super::super::signature::Signature;
use super::super::template::{BadTemplate, Part, Place, Template};
use hookgate_domain::units::Span;

pub(super) fn signature(file: &file::Signature, problems: &mut Problems) -> Option<Signature> {
    let content = match &file.content {
        Some(text) => template("signature.content", text, Place::Content, problems),
        None => {
            let message = "nothing says what is signed, and nothing is sent unsigned";
            problems.add("signature.content", message, "such as \"{timestamp}.{body}\"");
            None
        }
    };
    let each = file.each.as_deref().unwrap_or("{signature}");
    let each = each_of("signature.each", each, problems);
    let ed25519 = file.ed25519.as_ref().map(|keys| {
        let text = keys.each.as_deref().unwrap_or("{signature}");
        each_of("signature.ed25519.each", text, problems)
    });
    let headers = headers(file, problems);
    let encoding = file.encoding;
    if encoding.is_none() {
        problems.add(
            "signature.encoding",
            "nothing says how a signature is written",
            "take \"hex\" or \"base64\"",
        );
    }
    let (content, each) = (content?, each?);
    check_content(&content, problems);
    let between = file.between.clone().unwrap_or_else(|| ",".to_owned());
    if between.is_empty() || !between.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        problems.add(
            "signature.between",
            "signatures could not be told apart",
            "such as \",\" or \" \"",
        );
    }
    Some(Signature {
        content,
        algorithm: file.algorithm.unwrap_or_default(),
        encoding: encoding?,
        each,
        ed25519: ed25519.flatten(),
        between,
        headers: headers?,
        timestamp: file.timestamp.unwrap_or_default(),
        tolerance: file.tolerance.map(Span::get),
    })
}

fn each_of(key: &str, text: &str, problems: &mut Problems) -> Option<Template> {
    let each = template(key, text, Place::Each, problems)?;
    if !each.has(&Part::Signature) {
        problems.add(
            key,
            "it does not hold the signature",
            "such as \"v1={signature}\"",
        );
    }
    Some(each)
}

/// Reads the prefixes of Ed25519 keys.
///
/// Both kinds of keys must be distinguishable from each other and from other secrets.
fn prefixes(file: &file::File, problems: &mut Problems) -> Option<KeyPrefixes> {
    let keys = file.signature.ed25519.as_ref()?;
    let own = |prefix: &Option<String>, usual: &str| prefix.clone().unwrap_or_else(|| usual.to_owned());
    let (secret, public) = (
        own(&keys.secret_prefix, "whsk_"),
        own(&keys.public_prefix, "whpk_"),
    );
    let usual = file.secret.prefix.as_deref().unwrap_or_default();
    let clear = |prefix: &str| !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_graphic());
    let apart = |a: &str, b: &str| !a.starts_with(b) && !b.starts_with(a);
    if !(clear(&secret) && clear(&public) && apart(&secret, &public) && apart(&secret, usual)) {
        problems.add(
            "signature.ed25519.secret_prefix",
            "private keys, public keys and other secrets cannot be told apart by how they begin",
            "such as \"whsk_\" and \"whpk_\" beside the secret.prefix \"whsec_\"",
        );
    }
    Some(KeyPrefixes { secret, public })
}

pub(super) fn secret(whole: &file::File, problems: &mut Problems) -> Option<SecretScheme> {
    let file = &whole.secret;
    let Some(form) = file.form else {
        let message = "a signature needs a secret, and nothing says what it looks like";
        problems.add(
            "secret.form",
            message,
            "take \"text\" (the secret's own bytes) or \"encoded\"",
        );
        return None;
    };
    let bytes = file.bytes.unwrap_or(32);
    if !(LEAST_RANDOM..=MOST_RANDOM).contains(&bytes) {
        let message =
            format!("a generated secret has {LEAST_RANDOM} to {MOST_RANDOM} random bytes, not {bytes}");
        problems.add("secret.bytes", message, "32 is a good number");
    }
    let (shortest, longest) = (file.shortest.unwrap_or(1), file.longest.unwrap_or(LONGEST));
    let encoding = file.encoding.unwrap_or(Encoding::Base64);
    let prefix = file.prefix.clone().unwrap_or_default();
    let made = match (form, encoding) {
        (SecretForm::Encoded, _) => bytes,
        (SecretForm::Text, Encoding::Hex) => prefix.len() + 2 * bytes,
        (SecretForm::Text, Encoding::Base64) => prefix.len() + bytes.div_ceil(3) * 4,
    };
    if shortest == 0 || longest > LONGEST || !(shortest..=longest).contains(&made) {
        let message =
            format!("a generated secret's {made} key bytes are not between {shortest} and {longest}");
        problems.add(
            "secret.shortest",
            message,
            format!("shortest is 1 or more, longest at most {LONGEST}"),
        );
    }
    if !prefix.bytes().all(|b| b.is_ascii_graphic()) {
        problems.add(
            "secret.prefix",
            "it has spaces or characters that are not ASCII",
            "such as \"whsec_\"",
        );
    }
    Some(SecretScheme {
        form,
        prefix,
        encoding,
        bytes,
        lengths: shortest..=longest,
        owner: file.owner.unwrap_or_default(),
        ed25519: prefixes(whole, problems),
    })
}

fn check_content(content: &Template, problems: &mut Problems) {
    let binds = |part: &Part| matches!(part, Part::Body | Part::Data(_) | Part::Id);
    if !content.parts().iter().any(binds) {
        let message = "nothing of the event is signed";
        problems.add(
            "signature.content",
            message,
            "add {body}, or a part of the data such as {data:/call_id}",
        );
    }
}

fn headers(file: &file::Signature, problems: &mut Problems) -> Option<Vec<(String, Template)>> {
    let mut headers = Vec::new();
    for (name, text) in &file.headers {
        let key = format!("signature.headers.{name}");
        check_name(&key, name, problems);
        if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            problems.add(
                &key,
                "a header's value is printable ASCII (RFC 9110 §5.5)",
                "take the other characters out",
            );
        }
        let template = template(&key, text, Place::Header, problems)?;
        if template.runs_together() {
            let message = "two places without text between them cannot be told apart";
            problems.add(&key, message, "put a character such as `,` between them");
        }
        let name = name.to_ascii_lowercase();
        if headers.iter().any(|(other, _)| *other == name) {
            problems.add(
                &key,
                "this header is there already, in other letters",
                "name each header once",
            );
        }
        headers.push((name, template));
    }
    let carries =
        |(_, template): &(String, Template)| template.has(&Part::Signatures) || template.has(&Part::First);
    if !headers.iter().any(carries) {
        let message = "no header carries the signature";
        problems.add(
            "signature.headers",
            message,
            "such as X-Signature = \"{signatures}\"",
        );
    }
    Some(headers)
}

/// Checks a header name (RFC 9110 §5.6.2); refuses those that HTTP or the gateway itself needs.
fn check_name(key: &str, name: &str, problems: &mut Problems) {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        let message = format!(
            "`{}` is not a header's name (RFC 9110 §5.6.2)",
            name.escape_default()
        );
        problems.add(key, message, "use letters, digits and -");
    }
    if TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
        let message = format!("the header `{name}` belongs to HTTP itself");
        problems.add(
            key,
            message,
            "choose a name of the product's own, such as X-Signature",
        );
    }
}

fn template(key: &str, text: &str, place: Place, problems: &mut Problems) -> Option<Template> {
    Template::parse(text, place)
        .map_err(|error| {
            let hint = match &error {
                BadTemplate::Unknown { place, .. } => format!("there are {}", place.names()),
                BadTemplate::Unclosed => "close it, as in {id}".to_owned(),
                BadTemplate::Pointer(_) => "such as {data:/customer/id}".to_owned(),
            };
            problems.add(key, error.to_string(), hint);
        })
        .ok()
}

/// Minimum number of random bytes; fewer could be guessed.
const LEAST_RANDOM: usize = 16;

const TAKEN: [&str; 12] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];
