//! Bytes of an attempt log's entries: about 55 each, with ids of the gateway's own making.

use bytes::Bytes;

use super::wire::{Reader, Writer};
use super::{EventId, StoreError, Timestamp, VERSION};
use crate::lists::{Left, LoggedAttempt};
use hookgate_domain::{DeliveryId, OutcomeKind};

/// Of the first byte: the event's id is a ULID of the gateway's and stands as its 16 bytes.
const OWN_ID: u8 = 0x80;

/// An entry.
pub(crate) fn encode_logged(attempt: &LoggedAttempt) -> Vec<u8> {
    let mut out = Writer::new(VERSION, 64);
    write(&mut out, attempt);
    out.finish()
}

/// Reads what `encode_logged` wrote.
///
/// # Errors
/// `Corrupt` when it is not such a record.
pub(crate) fn decode_logged(record: &Bytes) -> Result<LoggedAttempt, StoreError> {
    let mut from = Reader::new(record, VERSION, "attempt log")?;
    let attempt = read(&mut from)?;
    from.end()?;
    Ok(attempt)
}

/// Entries that were settled in one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogBlock {
    /// Number of entries ever written to the log before these.
    pub(crate) before: u64,
    /// Time of their settlement.
    pub(crate) at: Timestamp,
    /// Entries, each encoded by `encode_logged`.
    pub(crate) entries: Vec<Bytes>,
}

impl LogBlock {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let bytes: usize = self.entries.iter().map(|entry| entry.len() + 2).sum();
        let mut out = Writer::new(VERSION, 24 + bytes);
        out.number(self.before);
        out.time(self.at);
        out.list(&self.entries, |out, entry| {
            out.number(entry.len() as u64);
            out.raw(entry);
        });
        out.finish()
    }

    /// # Errors
    /// `Corrupt` when it is not such a record.
    pub(crate) fn decode(record: &Bytes) -> Result<Self, StoreError> {
        let mut from = Reader::new(record, VERSION, "attempt log")?;
        let (before, at) = (from.number()?, from.time()?);
        let entries = from.list(Reader::bytes)?;
        from.end()?;
        Ok(Self { before, at, entries })
    }

    /// Number of entries that the log ever had with these, and when they were settled: of a record whose entries are not looked at.
    ///
    /// # Errors
    /// `Corrupt` when it is not such a record.
    pub(crate) fn end_of(record: &Bytes) -> Result<(u64, Timestamp), StoreError> {
        let mut from = Reader::new(record, VERSION, "attempt log")?;
        let (before, at, count) = (from.number()?, from.time()?, from.number()?);
        Ok((before.saturating_add(count), at))
    }
}

fn write(out: &mut Writer, attempt: &LoggedAttempt) {
    let event = attempt.delivery.event.as_str();
    let own = event.strip_prefix("evt_").and_then(|digits| {
        let ulid = ulid::Ulid::from_string(digits).ok()?;
        (ulid.to_string() == digits).then_some(ulid)
    });
    let outcome = place(&OutcomeKind::ALL, attempt.outcome);
    out.byte(outcome | if own.is_some() { OWN_ID } else { 0 });
    out.byte(place(&Left::ALL, attempt.left));
    out.trigger(attempt.trigger);
    match own {
        Some(ulid) => out.raw(&ulid.to_bytes()),
        None => out.text(event),
    }
    out.target(attempt.delivery.target);
    out.number(attempt.delivery.run);
    out.number(attempt.number.into());
    out.number(attempt.status.unwrap_or(0).into());
    out.number(attempt.took_ms);
    out.text(attempt.kind.as_str());
}

fn read(from: &mut Reader) -> Result<LoggedAttempt, StoreError> {
    let (first, left) = (from.byte()?, from.byte()?);
    let outcome = OutcomeKind::ALL.get(usize::from(first & !OWN_ID));
    let outcome = *outcome.ok_or_else(|| from.corrupt())?;
    let left = *Left::ALL.get(usize::from(left)).ok_or_else(|| from.corrupt())?;
    let trigger = from.trigger()?;
    let event = if first & OWN_ID == 0 {
        from.parsed()?
    } else {
        EventId::new(ulid::Ulid::from_bytes(from.array()?))
    };
    let (target, run) = (from.target()?, from.number()?);
    let number = from.small()?;
    let status: u16 = from.small()?;
    let took_ms = from.number()?;
    Ok(LoggedAttempt {
        delivery: DeliveryId { event, target, run },
        kind: from.parsed()?,
        trigger,
        number,
        outcome,
        status: (status > 0).then_some(status),
        took_ms,
        left,
    })
}

fn place<T: PartialEq + Copy>(all: &[T], one: T) -> u8 {
    let place = all.iter().position(|other| *other == one);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::Trigger;

    #[test]
    fn entries_come_back_and_are_small() {
        let ulid = "evt_01J0000000000000000000000A";
        let sub = "sub_01J0000000000000000000000B";
        for (delivery, outcome, status, left) in [
            (
                format!("dlv_{ulid}~{sub}"),
                OutcomeKind::Delivered,
                Some(200),
                Left::Delivered,
            ),
            (
                format!("dlv_evt_of_my_own~{sub}~17"),
                OutcomeKind::HttpError,
                Some(500),
                Left::Pending,
            ),
            (
                "dlv_e~inline".to_owned(),
                OutcomeKind::Shadowed,
                None,
                Left::Shadowed,
            ),
        ] {
            let attempt = LoggedAttempt {
                delivery: delivery.parse().unwrap(),
                kind: "invoice.paid".parse().unwrap(),
                trigger: Trigger::Replay,
                number: 3,
                outcome,
                status,
                took_ms: 12_345,
                left,
            };
            let record = Bytes::from(encode_logged(&attempt));
            assert_eq!(decode_logged(&record).unwrap(), attempt);
            assert!(record.len() < 64, "{}", record.len());
            for end in 0..record.len() {
                assert!(decode_logged(&record.slice(..end)).is_err());
            }
            let block = LogBlock {
                before: 9,
                at: Timestamp::from_micros(7),
                entries: vec![record.clone(), record],
            };
            let bytes = Bytes::from(block.encode());
            assert_eq!(LogBlock::decode(&bytes).unwrap(), block);
            assert_eq!(LogBlock::end_of(&bytes).unwrap(), (11, block.at));
        }
    }
}
