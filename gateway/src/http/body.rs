//! Reads a request's body within limits of size and time, charged to the memory pool as it arrives.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Body;

use super::{Code, Problem, content};
use hookgate_domain::TenantId;
use hookgate_json::Document;
use hookgate_runtime::memory::{MemoryFull, MemoryPool, MemoryUse, Reservation};

/// Limits of a body: size and time.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Maximum size in bytes.
    pub max: usize,
    /// Longest time for the whole body.
    pub time: Duration,
}

/// Memory account of a body: a tenant's share, or the total alone.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Memory pool of the process.
    pub pool: &'a MemoryPool,
    /// Tenant; `None` for the operator.
    pub owner: Option<&'a TenantId>,
}

/// Body in memory.
#[derive(Debug)]
pub struct Received {
    /// Complete body.
    pub bytes: Bytes,
    /// Its memory charge, to be held as long as anything that is derived from the body.
    pub memory: Charge,
}

/// Memory charged for a request.
/// The first `UNCHARGED` bytes of a request are free: the number of concurrent requests is bounded,
/// and most are smaller.
#[derive(Debug, Default)]
pub struct Charge {
    bytes: usize,
    held: Option<Reservation>,
    /// Further charges.
    more: Vec<Reservation>,
}

impl Charge {
    /// Takes over another charge.
    pub fn add(&mut self, other: Self) {
        self.more.extend(other.held);
        self.more.extend(other.more);
    }
}

impl Account<'_> {
    /// Charges the document of a JSON text, before it is parsed.
    ///
    /// # Errors
    /// As [`Self::charge`].
    pub fn charge_document(self, charge: &mut Charge, text: &[u8]) -> Result<(), Problem> {
        if text.len() < SMALL_TEXT {
            return Ok(());
        }
        self.charge(charge, Document::memory_estimate(text))
    }

    /// Charges more bytes, before they are allocated.
    ///
    /// # Errors
    /// `memory_share`, `overloaded`; `body_too_large` if the body exceeds what the tenant could
    /// ever hold.
    pub fn charge(self, charge: &mut Charge, bytes: usize) -> Result<(), Problem> {
        charge.bytes = charge.bytes.saturating_add(bytes);
        let Some(wanted) = charge.bytes.checked_sub(UNCHARGED).filter(|over| *over > 0) else {
            return Ok(());
        };
        let held = charge.held.as_ref().map_or(0, Reservation::bytes);
        let added = match &mut charge.held {
            Some(reservation) => reservation.grow(wanted.saturating_sub(held)),
            None => self
                .pool
                .reserve(self.owner, MemoryUse::Requests, wanted)
                .map(|reservation| charge.held = Some(reservation)),
        };
        added.map_err(|full| self.full(full, wanted))
    }

    fn full(self, full: MemoryFull, wanted: usize) -> Problem {
        let most = match self.owner {
            Some(_) => self.pool.max_per_tenant(),
            None => self.pool.max(),
        };
        if wanted > most {
            let detail = format!(
                "The request would take about {wanted} bytes of memory; {most} are allowed for all requests together."
            );
            return Problem::new(Code::BodyTooLarge, detail);
        }
        Problem::from(full)
    }
}

impl From<MemoryFull> for Problem {
    fn from(full: MemoryFull) -> Self {
        match full {
            MemoryFull::Tenant => Self::new(
                Code::MemoryShare,
                "The tenant's requests, events and pages hold as much memory as they may (`memory.max_bytes_per_tenant`).",
            ),
            MemoryFull::Total => Self::new(
                Code::Overloaded,
                "Requests, events and pages hold as much memory as they may (`memory.max_bytes`).",
            ),
        }
        .retry_after(PAUSE)
    }
}

/// Reads a complete body. Memory grows with the received bytes, not with the announced length.
///
/// # Errors
/// `unsupported_encoding`, `body_too_large`, `body_timeout`, `body_incomplete`, and those of
/// [`Account::charge`]. The connection handles the unread rest.
pub async fn receive<B>(
    headers: &HeaderMap,
    mut body: B,
    limits: BodyLimits,
    account: Account<'_>,
) -> Result<Received, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    content::check_encoding(headers)?;
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > limits.max {
        return Err(too_large(limits.max));
    }
    // A body that arrived with its head is ready at once; then no timer is set.
    match tokio::time::timeout(limits.time, collect(&mut body, limits.max, account)).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            Code::BodyTimeout,
            format!("The body was not complete after {:?}.", limits.time),
        )
        .closing()),
    }
}

async fn collect<B>(body: &mut B, max: usize, account: Account<'_>) -> Result<Received, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut memory = Charge::default();
    let Some(first) = next(body).await? else {
        return Ok(Received {
            bytes: Bytes::new(),
            memory,
        });
    };
    if first.len() > max {
        return Err(too_large(max));
    }
    account.charge(&mut memory, first.len())?;
    let Some(mut chunk) = next(body).await? else {
        return Ok(Received { bytes: first, memory });
    };
    let announced = body
        .size_hint()
        .exact()
        .and_then(|left| usize::try_from(left).ok());
    let most = announced.map_or(max, |left| max.min(first.len() + chunk.len() + left));
    let mut charged = first.len();
    let mut all = Vec::new();
    let mut before = Some(first);
    loop {
        let needed = all.len() + before.as_ref().map_or(0, Bytes::len) + chunk.len();
        if needed > max {
            return Err(too_large(max));
        }
        // Twice the present capacity, or what is needed: never the announced length, of which
        // nothing may arrive.
        let capacity = needed.max((2 * all.capacity()).min(most));
        if needed > all.capacity() {
            account.charge(&mut memory, capacity.saturating_sub(charged))?;
            charged = capacity;
            all.reserve_exact(capacity - all.len());
        }
        before
            .take()
            .into_iter()
            .for_each(|first| all.extend_from_slice(&first));
        all.extend_from_slice(&chunk);
        match next(body).await? {
            Some(more) => chunk = more,
            None => break,
        }
    }
    Ok(Received {
        bytes: all.into(),
        memory,
    })
}

/// Next bytes; trailers are skipped.
async fn next<B>(body: &mut B) -> Result<Option<Bytes>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        if body.is_end_stream() {
            return Ok(None);
        }
        match body.frame().await {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(_)) => {
                return Err(Problem::new(
                    Code::BodyIncomplete,
                    "The connection broke, or the body is not framed as its headers say.",
                )
                .closing());
            }
        }
    }
}

fn too_large(max: usize) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("The body has more than the {max} bytes that are allowed here."),
    )
    .closing()
}

/// Bytes of a request that are not charged.
const UNCHARGED: usize = 16 << 10;
/// Length in bytes below which a text's document is not charged.
const SMALL_TEXT: usize = 512;
/// `Retry-After` while memory is short.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use hookgate_domain::units::Size;
    use hookgate_runtime::memory;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    const LIMITS: BodyLimits = BodyLimits {
        max: 8,
        time: Duration::from_secs(5),
    };

    fn pool(max: usize, per_tenant: usize) -> MemoryPool {
        let size = |bytes: usize| Size::from_bytes(bytes as u64);
        MemoryPool::new(&memory::Config {
            max_bytes: size(max),
            max_bytes_per_tenant: size(per_tenant),
        })
    }

    fn chunks(chunks: Vec<Bytes>) -> impl Body<Data = Bytes> + Unpin {
        let frames = chunks
            .into_iter()
            .map(|chunk| Ok::<_, std::convert::Infallible>(Frame::data(chunk)));
        StreamBody::new(stream::iter(frames.collect::<Vec<_>>()))
    }

    fn texts(texts: &[&'static str]) -> impl Body<Data = Bytes> + Unpin {
        chunks(
            texts
                .iter()
                .map(|text| Bytes::from_static(text.as_bytes()))
                .collect(),
        )
    }

    async fn read<B: Body<Data = Bytes> + Unpin>(body: B, limits: BodyLimits) -> Result<Bytes, Code> {
        let pool = pool(1 << 20, 1 << 20);
        let account = Account {
            pool: &pool,
            owner: None,
        };
        let received = receive(&HeaderMap::new(), body, limits, account).await;
        received
            .map(|received| received.bytes)
            .map_err(|problem| problem.code())
    }

    #[tokio::test]
    async fn as_much_as_is_allowed() {
        for (parts, expected) in [
            (&[][..], Ok("")),
            (&["12345678"], Ok("12345678")),
            (&["1234", "", "5678"], Ok("12345678")),
            (&["123456789"], Err(Code::BodyTooLarge)),
            (&["1234", "56789"], Err(Code::BodyTooLarge)),
        ] {
            let read = read(texts(parts), LIMITS).await;
            assert_eq!(
                read.as_deref().map_err(|c| *c),
                expected.map(str::as_bytes),
                "{parts:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::convert::Infallible>>());
        let limits = BodyLimits {
            max: 8,
            time: Duration::from_millis(10),
        };
        assert_eq!(read(silent, limits).await, Err(Code::BodyTimeout));
    }

    #[tokio::test]
    async fn body_memory_is_charged_as_it_comes_and_given_back() {
        let (pool, acme) = (pool(4 << 20, 2 << 20), "acme".parse().unwrap());
        let limits = BodyLimits {
            max: 1 << 20,
            time: Duration::from_secs(5),
        };
        let owned = Account {
            pool: &pool,
            owner: Some(&acme),
        };
        let receive = async |parts: usize, account| {
            let body = chunks(vec![Bytes::from_static(&[b'x'; 1000]); parts]);
            receive(&HeaderMap::new(), body, limits, account).await
        };
        let small = receive(10, owned).await.unwrap();
        assert_eq!(
            (small.bytes.len(), pool.held()),
            (10_000, 0),
            "small ones are free"
        );
        let large = receive(1000, owned).await.unwrap();
        assert_eq!(large.bytes.len(), 1_000_000);
        assert_eq!(pool.held_by(&acme), 1_024_000 - UNCHARGED);
        let second = receive(1000, owned).await.unwrap();
        let refused = receive(1000, owned).await.unwrap_err();
        assert_eq!(refused.code(), Code::MemoryShare);
        let unowned = Account {
            pool: &pool,
            owner: None,
        };
        let others = [
            receive(1000, unowned).await.unwrap(),
            receive(1000, unowned).await.unwrap(),
        ];
        assert_eq!(receive(1000, unowned).await.unwrap_err().code(), Code::Overloaded);
        drop((large, second, others));
        assert_eq!(pool.held(), 0);

        let mut charge = Charge::default();
        let never = owned.charge(&mut charge, 3 << 20).unwrap_err();
        assert_eq!(never.code(), Code::BodyTooLarge);
    }
}
