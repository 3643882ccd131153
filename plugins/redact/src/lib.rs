//! Takes confidential fields out of events: by a dictionary of names, by patterns, by a projection, and by value.

mod dictionary;
mod settings;

use hookgate_sdk::{Description, Event, Failure, Plugin, Problem, Settings, Verdict, values};

/// The plugin.
pub struct Redact;

impl Plugin for Redact {
    fn describe() -> Description {
        Description::new(
            "redact",
            env!("CARGO_PKG_VERSION"),
            "Removes, masks or pseudonymises confidential fields.",
        )
        .with_settings_schema(settings::SCHEMA)
        .that_redacts()
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        settings::check(settings)
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        let plan = settings::read(&event.settings());
        let data = event.data();
        if !plan.keep.is_empty() {
            let keep: Vec<&str> = plan.keep.iter().map(String::as_str).collect();
            data.retain(&keep)?;
        }
        let patterns = plan.patterns.texts();
        if !patterns.is_empty() {
            data.redact(&patterns, &plan.action)?;
        }
        if !plan.values.is_empty() {
            values::redact(&data, &plan.values, &plan.action, &plan.mask)?;
        }
        Ok(Verdict::Pass)
    }
}

hookgate_sdk::export!(Redact);

#[cfg(test)]
mod tests;
