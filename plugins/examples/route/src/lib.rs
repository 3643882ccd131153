//! Forwards and marks the events of this gateway's region; drops the events of other regions.

use hookgate_sdk::settings::Pattern;
use hookgate_sdk::{Description, Event, Failure, Plugin, Problem, Settings, Verdict, settings};

settings! {
    /// Region of this gateway.
    struct Here {
        /// Name of the region to forward.
        region: String,
        /// Places of the region in an event; the first one that holds a string counts.
        places: Option<Vec<Pattern>>,
        /// Treatment of an event without a region.
        unknown: Unknown = Unknown::Reject,
    }
}

settings! {
    /// Treatment of an event without a region.
    enum Unknown {
        Pass = "pass",
        Drop = "drop",
        Reject = "reject",
    }
}

/// The plugin.
pub struct Route;

impl Plugin for Route {
    fn describe() -> Description {
        Description::new(
            "route",
            env!("CARGO_PKG_VERSION"),
            "Lets through one region's events.",
        )
        .with_settings::<Here>()
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        settings::check::<Here>(settings)
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        let here: Here = event.settings_as()?;
        let places = here.places.unwrap_or_else(|| vec![Pattern("/**/~region".into())]);
        Ok(match (region(event, &places)?, here.unknown) {
            (Some(region), _) if region.eq_ignore_ascii_case(&here.region) => Verdict::Pass,
            (Some(_), _) => Verdict::Drop("it belongs to another region".into()),
            (None, Unknown::Pass) => Verdict::Pass,
            (None, Unknown::Drop) => Verdict::Drop("it says no region".into()),
            (None, Unknown::Reject) => Verdict::Reject {
                code: "no_region".into(),
                message: "The event must say its region.".into(),
            },
        })
    }
}

fn region(event: &Event, places: &[Pattern]) -> Result<Option<String>, Failure> {
    for place in places {
        for found in event.data().find(&place.0, 8)? {
            if let Some(region) = event.data().get_str(&found) {
                return Ok(Some(region));
            }
        }
    }
    Ok(None)
}

hookgate_sdk::export!(Route);

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_sdk::testing;

    fn verdict(data: &str, settings: &str) -> Verdict {
        let outcome = testing::event("order.paid")
            .data(data)
            .settings(settings)
            .run::<Route>();
        outcome.verdict.unwrap()
    }

    #[test]
    fn where_events_go() {
        let dropped = |reason: &str| Verdict::Drop(reason.into());
        for (data, settings, expected) in [
            (r#"{"shop":{"Region":"EU"}}"#, r#"{"region":"eu"}"#, Verdict::Pass),
            (
                r#"{"region":"us"}"#,
                r#"{"region":"eu"}"#,
                dropped("it belongs to another region"),
            ),
            (
                r#"{"region":5}"#,
                r#"{"region":"eu","unknown":"drop"}"#,
                dropped("it says no region"),
            ),
            ("{}", r#"{"region":"eu","unknown":"pass"}"#, Verdict::Pass),
            (
                r#"{"a":"us","b":"eu"}"#,
                r#"{"region":"eu","places":["/b"]}"#,
                Verdict::Pass,
            ),
        ] {
            assert_eq!(verdict(data, settings), expected, "{data} {settings}");
        }
        assert!(
            matches!(verdict("{}", r#"{"region":"eu"}"#), Verdict::Reject { code, .. } if code == "no_region")
        );
    }

    #[test]
    fn a_region_must_be_set() {
        let problems = testing::check_settings::<Route>(r#"{"unknown":"lose"}"#).unwrap_err();
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/region", "/unknown"]);
    }
}
