//! JSON documents of the gateway: parsed once, changed in place, printed once.
//!
//! Pointers and patterns address the places that are read and changed. The ingest parses requests
//! with this crate, the plugin host lends documents to components, and the store and the deliveries
//! receive the printed text. The parser follows RFC 8259 strictly: no duplicate keys, no lone
//! surrogates, no data after the value, bounded size and depth. A number whose text carries more
//! than its 64-bit integer (`8500.00`, `1e21`) retains that text byte for byte.
//!
//! Structure: [`Value`] and [`Object`] hold the data, `parse` reads, `print` and `javascript`
//! write, [`Pointer`] names one place and [`PatternSet`] many. [`Document`] implements the
//! operations of the plugin interface (`wit/plugin.wit`, resource `json`). Each operation is atomic
//! within its [`Allowance`], and the document records the places that it changed.
//! `wit/document-cases.json` defines the results of each operation.
//!
//! The crate does no input or output. Messages, `Debug` output and lists of changes never contain a
//! payload's values.
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

/// JSON document with its limits.
#[derive(Clone, Default)]
pub struct Document {
    root: Value,
    limits: Limits,
    extent: Extent,
    changes: Changes,
}

impl Document {
    /// Parses JSON text that is within the limits of size and depth.
    pub fn parse(text: &[u8], limits: Limits) -> Result<Self, ParseError> {
        Ok(Self {
            root: parse::parse(text, limits)?,
            limits,
            extent: Extent::at_most(text.len()),
            changes: Changes::default(),
        })
    }

    /// Maximum memory of a text's document in bytes, estimated before it is parsed.
    pub fn memory_estimate(text: &[u8]) -> usize {
        estimate::memory_estimate(text)
    }

    /// Creates a document from an existing value.
    ///
    /// Its size and depth are not checked: the limits apply to its growth.
    pub fn from_value(root: Value, limits: Limits) -> Self {
        let extent = Extent::exactly(root.printed_len());
        Self {
            root,
            limits,
            extent,
            changes: Changes::default(),
        }
    }

    /// Root value.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Root value, by value.
    pub fn into_root(self) -> Value {
        self.root
    }

    /// Sets the limits of later operations. A document that already exceeds them is unchanged.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Returns and resets the places that operations changed, removed or added, each listed once.
    ///
    /// Places are pointers as they were given, with `*` for steps that a pattern did not spell. At
    /// most 64 entries of 256 bytes, 4 KiB in all; a final `…` marks a truncated list.
    pub fn take_changes(&mut self) -> Vec<String> {
        self.changes.take()
    }

    /// Records changed places by their depth only (`*` for each step), until they are taken.
    ///
    /// For a caller that was shown keys of the document and could repeat them.
    pub fn withhold_keys(&mut self) {
        self.changes.withhold_keys();
    }

    /// Upper bound of the printed size in bytes. Constant time.
    pub fn size_bound(&self) -> usize {
        self.extent.bytes()
    }

    /// Prints compact JSON text.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.extent.bytes());
        self.root.print(&mut out);
        out
    }

    /// Prints compact JSON text.
    pub fn to_bytes(&self) -> Bytes {
        self.to_vec().into()
    }

    /// Prints compact JSON text; `None` if it is longer than `limit` bytes.
    pub fn to_bytes_within(&self, limit: usize) -> Option<Bytes> {
        let fits = self.extent.bytes() <= limit || self.root.printed_len() <= limit;
        fits.then(|| self.to_bytes())
    }
}

/// Documents are equal if their values are.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

/// Omits the contents: they can be personal data.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("root", &self.root)
            .field("bytes", &self.extent.bytes())
            .finish_non_exhaustive()
    }
}
