//! How commands speak: data on the standard output, complaints on the standard error, colours on a terminal only.

use std::error::Error;
use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::config::Refused;
use crate::telemetry::error_chain;

/// Why a command did not do it, in words for its user.
#[derive(Debug)]
pub(super) struct Failure {
    exit: u8,
    complaints: Vec<Complaint>,
}

#[derive(Debug)]
struct Complaint {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Something did not work.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: 1,
            complaints: vec![Complaint {
                message: message.into(),
                hint: None,
            }],
        }
    }

    /// Several things are wrong, each with how to mend it.
    pub(super) fn several(told: impl IntoIterator<Item = (String, Option<String>)>) -> Self {
        let complaints = told
            .into_iter()
            .map(|(message, hint)| Complaint { message, hint });
        Self {
            exit: 1,
            complaints: complaints.collect(),
        }
    }

    /// An error with its causes.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        Self::new(error_chain(error).to_string())
    }

    /// The complaints, each with its hint.
    pub(super) fn told(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let complaints = self.complaints.iter();
        complaints.map(|complaint| (complaint.message.as_str(), complaint.hint.as_deref()))
    }

    /// With what was tried before what went wrong.
    pub(super) fn prefixed(mut self, tried: &str) -> Self {
        if let Some(last) = self.complaints.last_mut() {
            last.message = format!("{tried}: {}", last.message);
        }
        self
    }

    /// The configuration or the command line is at fault.
    pub(super) fn misconfigured(mut self) -> Self {
        self.exit = 2;
        self
    }

    /// With how to mend it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.complaints.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }

    /// Says it, and gives the exit code that goes with it.
    pub(super) fn report(self) -> ExitCode {
        let mut stderr = io::stderr().lock();
        for complaint in &self.complaints {
            let (error, hint) = (red("error"), cyan("hint"));
            // Nobody is there to be told that the standard error is gone.
            let _ = writeln!(stderr, "{error}: {}", complaint.message);
            if let Some(text) = &complaint.hint {
                let _ = writeln!(stderr, "{hint}: {text}");
            }
        }
        ExitCode::from(self.exit)
    }
}

impl From<Refused> for Failure {
    fn from(Refused(problems): Refused) -> Self {
        let complaints = problems.into_iter().map(|problem| Complaint {
            message: problem.to_string(),
            hint: problem.hint,
        });
        Self {
            exit: 2,
            complaints: complaints.collect(),
        }
    }
}

/// Writes a line of data. A reader that has gone away has read enough.
pub(super) fn say(line: impl std::fmt::Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

/// Writes rows under their columns' names, each column as wide as it must be.
pub(super) fn table<const N: usize>(names: [&str; N], rows: &[[String; N]]) {
    let mut widths = names.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths);
        let padded: Vec<_> = padded.map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    say(bold(&line(names)));
    for row in rows {
        say(line(row.each_ref().map(String::as_str)));
    }
}

pub(super) fn bold(text: &str) -> String {
    coloured(text, "1", io::stdout().is_terminal())
}

pub(super) fn dim(text: &str) -> String {
    coloured(text, "2", io::stdout().is_terminal())
}

pub(super) fn green(text: &str) -> String {
    coloured(text, "32", io::stdout().is_terminal())
}

pub(super) fn red_out(text: &str) -> String {
    coloured(text, "31", io::stdout().is_terminal())
}

pub(super) fn yellow(text: &str) -> String {
    coloured(text, "33", io::stdout().is_terminal())
}

/// Writes a line to whoever watches.
pub(super) fn note(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Progress on a terminal: one line of the standard error that is written over. Nothing where there is none.
pub(super) struct Progress {
    is_terminal: bool,
    last: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            last: None,
        }
    }

    /// Shows how far it is, now and then.
    pub(super) fn show(&mut self, text: impl std::fmt::Display) {
        if self.is_terminal && self.last.is_none_or(|last| last.elapsed() > PROGRESS_INTERVAL) {
            self.last = Some(Instant::now());
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r{text}\x1b[K");
            let _ = stderr.flush();
        }
    }

    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if self.last.take().is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

fn red(text: &str) -> String {
    coloured(text, "1;31", io::stderr().is_terminal())
}

fn cyan(text: &str) -> String {
    coloured(text, "1;36", io::stderr().is_terminal())
}

/// <https://no-color.org>: the variable's presence is enough.
fn coloured(text: &str, code: &str, terminal: bool) -> String {
    if terminal && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
