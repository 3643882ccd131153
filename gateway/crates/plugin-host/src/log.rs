//! Log of a call: its lines, and its standard error, which contains a panic's text. Bounded.

use std::fmt;

/// Level of a line of a plugin's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Step-by-step detail.
    Trace,
    /// Detail for the plugin's author.
    Debug,
    /// Normal operation.
    Info,
    /// Unexpected, but not an error.
    Warn,
    /// An error.
    Error,
}

/// One line of a plugin's log.
#[derive(Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Level.
    pub level: Level,
    /// The text; control characters are escaped.
    pub text: String,
}

/// Omits the text: a plugin may have written personal data.
impl fmt::Debug for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.text.len();
        f.debug_struct("LogLine")
            .field("level", &self.level)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

/// The log of one call.
pub(super) struct Log {
    lines: Vec<LogLine>,
    /// Remaining bytes, for lines and standard error together.
    room: usize,
    /// Dropped bytes.
    dropped: usize,
    stderr: Vec<u8>,
}

impl Log {
    /// Creates an empty log of this size in bytes.
    pub(super) fn new(room: usize) -> Self {
        Self {
            lines: Vec::new(),
            room,
            dropped: 0,
            stderr: Vec::new(),
        }
    }

    /// Adds a line, cut to the remaining size.
    pub(super) fn write(&mut self, level: Level, text: &str) {
        let kept = escaped(text, self.room);
        self.dropped += text.len().saturating_sub(kept.len());
        if self.room > 0 {
            // An empty line counts too; otherwise the number of lines would be unlimited.
            self.room -= kept.len().max(1);
            self.lines.push(LogLine { level, text: kept });
        }
    }

    /// Adds standard output line by line. The part that does not fit is not parsed.
    pub(super) fn write_stdout(&mut self, bytes: &[u8]) {
        let (fits, over) = bytes.split_at(bytes.len().min(self.room));
        for line in String::from_utf8_lossy(fits).lines() {
            self.write(Level::Info, line);
        }
        self.dropped += over.len();
    }

    /// Adds bytes of standard error.
    pub(super) fn write_stderr(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(self.room);
        self.stderr.extend_from_slice(&bytes[..kept]);
        self.room -= kept;
        self.dropped += bytes.len() - kept;
    }

    /// Remaining bytes.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Returns the text of the panic at the end of standard error, on one line.
    pub(super) fn panic(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.stderr);
        let start = text.rfind("panicked at ")?;
        let lines = text[start..]
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("note: ")).collect();
        Some(lines.join(" "))
    }

    /// Returns all lines: the log, then standard error, then the number of dropped bytes.
    pub(super) fn into_lines(self) -> Vec<LogLine> {
        let mut lines = self.lines;
        let stderr = String::from_utf8_lossy(&self.stderr);
        lines.extend(stderr.lines().map(|line| LogLine {
            level: Level::Error,
            text: escaped(line, usize::MAX),
        }));
        if self.dropped > 0 {
            lines.push(LogLine {
                level: Level::Warn,
                text: format!("{} more bytes were dropped: the log is full", self.dropped),
            });
        }
        lines
    }
}

/// Escapes control characters and cuts the text to `max` bytes.
pub(super) fn escaped(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let before = out.len();
        if c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        if out.len() > max {
            out.truncate(before);
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_texts_are_cut_between_characters() {
        for (text, max, expected) in [
            ("plain", 10, "plain"),
            ("a\nb\u{1b}[31m", 100, "a\\nb\\u{1b}[31m"),
            ("right\u{202E}left", 100, "right\\u{202e}left"),
            ("ééé", 5, "éé"),
            ("a\n", 2, "a"),
            ("a", 0, ""),
        ] {
            assert_eq!(escaped(text, max), expected, "{text:?} {max}");
        }
    }

    #[test]
    fn what_is_over_the_limit_is_counted_and_dropped() {
        let mut log = Log::new(8);
        log.write(Level::Info, "12345");
        log.write(Level::Info, "67890");
        log.write(Level::Info, "x");
        log.write_stderr(b"yz");
        let texts: Vec<String> = log.into_lines().into_iter().map(|line| line.text).collect();
        assert_eq!(
            texts,
            ["12345", "678", "5 more bytes were dropped: the log is full"]
        );
    }

    #[test]
    fn empty_lines_have_a_limit_too() {
        let mut log = Log::new(8);
        for _ in 0..100 {
            log.write(Level::Info, "");
        }
        assert!(log.into_lines().len() <= 10);
    }

    #[test]
    fn a_panic_is_found_in_the_standard_error() {
        let mut log = Log::new(1_000);
        log.write_stderr(b"\nthread '<unnamed>' (1) panicked at src/lib.rs:7:9:\nno such customer\n");
        log.write_stderr(b"note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n");
        assert_eq!(
            log.panic().as_deref(),
            Some("panicked at src/lib.rs:7:9: no such customer")
        );
        assert_eq!(Log::new(10).panic(), None);
    }
}
