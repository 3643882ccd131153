//! Property tests of privacy rules over any schema and any data.

use proptest::prelude::*;

use super::*;

fn schema() -> impl Strategy<Value = Value> {
    let class = prop_oneof![
        Just(json!({})),
        Just(json!({ "x-classification": "restricted" })),
        Just(json!({ "x-classification": "public" })),
    ];
    let inside = class.prop_recursive(4, 16, 3, |inside| {
        prop_oneof![
            ("[ab]", inside.clone()).prop_map(|(name, one)| json!({ "properties": { name: one } })),
            inside
                .clone()
                .prop_map(|one| json!({ "patternProperties": { "^[ab]+$": one } })),
            inside
                .clone()
                .prop_map(|one| json!({ "additionalProperties": one })),
            inside.clone().prop_map(|one| json!({ "items": one })),
            prop::collection::vec(inside, 1..3).prop_map(|all| json!({ "allOf": all })),
        ]
    });
    (inside, any::<bool>()).prop_map(|(mut schema, closed)| {
        let class = if closed { "internal" } else { "public" };
        schema["x-default-classification"] = json!(class);
        schema["properties"]["c"] = json!({ "x-classification": "restricted" });
        schema
    })
}

fn data() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![any::<u8>().prop_map(Value::from), Just(json!("email"))];
    scalar.prop_recursive(4, 32, 4, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]{0,2}|email|name|value", inside, 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    /// Rules have the same result on every sufficient budget, and an error on every other.
    #[test]
    fn rules_apply_the_same_on_any_budget(schema in schema(), data in data(), named in any::<bool>(), max in 0_u64..300) {
        let privacy = privacy(if named { BOTH } else { &[] }, Some(&schema));
        let rules = privacy.of(&kind()).unwrap();
        let (free, bounded) = (WorkBudget::new(u64::MAX), WorkBudget::new(max));
        let (mut expected, mut found) = (Document::from(data.clone()), Document::from(data));
        let bytes = found.size_bound();
        rules.apply(&mut expected, &free).unwrap();
        prop_assert!(rules.most_work(bytes).is_none_or(|most| free.used() <= most));
        match rules.apply(&mut found, &bounded) {
            Ok(()) => {
                prop_assert!(free.used() <= max);
                prop_assert_eq!(found.to_vec(), expected.to_vec());
            }
            Err(TooMuchWork { .. }) => prop_assert!(free.used() > max),
        }
    }
}
