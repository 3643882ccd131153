//! The host with real components: shipped ones, and hostile ones by hand.

mod calls;
mod golden;
pub(crate) mod large;
mod limits;
mod metered;
mod platform;
mod shipped;
mod tenants;
mod trials;
mod uploads;

use std::sync::Arc;

use super::{
    Artifacts, Call, Chain, Compiler, Component, ComponentLoader, Config, Done, Host, OnFailure, Phase, Step,
    Trial, UploadError, Verdict,
};
use hookgate_domain::Timestamp;
use hookgate_json::{Document, Limits};
use hookgate_runtime::clock::{Clock, ManualClock};
use hookgate_runtime::telemetry::Metrics;
use hookgate_testing::guests::handling;

/// A host, and the directory that its artifacts are in.
struct Bench {
    host: Host,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new(config: Config) -> Self {
        let config = config.with_patience();
        let directory = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(directory.path().to_owned(), [7; 32]);
        let loader = ComponentLoader::new(Compiler::InProcess, artifacts, config.compile_concurrency);
        let clock = Clock::Manual(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let host = Host::start(&Arc::new(config), clock, Metrics::new(), loader, [9; 32]).unwrap();
        Self { host, directory }
    }

    async fn run(&self, steps: Vec<Step>, data: &str) -> Done {
        self.host.run(call("acme", steps, data)).await
    }

    /// Runs a chain of one step with a guest by hand, whose failure ends the chain.
    async fn run_guest(&self, items: &str, body: &str, data: &str) -> Done {
        let component = self.host.load(handling(items, body)).await.unwrap();
        self.run(vec![step(&component, "{}")], data).await
    }
}

fn step(component: &Arc<Component>, settings: &str) -> Step {
    Step::new(
        component.description.name.clone(),
        Some(component.clone()),
        Arc::new(document(settings)),
        OnFailure::Fail,
    )
}

fn document(text: &str) -> Document {
    Document::parse(text.as_bytes(), Limits::default()).unwrap()
}

fn call(tenant: &str, steps: Vec<Step>, data: &str) -> Call {
    Call {
        tenant: tenant.parse().unwrap(),
        chain: Arc::new(Chain::from(steps)),
        id: "evt_1".parse().unwrap(),
        kind: "invoice.paid".parse().unwrap(),
        created: Timestamp::from_millis(1_700_000_000_000),
        phase: Phase::Ingress,
        metadata: Arc::new(document("{}")),
        data: document(data),
    }
}

fn text(document: &Document) -> String {
    String::from_utf8(document.to_vec()).unwrap()
}

fn failure(done: &Done) -> (&'static str, &str) {
    match &done.verdict {
        Verdict::Failed(failure) => (failure.kind, &failure.message),
        other => panic!("expected a failure, got {other:?}"),
    }
}
