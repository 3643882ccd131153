//! Adds customer attributes from the step's settings to every event: a lookup without network
//! access.

use std::collections::BTreeMap;

use hookgate_sdk::settings::Pointer;
use hookgate_sdk::{Description, Event, Failure, Plugin, Problem, Settings, Verdict, settings};

settings! {
    /// Customer attributes and their place in an event.
    struct Known {
        /// Pointer to the lookup key in the event.
        key: Pointer = Pointer("/customer/id".into()),
        /// Pointer to the target: a member of an existing object.
        into: Pointer = Pointer("/customer/facts".into()),
        /// Attributes by lookup key.
        facts: BTreeMap<String, Facts>,
    }
}

settings! {
    /// Attributes to add.
    struct Facts {
        /// The plan.
        plan: Option<String>,
        /// The region.
        region: Option<String>,
    }
}

/// The plugin.
pub struct Enrich;

impl Plugin for Enrich {
    fn describe() -> Description {
        Description::new(
            "enrich",
            env!("CARGO_PKG_VERSION"),
            "Adds what the settings know of a customer.",
        )
        .with_settings::<Known>()
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        settings::check::<Known>(settings)
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        let known: Known = event.settings_as()?;
        let data = event.data();
        let facts = data.get_str(&known.key.0).and_then(|key| known.facts.get(&key));
        if let Some(facts) = facts {
            data.set_json(&known.into.0, "{}")?;
            for (name, value) in [("plan", &facts.plan), ("region", &facts.region)] {
                if let Some(value) = value {
                    data.set(
                        &hookgate_sdk::pointer::member(&known.into.0, name),
                        value.as_str(),
                    )?;
                }
            }
        }
        Ok(Verdict::Pass)
    }
}

hookgate_sdk::export!(Enrich);

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_sdk::testing;

    const SETTINGS: &str = r#"{"facts":{"cus_1":{"plan":"pro","region":"eu"}}}"#;

    fn enriched(data: &str) -> String {
        testing::event("order.paid")
            .data(data)
            .settings(SETTINGS)
            .run::<Enrich>()
            .data
    }

    #[test]
    fn whoever_is_known_is_told_of() {
        assert_eq!(
            enriched(r#"{"customer":{"id":"cus_1"}}"#),
            r#"{"customer":{"id":"cus_1","facts":{"plan":"pro","region":"eu"}}}"#
        );
    }

    #[test]
    fn whoever_is_not_is_left_as_they_are() {
        for data in [r#"{"customer":{"id":"cus_2"}}"#, r#"{"customer":7}"#, "{}"] {
            assert_eq!(enriched(data), data);
        }
    }
}
