//! What a tenant's plugin wrote lately, for its author: in this process's memory, and nowhere else.
//!
//! A plugin's text may hold anything of an event, so it goes neither to the gateway's log nor to a store. There are so many lines,
//! bytes and lines a second for each plugin of each tenant, and so many bytes in all, of which everyone who writes has an equal
//! share: nobody pushes another's lines out but by being one more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log::{Level, LogLine};
use hookgate_domain::units::Size;

/// How much of what plugins write is kept in memory for their authors; never on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogBufferConfig {
    /// Lines of one plugin of one tenant; 0: none are kept.
    pub lines: u32,
    /// Bytes of one plugin of one tenant.
    pub size: Size,
    /// Bytes of all together, in equal shares.
    pub size_in_all: Size,
    /// Lines that one plugin of one tenant may add in a second; what is over it is counted and dropped.
    pub lines_per_second: u32,
}

impl Default for LogBufferConfig {
    fn default() -> Self {
        Self {
            lines: 1_000,
            size: Size::from_bytes(256 << 10),
            size_in_all: Size::from_bytes(16 << 20),
            lines_per_second: 100,
        }
    }
}

/// What all journals share.
#[derive(Debug)]
pub(super) struct LogMemory {
    config: LogBufferConfig,
    /// How many journals hold lines.
    writers: AtomicUsize,
    /// Those that do, and some that are gone.
    journals: Mutex<Vec<Weak<LogBuffer>>>,
}

/// The lines of one plugin of one tenant.
#[derive(Debug)]
pub struct LogBuffer {
    /// When it began, in ms since 1970: tells it from the one of another process.
    began_ms: u64,
    room: Arc<LogMemory>,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The number of the last line.
    last: u64,
    /// The second that lines are counted in, and how many it had.
    second: (u64, u32),
    /// Lines that there was no room for since the last one that was kept.
    dropped: u64,
    writes: bool,
}

/// A line that was kept.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Counted from 1, without gaps.
    pub number: u64,
    /// About which call.
    pub of: Arc<Origin>,
    /// The line.
    pub line: LogLine,
    /// How many lines were dropped before it, because there were too many.
    pub dropped: u64,
}

/// The call that a line was written in.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// When the call began, in ms since 1970.
    pub at_ms: u64,
    /// The event's id.
    pub event: String,
    /// The subscription whose chain it is; `None`: the ingress chain.
    pub subscription: Option<String>,
    /// The version that the component says of itself.
    pub release: String,
    /// The component's digest.
    pub digest: String,
}

/// Some lines.
#[derive(Debug)]
pub struct Lines {
    /// The oldest first.
    pub entries: Vec<Entry>,
    /// The number to go on after.
    pub next: u64,
}

/// Which lines.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// After this number; `None`: the last ones.
    pub after: Option<u64>,
    /// At least so loud.
    pub level: Level,
    /// So many at most.
    pub limit: usize,
}

impl LogMemory {
    pub(super) fn new(config: LogBufferConfig) -> Self {
        Self {
            config,
            writers: AtomicUsize::new(0),
            journals: Mutex::default(),
        }
    }

    /// One more holds lines: the others keep to what is left for them.
    fn share_anew(&self, with: &Arc<LogBuffer>) {
        self.writers.fetch_add(1, Ordering::Relaxed);
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        journals.retain(|journal| journal.strong_count() > 0);
        journals.push(Arc::downgrade(with));
        for journal in journals.iter().filter_map(Weak::upgrade) {
            journal.trim();
        }
    }

    /// Bytes that one journal may hold now.
    fn share(&self) -> usize {
        let writers = self.writers.load(Ordering::Relaxed).max(1);
        (self.config.size_in_all.bytes() / writers).min(self.config.size.bytes())
    }
}

impl LogBuffer {
    pub(super) fn new(room: Arc<LogMemory>, began_ms: u64) -> Self {
        Self {
            began_ms,
            room,
            ring: Mutex::default(),
        }
    }

    /// When it began, in ms since 1970.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// Lines that were kept.
    pub fn read(&self, wanted: Wanted) -> Lines {
        let ring = self.ring();
        let loud = |entry: &&Entry| entry.line.level >= wanted.level;
        let Some(after) = wanted.after else {
            let mut entries: Vec<_> = ring
                .entries
                .iter()
                .rev()
                .filter(loud)
                .take(wanted.limit)
                .collect();
            entries.reverse();
            let next = ring.last;
            let entries = entries.into_iter().cloned().collect();
            return Lines { entries, next };
        };
        let later = ring.entries.iter().filter(|entry| entry.number > after);
        let entries: Vec<_> = later.filter(loud).take(wanted.limit).cloned().collect();
        let full = entries.len() == wanted.limit;
        let next = entries
            .last()
            .filter(|_| full)
            .map_or(ring.last.max(after), |last| last.number);
        Lines { entries, next }
    }

    /// Adds what a call wrote.
    pub(super) fn add(self: &Arc<Self>, of: Origin, lines: impl Iterator<Item = LogLine>) {
        let config = &self.room.config;
        if config.lines == 0 {
            return;
        }
        let second = of.at_ms / 1_000;
        let of = Arc::new(of);
        let mut ring = self.ring();
        if ring.second.0 != second {
            ring.second = (second, 0);
        }
        for line in lines {
            if ring.second.1 >= config.lines_per_second {
                ring.dropped += 1;
                continue;
            }
            ring.second.1 += 1;
            ring.push(&of, line);
        }
        ring.trim(config.lines as usize, self.room.share());
        if !ring.writes && !ring.entries.is_empty() {
            ring.writes = true;
            drop(ring);
            self.room.share_anew(self);
        }
    }

    /// Keeps to its share.
    fn trim(&self) {
        let (lines, share) = (self.room.config.lines as usize, self.room.share());
        self.ring().trim(lines, share);
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        if self.ring().writes {
            self.room.writers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Ring {
    fn push(&mut self, of: &Arc<Origin>, line: LogLine) {
        self.last += 1;
        self.bytes += size(&line);
        let dropped = std::mem::take(&mut self.dropped);
        self.entries.push_back(Entry {
            number: self.last,
            of: Arc::clone(of),
            line,
            dropped,
        });
    }

    fn trim(&mut self, lines: usize, bytes: usize) {
        while self.entries.len() > lines || self.bytes > bytes {
            let Some(oldest) = self.entries.pop_front() else {
                return;
            };
            self.bytes -= size(&oldest.line);
        }
    }
}

/// What a line takes, with what is told of its call.
fn size(line: &LogLine) -> usize {
    line.text.len() + ENTRY_BYTES
}

const ENTRY_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn room(config: LogBufferConfig) -> Arc<LogMemory> {
        Arc::new(LogMemory::new(config))
    }

    fn at(at_ms: u64) -> Origin {
        Origin {
            at_ms,
            event: "evt_1".to_owned(),
            subscription: None,
            release: "1.0.0".to_owned(),
            digest: "00".to_owned(),
        }
    }

    fn lines(level: Level, texts: &[&str]) -> impl Iterator<Item = LogLine> {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        texts.into_iter().map(move |text| LogLine { level, text })
    }

    fn texts(lines: &Lines) -> Vec<&str> {
        lines
            .entries
            .iter()
            .map(|entry| entry.line.text.as_str())
            .collect()
    }

    fn wanted(after: Option<u64>, limit: usize) -> Wanted {
        Wanted {
            after,
            level: Level::Trace,
            limit,
        }
    }

    #[test]
    fn lines_are_read_from_the_end_and_gone_on_after() {
        let journal = Arc::new(LogBuffer::new(room(LogBufferConfig::default()), 1));
        journal.add(at(1), lines(Level::Info, &["a", "b", "c"]));
        let last = journal.read(wanted(None, 2));
        assert_eq!((texts(&last), last.next), (vec!["b", "c"], 3));
        journal.add(at(2), lines(Level::Warn, &["d", "e"]));
        let more = journal.read(wanted(Some(last.next), 1));
        assert_eq!((texts(&more), more.next), (vec!["d"], 4));
        let loud = Wanted {
            level: Level::Warn,
            ..wanted(Some(0), 10)
        };
        let loud = journal.read(loud);
        assert_eq!((texts(&loud), loud.next), (vec!["d", "e"], 5));
        assert_eq!(loud.entries[0].of.at_ms, 2);
        let none = journal.read(wanted(Some(5), 10));
        assert_eq!((texts(&none).len(), none.next), (0, 5));
    }

    #[test]
    fn a_flood_is_counted_and_dropped() {
        let config = LogBufferConfig {
            lines: 3,
            lines_per_second: 4,
            ..LogBufferConfig::default()
        };
        let journal = Arc::new(LogBuffer::new(room(config), 1));
        journal.add(at(1_000), lines(Level::Info, &["a", "b", "c", "d", "e", "f"]));
        assert_eq!(texts(&journal.read(wanted(None, 9))), ["b", "c", "d"]);
        journal.add(at(2_000), lines(Level::Info, &["g"]));
        let last = journal.read(wanted(None, 1));
        assert_eq!((texts(&last), last.entries[0].dropped), (vec!["g"], 2));
    }

    #[test]
    fn all_together_keep_to_their_room_in_equal_shares() {
        let config = LogBufferConfig {
            size_in_all: Size::from_bytes(4_000),
            ..LogBufferConfig::default()
        };
        let room = room(config);
        let journal = || Arc::new(LogBuffer::new(room.clone(), 1));
        let (first, second) = (journal(), journal());
        let text = "x".repeat(244);
        let add = |journal: &Arc<LogBuffer>| journal.add(at(1), lines(Level::Info, &[text.as_str(); 20]));
        let held = |journal: &LogBuffer| journal.read(wanted(None, 99)).entries.len();
        add(&first);
        assert_eq!(held(&first), 8);
        add(&second);
        assert_eq!((held(&first), held(&second)), (4, 4));
        drop(second);
        add(&first);
        assert_eq!(held(&first), 8);
    }
}
