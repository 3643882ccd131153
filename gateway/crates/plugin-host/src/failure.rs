//! Failure messages: turns the cause of a stopped call into a limit with its value, a panic text,
//! or a trap with its place.

use std::fmt::{self, Write as _};

use wasmtime::{Trap, WasmBacktrace};

use super::config::Config;
use super::engine::STACK;
use super::guest::{Guest, OPERATION_WORK};
use super::imports::wasi::NotGiven;
use super::log::escaped;

/// Failure of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Name of the plugin.
    pub plugin: String,
    /// Failure kind, from a closed set: `trap`, `panic`, `timeout`, `memory`, `operations`,
    /// `output`, `verdict` (not allowed in its phase), `refused` (the plugin returned an error),
    /// `missing`, `breaker`, `busy`, `internal` (a fault of the host).
    pub kind: &'static str,
    /// Message: the panic's text, or the limit and its value. At most 1 KiB, control characters
    /// escaped.
    pub message: String,
}

/// A call used up its document operations.
#[derive(Debug, thiserror::Error)]
#[error("used up its document operations")]
pub(super) struct OutOfOperations;

/// One operation exceeded its limit of work.
#[derive(Debug, thiserror::Error)]
#[error("took too much work for one document operation")]
pub(super) struct OutOfWork;

/// The document operations of a call exceeded the bytes that they may return to the plugin.
#[derive(Debug, thiserror::Error)]
#[error("read too much with document operations")]
pub(super) struct OutOfOutput;

/// A failure without the plugin's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: &'static str,
    pub(super) message: String,
    /// Named functions on the stack, the innermost first.
    pub(super) backtrace: Vec<String>,
}

impl Fault {
    /// Creates a fault; the message is escaped and cut to its maximum.
    pub(super) fn new(kind: &'static str, message: &str) -> Self {
        Self {
            kind,
            message: escaped(message, MESSAGE_BYTES),
            backtrace: Vec::new(),
        }
    }

    /// Adds the plugin's name.
    pub(super) fn of(self, plugin: &str) -> Failure {
        Failure {
            plugin: plugin.to_owned(),
            kind: self.kind,
            message: self.message,
        }
    }

    /// Turns a `refused` fault into an `output` fault.
    ///
    /// Called for a plugin that failed after a change was refused because of the document's size,
    /// which is the likely reason.
    pub(super) fn over_output(self, config: &Config) -> Self {
        if self.kind != "refused" {
            return self;
        }
        let limit = format!(
            "the document would have grown to more than twice its input and {} (`plugins.max_growth`), or deeper than {} \
             (`plugins.depth`): {}",
            config.max_growth, config.depth, self.message
        );
        Self::new("output", &limit)
    }

    /// Classifies the error that stopped a call.
    pub(super) fn from_stop(stop: &wasmtime::Error, guest: &Guest, config: &Config) -> Self {
        let backtrace = backtrace(stop);
        let reason = Self::reason(stop, &backtrace, guest, config);
        Self { backtrace, ..reason }
    }

    fn reason(stop: &wasmtime::Error, backtrace: &[String], guest: &Guest, config: &Config) -> Self {
        let trap = stop.downcast_ref::<Trap>();
        if stop.is::<OutOfOperations>() {
            let limit = config.max_host_calls;
            let message =
                format!("used more than {limit} document operations in one call (`plugins.max_host_calls`)");
            return Self::new("operations", &message);
        }
        if stop.is::<OutOfWork>() {
            let message = format!(
                "one document operation took more than {OPERATION_WORK} units of work (places, patterns, lists); give fewer \
                 patterns, with fewer `**`, or shorter lists"
            );
            return Self::new("operations", &message);
        }
        if stop.is::<OutOfOutput>() {
            let limit = config.operation_output;
            let message = format!(
                "read more than {limit} with the document operations of one call (`plugins.operation_output`)"
            );
            return Self::new("operations", &message);
        }
        if trap == Some(&Trap::Interrupt) {
            return Self::timeout(guest, config);
        }
        if guest.meter.out_of_memory {
            let (limit, key) = (config.memory, config.key("memory"));
            let message = format!("wanted more than {limit} of memory (`{key}`)");
            return Self::new("memory", &message);
        }
        if guest.meter.out_of_elements {
            let (limit, key) = (config.table_elements, config.key("table_elements"));
            let message = format!("wanted more than {limit} elements of a table (`{key}`)");
            return Self::new("memory", &message);
        }
        if let Some(text) = guest.log.panic() {
            return Self::new("panic", &text);
        }
        let reason = match (trap, stop.downcast_ref::<NotGiven>()) {
            (Some(Trap::StackOverflow), _) => format!("{}: it has {STACK}", Trap::StackOverflow),
            (Some(trap), _) => trap.to_string(),
            (None, Some(refused)) => refused.to_string(),
            (None, None) => stop.root_cause().to_string(),
        };
        match over_boundary(&reason, config) {
            Some(message) => Self::new("memory", &message),
            None => Self::new("trap", &format!("{reason}{}", frames(backtrace))),
        }
    }

    fn timeout(guest: &Guest, config: &Config) -> Self {
        let limit = guest.meter.deadline.limit();
        let message = if limit < config.call_deadline.get() {
            format!(
                "the chain ran longer than {} of processor time, in this step (`plugins.chain_deadline`)",
                config.chain_deadline
            )
        } else {
            format!(
                "ran longer than {} of processor time in one call (`{}`)",
                config.call_deadline,
                config.key("call_deadline")
            )
        };
        Self::new("timeout", &message)
    }
}

/// Returns the message for an exceeded boundary limit. wasmtime has no types for them, only texts.
fn over_boundary(reason: &str, config: &Config) -> Option<String> {
    if reason.contains("fuel allocated for hostcalls") {
        let limit = config.operation_input;
        return Some(format!(
            "gave more than {limit} to one operation (`plugins.operation_input`)"
        ));
    }
    let limit = config.handles;
    reason
        .contains("store handle limit exceeded")
        .then(|| format!("kept more than {limit} handles (`plugins.handles`)"))
}

/// Formats a backtrace as a phrase.
fn frames(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!("; in {}", names[..names.len().min(FRAMES)].join(", called by "))
}

/// Named functions on the stack, the innermost first.
///
/// A component has the names of its functions unless it is stripped of all its symbols.
fn backtrace(stop: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = stop.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let names = trace.frames().iter().filter_map(wasmtime::FrameInfo::func_name);
    names.take(ALL_FRAMES).map(readable).collect()
}

/// Demangles a function's name.
///
/// The name is untrusted. A long name is not demangled, and the demangled text is cut, because
/// back-references can make it longer without end.
fn readable(name: &str) -> String {
    if name.len() > MANGLED_BYTES {
        return escaped(name, FRAME_BYTES);
    }
    let mut text = Bounded(String::new());
    // An error means that the buffer is full.
    let _ = write!(text, "{:#}", rustc_demangle::demangle(name));
    escaped(&text.0, FRAME_BYTES)
}

/// Text buffer bounded to the length of a frame.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = FRAME_BYTES.saturating_sub(self.0.len());
        let fits = text.floor_char_boundary(room);
        self.0.push_str(&text[..fits]);
        if fits < text.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

/// Frames in a message.
const FRAMES: usize = 6;
/// Maximum number of frames in a backtrace.
const ALL_FRAMES: usize = 32;
/// Longest function name that is demangled, in bytes.
const MANGLED_BYTES: usize = 4_096;
/// Maximum length of a displayed function name, in bytes.
const FRAME_BYTES: usize = 256;
/// Maximum length of a message, in bytes.
const MESSAGE_BYTES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_demangled_within_bounds() {
        assert_eq!(
            readable("_ZN4core6option13expect_failed17h0123456789abcdefE"),
            "core::option::expect_failed"
        );
        assert_eq!(readable("plain"), "plain");
        assert_eq!(readable("_RNvC6_123foo3bar"), "123foo::bar");
        let long = format!("_ZN{}E", "3abc".repeat(1_000));
        assert_eq!(readable(&long).len(), FRAME_BYTES);
        for name in ["_R".repeat(1 << 20), format!("_ZN{}E", "1a".repeat(1 << 20))] {
            assert_eq!(readable(&name), &name[..FRAME_BYTES]);
        }
    }
}
