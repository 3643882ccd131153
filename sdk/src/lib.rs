//! Rust SDK for hookgate plugins: a type, one trait and one macro.
//!
//! ```
//! use hookgate_sdk::{Description, Event, Failure, Plugin, Redaction, Verdict};
//!
//! struct NoEmail;
//!
//! impl Plugin for NoEmail {
//!     fn describe() -> Description {
//!         Description::new("no-email", "0.1.0", "Removes every e-mail address.").that_redacts()
//!     }
//!
//!     fn handle(event: &Event) -> Result<Verdict, Failure> {
//!         event.data().redact(&["/**/~email"], &Redaction::Remove)?;
//!         Ok(Verdict::Pass)
//!     }
//! }
//!
//! hookgate_sdk::export!(NoEmail);
//!
//! // The same plugin runs in an ordinary native test:
//! use hookgate_sdk::testing;
//! let outcome = testing::event("user.created").data(r#"{"id":7,"email":"a@b.c"}"#).run::<NoEmail>();
//! assert_eq!(outcome.data, r#"{"id":7}"#);
//! ```
//!
//! The payload never enters the plugin: the gateway parses it once, and a plugin works on it with
//! JSON pointers and patterns. A plugin therefore needs no JSON parser, starts in microseconds and
//! stays small.
//!
//! For `wasm32` this crate holds the bindings of the WIT package `hookgate:plugin`. Natively it
//! holds [`testing`], a test double of the gateway; a shared table of cases checks that the double
//! and the gateway behave alike.

mod document;
mod event;
mod json;
mod plugin;

pub mod check;
pub mod clock;
pub mod log;
pub mod pointer;
pub mod settings;
pub mod values;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(target_arch = "wasm32")]
use guest as backend;
#[cfg(not(target_arch = "wasm32"))]
use testing::double as backend;

pub use document::{Document, Settings, View};
pub use event::{Event, Info, Phase};
pub use json::{AccessError, Kind, Redaction, Scalar};
pub use plugin::{Description, Failure, FailureCode, Plugin, Problem, Verdict};

/// Exports a type that implements [`Plugin`] as the plugin of this crate's component.
///
/// ```
/// use hookgate_sdk::{Description, Event, Failure, Plugin, Verdict};
///
/// struct PassAll;
///
/// impl Plugin for PassAll {
///     fn describe() -> Description {
///         Description::new("pass-all", "0.1.0", "Lets every event pass.")
///     }
///
///     fn handle(_: &Event) -> Result<Verdict, Failure> {
///         Ok(Verdict::Pass)
///     }
/// }
///
/// hookgate_sdk::export!(PassAll);
/// ```
///
/// Use it once per crate; the crate's `Cargo.toml` needs `crate-type = ["cdylib", "rlib"]`. The
/// macro exports nothing natively, so that the crate's tests are ordinary tests.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::guest::Exported<$plugin>;
    $crate::guest::bindings::export_component!(Component with_types_in $crate::guest::bindings);
        };
    };
}
