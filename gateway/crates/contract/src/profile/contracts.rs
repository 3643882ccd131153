//! Tests of the shipped profiles against the public documents on which they are based.
//!
//! Each documented payload is reproduced byte for byte, and each verifier's computation and each
//! number is checked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

use super::{Action, Answer, Field, Input, KeyPlace, Message, Method, Profile, Profiles};
use hookgate_domain::{Event, EventPattern, Fate, PayloadMode, RetryPolicy, Secret, Timestamp};
use hookgate_json::{Document, Limits, Value};

fn profile(name: &str) -> Arc<Profile> {
    Arc::clone(Profiles::shipped().get(name).expect("it is shipped"))
}

fn event(id: &str, kind: &str, created: &str, data: &str) -> Event {
    Event {
        id: id.parse().expect("an id"),
        tenant: "acme".parse().expect("a tenant"),
        kind: kind.parse().expect("a type"),
        created: Timestamp::parse(created).expect("a time"),
        accepted: Default::default(),
        data: Bytes::from(compact(data)),
        metadata: None,
        deliver_to: None,
        fate: Fate::Published,
        steps: Vec::new(),
        rules: Default::default(),
        hops: Default::default(),
        trace: None,
    }
}

/// Removes the spaces of printed JSON; numbers retain their text.
fn compact(text: &str) -> Vec<u8> {
    Document::parse(text.as_bytes(), Limits::default())
        .expect("JSON")
        .to_vec()
}

fn body(profile: &Profile, event: &Event) -> String {
    let body = profile.body(event, &event.data, PayloadMode::Full).expect("JSON");
    String::from_utf8(body.to_vec()).expect("text")
}

/// Headers of an attempt that is signed with these secrets, the newest first.
fn sent(profile: &Profile, event: &Event, secrets: &[&str]) -> Vec<(String, String)> {
    let body = body(profile, event);
    let keys = secrets
        .iter()
        .map(|secret| profile.secret.key(&Secret::new(secret)).expect("a secret"));
    let message = Message {
        id: event.id.as_str(),
        kind: event.kind.as_str(),
        timestamp: Timestamp::from_millis(1_705_314_600_999),
        body: body.as_bytes(),
        data: profile.signed_data(body.as_bytes(), &event.data),
    };
    let headers = profile
        .signature
        .headers(&message, &keys.collect::<Vec<_>>())
        .expect("signed");
    headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn header(headers: &[(String, String)], name: &str) -> String {
    let found = headers.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn delays(profile: &Profile) -> Vec<u64> {
    let policy = profile.retry.as_ref().expect("it has its own");
    (1..policy.attempts())
        .filter_map(|made| policy.delay(made, 0.5))
        .map(|delay| delay.as_secs() / 60)
        .collect()
}

fn answer_names(profile: &Profile, action: Action) -> Vec<&str> {
    let route = profile
        .door
        .routes
        .iter()
        .find(|route| route.action == action)
        .expect("a route");
    route.answer.iter().map(|(name, _)| name.as_str()).collect()
}

const SYNAPTIS_DATA: &str = r#"{
"lead_id": "lead_456def",
"verification_status": "passed",
"quality_score": 92,
"checks": {
"email": { "valid": true, "deliverable": true },
"phone": { "valid": true, "type": "mobile" },
"address": { "valid": true, "standardized": true },
"duplicate": { "is_duplicate": false },
"fraud": { "risk_score": 12, "risk_level": "low" }
},
"routing_decision": "approved",
"timestamp": "2024-01-15T10:30:00Z"
}"#;

#[test]
fn synaptis_payload_as_printed() {
    let printed = format!(
        r#"{{"id": "evt_abc123xyz", "type": "lead.verified", "created": "2024-01-15T10:30:00Z", "data": {SYNAPTIS_DATA}, "api_version": "2024-01-01"}}"#
    );
    let event = event(
        "evt_abc123xyz",
        "lead.verified",
        "2024-01-15T10:30:00Z",
        SYNAPTIS_DATA,
    );
    assert_eq!(body(&profile("synaptis"), &event).into_bytes(), compact(&printed));
}

#[test]
fn synaptis_verifier_as_printed() {
    let profile = profile("synaptis");
    let data = r#"{"amount": 8500.00, "10": 1e21, "2": -0, "big": 9007199254740993}"#;
    let event = event("evt_1", "lead.verified", "2024-01-15T10:30:00Z", data);
    let body = body(&profile, &event);
    // The body is a fixed point of JSON.stringify: `document::javascript` is compared with Node.
    assert!(
        body.contains(r#""data":{"2":0,"10":1e+21,"amount":8500,"big":9007199254740992}"#),
        "{body}"
    );
    let secrets = ["whsec_xyz789...", "whsec_the-one-before"];
    let signature = header(&sent(&profile, &event, &secrets), "x-synaptis-signature");
    let part = |n: usize| {
        signature
            .split(',')
            .nth(n)
            .and_then(|part| part.split('=').nth(1))
            .expect("a part")
    };
    let (timestamp, hash) = (part(0), part(1));
    assert_eq!(timestamp, "1705314600");
    let expected = hmac(secrets[0].as_bytes(), format!("{timestamp}.{body}").as_bytes());
    assert_eq!(hash, hex::encode(expected));
    let before = hmac(secrets[1].as_bytes(), format!("{timestamp}.{body}").as_bytes());
    assert_eq!(part(2), hex::encode(before));
}

#[test]
fn synaptis_schedule_types_and_registration() {
    let profile = profile("synaptis");
    assert_eq!(delays(&profile), [1, 5, 30, 120, 1440]);
    assert_eq!(profile.endpoint.timeout, Some(Duration::from_secs(5)));
    assert_eq!(profile.catalogue.len(), 7);
    let named: Vec<_> = profile
        .catalogue
        .iter()
        .filter_map(|entry| entry.kind.as_ref())
        .collect();
    let named: Vec<_> = named.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(named, ["lead.verified", "delivery.success", "delivery.failed"]);
    let route = &profile.door.routes[0];
    assert_eq!(
        (route.method, route.path.to_string().as_str()),
        (Method::Post, "/v1/webhooks")
    );
    assert_eq!(profile.door.key, KeyPlace::Bearer);
    let fields: Vec<_> = route.input.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(fields, ["description", "events", "url"]);
    let expected = ["id", "url", "events", "secret", "status", "created"];
    assert_eq!(answer_names(&profile, Action::CreateSubscription), expected);
    let id = "sub_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id");
    assert!(profile.door.public_id(id).starts_with("wh_"));
    assert!(profile.secret.generate([1; 64]).reveal().starts_with("whsec_"));
}

#[test]
fn synthesq_payload_and_verifier() {
    let profile = profile("synthesq");
    let event = event(
        "evt_1",
        "customer.created",
        "2024-01-15T10:30:00Z",
        r#"{"id": 7, "lifetime": 8500.00}"#,
    );
    let body = body(&profile, &event);
    assert_eq!(
        body,
        r#"{"event":"customer.created","data":{"id":7,"lifetime":8500.00},"timestamp":"2024-01-15T10:30:00Z"}"#
    );
    let headers = sent(&profile, &event, &["newest secret"]);
    assert_eq!(
        header(&headers, "x-webhook-signature"),
        hex::encode(hmac(b"newest secret", body.as_bytes()))
    );
    assert_eq!(header(&headers, "x-webhook-signature-previous"), "");
    let rotating = sent(&profile, &event, &["newest secret", "the one before"]);
    assert_eq!(
        header(&rotating, "x-webhook-signature"),
        header(&headers, "x-webhook-signature")
    );
    let before = hex::encode(hmac(b"the one before", body.as_bytes()));
    assert_eq!(header(&rotating, "x-webhook-signature-previous"), before);
}

#[test]
fn auto_disable_needs_time_in_every_profile() {
    let hour = Duration::from_secs(3600);
    let shipped = Profiles::shipped();
    let policies = shipped.iter().filter_map(|profile| profile.auto_disable.as_ref());
    let times: Vec<_> = policies.map(|policy| policy.for_at_least).collect();
    assert_eq!(times, [hour; 2], "standard and synthesq disable");
    for (more, expected) in [
        ("window = '24h'", 3600),
        ("window = '10m'", 600),
        ("window = '10m'\nfor_at_least = '1m'", 60),
        ("window = '24h'\nfor_at_least = '0s'", 0),
    ] {
        let toml = format!("extends = 'synaptis'\n[auto_disable]\nover = 0.5\nleast_attempts = 1\n{more}");
        let file = toml_edit::de::from_str(&toml).expect("a profile's file");
        let given = [("acme".to_owned(), file)].into_iter().collect();
        let profiles = Profiles::new(&given).expect("a profile");
        let policy = profiles
            .get("acme")
            .and_then(|profile| profile.auto_disable.clone());
        let policy = policy.expect("it disables");
        assert_eq!(policy.for_at_least, Duration::from_secs(expected), "{more}");
    }
}

#[test]
fn synthesq_limits_types_and_routes() {
    let profile = profile("synthesq");
    assert_eq!(profile.limits.subscriptions, Some(25));
    assert_eq!(profile.retry.as_ref().map(RetryPolicy::attempts), Some(5));
    assert_eq!(delays(&profile), [1, 5, 30, 120]);
    assert_eq!(profile.feed_retention, Some(Duration::from_secs(30 * 24 * 3600)));
    let auto = profile.auto_disable.as_ref().expect("it disables");
    assert!((auto.over - 0.95).abs() < f64::EPSILON && auto.least_attempts == 10);
    assert_eq!(auto.window, Duration::from_secs(24 * 3600));
    assert_eq!(profile.catalogue.len(), 8);
    for (pattern, taken) in [
        ("product.*", true),
        ("customer.*", true),
        ("*", true),
        ("customer.assigned", true),
        ("customer.deleted", false),
        ("order.*", false),
    ] {
        let parsed: EventPattern = pattern.parse().expect("a pattern");
        assert_eq!(profile.patterns.check(&parsed, &[]).is_ok(), taken, "{pattern}");
    }
    for (method, path) in [
        (Method::Post, "/api/v1/webhooks/subscriptions"),
        (Method::Post, "/api/v1/webhooks/subscriptions/sub_1/activate"),
        (Method::Post, "/api/v1/webhooks/subscriptions/sub_1/disable"),
    ] {
        let served = |route: &&super::Route| route.method == method && route.path.matches(path).is_some();
        assert_eq!(profile.door.routes.iter().filter(served).count(), 1, "{path}");
    }
    assert!(answer_names(&profile, Action::CreateSubscription).contains(&"secret"));
}

/// Documented `backoff_schedule` [0, 1, 5, 30, 120] "between attempts".
///
/// There are five attempts, so the last number is followed by none.
#[test]
fn synthesqs_numbers_may_be_read_as_delays_between_attempts() {
    let text = "[synthesq.retry]\nschedule = ['0s', '1m', '5m', '30m', '2h']\nattempts = 5";
    let files = toml_edit::de::from_str(text).expect("TOML");
    let profiles = Profiles::new(&files).expect("it holds");
    let profile = profiles.get("synthesq").expect("it is there");
    assert_eq!(profile.retry.as_ref().map(RetryPolicy::attempts), Some(5));
    assert_eq!(delays(profile), [0, 1, 5, 30]);
}

const SYNCAI_REST: &str = r#""document_id": "doc_abc123",
"review_id": "rev_xyz789",
"verified_by": "human_reviewer",
"corrections_made": true,
"data": {
"header": {
"vendor": "TechFlow Inc.",
"date": "2024-01-15",
"invoice_no": "INV-2024-0892"
},
"amounts": {
"subtotal": 8500.00,
"tax": 680.00,
"total": 9180.00
},
"line_items": [
{
"description": "Software License - Annual",
"quantity": 1,
"unit_price": 5000.00,
"amount": 5000.00
}
]
},
"confidence": {
"original": 0.72,
"final": 1.0
}
}"#;

#[test]
fn syncai_payload_and_verifiers_as_printed() {
    let profile = profile("syncai");
    let printed =
        format!(r#"{{"event": "document.verified", "timestamp": "2024-01-15T10:35:00Z", {SYNCAI_REST}"#);
    let event = event(
        "evt_1",
        "document.verified",
        "2024-01-15T10:35:00Z",
        &format!("{{{SYNCAI_REST}"),
    );
    let body = body(&profile, &event);
    assert_eq!(body.as_bytes(), compact(&printed));
    assert!(body.contains(r#""subtotal":8500.00"#));
    // hmac.new(WEBHOOK_SECRET.encode(), payload, hashlib.sha256).hexdigest(), and the same in Node.
    let signature = header(
        &sent(&profile, &event, &["your-webhook-secret"]),
        "x-syncai-signature",
    );
    assert_eq!(
        signature,
        hex::encode(hmac(b"your-webhook-secret", body.as_bytes()))
    );
}

#[test]
fn syncai_endpoints_retries_and_registration() {
    let profile = profile("syncai");
    let check = |url: &str| profile.endpoint.check(&Url::parse(url).expect("a URL"));
    assert!(
        check("https://your-server.com/syncai-webhook").is_ok() && check("http://your-server.com/").is_err()
    );
    assert_eq!(profile.endpoint.timeout, Some(Duration::from_secs(5)));
    assert_eq!(profile.retry.as_ref().map(RetryPolicy::attempts), Some(4));
    assert_eq!(profile.door.key, KeyPlace::Header("X-API-Key".to_owned()));
    let route = &profile.door.routes[0];
    assert_eq!(route.path.to_string(), "/webhooks/register");
    assert!(route.input.contains(&("secret".to_owned(), Input::Secret)));
    let expected = [
        ("webhook_id", Field::Id),
        ("url", Field::Url),
        ("status", Field::Status),
    ];
    let expected = expected.map(|(name, field)| (name.to_owned(), Answer::Field(field)));
    assert_eq!(route.answer, expected);
}

#[test]
fn synthflow_signs_the_call_id() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let profile = profile("synthflow");
    let data = r#"{"status": "completed", "call_id": "d8b3-4", "duration": 61.50}"#;
    let event = event("evt_1", "call.completed", "2024-01-15T10:30:00Z", data);
    assert_eq!(body(&profile, &event).as_bytes(), compact(data));
    let secret = profile.secret.generate([7; 64]);
    assert_eq!(secret.reveal().len(), 64, "256 bits in hexadecimal");
    let headers = sent(&profile, &event, &[secret.reveal()]);
    let expected = STANDARD.encode(hmac(secret.reveal().as_bytes(), b"d8b3-4"));
    // The first name is the one that WSGI and CGI derive HTTP_SYNTHFLOW_SIGNATURE from.
    for name in ["synthflow-signature", "http_synthflow_signature"] {
        assert_eq!(header(&headers, name), expected, "{name}");
    }
    assert_eq!(profile.secret.owner, super::SecretOwner::Tenant);
    assert!(
        profile
            .check_data(&Value::from(serde_json::json!({"call": "x"})))
            .is_err()
    );
}

#[test]
fn examples_in_other_products_styles() {
    // printf '1705314600.BODY' | openssl dgst -sha256 -hmac SECRET, by Stripe's and GitHub's documents.
    let stripe = profile("stripe");
    let event = event(
        "evt_1",
        "charge.paid",
        "2024-01-15T10:30:00Z",
        r#"{"object":{"id":"ch_1"}}"#,
    );
    let sent_body = body(&stripe, &event);
    let expected = r#"{"id":"evt_1","object":"event","created":1705314600,"type":"charge.paid","data":{"object":{"id":"ch_1"}}}"#;
    assert_eq!(sent_body, expected);
    let mac = hex::encode(hmac(b"whsec_test", format!("1705314600.{sent_body}").as_bytes()));
    let headers = sent(&stripe, &event, &["whsec_test"]);
    assert_eq!(
        header(&headers, "stripe-signature"),
        format!("t=1705314600,v1={mac}")
    );
    // The values of GitHub's own example: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    let mac = hmac(b"It's a Secret to Everybody", b"Hello, World!");
    assert_eq!(
        hex::encode(mac),
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
    let github = profile("github");
    let headers = sent(&github, &event, &["It's a Secret to Everybody"]);
    let mac = hex::encode(hmac(b"It's a Secret to Everybody", &event.data));
    assert_eq!(header(&headers, "x-hub-signature-256"), format!("sha256={mac}"));
    assert_eq!(header(&headers, "x-github-event"), "charge.paid");
}
