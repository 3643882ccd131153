//! A registry's surroundings for tests: a real plugin host that compiles in this process.

use std::sync::Arc;

use hookgate_domain::units::Span;
use hookgate_plugin_host::{Artifacts, Compiler, ComponentLoader, Config, Host, LargeConfig};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;

/// Limits for tests that are not about time: a call has enough of it in a build without optimisation on a slow machine.
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

/// A host for one test.
pub fn host() -> Host {
    let config = patient();
    // Shared by all tests of all runs: what was compiled once is only loaded the next time.
    let directory = std::env::temp_dir().join("hookgate-test-compiled");
    let artifacts = Artifacts::new(directory, [7; 32]);
    let workshop = ComponentLoader::new(Compiler::InProcess, artifacts, config.compiles);
    Host::start(
        &Arc::new(config),
        Clock::System,
        Metrics::new(),
        workshop,
        [9; 32],
    )
    .expect("threads and memory")
}
