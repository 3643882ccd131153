//! Checks of the prose: summary lines name what they describe, and the glossary names what is there.

use std::fs;

use super::{bindings, root, sources};

/// A summary is a noun phrase or begins with a verb; none of these is one.
const NO_BEGINNING: &[&str] = &[
    "What", "Whether", "How", "Who", "Whom", "Whose", "Where", "When", "Which", "Whoever", "Why", "If",
];

#[test]
fn summaries_are_noun_phrases_or_begin_with_a_verb() {
    let mut wrong = Vec::new();
    for folder in ["gateway", "sdk", "plugins", "tests"] {
        for (file, text) in sources(&root().join(folder)) {
            if file.ends_with(bindings::KEPT) {
                continue;
            }
            let mut within = false;
            for (at, line) in text.lines().map(str::trim_start).enumerate() {
                let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
                let first = doc
                    .filter(|_| !within)
                    .and_then(|doc| doc.split_whitespace().next());
                if first.is_some_and(|word| NO_BEGINNING.contains(&word)) {
                    wrong.push(format!("{}:{}: {line}", file.display(), at + 1));
                }
                within = doc.is_some();
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn glossary_names_items_of_the_code() {
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).expect("the glossary");
    let named: Vec<_> = glossary
        .split("[`")
        .skip(1)
        .filter_map(|rest| rest.split_once("`](../"))
        .filter_map(|(item, rest)| rest.split_once(')').map(|(file, _)| (item, file)))
        .collect();
    assert!(named.len() > 50, "{named:?}");
    let gone = named.iter().filter(|(item, file)| {
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        let kinds = ["struct", "enum", "trait", "type", "fn"];
        !kinds.iter().any(|kind| {
            text.split(&format!("{kind} {item}"))
                .skip(1)
                .any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    });
    assert_eq!(gone.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
}
