//! Envelopes: the body that an event is sent as.

use bytes::Bytes;

use super::thin::thin;
use crate::document::{Document, Limits, Value};
use crate::domain::{Event, PayloadMode};

/// What a body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// `{"type":…,"timestamp":…,"data":…}` (Standard Webhooks, "Payload structure").
    Standard,
}

impl Envelope {
    /// The body, compact JSON. `data` is the event's, or what a delivery chain made of it: compact JSON text.
    ///
    /// Everything in it is the event's and nothing is the attempt's, so that each attempt sends the same bytes.
    pub fn body(self, event: &Event, data: &[u8], mode: PayloadMode) -> Bytes {
        match self {
            Self::Standard => standard(event, data, mode),
        }
    }
}

/// Nothing is escaped: by their grammars neither ids nor types nor timestamps hold a quote or a backslash.
fn standard(event: &Event, data: &[u8], mode: PayloadMode) -> Bytes {
    let head = format!(
        r#"{{"type":"{}","timestamp":"{}","data":"#,
        event.kind, event.created
    );
    let mut body = Vec::with_capacity(head.len() + data.len() + 1);
    body.extend_from_slice(head.as_bytes());
    match mode {
        PayloadMode::Full => body.extend_from_slice(data),
        PayloadMode::Thin => match parsed(data) {
            Some(data) => thin(&data).print(&mut body),
            None => body.extend_from_slice(b"{}"),
        },
    }
    body.push(b'}');
    body.into()
}

/// It was valid when it was accepted; were it not, nothing of it would be sent.
fn parsed(data: &[u8]) -> Option<Value> {
    let limits = Limits {
        depth: Limits::MAX_DEPTH,
        ..Limits::of_bytes(data.len())
    };
    Document::parse(data, limits).ok().map(Document::into_root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Fate, Timestamp};

    fn event() -> Event {
        Event {
            id: "evt_1".parse().expect("valid"),
            tenant: "acme".parse().expect("valid"),
            kind: "invoice.paid".parse().expect("valid"),
            created: Timestamp::from_millis(1_705_314_600_000),
            data: Bytes::from_static(br#"{"id":"inv_1","iban":"DE00"}"#),
            metadata: Some(Bytes::from_static(b"{\"note\":1}")),
            deliver_to: None,
            fate: Fate::Published,
            steps: Vec::new(),
        }
    }

    #[test]
    fn the_standard_body_and_its_thin_form() {
        let event = event();
        assert_eq!(
            Envelope::Standard.body(&event, &event.data, PayloadMode::Full),
            r#"{"type":"invoice.paid","timestamp":"2024-01-15T10:30:00Z","data":{"id":"inv_1","iban":"DE00"}}"#
        );
        assert_eq!(
            Envelope::Standard.body(&event, &event.data, PayloadMode::Thin),
            r#"{"type":"invoice.paid","timestamp":"2024-01-15T10:30:00Z","data":{"id":"inv_1"}}"#
        );
    }
}
