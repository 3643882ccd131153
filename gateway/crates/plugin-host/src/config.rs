//! Configuration of the plugin host: the limits that an operator sets under `plugins`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::thread::available_parallelism;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::breaker::BreakerConfig;
use super::canary::CanaryConfig;
use super::class::{Class, LargeConfig};
use super::log_buffer::LogBufferConfig;
use hookgate_domain::units::{Size, Span};

/// Limits of each plugin, and of all plugins together.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Linear memory of one call.
    pub memory: Size,
    /// Elements of one table of a component.
    pub table_elements: u32,
    /// Core module instances in one component; the adapter and its shims count too.
    pub instances: u32,
    /// Handles to documents and streams that one call may hold at a time.
    pub handles: u32,
    /// Processor time of one call. Time during which the machine runs other work does not count.
    pub call_deadline: Span,
    /// Processor time of one chain, all its steps together.
    pub chain_deadline: Span,
    /// Document operations of one call.
    #[serde(alias = "operations")]
    pub max_host_calls: u32,
    /// Bytes that one operation may take from a plugin's memory, strings and lists together.
    pub operation_input: Size,
    /// Bytes that all document operations of one call may return to a plugin. They are counted
    /// before they are copied: values, keys, pointers.
    pub operation_output: Size,
    /// Log of one call, with its standard error; the excess is counted and dropped.
    pub log: Size,
    /// Growth of a document in a chain: the output is at most twice the input plus this.
    #[serde(alias = "growth")]
    pub max_growth: Size,
    /// Nesting of a document.
    pub depth: u32,
    /// Steps of a chain.
    pub steps: u32,
    /// Largest upload; `plugins.large.upload` allows larger ones.
    pub upload: Size,
    /// Memory of the process that compiles a component.
    pub compile_memory: Size,
    /// Processor and wall time of the process that compiles a component.
    pub compile_time: Span,
    /// Concurrent compilations.
    #[serde(alias = "compiles")]
    pub compile_concurrency: NonZeroU32,
    /// Time that unused machine code stays in `data_dir`. It is compiled again when it is needed.
    #[serde(alias = "keep_compiled")]
    pub artifact_ttl: Span,
    /// Machine code that stays loaded. The least recently used is evicted first and is loaded again
    /// from disk.
    #[serde(alias = "loaded")]
    pub code_cache_size: Size,
    /// Concurrent plugin calls; if it is left out, the number of the machine's cores.
    pub threads: Option<NonZeroU32>,
    /// Additional concurrent calls of tenants whose calls take long, on threads of lower priority.
    /// If it is left out: one less than `threads`, and at least one, so that a core stays free for
    /// other work.
    #[serde(alias = "long_threads")]
    pub background_threads: Option<NonZeroU32>,
    /// Processor time per second of a tenant on this gateway, for plugins, schemas and filters. A
    /// tenant may use up to a second's worth ahead. Left out: no limit; tenants share the
    /// processors in turns.
    pub budget: Option<Span>,
    /// The same for individual tenants, by name: `acme = "500ms"`.
    pub budgets: BTreeMap<String, Span>,
    /// Work of one event that its tenant's filters, schema and classifications may take: values
    /// looked at, comparisons, and bytes given to patterns; costly patterns count many times over.
    /// An event that takes more is refused (`too_much_work`).
    pub max_event_work: u64,
    /// Circuit breaker of plugins that fail repeatedly.
    pub breaker: BreakerConfig,
    /// Failure threshold that stops a canary.
    pub canary: CanaryConfig,
    /// Plugin log that stays in memory for its author.
    pub journal: LogBufferConfig,
    /// Shared plugin versions with separate lines at `/metrics`. The shipped plugins always have
    /// them; all other versions and the tenants' own plugins, under any name, share `other`.
    pub metric_versions: u32,
    /// Limits of components with much data in them, such as those that contain an interpreter.
    pub large: LargeConfig,
    /// Calls of one tenant that wait for a thread; more are refused as busy.
    pub queue_per_tenant: u32,
    /// Calls of all tenants that wait for a thread; more are refused as busy.
    pub queue: u32,
    /// Class that these limits apply to.
    #[serde(skip)]
    pub class: Class,
}

#[cfg(test)]
impl Config {
    /// Raises limits of time that have their default values: for tests that are not about time, on
    /// any machine.
    pub(crate) fn with_patience(mut self) -> Self {
        let (plenty, default) = (Span::from_secs(10), Self::default());
        for (own, default) in [
            (&mut self.call_deadline, default.call_deadline),
            (&mut self.chain_deadline, default.chain_deadline),
            (&mut self.large.call_deadline, default.large.call_deadline),
        ] {
            if *own == default {
                *own = plenty;
            }
        }
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory: Size::from_bytes(16 << 20),
            table_elements: 20_000,
            instances: 16,
            handles: 256,
            call_deadline: Span::from_millis(10),
            chain_deadline: Span::from_millis(100),
            max_host_calls: 20_000,
            operation_input: Size::from_bytes(4 << 20),
            operation_output: Size::from_bytes(8 << 20),
            log: Size::from_bytes(4 << 10),
            max_growth: Size::from_bytes(64 << 10),
            depth: 64,
            steps: 16,
            upload: Size::from_bytes(2 << 20),
            compile_memory: Size::from_bytes(1 << 30),
            compile_time: Span::from_secs(30),
            compile_concurrency: NonZeroU32::MIN,
            artifact_ttl: Span::from_secs(7 * 86_400),
            code_cache_size: Size::from_bytes(512 << 20),
            threads: None,
            background_threads: None,
            budget: None,
            budgets: BTreeMap::new(),
            max_event_work: 10_000_000,
            breaker: BreakerConfig::default(),
            canary: CanaryConfig::default(),
            journal: LogBufferConfig::default(),
            metric_versions: 100,
            large: LargeConfig::default(),
            queue_per_tenant: 1_024,
            queue: 8_192,
            class: Class::Small,
        }
    }
}

impl Config {
    /// Number of concurrent calls.
    pub fn thread_count(&self) -> usize {
        match self.threads {
            Some(threads) => threads.get() as usize,
            None => available_parallelism().map_or(1, usize::from),
        }
    }

    /// Number of normal-priority threads: one for each concurrent call, and one to replace each
    /// long call.
    pub(super) fn front_seats(&self) -> usize {
        self.thread_count() + ASIDE
    }

    /// Number of all guest threads.
    pub(super) fn workers(&self) -> usize {
        let behind = self.background_threads.map(|threads| threads.get() as usize);
        self.front_seats() + behind.unwrap_or_else(|| self.thread_count().saturating_sub(1).max(1))
    }
}

/// Number of concurrent long calls on normal-priority threads that delay no other call.
const ASIDE: usize = 4;
