//! Property tests: compares checks of random schemas and data with another validator.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        prop_oneof![Just(0.5), Just(1.0), Just(-2.5), Just(3.0)].prop_map(Value::from),
        "[abé]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]{1,2}", inside, 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

fn assertion() -> impl Strategy<Value = (&'static str, Value)> {
    let kind = || {
        prop_oneof![
            Just("null"),
            Just("boolean"),
            Just("integer"),
            Just("number"),
            Just("string"),
            Just("array"),
            Just("object"),
        ]
    };
    let count = || (0_u64..4).prop_map(Value::from);
    prop_oneof![
        kind().prop_map(|kind| ("type", json!(kind))),
        prop::collection::hash_set(kind(), 1..4).prop_map(|kinds| ("type", json!(kinds))),
        data().prop_map(|value| ("const", value)),
        prop::collection::vec(data(), 1..3).prop_map(|values| ("enum", json!(values))),
        (-3_i64..4).prop_map(|n| ("maximum", json!(n))),
        (-3_i64..4).prop_map(|n| ("exclusiveMaximum", json!(n))),
        (-3_i64..4).prop_map(|n| ("minimum", json!(n))),
        (-3_i64..4).prop_map(|n| ("exclusiveMinimum", json!(n))),
        prop_oneof![Just(1.0), Just(0.5), Just(2.0)].prop_map(|n| ("multipleOf", json!(n))),
        count().prop_map(|n| ("maxLength", n)),
        count().prop_map(|n| ("minLength", n)),
        prop_oneof![Just("^a"), Just("b$"), Just("[abé]{2}")].prop_map(|text| ("pattern", json!(text))),
        count().prop_map(|n| ("maxItems", n)),
        count().prop_map(|n| ("minItems", n)),
        any::<bool>().prop_map(|unique| ("uniqueItems", json!(unique))),
        count().prop_map(|n| ("maxProperties", n)),
        count().prop_map(|n| ("minProperties", n)),
        prop::collection::hash_set("[abc]", 0..3).prop_map(|names| ("required", json!(names))),
        ("[abc]", prop::collection::hash_set("[abc]", 0..3))
            .prop_map(|(name, names)| ("dependentRequired", json!({ name: names }))),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    let members = |pairs: Vec<(&'static str, Value)>| {
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(pairs.collect::<Map<_, _>>())
    };
    let leaf = prop_oneof![
        8 => prop::collection::vec(assertion(), 0..3).prop_map(members),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(json!({ "$ref": "#/$defs/one" })),
    ];
    let inside = leaf.prop_recursive(4, 24, 4, move |inside| {
        let list = prop::collection::vec(inside.clone(), 1..4).prop_map(Value::from);
        let map = prop::collection::btree_map("[abc]", inside.clone(), 0..3)
            .prop_map(|members| members.into_iter().collect::<Value>());
        let patterns = inside.clone().prop_map(|one| json!({ "^[ab]": one }));
        let one = inside.clone();
        let keyword = prop_oneof![
            assertion(),
            list.clone().prop_map(|list| ("allOf", list)),
            list.clone().prop_map(|list| ("anyOf", list)),
            list.clone().prop_map(|list| ("oneOf", list)),
            list.prop_map(|list| ("prefixItems", list)),
            one.clone().prop_map(|one| ("not", one)),
            one.clone().prop_map(|one| ("if", one)),
            one.clone().prop_map(|one| ("then", one)),
            one.clone().prop_map(|one| ("else", one)),
            map.clone().prop_map(|map| ("dependentSchemas", map)),
            map.prop_map(|map| ("properties", map)),
            patterns.prop_map(|map| ("patternProperties", map)),
            one.clone().prop_map(|one| ("additionalProperties", one)),
            one.clone().prop_map(|one| ("propertyNames", one)),
            one.clone().prop_map(|one| ("items", one)),
            one.clone().prop_map(|one| ("contains", one)),
            (0_u64..3).prop_map(|n| ("minContains", json!(n))),
            (0_u64..3).prop_map(|n| ("maxContains", json!(n))),
            one.clone().prop_map(|one| ("unevaluatedItems", one)),
            one.prop_map(|one| ("unevaluatedProperties", one)),
        ];
        prop::collection::vec(keyword, 1..5).prop_map(members)
    });
    (inside, assertion()).prop_map(|(schema, (name, value))| {
        let mut schema = schema;
        if let Value::Object(members) = &mut schema {
            members.insert("$defs".to_owned(), json!({ "one": { name: value } }));
            schema
        } else {
            json!({ "allOf": [schema], "$defs": { "one": { name: value } } })
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The check agrees with another validator, and has the same result on every sufficient budget.
    #[test]
    fn check_agrees_with_another_validator(schema in schema(), data in data(), max in 0_u64..300) {
        let Ok(kind) = made(&schema) else { return Ok(()) };
        let other = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).should_validate_formats(false);
        let other = other.build(&schema).expect("a schema that is taken");
        let (value, free, bounded) = (data.clone().into(), WorkBudget::new(u64::MAX), WorkBudget::new(max));
        let violations = kind.check().unwrap().data(&value, &free).unwrap();
        prop_assert_eq!(violations.is_empty(), other.is_valid(&data), "{} {}", schema, data);
        let found = kind.check().unwrap().data(&value, &bounded);
        if free.used() <= max {
            prop_assert_eq!(found, Ok(violations));
        } else {
            prop_assert_eq!(found, Err(TooMuchWork { max }));
        }
    }
}
