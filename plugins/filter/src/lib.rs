//! Drops events by conditions on their type and fields.

mod compare;
mod condition;
mod settings;

use hookgate_sdk::{Description, Event, Failure, Plugin, Problem, Settings, Verdict};

use crate::condition::Evaluation;

/// The plugin.
pub struct Filter;

impl Plugin for Filter {
    fn describe() -> Description {
        Description::new(
            "filter",
            env!("CARGO_PKG_VERSION"),
            "Lets events pass or drops them, by conditions on their type and fields.",
        )
        .with_settings_schema(settings::SCHEMA)
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        settings::check(settings)
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        let settings = event.settings();
        let evaluation = Evaluation { event, settings };
        let passes = !settings.has("/pass") || evaluation.holds("/pass")?;
        let drops = settings.has("/drop") && evaluation.holds("/drop")?;
        if passes && !drops {
            return Ok(Verdict::Pass);
        }
        Ok(Verdict::Drop(
            settings.get_str("/reason").unwrap_or_else(|| "filtered".into()),
        ))
    }
}

hookgate_sdk::export!(Filter);

#[cfg(test)]
mod tests;
