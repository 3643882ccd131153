//! One call of a component: a fresh instance, under all limits, dropped afterwards.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime::{Engine, Store};

use super::SettingsProblem;
use super::bindings::Plugin;
use super::bindings::exports::hookgate::plugin::handler as wit;
use super::bindings::hookgate::plugin::types;
use super::class::Class;
use super::code_cache::{CachedComponent, CodeCache};
use super::config::Config;
use super::deadline::Deadline;
use super::engine;
use super::failure::Fault;
use super::guest::{Guest, Json, Meter, Place};
use super::imports;
use super::incidents::Incidents;
use super::loader::ComponentLoader;
use super::log::{Log, LogLine, escaped};
use super::pseudonyms::Pseudonyms;
use hookgate_domain::TenantId;
use hookgate_json::Document;

/// Calls components of one class: the engine, the limits and the code cache that they share.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) engine: Engine,
    pub(super) config: Arc<Config>,
    pub(super) code_cache: Arc<CodeCache>,
    pub(super) incidents: Incidents,
    pub(super) pseudonyms: Pseudonyms,
    /// Fuel limit of a call, for an engine that counts fuel.
    pub(super) fuel: Option<u64>,
    /// In the caller of small components: the caller of large ones, if they are allowed.
    pub(super) large: Option<Arc<Caller>>,
}

/// Input of a call.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) data: Document,
    pub(super) metadata: Arc<Document>,
    /// Set when the call may change the metadata.
    pub(super) changes_metadata: bool,
    pub(super) settings: Arc<Document>,
    /// `None`: a call outside any event.
    pub(super) tenant: Option<TenantId>,
    pub(super) now_ms: u64,
    /// Limits that replace the caller's.
    pub(super) bounds: Option<Arc<Config>>,
    pub(super) limit: Duration,
}

/// Result of a call.
#[derive(Debug)]
pub(super) struct Returned<T> {
    pub(super) result: Result<T, Fault>,
    /// The document as the call left it, even after a failure.
    pub(super) data: Document,
    /// The metadata as the call left it; meaningless after a failure.
    pub(super) metadata: Arc<Document>,
    pub(super) log: Vec<LogLine>,
    pub(super) used: Duration,
    /// A change was refused because the document would have grown over its limit.
    pub(super) over_output: bool,
    pub(super) spent: Spent,
}

/// Resources that a call used, other than time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    /// Document operations.
    pub(super) operations: u32,
    /// Peak size of one linear memory, in bytes.
    pub(super) memory: usize,
    /// Bytes of log, standard error included.
    pub(super) log: usize,
    /// Fuel, if the engine counts it.
    pub(super) fuel: Option<u64>,
}

impl Caller {
    /// Creates a caller for the configured class, with a separate engine and code cache.
    pub(super) fn new(
        config: Arc<Config>,
        loader: &ComponentLoader,
        incidents: Incidents,
        pseudonyms: Pseudonyms,
    ) -> wasmtime::Result<Self> {
        let engine = engine::running(&config)?;
        let imports = imports::linker(&engine)?;
        let artifacts = loader.made_for(config.class.into()).artifacts().clone();
        let code_cache = CodeCache::new(
            engine.clone(),
            imports,
            artifacts,
            config.class,
            config.code_cache_size.bytes(),
        );
        Ok(Self {
            engine,
            config,
            code_cache: Arc::new(code_cache),
            incidents,
            pseudonyms,
            fuel: None,
            large: None,
        })
    }

    /// Returns the caller of a class.
    pub(super) fn of(&self, class: Class) -> &Self {
        match (class, &self.large) {
            (Class::Large, Some(large)) => large,
            (Class::Large, None) | (Class::Small, _) => self,
        }
    }

    /// Calls `describe`: the component's name, version, summary and schema.
    pub(super) fn describe(&self, component: &Arc<CachedComponent>) -> Returned<wit::Description> {
        let caller = self.of(component.class());
        caller.call(component, caller.input(), |plugin, store| {
            plugin.hookgate_plugin_handler().call_describe(store)
        })
    }

    /// Calls `check-settings`: the problems that the component finds in its settings.
    pub(super) fn check_settings(
        &self,
        component: &Arc<CachedComponent>,
        settings: Arc<Document>,
    ) -> Returned<Vec<SettingsProblem>> {
        let caller = self.of(component.class());
        let input = Input {
            settings,
            ..caller.input()
        };
        let returned = caller.call(component, input, |plugin, store| {
            plugin
                .hookgate_plugin_handler()
                .call_check_settings(store, handle(Place::Settings))
        });
        returned.map(|checked| checked.map_or_else(problems, |()| Vec::new()))
    }

    /// Calls `handle` for an event.
    pub(super) fn handle(
        &self,
        component: &Arc<CachedComponent>,
        input: Input,
        event: &types::EventInfo,
    ) -> Returned<Result<wit::Verdict, wit::Failure>> {
        let caller = self.of(component.class());
        caller.call(component, input, |plugin, store| {
            let handler = plugin.hookgate_plugin_handler();
            handler.call_handle(store, event, handle(Place::Metadata), handle(Place::Data))
        })
    }

    fn input(&self) -> Input {
        Input {
            limit: self.config.call_deadline.get(),
            ..Input::default()
        }
    }

    fn call<T>(
        &self,
        component: &Arc<CachedComponent>,
        input: Input,
        call: impl FnOnce(&Plugin, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Returned<T> {
        let Some(linked) = self.code_cache.take(component) else {
            let gone = "its machine code is gone from the data directory; it comes back when the gateway starts again";
            return Returned::failed(Fault::new("missing", gone), input.data);
        };
        let config = input.bounds.as_ref().unwrap_or(&self.config);
        let guest = Guest {
            data: input.data,
            metadata: input.metadata,
            changes_metadata: input.changes_metadata,
            settings: input.settings,
            tenant: input.tenant,
            pseudonyms: self.pseudonyms.clone(),
            patterns: linked.patterns.clone(),
            log: Log::new(config.log.bytes()),
            meter: Meter::new(config, Deadline::begin(input.limit)),
            now_ms: input.now_ms,
            random: 0,
        };
        let mut store = guest.into_store(&self.engine, config);
        if let Some(fuel) = self.fuel
            && let Err(error) = store.set_fuel(fuel)
        {
            let fault = Fault::new("internal", &error.to_string());
            return Returned::failed(fault, store.into_data().data);
        }
        let instance = linked.pre.instantiate(&mut store);
        let result = instance.and_then(|plugin| call(&plugin, &mut store));
        let result = result.map_err(|stop| Fault::from_stop(&stop, store.data(), config));
        let left = self.fuel.and_then(|fuel| Some((fuel, store.get_fuel().ok()?)));
        let guest = store.into_data();
        let spent = Spent {
            operations: config.max_host_calls.saturating_sub(guest.meter.operations),
            memory: guest.meter.peak_memory,
            log: config.log.bytes().saturating_sub(guest.log.room()),
            fuel: left.map(|(fuel, left)| fuel.saturating_sub(left)),
        };
        Returned {
            spent,
            result,
            data: guest.data,
            metadata: guest.metadata,
            log: guest.log.into_lines(),
            used: guest.meter.deadline.used(),
            over_output: guest.meter.over_output,
        }
    }
}

impl<T> Returned<T> {
    /// Result of a call that was not made.
    pub(super) fn failed(fault: Fault, data: Document) -> Self {
        Self {
            result: Err(fault),
            data,
            metadata: Arc::default(),
            log: Vec::new(),
            used: Duration::ZERO,
            over_output: false,
            spent: Spent::default(),
        }
    }

    fn map<U>(self, f: impl FnOnce(T) -> U) -> Returned<U> {
        Returned {
            result: self.result.map(f),
            data: self.data,
            metadata: self.metadata,
            log: self.log,
            used: self.used,
            over_output: self.over_output,
            spent: self.spent,
        }
    }
}

/// Borrowed handle of one of the call's documents.
fn handle(place: Place) -> Resource<Json> {
    Resource::new_borrow(place as u32)
}

fn problems(problems: Vec<wit::Problem>) -> Vec<SettingsProblem> {
    let bounded = problems.into_iter().take(PROBLEMS);
    bounded
        .map(|problem| SettingsProblem {
            pointer: escaped(&problem.pointer, POINTER_BYTES),
            message: escaped(&problem.message, MESSAGE_BYTES),
        })
        .collect()
}

/// Maximum number of reported problems.
const PROBLEMS: usize = 64;
const POINTER_BYTES: usize = 256;
const MESSAGE_BYTES: usize = 1_024;
