//! Log buffer: the latest log lines of each tenant's plugins, for their authors, in this process's
//! memory only.
//!
//! A plugin's text may hold any data of an event, so it is written neither to the gateway's log nor
//! to a store. Each plugin of each tenant has a maximum of lines, bytes and lines per second. All
//! buffers together have a maximum of bytes, which is divided equally among the buffers with lines:
//! a writer displaces others' lines only by being one more writer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log::{Level, LogLine};
use hookgate_domain::units::Size;

/// Log lines of plugins kept in memory for their authors; never on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogBufferConfig {
    /// Lines of one plugin of one tenant; 0: no lines are kept.
    pub lines: u32,
    /// Bytes of one plugin of one tenant.
    pub size: Size,
    /// Bytes of all buffers together, in equal shares.
    pub size_in_all: Size,
    /// Lines per second of one plugin of one tenant; the excess is counted and dropped.
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

/// Memory shared by all log buffers.
#[derive(Debug)]
pub(super) struct LogMemory {
    config: LogBufferConfig,
    /// Number of buffers with lines.
    writers: AtomicUsize,
    /// The buffers with lines, and some dropped ones.
    journals: Mutex<Vec<Weak<LogBuffer>>>,
}

/// Log lines of one plugin of one tenant.
#[derive(Debug)]
pub struct LogBuffer {
    /// Start of the buffer, in ms since 1970; distinguishes it from another process's buffer.
    began_ms: u64,
    room: Arc<LogMemory>,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Number of the last line.
    last: u64,
    /// The present second, and the number of lines in it.
    second: (u64, u32),
    /// Lines dropped since the last accepted one.
    dropped: u64,
    writes: bool,
}

/// A line in the buffer.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Number of the line, from 1, without gaps.
    pub number: u64,
    /// The call that wrote it.
    pub of: Arc<Origin>,
    /// The line.
    pub line: LogLine,
    /// Number of lines dropped before it, over the rate limit.
    pub dropped: u64,
}

/// The call that wrote a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// Start of the call, in ms since 1970.
    pub at_ms: u64,
    /// The event's id.
    pub event: String,
    /// The subscription of the chain; `None`: the ingress chain.
    pub subscription: Option<String>,
    /// Version that the component declares.
    pub release: String,
    /// The component's digest.
    pub digest: String,
}

/// Result of a read.
#[derive(Debug)]
pub struct Lines {
    /// Lines, oldest first.
    pub entries: Vec<Entry>,
    /// Number to continue after.
    pub next: u64,
}

/// Query for lines.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Number of the line to continue after; `None`: the last lines.
    pub after: Option<u64>,
    /// Minimum level.
    pub level: Level,
    /// Maximum number of lines.
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

    /// Counts a new writer; trims the other buffers to their smaller shares.
    fn share_anew(&self, with: &Arc<LogBuffer>) {
        self.writers.fetch_add(1, Ordering::Relaxed);
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        journals.retain(|journal| journal.strong_count() > 0);
        journals.push(Arc::downgrade(with));
        for journal in journals.iter().filter_map(Weak::upgrade) {
            journal.trim();
        }
    }

    /// Maximum size of one buffer now, in bytes.
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

    /// Start of the buffer, in ms since 1970.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// Reads lines.
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

    /// Adds the lines of a call, within the rate limit.
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

    /// Trims the buffer to its share.
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

/// Memory of a line with its origin, in bytes.
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
