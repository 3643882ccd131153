//! Property tests of documents: invariants, and comparisons of the operations with naive models.

use proptest::collection::vec;
use proptest::prelude::*;

use super::changes::Changes;
use super::walk::{Next, Pairs, visit};
use super::{
    AccessError, Allowance, Document, Limits, Object, Pattern, PatternSet, Pointer, Redaction, Scalar, Value,
};
use crate::budget::{ByteBudget, WorkBudget};

/// Keys that collide: exactly, after normalisation, and with indices and escapes.
const KEYS: [&str; 8] = ["a", "b", "A_", "0", "1", "a/b", "~*", ""];

const STEPS: [&str; 12] = [
    "a", "b", "A_", "0", "1", "a~1b", "~0~2", "", "*", "**", "~a", "~A|b",
];

fn value() -> impl Strategy<Value = Value> {
    let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?";
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        number.prop_map(|text| Value::number(&text).expect("the grammar makes numbers")),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 5, |inner| {
        let key = prop_oneof![4 => proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((key, inner), 0..5).prop_map(|members| Value::Object(Object::from_iter(members))),
        ]
    })
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let step = proptest::sample::select(&STEPS[..]);
    let pattern = vec(step, 1..5).prop_map(|steps| steps.iter().map(|step| format!("/{step}")).collect());
    vec(pattern, 0..5)
}

/// Generates JSON texts and slightly damaged JSON texts.
fn nearly_json() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        proptest::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"b\":", "\\", "\\u00e9", "\\ud800", "true",
            "null", "1", "-", "0", ".5", "e9", "E+", " ", "\n", "\u{1}", "é", "1.50", "-0",
        ])
        .prop_map(str::to_owned),
        value().prop_map(|value| value.to_json()),
    ];
    vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn parsing_undoes_printing(value in value()) {
        let text = value.to_json();
        let again = Document::parse(text.as_bytes(), Limits::default()).unwrap();
        prop_assert!(again.root() == &value, "{text}");
        prop_assert_eq!(again.root().to_json(), text.clone());
        prop_assert_eq!(value.printed_len(), text.len());
        prop_assert_eq!(again.to_bytes_within(text.len()).map(|bytes| bytes.to_vec()), Some(text.clone().into_bytes()));
        prop_assert_eq!(again.to_bytes_within(text.len() - 1), None);
    }

    #[test]
    fn serde_json_reads_what_is_printed(value in value()) {
        let theirs: serde_json::Value = serde_json::from_str(&value.to_json()).unwrap_or_else(
            // `serde_json` refuses numbers beyond the range of a float.
            |_| value.to_serde(),
        );
        prop_assert_eq!(theirs, value.to_serde());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&bytes, Limits::default());
    }

    #[test]
    fn what_is_valid_is_what_serde_json_reads(text in nearly_json()) {
        let ours = Document::parse(text.as_bytes(), Limits::default());
        // `RawValue` checks the grammar only, so that neither numbers nor duplicate keys matter.
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text);
        match &ours {
            Ok(_) => prop_assert!(theirs.is_ok(), "only we read {text}"),
            Err(error) => {
                let stricter = matches!(
                    error.kind,
                    super::ParseErrorKind::DuplicateKey { .. } | super::ParseErrorKind::LoneSurrogate
                );
                prop_assert!(stricter || theirs.is_err(), "only serde_json reads {text}: {error}");
                prop_assert!(error.offset <= text.len());
            }
        }
    }

    #[test]
    fn finding_agrees_with_the_definition(value in value(), texts in patterns()) {
        let expected: Vec<String> =
            places(&value).into_iter().filter(|place| matches_any(&texts, &value, place)).map(|place| pointer(&place)).collect();
        let document = Document::from_value(value, Limits::default());
        prop_assert_eq!(document.find(&PatternSet::parse(&texts).unwrap(), u32::MAX, &Allowance::default()), Ok(expected));
    }

    #[test]
    fn removing_agrees_with_the_definition(value in value(), texts in patterns()) {
        let outermost = outermost(&value, &texts);
        let mut expected = value.clone();
        outermost.iter().rev().for_each(|place| drop_at(&mut expected, place));
        let mut document = Document::from_value(value.clone(), Limits::default());
        let count = document.remove(&PatternSet::parse(&texts).unwrap(), &Allowance::default()).unwrap();
        prop_assert_eq!(document.root().to_json(), expected.to_json());
        prop_assert_eq!(count as usize, outermost.len());
        prop_assert!(document.size_bound() >= document.to_vec().len());
        let mut noted = Changes::default();
        outermost.iter().for_each(|place| noted.note(&as_spelled(&texts, &value, place)));
        prop_assert_eq!(document.take_changes(), noted.take());
    }

    #[test]
    fn what_is_redacted_is_nowhere(value in value(), texts in patterns()) {
        let patterns = PatternSet::parse(&texts).unwrap();
        for how in [
            Redaction::Mask("x"),
            Redaction::KeepLast(2),
            Redaction::Pseudonym { label: "p", key: b"k" },
        ] {
            let mut document = Document::from_value(value.clone(), Limits::default());
            document.redact(&patterns, &how, &Allowance::default()).unwrap();
            visit(document.root(), &patterns, Pairs::AsTheyAre, &Allowance::default(), |place, found| {
                assert!(found.as_str().is_some(), "{how:?} left something at {place}");
                Ok(Next::Past)
            })
            .unwrap();
            prop_assert!(document.size_bound() >= document.to_vec().len());
        }
    }

    #[test]
    fn retaining_agrees_with_the_definition(value in value(), texts in patterns()) {
        let matched: Vec<Place> =
            places(&value).into_iter().filter(|place| matches_any(&texts, &value, place)).collect();
        let stays = |place: &Place| matched.iter().any(|kept| kept.starts_with(place) || place.starts_with(kept));
        let mut expected = value.clone();
        for place in places(&value).iter().rev().filter(|place| !place.is_empty() && !stays(place)) {
            drop_at(&mut expected, place);
        }
        if !value.is_container() && matched.is_empty() {
            expected = Value::Null;
        }
        let mut document = Document::from_value(value, Limits::default());
        document.retain(&PatternSet::parse(&texts).unwrap(), &Allowance::default()).unwrap();
        prop_assert_eq!(document.root().to_json(), expected.to_json());
        prop_assert!(document.size_bound() >= document.to_vec().len());
    }

    #[test]
    fn what_is_given_out_and_done_keeps_to_its_allowance(
        value in value(), texts in patterns(), pointers in vec(any_place(), 0..6), output in 0..400_usize, units in 0..400_u64,
    ) {
        let document = Document::from_value(value, Limits::default());
        let patterns = PatternSet::parse(&texts).unwrap();
        let first = pointers.first().map_or("", String::as_str);
        let free = Allowance::default();
        for operation in 0..8 {
            let run = |allowance: &Allowance<'_>| -> Result<(usize, String), AccessError> {
                let texts = |texts: Vec<String>| (texts.iter().map(String::len).sum(), format!("{texts:?}"));
                let text = |scalar: &Scalar| match scalar {
                    Scalar::Text(text) | Scalar::RawNumber(text) => text.len(),
                    _ => 0,
                };
                let mut changed = document.clone();
                let how = Redaction::Pseudonym { label: "p", key: b"k" };
                Ok(match operation {
                    0 => texts(document.keys(first, 0, u32::MAX, allowance)?),
                    1 => texts(document.find(&patterns, u32::MAX, allowance)?),
                    2 => texts(vec![document.get_json(first, allowance)?]),
                    3 => document.get(first, allowance).map(|found| (text(&found), format!("{found:?}")))?,
                    4 => {
                        let found = document.get_many(&pointers, allowance)?;
                        (found.iter().flatten().map(text).sum(), format!("{found:?}"))
                    }
                    5 => (0, changed.remove(&patterns, allowance)?.to_string()),
                    6 => (0, changed.redact(&patterns, &how, allowance)?.to_string()),
                    _ => (0, changed.retain(&patterns, allowance)?.to_string()),
                })
            };
            let (work, bytes) = (WorkBudget::new(units), ByteBudget::new(output));
            let within = run(&free.with_work(&work).with_output(&bytes));
            match &within {
                Ok((given, _)) => {
                    prop_assert!(*given <= output - bytes.left(), "{operation}: {given} bytes were not counted");
                    prop_assert_eq!(&within, &run(&free), "{}", operation);
                }
                Err(error) if error.is_limit_of_allowance() => {
                    let met = if *error == AccessError::Output { bytes.left() == 0 } else { work.left() == 0 };
                    prop_assert!(met, "{operation}: {error}");
                }
                Err(_) => prop_assert_eq!(&within, &run(&free), "{}", operation),
            }
        }
    }

    #[test]
    fn work_grows_with_every_place_that_is_looked_at(value in value()) {
        let places = places(&value).len() as u64;
        let document = Document::from_value(value, Limits::default());
        let work = WorkBudget::new(u64::MAX);
        let allowance = Allowance::default().with_work(&work);
        document.find(&PatternSet::parse(["/**"]).unwrap(), u32::MAX, &allowance).unwrap();
        prop_assert!(work.used() >= places, "{} for {places} places", work.used());
    }

    #[test]
    fn a_refused_operation_changes_nothing(value in value(), source in any_place(), target in any_place()) {
        let mut document = Document::from_value(value.clone(), Limits { bytes: 60, depth: 3 });
        if document.r#move(&source, &target).is_err() {
            prop_assert!(document.root() == &value && document.take_changes().is_empty());
        }
        prop_assert!(document.size_bound() >= document.to_vec().len());
        let before = document.root().clone();
        if document.set_json(&target, "{\"k\":[1]}").is_err() {
            prop_assert!(document.root() == &before);
        }
        prop_assert!(document.size_bound() >= document.to_vec().len());
    }
}

/// Pointer to a place, with `*` for every step that no pattern spells.
fn as_spelled(texts: &[String], value: &Value, place: &Place) -> String {
    // A pattern that is cut after a step that it spells matches the places whose last step is that
    // one.
    let spelling: Vec<String> = texts
        .iter()
        .flat_map(|text| {
            text.match_indices('/')
                .map(|(at, _)| at)
                .chain([text.len()])
                .skip(1)
                .map(|end| &text[..end])
        })
        .filter(|start| !matches!(start.rsplit('/').next(), Some("*" | "**" | "~a" | "~A|b")))
        .map(str::to_owned)
        .collect();
    let step = |end: usize| {
        let start = place[..end].to_vec();
        if matches_any(&spelling, value, &start) {
            pointer(&start[end - 1..])
        } else {
            "/*".to_owned()
        }
    };
    (1..=place.len()).map(step).collect()
}

fn any_place() -> impl Strategy<Value = String> {
    let step = proptest::sample::select(vec!["/a", "/b", "/0", "/1", "/-", "/a~1b", "/", "/~0*"]);
    vec(step, 0..4).prop_map(|steps| steps.concat())
}

/// Steps to a place: keys or indices as text.
type Place = Vec<String>;

/// All places, in the order of the document.
fn places(value: &Value) -> Vec<Place> {
    let mut all = vec![Vec::new()];
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, child)| (key.to_owned(), child))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(at, child)| (at.to_string(), child))
            .collect(),
        _ => Vec::new(),
    };
    for (step, child) in children {
        all.extend(
            places(child)
                .into_iter()
                .map(|inner| [vec![step.clone()], inner].concat()),
        );
    }
    all
}

fn outermost(value: &Value, texts: &[String]) -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    for place in places(value).into_iter().filter(|place| !place.is_empty()) {
        let inside = found.iter().any(|outer| place.starts_with(outer));
        if !inside && matches_any(texts, value, &place) {
            found.push(place);
        }
    }
    found
}

fn matches_any(texts: &[String], value: &Value, place: &Place) -> bool {
    texts.iter().any(|text| {
        let steps: Vec<&str> = text.split('/').skip(1).collect();
        matches(&steps, value, place)
    })
}

/// Naive implementation of pattern matching.
fn matches(steps: &[&str], value: &Value, place: &[String]) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return place.is_empty();
    };
    if *step == "**" && matches(rest, value, place) {
        return true;
    }
    let Some((first, inner)) = place.split_first() else {
        return false;
    };
    let child = value
        .at(Pointer::parse(&pointer(std::slice::from_ref(first))).unwrap())
        .unwrap();
    let loosely = |names: &str| {
        let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
        value.as_object().is_some() && names.split('|').any(|name| plain(name) == plain(first))
    };
    match *step {
        "**" => matches(steps, child, inner),
        "*" => matches(rest, child, inner),
        "~a" | "~A|b" => loosely(&step[1..]) && matches(rest, child, inner),
        exact => {
            let key = exact.replace("~2", "*").replace("~1", "/").replace("~0", "~");
            key == *first && matches(rest, child, inner)
        }
    }
}

fn pointer(place: &[String]) -> String {
    place
        .iter()
        .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
        .collect()
}

fn drop_at(value: &mut Value, place: &[String]) {
    let (last, parent) = place.split_last().expect("the whole document is not removed");
    let parent = pointer(parent);
    match value.at_mut(Pointer::parse(&parent).unwrap()) {
        Some(Value::Object(object)) => drop(object.remove(last)),
        Some(Value::Array(elements)) => drop(elements.remove(last.parse().unwrap())),
        _ => {}
    }
}

#[test]
fn patterns_of_the_model_are_patterns() {
    for step in STEPS {
        assert!(format!("/{step}").parse::<Pattern>().is_ok(), "{step}");
    }
}
