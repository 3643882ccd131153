//! The plugin as a step runs it.

use hookgate_sdk::{Verdict, testing};

use crate::Filter;

const DATA: &str = r#"{"total":8500.00,"big":12345678901234567890,"status":"paid","test":false,"gone":null,
    "customer":{"plan":"pro","~":1},"items":[{"sku":"a","qty":1},{"sku":"b","qty":5}],"created":"2026-02-01"}"#;

fn holds(condition: &str) -> bool {
    let settings = format!(r#"{{"pass":{condition},"reason":"not wanted"}}"#);
    let outcome = testing::event("invoice.paid")
        .data(DATA)
        .settings(&settings)
        .run::<Filter>();
    match outcome.verdict.expect("it works") {
        Verdict::Pass => true,
        verdict => {
            assert_eq!(verdict, Verdict::Drop("not wanted".into()));
            false
        }
    }
}

#[test]
fn conditions() {
    for (condition, expected) in [
        (r#"{"type":"invoice.paid"}"#, true),
        (r#"{"type":{"$startsWith":"invoice."}}"#, true),
        (r#"{"type":{"$endsWith":".created"}}"#, false),
        (r#"{"type":{"$in":["a.b","invoice.paid"]}}"#, true),
        (r#"{"/status":"paid"}"#, true),
        (r#"{"/status":{"$eq":"paid","$ne":"open"}}"#, true),
        (r#"{"/status":"paid","/test":true}"#, false),
        (r#"{"/total":8500}"#, true),
        (r#"{"/total":{"$gte":8500,"$lt":8500.5}}"#, true),
        (r#"{"/total":{"$gt":8500}}"#, false),
        (r#"{"/total":{"$lte":8499.99}}"#, false),
        (r#"{"/total":{"$gt":"1"}}"#, false),
        (r#"{"/big":{"$gt":9223372036854775807}}"#, true),
        (r#"{"/big":12345678901234567890}"#, true),
        (r#"{"/created":{"$gte":"2026-01-01","$lt":"2026-03-01"}}"#, true),
        (r#"{"/gone":null}"#, true),
        (r#"{"/absent":null}"#, false),
        (
            r#"{"/gone":{"$exists":true},"/absent":{"$exists":false},"/customer":{"$exists":true}}"#,
            true,
        ),
        (r#"{"/absent":{"$ne":1}}"#, true),
        (r#"{"/absent":{"$nin":[1,2]}}"#, true),
        (r#"{"/customer":{"$eq":"pro"}}"#, false),
        (r#"{"/customer/~0":1}"#, true),
        (r#"{"/items/*/sku":"b"}"#, true),
        (r#"{"/items/*/qty":{"$gt":5}}"#, false),
        (r#"{"/items/*/sku":{"$ne":"b"}}"#, false),
        (r#"{"/**/~PLAN":"pro"}"#, true),
        (r#"{"$or":[{"/status":"open"},{"/total":{"$gt":1000}}]}"#, true),
        (r#"{"$or":[{"/status":"open"},{"/test":true}]}"#, false),
        (r#"{"$and":[{"/status":"paid"},{"/test":false}]}"#, true),
        (r#"{"$and":[{"/status":"paid"},{"/test":true}]}"#, false),
        (r#"{"$not":{"/status":"paid"}}"#, false),
        (
            r#"{"$not":{"$or":[{"/status":"open"},{"/test":true}]},"type":"invoice.paid"}"#,
            true,
        ),
    ] {
        assert_eq!(holds(condition), expected, "{condition}");
    }
}

#[test]
fn what_is_dropped_is_dropped_even_if_it_may_pass() {
    let run = |settings: &str| {
        testing::event("a.b")
            .data(DATA)
            .settings(settings)
            .run::<Filter>()
            .verdict
    };
    assert_eq!(run(r#"{"drop":{"/status":"open"}}"#), Ok(Verdict::Pass));
    assert_eq!(
        run(r#"{"drop":{"/status":"paid"}}"#),
        Ok(Verdict::Drop("filtered".into()))
    );
    assert_eq!(
        run(r#"{"pass":{"/total":8500},"drop":{"/status":"paid"},"reason":"paid"}"#),
        Ok(Verdict::Drop("paid".into()))
    );
}

#[test]
fn every_problem_of_the_settings_has_its_pointer() {
    for (settings, pointers) in [
        ("{}", vec![""]),
        (r#"{"reason":"x"}"#, vec![""]),
        (
            r#"{"pas":{},"pass":5,"reason":1}"#,
            vec!["/pas", "/reason", "/pass"],
        ),
        (r#"{"pass":{}}"#, vec!["/pass"]),
        (
            r#"{"pass":{"status":"paid","/a*":1}}"#,
            vec!["/pass/status", "/pass/~1a*"],
        ),
        (
            r#"{"drop":{"/a":[1],"/b":{},"/c":{"$regex":"x"}}}"#,
            vec!["/drop/~1a", "/drop/~1b", "/drop/~1c/$regex"],
        ),
        (
            r#"{"drop":{"/a":{"$exists":1,"$in":[],"$gt":true,"$startsWith":5,"$eq":{}}}}"#,
            vec![
                "/drop/~1a/$exists",
                "/drop/~1a/$in",
                "/drop/~1a/$gt",
                "/drop/~1a/$startsWith",
                "/drop/~1a/$eq",
            ],
        ),
        (
            r#"{"pass":{"$or":[{"/a":1},{"b":1}],"$not":[]}}"#,
            vec!["/pass/$or/1/b", "/pass/$not"],
        ),
    ] {
        let problems = testing::check_settings::<Filter>(settings).expect_err("they are wrong");
        let found: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(found, pointers, "{settings}");
    }
}

#[test]
fn conditions_have_a_depth() {
    let nested = |depth: usize| {
        let condition = (0..depth).fold(r#"{"/a":1}"#.to_owned(), |inner, _| {
            format!(r#"{{"$not":{inner}}}"#)
        });
        testing::check_settings::<Filter>(&format!(r#"{{"pass":{condition}}}"#))
    };
    assert_eq!(nested(7), Ok(()));
    assert!(nested(8).is_err());
}
