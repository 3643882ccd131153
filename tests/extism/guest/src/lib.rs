//! Redaction of ten fields as typical for Extism: the event's text in, the redacted event's text
//! out.

use extism_pdk::{FnResult, plugin_fn};
use serde_json::Value;

const NAMES: [&str; 10] = [
    "email",
    "phone",
    "street",
    "postcode",
    "taxid",
    "iban",
    "lifetimevalue",
    "discountrate",
    "notes",
    "password",
];

/// Masks the fields with these names in any case and style, at any depth.
#[plugin_fn]
pub fn redact(event: String) -> FnResult<String> {
    let mut event: Value = serde_json::from_str(&event)?;
    mask(&mut event);
    Ok(event.to_string())
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if NAMES.contains(&plain(name).as_str()) {
                    *value = Value::from("[redacted]");
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(mask),
        _ => {}
    }
}

/// The letters and digits of a name, in lower case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}
