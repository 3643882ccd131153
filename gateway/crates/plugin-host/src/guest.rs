//! Host state of one call: the documents, the log, and the remaining limits.

use std::sync::Arc;

use wasmtime::{ResourceLimiter, Store, StoreContextMut, UpdateDeadline};

use super::config::Config;
use super::deadline::{Deadline, FIRST_LOOK};
use super::engine::{MEMORIES, TABLES};
use super::failure::OutOfOperations;
use super::log::Log;
use super::patterns::PatternCache;
use super::pseudonyms::Pseudonyms;
use hookgate_domain::TenantId;
use hookgate_json::budget::{ByteBudget, WorkBudget};
use hookgate_json::{AccessError, Allowance, Document};

/// Host side of the WIT resource `json`. Its representation selects one of the call's documents.
#[derive(Debug)]
pub struct Json;

/// The documents of a call, by the representation of their handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Place {
    /// The payload.
    Data = 0,
    /// The producer's notes; they can be changed before the event is stored.
    Metadata = 1,
    /// The step's settings.
    Settings = 2,
}

/// Data of one call's store.
pub(super) struct Guest {
    pub(super) data: Document,
    pub(super) metadata: Arc<Document>,
    /// Set when the metadata may be changed, which is before the event is stored.
    pub(super) changes_metadata: bool,
    pub(super) settings: Arc<Document>,
    /// Tenant of the call; `None`: a call outside any event.
    pub(super) tenant: Option<TenantId>,
    pub(super) pseudonyms: Pseudonyms,
    pub(super) patterns: Arc<PatternCache>,
    pub(super) log: Log,
    pub(super) meter: Meter,
    /// Time that the guest sees; constant during the call.
    pub(super) now_ms: u64,
    /// Number of random words drawn.
    pub(super) random: u64,
}

/// Remaining limits of a call, and the limit that stopped it.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) deadline: Deadline,
    pub(super) operations: u32,
    /// Bytes that operations may still return to the guest.
    pub(super) output: ByteBudget,
    /// A change was refused because the document would have grown over its limit.
    pub(super) over_output: bool,
    memory: usize,
    /// Peak size of one linear memory, in bytes.
    pub(super) peak_memory: usize,
    table_elements: usize,
    instances: usize,
    /// A request for more memory was refused.
    pub(super) out_of_memory: bool,
    /// A request for a larger table was refused.
    pub(super) out_of_elements: bool,
}

impl Meter {
    /// Creates a meter with the full limits of a call.
    pub(super) fn new(config: &Config, deadline: Deadline) -> Self {
        Self {
            deadline,
            operations: config.max_host_calls,
            output: ByteBudget::new(config.operation_output.bytes()),
            over_output: false,
            memory: config.memory.bytes(),
            peak_memory: 0,
            table_elements: config.table_elements as usize,
            instances: config.instances as usize,
            out_of_memory: false,
            out_of_elements: false,
        }
    }
}

impl Meter {
    /// Deducts operations.
    pub(super) fn count(&mut self, operations: u32) -> Result<(), OutOfOperations> {
        let left = self.operations.checked_sub(operations);
        self.operations = left.unwrap_or(0);
        left.map(drop).ok_or(OutOfOperations)
    }

    /// Runs one operation within the remaining limits of the call.
    pub(super) fn run<T>(
        &self,
        operate: impl FnOnce(&Allowance<'_>) -> Result<T, AccessError>,
    ) -> Result<T, AccessError> {
        let work = WorkBudget::new(OPERATION_WORK);
        let is_overdue = || self.deadline.is_over();
        let allowance = Allowance::default()
            .with_work(&work)
            .with_output(&self.output)
            .with_deadline(&is_overdue);
        operate(&allowance)
    }
}

/// Maximum work of one operation: several times what a large document needs with many patterns. It
/// takes some tens of milliseconds where the deadline of the call is longer.
pub(super) const OPERATION_WORK: u64 = 8_000_000;

impl ResourceLimiter for Meter {
    /// Enforces the memory limit of a plugin: refuses growth of its linear memory beyond it.
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= self.memory;
        self.out_of_memory |= !granted;
        if granted {
            self.peak_memory = self.peak_memory.max(desired);
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= self.table_elements;
        self.out_of_elements |= !granted;
        Ok(granted)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}

impl Guest {
    /// Creates a store for one call, under all limits.
    pub(super) fn into_store(self, engine: &wasmtime::Engine, config: &Config) -> Store<Self> {
        let mut store = Store::new(engine, self);
        store.limiter(|guest| &mut guest.meter);
        store.set_hostcall_fuel(config.operation_input.bytes());
        store.set_max_component_handles(config.handles as usize);
        store.set_epoch_deadline(FIRST_LOOK);
        store.epoch_deadline_callback(look);
        store
    }
}

fn look(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    Ok(store.data_mut().meter.deadline.look())
}
