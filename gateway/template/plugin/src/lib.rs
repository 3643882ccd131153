//! A hookgate plugin: drops drafts, and masks who wrote the rest.

use hookgate_sdk::{Description, Event, Failure, Plugin, Problem, Redaction, Settings, Verdict, log, settings};

settings! {
    /// Settings of a step.
    struct Options {
        /// Replacement of a name.
        mask: String = "***",
    }
}

struct PluginName;

impl Plugin for PluginName {
    fn describe() -> Description {
        Description::new("plugin-name", env!("CARGO_PKG_VERSION"), "Drops drafts, and masks who wrote the rest.")
            .with_settings::<Options>()
            .that_redacts()
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        settings::check::<Options>(settings)
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        let options: Options = event.settings_as()?;
        let data = event.data();
        if data.get_str("/status").as_deref() == Some("draft") {
            return Ok(Verdict::Drop("drafts stay here".into()));
        }
        let masked = data.redact(&["/**/~author|*editor"], &Redaction::Mask(options.mask))?;
        log::info(&format!("names masked: {masked}"));
        Ok(Verdict::Pass)
    }
}

hookgate_sdk::export!(PluginName);

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_sdk::testing;

    #[test]
    fn drafts_are_dropped() {
        let outcome = testing::event("page.saved").data(r#"{"status":"draft"}"#).run::<PluginName>();
        assert_eq!(outcome.verdict, Ok(Verdict::Drop("drafts stay here".into())));
    }

    #[test]
    fn settings_are_checked() {
        let problems = testing::check_settings::<PluginName>(r#"{"mask":5}"#).unwrap_err();
        assert_eq!(problems[0].pointer, "/mask");
    }
}
