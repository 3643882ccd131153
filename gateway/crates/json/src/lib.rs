//! JSON as the gateway holds it: parsed once, read and changed in place by pointers and patterns, printed once.
//!
//! Ingest parses a request here, the plugin host lends the document to components, the store and the deliveries get its
//! print. The grammar is RFC 8259 and strict: no key twice, no lone surrogates, nothing after the value, bounded size and
//! depth. A number whose text carries more than its 64-bit integer (`8500.00`, `1e21`) keeps that text byte for byte.
//!
//! The parts: [`Value`] and [`Object`] hold, `parse` reads, `print` and `javascript` write, [`Pointer`] names one place and
//! [`PatternSet`] many; [`Document`] offers the operations of the plugin interface (`wit/plugin.wit`, resource `json`),
//! all or nothing each within its [`Allowance`], and notes which places they changed. `wit/document-cases.json` pins what each operation does.
//!
//! Nothing here does input or output, and no message, no `Debug` and no list of changes shows a payload's values.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod budget;

mod access;
mod allowance;
mod change;
mod changes;
mod convert;
mod decimal;
mod diff;
mod estimate;
mod extent;
mod fold;
mod javascript;
#[allow(dead_code, reason = "the SDK's test double compares whole keys with it too")]
#[path = "../../../../sdk/src/testing/words.rs"]
mod key_words;
mod names;
mod number;
mod object;
mod pair;
#[path = "../../../../sdk/src/testing/pairs.rs"]
mod pair_keys;
mod parse;
mod pattern;
mod pointer;
mod print;
mod prune;
mod redaction;
mod scan;
mod sift;
mod tail;
mod value;
mod walk;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod texts;

use std::fmt;

use bytes::Bytes;

pub use access::AccessError;
pub use allowance::Allowance;
pub use decimal::Decimal;
pub use diff::{Change, Diff};
pub use extent::Limits;
pub use names::{KeyNames, Scratch};
pub use number::{BadNumber, Number, Scalar};
pub use object::Object;
pub use parse::{ParseError, ParseErrorKind};
pub use pattern::{Pattern, PatternSet};
pub use pointer::{BadPointer, Pointer};
pub use redaction::Redaction;
pub use sift::{Sieve, Sifted};
pub use value::{Kind, Value};

use changes::Changes;
use extent::Extent;

/// A JSON document with its limits.
#[derive(Clone, Default)]
pub struct Document {
    root: Value,
    limits: Limits,
    extent: Extent,
    changes: Changes,
}

impl Document {
    /// Parses JSON text, which may itself not be longer or deeper than the limits.
    pub fn parse(text: &[u8], limits: Limits) -> Result<Self, ParseError> {
        Ok(Self {
            root: parse::parse(text, limits)?,
            limits,
            extent: Extent::at_most(text.len()),
            changes: Changes::default(),
        })
    }

    /// Memory that the document of a text takes at most, about, in bytes: to be reserved before it is parsed.
    pub fn memory_estimate(text: &[u8]) -> usize {
        estimate::memory_estimate(text)
    }

    /// A document of a value that is there already. Its size and depth are not checked: the limits hold for its growth.
    pub fn from_value(root: Value, limits: Limits) -> Self {
        let extent = Extent::exactly(root.printed_len());
        Self {
            root,
            limits,
            extent,
            changes: Changes::default(),
        }
    }

    /// The whole value.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The whole value, by value.
    pub fn into_root(self) -> Value {
        self.root
    }

    /// Sets the limits that operations keep from here on. What is over them already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The places that operations changed, removed or added since this was last asked, each once: pointers as they were
    /// given, with `*` for what a pattern did not spell. At most 64 of 256 bytes and 4 KiB in all; `…` at the end: there are
    /// more.
    pub fn take_changes(&mut self) -> Vec<String> {
        self.changes.take()
    }

    /// Notes changed places by their depth only (`*` for each step), until they are asked for: for a caller that was shown
    /// keys of the document and could repeat them.
    pub fn withhold_keys(&mut self) {
        self.changes.withhold_keys();
    }

    /// The bytes that the document prints to, or a little more: never less. Costs nothing.
    pub fn size_bound(&self) -> usize {
        self.extent.bytes()
    }

    /// Compact JSON text.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.extent.bytes());
        self.root.print(&mut out);
        out
    }

    /// Compact JSON text.
    pub fn to_bytes(&self) -> Bytes {
        self.to_vec().into()
    }

    /// Compact JSON text, or nothing when it is longer than `limit` bytes.
    pub fn to_bytes_within(&self, limit: usize) -> Option<Bytes> {
        let fits = self.extent.bytes() <= limit || self.root.printed_len() <= limit;
        fits.then(|| self.to_bytes())
    }
}

/// Two documents are equal when their values are.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

/// Without the contents: they may be anyone's personal data.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("root", &self.root)
            .field("bytes", &self.extent.bytes())
            .finish_non_exhaustive()
    }
}
