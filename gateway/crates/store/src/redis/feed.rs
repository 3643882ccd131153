//! Feed of a tenant: a stream in the order of commits. Its ids are the positions.

use redis::{Pipeline, Value};

use super::keys::{Keys, fields};
use super::{Inner, codec, reply};
use crate::{FEED_PAGE_BYTES, FeedPage, FeedPosition, StoreError};
use hookgate_domain::{Event, EventId, TenantId, Timestamp};

/// Direction of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// After the position, the oldest first.
    On,
    /// Before the position, the newest first.
    Back,
}

/// An entry of the stream.
pub(super) struct Entry {
    pub(super) position: FeedPosition,
    pub(super) event: EventId,
}

/// Page of a tenant's feed from a position, which is excluded. Skips entries without an event.
pub(super) async fn page(
    store: &Inner,
    tenant: &TenantId,
    mut from: FeedPosition,
    limit: usize,
    way: Way,
) -> Result<FeedPage, StoreError> {
    let mut events = Vec::new();
    loop {
        let (mut entries, kept_from) = entries(store, tenant, from, limit + 1, way).await?;
        let mut more = entries.len() > limit;
        entries.truncate(limit);
        let wanted = entries.len();
        let looked = read_events(store, tenant, entries, &mut events).await?;
        more |= looked.count < wanted;
        if let Some(last) = looked.last {
            from = last;
        }
        if !events.is_empty() || !more || limit == 0 {
            return Ok(FeedPage {
                events,
                kept_from,
                more,
            });
        }
    }
}

/// Position before everything of a time's millisecond: positions are of the server's clock.
pub(super) fn since(time: Timestamp) -> FeedPosition {
    match time.as_millis().checked_sub(1) {
        Some(before) => FeedPosition {
            major: before,
            minor: u64::MAX,
        },
        None => FeedPosition::START,
    }
}

/// Reads the entries first and the start of the retained feed second.
/// Entries that are removed in between are then reported as expired, and never skipped.
async fn entries(
    store: &Inner,
    tenant: &TenantId,
    from: FeedPosition,
    count: usize,
    way: Way,
) -> Result<(Vec<Entry>, FeedPosition), StoreError> {
    let mut pipeline = Pipeline::new();
    let edge = edge(from, way);
    match way {
        Way::On => pipeline
            .cmd("XRANGE")
            .arg(store.keys.feed(tenant))
            .arg(edge)
            .arg("+"),
        Way::Back => pipeline
            .cmd("XREVRANGE")
            .arg(store.keys.feed(tenant))
            .arg(edge)
            .arg("-"),
    };
    pipeline.arg("COUNT").arg(count);
    pipeline
        .cmd("HGET")
        .arg(store.keys.kept(Keys::shard(tenant)))
        .arg(tenant.as_str());
    let mut replies = store.connection.many(&pipeline).await?.into_iter();
    let (Some(found), Some(kept)) = (replies.next(), replies.next()) else {
        return Err(reply::unexpected("two replies"));
    };
    let kept_from = match reply::optional(kept)? {
        Some(text) => position(&text)?,
        None => FeedPosition::START,
    };
    let found: Result<Vec<Entry>, StoreError> = reply::array(found)?.into_iter().map(read_entry).collect();
    Ok((found?, kept_from))
}

/// The bound that leaves the position out. There is none beyond the first and the last id, which no entry has.
pub(super) fn edge(from: FeedPosition, way: Way) -> String {
    let outermost = match way {
        Way::On => FeedPosition::END,
        Way::Back => FeedPosition::START,
    };
    let open = if from == outermost { "" } else { "(" };
    format!("{open}{}-{}", from.major, from.minor)
}

/// Decodes an entry, `[id, ["e", event, "t", type]]`.
pub(super) fn read_entry(value: Value) -> Result<Entry, StoreError> {
    let mut parts = reply::array(value)?.into_iter();
    let (Some(id), Some(content)) = (parts.next(), parts.next()) else {
        return Err(reply::unexpected("an entry of the feed"));
    };
    let event = reply::array(content)?.into_iter().nth(1).unwrap_or_default();
    Ok(Entry {
        position: position(&reply::bytes(id)?)?,
        event: reply::text(event)?
            .parse()
            .map_err(|_| reply::unexpected("an event's id"))?,
    })
}

/// Number and last position of the entries that were read.
#[derive(Default)]
struct Looked {
    count: usize,
    last: Option<FeedPosition>,
}

/// Adds the events of entries up to [`FEED_PAGE_BYTES`], at least one.
/// Their stored sizes are read first, so that the replies are bounded too.
async fn read_events(
    store: &Inner,
    tenant: &TenantId,
    mut entries: Vec<Entry>,
    events: &mut Vec<(FeedPosition, Event)>,
) -> Result<Looked, StoreError> {
    let mut looked = Looked::default();
    if entries.is_empty() {
        return Ok(looked);
    }
    let mut stored = 0;
    let sizes = store
        .connection
        .many(&record_of_each("HSTRLEN", store, tenant, &entries))
        .await?;
    let mut fit = 0;
    for size in sizes {
        if stored >= FEED_PAGE_BYTES {
            break;
        }
        stored += usize::try_from(reply::number(size)?).unwrap_or(usize::MAX);
        fit += 1;
    }
    entries.truncate(fit);
    let records = store
        .connection
        .many(&record_of_each("HGET", store, tenant, &entries))
        .await?;
    let mut bytes = 0;
    for (entry, record) in entries.into_iter().zip(records) {
        if bytes >= FEED_PAGE_BYTES {
            break;
        }
        looked.count += 1;
        looked.last = Some(entry.position);
        if let Some(record) = reply::optional(record)? {
            let (event, _) = codec::decode_event(tenant, &entry.event, &record)?;
            bytes += event.size();
            events.push((entry.position, event));
        }
    }
    Ok(looked)
}

/// Builds a command for the stored record of each entry's event.
fn record_of_each(command: &str, store: &Inner, tenant: &TenantId, entries: &[Entry]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(entries.len());
    for entry in entries {
        pipeline
            .cmd(command)
            .arg(store.keys.event(tenant, &entry.event))
            .arg(fields::EVENT);
    }
    pipeline
}

/// A stream id, `MILLISECONDS-NUMBER`.
pub(super) fn position(id: &[u8]) -> Result<FeedPosition, StoreError> {
    std::str::from_utf8(id)
        .ok()
        .and_then(|id| {
            let (major, minor) = id.split_once('-')?;
            Some(FeedPosition {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            })
        })
        .ok_or_else(|| reply::unexpected("a position in the feed"))
}
