//! The interface `document`: a thin layer over the operations of `Document`.
//!
//! It counts operations, bounds the input and output of each, and enforces which documents are
//! read-only.

use std::sync::Arc;

use wasmtime::Trap;
use wasmtime::component::Resource;

use crate::bindings::hookgate::plugin::document::{AccessError, Host, HostJson, Kind, Redaction, Scalar};
use crate::failure::{OutOfOutput, OutOfWork};
use crate::guest::{Guest, Json, Place};
use hookgate_json::{self as document, Allowance, Document, PatternSet};

/// Result of an operation: the outer error is a trap, the inner one is returned to the plugin.
type Answer<T> = wasmtime::Result<Result<T, AccessError>>;
type Handle = Resource<Json>;

impl Host for Guest {}

impl HostJson for Guest {
    fn kind_of(&mut self, handle: Handle, pointer: String) -> wasmtime::Result<Kind> {
        self.meter.count(1)?;
        Ok(self.document(&handle).kind_of(&pointer).into())
    }

    fn length(&mut self, handle: Handle, pointer: String) -> wasmtime::Result<Option<u32>> {
        self.meter.count(1)?;
        Ok(self.document(&handle).length(&pointer))
    }

    fn keys(&mut self, handle: Handle, pointer: String, offset: u32, max: u32) -> Answer<Vec<String>> {
        self.shows_keys(&handle);
        self.read(&handle, |document, allowance| {
            document.keys(&pointer, offset, max, allowance)
        })
    }

    fn get(&mut self, handle: Handle, pointer: String) -> Answer<Scalar> {
        self.read(&handle, |document, allowance| {
            document.get(&pointer, allowance).map(Scalar::from)
        })
    }

    fn get_many(&mut self, handle: Handle, pointers: Vec<String>) -> wasmtime::Result<Vec<Option<Scalar>>> {
        let more = u32::try_from(pointers.len() / POINTERS_PER_OPERATION).unwrap_or(u32::MAX);
        self.meter.count(more)?;
        let found = self.read(&handle, |document, allowance| {
            document.get_many(&pointers, allowance)
        })?;
        // Only limits refuse it, and those trap.
        let found = found.unwrap_or_default();
        Ok(found.into_iter().map(|scalar| scalar.map(Scalar::from)).collect())
    }

    fn get_json(&mut self, handle: Handle, pointer: String) -> Answer<String> {
        self.shows_keys(&handle);
        self.read(&handle, |document, allowance| {
            document.get_json(&pointer, allowance)
        })
    }

    fn find(&mut self, handle: Handle, pattern: String, max: u32) -> Answer<Vec<String>> {
        self.shows_keys(&handle);
        let patterns = self.patterns.get(vec![pattern]);
        self.read(&handle, |document, allowance| {
            document.find(&*patterns?, max, allowance)
        })
    }

    fn set(&mut self, handle: Handle, pointer: String, value: Scalar) -> Answer<()> {
        self.change(&handle, |data, _| data.set(&pointer, value.into()))
    }

    fn set_json(&mut self, handle: Handle, pointer: String, value: String) -> Answer<()> {
        self.change(&handle, |data, _| data.set_json(&pointer, &value))
    }

    fn remove(&mut self, handle: Handle, pattern: String) -> Answer<u32> {
        self.change_all(&handle, vec![pattern], Document::remove)
    }

    fn move_(&mut self, handle: Handle, source: String, target: String) -> Answer<()> {
        self.change(&handle, |data, _| data.r#move(&source, &target))
    }

    fn redact(&mut self, handle: Handle, patterns: Vec<String>, how: Redaction) -> Answer<u32> {
        let key = self.redaction_key(&how);
        self.change_all(&handle, patterns, |data, patterns, allowance| {
            data.redact(patterns, &redaction(&how, &key), allowance)
        })
    }

    fn retain(&mut self, handle: Handle, patterns: Vec<String>) -> Answer<u32> {
        self.change_all(&handle, patterns, Document::retain)
    }

    /// Does nothing: the documents live as long as the call.
    fn drop(&mut self, _: Handle) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl Guest {
    /// Returns the document of a handle.
    fn document(&self, handle: &Handle) -> &Document {
        match place(handle) {
            Place::Data => &self.data,
            Place::Metadata => &self.metadata,
            Place::Settings => &self.settings,
        }
    }

    /// Counts a read operation, and runs it.
    fn read<T>(
        &mut self,
        handle: &Handle,
        read: impl FnOnce(&Document, &Allowance<'_>) -> Result<T, document::AccessError>,
    ) -> Answer<T> {
        self.meter.count(1)?;
        let document = self.document(handle);
        told(self.meter.run(|allowance| read(document, allowance)))
    }

    /// Stops recording the names of changed keys: from here on the guest may know keys of the
    /// event.
    fn shows_keys(&mut self, handle: &Handle) {
        match place(handle) {
            Place::Data | Place::Metadata => self.data.withhold_keys(),
            Place::Settings => {}
        }
    }

    fn change<T>(
        &mut self,
        handle: &Handle,
        change: impl FnOnce(&mut Document, &Allowance<'_>) -> Result<T, document::AccessError>,
    ) -> Answer<T> {
        self.meter.count(1)?;
        let document = match place(handle) {
            Place::Data => &mut self.data,
            Place::Metadata if self.changes_metadata => Arc::make_mut(&mut self.metadata),
            Place::Metadata | Place::Settings => return Ok(Err(AccessError::ReadOnly)),
        };
        let changed = self.meter.run(|allowance| change(document, allowance));
        self.meter.over_output |= matches!(changed, Err(document::AccessError::Limit));
        told(changed)
    }

    fn change_all(
        &mut self,
        handle: &Handle,
        patterns: Vec<String>,
        change: impl FnOnce(&mut Document, &PatternSet, &Allowance<'_>) -> Result<u32, document::AccessError>,
    ) -> Answer<u32> {
        let patterns = self.patterns.get(patterns);
        self.change(handle, |data, allowance| change(data, &*patterns?, allowance))
    }

    /// Returns the tenant's key, if the redaction needs one.
    fn redaction_key(&self, how: &Redaction) -> [u8; 32] {
        match (how, &self.tenant) {
            (Redaction::Pseudonym(_), Some(tenant)) => self.pseudonyms.key(tenant),
            _ => [0; 32],
        }
    }
}

/// Returns the document of a handle. A component cannot forge handles: the host made the
/// representation.
fn place(handle: &Handle) -> Place {
    match handle.rep() {
        0 => Place::Data,
        1 => Place::Metadata,
        _ => Place::Settings,
    }
}

fn told<T>(answer: Result<T, document::AccessError>) -> Answer<T> {
    match answer {
        // Some of it may have been done already, so the plugin must not continue.
        Err(document::AccessError::Work) => Err(OutOfWork.into()),
        Err(document::AccessError::Output) => Err(OutOfOutput.into()),
        Err(document::AccessError::Overdue) => Err(Trap::Interrupt.into()),
        answer => Ok(answer.map_err(AccessError::from)),
    }
}

/// Pointers of one list that count as one more operation.
const POINTERS_PER_OPERATION: usize = 16;

fn redaction<'a>(how: &'a Redaction, key: &'a [u8]) -> document::Redaction<'a> {
    match how {
        Redaction::Remove => document::Redaction::Remove,
        Redaction::Mask(mask) => document::Redaction::Mask(mask),
        Redaction::KeepLast(count) => document::Redaction::KeepLast(*count),
        Redaction::Pseudonym(label) => document::Redaction::Pseudonym { label, key },
    }
}

impl From<document::Kind> for Kind {
    fn from(kind: document::Kind) -> Self {
        match kind {
            document::Kind::Absent => Self::Absent,
            document::Kind::Null => Self::Null,
            document::Kind::Boolean => Self::Boolean,
            document::Kind::Number => Self::Number,
            document::Kind::Text => Self::Text,
            document::Kind::Array => Self::Array,
            document::Kind::Object => Self::Object,
        }
    }
}

impl From<document::Scalar> for Scalar {
    fn from(scalar: document::Scalar) -> Self {
        match scalar {
            document::Scalar::Null => Self::Null,
            document::Scalar::Boolean(truth) => Self::Boolean(truth),
            document::Scalar::Integer(number) => Self::Integer(number),
            document::Scalar::Decimal(number) => Self::Decimal(number),
            document::Scalar::RawNumber(number) => Self::RawNumber(number),
            document::Scalar::Text(text) => Self::Text(text),
        }
    }
}

impl From<Scalar> for document::Scalar {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Boolean(truth) => Self::Boolean(truth),
            Scalar::Integer(number) => Self::Integer(number),
            Scalar::Decimal(number) => Self::Decimal(number),
            Scalar::RawNumber(number) => Self::RawNumber(number),
            Scalar::Text(text) => Self::Text(text),
        }
    }
}

impl From<document::AccessError> for AccessError {
    fn from(error: document::AccessError) -> Self {
        match error {
            document::AccessError::BadPointer => Self::BadPointer,
            document::AccessError::Absent => Self::Absent,
            document::AccessError::WrongKind(kind) => Self::WrongKind(kind.into()),
            document::AccessError::ReadOnly => Self::ReadOnly,
            // The last three are traps.
            document::AccessError::Limit
            | document::AccessError::Work
            | document::AccessError::Output
            | document::AccessError::Overdue => Self::Limit,
            document::AccessError::BadJson(what) => Self::BadJson(what),
        }
    }
}
