//! The thin payload: what an event is about, without what it says. The consumer fetches the rest.

use crate::document::{Object, Value};

/// Of an object its identity, type, status, times and relationship ids; of anything else nothing. Only what stands at the
/// top and is a plain value: an id within an address is part of the address.
pub(super) fn thin(data: &Value) -> Value {
    let kept: Object = match data {
        Value::Object(object) => object
            .iter()
            .filter(|(key, value)| is_about(key) && is_plain(value))
            .map(|(key, value)| (key, value.clone()))
            .collect(),
        _ => Object::default(),
    };
    Value::Object(kept)
}

fn is_about(key: &str) -> bool {
    let names_a_person = PERSONAL.iter().any(|begin| key.starts_with(begin));
    !names_a_person && (WHOLE.contains(&key) || ENDS.iter().any(|end| key.ends_with(end)))
}

/// Scalars, and the lists of ids that relationships are.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| !item.is_container()),
        other => !other.is_container(),
    }
}

const WHOLE: &[&str] = &[
    "id",
    "ids",
    "type",
    "object",
    "kind",
    "status",
    "version",
    "created",
    "updated",
    "timestamp",
];
/// Of names such as `customer_id`, `customerId`, `paid_at` and `paidAt`. Not `_date`: a date of birth is one.
const ENDS: &[&str] = &[
    "_id", "_ids", "Id", "Ids", "ID", "_type", "Type", "_status", "Status", "_at", "At",
];
/// Ids that an authority gave a person or a company: no relationship, and confidential.
const PERSONAL: &[&str] = &[
    "tax", "vat", "national", "passport", "personal", "social", "license", "licence", "birth", "born",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Document, Limits};

    #[test]
    fn what_it_is_about_stays_and_what_it_says_goes() {
        for (data, expected) in [
            (
                r#"{"id":"inv_1","type":"invoice","status":"paid","customer_id":7,"line_ids":["a","b"],"paid_at":"2024-01-15","customerId":"c","amount":8500.00,"iban":"DE00","name":"Ada"}"#,
                r#"{"id":"inv_1","type":"invoice","status":"paid","customer_id":7,"line_ids":["a","b"],"paid_at":"2024-01-15","customerId":"c"}"#,
            ),
            (
                r#"{"id":{"iban":"DE00"},"owner_ids":[{"name":"Ada"}],"paid":true}"#,
                "{}",
            ),
            (r#"{"grid":1,"format":"x","what":2}"#, "{}"),
            (
                r#"{"tax_id":"DE1","nationalId":"1","born_at":"1970","birth_date":"1970"}"#,
                "{}",
            ),
            ("[1]", "{}"),
            (r#""secret""#, "{}"),
        ] {
            let document = Document::parse(data.as_bytes(), Limits::default()).expect("JSON");
            assert_eq!(thin(document.root()).to_json(), expected, "{data}");
        }
    }
}
