//! Changes the structure of events: moves, renames, copies, sets, composes, nests and flattens
//! fields, in order of the settings.

mod operation;
mod perform;
mod settings;
mod template;

use hookgate_sdk::{Description, Event, Failure, Plugin, Problem, Settings, Verdict};

/// The plugin.
pub struct Reshape;

impl Plugin for Reshape {
    fn describe() -> Description {
        Description::new(
            "reshape",
            env!("CARGO_PKG_VERSION"),
            "Moves, renames, copies, sets, composes, nests and flattens fields.",
        )
        .with_settings_schema(settings::SCHEMA)
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        settings::check(settings)
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        perform::all(event)?;
        Ok(Verdict::Pass)
    }
}

hookgate_sdk::export!(Reshape);

#[cfg(test)]
mod tests;
