//! What filters mean and what is wrong with them: the table that is shared with the plugin, and what is said.

use super::*;

const TABLE: &str = include_str!("../../../../wit/filter-cases.json");
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
        assert_eq!(
            filter.passes(&kind, field("data")),
            expected,
            "{}",
            filter.as_str()
        );
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
        // Two elements can pass one operator each.
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
