//! The JSON Schema of the configuration file, and the reference page made from it.

use std::fmt::Write as _;

use schemars::{Schema, schema_for};
use serde_json::Value;

use super::{Config, changes::is_reloaded, layers::variable};

/// The JSON Schema of `hookgate.toml`, for completion in editors.
pub fn schema() -> Schema {
    schema_for!(Config)
}

/// The reference page: every key with its built-in value and its meaning.
pub fn reference() -> String {
    let schema = schema().to_value();
    let mut page = Page {
        definitions: schema["$defs"].clone(),
        text: INTRODUCTION.to_owned(),
    };
    page.table(&schema, "");
    page.text.truncate(page.text.trim_end().len());
    page.text.push('\n');
    page.text
}

struct Page {
    definitions: Value,
    text: String,
}

impl Page {
    fn table(&mut self, schema: &Value, around: &str) {
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        let (tables, values): (Vec<_>, Vec<_>) = properties
            .iter()
            .map(|(name, property)| (name, property, self.table_of(property)))
            .partition(|(_, _, table)| table.is_some());
        for (name, property, _) in values {
            self.value(&join(around, name), property);
        }
        for (name, property, table) in tables {
            let key = join(around, name);
            let _ = writeln!(self.text, "\n## `{key}`\n\n{}\n", description(property));
            self.table(&table.unwrap_or_default(), &key);
        }
    }

    fn value(&mut self, key: &str, property: &Value) {
        let default = match &property["default"] {
            Value::Null => String::new(),
            default => format!(" Built-in: `{default}`."),
        };
        let kind = self.kind(property);
        let reload = if is_reloaded(key) { " Reloaded." } else { "" };
        let _ = writeln!(
            self.text,
            "* **`{key}`** ({kind}, `{}`): {}{default}{reload}",
            variable(key),
            description(property)
        );
    }

    /// The table of a property: itself, by reference, as the value of a map or as the element of a
    /// list.
    fn table_of(&self, property: &Value) -> Option<Value> {
        let resolved = self.resolve(property);
        let is_table = resolved["properties"].is_object();
        is_table.then(|| resolved.clone())
    }

    fn resolve<'a>(&'a self, property: &'a Value) -> &'a Value {
        let one_of = property["anyOf"]
            .as_array()
            .and_then(|of| of.iter().find(|of| of["type"] != "null"));
        let property = one_of.unwrap_or(property);
        match property["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix("#/$defs/"))
        {
            Some(name) => &self.definitions[name],
            None => property,
        }
    }

    fn kind(&self, property: &Value) -> String {
        let resolved = self.resolve(property);
        let variants = resolved["oneOf"]
            .as_array()
            .or_else(|| resolved["enum"].as_array());
        if let Some(variants) = variants {
            let words = variants
                .iter()
                .filter_map(|v| v["const"].as_str().or_else(|| v.as_str()));
            return words
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(" or ");
        }
        if let Some(example) = resolved["examples"][0].as_str() {
            return format!("such as `{example}`");
        }
        let kind = match &resolved["type"] {
            Value::Array(kinds) => kinds
                .iter()
                .find_map(|kind| kind.as_str().filter(|kind| *kind != "null")),
            kind => kind.as_str(),
        };
        match kind {
            Some("array") => "list",
            Some("boolean") => "`true` or `false`",
            Some("object") => "table",
            Some("string") => "text",
            Some(number) => number,
            None => "any",
        }
        .to_owned()
    }
}

fn description(property: &Value) -> String {
    property["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
}

fn join(around: &str, name: &str) -> String {
    if around.is_empty() {
        name.to_owned()
    } else {
        format!("{around}.{name}")
    }
}

const INTRODUCTION: &str = "\
# Configuration

Made by `hookgate config reference`; do not edit.

Values come from four places, the later wins: what is built in, the file `hookgate.toml` (or `--config FILE`), environment
variables (`__` nests: `HOOKGATE_SERVER__LISTEN`), and flags. Durations are written `250ms`, `30s`, `5m`, `2h`, `30d`; sizes
`512B`, `64KiB`, `1MiB`. An unknown key or a contradiction is refused at start, with its line and its fix.
`hookgate config print` shows what holds and where it comes from; `hookgate config schema` gives a JSON Schema for editors.

A reload (SIGHUP) applies the keys that are marked *Reloaded*; of a profile's `door` and `routes`, none. A change of any other key takes
a restart: the reload's line in the log names it.

Where a secret can be given, and for `store.url`, `env:NAME` stands for a variable of the environment and `file:PATH` for the text of a file,
as secret stores, systemd (`LoadCredential=`) and containers hand them over.

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == reference(),
            "docs/configuration.md is stale: cargo run -- config reference > docs/configuration.md"
        );
    }

    #[test]
    fn every_key_is_described() {
        let page = reference();
        for key in [
            "server.listen",
            "server.tls.cert",
            "egress.allow",
            "retry.base",
            "auth.operator_key",
            "data_dir",
        ] {
            assert!(page.contains(&format!("**`{key}`**")), "{key} is not in\n{page}");
        }
        assert!(!page.contains("): \n"), "a key has no description:\n{page}");
    }
}
