//! Output of commands: data on standard output, errors on standard error, colours on terminals.

use std::error::Error;
use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::config::Refused;
use hookgate_runtime::telemetry::error_chain;

/// Error of a command, in words for its user.
#[derive(Debug)]
pub(super) struct Failure {
    exit: u8,
    /// Status of the response that refused a request.
    status: Option<u16>,
    complaints: Vec<Complaint>,
}

#[derive(Debug)]
struct Complaint {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Error with exit code 1.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: 1,
            status: None,
            complaints: vec![Complaint {
                message: message.into(),
                hint: None,
            }],
        }
    }

    /// Several errors, each with an optional hint.
    pub(super) fn several(told: impl IntoIterator<Item = (String, Option<String>)>) -> Self {
        let complaints = told
            .into_iter()
            .map(|(message, hint)| Complaint { message, hint });
        Self {
            exit: 1,
            status: None,
            complaints: complaints.collect(),
        }
    }

    /// Error with its causes.
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

    /// Marks the configuration or the command line as invalid: exit code 2.
    pub(super) fn misconfigured(mut self) -> Self {
        self.exit = 2;
        self
    }

    /// With the status of the response that refused a request.
    pub(super) fn answered(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Returns `true` if a repetition of the request would be refused again.
    pub(super) fn is_refusal(&self) -> bool {
        self.status
            .is_some_and(|status| (400..500).contains(&status) && !matches!(status, 408 | 429))
    }

    /// Returns `true` if the response was this status.
    pub(super) fn is_status(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    /// Adds a hint on how to fix it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.complaints.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }

    /// Prints the error. Returns its exit code.
    pub(super) fn report(self) -> ExitCode {
        let mut stderr = io::stderr().lock();
        for complaint in &self.complaints {
            let (error, hint) = (red("error"), cyan("hint"));
            // A closed standard error cannot be reported.
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
            status: None,
            complaints: complaints.collect(),
        }
    }
}

/// Writes a line of data. A closed standard output is ignored.
pub(super) fn say(line: impl std::fmt::Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

/// Writes rows under their column names, each column as wide as necessary.
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

/// Writes a line to the standard error.
pub(super) fn note(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Progress line on a terminal, overwritten at each update. Nothing is written without a terminal.
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

    /// Shows the progress, at most once per interval.
    pub(super) fn show(&mut self, text: impl std::fmt::Display) {
        if self.is_terminal && self.last.is_none_or(|last| last.elapsed() > PROGRESS_INTERVAL) {
            self.last = Some(Instant::now());
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r{text}\x1b[K");
            let _ = stderr.flush();
        }
    }

    /// Removes the line.
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

/// Follows <https://no-color.org>: any value of the variable disables colours.
fn coloured(text: &str, code: &str, terminal: bool) -> String {
    if terminal && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
