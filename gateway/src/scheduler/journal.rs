//! In-flight journal: a file beside the store that names the deliveries whose attempts are under
//! way.
//!
//! The next start reads from it which attempts a crash interrupted.
//!
//! Each attempt has a slot of the file and writes it once, before anything of the delivery is read
//! or sent. Nothing is synced: the written data survives every end of the process, and a power cut
//! does not count as a crash. An attempt that is recorded in the store needs no second write: the
//! slot holds the number of attempts made before it, and the store then has one more. Only an
//! attempt that ends without a record is erased.
//!
//! One process uses a file; gateways that share a directory take the next one. A file that no
//! process uses was left by an earlier one: [`Journal::recover`] has the store count its
//! deliveries, and empties it. An orderly shutdown empties the file too.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use hookgate_domain::{DeliveryId, SubscriptionId, Target, Timestamp};
use hookgate_store::{Interrupted, Leased, Store, StoreError, Token};

/// The journal of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    slots: Mutex<Slots>,
    /// Files and records left by ended processes, until they are counted.
    left: Mutex<Left>,
    failing: AtomicBool,
}

/// Records of slots that follow each other, to be written at once.
#[derive(Debug, Default)]
struct Run {
    first: u32,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Slots {
    /// Those given back: the lowest is given first, so that many follow each other.
    free: BinaryHeap<Reverse<u32>>,
    /// No slot from here on was ever used.
    unused: u32,
}

#[derive(Debug, Default)]
struct Left {
    /// Locked files, except the one that this process uses now.
    files: Vec<File>,
    interrupted: Vec<Interrupted>,
}

/// An attempt under way. Dropping it erases its slot, unless [`Begun::recorded`] was called.
#[derive(Debug)]
pub(super) struct Begun {
    journal: Option<Arc<Inner>>,
    slot: u32,
    recorded: bool,
}

impl Journal {
    /// Opens the journal in a directory, and reads the records of earlier processes.
    ///
    /// The directory is created if it is missing.
    ///
    /// # Errors
    /// The directory or a file in it cannot be used, or too many processes use it.
    pub fn open(directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let (mut own, mut left) = (None, Left::default());
        for number in 0..MOST_FILES {
            let path = directory.join(number.to_string());
            if own.is_some() && !path.exists() {
                continue;
            }
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)?;
            if file.try_lock().is_err() {
                continue;
            }
            left.interrupted.extend(read(&mut file)?);
            match own {
                None => own = Some(file),
                Some(_) => left.files.push(file),
            }
        }
        let file = own.ok_or_else(|| io::Error::other("other processes use all of its files"))?;
        Ok(Self {
            inner: Some(Arc::new(Inner {
                file,
                slots: Mutex::default(),
                left: Mutex::new(left),
                failing: AtomicBool::new(false),
            })),
        })
    }

    /// Creates a journal that stores nothing: a crash then counts for no delivery.
    pub fn none() -> Self {
        Self::default()
    }

    /// Has the store count the attempts that crashes interrupted. Must be called before the first
    /// claim.
    ///
    /// A store that does not answer is asked again for a while: nothing could be claimed meanwhile.
    pub(super) async fn recover(&self, store: &dyn Store, shutdown: &CancellationToken) {
        let Some(inner) = &self.inner else { return };
        let Left { files, interrupted } = inner.take_left();
        let mut pause = FIRST_PAUSE;
        for last in (0..TRIES).rev() {
            match store.interrupted(interrupted.clone()).await {
                Ok(counted) => {
                    if counted > 0 {
                        tracing::warn!(deliveries = counted, "deliveries.interrupted");
                    }
                    break;
                }
                Err(error @ StoreError::Unavailable(_)) if last > 0 => {
                    tracing::debug!(%error, "deliveries.interrupted_not_counted");
                    if shutdown
                        .run_until_cancelled(tokio::time::sleep(pause))
                        .await
                        .is_none()
                    {
                        // The files stay for the next start.
                        return;
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => {
                    let deliveries = interrupted.len();
                    tracing::error!(%error, deliveries, "deliveries.interrupted_not_counted");
                    break;
                }
            }
        }
        for file in files.iter().chain([&inner.file]) {
            inner.wrote(file.set_len(0));
        }
    }

    /// Notes that attempts begin, in as few writes as their slots allow; nothing for those that are none.
    pub(super) fn begin(&self, attempts: &[Option<&Leased>]) -> Vec<Option<Begun>> {
        let begun = attempts.iter().map(|leased| {
            leased.map(|_| Begun {
                journal: self.inner.clone(),
                slot: 0,
                recorded: self.inner.is_none(),
            })
        });
        let mut begun: Vec<_> = begun.collect();
        if let Some(inner) = &self.inner {
            let all = begun.iter_mut().flatten().zip(attempts.iter().copied().flatten());
            inner.note(all);
        }
        begun
    }

    /// Empties the file: attempts still under way are abandoned in an orderly way.
    pub(super) fn close(&self) {
        if let Some(inner) = &self.inner {
            inner.wrote(inner.file.set_len(0));
        }
    }
}

impl Begun {
    /// Keeps the slot, because the store has a record of the attempt.
    pub(super) fn recorded(mut self) {
        self.recorded = true;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Some(inner) = self.journal.take() else { return };
        if !self.recorded {
            inner.wrote(inner.file.write_all_at(&[EMPTY], place(self.slot)));
        }
        inner.slots().free.push(Reverse(self.slot));
    }
}

impl Inner {
    /// Gives attempts their slots and writes them.
    fn note<'a>(&self, attempts: impl Iterator<Item = (&'a mut Begun, &'a Leased)>) {
        let mut run = Run::default();
        for (begun, leased) in attempts {
            begun.slot = self.slots().take();
            if !run.goes_on_at(begun.slot) {
                self.write(&run);
                run = Run::default();
            }
            run.add(begun.slot, leased);
        }
        self.write(&run);
    }

    fn write(&self, run: &Run) {
        if !run.bytes.is_empty() {
            let written = self.file.write_all_at(&run.bytes, place(run.first));
            self.wrote(written);
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_left(&self) -> Left {
        std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Logs changes between failing and working writes. A full disk must not stop deliveries.
    fn wrote(&self, result: io::Result<()>) {
        let failing = result.is_err();
        if self.failing.swap(failing, Ordering::Relaxed) != failing {
            match result {
                Err(error) => tracing::warn!(%error, "in_flight_journal.not_written"),
                Ok(()) => tracing::info!("in_flight_journal.written"),
            }
        }
    }
}

impl Slots {
    fn take(&mut self) -> u32 {
        match self.free.pop() {
            Some(Reverse(slot)) => slot,
            None => {
                self.unused += 1;
                self.unused - 1
            }
        }
    }
}

impl Run {
    fn goes_on_at(&self, slot: u32) -> bool {
        let slots = self.bytes.len().div_ceil(SLOT);
        self.bytes.is_empty() || u64::from(slot) == u64::from(self.first) + slots as u64
    }

    fn add(&mut self, slot: u32, leased: &Leased) {
        if self.bytes.is_empty() {
            self.first = slot;
        }
        let (record, length) = encode(leased);
        self.bytes.resize(self.bytes.len().next_multiple_of(SLOT), EMPTY);
        self.bytes.extend_from_slice(&record[..length]);
    }
}

fn place(slot: u32) -> u64 {
    u64::from(slot) * SLOT as u64
}

/// Encodes a slot in layout 1.
///
/// The fields are the lengths of the tenant's and the event's id, the target (0: the event's own,
/// 1: a subscription), the attempts, the run, the token, the subscription, the ids, and a checksum
/// of all of these.
fn encode(leased: &Leased) -> ([u8; SLOT], usize) {
    let (tenant, event) = (leased.event.tenant.as_str(), leased.id.event.as_str());
    let (tag, subscription) = match leased.id.target {
        Target::Inline => (0, [0; 16]),
        Target::Subscription(id) => (1, id.ulid().to_bytes()),
    };
    let length = |text: &str| u8::try_from(text.len()).unwrap_or(u8::MAX);
    let mut slot = [0; SLOT];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        slot[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(&[LAYOUT, length(tenant), length(event), tag]);
    put(&leased.attempts.to_be_bytes());
    put(&leased.id.run.to_be_bytes());
    put(&leased.token.0.as_micros().to_be_bytes());
    put(&subscription);
    put(tenant.as_bytes());
    put(event.as_bytes());
    let sum = checksum(&slot[..at]).to_be_bytes();
    slot[at..at + sum.len()].copy_from_slice(&sum);
    (slot, at + sum.len())
}

/// Reads the slots of a file. A slot that was not written completely is ignored.
fn read(file: &mut File) -> io::Result<Vec<Interrupted>> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes.chunks(SLOT).filter_map(decode).collect())
}

fn decode(slot: &[u8]) -> Option<Interrupted> {
    let (head, _) = slot.split_first_chunk::<4>()?;
    let [LAYOUT, tenant, event, tag] = *head else {
        return None;
    };
    let ids = HEAD + usize::from(tenant);
    let end = ids + usize::from(event);
    let sum = slot.get(end..)?.first_chunk::<8>()?;
    if u64::from_be_bytes(*sum) != checksum(&slot[..end]) {
        return None;
    }
    let number = |at: usize| slot.get(at..)?.first_chunk::<8>().map(|n| u64::from_be_bytes(*n));
    let text = |range: std::ops::Range<usize>| std::str::from_utf8(slot.get(range)?).ok();
    let target = match tag {
        0 => Target::Inline,
        1 => Target::Subscription(SubscriptionId::new(Ulid::from_bytes(
            *slot.get(24..)?.first_chunk::<16>()?,
        ))),
        _ => return None,
    };
    Some(Interrupted {
        tenant: text(HEAD..ids)?.parse().ok()?,
        id: DeliveryId {
            event: text(ids..end)?.parse().ok()?,
            target,
            run: number(8)?,
        },
        token: Token(Timestamp::from_micros(number(16)?)),
        attempts: u32::from_be_bytes(*slot.get(4..)?.first_chunk::<4>()?),
    })
}

/// FNV-1a checksum: detects a slot that was written in part, or over the rest of another record.
fn checksum(bytes: &[u8]) -> u64 {
    let fold = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)
}

const LAYOUT: u8 = 1;
const EMPTY: u8 = 0;
/// Size of the fields before the ids, in bytes.
const HEAD: usize = 40;
/// Size of a slot, in bytes. A tenant's id has at most 63 bytes, an event's 64.
const SLOT: usize = 256;
const MOST_FILES: usize = 64;
/// Maximum bytes read from a file: slots of a quarter of a million attempts.
const MOST_BYTES: u64 = 64 << 20;
const TRIES: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::{Event, Fate, SubscriptionId, TenantId};

    fn event(tenant: &TenantId, id: &str) -> Event {
        Event {
            id: id.parse().unwrap(),
            tenant: tenant.clone(),
            kind: "invoice.paid".parse().unwrap(),
            created: Timestamp::from_millis(1_700_000_000_000),
            accepted: Timestamp::from_millis(1_700_000_000_500),
            data: bytes::Bytes::from_static(b"{}"),
            metadata: None,
            deliver_to: None,
            fate: Fate::Published,
            steps: vec![],
            rules: Default::default(),
            hops: Default::default(),
            trace: None,
        }
    }

    fn leased(tenant_name: &str, id: &str, run: u64) -> Leased {
        let event = event(&tenant_name.parse().unwrap(), id);
        Leased {
            id: DeliveryId {
                event: event.id.clone(),
                target: if run == 0 {
                    Target::Subscription(SubscriptionId::new(Ulid(7)))
                } else {
                    Target::Inline
                },
                run,
            },
            event: Arc::new(event),
            trigger: hookgate_domain::Trigger::Published,
            token: Token(Timestamp::from_micros(1_700_000_000_000_001 + run)),
            attempts: 3,
            first_attempt: None,
            crashes: 0,
            body: None,
        }
    }

    fn of(leased: &Leased) -> Interrupted {
        Interrupted {
            tenant: leased.event.tenant.clone(),
            id: leased.id.clone(),
            token: leased.token,
            attempts: leased.attempts,
        }
    }

    fn left(journal: &Journal) -> Vec<Interrupted> {
        journal.inner.as_ref().unwrap().take_left().interrupted
    }

    #[test]
    fn journal_tells_what_was_under_way_when_the_process_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("in-flight");
        let journal = Journal::open(&path).unwrap();
        let longest = "t".repeat(63);
        let all = [
            leased("acme", "e1", 0),
            leased(&longest, &"e".repeat(64), 17),
            leased("acme", "e3", 0),
            leased("acme", "e4", 0),
        ];
        let noted = journal.begin(&all.each_ref().map(Some));
        let mut begun: Vec<Begun> = noted.into_iter().flatten().collect();
        assert_eq!(begun.len(), all.len());
        // One ends without a record, one with it, whose slot another takes.
        drop(begun.remove(3));
        begun.remove(2).recorded();
        let next = leased("globex", "e5", 0);
        begun.extend(journal.begin(&[Some(&next), None]).into_iter().flatten());
        // The process ends: nothing is dropped.
        begun.into_iter().for_each(std::mem::forget);
        drop(journal);

        // The end of the process would release the lock of the file; the forgotten values still
        // hold it here.
        std::fs::copy(path.join("0"), path.join("1")).unwrap();
        let after = Journal::open(&path).unwrap();
        assert_eq!(left(&after), [of(&all[0]), of(&all[1]), of(&next)]);
    }

    #[test]
    fn journal_has_one_process_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let one = Journal::open(directory.path()).unwrap();
        let two = Journal::open(directory.path()).unwrap();
        std::mem::forget(one.begin(&[Some(&leased("acme", "e1", 0))]));
        assert_eq!(left(&two), []);
        two.close();
        drop(two);
        let mut file = File::open(directory.path().join("0")).unwrap();
        assert_eq!(read(&mut file).unwrap().len(), 1, "it is not its own");
    }

    #[test]
    fn journal_ignores_what_was_not_written_whole() {
        let whole = leased("acme", "e1", 0);
        let (slot, length) = encode(&whole);
        assert_eq!(decode(&slot), Some(of(&whole)));
        assert_eq!(decode(&slot[..length]), Some(of(&whole)));
        for cut in 0..length {
            assert_eq!(decode(&slot[..cut]), None, "{cut}");
            let mut other = slot;
            other[cut] ^= 0x40;
            assert_eq!(decode(&other), None, "{cut}");
        }
    }

    #[test]
    fn journal_without_a_file_keeps_nothing() {
        let begun = Journal::none().begin(&[Some(&leased("acme", "e1", 0)), None]);
        assert!(matches!(&begun[..], [Some(_), None]));
        Journal::none().close();
    }
}
