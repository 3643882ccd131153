//! Environment of a registry for tests: a real plugin host that compiles in this process.

use std::sync::Arc;

use hookgate_domain::units::Span;
use hookgate_plugin_host::{Artifacts, Compiler, ComponentLoader, Config, Host, LargeConfig};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;

/// Generous time limits for tests that are not about time: for unoptimised builds on slow machines.
pub fn patient() -> Config {
    let plenty = Span::from_secs(10);
    let default = Config::default();
    Config {
        call_deadline: plenty,
        chain_deadline: plenty,
        large: LargeConfig {
            call_deadline: plenty,
            ..default.large.clone()
        },
        ..default
    }
}

/// Creates a host for one test.
pub fn host() -> Host {
    let config = patient();
    // Shared by all tests of all runs, so that a component is compiled once and then only loaded.
    let directory = std::env::temp_dir().join("hookgate-test-compiled");
    let artifacts = Artifacts::new(directory, [7; 32]);
    let workshop = ComponentLoader::new(Compiler::InProcess, artifacts, config.compile_concurrency);
    Host::start(
        &Arc::new(config),
        Clock::System,
        Metrics::new(),
        workshop,
        [9; 32],
    )
    .expect("threads and memory")
}
