//! Tests every problem at every shipped adapter: no refusal names internals.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::super::super::doors::{Occasion, reword};
use super::names;
use crate::http::{Code, FieldError, PluginWords, Problem};
use hookgate_contract::profile::{Door, Profiles};
use hookgate_domain::Quota;

const INTERNAL: &[&str] = &[
    "hookgate", "gateway", "operator", "configur", "tenant", "plugin", "egress", "registry", "/docs",
    "the log",
];

/// Problem with as many internals as one can have.
fn telling(code: Code) -> Problem {
    let errors = vec![
        FieldError::new("/url", "the gateway refuses it (egress.allow)"),
        FieldError::new("/note", "it is over 512 bytes (`registry.max_note`)"),
        FieldError::new(format!("/{}", "x".repeat(10_000)), "it is not known"),
    ];
    let words = PluginWords {
        plugin: "redact".to_owned(),
        code: "no".to_owned(),
        message: "the plugin says no".to_owned(),
    };
    let problem = match code {
        Code::InvalidField | Code::InvalidEvent | Code::AddressRefused => Problem::fields(code, errors),
        _ => Problem::new(
            code,
            "The gateway's operator can raise `plugins.max_event_work`; see /docs.",
        ),
    };
    problem
        .fix("Ask hookgate's operator.")
        .plugin(words)
        .quota(Quota::StoredBytes, 7)
        .retry_after(Duration::from_secs(3))
}

async fn told(door: Option<&Door>, code: Code) -> (http::response::Parts, String) {
    let problem = telling(code);
    let occasion = Occasion {
        door,
        method: &Method::PUT,
        request_id: Some("req_1"),
    };
    let response = axum::response::IntoResponse::into_response(problem.clone());
    let (head, body) = reword(&occasion, &problem, response).into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn refusals_name_nothing_behind_the_product_for_any_code() {
    let profiles = Profiles::shipped();
    let doors = profiles.iter().filter(|profile| !profile.door.routes.is_empty());
    let doors: Vec<_> = doors.map(|profile| Some(&profile.door)).chain([None]).collect();
    assert_eq!(doors.len(), 5, "four that ship, and nobody's");
    for door in doors {
        for code in Code::ALL {
            let (head, text) = told(door, *code).await;
            let body: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(head.status, code.status());
            assert_eq!(head.headers[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(head.headers[header::RETRY_AFTER], "3");
            let mut members = vec!["title", "status", "code", "detail", "retry"];
            if body.get("errors").is_some() {
                members.push("errors");
            }
            assert_eq!(names(&body), members, "{text}");
            let lower = text.to_lowercase();
            for word in INTERNAL {
                assert!(!lower.contains(word), "{}: {text}", code.name());
            }
            assert!(text.len() < 2_000, "{}: {} bytes", code.name(), text.len());
        }
    }
}

#[tokio::test]
async fn refusals_have_the_profiles_texts_and_shape() {
    let text = r#"
[acme]
extends = "syncai"
[acme.headers]
request_id = "X-Acme-Request"
[acme.door]
errors = { within = "error", members = [
    { name = "title", value = "{title}" },
    { name = "message", value = "{detail}" },
    { name = "reason", value = "{code}" },
    { name = "status", value = "{status}" },
    { name = "help", value = "{fix}" },
    { name = "fields", value = "{errors}" },
] }
[acme.door.messages]
store_full = "x"
"#;
    let read = |text: &str| -> Result<Profiles, Vec<hookgate_contract::profile::Problem>> {
        let files: BTreeMap<String, _> = toml_edit::de::from_str(text).expect("TOML");
        Profiles::new(&files)
    };
    let refused = read(text).unwrap_err();
    assert!(
        refused
            .iter()
            .any(|problem| problem.key == "profiles.acme.door.messages.store_full")
    );
    let messages = r#"
unavailable = "We are resting for {retry_after} s ({request_id})."
key_missing = "Where is `{key}`?"
method_not_allowed = "No {method}."
invalid_field = "{field} is wrong: {reason}"
quota_exceeded = "Only {limit}."
"#;
    let text = text.replace("store_full = \"x\"\n", messages) + "[syncai]\nroutes = []\n";
    let profiles = read(&text).expect("profiles");
    let door = Some(&profiles.get("acme").unwrap().door);
    for (code, expected) in [
        (Code::StoreFull, "We are resting for 3 s (req_1)."),
        (Code::KeyMissing, "Where is `X-API-Key: KEY`?"),
        (Code::MethodNotAllowed, "No PUT."),
        (
            Code::InvalidField,
            "url is wrong: /url: it is not valid (and 2 more)",
        ),
        (Code::QuotaExceeded, "Only 7."),
        (Code::NotFound, "There is nothing under this id."),
    ] {
        let (head, text) = told(door, code).await;
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(head.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(body["error"]["message"], expected, "{text}");
        assert_eq!(
            names(&body["error"]),
            ["title", "message", "reason", "status", "help", "fields"]
        );
    }
    let (_, text) = told(door, Code::InvalidField).await;
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        body["error"]["fields"][1],
        json!({ "pointer": "/note", "detail": "it is over 512 bytes" })
    );
    assert_eq!(body["error"]["help"], "A field is not valid.");
}
