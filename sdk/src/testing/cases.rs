//! Runs the table of cases that the gateway and the test double share: `wit/document-cases.json`.

use super::double::Json;
use super::node::Node;
use crate::document::Operations;
use crate::{AccessError, Kind, Redaction, Scalar};

const TABLE: &str = include_str!("../../../wit/document-cases.json");

/// Parts of the table that do not apply to the double: the gateway's key, and the limit of a
/// document's size.
const LEFT_OUT: &[&str] = &["digest", "bytes"];

#[test]
fn every_case_of_the_shared_table() {
    let table = Node::parse(TABLE).expect("the table is JSON");
    let cases: Vec<Case> = elements(field(&table, "cases"))
        .iter()
        .map(Case)
        .filter(Case::applies)
        .collect();
    assert!(
        cases.len() > 150,
        "the table has {} cases for the double",
        cases.len()
    );
    let wrong: Vec<String> = cases.iter().filter_map(|case| case.run().err()).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

struct Case<'t>(&'t Node);

impl Case<'_> {
    fn applies(&self) -> bool {
        let needs = get(self.0, "needs").map_or(&[][..], elements);
        !needs.iter().any(|need| LEFT_OUT.contains(&text(need)))
    }

    /// Runs the case. The error is the difference from the expectation.
    fn run(&self) -> Result<(), String> {
        let before = field(self.0, "document");
        let max_depth = get(self.0, "depth").map_or(64, |depth| number(depth) as usize);
        let json = Json::new(before.clone(), max_depth);
        let found = match self.operate(&json) {
            Ok(value) => only("returns", value),
            Err(error) => only("error", from_error(&error)),
        };
        let expected = match get(self.0, "error") {
            Some(error) => only("error", error.clone()),
            None => only("returns", field(self.0, "returns").clone()),
        };
        self.compare("outcome", &found.to_string(), &expected)?;
        self.compare("after", &json.print(), get(self.0, "after").unwrap_or(before))
    }

    fn compare(&self, what: &str, found: &str, expected: &Node) -> Result<(), String> {
        let (name, expected) = (text(field(self.0, "name")), expected.to_string());
        if found == expected {
            return Ok(());
        }
        Err(format!("{name}: {what}: found {found}, expected {expected}"))
    }

    fn operate(&self, json: &Json) -> Result<Node, AccessError> {
        let nothing = |()| Node::Null;
        Ok(match text(field(self.0, "operation")) {
            "kind-of" => from_kind(json.kind_of(self.argument("pointer"))),
            "length" => json
                .length(self.argument("pointer"))
                .map_or(Node::Null, from_count),
            "keys" => texts(json.keys(self.argument("pointer"), self.count("offset"), self.count("max"))?),
            "get" => from_scalar(json.get(self.argument("pointer"))?),
            "get-many" => {
                let scalars = json.get_many(&self.list("pointers")).into_iter();
                Node::Array(
                    scalars
                        .map(|found| found.map_or(Node::Null, from_scalar))
                        .collect(),
                )
            }
            "get-json" => Node::Text(json.get_json(self.argument("pointer"))?),
            "find" => texts(json.find(self.argument("pattern"), self.count("max"))?),
            "set" => json.set(self.argument("pointer"), &self.scalar()).map(nothing)?,
            "set-json" => json
                .set_json(self.argument("pointer"), self.argument("value"))
                .map(nothing)?,
            "remove" => from_count(json.remove(self.argument("pattern"))?),
            "move" => json
                .move_to(self.argument("source"), self.argument("target"))
                .map(nothing)?,
            "redact" => from_count(json.redact(&self.list("patterns"), &self.redaction())?),
            "retain" => from_count(json.retain(&self.list("patterns"))?),
            other => unreachable!("no such operation: {other}"),
        })
    }

    fn argument(&self, name: &str) -> &str {
        text(field(field(self.0, "arguments"), name))
    }

    fn list(&self, name: &str) -> Vec<&str> {
        elements(field(field(self.0, "arguments"), name))
            .iter()
            .map(text)
            .collect()
    }

    fn count(&self, name: &str) -> u32 {
        number(field(field(self.0, "arguments"), name))
    }

    fn redaction(&self) -> Redaction {
        match field(field(self.0, "arguments"), "how") {
            Node::Text(_) => Redaction::Remove,
            how => match get(how, "keep-last") {
                Some(count) => Redaction::KeepLast(u8::try_from(number(count)).expect("a small count")),
                None => Redaction::Mask(text(field(how, "mask")).into()),
            },
        }
    }

    fn scalar(&self) -> Scalar {
        let Node::Object(members) = field(field(self.0, "arguments"), "value") else {
            unreachable!("a scalar")
        };
        let (kind, value) = &members[0];
        match (kind.as_str(), value) {
            ("null", _) => Scalar::Null,
            ("boolean", Node::Boolean(value)) => Scalar::Boolean(*value),
            ("integer", Node::Number(value)) => Scalar::Integer(value.parse().expect("an integer")),
            ("decimal", Node::Number(value)) => Scalar::Decimal(value.parse().expect("a decimal")),
            ("raw-number", Node::Text(value)) => Scalar::RawNumber(value.clone()),
            ("text", Node::Text(value)) => Scalar::Text(value.clone()),
            other => unreachable!("no such scalar: {other:?}"),
        }
    }
}

fn get<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    match node {
        Node::Object(members) => members
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value),
        _ => None,
    }
}

fn field<'n>(node: &'n Node, name: &str) -> &'n Node {
    get(node, name).unwrap_or_else(|| unreachable!("{node} has no {name}"))
}

fn elements(node: &Node) -> &[Node] {
    match node {
        Node::Array(elements) => elements,
        other => unreachable!("not a list: {other}"),
    }
}

fn text(node: &Node) -> &str {
    match node {
        Node::Text(text) => text,
        other => unreachable!("not a text: {other}"),
    }
}

fn number(node: &Node) -> u32 {
    node.to_string().parse().expect("a count")
}

fn texts(texts: Vec<String>) -> Node {
    Node::Array(texts.into_iter().map(Node::Text).collect())
}

fn only(name: &str, value: Node) -> Node {
    Node::Object(vec![(name.into(), value)])
}

fn from_count(count: u32) -> Node {
    Node::Number(count.to_string())
}

fn from_kind(kind: Kind) -> Node {
    Node::Text(
        match kind {
            Kind::Absent => "absent",
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::Text => "text",
            Kind::Array => "array",
            Kind::Object => "object",
        }
        .into(),
    )
}

/// Converts a scalar; a decimal becomes Rust's debug output of the float: `8500.0`, `1e21`.
fn from_scalar(scalar: Scalar) -> Node {
    match scalar {
        Scalar::Null => only("null", Node::Null),
        Scalar::Boolean(value) => only("boolean", Node::Boolean(value)),
        Scalar::Integer(value) => only("integer", Node::Number(value.to_string())),
        Scalar::Decimal(value) => only("decimal", Node::Number(format!("{value:?}"))),
        Scalar::RawNumber(text) => only("raw-number", Node::Text(text)),
        Scalar::Text(text) => only("text", Node::Text(text)),
    }
}

fn from_error(error: &AccessError) -> Node {
    let name = match error {
        AccessError::BadPointer => "bad-pointer",
        AccessError::Absent => "absent",
        AccessError::WrongKind(kind) => return only("wrong-kind", from_kind(*kind)),
        AccessError::ReadOnly => "read-only",
        AccessError::Limit => "limit",
        AccessError::BadJson(_) => "bad-json",
    };
    Node::Text(name.into())
}
