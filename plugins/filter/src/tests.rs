//! Tests of the plugin as a step runs it.

use hookgate_sdk::{Verdict, testing};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Filter;

/// Meaning of conditions, shared with the gateway's own filters.
#[derive(Deserialize)]
struct Table {
    r#type: String,
    data: Box<RawValue>,
    holds: Vec<Holds>,
    wrong: Vec<Wrong>,
}

#[derive(Deserialize)]
struct Holds {
    condition: Box<RawValue>,
    holds: bool,
}

#[derive(Deserialize)]
struct Wrong {
    condition: Box<RawValue>,
    at: Vec<String>,
}

const DATA: &str = r#"{"total":8500.00,"status":"paid"}"#;

fn table() -> Table {
    serde_json::from_str(include_str!("../../../wit/filter-cases.json")).expect("the table is JSON")
}

#[test]
fn every_case_of_the_shared_table() {
    let table = table();
    for Holds { condition, holds } in table.holds {
        let settings = format!(r#"{{"pass":{condition},"reason":"not wanted"}}"#);
        assert_eq!(
            testing::check_settings::<Filter>(&settings),
            Ok(()),
            "{condition}"
        );
        let outcome = testing::event(&table.r#type)
            .data(table.data.get())
            .settings(&settings)
            .run::<Filter>();
        let expected = if holds {
            Verdict::Pass
        } else {
            Verdict::Drop("not wanted".into())
        };
        assert_eq!(outcome.verdict, Ok(expected), "{condition}");
    }
    for Wrong { condition, at } in table.wrong {
        let settings = format!(r#"{{"pass":{condition}}}"#);
        let problems = testing::check_settings::<Filter>(&settings).expect_err("they are wrong");
        let found: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        let expected: Vec<String> = at.iter().map(|place| format!("/pass{place}")).collect();
        assert_eq!(found, expected, "{condition}");
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
        (
            r#"{"pass":{"b":1},"drop":{"/c":{"$regex":"x"}}}"#,
            vec!["/pass/b", "/drop/~1c/$regex"],
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
