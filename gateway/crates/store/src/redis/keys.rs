//! Names of keys and sorted-set members. Pure; the only source of names in this store.
//!
//! A key begins with its hash tag, `{hg:07}`: the configured prefix and the shard. All keys of one
//! operation have one tag, so that its transaction or script is legal in a cluster. Every key of a
//! tenant's data contains the tenant.

use std::fmt::Write;

use crate::series::{SeriesKind, SeriesStep};
use crate::{Endpoint, Shard};
use hookgate_domain::{DeliveryId, EventId, SubscriptionId, Target, TenantId, Timestamp};

/// Number of shards: part of the layout, stored in the meta key and compared at every connect.
pub(super) const SHARDS: u16 = 16;

/// Builds keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    shards: Vec<String>,
    registry: String,
}

/// Name of a delivery in the due set, the dead letters and the fields of an event's hash.
/// Its form is `TENANT|EVENT|TARGET|RUN`; none of the parts can contain a `|`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    text: String,
    part: usize,
}

impl Keys {
    /// Builds keys with this prefix.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            shards: (0..SHARDS)
                .map(|shard| format!("{{{prefix}:{shard:02}}}"))
                .collect(),
            registry: format!("{{{prefix}:reg}}"),
        }
    }

    /// Shard of the tenant: FNV-1a of its name.
    /// The hash has to be the same in every version and on every machine.
    pub(super) fn shard(tenant: &TenantId) -> Shard {
        let hash = tenant
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let shard = (hash ^ (hash >> 32)) % u64::from(SHARDS);
        Shard(u16::try_from(shard).unwrap_or(0))
    }

    /// Every shard.
    pub(super) fn shards() -> impl Iterator<Item = Shard> {
        (0..SHARDS).map(Shard)
    }

    /// Sorted set: `TENANT|TARGET` of endpoints with pending deliveries, by their next turn (µs).
    /// The turn comes when the first delivery is due or its lease ends, or later while the endpoint
    /// is held.
    pub(super) fn turns(&self, shard: Shard) -> String {
        self.of_shard(shard, "turns")
    }

    /// Sorted set: an endpoint's due and leased deliveries.
    /// The score is the time at which each is due or its lease ends (µs of the server's clock).
    pub(super) fn due(&self, tenant: &TenantId, target: Target) -> String {
        let mut key = self.of_tenant("due:", tenant, &[":"]);
        // Writing to a string cannot fail.
        let _ = write!(key, "{target}");
        key
    }

    /// Counter: events that the shard ever accepted.
    pub(super) fn sequence(&self, shard: Shard) -> String {
        self.of_shard(shard, "seq")
    }

    /// Set: tenants that have had events in the shard.
    pub(super) fn tenants(&self, shard: Shard) -> String {
        self.of_shard(shard, "tenants")
    }

    /// Hash by tenant: the last feed position that was removed.
    pub(super) fn kept(&self, shard: Shard) -> String {
        self.of_shard(shard, "kept")
    }

    /// Sorted set: `TENANT|EVENT` of events that no feed lists (any more), by their expiry (µs).
    pub(super) fn unlisted(&self, shard: Shard) -> String {
        self.of_shard(shard, "unlisted")
    }

    /// Hash: the event and the outcomes of its deliveries; its fields are in `fields`.
    pub(super) fn event(&self, tenant: &TenantId, id: &EventId) -> String {
        self.of_tenant("ev:", tenant, &[":", id.as_str()])
    }

    /// Hash: usage of the tenant; its fields are in `usage`.
    pub(super) fn usage(&self, tenant: &TenantId) -> String {
        self.of_tenant("usage:", tenant, &[])
    }

    /// String: time of the first usage count of the shard's tenants after an upgrade (ms).
    pub(super) fn counted(&self, shard: Shard) -> String {
        self.of_shard(shard, "counted")
    }

    /// String: lock of a usage count of the shard's tenants.
    pub(super) fn counting(&self, shard: Shard) -> String {
        self.of_shard(shard, "counting")
    }

    /// Prefix of the keys of all due sets of a shard; `TENANT:TARGET` follows.
    pub(super) fn due_prefix(&self, shard: Shard) -> String {
        self.of_shard(shard, "due:")
    }

    /// Stream: the tenant's feed.
    pub(super) fn feed(&self, tenant: &TenantId) -> String {
        self.of_tenant("feed:", tenant, &[])
    }

    /// Sorted set: the tenant's dead letters by their time of death.
    pub(super) fn dead(&self, tenant: &TenantId) -> String {
        self.of_tenant("dead:", tenant, &[])
    }

    /// Stream: the tenant's attempt log.
    pub(super) fn log(&self, tenant: &TenantId) -> String {
        self.of_tenant("log:", tenant, &[])
    }

    /// Hash: counts of one kind of keys of a tenant's in a step.
    pub(super) fn series(
        &self,
        tenant: &TenantId,
        kind: SeriesKind,
        step: SeriesStep,
        start: Timestamp,
    ) -> String {
        let mut key = self.of_tenant("series:", tenant, &[]);
        // Writing to a string cannot fail.
        let _ = write!(key, ":{}{}:{}", kind.letter(), step.letter(), start.as_millis());
        key
    }

    /// Hash: how a subscription fares; its fields are told in `stats`.
    pub(super) fn stats(&self, tenant: &TenantId, id: SubscriptionId) -> String {
        self.of_tenant("stat:", tenant, &[":", &id.to_string()])
    }

    /// String: stored result of a producer's idempotency key.
    pub(super) fn idempotency(&self, tenant: &TenantId, key: &str) -> String {
        self.of_tenant("idem:", tenant, &[":", key])
    }

    /// Hash: layout of the store.
    pub(super) fn meta(&self) -> String {
        self.of_registry("meta", "")
    }

    /// Counter: grows with every change of any registry.
    pub(super) fn registry_version(&self) -> String {
        self.of_registry("version", "")
    }

    /// Sorted set: tenants by the version of their last change, deleted ones included.
    pub(super) fn registry_changed(&self) -> String {
        self.of_registry("changed", "")
    }

    /// Hash: a tenant's registry.
    pub(super) fn registry(&self, tenant: &TenantId) -> String {
        self.of_registry("tenant:", tenant.as_str())
    }

    /// String: a blob, by name.
    pub(super) fn blob(&self, name: &str) -> String {
        self.of_registry("blob:", name)
    }

    /// String: a note.
    pub(super) fn note(&self, name: &str) -> String {
        self.of_registry("note:", name)
    }

    /// Sorted set: an owner's notes by their end, in ms.
    pub(super) fn notes_of(&self, owner: &str) -> String {
        self.of_registry("notes:", owner)
    }

    fn tag(&self, shard: Shard) -> &str {
        self.shards.get(usize::from(shard.0)).map_or("", String::as_str)
    }

    fn of_shard(&self, shard: Shard, name: &str) -> String {
        [self.tag(shard), name].concat()
    }

    fn of_tenant(&self, name: &str, tenant: &TenantId, rest: &[&str]) -> String {
        let mut key = String::with_capacity(128);
        key.push_str(self.tag(Self::shard(tenant)));
        key.push_str(name);
        key.push_str(tenant.as_str());
        for part in rest {
            key.push_str(part);
        }
        key
    }

    fn of_registry(&self, name: &str, rest: &str) -> String {
        [&self.registry, name, rest].concat()
    }
}

impl Member {
    /// Name of a delivery.
    pub(super) fn of(tenant: &TenantId, id: &DeliveryId) -> Self {
        Self::new(tenant, &id.event, id.target, id.run)
    }

    /// Name of the delivery of an event to a target in a run.
    pub(super) fn new(tenant: &TenantId, event: &EventId, target: Target, run: u64) -> Self {
        let mut text = String::with_capacity(tenant.as_str().len() + event.as_str().len() + 40);
        text.push_str(tenant.as_str());
        text.push('|');
        text.push_str(event.as_str());
        text.push('|');
        let part = text.len();
        // Writing to a string cannot fail.
        let _ = write!(text, "{target}|{run}");
        Self { text, part }
    }

    /// The whole name.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Part of the name after the event: `TARGET|RUN`.
    pub(super) fn part(&self) -> &str {
        &self.text[self.part..]
    }

    /// Parses a name; `None` if it is not one.
    pub(super) fn read(text: &[u8]) -> Option<(TenantId, DeliveryId)> {
        let mut parts = std::str::from_utf8(text).ok()?.split('|');
        let tenant = parts.next()?.parse().ok()?;
        let event = parts.next()?.parse().ok()?;
        let target = parts.next()?.parse().ok()?;
        let run = parts.next()?.parse().ok()?;
        parts
            .next()
            .is_none()
            .then_some((tenant, DeliveryId { event, target, run }))
    }
}

/// Builds `TENANT|TARGET`, as `turns` names endpoints.
pub(super) fn turn_name(tenant: &TenantId, target: Target) -> String {
    format!("{tenant}|{target}")
}

/// Parses `TENANT|TARGET`.
pub(super) fn read_turn_name(text: &str) -> Option<Endpoint> {
    let (tenant, target) = text.split_once('|')?;
    Some(Endpoint {
        tenant: tenant.parse().ok()?,
        target: target.parse().ok()?,
    })
}

/// Builds `TENANT|EVENT`, as `unlisted` names events.
pub(super) fn event_name(tenant: &TenantId, event: &EventId) -> String {
    [tenant.as_str(), "|", event.as_str()].concat()
}

/// Parses `TENANT|EVENT`.
pub(super) fn read_event_name(text: &str) -> Option<(TenantId, EventId)> {
    let (tenant, event) = text.split_once('|')?;
    Some((tenant.parse().ok()?, event.parse().ok()?))
}

/// Parses `TARGET|RUN`.
pub(super) fn read_part(text: &str) -> Option<(Target, u64)> {
    let (target, run) = text.split_once('|')?;
    Some((target.parse().ok()?, run.parse().ok()?))
}

/// The fields of an event's hash. All but `EVENT` are followed by a delivery's `TARGET|RUN`.
pub(super) mod fields {
    /// The event and the targets that it was accepted for, encoded.
    pub(in super::super) const EVENT: &str = "e";
    /// State of a delivery, from its first change on: see `record`.
    pub(in super::super) const STANDING: &str = "d:";
    /// Origin of a delivery that was not made by accepting the event.
    pub(in super::super) const TRIGGER: &str = "t:";
    /// The body that a delivery chain made.
    pub(in super::super) const BODY: &str = "b:";
    /// An attempt, followed by `|NUMBER` too, encoded.
    pub(in super::super) const ATTEMPT: &str = "a:";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().expect("valid")
    }

    fn tag(key: &str) -> &str {
        &key[key.find('{').expect("a tag")..=key.find('}').expect("a tag")]
    }

    /// A cluster computes the slot from the hash tag (Redis cluster specification, "Hash tags").
    #[test]
    fn all_keys_of_an_operation_carry_one_tag() {
        let keys = Keys::new("hg");
        for name in ["acme", "globex", "a", "tenant-with-a-long-name-0123456789"] {
            let tenant = tenant(name);
            let shard = Keys::shard(&tenant);
            let event: EventId = "evt_1".parse().expect("valid");
            let of_tenant = [
                keys.turns(shard),
                keys.due(&tenant, Target::Inline),
                keys.due(&tenant, Target::Subscription(SubscriptionId::new(ulid::Ulid(1)))),
                keys.sequence(shard),
                keys.tenants(shard),
                keys.kept(shard),
                keys.unlisted(shard),
                keys.event(&tenant, &event),
                keys.feed(&tenant),
                keys.dead(&tenant),
                keys.log(&tenant),
                keys.stats(&tenant, SubscriptionId::new(ulid::Ulid(1))),
                keys.idempotency(&tenant, "a {key} with braces"),
            ];
            for key in &of_tenant {
                assert_eq!(tag(key), format!("{{hg:{:02}}}", shard.0), "{key}");
                assert!(key.starts_with('{'), "{key}");
            }
            let of_registry = [
                keys.meta(),
                keys.registry_version(),
                keys.registry_changed(),
                keys.registry(&tenant),
                keys.blob("sha256-00"),
            ];
            for key in &of_registry {
                assert_eq!(tag(key), "{hg:reg}", "{key}");
            }
        }
    }

    #[test]
    fn a_tenant_stays_in_its_shard_and_tenants_spread() {
        // Stored data depends on these: they never change.
        for (name, shard) in [("acme", 12), ("globex", 9), ("a", 0)] {
            assert_eq!(Keys::shard(&tenant(name)).0, shard, "{name}");
        }
        let mut counts = [0_u32; SHARDS as usize];
        for n in 0..1_600 {
            counts[usize::from(Keys::shard(&tenant(&format!("tenant-{n}"))).0)] += 1;
        }
        assert!(counts.iter().all(|count| (50..200).contains(count)), "{counts:?}");
    }

    #[test]
    fn members_read_back() {
        let tenant = tenant("acme");
        for text in ["dlv_evt_1~inline", "dlv_evt_1~sub_01J0000000000000000000000A~17"] {
            let id: DeliveryId = text.parse().expect("valid");
            let member = Member::of(&tenant, &id);
            assert_eq!(
                Member::read(member.as_str().as_bytes()),
                Some((tenant.clone(), id.clone()))
            );
            let (tenant, target) = (tenant.clone(), id.target);
            let name = turn_name(&tenant, target);
            assert_eq!(read_turn_name(&name), Some(Endpoint { tenant, target }));
            assert_eq!(read_part(member.part()), Some((id.target, id.run)));
        }
        for text in [
            "",
            "acme",
            "acme|evt_1|inline",
            "acme|evt_1|inline|0|0",
            "acme|evt_1|nobody|0",
            "A|evt_1|inline|0",
        ] {
            assert_eq!(Member::read(text.as_bytes()), None, "{text}");
        }
    }
}
