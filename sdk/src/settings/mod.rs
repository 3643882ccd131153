//! Typed settings: a struct declares the settings of a step. [`settings!`](crate::settings!)
//! derives the JSON Schema, the validation with a pointer for every problem, and the
//! deserialisation from it.
//!
//! ```
//! use hookgate_sdk::{testing, Description, Event, Failure, Plugin, Problem, Settings, Verdict};
//! use hookgate_sdk::settings::{self, Whole};
//!
//! hookgate_sdk::settings! {
//!     /// What is too small to go on.
//!     struct Limit {
//!         /// The least total that goes on.
//!         least: Whole<0, 1_000_000> = Whole::new(100),
//!         /// Event types that it applies to; all where none are given.
//!         types: Option<Vec<String>>,
//!     }
//! }
//!
//! struct DropSmall;
//!
//! impl Plugin for DropSmall {
//!     fn describe() -> Description {
//!         Description::new("drop-small", "0.1.0", "Drops what is too small.").with_settings::<Limit>()
//!     }
//!
//!     fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
//!         settings::check::<Limit>(settings)
//!     }
//!
//!     fn handle(event: &Event) -> Result<Verdict, Failure> {
//!         let limit: Limit = event.settings_as()?;
//!         let applies = limit.types.is_none_or(|types| types.iter().any(|kind| kind == event.kind()));
//!         match event.data().get_i64("/total") {
//!             Some(total) if applies && total < limit.least.get() => Ok(Verdict::Drop("too small".into())),
//!             _ => Ok(Verdict::Pass),
//!         }
//!     }
//! }
//!
//! let event = testing::event("order.paid").data(r#"{"total":5}"#);
//! assert_eq!(event.run::<DropSmall>().verdict, Ok(Verdict::Drop("too small".into())));
//! let problems = testing::check_settings::<DropSmall>(r#"{"least":-1,"tpyes":[]}"#).unwrap_err();
//! let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
//! assert_eq!(pointers, ["/tpyes", "/least"]);
//! ```

mod kinds;
mod make;
mod schema;

use crate::check::Check;
use crate::{Problem, Settings};

#[doc(hidden)]
pub use schema::{ObjectSchema, words_schema};

/// A type that settings can consist of. [`settings!`](crate::settings!) implements it for structs
/// and enums. Strings, booleans, numbers, lists and objects of any keys implement it already.
///
/// ```
/// use hookgate_sdk::settings::Setting;
/// assert_eq!(Vec::<String>::schema(), r#"{"type":"array","items":{"type":"string"},"minItems":1}"#);
/// ```
pub trait Setting: Sized {
    /// The JSON Schema of the type, as text.
    fn schema() -> String;

    /// Validates the value at the pointer. An absent value is valid.
    fn check(check: &mut Check, pointer: &str);

    /// Reads the value at the pointer; `None` if it is absent or of another kind.
    fn read(settings: &Settings, pointer: &str) -> Option<Self>;

    /// The value of an absent setting; `None` for a required one.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}

/// Validates a step's settings, for [`Plugin::check_settings`](crate::Plugin::check_settings).
///
/// ```
/// # use hookgate_sdk::{testing, Description, Event, Failure, Plugin, Problem, Settings, Verdict, settings};
/// settings! { struct Region { name: String } }
/// # struct P;
/// # impl Plugin for P {
/// #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
/// fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
///     settings::check::<Region>(settings)
/// }
/// #   fn handle(_: &Event) -> Result<Verdict, Failure> { Ok(Verdict::Pass) }
/// # }
/// assert_eq!(testing::check_settings::<P>("{}").unwrap_err(), [Problem::new("/name", "is required")]);
/// ```
///
/// # Errors
/// The problems, at least one.
pub fn check<T: Setting>(settings: &Settings) -> Result<(), Vec<Problem>> {
    let mut check = Check::new(settings);
    T::check(&mut check, "");
    check.finish()
}

/// An integer within a range.
///
/// ```
/// use hookgate_sdk::settings::{Setting, Whole};
/// assert_eq!(Whole::<1, 9>::new(5).get(), 5);
/// assert_eq!(Whole::<1, 9>::schema(), r#"{"type":"integer","minimum":1,"maximum":9}"#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const LEAST: i64, const MOST: i64>(i64);

impl<const LEAST: i64, const MOST: i64> Whole<LEAST, MOST> {
    /// Clamps a number to the range.
    ///
    /// ```
    /// assert_eq!(hookgate_sdk::settings::Whole::<1, 9>::new(12).get(), 9);
    /// ```
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(if number < LEAST {
            LEAST
        } else if number > MOST {
            MOST
        } else {
            number
        })
    }

    /// The number.
    ///
    /// ```
    /// assert_eq!(hookgate_sdk::settings::Whole::<1, 9>::new(2).get(), 2);
    /// ```
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// A pattern of places in the event's data, as for [`Document::redact`](crate::Document::redact).
///
/// ```
/// use hookgate_sdk::settings::{Pattern, Setting};
/// assert!(Pattern::schema().contains("pattern"));
/// assert_eq!(Pattern("/items/*/sku".into()).0, "/items/*/sku");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub String);

/// A JSON pointer to one place in the event's data.
///
/// ```
/// use hookgate_sdk::settings::{Pointer, Setting};
/// assert!(Pointer::schema().contains("json-pointer"));
/// assert_eq!(Pointer("/customer/id".into()).0, "/customer/id");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(pub String);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing;

    crate::settings! {
        /// Target of an event.
        struct Route {
            /// The region's "name".
            region: String,
            weight: f64 = 1.0,
        }
    }

    crate::settings! {
        struct All {
            routes: Vec<Route>,
            by_country: Option<BTreeMap<String, Route>>,
            places: Option<Vec<Pattern>>,
            place: Option<Pointer>,
            limit: Whole<1, 5> = Whole::new(3),
            strict: bool = false,
            title: String = "untitled",
        }
    }

    fn read(text: &str) -> Option<All> {
        let json = testing::double::Json::read_only(text);
        All::read(&Settings::new(&json), "")
    }

    fn problems(text: &str) -> Vec<String> {
        let json = testing::double::Json::read_only(text);
        let found = check::<All>(&Settings::new(&json)).err().unwrap_or_default();
        found.into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn what_is_given_is_read_and_the_rest_is_as_it_is_left_out() {
        let all = read(r#"{"routes":[{"region":"eu","weight":2}],"by_country":{"de":{"region":"eu"}},"place":"/a","limit":4}"#).unwrap();
        assert_eq!((all.routes[0].region.as_str(), all.routes[0].weight), ("eu", 2.0));
        assert_eq!(all.by_country.unwrap()["de"].weight, 1.0);
        assert_eq!((all.place.unwrap().0.as_str(), all.limit.get()), ("/a", 4));
        assert_eq!(
            (all.places, all.strict, all.title.as_str()),
            (None, false, "untitled")
        );
        assert!(read(r#"{"limit":4}"#).is_none(), "no routes");
    }

    #[test]
    fn problems_have_their_places() {
        for (text, expected) in [
            (r#"{"routes":[{"region":"eu"}]}"#, &[][..]),
            ("{}", &["/routes"]),
            (r#"{"routes":[]}"#, &["/routes"]),
            (
                r#"{"routes":[{"weight":"x","colour":1}],"limit":9,"strict":"no"}"#,
                &[
                    "/routes/0/colour",
                    "/routes/0/region",
                    "/routes/0/weight",
                    "/limit",
                    "/strict",
                ],
            ),
            (
                r#"{"routes":[{"region":"eu"}],"by_country":{"a/b":{"region":1}},"place":"x","places":["x"],"title":1}"#,
                &["/by_country/a~1b/region", "/places/0", "/place", "/title"],
            ),
        ] {
            assert_eq!(problems(text), expected, "{text}");
        }
    }

    #[test]
    fn the_schema_is_json_with_the_comments_as_descriptions() {
        assert_eq!(
            Route::schema(),
            r#"{"type":"object","additionalProperties":false,"description":"Target of an event.","properties":{"region":{"type":"string","description":"The region's \"name\"."},"weight":{"type":"number"}},"required":["region"]}"#
        );
        // The test double's parser refuses invalid JSON.
        let _ = testing::double::Json::read_only(&All::schema());
    }
}
