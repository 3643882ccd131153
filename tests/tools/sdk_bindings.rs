//! Writes the SDK's bindings of the WIT package.

use anyhow::Result;
use hookgate_tests::bindings::{KEPT, generate};
use hookgate_tests::gateway::root;

fn main() -> Result<()> {
    std::fs::write(root().join(KEPT), generate()?)?;
    Ok(())
}
