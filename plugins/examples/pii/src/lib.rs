//! Removes e-mail addresses and card numbers from free text, and counts the affected texts.

use hookgate_sdk::values::{self, Found};
use hookgate_sdk::{
    Description, Event, Failure, Plugin, Problem, Redaction, Settings, Verdict, log, settings,
};

settings! {
    /// Values to remove.
    struct Options {
        /// Kinds of values to find; both if omitted.
        find: Option<Vec<Kind>>,
        /// Text that replaces a value.
        mask: String = "[removed]",
    }
}

settings! {
    /// Kind of value in a text.
    enum Kind {
        Email = "email",
        Card = "card",
    }
}

/// The plugin.
pub struct Pii;

impl Plugin for Pii {
    fn describe() -> Description {
        Description::new(
            "pii",
            env!("CARGO_PKG_VERSION"),
            "Takes addresses and card numbers out of free text.",
        )
        .with_settings::<Options>()
        .that_redacts()
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        settings::check::<Options>(settings)
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        let options: Options = event.settings_as()?;
        let kinds = options.find.unwrap_or_else(|| vec![Kind::Email, Kind::Card]);
        let found = kinds.iter().map(|kind| match kind {
            Kind::Email => Found::Email,
            Kind::Card => Found::Card,
        });
        let found: Vec<Found> = found.collect();
        let mask = Redaction::Mask(options.mask.clone());
        let texts = values::redact(&event.data(), &found, &mask, &options.mask)?;
        if texts > 0 {
            log::info(&["texts redacted: ", &texts.to_string()].concat());
        }
        Ok(Verdict::Pass)
    }
}

hookgate_sdk::export!(Pii);

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_sdk::testing;

    #[test]
    fn free_text_and_whole_values() {
        let data =
            r#"{"by":"a@b.example","note":"card 4111 1111 1111 1111, order 4111111111111112","n":1.50}"#;
        let outcome = testing::event("note.added").data(data).run::<Pii>();
        assert_eq!(
            outcome.data,
            r#"{"by":"[removed]","note":"card [removed], order 4111111111111112","n":1.50}"#
        );
        assert_eq!(outcome.log[0].1, "texts redacted: 2");
    }

    #[test]
    fn only_what_is_asked_for() {
        let outcome = testing::event("note.added")
            .data(r#"{"a":"x@y.example","b":"4111111111111111"}"#)
            .settings(r#"{"find":["card"],"mask":"-"}"#)
            .run::<Pii>();
        assert_eq!(outcome.data, r#"{"a":"x@y.example","b":"-"}"#);
    }
}
