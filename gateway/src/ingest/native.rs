//! hookgate's own event format: `{type, data, id?, created?, metadata?, deliver_to?}`. Pure.

use hookgate_egress::EndpointUrl;
use hookgate_json::Value;

use super::candidate::{Candidate, Faults, Fields, word};

/// Parses one event; its problems are added to `faults`, under `prefix`.
pub(super) fn event(value: Value, prefix: &str, faults: &mut Faults) -> Option<Candidate> {
    let mut fields = Fields { prefix, faults };
    let members = fields.members(value)?;
    let (mut kind, mut data) = (Field::Absent, None);
    let (mut id, mut created, mut metadata, mut deliver_to) = (None, None, None, None);
    for (name, value) in members {
        match name.as_str() {
            "type" if value.is_null() => {}
            "type" => kind = Field::from(fields.parsed("type", value)),
            "data" => data = Some(value),
            "id" => id = fields.parsed("id", value),
            "created" => created = fields.time("created", value),
            "metadata" => metadata = object(&mut fields, value),
            "deliver_to" => {
                let read: Option<EndpointUrl> = fields.parsed("deliver_to", value);
                deliver_to = read.map(|url| url.0);
            }
            other => fields.unknown(other, FIELDS),
        }
    }
    if let Field::Absent = kind {
        fields.missing("type");
    }
    if data.is_none() {
        fields.missing("data");
    }
    let Field::Read(kind) = kind else { return None };
    Some(Candidate {
        kind,
        id,
        created,
        time_field: "created",
        metadata,
        data: data?,
        deliver_to,
    })
}

/// Required field: one that is present but invalid is not reported as missing too.
enum Field<T> {
    Absent,
    Wrong,
    Read(T),
}

impl<T> From<Option<T>> for Field<T> {
    fn from(read: Option<T>) -> Self {
        read.map_or(Self::Wrong, Self::Read)
    }
}

fn object(fields: &mut Fields<'_>, value: Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value),
        Value::Null => None,
        other => fields.fault("metadata", format!("must be an object, not {}", word(&other))),
    }
}

const FIELDS: &[&str] = &["type", "data", "id", "created", "metadata", "deliver_to"];
