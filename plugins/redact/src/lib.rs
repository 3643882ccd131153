//! Redacts confidential fields.

use hookgate_sdk::{Description, Event, Failure, Plugin, Redaction, Verdict};

/// The plugin.
pub struct Redact;

impl Plugin for Redact {
    fn describe() -> Description {
        Description::new(
            "redact",
            env!("CARGO_PKG_VERSION"),
            "Removes, masks or pseudonymises confidential fields.",
        )
        .that_redacts()
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        event
            .data()
            .redact(&["/**/~email|phone|address"], &Redaction::Remove)?;
        Ok(Verdict::Pass)
    }
}

hookgate_sdk::export!(Redact);
