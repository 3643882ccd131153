//! Runs the test cases shared by the gateway and the SDK's test double: `wit/document-cases.json`.

use super::{AccessError, Allowance, Document, Kind, Limits, Object, PatternSet, Redaction, Scalar, Value};

const TABLE: &str = include_str!("../../../../wit/document-cases.json");

#[test]
fn every_case_of_the_shared_table() {
    let table = Document::parse(TABLE.as_bytes(), Limits::default()).expect("the table is JSON");
    let key = table
        .root()
        .get("digest_key")
        .and_then(Value::as_str)
        .expect("there is a key");
    let cases = table
        .root()
        .get("cases")
        .and_then(Value::as_array)
        .expect("there are cases");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| Case { case, key }.run().err())
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

struct Case<'t> {
    case: &'t Value,
    key: &'t str,
}

impl Case<'_> {
    /// Runs the case; the error describes the difference from the expected result.
    fn run(&self) -> Result<(), String> {
        let before = self.field("document").clone();
        let mut document = Document::from_value(before.clone(), self.limits());
        let outcome = self.operate(&mut document);
        self.compare("outcome", &outcome, &self.expected())?;
        let after = if outcome.get("error").is_some() {
            None
        } else {
            self.case.get("after")
        };
        self.compare("after", document.root(), after.unwrap_or(&before))?;
        if let Some(changed) = self.case.get("changed") {
            self.compare("changed", &texts(document.take_changes()), changed)?;
        }
        let (bound, printed) = (document.size_bound(), document.to_vec().len());
        if bound < printed {
            Err(format!("{}: {bound} < {printed} bytes", self.name()))
        } else {
            Ok(())
        }
    }

    fn compare(&self, what: &str, found: &Value, expected: &Value) -> Result<(), String> {
        let (found, expected) = (found.to_json(), expected.to_json());
        if found == expected {
            return Ok(());
        }
        Err(format!(
            "{}: {what}: found {found}, expected {expected}",
            self.name()
        ))
    }

    fn expected(&self) -> Value {
        let (name, value) = match self.case.get("error") {
            Some(error) => ("error", error),
            None => ("returns", self.field("returns")),
        };
        only(name, value.clone())
    }

    fn operate(&self, document: &mut Document) -> Value {
        let free = Allowance::default();
        let result = match self.text("operation") {
            "kind-of" => Ok(kind(document.kind_of(self.argument("pointer"))).into()),
            "length" => Ok(document.length(self.argument("pointer")).into()),
            "keys" => document
                .keys(
                    self.argument("pointer"),
                    self.count("offset"),
                    self.count("max"),
                    &free,
                )
                .map(texts),
            "get" => document.get(self.argument("pointer"), &free).map(from_scalar),
            "get-many" => {
                let scalars = document.get_many(&self.arguments("pointers"), &free);
                scalars.map(|scalars| {
                    let scalars = scalars.into_iter();
                    Value::Array(scalars.map(|found| found.map(from_scalar).into()).collect())
                })
            }
            "get-json" => document
                .get_json(self.argument("pointer"), &free)
                .map(Value::from),
            "find" => self
                .patterns(&[self.argument("pattern")])
                .and_then(|patterns| Ok(texts(document.find(&patterns, self.count("max"), &free)?))),
            "set" => document
                .set(self.argument("pointer"), self.scalar())
                .map(|()| Value::Null),
            "set-json" => document
                .set_json(self.argument("pointer"), self.argument("value"))
                .map(|()| Value::Null),
            "remove" => self
                .patterns(&[self.argument("pattern")])
                .and_then(|patterns| document.remove(&patterns, &free))
                .map(Value::from),
            "move" => document
                .r#move(self.argument("source"), self.argument("target"))
                .map(|()| Value::Null),
            "redact" => self
                .patterns(&self.arguments("patterns"))
                .and_then(|patterns| document.redact(&patterns, &self.redaction(), &free))
                .map(Value::from),
            "retain" => self
                .patterns(&self.arguments("patterns"))
                .and_then(|patterns| document.retain(&patterns, &free))
                .map(Value::from),
            other => panic!("{}: no such operation: {other}", self.name()),
        };
        result.map_or_else(
            |error| only("error", from_error(&error)),
            |value| only("returns", value),
        )
    }

    fn limits(&self) -> Limits {
        let ordinary = Limits::default();
        let limit = |name| {
            self.case
                .get(name)
                .and_then(Value::as_i64)
                .and_then(|limit| usize::try_from(limit).ok())
        };
        Limits {
            bytes: limit("bytes").unwrap_or(ordinary.bytes),
            depth: limit("depth").unwrap_or(ordinary.depth),
        }
    }

    fn patterns(&self, texts: &[&str]) -> Result<PatternSet, AccessError> {
        Ok(PatternSet::parse(texts)?)
    }

    fn redaction(&self) -> Redaction<'_> {
        let how = self.field("arguments").get("how").expect("a redaction has a how");
        let text = |name| how.get(name).and_then(Value::as_str);
        if let Some(mask) = text("mask") {
            Redaction::Mask(mask)
        } else if let Some(label) = text("pseudonym") {
            Redaction::Pseudonym {
                label,
                key: self.key.as_bytes(),
            }
        } else if let Some(count) = how.get("keep-last").and_then(Value::as_i64) {
            Redaction::KeepLast(u8::try_from(count).expect("it is small"))
        } else {
            assert_eq!(how.as_str(), Some("remove"), "{}", self.name());
            Redaction::Remove
        }
    }

    fn scalar(&self) -> Scalar {
        let value = self
            .field("arguments")
            .get("value")
            .and_then(Value::as_object)
            .expect("a scalar");
        let (kind, value) = value.iter().next().expect("a scalar has one member");
        match kind {
            "null" => Scalar::Null,
            "boolean" => Scalar::Boolean(value.as_bool().expect("a truth value")),
            "integer" => Scalar::Integer(value.as_i64().expect("an integer")),
            "decimal" => Scalar::Decimal(value.to_json().parse().expect("a decimal")),
            "raw-number" => Scalar::RawNumber(value.as_str().expect("a text").to_owned()),
            "text" => Scalar::Text(value.as_str().expect("a text").to_owned()),
            other => panic!("{}: no such scalar: {other}", self.name()),
        }
    }

    fn name(&self) -> &str {
        self.text("name")
    }

    fn text(&self, name: &str) -> &str {
        self.field(name).as_str().expect("it is a text")
    }

    fn field(&self, name: &str) -> &Value {
        self.case
            .get(name)
            .unwrap_or_else(|| panic!("a case has no {name}"))
    }

    fn argument(&self, name: &str) -> &str {
        let argument = self.field("arguments").get(name).and_then(Value::as_str);
        argument.unwrap_or_else(|| panic!("{}: no text {name}", self.name()))
    }

    fn arguments(&self, name: &str) -> Vec<&str> {
        let list = self
            .field("arguments")
            .get(name)
            .and_then(Value::as_array)
            .expect("a list");
        list.iter().map(|text| text.as_str().expect("a text")).collect()
    }

    fn count(&self, name: &str) -> u32 {
        let count = self.field("arguments").get(name).and_then(Value::as_i64);
        count
            .and_then(|count| u32::try_from(count).ok())
            .expect("a count")
    }
}

fn only(name: &str, value: impl Into<Value>) -> Value {
    Value::Object(Object::from_iter([(name, value)]))
}

fn texts(texts: Vec<String>) -> Value {
    Value::Array(texts.into_iter().map(Value::from).collect())
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Absent => "absent",
        Kind::Null => "null",
        Kind::Boolean => "boolean",
        Kind::Number => "number",
        Kind::Text => "text",
        Kind::Array => "array",
        Kind::Object => "object",
    }
}

/// Decimals are compared by Rust's debug output of a float: `8500.0`, `1e21`.
fn from_scalar(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Null => only("null", Value::Null),
        Scalar::Boolean(truth) => only("boolean", truth),
        Scalar::Integer(number) => only("integer", number),
        Scalar::Decimal(float) => only("decimal", Value::number(&format!("{float:?}")).expect("a number")),
        Scalar::RawNumber(text) => only("raw-number", text),
        Scalar::Text(text) => only("text", text),
    }
}

fn from_error(error: &AccessError) -> Value {
    match error {
        AccessError::BadPointer => "bad-pointer".into(),
        AccessError::Absent => "absent".into(),
        AccessError::WrongKind(found) => only("wrong-kind", kind(*found)),
        AccessError::ReadOnly => "read-only".into(),
        AccessError::Limit => "limit".into(),
        AccessError::Work | AccessError::Output | AccessError::Overdue => "over its allowance".into(),
        AccessError::BadJson(_) => "bad-json".into(),
    }
}
