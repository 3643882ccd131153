//! Tests of the plugin as a step runs it.

use hookgate_sdk::{FailureCode, Verdict, testing};

use crate::Reshape;

fn run(operations: &str, data: &str) -> testing::Outcome {
    let settings = format!(r#"{{"operations":{operations}}}"#);
    testing::event("user.created")
        .data(data)
        .settings(&settings)
        .run::<Reshape>()
}

#[test]
fn each_operation() {
    for (operations, before, after) in [
        (
            r#"[{"move":"/a","to":"/x/y/b"}]"#,
            r#"{"a":1.50,"c":2}"#,
            r#"{"c":2,"x":{"y":{"b":1.50}}}"#,
        ),
        (
            r#"[{"move":"/a","to":"/l/-"}]"#,
            r#"{"a":1,"l":[0]}"#,
            r#"{"l":[0,1]}"#,
        ),
        (
            r#"[{"rename":"/o/a","to":"b/c"}]"#,
            r#"{"o":{"a":1}}"#,
            r#"{"o":{"b/c":1}}"#,
        ),
        (
            r#"[{"copy":"/a","to":"/b/c"}]"#,
            r#"{"a":{"n":1e2}}"#,
            r#"{"a":{"n":1e2},"b":{"c":{"n":1e2}}}"#,
        ),
        (
            r#"[{"set":"/v/n","value":{"a":[1.0,null]}}]"#,
            "{}",
            r#"{"v":{"n":{"a":[1.0,null]}}}"#,
        ),
        (r#"[{"set":"/v","value":null}]"#, r#"{"v":1}"#, r#"{"v":null}"#),
        (
            r#"[{"template":"/t","text":"{/f} {/l}: {type} {{{/n}}} {/o}{/no}{/null}"}]"#,
            r#"{"f":"A","l":"B","n":1.50,"o":[1],"null":null}"#,
            r#"{"f":"A","l":"B","n":1.50,"o":[1],"null":null,"t":"A B: user.created {1.50} [1]"}"#,
        ),
        (
            r#"[{"nest":["/street","/a~1b","/none"],"under":"/address"}]"#,
            r#"{"street":"s","a/b":1,"c":2}"#,
            r#"{"c":2,"address":{"street":"s","a/b":1}}"#,
        ),
        (
            r#"[{"flatten":"/o/a","prefix":"a_"}]"#,
            r#"{"o":{"a":{"x":1,"y":{"z":2}},"b":3}}"#,
            r#"{"o":{"b":3,"a_x":1,"a_y":{"z":2}}}"#,
        ),
        (
            r#"[{"flatten":"/a"}]"#,
            r#"{"a":{"a":1,"b":2}}"#,
            r#"{"a":1,"b":2}"#,
        ),
        (
            r#"[{"flatten":"/*"}]"#,
            r#"{"*":{"x":1},"k":2}"#,
            r#"{"k":2,"x":1}"#,
        ),
        (
            r#"[{"remove":"/**/~tmp"}]"#,
            r#"{"tmp":1,"a":[{"TMP":2}]}"#,
            r#"{"a":[{}]}"#,
        ),
    ] {
        let outcome = run(operations, before);
        assert_eq!(outcome.verdict, Ok(Verdict::Pass), "{operations}");
        assert_eq!(outcome.data, after, "{operations}");
    }
}

#[test]
fn a_large_object_is_flattened_whole() {
    let members: Vec<String> = (0..2_001).map(|n| format!(r#""k{n}":{n}"#)).collect();
    let members = members.join(",");
    let outcome = run(r#"[{"flatten":"/o"}]"#, &format!(r#"{{"o":{{{members}}}}}"#));
    assert_eq!(outcome.data, format!("{{{members}}}"));
}

#[test]
fn operations_are_done_in_order() {
    let operations = r#"[{"flatten":"/user"},{"template":"/name","text":"{/first} {/last}"},
        {"nest":["/first","/last"],"under":"/parts"},{"rename":"/parts","to":"names"},{"set":"/version","value":2}]"#;
    let outcome = run(operations, r#"{"user":{"first":"A","last":"B"},"id":1}"#);
    assert_eq!(
        outcome.data,
        r#"{"id":1,"name":"A B","names":{"first":"A","last":"B"},"version":2}"#
    );
}

#[test]
fn what_is_missing_is_passed_over_unless_it_is_required() {
    for operation in [
        r#""move":"/no","to":"/b""#,
        r#""rename":"/no","to":"b""#,
        r#""copy":"/no","to":"/b""#,
        r#""nest":["/no"],"under":"/b""#,
        r#""flatten":"/no""#,
        r#""remove":"/no""#,
    ] {
        let outcome = run(&format!("[{{{operation}}}]"), r#"{"a":1}"#);
        assert_eq!(
            (outcome.verdict, outcome.data.as_str()),
            (Ok(Verdict::Pass), r#"{"a":1}"#),
            "{operation}"
        );
        let outcome = run(&format!(r#"[{{{operation},"required":true}}]"#), r#"{"a":1}"#);
        assert_eq!(
            outcome.verdict.map_err(|failure| failure.code),
            Err(FailureCode::BadPayload),
            "{operation}"
        );
    }
}

#[test]
fn every_problem_of_the_settings_has_its_pointer() {
    for (settings, pointers) in [
        ("{}", vec!["/operations"]),
        (r#"{"operations":[],"steps":1}"#, vec!["/steps", "/operations"]),
        (
            r#"{"operations":[5,{},{"move":"/a","copy":"/b","to":"/c"}]}"#,
            vec!["/operations/0", "/operations/1", "/operations/2"],
        ),
        (
            r#"{"operations":[{"move":"a","to":""},{"rename":"/a"},{"set":"","value":1,"required":true}]}"#,
            vec![
                "/operations/0/move",
                "/operations/0/to",
                "/operations/1/to",
                "/operations/2/set",
                "/operations/2/required",
            ],
        ),
        (
            r#"{"operations":[{"template":"/a","text":"{b}"},{"nest":"/a","under":5},{"remove":"/a*","required":1}]}"#,
            vec![
                "/operations/0/text",
                "/operations/1/nest",
                "/operations/1/under",
                "/operations/2/remove",
                "/operations/2/required",
            ],
        ),
    ] {
        let problems = testing::check_settings::<Reshape>(settings).expect_err("they are wrong");
        let found: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(found, pointers, "{settings}");
    }
}
