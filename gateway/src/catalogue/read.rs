//! Reads a schema into its graph. Every keyword is known here: one that is not would be passed over in silence by a
//! validator, and with it what its author meant.

use std::collections::HashMap;

use jsonschema_regex::to_rust_regex;
use percent_encoding::percent_decode_str;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::check::PATTERN_BYTES;
use super::graph::{Graph, Node, NodeId};
use super::{MOST_TOLD, SchemaProblem};
use crate::document::{Document, Limits};
use crate::privacy::Class;

/// Reads the text, which is an object or a boolean.
pub(super) fn parse(text: &str) -> Result<Value, Vec<SchemaProblem>> {
    let limits = Limits {
        bytes: text.len(),
        depth: MAX_DEPTH,
    };
    let document = Document::parse(text.as_bytes(), limits)
        .map_err(|error| vec![SchemaProblem::new("", format!("it cannot be read: {error}"))])?;
    let value = document.root().to_serde();
    if value.is_object() || value.is_boolean() {
        Ok(value)
    } else {
        Err(vec![SchemaProblem::new("", "a schema is an object")])
    }
}

/// Reads a schema.
pub(super) fn read(schema: &Value) -> Result<Graph, Vec<SchemaProblem>> {
    let mut reader = Reader::default();
    reader.schema(schema, String::new());
    reader.resolve();
    if reader.patterns > MAX_PATTERNS {
        let message = format!(
            "there are {} patterns; at most {MAX_PATTERNS} are taken",
            reader.patterns
        );
        reader.problem("", message);
    }
    if reader.problems.is_empty() {
        Ok(reader.graph)
    } else {
        Err(reader.problems)
    }
}

#[derive(Default)]
struct Reader {
    graph: Graph,
    by_pointer: HashMap<String, NodeId>,
    /// Whose `$ref` points where.
    refs: Vec<(NodeId, String)>,
    patterns: usize,
    /// A classification here would say nothing of a place.
    mute: bool,
    problems: Vec<SchemaProblem>,
}

impl Reader {
    fn problem(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        if self.problems.len() < MOST_TOLD {
            self.problems.push(SchemaProblem::new(pointer, message));
        }
    }

    fn schema(&mut self, schema: &Value, pointer: String) -> NodeId {
        let id = self.graph.nodes.len();
        self.graph.nodes.push(Node {
            pointer: pointer.clone(),
            ..Node::default()
        });
        self.by_pointer.insert(pointer.clone(), id);
        match schema {
            Value::Object(members) => {
                for (keyword, value) in members {
                    let place = join(&pointer, keyword);
                    self.keyword(id, keyword, value, place);
                }
            }
            Value::Bool(_) => {}
            _ => self.problem(pointer, "a schema is an object, `true` or `false`"),
        }
        id
    }

    fn keyword(&mut self, id: NodeId, keyword: &str, value: &Value, place: String) {
        match keyword {
            "$ref" => match value.as_str() {
                Some(target) => self.refs.push((id, target.to_owned())),
                None => self.problem(place, "a reference is a text"),
            },
            "allOf" | "anyOf" | "oneOf" => {
                let same = self.list(value, &place);
                self.graph.nodes[id].same.extend(same);
            }
            "then" | "else" => {
                let same = self.schema(value, place);
                self.graph.nodes[id].same.push(same);
            }
            "dependentSchemas" => {
                let same = self.map(value, &place);
                self.graph.nodes[id]
                    .same
                    .extend(same.into_iter().map(|(_, node)| node));
            }
            "not" | "if" => {
                let asking = self.muted(value, place);
                self.graph.nodes[id].asking.push(asking);
            }
            "properties" => {
                let named = self.map(value, &place);
                self.graph.nodes[id].named.extend(named);
            }
            "patternProperties" => {
                let patterns = self.map(value, &place);
                self.patterns += patterns.len();
                for (text, node) in patterns {
                    let pattern = self.pattern(&text, &place);
                    self.graph.nodes[id]
                        .patterns
                        .extend(pattern.map(|pattern| (pattern, node)));
                }
            }
            "additionalProperties" => {
                let rest = self.schema(value, place);
                self.graph.nodes[id].rest = Some(rest);
            }
            "prefixItems" => {
                let first = self.list(value, &place);
                self.graph.nodes[id].first = first;
            }
            "items" => {
                let items = self.schema(value, place);
                self.graph.nodes[id].items = Some(items);
            }
            "contains" | "propertyNames" | "unevaluatedItems" | "unevaluatedProperties" => {
                let beside = self.muted(value, place);
                let node = &mut self.graph.nodes[id];
                node.beside.push(beside);
                node.again |= keyword.starts_with("unevaluated");
            }
            // Looked at only where a reference points there.
            "$defs" | "definitions" => {
                self.map(value, &place);
            }
            "pattern" => self.patterns += 1,
            CLASS => {
                let class = self.class(value, place);
                self.graph.nodes[id].class = class;
            }
            DEFAULT_CLASS => {
                if id != ROOT {
                    self.problem(place.clone(), "it stands at the top of a schema");
                }
                self.graph.default = self.class(value, place);
            }
            "$schema" => self.dialect(value, place),
            "$id" if id == ROOT => {}
            known if PLAIN.contains(&known) => {}
            own if own.starts_with("x-") && nearest(own, OWN).is_none() => {}
            other => {
                let near = nearest(other, OWN)
                    .or_else(|| nearest(other, APPLYING))
                    .or_else(|| nearest(other, PLAIN));
                let message = match near {
                    Some(near) => format!("there is no such keyword; did you mean `{near}`?"),
                    None => "this keyword is not taken; one of your own begins with `x-`".to_owned(),
                };
                self.problem(place, message);
            }
        }
    }

    fn list(&mut self, value: &Value, place: &str) -> Vec<NodeId> {
        let Value::Array(schemas) = value else {
            self.problem(place, "a list of schemas is expected");
            return Vec::new();
        };
        let each = schemas.iter().enumerate();
        each.map(|(index, schema)| self.schema(schema, format!("{place}/{index}")))
            .collect()
    }

    fn map(&mut self, value: &Value, place: &str) -> Vec<(String, NodeId)> {
        let empty = Map::new();
        let schemas = value.as_object().unwrap_or_else(|| {
            self.problem(place, "an object of schemas is expected");
            &empty
        });
        let each = schemas.iter();
        each.map(|(name, schema)| (name.clone(), self.schema(schema, join(place, name))))
            .collect()
    }

    /// A subschema that asks something of a value and describes no place: nothing in it can be classified.
    fn muted(&mut self, schema: &Value, pointer: String) -> NodeId {
        let around = std::mem::replace(&mut self.mute, true);
        let id = self.schema(schema, pointer);
        self.mute = around;
        id
    }

    fn class(&mut self, value: &Value, place: String) -> Option<Class> {
        if self.mute {
            self.problem(
                place,
                "nothing is classified here: it does not say which place is meant",
            );
            return None;
        }
        match value.as_str().unwrap_or_default().parse() {
            Ok(class) => Some(class),
            Err(error) => {
                self.problem(place, format!("{error}"));
                None
            }
        }
    }

    fn pattern(&mut self, text: &str, place: &str) -> Option<Regex> {
        // As the check of data reads it.
        let built = to_rust_regex(text).ok().and_then(|text| {
            let mut builder = RegexBuilder::new(&text);
            builder
                .size_limit(PATTERN_BYTES)
                .dfa_size_limit(PATTERN_BYTES)
                .build()
                .ok()
        });
        if built.is_none() {
            self.problem(join(place, text), "it is no pattern that is taken, or too large");
        }
        built
    }

    fn dialect(&mut self, value: &Value, place: String) {
        let named = value.as_str().map(|text| text.trim_end_matches('#'));
        if named != Some(DIALECT) {
            self.problem(place, format!("only draft 2020-12 is taken: `{DIALECT}`"));
        }
    }

    /// A reference points to a subschema of the same schema.
    fn resolve(&mut self) {
        for (id, target) in std::mem::take(&mut self.refs) {
            let local = target.strip_prefix('#');
            let pointer = local.map(|fragment| percent_decode_str(fragment).decode_utf8_lossy());
            let place = format!("{}/$ref", self.graph.nodes[id].pointer);
            match pointer.map(|pointer| self.by_pointer.get(pointer.as_ref()).copied()) {
                Some(Some(node)) => self.graph.nodes[id].same.push(node),
                Some(None) => self.problem(place, "it points to no schema here"),
                None => self.problem(
                    place,
                    "it points outside; only `#/…`, a place in this schema, is taken",
                ),
            }
        }
    }
}

fn join(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

/// The known keyword that is so near that it was probably meant.
fn nearest(keyword: &str, known: &[&'static str]) -> Option<&'static str> {
    let keyword = keyword.to_lowercase();
    let far = |known: &str| strsim::damerau_levenshtein(&keyword, &known.to_lowercase());
    known
        .iter()
        .copied()
        .find(|known| far(known) <= (known.len() / 4).max(1))
}

/// The class of what a subschema looks at.
const CLASS: &str = "x-classification";
/// The class of what has none.
const DEFAULT_CLASS: &str = "x-default-classification";
const OWN: &[&str] = &[CLASS, DEFAULT_CLASS];
const ROOT: NodeId = 0;
const MAX_DEPTH: usize = 64;
/// Each takes memory and time.
const MAX_PATTERNS: usize = 32;
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Keywords that have subschemas.
const APPLYING: &[&str] = &[
    "$ref",
    "$defs",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "then",
    "else",
    "not",
    "dependentSchemas",
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "prefixItems",
    "items",
    "contains",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords that have none.
const PLAIN: &[&str] = &[
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxContains",
    "minContains",
    "maxProperties",
    "minProperties",
    "required",
    "dependentRequired",
    "format",
    "title",
    "description",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "examples",
    "contentEncoding",
    "contentMediaType",
    "$comment",
];
