//! Encoding of a delivery's fields in its event's hash.
//! Only `settle.lua` and `interrupted.lua` write the state field.

use bytes::Bytes;

use crate::StoreError;
use hookgate_domain::{DeliveryState, Event, Fate, Timestamp, Trigger};

/// State field: `STATE MADE FIRST`.
/// Examples: `P 2 1700000000000000`, `D1700000000000000 1 1700000000000000`, `C1700000000000000 0
/// `. After a crash, ` CRASHES TOKEN` follows: the number of crashes and the last lease that was
/// counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// Final state; `None` while the delivery is pending.
    pub(super) end: Option<DeliveryState>,
    /// Number of attempts made.
    pub(super) made: u32,
    /// Time of the first attempt.
    pub(super) first: Option<Timestamp>,
    /// Number of process crashes during attempts since the last recorded attempt.
    pub(super) crashes: u32,
}

impl Standing {
    /// Parses the field; a delivery without one waits for its first attempt.
    pub(super) fn read(field: Option<&Bytes>) -> Result<Self, StoreError> {
        let Some(field) = field else {
            return Ok(Self::default());
        };
        std::str::from_utf8(field)
            .ok()
            .and_then(Self::parse)
            .ok_or_else(|| StoreError::Corrupt("how a delivery stands".to_owned()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (state, made, first) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            end: read_end(state)?,
            made: made.parse().ok()?,
            first: match first {
                "" => None,
                micros => Some(Timestamp::from_micros(micros.parse().ok()?)),
            },
            crashes: match parts.next() {
                None => 0,
                Some(crashes) => crashes.parse().ok()?,
            },
        })
    }
}

fn read_end(state: &str) -> Option<Option<DeliveryState>> {
    let (word, micros) = state.split_at_checked(1)?;
    let at = || micros.parse().ok().map(Timestamp::from_micros);
    Some(match word {
        "P" => None,
        "D" => Some(DeliveryState::Delivered { at: at()? }),
        "X" => Some(DeliveryState::Dead { at: at()? }),
        "C" => Some(DeliveryState::Cancelled { at: at()? }),
        "S" => Some(DeliveryState::Shadowed { at: at()? }),
        _ => return None,
    })
}

/// Word of the trigger field.
pub(super) fn trigger_word(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Published => "published",
        Trigger::Replay => "replay",
        Trigger::Test => "test",
    }
}

/// Parses the field; a delivery without one was made when the event was accepted.
pub(super) fn read_trigger(field: Option<&Bytes>, event: &Event) -> Result<Trigger, StoreError> {
    match field.map(Bytes::as_ref) {
        None if event.fate == Fate::Test => Ok(Trigger::Test),
        None | Some(b"published") => Ok(Trigger::Published),
        Some(b"replay") => Ok(Trigger::Replay),
        Some(b"test") => Ok(Trigger::Test),
        Some(_) => Err(StoreError::Corrupt("why a delivery exists".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standings() {
        let at = Timestamp::from_micros(7);
        for (text, end, made, first, crashes) in [
            ("P 0 ", None, 0, None, 0),
            ("P 0  2 99", None, 0, None, 2),
            ("P 2 7", None, 2, Some(at), 0),
            ("P 2 7 1 99", None, 2, Some(at), 1),
            ("D7 1 7", Some(DeliveryState::Delivered { at }), 1, Some(at), 0),
            ("X7 3 7", Some(DeliveryState::Dead { at }), 3, Some(at), 0),
            ("C7 0 ", Some(DeliveryState::Cancelled { at }), 0, None, 0),
            ("S7 1 7", Some(DeliveryState::Shadowed { at }), 1, Some(at), 0),
        ] {
            let read = Standing::read(Some(&Bytes::from(text))).expect(text);
            let expected = Standing {
                end,
                made,
                first,
                crashes,
            };
            assert_eq!(read, expected, "{text}");
        }
        for text in [
            "", "P", "P 1", "Z7 1 7", "D 1 7", "D7 x 7", "P 1 x", "é 1 1", "P 1 1 x",
        ] {
            assert!(Standing::read(Some(&Bytes::from(text))).is_err(), "{text}");
        }
        assert_eq!(Standing::read(None).expect("fresh"), Standing::default());
    }
}
