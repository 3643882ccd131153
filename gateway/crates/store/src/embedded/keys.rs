//! Keys of rows.
//!
//! Every key begins with its tenant's name and a zero byte, so no range of one tenant contains rows
//! of another.

use crate::series::{SeriesKind, SeriesStep};
use hookgate_domain::{DeliveryId, EventId, SubscriptionId, Target, TenantId, Timestamp};

/// Position of an event's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventSlot {
    /// List that contains the event.
    pub(super) space: Space,
    /// The tenant's sequence, from 1.
    pub(super) sequence: u64,
}

/// Lists of a tenant's events, each in commit order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Events in the feed.
    Feed,
    /// Events in no feed: filtered and test events, and expired ones with a pending delivery.
    Hidden,
}

impl Space {
    /// Both, in the order of their keys.
    pub(super) const ALL: [Self; 2] = [Self::Feed, Self::Hidden];

    fn byte(self) -> u8 {
        match self {
            Self::Feed => b'f',
            Self::Hidden => b'x',
        }
    }

    fn read(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|space| space.byte() == byte)
    }
}

impl EventSlot {
    /// Encodes the slot as a value of `tables::PLACES`.
    pub(super) fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [self.space.byte(); 9];
        bytes[1..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// Decodes the bytes of `to_bytes`.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (space, sequence) = bytes.split_first()?;
        Some(Self {
            space: Space::read(*space)?,
            sequence: u64::from_be_bytes(sequence.try_into().ok()?),
        })
    }
}

/// Prefix of all keys of a tenant.
pub(super) fn tenant(tenant: &TenantId) -> Vec<u8> {
    let mut key = Vec::with_capacity(tenant.as_str().len() + 64);
    key.extend_from_slice(tenant.as_str().as_bytes());
    key.push(0);
    key
}

/// Prefix of the keys of one list of a tenant's events.
pub(super) fn space(of: &TenantId, space: Space) -> Vec<u8> {
    let mut key = tenant(of);
    key.push(space.byte());
    key
}

/// Key of an event's row.
pub(super) fn event(of: &TenantId, place: EventSlot) -> Vec<u8> {
    let mut key = tenant(of);
    key.extend_from_slice(&place.to_bytes());
    key
}

/// Tenant and slot of an event, from its row's key.
pub(super) fn read_event(key: &[u8]) -> Option<(TenantId, EventSlot)> {
    let (tenant, place) = split_tenant(key)?;
    Some((tenant, EventSlot::read(place)?))
}

/// Key by a text: an event's id, an idempotency key, the name of a registry entry.
pub(super) fn named(of: &TenantId, name: &str) -> Vec<u8> {
    let mut key = tenant(of);
    key.extend_from_slice(name.as_bytes());
    key
}

/// Key of a subscription's row.
pub(super) fn subscription(of: &TenantId, id: SubscriptionId) -> Vec<u8> {
    let mut key = tenant(of);
    key.extend_from_slice(&id.ulid().to_bytes());
    key
}

/// Prefix of the keys of all deliveries of an event.
pub(super) fn deliveries_of(of: &TenantId, event: &EventId) -> Vec<u8> {
    let mut key = named(of, event.as_str());
    key.push(0);
    key
}

/// Key of a delivery's row.
pub(super) fn delivery(of: &TenantId, id: &DeliveryId) -> Vec<u8> {
    let mut key = deliveries_of(of, &id.event);
    match id.target {
        Target::Inline => key.push(0),
        Target::Subscription(id) => {
            key.push(1);
            key.extend_from_slice(&id.ulid().to_bytes());
        }
    }
    key.extend_from_slice(&id.run.to_be_bytes());
    key
}

/// Tenant and id of a delivery, from its row's key.
pub(super) fn read_delivery(key: &[u8]) -> Option<(TenantId, DeliveryId)> {
    let (tenant, rest) = split_tenant(key)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let event = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    let (target, run) = rest[end + 1..].split_last_chunk::<8>()?;
    let target = match target.split_first()? {
        (0, []) => Target::Inline,
        (1, ulid) => {
            let ulid = ulid::Ulid::from_bytes(ulid.try_into().ok()?);
            Target::Subscription(SubscriptionId::new(ulid))
        }
        _ => return None,
    };
    let run = u64::from_be_bytes(*run);
    Some((tenant, DeliveryId { event, target, run }))
}

/// Key of an earlier attempt of a delivery, counted from 0.
pub(super) fn attempt(delivery: &[u8], index: u32) -> Vec<u8> {
    [delivery, &index.to_be_bytes()].concat()
}

/// Key of a dead letter; a tenant's keys are in the order of time.
pub(super) fn dead_letter(of: &TenantId, at: Timestamp, id: &DeliveryId) -> Vec<u8> {
    let prefix = tenant(of);
    let delivery = delivery(of, id);
    [
        &prefix,
        &at.as_micros().to_be_bytes()[..],
        &delivery[prefix.len()..],
    ]
    .concat()
}

/// Lower bound of the keys of dead letters of this time or later.
pub(super) fn dead_letters_until(of: &TenantId, at: Timestamp) -> Vec<u8> {
    [&tenant(of), &at.as_micros().to_be_bytes()[..]].concat()
}

/// Id and time of a dead letter, from its row's key.
pub(super) fn read_dead_letter(key: &[u8]) -> Option<(DeliveryId, Timestamp)> {
    let end = key.iter().position(|byte| *byte == 0)? + 1;
    let (at, delivery) = key[end..].split_first_chunk::<8>()?;
    let (_, id) = read_delivery(&[&key[..end], delivery].concat())?;
    Some((id, Timestamp::from_micros(u64::from_be_bytes(*at))))
}

/// A row of a tenant's attempt log: they are in the order of their numbers.
pub(super) fn logged(of: &TenantId, number: u64) -> Vec<u8> {
    [&tenant(of), &number.to_be_bytes()[..]].concat()
}

/// Reads a row's tenant and number in an attempt log.
pub(super) fn read_logged(key: &[u8]) -> Option<(TenantId, u64)> {
    let (tenant, number) = split_tenant(key)?;
    Some((tenant, u64::from_be_bytes(number.try_into().ok()?)))
}

/// Beginning of the keys of a tenant's counts of a step.
pub(super) fn series(of: &TenantId, kind: SeriesKind, step: SeriesStep, start: Timestamp) -> Vec<u8> {
    let mut key = tenant(of);
    key.extend([kind.letter(), step.letter()].map(|letter| u8::try_from(letter).unwrap_or(b'?')));
    key.extend_from_slice(&start.as_millis().to_be_bytes());
    key
}

/// Reads whose counts a row has, of which kind and step, of when and of what.
pub(super) fn read_series(key: &[u8]) -> Option<((TenantId, SeriesKind, SeriesStep), Timestamp, &str)> {
    let (tenant, rest) = split_tenant(key)?;
    let ([kind, step], rest) = rest.split_first_chunk::<2>()?;
    let kind = SeriesKind::ALL
        .into_iter()
        .find(|known| known.letter() == char::from(*kind))?;
    let step = match step {
        b'm' => SeriesStep::Minute,
        b'h' => SeriesStep::Hour,
        _ => return None,
    };
    let (start, text) = rest.split_first_chunk::<8>()?;
    let start = Timestamp::from_millis(u64::from_be_bytes(*start));
    Some(((tenant, kind, step), start, std::str::from_utf8(text).ok()?))
}

/// An idempotency key's row by its age.
pub(super) fn aged(first_used: Timestamp, named: &[u8]) -> Vec<u8> {
    [&first_used.as_micros().to_be_bytes()[..], named].concat()
}

/// First key after all keys with this prefix.
/// The prefix must not end in 0xFF; the prefixes of this module do not.
pub(super) fn behind(mut prefix: Vec<u8>) -> Vec<u8> {
    if let Some(last) = prefix.last_mut() {
        *last = last.saturating_add(1);
    }
    prefix
}

fn split_tenant(key: &[u8]) -> Option<(TenantId, &[u8])> {
    let end = key.iter().position(|byte| *byte == 0)?;
    let tenant = TenantId::from_store(std::str::from_utf8(&key[..end]).ok()?).ok()?;
    Some((tenant, &key[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (TenantId, Vec<DeliveryId>) {
        let target = |n| Target::Subscription(SubscriptionId::new(ulid::Ulid(n)));
        let id = |event: &str, target, run| DeliveryId {
            event: event.parse().unwrap(),
            target,
            run,
        };
        let all = vec![
            id("e", Target::Inline, 0),
            id("e", Target::Inline, u64::MAX),
            id("e", target(0), 7),
            id("e.1", target(u128::MAX), 0),
        ];
        ("acme".parse().unwrap(), all)
    }

    #[test]
    fn keys_read_back() {
        let (acme, ids) = ids();
        for id in ids {
            let key = delivery(&acme, &id);
            assert_eq!(read_delivery(&key), Some((acme.clone(), id.clone())));
            let at = Timestamp::from_micros(77);
            assert_eq!(
                read_dead_letter(&dead_letter(&acme, at, &id)),
                Some((id.clone(), at))
            );
            assert!(key.starts_with(&deliveries_of(&acme, &id.event)));
        }
        for space in Space::ALL {
            let place = EventSlot { space, sequence: 300 };
            assert_eq!(read_event(&event(&acme, place)), Some((acme.clone(), place)));
        }
        for noise in [&b""[..], b"acme", b"acme\0", b"acme\0e\0", b"\xff\0e\0\0\0"] {
            assert_eq!(read_delivery(noise), None);
            assert_eq!(read_event(noise), None);
            assert_eq!(read_dead_letter(noise), None);
        }
    }

    #[test]
    fn one_tenants_range_holds_no_others() {
        let (acme, longer): (TenantId, TenantId) = ("acme".parse().unwrap(), "acme-2".parse().unwrap());
        let range = tenant(&acme)..behind(tenant(&acme));
        assert!(range.contains(&named(&acme, "\u{7f}zzz")));
        assert!(!range.contains(&named(&longer, "a")));
        let feed = space(&acme, Space::Feed)..behind(space(&acme, Space::Feed));
        let last = EventSlot {
            space: Space::Feed,
            sequence: u64::MAX,
        };
        assert!(feed.contains(&event(&acme, last)));
        let aside = EventSlot {
            space: Space::Hidden,
            sequence: 1,
        };
        assert!(!feed.contains(&event(&acme, aside)));
    }
}
