//! Tests of filters: the table of cases shared with the plugin, and the reported problems.

use super::*;

const TABLE: &str = include_str!("../../../../../wit/filter-cases.json");
const LIMITS: FilterLimits = FilterLimits {
    bytes: 1000,
    depth: 8,
    tests: 10,
};

fn cases<'t>(table: &'t Document, list: &str) -> &'t [Value] {
    let cases = table.root().get(list).and_then(Value::as_array);
    cases.expect("a list of cases")
}

fn wrong(text: &str) -> Vec<String> {
    let problems = Filter::parse(text, LIMITS).expect_err(text);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_case_of_the_shared_table() {
    let table = Document::parse(TABLE.as_bytes(), Default::default()).expect("JSON");
    let field = |name: &str| table.root().get(name).expect("a field");
    let kind: EventType = field("type").as_str().expect("a text").parse().expect("a type");
    for case in cases(&table, "holds") {
        let condition = case.get("condition").expect("a condition");
        let filter = Filter::read(condition, LIMITS).expect("a filter");
        let expected = case.get("holds").and_then(Value::as_bool).expect("a truth");
        let passes = filter.passes(&kind, field("data"), &WorkBudget::small());
        assert_eq!(passes, Ok(expected), "{}", filter.as_str());
        let again = Filter::parse(filter.as_str(), FilterLimits::NONE).expect("its own text");
        assert_eq!(again, filter);
    }
    for case in cases(&table, "wrong") {
        let condition = case.get("condition").expect("a condition");
        let problems = Filter::read(condition, LIMITS).expect_err("it is wrong");
        let found: Vec<Value> = problems.iter().map(|p| p.pointer.as_str().into()).collect();
        assert_eq!(
            Value::Array(found).to_json(),
            case.get("at").expect("places").to_json()
        );
    }
}

#[test]
fn slips_are_told_what_was_meant() {
    for (text, place, hint) in [
        (r#"{"/a":{"$gtt":1}}"#, "/~1a/$gtt: ", "did you mean `$gt`?"),
        (r#"{"/a":{"gte":1}}"#, "/~1a/gte: ", "did you mean `$gte`?"),
        (
            r#"{"/a":{"$startswith":"x"}}"#,
            "/~1a/$startswith: ",
            "did you mean `$startsWith`?",
        ),
        (
            r#"{"/a":{"$regex":"x"}}"#,
            "/~1a/$regex: ",
            "$startsWith, $endsWith",
        ),
        (r#"{"$nto":{"/a":1}}"#, "/$nto: ", "did you mean `$not`?"),
        (r#"{"and":[{"/a":1}]}"#, "/and: ", "did you mean `$and`?"),
        (
            r#"{"data.customer.plan":1}"#,
            "/data.customer.plan: ",
            "did you mean `/customer/plan`?",
        ),
        (r#"{"/a":["x"]}"#, "/~1a: ", "$in"),
        (r#"{"/a":1"#, "", "end"),
    ] {
        let told = wrong(text);
        assert!(
            told[0].starts_with(place) && told[0].contains(hint),
            "{text}: {told:?}"
        );
    }
}

#[test]
fn what_nothing_can_pass_is_refused() {
    for test in [
        r#"{"$in":[]}"#,
        r#"{"$eq":1,"$ne":1.0}"#,
        r#"{"$in":["a","b"],"$nin":["b","a","c"]}"#,
        r#"{"$eq":"a","$startsWith":"b"}"#,
        r#"{"$exists":false,"$eq":1}"#,
        r#"{"$exists":false,"$gt":1}"#,
        r#"{"$gt":5,"$lt":5}"#,
        r#"{"$gte":5,"$lt":5}"#,
        r#"{"$gte":5.1,"$lte":5}"#,
        r#"{"$gt":5,"$lt":"6"}"#,
    ] {
        for field in ["/a", "type"] {
            wrong(&format!(r#"{{"{field}":{test}}}"#));
        }
    }
    for taken in [
        r#"{"/a":{"$gte":5,"$lte":5}}"#,
        r#"{"/a":{"$gt":5,"$ne":7}}"#,
        r#"{"/a":{"$exists":false,"$ne":1}}"#,
        // Two different elements can each pass one of the operators.
        r#"{"/a/*":{"$gt":5,"$lt":5}}"#,
    ] {
        assert!(Filter::parse(taken, LIMITS).is_ok(), "{taken}");
    }
}

#[test]
fn filters_have_a_size() {
    let long = format!(r#"{{"/a":"{}"}}"#, "x".repeat(1000));
    assert!(wrong(&long)[0].contains("1000"));
    let many = format!(
        r#"{{"/a":{{"$ne":1}}{}}}"#,
        (0..10).map(|n| format!(r#","/b{n}":1"#)).collect::<String>()
    );
    assert!(wrong(&many)[0].contains("11 operators"));
    let walks = (0..9)
        .map(|n| format!(r#""/{n}/*":1"#))
        .collect::<Vec<_>>()
        .join(",");
    assert!(wrong(&format!("{{{walks}}}"))[0].contains("9 patterns"));
    assert!(
        Filter::parse(&long, FilterLimits::NONE).is_ok(),
        "one that was taken stays readable"
    );
}

#[test]
fn no_value_is_shown() {
    let filter = Filter::parse(r#"{"/name":"Ada"}"#, LIMITS).expect("a filter");
    assert!(!format!("{filter:?}").contains("Ada"));
}

fn kind() -> EventType {
    "a.b".parse().unwrap()
}

fn value(text: &str) -> Value {
    let document = Document::parse(text.as_bytes(), Default::default());
    document.expect("JSON").into_root()
}

#[test]
fn filter_charges_what_it_looks_at() {
    let numbers = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let number = "7".repeat(10_000);
    for (filter, data, least, most) in [
        (r#"{"/a":1}"#.to_owned(), r#"{"a":1}"#.to_owned(), 2, 10),
        (r#"{"type":"a.b"}"#.to_owned(), "{}".to_owned(), 2, 10),
        // Each element is visited once for each state of the pattern that has reached it.
        (
            r#"{"/**/zz":1}"#.to_owned(),
            format!("[{}]", vec!["1"; 1000].join(",")),
            2000,
            4100,
        ),
        // The digits are decoded once, not once per operand.
        (
            format!(r#"{{"/n":{{"$in":[{numbers}]}}}}"#),
            format!(r#"{{"n":{number}}}"#),
            10_000,
            10_300,
        ),
    ] {
        let (compiled, data) = (Filter::parse(&filter, FilterLimits::NONE).unwrap(), value(&data));
        let work = WorkBudget::new(1 << 30);
        compiled.passes(&kind(), &data, &work).unwrap();
        let used = work.used();
        assert!((least..=most).contains(&used), "{used}");
        let enough = WorkBudget::new(used);
        assert!(compiled.passes(&kind(), &data, &enough).is_ok());
        let short = WorkBudget::new(used - 1);
        assert_eq!(
            compiled.passes(&kind(), &data, &short),
            Err(TooMuchWork { max: used - 1 })
        );
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn data() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-3_i64..3).prop_map(Value::Int),
            prop_oneof!["-?[0-3]{1,30}\\.[0-9]{1,3}", "[1-9]e[0-9]{1,3}"]
                .prop_filter_map("a number", |text| Value::number(&text).ok()),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inside| {
            prop_oneof![
                prop::collection::vec(inside.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec(("[ab]", inside), 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn condition() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            (-3_i64..3).prop_map(|n| n.to_string()),
            "[ab]{0,2}".prop_map(|text| format!("{text:?}")),
            Just("1.0".to_owned()),
        ];
        let test = prop_oneof![
            scalar.clone(),
            scalar.clone().prop_map(|value| format!(r#"{{"$ne":{value}}}"#)),
            scalar.clone().prop_map(|value| format!(r#"{{"$gt":{value}}}"#)),
            prop::collection::vec(scalar, 1..4)
                .prop_map(|values| format!(r#"{{"$in":[{}]}}"#, values.join(","))),
            any::<bool>().prop_map(|truth| format!(r#"{{"$exists":{truth}}}"#)),
            "[ab]".prop_map(|text| format!(r#"{{"$startsWith":"{text}"}}"#)),
        ];
        let place = prop_oneof![
            "(/[ab01*]){1,3}",
            "(/(\\*\\*|~a|b)){1,3}",
            Just("type".to_owned())
        ];
        let one = (place, test).prop_map(|(place, test)| format!(r#"{{{place:?}:{test}}}"#));
        one.prop_recursive(3, 8, 3, |inside| {
            prop_oneof![
                prop::collection::vec(inside.clone(), 1..3)
                    .prop_map(|all| format!(r#"{{"$and":[{}]}}"#, all.join(","))),
                prop::collection::vec(inside.clone(), 1..3)
                    .prop_map(|any| format!(r#"{{"$or":[{}]}}"#, any.join(","))),
                inside.prop_map(|not| format!(r#"{{"$not":{not}}}"#)),
            ]
        })
    }

    proptest! {
        /// A filter has the same result on every sufficient budget, and an error on every other.
        #[test]
        fn filter_holds_the_same_on_any_budget(condition in condition(), data in data(), max in 0_u64..400) {
            let Ok(filter) = Filter::parse(&condition, FilterLimits::NONE) else { return Ok(()) };
            let (free, bounded) = (WorkBudget::new(u64::MAX), WorkBudget::new(max));
            let expected = filter.passes(&kind(), &data, &free);
            prop_assert!(expected.is_ok());
            let found = filter.passes(&kind(), &data, &bounded);
            if free.used() <= max {
                prop_assert_eq!((found, bounded.used()), (expected, free.used()));
            } else {
                prop_assert_eq!(found, Err(TooMuchWork { max }));
            }
        }
    }
}
