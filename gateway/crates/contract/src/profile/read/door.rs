//! Reads product-specific routes.

use super::super::door::{Answer, Door, Errors, Field, Input, KeyPlace, PathTemplate, Route, Told};
use super::super::file::{self, Action, File, Method};
use super::super::problem::Problems;
use super::actions::{About, about, answers, inputs, items, needed, reads};

pub(super) fn door(file: &File, problems: &mut Problems) -> Door {
    let given = &file.door;
    let word = |given: &Option<String>, built_in: &str| given.clone().unwrap_or_else(|| built_in.to_owned());
    let door = Door {
        key: key_place(given.key.as_deref().unwrap_or("bearer"), problems),
        id_prefix: word(&given.id_prefix, "sub_"),
        active: word(&given.active, "active"),
        disabled: word(&given.disabled, "disabled"),
        errors: errors(&given.errors, problems),
        wording: super::wording::wording(file, problems),
        routes: file
            .all_routes()
            .filter_map(|(key, given)| route(&key, given, problems))
            .collect(),
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !door.id_prefix.bytes().all(plain) {
        problems.add(
            "door.id_prefix",
            "an id's prefix has letters, digits, _ and - only",
            "such as \"wh_\"",
        );
    }
    if door.active == door.disabled {
        problems.add(
            "door.disabled",
            "both states would have one word",
            "give them two",
        );
    }
    door
}

/// Reads the error format; `None` if the profile sets none.
fn errors(given: &file::Errors, problems: &mut Problems) -> Option<Errors> {
    if *given == file::Errors::default() {
        return None;
    }
    if given.members.is_empty() {
        problems.add(
            "door.errors.members",
            "a failure would say nothing",
            "such as { name = \"message\", value = \"{detail}\" }",
        );
    }
    Some(Errors {
        within: given.within.clone(),
        members: members("door.errors.members", &given.members, TOLD, Told::word, problems),
    })
}

fn key_place(text: &str, problems: &mut Problems) -> KeyPlace {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.eq_ignore_ascii_case("bearer") {
        return KeyPlace::Bearer;
    }
    if text.is_empty() || !text.bytes().all(token) {
        let message = format!(
            "`{}` is not a header's name (RFC 9110 §5.6.2)",
            text.escape_default()
        );
        problems.add(
            "door.key",
            message,
            "write \"bearer\", or a header such as \"X-API-Key\"",
        );
    }
    KeyPlace::Header(text.to_owned())
}

fn route(key: &str, given: &file::Route, problems: &mut Problems) -> Option<Route> {
    let path = PathTemplate::parse(&given.path);
    if path.is_none() {
        let message = format!(
            "`{}` is not a path of letters, digits, `-._~` and at most one `{{id}}`",
            given.path
        );
        problems.add(&format!("{key}.path"), message, "such as /v1/webhooks/{id}");
    }
    if let Some(path) = &path {
        check_id(key, given, path, problems);
    }
    if !(200..300).contains(&given.status) {
        problems.add(
            &format!("{key}.status"),
            "a success has a status from 200 to 299",
            "such as 200 or 201",
        );
    }
    let input: Vec<_> = given
        .input
        .iter()
        .filter_map(|(field, meaning)| input(key, given.action, field, meaning, problems))
        .collect();
    for (n, field) in given.required.iter().enumerate() {
        if !given.input.contains_key(field) {
            let message = format!("`{field}` is no field of this route");
            problems.add(&format!("{key}.required.{n}"), message, "add it to `in`");
        }
    }
    check_needed(key, given, &input, problems);
    check_distinct(key, &input, problems);
    Some(Route {
        method: given.method,
        path: path?,
        action: given.action,
        input,
        required: given.required.clone(),
        status: given.status,
        answer: fields(
            &format!("{key}.answer"),
            &given.answer,
            answers(given.action),
            problems,
        ),
        item: fields(&format!("{key}.item"), &given.item, items(given.action), problems),
    })
}

/// Checks the path and the method of a route.
///
/// The path has an `{id}` exactly if the action has a subject, and an action that changes something
/// is not a `GET`.
fn check_id(key: &str, given: &file::Route, path: &PathTemplate, problems: &mut Problems) {
    let wrong = match (about(given.action), path.has_id()) {
        (About::Subscription, false) => Some("it does not say which subscription"),
        (About::Delivery, false) => Some("it does not say which delivery"),
        (About::Nothing, true) => Some("`{id}` means nothing here"),
        _ => None,
    };
    if let Some(message) = wrong {
        let hint = "`{id}` is the id of what the route is about";
        problems.add(&format!("{key}.path"), message, hint);
    }
    if !reads(given.action) && given.method == Method::Get {
        problems.add(
            &format!("{key}.method"),
            "a GET changes nothing (RFC 9110 §9.2.1)",
            "take POST",
        );
    }
    if given.replace && !key.starts_with("add.") {
        problems.add(
            &format!("{key}.replace"),
            "this list replaces all routes that there were",
            "put the route under `add.routes`, or leave `replace` out",
        );
    }
}

/// Checks that the required inputs exist, such as URL and events to create a subscription.
fn check_needed(key: &str, given: &file::Route, input: &[(String, Input)], problems: &mut Problems) {
    for needed in needed(given.action) {
        if !input.iter().any(|(_, meaning)| meaning == needed) {
            let word = needed.word();
            let message = format!("no field means `{word}`");
            problems.add(
                &format!("{key}.in"),
                message,
                format!("such as in = {{ {word} = \"{word}\" }}"),
            );
        }
    }
}

/// Checks that no two fields have the same meaning, which would be ambiguous.
fn check_distinct(key: &str, input: &[(String, Input)], problems: &mut Problems) {
    for (n, (field, meaning)) in input.iter().enumerate() {
        if let Some((other, _)) = input.iter().take(n).find(|(_, earlier)| earlier == meaning) {
            let message = format!("`{other}` means `{}` already", meaning.word());
            problems.add(&format!("{key}.in.{field}"), message, "leave one of them out");
        }
    }
}

fn input(
    key: &str,
    action: Action,
    field: &str,
    meaning: &str,
    problems: &mut Problems,
) -> Option<(String, Input)> {
    let known = inputs(action);
    let found = known.iter().copied().find(|input| input.word() == meaning);
    if found.is_none() {
        let words: Vec<_> = known.iter().map(|word| word.word()).collect();
        let hint = if words.is_empty() {
            "take it out".to_owned()
        } else {
            format!("there are {}", words.join(", "))
        };
        problems.add(
            &format!("{key}.in.{field}"),
            format!("`{meaning}` means nothing to this action"),
            hint,
        );
    }
    Some((field.to_owned(), found?))
}

fn fields(
    key: &str,
    given: &[file::AnswerMember],
    known: &[Field],
    problems: &mut Problems,
) -> Vec<(String, Answer)> {
    members(key, given, known, Field::word, problems)
}

pub(super) fn members<F: Copy>(
    key: &str,
    given: &[file::AnswerMember],
    known: &[F],
    word: fn(F) -> &'static str,
    problems: &mut Problems,
) -> Vec<(String, Answer<F>)> {
    let mut members = Vec::new();
    for (n, member) in given.iter().enumerate() {
        let answer = match (&member.value, &member.constant) {
            (Some(text), None) => {
                let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
                let found = known.iter().find(|field| Some(word(**field)) == name);
                found.map(|field| Answer::Field(*field))
            }
            (None, Some(constant)) => Some(Answer::Constant(constant.clone())),
            _ => None,
        };
        let Some(answer) = answer else {
            let words: Vec<_> = known
                .iter()
                .map(|field| format!("{{{}}}", word(*field)))
                .collect();
            let hint = format!("a `value` of {}, or a `constant`", words.join(", "));
            problems.add(&format!("{key}.{n}"), "it does not say what it holds", hint);
            continue;
        };
        if members.iter().any(|(name, _)| *name == member.name) {
            problems.add(
                &format!("{key}.{n}.name"),
                format!("there are two members `{}`", member.name),
                "name each once",
            );
        }
        members.push((member.name.clone(), answer));
    }
    members
}

const TOLD: &[Told] = &[
    Told::Title,
    Told::Detail,
    Told::Code,
    Told::Status,
    Told::Fix,
    Told::Errors,
];
