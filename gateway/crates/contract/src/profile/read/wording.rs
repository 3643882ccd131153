//! Reads customer-facing texts and names: error texts and header names.

use super::super::door::Wording;
use super::super::file::{self, File};
use super::super::problem::Problems;
use super::super::refusal::{BadMessage, Messages, Refusal};
use hookgate_domain::nearest;

/// Reads the error texts and headers of a product's routes.
pub(super) fn wording(file: &File, problems: &mut Problems) -> Wording {
    let given = &file.headers;
    if let Some(name) = &given.request_id {
        check_name("headers.request_id", name, problems);
    }
    Wording {
        messages: messages(file, problems),
        headers: response(given, problems),
        request_id: given.request_id.clone(),
    }
}

/// Reads the `User-Agent` of deliveries.
pub(super) fn user_agent(file: &File, problems: &mut Problems) -> String {
    let given = file.headers.user_agent.as_deref().unwrap_or(USER_AGENT);
    check_value("headers.user_agent", given, problems);
    given.to_owned()
}

fn messages(file: &File, problems: &mut Problems) -> Messages {
    let mut messages = Messages::default();
    let has_id = file.headers.request_id.is_some();
    for (code, text) in &file.door.messages {
        let key = format!("door.messages.{code}");
        let Some(refusal) = Refusal::named(code) else {
            let known: Vec<_> = Refusal::ALL.iter().map(|known| known.code()).collect();
            let hint = match nearest(code, &known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            problems.add(&key, "no refusal has this code", hint);
            continue;
        };
        if let Err(bad) = messages.add(refusal, text, has_id) {
            let hint = match &bad {
                BadMessage::Text => "one or two sentences".to_owned(),
                BadMessage::Unclosed => "a placeholder is such as {code}".to_owned(),
                BadMessage::Unknown { known, .. } => format!("there are {known}"),
                BadMessage::NoRequestId => "such as headers.request_id = \"X-Request-Id\"".to_owned(),
            };
            problems.add(&key, bad.to_string(), hint);
        }
    }
    messages
}

fn response(given: &file::Headers, problems: &mut Problems) -> Vec<(String, String)> {
    if given.response.len() > MAX_HEADERS {
        let message = format!("an answer has at most {MAX_HEADERS} headers of its own");
        problems.add("headers.response", message, "leave some out");
    }
    for (n, (name, value)) in given.response.iter().enumerate() {
        let key = format!("headers.response.{name}");
        check_name(&key, name, problems);
        check_value(&key, value, problems);
        let same = |other: &String| other.eq_ignore_ascii_case(name);
        if given.response.keys().take(n).any(same) || given.request_id.as_ref().is_some_and(same) {
            problems.add(&key, "the header is there already", "name each once");
        }
    }
    let pairs = given.response.iter();
    pairs.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Checks a header name (RFC 9110 §5.6.2) that is not reserved or in use.
fn check_name(key: &str, name: &str, problems: &mut Problems) {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(token) {
        let message = format!(
            "`{}` is not a header's name (RFC 9110 §5.6.2)",
            name.escape_default()
        );
        problems.add(key, message, "such as X-Request-Id");
    }
    if RESERVED
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
    {
        let message = format!("`{name}` says how the answer is read");
        problems.add(key, message, "take a header such as Server or X-Request-Id");
    }
}

fn check_value(key: &str, value: &str, problems: &mut Problems) {
    let printable = value.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !printable || value.trim() != value || !(1..=MAX_VALUE).contains(&value.len()) {
        let message =
            format!("a header's value has 1 to {MAX_VALUE} letters of ASCII, none of them at an end a space");
        problems.add(key, message, "such as \"Acme-Webhooks/1.0\"");
    }
}

/// Default `User-Agent` of deliveries.
const USER_AGENT: &str = "webhooks/1";
/// Headers that frame the response, or that the response itself sets.
const RESERVED: &[&str] = &[
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "idempotent-replayed",
    "keep-alive",
    "location",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-content-type-options",
];
const MAX_HEADERS: usize = 16;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 256;
