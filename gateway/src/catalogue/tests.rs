//! Schemas that are taken and refused, and what they say of data.

use serde_json::{Value, json};

use super::*;

fn made(schema: &Value) -> Result<CatalogueType, Vec<SchemaProblem>> {
    CatalogueType::new(TypeSpec {
        kind: "customer.created".parse().unwrap(),
        entity: None,
        description: None,
        schema: Some(schema.to_string()),
        validate: true,
    })
}

#[track_caller]
fn refused(schema: &Value, pointer: &str, word: &str) {
    let problems = made(schema).expect_err(&schema.to_string());
    assert_eq!(problems[0].pointer, pointer, "{schema}: {}", problems[0]);
    assert!(problems[0].message.contains(word), "{schema}: {}", problems[0]);
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
    let check = kind.check().unwrap();
    assert_eq!(
        check.data(&json!({ "id": "cus_1", "contacts": [{ "email": "a@b.c" }] })),
        Ok(())
    );
    let wrong = json!({ "id": "planted-1", "contacts": [{}, { "email": "planted-2" }], "kind": "planted-3" });
    let violations = check.data(&wrong).unwrap_err();
    let mut places: Vec<_> = violations.iter().map(|v| v.pointer.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["/contacts/1/email", "/id", "/kind"]);
    assert!(
        violations.iter().all(|v| !v.message.contains("planted")),
        "{violations:?}"
    );
    assert_eq!(check.data(&json!({})).unwrap_err()[0].pointer, "");
}

#[test]
fn no_more_than_twenty_violations_are_told() {
    let kind = made(&json!({ "items": { "type": "string" } })).unwrap();
    let check = kind.check().unwrap();
    assert_eq!(check.data(&json!(vec![1; 30])).unwrap_err().len(), MOST_TOLD);
    assert_eq!(check.data(&json!(vec![1; 20_000])).unwrap_err().len(), 1);
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
    // Twice at each step down.
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
    // Halving by halving.
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
    // A tree is looked at once.
    let tree =
        json!({ "properties": { "name": { "type": "string" }, "children": { "items": { "$ref": "#" } } } });
    assert!(made(&tree).is_ok());
}
