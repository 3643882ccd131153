//! The gateway's plugin host on this machine, without a gateway: the same code, the same limits.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::input::Event;
use crate::cli::output::Failure;
use crate::cli::temporary::TemporaryDir;
use hookgate_json::Document;
use hookgate_plugin_host::{
    Artifacts, Call, Chain, Compiler, Component, ComponentLoader, Config, Done, Host, OnFailure,
    SettingsProblem, Step, Trial, Tried,
};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;

/// Plugin host of this process.
pub(super) struct Local {
    host: Host,
    /// Directory of compiled components.
    _dir: TemporaryDir,
}

/// Loaded component.
pub(super) struct Loaded {
    pub(super) component: Arc<Component>,
    pub(super) source: Bytes,
}

impl Local {
    pub(super) fn start(limits: Config) -> Result<Self, Failure> {
        let dir = TemporaryDir::new("plugin")?;
        let exe = std::env::current_exe().map_err(|error| Failure::of(&error))?;
        // A random key suffices: nothing that it protects outlives this process. Pseudonyms are the
        // same at every run, for expectations.
        let artifacts = Artifacts::new(dir.path().to_owned(), rand::random());
        let workshop = ComponentLoader::new(
            Compiler::ChildProcess { exe },
            artifacts,
            limits.compile_concurrency,
        );
        let host = Host::start(
            &Arc::new(limits),
            Clock::System,
            Metrics::new(),
            workshop,
            [0; 32],
        );
        Ok(Self {
            host: host.map_err(|error| Failure::of(&error).prefixed("the plugin host does not start"))?,
            _dir: dir,
        })
    }

    /// Loads a component with the checks of an upload.
    pub(super) async fn load(&self, file: &Path) -> Result<Loaded, Failure> {
        let name = file.display().to_string();
        let source = std::fs::read(file).map_err(|error| Failure::of(&error).prefixed(&name))?;
        let source = Bytes::from(source);
        let component = self.host.load(source.clone()).await;
        Ok(Loaded {
            component: component.map_err(|error| Failure::of(&error).prefixed(&name))?,
            source,
        })
    }

    /// Limits of the component.
    pub(super) fn limits_of(&self, loaded: &Loaded) -> &Config {
        self.host.limits_of(&loaded.component)
    }

    /// Problems that the plugin finds in settings.
    pub(super) async fn problems(
        &self,
        loaded: &Loaded,
        settings: &Document,
    ) -> Result<Vec<SettingsProblem>, Failure> {
        let checked = self
            .host
            .check_settings(None, &loaded.component, Arc::new(settings.clone()))
            .await;
        checked.map_err(|failure| {
            Failure::new(format!(
                "the plugin fails at checking settings ({}): {}",
                failure.kind, failure.message
            ))
        })
    }

    /// Dry run of one step, after a call that warms up what is warm in production.
    pub(super) async fn try_out(&self, loaded: &Loaded, settings: &Document, event: &Event) -> Tried {
        self.handle(call(loaded, settings, event)).await;
        let trial = Trial {
            call: call(loaded, settings, event),
            sources: vec![Some(loaded.source.clone())],
        };
        self.host.try_out(trial).await
    }

    /// Runs an event like the gateway does.
    pub(super) async fn handle(&self, call: Call) -> Done {
        self.host.run(call).await
    }
}

/// Call of an event through a chain of one step.
pub(super) fn call(loaded: &Loaded, settings: &Document, event: &Event) -> Call {
    let name = loaded.component.description.name.clone();
    let component = Some(Arc::clone(&loaded.component));
    let step = Step::new(name, component, Arc::new(settings.clone()), OnFailure::Fail);
    Call {
        tenant: event.tenant.clone(),
        chain: Arc::new(Chain::from(vec![step])),
        id: event.id.clone(),
        kind: event.kind.clone(),
        created: event.created,
        phase: event.phase,
        metadata: Arc::new(event.metadata.clone()),
        data: event.data.clone(),
    }
}
