//! Generators of random JSON texts in all forms of the grammar.
//!
//! Used by the tests, including the black-box tests.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;

/// Generates JSON texts, with numbers and string escapes in all forms of the grammar.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        1 => "null|true|false",
        3 => "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        1 => "(900719925474099[0-9]|1844674407370955161[0-9]|922337203685477580[0-9])(\\.[05]0?)?",
        2 => string_text(),
    ];
    scalar.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|elements| format!("[ {}]", elements.join(" ,\n"))),
            vec((key_text(), inner), 0..8).prop_map(|members| object_text(&members)),
        ]
    })
}

fn string_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>()
            .prop_filter("it needs an escape", |c| !matches!(c, '"' | '\\' | '\0'..' '))
            .prop_map(String::from),
        any::<char>().prop_map(|c| c
            .encode_utf16(&mut [0; 2])
            .iter()
            .map(|unit| format!("\\u{unit:04X}"))
            .collect()),
        proptest::sample::select(vec![
            "\\b", "\\f", "\\n", "\\r", "\\t", "\\\"", "\\\\", "\\/", "\u{2028}", "\u{2029}", "\u{7f}"
        ])
        .prop_map(str::to_owned),
    ];
    vec(piece, 0..12).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn key_text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "(0|[1-9][0-9]{0,11}|0[0-9]|-[0-9]|[0-9]\\.[0-9]|1e3)".prop_map(|key| format!("\"{key}\"")),
        1 => proptest::sample::select(vec!["4294967293", "4294967294", "4294967295", "4294967296", "__proto__", "constructor", "toString", "toJSON", ""])
            .prop_map(|key| format!("\"{key}\"")),
        2 => "[a-c]{1,2}".prop_map(|key| format!("\"{key}\"")),
        1 => string_text(),
    ]
}

/// Prints an object without duplicate keys, which the parser would refuse.
fn object_text(members: &[(String, String)]) -> String {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for (key, value) in members {
        let name: String = serde_json::from_str(key).expect("a string");
        if seen.insert(name) {
            kept.push(format!("{key} :{value}"));
        }
    }
    format!("{{{}}}", kept.join(", "))
}
