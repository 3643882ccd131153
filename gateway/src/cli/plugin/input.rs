//! Files that an author writes: events, settings, cases.
//! They are parsed like the gateway parses JSON, so that numbers keep their digits.

use std::io::Read as _;
use std::path::Path;

use crate::cli::output::Failure;
use hookgate_domain::{EventId, EventType, TenantId, Timestamp};
use hookgate_json::{Document, Limits, Object, Value};
use hookgate_plugin_host::Phase;
use hookgate_runtime::clock::Clock;

/// Event of a dry run.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) tenant: TenantId,
    pub(super) id: EventId,
    pub(super) kind: EventType,
    pub(super) created: Timestamp,
    pub(super) phase: Phase,
    pub(super) metadata: Document,
    pub(super) data: Document,
}

/// Reads a JSON file; `-` is the standard input.
pub(super) fn read(file: &Path) -> Result<Value, Failure> {
    let name = file.display().to_string();
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(file).map(|read| bytes = read)
    };
    read.map_err(|error| Failure::of(&error).prefixed(&name))?;
    let parsed = Document::parse(&bytes, Limits::of_bytes(bytes.len()));
    let document = parsed.map_err(|error| Failure::of(&error).prefixed(&name))?;
    Ok(document.into_root())
}

/// Members of an object, which may have only the known ones.
pub(super) fn members(value: Value, what: &str, known: &[&str]) -> Result<Object, Failure> {
    let object = value
        .into_object()
        .map_err(|_| Failure::new(format!("{what} must be a JSON object")))?;
    if let Some(unknown) = object.keys().find(|key| !known.contains(key)) {
        let failure = Failure::new(format!("{what} has no `{unknown}`"));
        return Err(failure.hint(match hookgate_domain::nearest(unknown, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", known.join(", ")),
        }));
    }
    Ok(object)
}

/// Parses an event as a producer sends it: `type`, `data`, and optional fields.
pub(super) fn event(value: Value, phase: Phase) -> Result<Event, Failure> {
    let mut fields = members(value, "an event", &["type", "data", "id", "created", "metadata"])?;
    let kind = parsed(&mut fields, "type")?.ok_or_else(|| {
        Failure::new("the event has no `type`").hint(r#"write {"type": "invoice.paid", "data": {…}}"#)
    })?;
    let data = fields
        .remove("data")
        .ok_or_else(|| Failure::new("the event has no `data`"))?;
    let metadata = fields.remove("metadata").filter(|value| !value.is_null());
    let metadata = metadata.unwrap_or_else(|| Value::Object(Object::new()));
    if metadata.as_object().is_none() {
        return Err(Failure::new("the event's `metadata` must be an object"));
    }
    let text = |text: &str| {
        text.parse()
            .map_err(|_| Failure::new(format!("`{text}` is no id")))
    };
    Ok(Event {
        tenant: "local".parse().map_err(|_| Failure::new("no tenant"))?,
        id: parsed(&mut fields, "id")?.map_or_else(|| text("evt_local"), Ok)?,
        kind,
        created: parsed(&mut fields, "created")?.unwrap_or_else(|| Clock::System.now()),
        phase,
        metadata: document(metadata),
        data: document(data),
    })
}

/// Parses settings: an object, empty by default.
pub(super) fn settings(value: Option<Value>) -> Result<Document, Failure> {
    match value {
        None => Ok(document(Value::Object(Object::new()))),
        Some(object @ Value::Object(_)) => Ok(document(object)),
        Some(_) => Err(Failure::new("the settings must be a JSON object")),
    }
}

fn parsed<T: std::str::FromStr>(fields: &mut Object, name: &str) -> Result<Option<T>, Failure>
where
    T::Err: std::fmt::Display,
{
    let Some(value) = fields.remove(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let wrong = |why: &dyn std::fmt::Display| Failure::new(format!("the event's `{name}`: {why}"));
    let text = value.as_str().ok_or_else(|| wrong(&"must be a text"))?;
    text.parse().map(Some).map_err(|error: T::Err| wrong(&error))
}

fn document(value: Value) -> Document {
    Document::from_value(value, Limits::default())
}
