//! Removes confidential fields from events, data and metadata: by a dictionary of names, by
//! patterns, by a projection, and by value.

mod dictionary;
mod settings;

use hookgate_sdk::{
    Description, Document, Event, Failure, Phase, Plugin, Problem, Settings, Verdict, values,
};
use settings::Plan;

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
        redact(&event.data(), &plan)?;
        let metadata = event.metadata();
        // A delivery sends no metadata, and the stored metadata was redacted at ingress.
        let changes = plan.metadata && event.info().phase == Phase::Ingress;
        if changes && metadata.length("") != Some(0) {
            redact(&metadata, &plan)?;
        }
        Ok(Verdict::Pass)
    }
}

fn redact(document: &Document, plan: &Plan) -> Result<(), Failure> {
    if !plan.keep.is_empty() {
        let keep: Vec<&str> = plan.keep.iter().map(String::as_str).collect();
        document.retain(&keep)?;
    }
    let patterns = plan.patterns.texts();
    if !patterns.is_empty() {
        document.redact(&patterns, &plan.action)?;
    }
    if !plan.values.is_empty() {
        values::redact(document, &plan.values, &plan.action, &plan.mask)?;
    }
    Ok(())
}

hookgate_sdk::export!(Redact);

#[cfg(test)]
mod tests;
