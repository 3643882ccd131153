//! Forwards only the fields that are listed for an event's type. An event of a type without a list
//! is dropped, so that a new type is not forwarded by accident.

use std::collections::BTreeMap;

use hookgate_sdk::settings::Pattern;
use hookgate_sdk::{Description, Event, Failure, Plugin, Problem, Settings, Verdict, settings};

settings! {
    /// Fields to forward.
    struct Projections {
        /// The fields by event type; the type `*` applies to all others.
        types: BTreeMap<String, Vec<Pattern>>,
    }
}

/// The plugin.
pub struct Project;

impl Plugin for Project {
    fn describe() -> Description {
        Description::new(
            "project",
            env!("CARGO_PKG_VERSION"),
            "Lets through what is listed for each type.",
        )
        .with_settings::<Projections>()
        .that_redacts()
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        settings::check::<Projections>(settings)
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        let projections: Projections = event.settings_as()?;
        let types = &projections.types;
        let Some(fields) = types.get(event.kind()).or_else(|| types.get("*")) else {
            return Ok(Verdict::Drop("no projection for its type".into()));
        };
        let fields: Vec<&str> = fields.iter().map(|field| field.0.as_str()).collect();
        event.data().retain(&fields)?;
        Ok(Verdict::Pass)
    }
}

hookgate_sdk::export!(Project);

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_sdk::testing;

    const SETTINGS: &str = r#"{"types":{"order.paid":["/id","/items/*/sku"]}}"#;

    #[test]
    fn what_is_listed_goes_on() {
        let data = r#"{"id":1,"email":"a@b.example","items":[{"sku":"A","cost":2.00},{"sku":"B"}]}"#;
        let outcome = testing::event("order.paid")
            .data(data)
            .settings(SETTINGS)
            .run::<Project>();
        assert_eq!(outcome.data, r#"{"id":1,"items":[{"sku":"A"},{"sku":"B"}]}"#);
    }

    #[test]
    fn what_was_not_thought_of_does_not() {
        let outcome = testing::event("order.refunded")
            .data(r#"{"id":1}"#)
            .settings(SETTINGS)
            .run::<Project>();
        assert_eq!(
            outcome.verdict,
            Ok(Verdict::Drop("no projection for its type".into()))
        );
        let all = r#"{"types":{"*":["/id"]}}"#;
        let outcome = testing::event("order.refunded")
            .data(r#"{"id":1,"x":2}"#)
            .settings(all)
            .run::<Project>();
        assert_eq!(outcome.data, r#"{"id":1}"#);
    }
}
