//! wasmtime engines, configured for a fresh instance per call.
//!
//! `Host::start` makes one engine for small components and, if the operator allows them, one for
//! large ones. A third one, whose code counts fuel, is made at the first dry run.
//!
//! Two engines with the same `code` settings can exchange artifacts; `REVISION` must change
//! whenever one of these settings changes.

use wasmtime::{
    Config as Wasmtime, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy,
    PoolingAllocationConfig,
};

use super::class::Class;
use super::config::Config;
use hookgate_domain::units::Size;

/// Full version of wasmtime and revision of the engine settings.
///
/// wasmtime itself would load code that any 48.x compiled. After a security release that fixes the
/// compiler, code of an earlier release must not run.
pub(super) const REVISION: &str = "48.0.8+hookgate.2";

/// Purpose of machine code. Code for one purpose is never loaded by the engine of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Events, through small components.
    Small,
    /// Events, through large components.
    Large,
    /// Dry runs: the code counts fuel, about one unit an instruction, which is slower and
    /// reproducible.
    Fuel,
}

impl Purpose {
    /// Suffix that distinguishes artifacts for this purpose.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Small => "",
            Self::Large => ".large",
            Self::Fuel => ".fuel",
        }
    }

    /// Returns the purpose with this suffix.
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

/// Creates the engine that runs components of the configured class.
pub(super) fn running(config: &Config) -> wasmtime::Result<Engine> {
    let mut settings = code(config.class.into())?;
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    Engine::new(&settings)
}

/// Creates the engine of dry runs, which counts fuel. It has no pool, because its calls are few.
pub(super) fn counting() -> wasmtime::Result<Engine> {
    compiling(Purpose::Fuel)
}

/// Creates an engine that only compiles. Without a pool it needs hardly any address space.
pub(super) fn compiling(purpose: Purpose) -> wasmtime::Result<Engine> {
    let mut settings = code(purpose)?;
    settings.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&settings)
}

/// Settings that affect the generated machine code.
fn code(purpose: Purpose) -> wasmtime::Result<Wasmtime> {
    let mut settings = Wasmtime::new();
    settings
        .epoch_interruption(true)
        .max_wasm_stack(STACK.bytes())
        .consume_fuel(purpose == Purpose::Fuel)
        // Copy-on-write images cost a remapping whenever a slot changes its component. With many
        // components that costs more than copying the few data pages of a small one, and far less
        // than copying an interpreter.
        .memory_init_cow(purpose == Purpose::Large)
        .memory_guaranteed_dense_image_size(DENSE_BYTES)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_component_model(true)
        // Untrusted DWARF is not parsed: function names come from the name section, source
        // positions from panic texts.
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable)
        .module_version(ModuleVersionStrategy::Custom(REVISION.to_owned()))?;
    Ok(settings)
}

/// Pool settings: slots are reset between calls, not unmapped.
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

/// Maximum stack of a guest on its thread.
pub(super) const STACK: Size = Size::from_bytes(512 << 10);

/// Size of a pool and reuse of its slots.
struct Shape {
    /// Concurrent instances; at least one for each thread.
    slots: u32,
    /// Core module instances, memories and tables per instance, on average.
    instances: u32,
    memories: u32,
    tables: u32,
    /// Slots that stay bound to their last component.
    warm: u32,
    /// Bytes of a memory that are reset by writing; the rest is returned to the system.
    resident: usize,
    /// Asks the system for the written pages, so that only those are reset.
    scanned: Enabled,
}

impl Shape {
    fn of(config: &Config) -> Self {
        match config.class {
            // Every slot serves every component equally well, and there are far more slots than
            // threads.
            Class::Small => Self {
                slots: SMALL_SLOTS,
                instances: 4,
                memories: 1,
                tables: 2,
                warm: 0,
                resident: 256 << 10,
                scanned: Enabled::No,
            },
            // A slot has the image of its component mapped. All slots can be at their limit.
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

/// Minimum number of slots: with fewer the pool has one shard, and two threads contend for it.
const SMALL_SLOTS: u32 = 128;
/// Memories in one component: the guest's and one more.
pub(super) const MEMORIES: u32 = 2;
/// Tables in one component: the guest's and those of the adapter's shims.
pub(super) const TABLES: u32 = 4;
/// The engine's internal state of one instance, in bytes.
const STATE_BYTES: usize = 1 << 20;
/// An image up to this size is made even if it is sparse.
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
