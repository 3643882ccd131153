//! Envelopes: the body in which an event is sent.
//!
//! Most bodies are the event's data with surrounding text, and are assembled without parsing the
//! data. The data is parsed only if a profile spreads it, selects from it, or prints it as
//! JavaScript does.

use std::borrow::Cow;

use bytes::Bytes;

use super::file::Numbers;
use super::thin::thin;
use super::{Payload, Unsendable};
use hookgate_domain::{Event, PayloadMode};
use hookgate_json::{Allowance, Document, Limits, Object, Pointer, Value};

/// Body format of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    shape: Shape,
    numbers: Numbers,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    /// Event data, unchanged.
    Data,
    /// Text with inserted copies of event parts.
    Spliced(Vec<Splice>),
    /// Members with computed values.
    Built(Vec<Member>),
}

/// Member of a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Member {
    /// Key with its value source.
    Named(String, Source),
    /// Members of the event data.
    Spread,
}

/// Source of a member's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// Event id.
    Id,
    /// Event type.
    Kind,
    /// Event time in RFC 3339 with this many fractional digits; `None` prints the necessary ones.
    Created(Option<u8>),
    /// Event time in seconds since 1970.
    CreatedUnix,
    /// Event data.
    Data,
    /// Value at this pointer in the event data.
    DataAt(String),
    /// Constant value.
    Constant(Value),
}

#[derive(Debug, Clone, PartialEq)]
enum Splice {
    Text(Vec<u8>),
    Id,
    Kind,
    Created(Option<u8>),
    CreatedUnix,
    Data,
}

impl Envelope {
    /// Envelope that consists of the data only.
    pub(super) fn data(numbers: Numbers) -> Self {
        let shape = Shape::Data;
        Self { shape, numbers }
    }

    /// Envelope with these members in order.
    pub(super) fn members(members: Vec<Member>, numbers: Numbers) -> Self {
        let copied = numbers == Numbers::AsWritten && members.iter().all(is_copied);
        let shape = if copied {
            Shape::Spliced(spliced(&members))
        } else {
            Shape::Built(members)
        };
        Self { shape, numbers }
    }

    /// Builds the body, as compact JSON.
    ///
    /// `data` is the event's data or the output of a delivery chain, as compact JSON text. The body
    /// depends on the event and not on the attempt, so that each attempt sends the same bytes.
    ///
    /// # Errors
    /// The data is not JSON.
    pub fn body(
        &self,
        event: &Event,
        data: &Bytes,
        payload: &Payload,
        mode: PayloadMode,
    ) -> Result<Bytes, Unsendable> {
        match (mode, &self.shape) {
            (PayloadMode::Full, Shape::Data) if self.numbers == Numbers::AsWritten => Ok(data.clone()),
            (PayloadMode::Full, Shape::Spliced(pieces)) => Ok(splice(pieces, event, data)),
            (mode, _) => self.made(event, parsed(data, payload, mode)?),
        }
    }

    /// Event data within a received body, as far as the format reveals it.
    pub(super) fn data_in<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        let members = match &self.shape {
            Shape::Data => return Some(body),
            Shape::Spliced(pieces) => return spliced_data(pieces, body),
            Shape::Built(members) => members,
        };
        members.iter().find_map(|member| match member {
            Member::Named(name, Source::Data) => body.get(name),
            Member::Spread => Some(body),
            Member::Named(..) => None,
        })
    }

    /// Returns `true` if the body is the data.
    ///
    /// Signed parts of the data are then found in the sent body.
    pub(super) fn is_data(&self) -> bool {
        self.shape == Shape::Data
    }

    fn made(&self, event: &Event, data: Value) -> Result<Bytes, Unsendable> {
        let body = match &self.shape {
            Shape::Data => data,
            Shape::Spliced(pieces) => {
                let mut text = Vec::new();
                data.print(&mut text);
                return Ok(splice(pieces, event, &text));
            }
            Shape::Built(members) => built(members, event, &data),
        };
        let mut out = Vec::with_capacity(event.data.len() + 128);
        match self.numbers {
            Numbers::AsWritten => body.print(&mut out),
            Numbers::Javascript => body.print_javascript(&mut out),
        }
        Ok(out.into())
    }
}

fn parsed(data: &[u8], payload: &Payload, mode: PayloadMode) -> Result<Value, Unsendable> {
    let mut document = Document::parse(data, LIMITS).map_err(|_| Unsendable::NotJson)?;
    match (mode, &payload.thin) {
        (PayloadMode::Full, _) => {}
        (PayloadMode::Thin, None) => return Ok(thin(document.root())),
        // Removal never grows a document over a limit.
        (PayloadMode::Thin, Some(kept)) => {
            document
                .retain(kept, &Allowance::default())
                .map_err(|_| Unsendable::NotJson)?;
        }
    }
    Ok(document.into_root())
}

/// Builds the members.
///
/// The profile's members override data members of the same name, regardless of their order.
fn built(members: &[Member], event: &Event, data: &Value) -> Value {
    let own = |key: &str| {
        members
            .iter()
            .any(|member| matches!(member, Member::Named(name, _) if name == key))
    };
    let mut body = Object::new();
    let mut spread = Vec::new();
    for member in members {
        match member {
            Member::Named(name, source) => {
                if let Some(value) = source.value(event, data) {
                    body.insert(name.as_str(), value.into_owned());
                }
            }
            Member::Spread => match data {
                Value::Object(object) => spread.extend(object.iter().filter(|(key, _)| !own(key))),
                other if !own("data") => spread.push(("data", other)),
                _ => {}
            },
        }
        for (key, value) in spread.drain(..) {
            body.insert(key, value.clone());
        }
    }
    Value::Object(body)
}

impl Source {
    /// Value of the source; `None` if the pointer has no value.
    fn value<'a>(&'a self, event: &Event, data: &'a Value) -> Option<Cow<'a, Value>> {
        Some(match self {
            Self::Id => Cow::Owned(event.id.as_str().into()),
            Self::Kind => Cow::Owned(event.kind.as_str().into()),
            Self::Created(digits) => Cow::Owned(created(event, *digits).as_str().into()),
            Self::CreatedUnix => Cow::Owned(Value::Int(seconds(event))),
            Self::Data => Cow::Borrowed(data),
            Self::DataAt(pointer) => Cow::Borrowed(data.at(Pointer::parse(pointer).ok()?)?),
            Self::Constant(value) => Cow::Borrowed(value),
        })
    }
}

fn is_copied(member: &Member) -> bool {
    !matches!(member, Member::Spread | Member::Named(_, Source::DataAt(_)))
}

/// Converts members to text pieces.
///
/// No escaping is needed: the grammars of ids, types and timestamps exclude quotes and backslashes.
fn spliced(members: &[Member]) -> Vec<Splice> {
    let mut pieces = Vec::new();
    let mut text = b"{".to_vec();
    for (n, member) in members.iter().enumerate() {
        let Member::Named(name, source) = member else {
            continue;
        };
        if n > 0 {
            text.push(b',');
        }
        Value::from(name.as_str()).print(&mut text);
        text.push(b':');
        let (piece, quote): (_, &[u8]) = match source {
            Source::Id => (Splice::Id, b"\""),
            Source::Kind => (Splice::Kind, b"\""),
            Source::Created(digits) => (Splice::Created(*digits), b"\""),
            Source::CreatedUnix => (Splice::CreatedUnix, b""),
            Source::Data => (Splice::Data, b""),
            Source::Constant(value) => {
                value.print(&mut text);
                continue;
            }
            Source::DataAt(_) => continue,
        };
        text.extend_from_slice(quote);
        pieces.extend([Splice::Text(std::mem::take(&mut text)), piece]);
        text.extend_from_slice(quote);
    }
    text.push(b'}');
    pieces.push(Splice::Text(text));
    pieces
}

fn splice(pieces: &[Splice], event: &Event, data: &[u8]) -> Bytes {
    let mut body = Vec::with_capacity(data.len() + 256);
    for piece in pieces {
        match piece {
            Splice::Text(text) => body.extend_from_slice(text),
            Splice::Id => body.extend_from_slice(event.id.as_str().as_bytes()),
            Splice::Kind => body.extend_from_slice(event.kind.as_str().as_bytes()),
            Splice::Created(digits) => body.extend_from_slice(created(event, *digits).as_bytes()),
            Splice::CreatedUnix => {
                body.extend_from_slice(itoa::Buffer::new().format(seconds(event)).as_bytes());
            }
            Splice::Data => body.extend_from_slice(data),
        }
    }
    body.into()
}

/// Finds the member whose key ends the text before `Data`: `…,"data":`.
fn spliced_data<'a>(pieces: &[Splice], body: &'a Value) -> Option<&'a Value> {
    let at = pieces.iter().position(|piece| *piece == Splice::Data)?;
    let Some(Splice::Text(before)) = pieces.get(at.checked_sub(1)?) else {
        return None;
    };
    let members = body.as_object()?;
    members.iter().find_map(|(key, value)| {
        let mut end = Vec::new();
        Value::from(key).print(&mut end);
        end.push(b':');
        before.ends_with(&end).then_some(value)
    })
}

/// Formats the event time.
///
/// Further digits are truncated, never rounded, so that the time is never in the future.
fn created(event: &Event, digits: Option<u8>) -> String {
    match digits {
        Some(digits) => format!("{:.*}", usize::from(digits), event.created),
        None => event.created.to_string(),
    }
}

fn seconds(event: &Event) -> i64 {
    i64::try_from(event.created.as_secs()).unwrap_or(i64::MAX)
}

/// Limits for data that was already accepted: only the depth matters, for the stack of the thread.
const LIMITS: Limits = Limits {
    bytes: usize::MAX,
    depth: Limits::MAX_DEPTH,
};

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::{Fate, Timestamp};
    use hookgate_json::PatternSet;

    fn body(members: Vec<Member>, numbers: Numbers, data: &'static str, mode: PayloadMode) -> String {
        let event = Event {
            id: "evt_1".parse().expect("valid"),
            tenant: "acme".parse().expect("valid"),
            kind: "invoice.paid".parse().expect("valid"),
            created: Timestamp::from_micros(1_705_314_600_999_500),
            accepted: Default::default(),
            data: Bytes::from_static(data.as_bytes()),
            metadata: Some(Bytes::from_static(b"{\"note\":1}")),
            deliver_to: None,
            fate: Fate::Published,
            steps: Vec::new(),
            rules: Default::default(),
            hops: Default::default(),
            trace: None,
        };
        let envelope = if members.is_empty() {
            Envelope::data(numbers)
        } else {
            Envelope::members(members, numbers)
        };
        let payload = Payload {
            modes: Vec::new(),
            thin: Some(PatternSet::parse(["/id", "/customerId"]).expect("valid")),
        };
        let body = envelope.body(&event, &event.data, &payload, mode).expect("JSON");
        String::from_utf8(body.to_vec()).expect("text")
    }

    fn named(name: &str, source: Source) -> Member {
        Member::Named(name.to_owned(), source)
    }

    fn all() -> Vec<Member> {
        vec![
            named("i", Source::Id),
            named("t\"", Source::Kind),
            named("c", Source::Created(None)),
            named("s", Source::Created(Some(0))),
            named("m", Source::Created(Some(3))),
            named("u", Source::CreatedUnix),
            named("d", Source::Data),
            named("k", Source::Constant(Value::number("1.50").expect("a number"))),
        ]
    }

    #[test]
    fn what_is_copied_and_what_is_built_are_the_same() {
        let expected = r#"{"i":"evt_1","t\"":"invoice.paid","c":"2024-01-15T10:30:00.9995Z","s":"2024-01-15T10:30:00Z","m":"2024-01-15T10:30:00.999Z","u":1705314600,"d":{"a":8500.00},"k":1.50}"#;
        assert_eq!(
            body(all(), Numbers::AsWritten, r#"{"a":8500.00}"#, PayloadMode::Full),
            expected
        );
        let mut members = all();
        members.push(named("none", Source::DataAt("/none".into())));
        assert_eq!(
            body(members, Numbers::AsWritten, r#"{"a":8500.00}"#, PayloadMode::Full),
            expected
        );
        assert_eq!(
            body(all(), Numbers::Javascript, r#"{"a":8500.00}"#, PayloadMode::Full),
            expected.replace("8500.00", "8500").replace("1.50", "1.5")
        );
    }

    #[test]
    fn data_as_it_is_picked_and_spread() {
        let data = r#"{"b":1.0,"event":"forged","a":{"c":[2]}}"#;
        for (members, numbers, expected) in [
            (vec![], Numbers::AsWritten, data),
            (
                vec![],
                Numbers::Javascript,
                r#"{"b":1,"event":"forged","a":{"c":[2]}}"#,
            ),
            (
                vec![named("x", Source::DataAt("/a/c".into()))],
                Numbers::AsWritten,
                r#"{"x":[2]}"#,
            ),
            (
                vec![Member::Spread, named("event", Source::Kind)],
                Numbers::AsWritten,
                r#"{"b":1.0,"a":{"c":[2]},"event":"invoice.paid"}"#,
            ),
        ] {
            assert_eq!(body(members, numbers, data, PayloadMode::Full), expected);
        }
        let spread = vec![named("event", Source::Kind), Member::Spread];
        assert_eq!(
            body(spread, Numbers::AsWritten, "[1]", PayloadMode::Full),
            r#"{"event":"invoice.paid","data":[1]}"#
        );
    }

    #[test]
    fn thin_payloads_keep_what_the_profile_says() {
        let data = r#"{"id":"inv_1","iban":"DE00","customerId":7,"note":"x"}"#;
        let thin = r#"{"id":"inv_1","customerId":7}"#;
        assert_eq!(body(vec![], Numbers::AsWritten, data, PayloadMode::Thin), thin);
        let members = vec![named("data", Source::Data)];
        assert_eq!(
            body(members, Numbers::AsWritten, data, PayloadMode::Thin),
            format!(r#"{{"data":{thin}}}"#)
        );
    }
}
