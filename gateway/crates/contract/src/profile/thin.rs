//! Thin payload: the identity and status of an event's subject, without its content.
//!
//! The consumer fetches the rest.
//!
//! Only top-level members of the data are examined. A member is included if both its name and its
//! value denote an identity, a type, a status, a time or a relationship. Ambiguous members are left
//! out: a profile whose data has other names configures the included parts.

use hookgate_json::{Object, Value};

/// Reduces data to its thin form.
///
/// An object is reduced to its identity, type, status, times and relationship ids; any other value
/// to an empty object. A nested object, or one in a list, is a relationship and is reduced to its
/// id.
pub(super) fn thin(data: &Value) -> Value {
    let Value::Object(object) = data else {
        return Value::Object(Object::default());
    };
    let kept: Object = object
        .iter()
        .filter(|(key, _)| !PERSONAL.iter().any(|begin| key.to_lowercase().starts_with(begin)))
        .filter_map(|(key, value)| Some((key, kept(key, value)?)))
        .collect();
    Value::Object(kept)
}

/// Thin form of a member; `None` if it is left out.
fn kept(key: &str, value: &Value) -> Option<Value> {
    if let Value::Object(_) = value {
        return related(value);
    }
    if let Value::Array(items) = value
        && items.iter().any(Value::is_container)
    {
        let related: Option<Vec<Value>> = items.iter().map(related).collect();
        return related.map(Value::Array);
    }
    let is =
        |whole: &[&str], ends: &[&str]| whole.contains(&key) || ends.iter().any(|end| key.ends_with(end));
    let keeps = (is(IDS, ID_ENDS) && is_id(value))
        || (is(WORDS, WORD_ENDS) && is_word(value))
        || (is(TIMES, TIME_ENDS) && is_time(value));
    keeps.then(|| value.clone())
}

/// Object that contains only the id of a related object.
fn related(value: &Value) -> Option<Value> {
    let id = value
        .get("id")
        .filter(|id| is_id(id) && !id.is_container() && !id.is_null())?;
    let related: Object = [("id", id.clone())].into_iter().collect();
    Some(Value::Object(related))
}

/// Returns `true` for a number, a text without spaces or `@`, or a list of them.
fn is_id(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() <= LONGEST && !text.contains(['@', ' ', '\n', '\t']),
        Value::Array(items) => items.iter().all(|item| !item.is_container() && is_id(item)),
        Value::Bool(_) | Value::Object(_) => false,
        Value::Null | Value::Int(_) | Value::Number(_) => true,
    }
}

/// Returns `true` for a short text, a boolean or a number.
fn is_word(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() <= LONGEST && !text.contains(['@', '\n']),
        other => !other.is_container(),
    }
}

/// Returns `true` for a number, or a text that begins with a date, `2024-01-15`.
fn is_time(value: &Value) -> bool {
    match value {
        Value::Text(text) => {
            let date = text.as_bytes().iter().take(10);
            let like = |(n, byte): (usize, &u8)| {
                if n == 4 || n == 7 {
                    *byte == b'-'
                } else {
                    byte.is_ascii_digit()
                }
            };
            (10..=LONGEST).contains(&text.len()) && date.enumerate().all(like)
        }
        Value::Null | Value::Int(_) | Value::Number(_) => true,
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

const IDS: &[&str] = &["id", "ids", "uuid"];
/// Suffixes of names such as `customer_id` and `customerId`.
const ID_ENDS: &[&str] = &["_id", "_ids", "Id", "Ids", "ID", "IDs", "_uuid", "Uuid"];
const WORDS: &[&str] = &[
    "type", "object", "kind", "status", "state", "stage", "version", "revision",
];
const WORD_ENDS: &[&str] = &[
    "_type", "Type", "_status", "Status", "_state", "State", "_stage", "Stage",
];
const TIMES: &[&str] = &[
    "created",
    "updated",
    "modified",
    "deleted",
    "archived",
    "completed",
    "expires",
    "date",
    "timestamp",
];
/// Suffixes of names such as `paid_at`, `paidAt` and `due_date`.
///
/// Names of personal dates are in `PERSONAL`.
const TIME_ENDS: &[&str] = &[
    "_at", "At", "_on", "On", "_date", "Date", "_until", "Until", "_from", "From",
];
/// Prefixes of confidential names.
///
/// They are numbers and dates of a person or company, not relationships.
const PERSONAL: &[&str] = &[
    "tax",
    "vat",
    "national",
    "passport",
    "personal",
    "social",
    "license",
    "licence",
    "birth",
    "born",
    "dob",
    "dateofbirth",
    "date_of_birth",
    "death",
    "died",
    "deceased",
    "health",
    "medical",
    "salary",
    "bank",
    "iban",
    "card",
    "government",
    "visa",
    "ssn",
    "gender",
    "marital",
    "married",
];
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_json::{Document, Limits};

    #[test]
    fn what_it_is_about_stays_and_what_it_says_goes() {
        for (data, expected) in [
            (
                r#"{"id":"inv_1","type":"invoice","status":"paid","customer_id":7,"line_ids":["a","b"],"paid_at":"2024-01-15","customerId":"c","amount":8500.00,"iban":"DE00","name":"Ada"}"#,
                r#"{"id":"inv_1","type":"invoice","status":"paid","customer_id":7,"line_ids":["a","b"],"paid_at":"2024-01-15","customerId":"c"}"#,
            ),
            (
                r#"{"state":"open","due_date":"2024-02-01","validUntil":null,"startedOn":1705314600,"timestamp":"2024-01-15T10:30:00Z"}"#,
                r#"{"state":"open","due_date":"2024-02-01","validUntil":null,"startedOn":1705314600,"timestamp":"2024-01-15T10:30:00Z"}"#,
            ),
            (
                r#"{"customer":{"id":"cus_1","name":"Ada"},"lines":[{"id":1,"sku":"x"},{"id":2}],"address":{"city":"Ulm"},"mixed":[{"id":1},5]}"#,
                r#"{"customer":{"id":"cus_1"},"lines":[{"id":1},{"id":2}]}"#,
            ),
            (
                r#"{"id":{"iban":"DE00"},"owner_ids":[{"name":"Ada"}],"paid":true}"#,
                "{}",
            ),
            // The name alone does not make a value harmless.
            (
                r#"{"user_id":"ada@example.com","contact_id":"Ada Lovelace","notes_at":"at the clinic","status":{"note":"x"},"follow_up_on":"her illness"}"#,
                "{}",
            ),
            (r#"{"grid":1,"format":"x","what":2}"#, "{}"),
            (
                r#"{"tax_id":"DE1","nationalId":"1","born_at":"1970-01-01","birth_date":"1970-01-01","birthDate":"1970-01-01","dateOfBirth":"1970-01-01","bank":{"id":"DE00"},"TaxId":"1"}"#,
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
