//! Reads a schema into its graph.
//!
//! Every keyword is known here, and unknown ones are refused: a validator would ignore them
//! silently, and with them the intention of the author.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jsonschema_regex::to_rust_regex;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::graph::{Graph, Node, NodeId, ROOT};
use super::{MOST_TOLD, SchemaProblem};
use crate::privacy::{Class, TextPattern};
use hookgate_json::{self as document, Document, Limits};

/// Compiled patterns of a schema by their text, without duplicates.
pub(super) type Patterns = HashMap<String, Arc<TextPattern>>;

/// Origin of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// New schema of a request.
    Given,
    /// Schema that an earlier release accepted, possibly with larger patterns.
    ///
    /// Such patterns are now unusable; the rest of the schema is valid.
    Stored,
}

/// Parses the text of a schema, which is an object or a boolean.
pub(super) fn parse(text: &str) -> Result<document::Value, Vec<SchemaProblem>> {
    let limits = Limits {
        bytes: text.len(),
        depth: MAX_DEPTH,
    };
    let document = Document::parse(text.as_bytes(), limits)
        .map_err(|error| vec![SchemaProblem::new("", format!("it cannot be read: {error}"))])?;
    let value = document.into_root();
    if value.as_object().is_some() || value.as_bool().is_some() {
        Ok(value)
    } else {
        Err(vec![SchemaProblem::new("", "a schema is an object")])
    }
}

/// Reads a schema.
pub(super) fn read(schema: &Value, origin: Origin) -> Result<(Graph, Patterns), Vec<SchemaProblem>> {
    let mut reader = Reader {
        graph: Graph::default(),
        by_pointer: HashMap::new(),
        refs: Vec::new(),
        origin,
        compiled: Patterns::new(),
        patterns: 0,
        mute: false,
        problems: Vec::new(),
    };
    reader.schema(schema, String::new());
    reader.resolve();
    if reader.patterns > MAX_PATTERNS {
        let message = format!(
            "there are {} patterns; at most {MAX_PATTERNS} are taken",
            reader.patterns
        );
        reader.problem("", message);
    }
    let bytes: usize = reader.compiled.values().map(|pattern| pattern.size()).sum();
    if bytes > MAX_PATTERN_BYTES && origin == Origin::Given {
        let message = format!(
            "its patterns take {} KiB compiled; at most {} KiB are taken",
            bytes >> 10,
            MAX_PATTERN_BYTES >> 10
        );
        reader.problem("", message);
    }
    if reader.problems.is_empty() {
        Ok((reader.graph, reader.compiled))
    } else {
        Err(reader.problems)
    }
}

struct Reader {
    graph: Graph,
    by_pointer: HashMap<String, NodeId>,
    /// Unresolved references: the node, and the target of its `$ref`.
    refs: Vec<(NodeId, String)>,
    origin: Origin,
    compiled: Patterns,
    patterns: usize,
    /// Set where a classification would not refer to a place.
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
                    let pattern = self.pattern(&text, join(&place, &text));
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
            // Read only if a reference points to it.
            "$defs" | "definitions" => {
                self.map(value, &place);
            }
            "pattern" => {
                self.patterns += 1;
                if let Some(text) = value.as_str() {
                    self.pattern(text, place);
                }
            }
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
            METADATA => {
                if id != ROOT {
                    self.problem(place.clone(), "it stands at the top of a schema");
                }
                let start = self.schema(value, place);
                self.graph.metadata = Some(start..self.graph.nodes.len());
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

    /// Reads a subschema that only tests a value.
    ///
    /// It describes no place, so nothing in it can be classified.
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

    fn pattern(&mut self, text: &str, place: String) -> Option<Arc<TextPattern>> {
        if let Some(known) = self.compiled.get(text) {
            return Some(Arc::clone(known));
        }
        // Patterns have the syntax of ECMA-262.
        let translated = to_rust_regex(text).ok();
        let built = translated.and_then(|text| TextPattern::new(&text).ok());
        let pattern = match (built, self.origin) {
            (Some(pattern), _) => pattern,
            (None, Origin::Stored) => TextPattern::unusable(),
            (None, Origin::Given) => {
                self.problem(place, "it is no pattern that is taken, or too large");
                return None;
            }
        };
        let pattern = Arc::new(pattern);
        self.compiled.insert(text.to_owned(), Arc::clone(&pattern));
        Some(pattern)
    }

    fn dialect(&mut self, value: &Value, place: String) {
        let named = value.as_str().map(|text| text.trim_end_matches('#'));
        if named != Some(DIALECT) {
            self.problem(place, format!("only draft 2020-12 is taken: `{DIALECT}`"));
        }
    }

    /// Resolves the references to subschemas of the same schema.
    fn resolve(&mut self) {
        for (id, target) in std::mem::take(&mut self.refs) {
            let pointer = local(&target);
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

/// JSON pointer of a reference within the same schema; `None` if it points outside.
pub(super) fn local(reference: &str) -> Option<Cow<'_, str>> {
    let fragment = reference.strip_prefix('#')?;
    Some(percent_decode_str(fragment).decode_utf8_lossy())
}

pub(super) fn join(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

/// Nearest known keyword, if it is near enough to have been meant.
fn nearest(keyword: &str, known: &[&'static str]) -> Option<&'static str> {
    if keyword.len() > LONGEST_KEYWORD {
        return None;
    }
    let keyword = keyword.to_lowercase();
    let far = |known: &str| strsim::damerau_levenshtein(&keyword, &known.to_lowercase());
    known
        .iter()
        .copied()
        .find(|known| far(known) <= (known.len() / 4).max(1))
}

/// Keyword with the class of a subschema's value.
const CLASS: &str = "x-classification";
/// Keyword with the class of unclassified values.
const DEFAULT_CLASS: &str = "x-default-classification";
/// Keyword with the classification of the events' metadata.
const METADATA: &str = "x-metadata-schema";
const OWN: &[&str] = &[CLASS, DEFAULT_CLASS, METADATA];
/// Maximum length of a keyword that is compared with the known ones.
const LONGEST_KEYWORD: usize = 64;
const MAX_DEPTH: usize = 64;
/// Maximum number of patterns: each takes memory and time.
const MAX_PATTERNS: usize = 32;
/// Maximum compiled size of all patterns together, in bytes.
const MAX_PATTERN_BYTES: usize = 128 << 10;
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Keywords with subschemas.
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

/// Keywords without subschemas.
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
