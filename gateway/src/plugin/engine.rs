//! The wasmtime engine, set up for a fresh instance per call. Made once by `Host::start`, and once by the compiling process;
//! a second one, whose code counts fuel, is made when the first dry run asks for it.
//!
//! Two engines whose `code` settings are the same can exchange artifacts; `REVISION` must grow whenever one of them changes.

use wasmtime::{
    Config as Wasmtime, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy,
    PoolingAllocationConfig,
};

use super::config::Config;
use crate::domain::units::Size;

/// The full version of wasmtime and the revision of our settings. wasmtime itself would load what any 48.x compiled; a
/// security release that mends the compiler must not run code of the release before it.
pub(super) const REVISION: &str = "48.0.8+hookgate.1";

/// What machine code counts while it runs, beside the epoch that its deadline is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// Nothing: as events are handled.
    Nothing,
    /// Fuel, about one unit an instruction: slower, and the same at every run. For dry runs.
    Fuel,
}

impl Counting {
    /// What artifacts of this kind are told apart by.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Fuel => ".fuel",
        }
    }

    /// The kind with this suffix.
    pub(super) fn of_suffix(suffix: &str) -> Option<Self> {
        [Self::Nothing, Self::Fuel]
            .into_iter()
            .find(|counting| counting.suffix() == suffix)
    }
}

/// The engine that runs components.
pub(super) fn running(config: &Config) -> wasmtime::Result<Engine> {
    let mut settings = code(Counting::Nothing)?;
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    Engine::new(&settings)
}

/// The engine of dry runs, which counts fuel. Its calls are few: it has no pool.
pub(super) fn counting() -> wasmtime::Result<Engine> {
    compiling(Counting::Fuel)
}

/// The engine that only compiles: without a pool it needs no address space to speak of.
pub(super) fn compiling(counting: Counting) -> wasmtime::Result<Engine> {
    let mut settings = code(counting)?;
    settings.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&settings)
}

/// All that decides what machine code comes out.
fn code(counting: Counting) -> wasmtime::Result<Wasmtime> {
    let mut settings = Wasmtime::new();
    settings
        .epoch_interruption(true)
        .consume_fuel(counting == Counting::Fuel)
        .max_wasm_stack(STACK.bytes())
        // Copy-on-write images cost a remapping whenever a slot changes its component: with many components that is
        // dearer than copying the few data pages that a plugin has.
        .memory_init_cow(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_component_model(true)
        // DWARF of a stranger's making is not parsed: function names come from the name section, places from panic texts.
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable)
        .module_version(ModuleVersionStrategy::Custom(REVISION.to_owned()))?;
    Ok(settings)
}

/// Slots that are reset, not unmapped, between calls.
fn pool(config: &Config) -> PoolingAllocationConfig {
    let slots = u32::try_from(config.thread_count())
        .unwrap_or(u32::MAX)
        .max(SLOTS);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(4))
        .total_memories(slots)
        .total_tables(slots.saturating_mul(2))
        .max_core_instances_per_component(config.instances)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_component_instance_size(STATE_BYTES)
        .max_core_instance_size(STATE_BYTES)
        .max_memory_size(config.memory.bytes())
        .table_elements(config.table_elements as usize)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .max_unused_warm_slots(0)
        .pagemap_scan(Enabled::No);
    pool
}

/// What a guest may use of its thread's stack.
pub(super) const STACK: Size = Size::from_bytes(512 << 10);
/// With fewer the pool has one shard, and two threads wait for each other.
const SLOTS: u32 = 128;
/// Memories in one component: the guest's and one more.
pub(super) const MEMORIES: u32 = 2;
/// Tables in one component: the guest's and those of the adapter's shims.
pub(super) const TABLES: u32 = 4;
/// The engine's own records of one instance.
const STATE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_names_the_wasmtime_that_is_built_in() {
        let lock = include_str!("../../../Cargo.lock");
        let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasmtime\"");
        let version = lines.nth(1).unwrap().split('"').nth(1).unwrap();
        assert_eq!(REVISION.split('+').next(), Some(version));
    }
}
