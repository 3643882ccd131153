//! A registry's surroundings for tests: a real plugin host that compiles in this process.

use std::sync::Arc;

use crate::clock::Clock;
use crate::plugin::{Artifacts, Compiler, Config, Host, Workshop};
use crate::telemetry::Metrics;

/// A host for one test.
pub(crate) fn host() -> Host {
    let config = Config::patient();
    // Shared by all tests of all runs: what was compiled once is only loaded the next time.
    let directory = std::env::temp_dir().join("hookgate-test-compiled");
    let artifacts = Artifacts::new(directory, [7; 32]);
    let workshop = Workshop::new(Compiler::InProcess, artifacts, config.compiles);
    Host::start(
        &Arc::new(config),
        Clock::System,
        Metrics::new(),
        workshop,
        [9; 32],
    )
    .expect("threads and memory")
}
