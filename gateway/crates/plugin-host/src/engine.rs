//! The wasmtime engines, set up for a fresh instance per call: one for small components and, where the operator lets them in, one
//! for large ones, both made by `Host::start`; and one whose code counts fuel, made when the first dry run asks for it.
//!
//! Two engines whose `code` settings are the same can exchange artifacts; `REVISION` must grow whenever one of them changes.

use wasmtime::{
    Config as Wasmtime, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy,
    PoolingAllocationConfig,
};

use super::class::Class;
use super::config::Config;
use hookgate_domain::units::Size;

/// The full version of wasmtime and the revision of our settings. wasmtime itself would load what any 48.x compiled; a
/// security release that mends the compiler must not run code of the release before it.
pub(super) const REVISION: &str = "48.0.8+hookgate.2";

/// What machine code is for. Code for one purpose is never loaded by the engine of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Events, through small components.
    Small,
    /// Events, through large components.
    Large,
    /// Dry runs: it counts fuel, about one unit an instruction, which is slower and the same at every run.
    Fuel,
}

impl Purpose {
    /// What artifacts for it are told apart by.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Small => "",
            Self::Large => ".large",
            Self::Fuel => ".fuel",
        }
    }

    /// The purpose with this suffix.
    pub(super) fn of_suffix(suffix: &str) -> Option<Self> {
        [Self::Small, Self::Large, Self::Fuel]
            .into_iter()
            .find(|purpose| purpose.suffix() == suffix)
    }
}

impl From<Class> for Purpose {
    fn from(class: Class) -> Self {
        match class {
            Class::Small => Self::Small,
            Class::Large => Self::Large,
        }
    }
}

/// The engine that runs the components of the class whose limits these are.
pub(super) fn running(config: &Config) -> wasmtime::Result<Engine> {
    let mut settings = code(config.class.into())?;
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    Engine::new(&settings)
}

/// The engine of dry runs, which counts fuel. Its calls are few: it has no pool.
pub(super) fn counting() -> wasmtime::Result<Engine> {
    compiling(Purpose::Fuel)
}

/// The engine that only compiles: without a pool it needs no address space to speak of.
pub(super) fn compiling(purpose: Purpose) -> wasmtime::Result<Engine> {
    let mut settings = code(purpose)?;
    settings.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&settings)
}

/// All that decides what machine code comes out.
fn code(purpose: Purpose) -> wasmtime::Result<Wasmtime> {
    let mut settings = Wasmtime::new();
    settings
        .epoch_interruption(true)
        .max_wasm_stack(STACK.bytes())
        .consume_fuel(purpose == Purpose::Fuel)
        // Copy-on-write images cost a remapping whenever a slot changes its component: with many components that is
        // dearer than copying the few data pages that a small one has, and far cheaper than copying an interpreter.
        .memory_init_cow(purpose == Purpose::Large)
        .memory_guaranteed_dense_image_size(DENSE_BYTES)
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
    let workers = u32::try_from(config.workers()).unwrap_or(u32::MAX);
    let shape = Shape::of(config);
    let slots = workers.max(shape.slots);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(shape.instances))
        .total_memories(slots.saturating_mul(shape.memories))
        .total_tables(slots.saturating_mul(shape.tables))
        .max_core_instances_per_component(config.instances)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_component_instance_size(STATE_BYTES)
        .max_core_instance_size(STATE_BYTES)
        .max_memory_size(config.memory.bytes())
        .table_elements(config.table_elements as usize)
        .linear_memory_keep_resident(shape.resident)
        .table_keep_resident(64 << 10)
        .max_unused_warm_slots(shape.warm)
        .pagemap_scan(shape.scanned);
    pool
}

/// What a guest may use of its thread's stack.
pub(super) const STACK: Size = Size::from_bytes(512 << 10);

/// What a pool has, and how its slots are used.
struct Shape {
    /// Instances at the same time, if there are no more threads.
    slots: u32,
    /// Core module instances, memories and tables for each of them on average.
    instances: u32,
    memories: u32,
    tables: u32,
    /// Slots that wait for their component to come again.
    warm: u32,
    /// Bytes of a memory that are reset by writing; the rest is given back to the system.
    resident: usize,
    /// Whether the system is asked which pages were written to, and only those are reset.
    scanned: Enabled,
}

impl Shape {
    fn of(config: &Config) -> Self {
        match config.class {
            // Any slot serves any component as well, and there are far more slots than threads.
            Class::Small => Self {
                slots: SMALL_SLOTS,
                instances: 4,
                memories: 1,
                tables: 2,
                warm: 0,
                resident: 256 << 10,
                scanned: Enabled::No,
            },
            // A slot has the image of its component mapped. All can be at their limit.
            Class::Large => Self {
                slots: config.large.slots,
                instances: config.instances,
                memories: MEMORIES,
                tables: TABLES,
                warm: config.large.slots,
                resident: 1 << 20,
                scanned: Enabled::Auto,
            },
        }
    }
}

/// With fewer the pool has one shard, and two threads wait for each other.
const SMALL_SLOTS: u32 = 128;
/// Memories in one component: the guest's and one more.
pub(super) const MEMORIES: u32 = 2;
/// Tables in one component: the guest's and those of the adapter's shims.
pub(super) const TABLES: u32 = 4;
/// The engine's own records of one instance.
const STATE_BYTES: usize = 1 << 20;
/// An image up to this size is made however many holes it has.
const DENSE_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_names_the_wasmtime_that_is_built_in() {
        let lock = include_str!("../../../../Cargo.lock");
        let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasmtime\"");
        let version = lines.nth(1).unwrap().split('"').nth(1).unwrap();
        assert_eq!(REVISION.split('+').next(), Some(version));
    }
}
