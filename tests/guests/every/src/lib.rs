//! Test plugin that uses every function of the world and every case of its types. It is built with
//! each release of the SDK; its component stays in `tests/golden` and must behave the same in every
//! later gateway.

use std::fmt::Debug;

use hookgate_sdk::log::Level;
use hookgate_sdk::{
    AccessError, Description, Document, Event, Failure, Kind, Phase, Plugin, Problem, Redaction, Scalar,
    Settings, Verdict, clock, log,
};

/// The plugin.
pub struct Every;

impl Plugin for Every {
    fn describe() -> Description {
        Description::new("every", "0.1.0", "Uses all there is.")
            .with_settings_schema(r#"{"type":"object","properties":{"say":{"type":"string"}}}"#)
            .that_redacts()
    }

    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        match settings.kind_of("/wrong") {
            Kind::Absent => Ok(()),
            kind => Err(vec![
                Problem::new("/wrong", format!("{kind:?}")),
                Problem::new("", "a second one"),
            ]),
        }
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        let data = event.data();
        about(event, &data)?;
        read(&data)?;
        refused(&data)?;
        change(&data)?;
        for level in [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error] {
            log::log(level, &format!("{level:?}"));
        }
        match event.settings().get_str("/say").as_deref() {
            Some("drop") => Ok(Verdict::Drop("for a reason".into())),
            Some("reject") => Ok(Verdict::Reject {
                code: "no_such".into(),
                message: "It is refused.".into(),
            }),
            Some("delay") => Ok(Verdict::Delay(1_500)),
            Some("bad-settings") => Err(Failure::bad_settings("of the settings")),
            Some("bad-payload") => Err(Failure::bad_payload("of the payload")),
            Some("internal") => Err(Failure::internal("of its own")),
            _ => Ok(Verdict::Pass),
        }
    }
}

hookgate_sdk::export!(Every);

/// Records the result of a call under a name in `/out`.
fn keep(data: &Document, name: &str, what: impl Debug) -> Result<(), AccessError> {
    data.set(&format!("/out/{name}"), format!("{what:?}"))
}

fn about(event: &Event, data: &Document) -> Result<(), AccessError> {
    data.set_json("/out", "{}")?;
    let info = event.info();
    keep(data, "id", &info.id)?;
    keep(data, "type", &info.kind)?;
    keep(data, "created", info.created_ms)?;
    let phase = match info.phase {
        Phase::Ingress => "ingress",
        Phase::Delivery => "delivery",
    };
    keep(data, "phase", (phase, info.attempt, &info.subscription))?;
    keep(data, "now", clock::now_ms())?;
    keep(data, "metadata", event.metadata().get_json(""))?;
    keep(data, "settings", event.settings().get_json(""))
}

fn read(data: &Document) -> Result<(), AccessError> {
    let places = ["/none", "/null", "/flag", "/whole", "/text", "/list", "/object"];
    keep(data, "kinds", places.map(|place| data.kind_of(place)))?;
    let scalars = ["/null", "/flag", "/whole", "/part", "/huge", "/text", "/list"];
    keep(data, "scalars", scalars.map(|place| data.get(place)))?;
    keep(
        data,
        "many",
        data.get_many(&["/whole", "/none", "/list", "/text"]),
    )?;
    keep(
        data,
        "lengths",
        ["/list", "/object", "/text", "/whole"].map(|place| data.length(place)),
    )?;
    keep(data, "keys", data.keys("/object", 1, 2))?;
    keep(data, "json", data.get_json("/object"))?;
    keep(data, "found", data.find("/**/~mail", 10))
}

fn refused(data: &Document) -> Result<(), AccessError> {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    keep(
        data,
        "refused",
        [
            data.get_json("no pointer").err(),
            data.get_json("/none").err(),
            data.set("/text/deeper", true).err(),
            settings_changed(),
            data.set_json("/deep", &deep).err(),
            data.set_json("/bad", "{").err(),
        ],
    )
}

fn change(data: &Document) -> Result<(), AccessError> {
    let values = [
        Scalar::Null,
        Scalar::Boolean(true),
        Scalar::Integer(i64::MIN),
        Scalar::Decimal(0.1),
        Scalar::RawNumber("1.50".into()),
        Scalar::Text("ü\u{1f600}".into()),
    ];
    data.set_json("/new", "[]")?;
    for value in values {
        data.set("/new/-", value)?;
    }
    keep(data, "removed", data.remove("/list/*"))?;
    data.rename("/object/a", "/moved")?;
    let actions = [
        ("/secrets/a", Redaction::Remove),
        ("/secrets/b", Redaction::Mask("***".into())),
        ("/secrets/c", Redaction::KeepLast(2)),
        ("/secrets/d", Redaction::Pseudonym("p".into())),
    ];
    for (place, how) in actions {
        let name = place.replace('/', "");
        keep(data, &name, data.redact(&[place, "/secrets/none"], &how))?;
    }
    let kept = [
        "/out/**",
        "/new/**",
        "/moved",
        "/secrets/**",
        "/list",
        "/object/*",
    ];
    keep(data, "retained", data.retain(&kept))
}

/// Tries to change the settings, which is impossible; the SDK does not even offer it.
#[cfg(target_arch = "wasm32")]
fn settings_changed() -> Option<AccessError> {
    use hookgate_sdk::guest::bindings::hookgate::plugin::{config, document};
    match config::settings().set("/say", document::ScalarParam::Null) {
        Err(document::AccessError::ReadOnly) => Some(AccessError::ReadOnly),
        _ => None,
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn settings_changed() -> Option<AccessError> {
    Some(AccessError::ReadOnly)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_sdk::testing;

    #[test]
    fn it_uses_all_there_is_natively_too() {
        let data = r#"{"null":null,"flag":true,"whole":1,"part":1.5,"huge":123456789012345678901234567890,
            "text":"t","list":[1],"object":{"a":1},"secrets":{"a":1,"b":2,"c":"xyz","d":"q"}}"#;
        let outcome = testing::event("a.b").data(data).run::<Every>();
        assert_eq!(outcome.verdict, Ok(Verdict::Pass), "{}", outcome.data);
    }
}
