//! Lines that a user types while `listen` runs.

use std::io::{BufRead as _, IsTerminal as _};

use tokio::sync::mpsc;

/// Line that was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Send the delivery of this number again.
    Resend(usize),
    /// List what is kept.
    List,
    /// End.
    Quit,
    /// Anything else.
    Help,
}

impl Typed {
    fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        match (words.next(), words.next(), words.next()) {
            (Some("r" | "resend"), text, None) => number(text).map_or(Self::Help, Self::Resend),
            (Some("l" | "list"), None, None) => Self::List,
            (Some("q" | "quit"), None, None) => Self::Quit,
            _ => Self::Help,
        }
    }
}

/// Reads the standard input line by line on a thread of its own, which ends with the process.
///
/// A terminal is read only by the process in its foreground: another one would be stopped.
pub(super) fn read() -> mpsc::Receiver<Typed> {
    let (typed, lines) = mpsc::channel(AT_ONCE);
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || is_in_foreground() {
        std::thread::spawn(move || {
            for line in stdin.lock().lines().map_while(Result::ok) {
                if typed.blocking_send(Typed::parse(&line)).is_err() {
                    break;
                }
            }
        });
    }
    lines
}

/// Compares the process's group with that of its terminal's foreground (proc(5), `stat`).
fn is_in_foreground() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses: state, parent, group, session, terminal, foreground group.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<_> = fields.split_whitespace().collect();
    matches!((fields.get(2), fields.get(5)), (Some(group), Some(foreground)) if group == foreground)
}

/// Lines that wait to be read.
const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_lines_are_parsed() {
        for (line, expected) in [
            ("r 3", Typed::Resend(3)),
            ("resend 12", Typed::Resend(12)),
            ("l", Typed::List),
            (" quit ", Typed::Quit),
            ("r", Typed::Help),
            ("r -1", Typed::Help),
            ("r 1 2", Typed::Help),
            ("", Typed::Help),
        ] {
            assert_eq!(Typed::parse(line), expected, "{line}");
        }
    }
}
