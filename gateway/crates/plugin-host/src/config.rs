//! The limits of the plugin host, as an operator sets them under `plugins`.

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

/// What a plugin, and all of them together, may use.
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
    /// Processor time of one call. What the machine takes away for other work does not count.
    pub call_deadline: Span,
    /// Processor time of one chain, all its steps together.
    pub chain_deadline: Span,
    /// Document operations of one call.
    pub operations: u32,
    /// Bytes that one operation may take from a plugin's memory, strings and lists together.
    pub operation_input: Size,
    /// Bytes that all document operations of one call may give to a plugin, before they are copied: values, keys, pointers.
    pub operation_output: Size,
    /// Log of one call, with what the plugin writes to its standard error; what is over it is counted and dropped.
    pub log: Size,
    /// What a chain may add to a document, beside as much again as it had: the output is at most twice the input and this.
    pub growth: Size,
    /// Nesting of a document.
    pub depth: u32,
    /// Steps of a chain.
    pub steps: u32,
    /// An uploaded component; `plugins.large.upload` lets in larger ones.
    pub upload: Size,
    /// Memory of the process that compiles a component.
    pub compile_memory: Size,
    /// Processor and wall time of the process that compiles a component.
    pub compile_time: Span,
    /// Components that are compiled at the same time.
    pub compiles: NonZeroU32,
    /// For how long machine code that nobody has called for is kept in `data_dir`; it is made again when it is wanted.
    pub keep_compiled: Span,
    /// Machine code of components that is kept loaded; what was used least recently goes first and is loaded again from disk.
    pub loaded: Size,
    /// Calls of plugins that run at the same time; as many as the machine has cores where it is left out.
    pub threads: Option<NonZeroU32>,
    /// Calls more of tenants whose calls take long, on threads that the system lets wait for the others; where it is left out,
    /// one less than `threads`, and at least one: a core is left to everybody else.
    pub long_threads: Option<NonZeroU32>,
    /// Processor time that a tenant's plugins, schemas and filters may use in a second on this gateway, a second's worth ahead; left out: as much as
    /// there is, in turns with the others.
    pub budget: Option<Span>,
    /// The same for single tenants, by their names: `acme = "500ms"`.
    pub budgets: BTreeMap<String, Span>,
    /// Work of one event that its tenant's filters, schema and classifications may take: values looked at, comparisons, and
    /// bytes given to patterns, the costly patterns' many times over. An event that takes more is refused (`too_much_work`).
    pub max_event_work: u64,
    /// When a plugin that is stopped again and again is left alone.
    pub breaker: BreakerConfig,
    /// When a canary that fails is called off.
    pub canary: CanaryConfig,
    /// What of a plugin's log is kept for its author.
    pub journal: LogBufferConfig,
    /// Versions of the operator's shared plugins that have lines of their own at `/metrics`; the shipped ones have them always.
    /// All others and tenants' own plugins, whatever their names, share `other`.
    pub metric_versions: u32,
    /// What components with much data in them may use, such as those with an interpreter inside.
    pub large: LargeConfig,
    /// Calls of one tenant that wait for a thread; more are refused as busy.
    pub queue_per_tenant: u32,
    /// Calls of all tenants that wait for a thread; more are refused as busy.
    pub queue: u32,
    /// Whose limits these are.
    #[serde(skip)]
    pub class: Class,
}

#[cfg(test)]
impl Config {
    /// This with enough time where it is what it is by default: for tests that are not about time, on any machine.
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
            operations: 20_000,
            operation_input: Size::from_bytes(4 << 20),
            operation_output: Size::from_bytes(8 << 20),
            log: Size::from_bytes(4 << 10),
            growth: Size::from_bytes(64 << 10),
            depth: 64,
            steps: 16,
            upload: Size::from_bytes(2 << 20),
            compile_memory: Size::from_bytes(1 << 30),
            compile_time: Span::from_secs(30),
            compiles: NonZeroU32::MIN,
            keep_compiled: Span::from_secs(7 * 86_400),
            loaded: Size::from_bytes(512 << 20),
            threads: None,
            long_threads: None,
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
    /// How many calls run at the same time.
    pub fn thread_count(&self) -> usize {
        match self.threads {
            Some(threads) => threads.get() as usize,
            None => available_parallelism().map_or(1, usize::from),
        }
    }

    /// How many threads there are for those who owe nothing: one takes the place of each call that steps aside.
    pub(super) fn front_seats(&self) -> usize {
        self.thread_count() + ASIDE
    }

    /// How many threads there are in all.
    pub(super) fn workers(&self) -> usize {
        let behind = self.long_threads.map(|threads| threads.get() as usize);
        self.front_seats() + behind.unwrap_or_else(|| self.thread_count().saturating_sub(1).max(1))
    }
}

/// Calls that may have stepped aside at the same time without anybody waiting for them.
const ASIDE: usize = 4;
