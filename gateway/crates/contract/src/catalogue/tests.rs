//! Tests of schemas: accepted and refused ones, and their checks of data.

use serde_json::{Value, json};

use super::*;
use crate::privacy::Class;
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{self as document, Document};

fn made(schema: &Value) -> Result<CatalogueType, Vec<SchemaProblem>> {
    CatalogueType::new(TypeSpec {
        kind: "customer.created".parse().unwrap(),
        entity: None,
        description: None,
        schema: Some(schema.to_string()),
        validate: true,
        authority: Authority::Tenant,
    })
}

fn told(kind: &CatalogueType, data: &Value) -> Vec<Violation> {
    let (data, work) = (data.clone().into(), WorkBudget::new(1 << 20));
    kind.check().unwrap().data(&data, &work).unwrap()
}

#[track_caller]
fn refused(schema: &Value, pointer: &str, word: &str) {
    let problems = made(schema).expect_err(&schema.to_string());
    assert_eq!(problems[0].pointer, pointer, "{schema}: {}", problems[0]);
    assert!(problems[0].message.contains(word), "{schema}: {}", problems[0]);
}

#[test]
fn metadata_schema_stands_at_the_top_and_is_read_like_the_rest() {
    let twice = json!({ "$ref": "#/$defs/a" });
    for (schema, pointer, word) in [
        (
            json!({ "properties": { "a": { "x-metadata-schema": {} } } }),
            "/properties/a/x-metadata-schema",
            "top",
        ),
        (json!({ "x-metadata-schema": 7 }), "/x-metadata-schema", "object"),
        (
            json!({ "x-metadata-shema": {} }),
            "/x-metadata-shema",
            "did you mean",
        ),
        (
            json!({ "x-metadata-schema": { "properties": { "a": { "x-classification": "secret" } } } }),
            "/x-metadata-schema/properties/a/x-classification",
            "a class is",
        ),
        (
            json!({ "x-metadata-schema": { "$ref": "#/$defs/gone" } }),
            "/x-metadata-schema/$ref",
            "no schema",
        ),
        (
            json!({
                "x-metadata-schema": { "$ref": "#/$defs/a" },
                "$defs": { "a": { "properties": { "a": { "allOf": [twice, twice] } } } },
            }),
            "/x-metadata-schema",
            "at most",
        ),
    ] {
        refused(&schema, pointer, word);
    }
    let kind = made(&json!({
        "x-metadata-schema": { "properties": { "subject": { "x-classification": "internal" } } },
        "type": "object",
    }))
    .unwrap();
    let classified = kind.classified();
    assert!(classified.data.is_none());
    let metadata = classified.metadata.as_ref().unwrap().classified(9);
    assert_eq!(metadata, [("/subject".to_owned(), Class::Internal)]);
    let none = made(&json!({ "x-metadata-schema": { "properties": { "subject": {} } } })).unwrap();
    assert!(none.classified().data.is_none() && none.classified().metadata.is_none());
    let closed = made(&json!({ "x-default-classification": "internal" })).unwrap();
    assert!(closed.classified().data.is_some() && closed.classified().metadata.is_some());
}

#[test]
fn data_that_does_not_fit_is_told_by_its_place_and_never_repeated() {
    let kind = made(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": { "type": "string", "pattern": "^cus_" },
            "contacts": { "type": "array", "items": { "$ref": "#/$defs/contact" } },
            "kind": { "enum": ["a", "b"] },
        },
        "$defs": { "contact": { "properties": { "email": { "type": "string", "maxLength": 5 } } } },
    }))
    .unwrap();
    let fitting = json!({ "id": "cus_1", "contacts": [{ "email": "a@b.c" }] });
    assert_eq!(told(&kind, &fitting), []);
    let wrong = json!({ "id": "planted-1", "contacts": [{}, { "email": "planted-2" }], "kind": "planted-3" });
    let violations = told(&kind, &wrong);
    let mut places: Vec<_> = violations.iter().map(|v| v.pointer.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["/contacts/1/email", "/id", "/kind"]);
    assert!(
        violations.iter().all(|v| !v.message.contains("planted")),
        "{violations:?}"
    );
    assert_eq!(told(&kind, &json!({}))[0].pointer, "");
}

#[test]
fn no_more_than_twenty_violations_are_told() {
    let kind = made(&json!({ "items": { "type": "string" } })).unwrap();
    assert_eq!(told(&kind, &json!(vec![1; 30])).len(), MOST_TOLD);
    assert_eq!(told(&kind, &json!(vec![1; 20_000])).len(), MOST_TOLD);
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    refused(&json!([]), "", "object");
    refused(
        &json!({ "propertys": {} }),
        "/propertys",
        "did you mean `properties`",
    );
    refused(
        &json!({ "properties": { "a": { "frobnicate": 1 } } }),
        "/properties/a/frobnicate",
        "not taken",
    );
    refused(
        &json!({ "$ref": "https://example.com/s.json" }),
        "/$ref",
        "outside",
    );
    refused(&json!({ "$ref": "#/$defs/a" }), "/$ref", "no schema");
    refused(
        &json!({ "$schema": "http://json-schema.org/draft-07/schema#" }),
        "/$schema",
        "2020-12",
    );
    refused(
        &json!({ "properties": { "a": { "$id": "x" } } }),
        "/properties/a/$id",
        "keyword",
    );
    refused(&json!({ "$dynamicRef": "#x" }), "/$dynamicRef", "keyword");
    refused(&json!({ "properties": [] }), "/properties", "object of schemas");
    refused(&json!({ "allOf": {} }), "/allOf", "list of schemas");
    refused(
        &json!({ "properties": { "a": 1 } }),
        "/properties/a",
        "a schema is",
    );
    refused(&json!({ "type": "strnig" }), "/type", "");
    refused(&json!({ "pattern": "(a" }), "/pattern", "");
    refused(&json!({ "pattern": "(?=a)b" }), "/pattern", "");
    refused(&json!({ "pattern": "[\\p{L}\\d_-]{1000}{1000}" }), "/pattern", "");
    let many: Vec<_> = (0..33).map(|n| json!({ "pattern": format!("a{n}") })).collect();
    refused(&json!({ "anyOf": many }), "", "patterns");
    assert!(made(&json!({ "x-team": "billing", "properties": { "frobnicate": true } })).is_ok());
}

#[test]
fn schemas_that_would_take_forever_are_refused() {
    refused(&json!({ "$ref": "#" }), "", "refers to itself");
    refused(
        &json!({ "allOf": [{ "anyOf": [{ "$ref": "#/allOf/0" }] }] }),
        "/allOf/0",
        "refers to itself",
    );
    // Refers to itself twice at each step down.
    let twice = json!([{ "$ref": "#" }, { "$ref": "#" }]);
    refused(
        &json!({ "properties": { "a": { "allOf": twice } } }),
        "",
        "at most 256",
    );
    refused(
        &json!({ "items": { "$ref": "#" }, "contains": { "$ref": "#" } }),
        "",
        "at most 256",
    );
    let again =
        json!({ "unevaluatedProperties": false, "allOf": [{ "properties": { "a": { "$ref": "#" } } }] });
    refused(&again, "", "at most 256");
    // Doubles the visits with each definition.
    let mut defs = serde_json::Map::new();
    for n in 0..20 {
        let next = format!("#/$defs/d{}", n + 1);
        defs.insert(
            format!("d{n}"),
            json!({ "anyOf": [{ "$ref": next }, { "$ref": next }] }),
        );
    }
    defs.insert("d20".to_owned(), json!(true));
    refused(&json!({ "$defs": defs, "$ref": "#/$defs/d0" }), "", "at most 256");
    // A tree is visited once.
    let tree =
        json!({ "properties": { "name": { "type": "string" }, "children": { "items": { "$ref": "#" } } } });
    assert!(made(&tree).is_ok());
}

/// Checks whether a JSON text conforms to a schema; both retain all digits of numbers.
fn fits(schema: &str, data: &str) -> Result<bool, TooMuchWork> {
    let kind = CatalogueType::new(TypeSpec {
        kind: "a.b".parse().unwrap(),
        entity: None,
        description: None,
        schema: Some(schema.to_owned()),
        validate: true,
        authority: Authority::Tenant,
    });
    let kind = kind.unwrap_or_else(|problems| panic!("{schema}: {}", problems[0]));
    let data = value(data);
    let violations = kind.check().unwrap().data(&data, &WorkBudget::new(1 << 20))?;
    Ok(violations.is_empty())
}

fn value(text: &str) -> document::Value {
    Document::parse(text.as_bytes(), Default::default())
        .unwrap()
        .into_root()
}

#[test]
fn numbers_keep_their_digits() {
    for (schema, data, expected) in [
        (
            r#"{"const":12345678901234567890123}"#,
            "12345678901234567890124",
            false,
        ),
        (
            r#"{"const":12345678901234567890123}"#,
            "12345678901234567890123",
            true,
        ),
        (r#"{"const":1}"#, "1.0", true),
        (r#"{"enum":[1,2.50]}"#, "2.5", true),
        (r#"{"enum":[9007199254740993]}"#, "9007199254740992", false),
        (
            r#"{"maximum":18446744073709551616}"#,
            "18446744073709551617",
            false,
        ),
        (
            r#"{"maximum":18446744073709551616}"#,
            "18446744073709551616",
            true,
        ),
        (r#"{"maximum":9007199254740992}"#, "9007199254740992.5", false),
        (r#"{"exclusiveMinimum":0.1}"#, "0.1000000000000000055", true),
        (r#"{"minimum":1e400}"#, "2e400", true),
        (r#"{"minimum":1e400}"#, "1e399", false),
        (r#"{"type":"integer"}"#, "9007199254740992.5", false),
        (r#"{"type":"integer"}"#, "1e400", true),
        (r#"{"type":"integer"}"#, "3.0", true),
        (r#"{"multipleOf":0.01}"#, "4.02", true),
        (r#"{"multipleOf":3}"#, "12345678901234567890123", true),
        (r#"{"multipleOf":3}"#, "12345678901234567890124", false),
        (
            r#"{"multipleOf":12345678901234567890123456789012345678901}"#,
            "24691357802469135780246913578024691357802",
            true,
        ),
        (
            r#"{"uniqueItems":true}"#,
            "[12345678901234567890123,12345678901234567890124]",
            true,
        ),
        (r#"{"uniqueItems":true}"#, "[1,1.0]", false),
        (
            r#"{"uniqueItems":true}"#,
            r#"[{"a":1,"b":2},{"b":2.0,"a":1}]"#,
            false,
        ),
        (r#"{"type":"number"}"#, "1e400", true),
        (r#"{"type":["string","null"]}"#, "1e400", false),
        (r#"{"const":null}"#, "-1e400", false),
        (r#"{"maxLength":2.0}"#, r#""abc""#, false),
    ] {
        assert_eq!(fits(schema, data), Ok(expected), "{schema} {data}");
    }
}

#[test]
fn check_charges_what_it_looks_at() {
    let ones = format!("[{}]", vec!["1"; 1000].join(","));
    let strings = format!(
        r#"{{"items":{{"anyOf":[{}]}}}}"#,
        vec![r#"{"type":"string"}"#; 250].join(",")
    );
    let long = format!("{:?}", "a".repeat(70_000));
    for (schema, data, least, most) in [
        (r#"{"type":"object"}"#, "{}", 1, 10),
        (r#"{"items":{"type":"integer"}}"#, ones.as_str(), 2_000, 3_100),
        // The check ends after twenty violations.
        (strings.as_str(), ones.as_str(), 250 * 20, 250 * 20 * 3),
        (r#"{"uniqueItems":true}"#, ones.as_str(), 2, 100),
        (r#"{"pattern":"^a"}"#, r#""aaaa""#, 4, 40),
        (r#"{"minLength":3}"#, long.as_str(), 70_000 / 16, 70_000 / 8),
    ] {
        let kind = made(&serde_json::from_str(schema).unwrap()).unwrap();
        let (check, data) = (kind.check().unwrap(), value(data));
        let work = WorkBudget::new(1 << 30);
        let found = check.data(&data, &work).unwrap();
        let used = work.used();
        assert!((least..=most).contains(&used), "{schema}: {used}");
        assert_eq!(check.data(&data, &WorkBudget::new(used)), Ok(found));
        let short = WorkBudget::new(used - 1);
        assert_eq!(check.data(&data, &short), Err(TooMuchWork { max: used - 1 }));
    }
    let work = WorkBudget::new(1 << 30);
    let kind = made(&json!({ "pattern": "^a" })).unwrap();
    assert!(
        kind.check().unwrap().data(&value(&long), &work).is_err(),
        "no text of 70 KB is held against a pattern"
    );
}

#[test]
fn schema_is_evaluated_no_deeper_than_the_stack_allows() {
    // 200 nested subschemas for each element of the data.
    let mut defs = serde_json::Map::new();
    for n in 0..200 {
        defs.insert(format!("d{n}"), json!({ "$ref": format!("#/$defs/d{}", n + 1) }));
    }
    defs.insert("d200".to_owned(), json!({ "items": { "$ref": "#/$defs/d0" } }));
    let schema = json!({ "$defs": defs, "$ref": "#/$defs/d0" }).to_string();
    assert_eq!(fits(&schema, "[1]"), Ok(true));
    let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
    assert!(fits(&schema, &deep).is_err());
    let tree = r##"{"properties":{"c":{"items":{"$ref":"#"}}}}"##;
    let deep = format!("{}{}", r#"{"c":["#.repeat(30), "]}".repeat(30));
    assert_eq!(fits(tree, &deep), Ok(true));
}

mod properties;
