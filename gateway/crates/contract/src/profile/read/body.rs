//! Reads an envelope.

use super::super::envelope::{Envelope, Member, Source};
use super::super::file;
use super::super::problem::Problems;
use super::super::template::pointer;
use hookgate_json::Value;

pub(super) fn envelope(file: &file::Envelope, problems: &mut Problems) -> Option<Envelope> {
    let numbers = file.numbers.unwrap_or_default();
    match (&file.body, &file.members) {
        (Some(body), None) if body == "{data}" => Some(Envelope::data(numbers)),
        (Some(body), None) => {
            let message = format!("a whole body can be `{{data}}` and nothing else, not `{body}`");
            problems.add("envelope.body", message, "list what it has under `members`");
            None
        }
        (None, Some(members)) if !members.is_empty() => {
            let members = named(members, problems)?;
            Some(Envelope::members(members, numbers))
        }
        (None, _) => {
            problems.add(
                "envelope",
                "nothing says what a body looks like",
                "give `members`, or body = \"{data}\"",
            );
            None
        }
        (Some(_), Some(_)) => {
            problems.add(
                "envelope.body",
                "a body is either whole or has members",
                "take one of `body` and `members` out",
            );
            None
        }
    }
}

fn named(given: &[file::Member], problems: &mut Problems) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (n, member) in given.iter().enumerate() {
        let key = format!("envelope.members.{n}");
        if let Some(name) = &member.name {
            if names.contains(&name.as_str()) {
                problems.add(
                    &format!("{key}.name"),
                    format!("there are two members `{name}`"),
                    "name each once",
                );
            }
            names.push(name);
        }
        members.push(one(&key, member, problems));
    }
    members.into_iter().collect()
}

fn one(key: &str, member: &file::Member, problems: &mut Problems) -> Option<Member> {
    match (&member.name, &member.value, &member.constant, &member.spread) {
        (Some(name), Some(value), None, None) => {
            let source = source(&format!("{key}.value"), value, problems)?;
            Some(Member::Named(name.clone(), source))
        }
        (Some(name), None, Some(constant), None) => {
            let constant = Source::Constant(Value::from(constant.clone()));
            Some(Member::Named(name.clone(), constant))
        }
        (None, None, None, Some(spread)) if spread == "{data}" => Some(Member::Spread),
        (None, None, None, Some(spread)) => {
            let message = format!("`{spread}` cannot be spread");
            problems.add(&format!("{key}.spread"), message, "write spread = \"{data}\"");
            None
        }
        _ => {
            let message = "a member has a `name` with a `value` or a `constant`, or a `spread`";
            problems.add(key, message, "such as { name = \"id\", value = \"{id}\" }");
            None
        }
    }
}

fn source(key: &str, text: &str, problems: &mut Problems) -> Option<Source> {
    let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let source = match name {
        Some("id") => Source::Id,
        Some("type") => Source::Kind,
        Some("created") => Source::Created(None),
        Some("created:seconds") => Source::Created(Some(0)),
        Some("created:milliseconds") => Source::Created(Some(3)),
        Some("created:microseconds") => Source::Created(Some(6)),
        Some("created:unix") => Source::CreatedUnix,
        Some("data") => Source::Data,
        Some("timestamp") => {
            let message = "`{timestamp}` is the attempt's, and every attempt sends the same body";
            problems.add(key, message, "take {created}: when the event happened");
            return None;
        }
        Some(name) if name.starts_with("data:") => {
            let pointer = problems.take(key, pointer(&name[5..]), "such as {data:/customer/id}")?;
            Source::DataAt(pointer)
        }
        _ => {
            let message = format!("`{text}` does not stand for anything here");
            problems.add(key, message, PLACES);
            return None;
        }
    };
    Some(source)
}

const PLACES: &str = "there are {id}, {type}, {created}, {created:seconds}, {created:milliseconds}, {created:microseconds}, {created:unix}, \
     {data} and {data:/pointer}; a text of its own is a `constant`";
