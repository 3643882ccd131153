//! Messages for values of the wrong kind, in the words of the file's format rather than those of the code that reads it.

use figment::error::{Actual, Kind};

/// A message, and a hint where there is one.
pub(super) fn of(kind: &Kind) -> (String, Option<String>) {
    match kind {
        Kind::UnknownField(name, expected) => (
            "there is no such key".to_owned(),
            nearest(name, expected).or_else(|| Some(format!("what can stand here: {}", expected.join(", ")))),
        ),
        Kind::UnknownVariant(name, expected) => (
            format!("`{name}` is none of {}", expected.join(", ")),
            nearest(name, expected),
        ),
        Kind::MissingField(name) => (format!("`{name}` is missing"), None),
        Kind::DuplicateField(name) => (format!("`{name}` stands here twice"), None),
        Kind::InvalidType(actual, expected) => (
            format!("{} is expected, not {}", wanted(expected), found(actual)),
            in_quotes(actual, expected),
        ),
        Kind::InvalidValue(actual, expected) => (
            format!("{} is expected, not {}", wanted(expected), found(actual)),
            None,
        ),
        Kind::InvalidLength(_, expected) => (format!("{} is expected", wanted(expected)), None),
        Kind::Message(message) => (plain(message), None),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => ("the number is too large".to_owned(), None),
        Kind::Unsupported(actual) | Kind::UnsupportedKey(actual, _) => {
            (format!("{} cannot stand here", found(actual)), None)
        }
    }
}

/// Kind of value that a key takes.
fn wanted(expected: &str) -> String {
    let word = match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number, 0 or more,",
        "isize" | "i64" | "i32" | "i16" | "i8" => "a whole number",
        "f64" | "f32" => "a number",
        "a boolean" | "bool" => "`true` or `false`",
        "a string" | "string" => "a text",
        "path string" => "a path",
        "a map" | "map" => "a table",
        "a sequence" => "a list",
        "a string representing an URL" => "a URL",
        "socket address" => "an address with a port, such as \"127.0.0.1:8080\",",
        "enum" => "one of its words",
        expected if expected.starts_with("a nonzero ") => "a whole number, 1 or more,",
        expected if expected.starts_with("struct ") || expected.starts_with("map") => "a table",
        expected if expected.starts_with("enum ") => "one of its words",
        expected if expected.ends_with("network address") => {
            return format!("an {expected} with a prefix, such as \"10.0.0.0/8\",");
        }
        expected => expected,
    };
    word.to_owned()
}

fn found(actual: &Actual) -> String {
    match actual {
        Actual::Bool(truth) => format!("`{truth}`"),
        Actual::Unsigned(number) => format!("`{number}`"),
        Actual::Signed(number) => format!("`{number}`"),
        Actual::Float(number) => format!("`{number}`"),
        Actual::Char(character) => format!("`{character}`"),
        Actual::Str(text) => format!("the text \"{text}\""),
        Actual::Bytes(_) => "bytes".to_owned(),
        Actual::Unit | Actual::Option => "nothing".to_owned(),
        Actual::NewtypeStruct | Actual::Map => "a table".to_owned(),
        Actual::Seq => "a list".to_owned(),
        Actual::Enum | Actual::UnitVariant | Actual::NewtypeVariant => "a word".to_owned(),
        Actual::TupleVariant | Actual::StructVariant => "a table".to_owned(),
        Actual::Other(other) => other.clone(),
    }
}

/// Messages of libraries that read numbers, addresses and networks.
pub(super) fn plain(message: &str) -> String {
    match message {
        "a text" => "a text is expected".to_owned(),
        "integer number overflowed" => "the number is too large".to_owned(),
        "invalid socket address syntax" => {
            "not an address with a port, such as \"127.0.0.1:8080\"".to_owned()
        }
        "invalid IP address syntax" => {
            "not a network address with a prefix, such as \"10.0.0.0/8\"".to_owned()
        }
        message if message.starts_with("relative URL without a base") => {
            "not a URL, such as \"https://hooks.example.com\"".to_owned()
        }
        message => message.to_owned(),
    }
}

/// A bare number where a text is expected is most often a duration or a size without its unit.
fn in_quotes(actual: &Actual, expected: &str) -> Option<String> {
    let number = matches!(actual, Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_));
    (number && expected == "a string")
        .then(|| "durations and sizes are texts with a unit, such as \"5s\" or \"64KiB\"".to_owned())
}

fn nearest(name: &str, expected: &[&str]) -> Option<String> {
    let scored = expected
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.75).then(|| format!("did you mean `{}`?", best.1))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::config::{Flags, load, schema};

    /// Words of the language that the gateway is written in, and of its libraries.
    const FOREIGN: &[&str] = &[
        "usize",
        "u64",
        "u32",
        "u16",
        "u8",
        "i64",
        "f64",
        "struct",
        "enum",
        "tuple",
        "variant",
        "sequence",
        "newtype",
        "bool ",
        "int `",
        "a map",
        "Option",
        "untagged",
        "overflow",
        "syntax",
        "a boolean",
        "a string",
    ];

    /// Every key below a schema, with tables, lists' elements and maps' values; `acme` names one of a map.
    fn keys(schema: &Value, definitions: &Value, path: &[&str], found: &mut Vec<Vec<String>>) {
        let schema = match schema["anyOf"].as_array() {
            Some(of) => of.iter().find(|one| one["type"] != "null").unwrap_or(schema),
            None => schema,
        };
        let schema = match schema["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix("#/$defs/"))
        {
            Some(name) => &definitions[name],
            None => schema,
        };
        if !path.is_empty() {
            found.push(path.iter().map(|step| (*step).to_owned()).collect());
        }
        if path.len() > 6 {
            return;
        }
        let inner = schema["properties"].as_object().into_iter().flatten();
        let value = schema["additionalProperties"]
            .is_object()
            .then_some(("acme", &schema["additionalProperties"]));
        let element = schema["items"].is_object().then_some(("[]", &schema["items"]));
        for (name, inner) in inner
            .map(|(name, inner)| (name.as_str(), inner))
            .chain(value)
            .chain(element)
        {
            let path: Vec<_> = path.iter().copied().chain([name]).collect();
            keys(inner, definitions, &path, found);
        }
    }

    #[test]
    fn messages_have_no_words_of_the_language() {
        let schema = schema().to_value();
        let mut found = Vec::new();
        keys(&schema, &schema["$defs"], &[], &mut found);
        assert!(found.len() > 300, "{}", found.len());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hookgate.toml");
        let mut refused = 0;
        for key in &found {
            for wrong in [
                "\"x y\"",
                "-1",
                "1.5",
                "true",
                "[1]",
                "{ zz = 1 }",
                "99999999999999999999",
            ] {
                let value =
                    key.iter()
                        .skip(1)
                        .rev()
                        .fold(wrong.to_owned(), |value, step| match step.as_str() {
                            "[]" => format!("[{value}]"),
                            step => format!("{{ \"{step}\" = {value} }}"),
                        });
                std::fs::write(&path, format!("{} = {value}\n", key[0])).unwrap();
                let flags = Flags {
                    file: Some(path.clone()),
                    values: Vec::new(),
                };
                for problem in load(&flags, &Vec::new())
                    .err()
                    .into_iter()
                    .flat_map(|refused| refused.0)
                {
                    refused += 1;
                    for word in FOREIGN {
                        assert!(
                            !problem.message.contains(word),
                            "`{word}`: {problem} ({key:?} = {wrong})"
                        );
                    }
                }
            }
        }
        assert!(refused > 1_000, "{refused}");
    }
}
