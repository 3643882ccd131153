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

/// What calls need that is the same for all components of a class.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) engine: Engine,
    pub(super) config: Arc<Config>,
    pub(super) code_cache: Arc<CodeCache>,
    pub(super) incidents: Incidents,
    pub(super) pseudonyms: Pseudonyms,
    /// What a call of an engine that counts fuel may use of it.
    pub(super) fuel: Option<u64>,
    /// Of small ones: the caller of large ones, where they are let in.
    pub(super) large: Option<Arc<Caller>>,
}

/// What a call works on.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) data: Document,
    pub(super) metadata: Arc<Document>,
    /// Whether the metadata may be changed.
    pub(super) changes_metadata: bool,
    pub(super) settings: Arc<Document>,
    /// `None`: outside any event.
    pub(super) tenant: Option<TenantId>,
    pub(super) now_ms: u64,
    /// In place of the caller's limits.
    pub(super) bounds: Option<Arc<Config>>,
    pub(super) limit: Duration,
}

/// What came of a call.
#[derive(Debug)]
pub(super) struct Returned<T> {
    pub(super) result: Result<T, Fault>,
    /// As the call left it, even when it failed.
    pub(super) data: Document,
    /// As the call left it; of no use when it failed.
    pub(super) metadata: Arc<Document>,
    pub(super) log: Vec<LogLine>,
    pub(super) used: Duration,
    /// A change was refused because the document would have grown over its limit.
    pub(super) over_output: bool,
    pub(super) spent: Spent,
}

/// What a call used beside its time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    /// Document operations.
    pub(super) operations: u32,
    /// The most bytes of one linear memory.
    pub(super) memory: usize,
    /// Bytes of log, standard error too.
    pub(super) log: usize,
    /// Where the engine counts it.
    pub(super) fuel: Option<u64>,
}

impl Caller {
    /// A caller of the components of the class whose limits these are, with an engine and a shelf of its own.
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
            config.loaded.bytes(),
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

    /// The caller of a class.
    pub(super) fn of(&self, class: Class) -> &Self {
        match (class, &self.large) {
            (Class::Large, Some(large)) => large,
            (Class::Large, None) | (Class::Small, _) => self,
        }
    }

    /// The component's own account of itself.
    pub(super) fn describe(&self, component: &Arc<CachedComponent>) -> Returned<wit::Description> {
        let caller = self.of(component.class());
        caller.call(component, caller.input(), |plugin, store| {
            plugin.hookgate_plugin_handler().call_describe(store)
        })
    }

    /// What the component finds wrong in settings.
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

    /// An event.
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
            operations: config.operations.saturating_sub(guest.meter.operations),
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
    /// Nothing was called.
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

/// The handle of one of the call's documents, lent.
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

/// Problems that are told.
const PROBLEMS: usize = 64;
const POINTER_BYTES: usize = 256;
const MESSAGE_BYTES: usize = 1_024;
