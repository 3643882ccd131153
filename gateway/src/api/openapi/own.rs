//! `GET /v1/openapi.json`: the document of a key, with the operations that it may call, its product's routes, and the schemas
//! of its tenant's event types.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use aide::OperationOutput;
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as DocumentedResponse, StatusCode};
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Map, Value};

use super::super::describe::described;
use super::super::doors::Entrance;
use super::super::input::AnyKey;
use super::super::output::hold;
use super::super::{Api, event_types};
use crate::http::{JSON, Problem, Reach, SCOPES, describe_scopes, describe_tenant_header};
use crate::ingest::lane_refused;
use hookgate_domain::Scope;
use hookgate_plugin_host::TenantLane;
use hookgate_runtime::memory::{MemoryUse, Reservation};

/// Published document, and the profiles that each product's route belongs to.
#[derive(Debug)]
pub(in crate::api) struct Published {
    document: Value,
    bytes: usize,
    doors: HashMap<(String, String), Vec<String>>,
}

/// Document of a key.
pub(in crate::api) struct OwnDocument(String, Option<Reservation>);

impl Published {
    /// Keeps the document of all operations.
    pub(in crate::api) fn new(document: Value, bytes: usize, entrances: &[Arc<Entrance>]) -> Self {
        let mut doors: HashMap<_, Vec<String>> = HashMap::new();
        for entrance in entrances {
            for (path, method) in entrance.places() {
                let place = (path, method.as_str().to_ascii_lowercase());
                doors
                    .entry(place)
                    .or_default()
                    .extend(entrance.profiles().iter().cloned());
            }
        }
        Self {
            document,
            bytes,
            doors,
        }
    }

    /// Document of what a key may call, with these schemas of event types.
    fn of(&self, caller: &AnyKey, types: Vec<(String, Value)>, left_out: usize) -> Value {
        let mut document = self.document.clone();
        if let Some(paths) = document["paths"].as_object_mut() {
            for (path, item) in paths.iter_mut() {
                let Some(operations) = item.as_object_mut() else {
                    continue;
                };
                operations.retain(|method, operation| {
                    let profiles = self.doors.get(&(path.clone(), method.clone()));
                    let own = profiles.is_none_or(|profiles| profiles.contains(&caller.tenant.profile));
                    own && may_call(caller, operation)
                });
            }
            paths.retain(|_, item| item.as_object().is_some_and(|operations| !operations.is_empty()));
        }
        let tenant = caller.tenant.id.as_str();
        document["info"]["title"] = format!("hookgate: {tenant}").into();
        if left_out > 0 {
            let about = document["info"]["description"].as_str().unwrap_or_default();
            let about = format!(
                "{about}\n\nThe schemas of {left_out} event types are left out: they are too many, or too large."
            );
            document["info"]["description"] = about.into();
        }
        if let Some(members) = document.as_object_mut() {
            // System events are the operator's.
            members.remove("webhooks");
        }
        prune(&mut document);
        if let Some(schemas) = document
            .pointer_mut("/components/schemas")
            .and_then(Value::as_object_mut)
        {
            schemas.extend(types);
        }
        document
    }
}

/// Tells whether a key may call an operation.
fn may_call(caller: &AnyKey, operation: &Value) -> bool {
    // Without it an operation is the operator's, or needs no key.
    let Some(needed) = operation[SCOPES].as_array() else {
        return false;
    };
    let reached = caller.reach == Reach::Tenant || operation[WHOLE] != true;
    reached
        && needed
            .iter()
            .filter_map(Value::as_str)
            .any(|name| caller.has(name))
}

/// Removes schemas, tags and security schemes that no operation uses.
pub(super) fn prune(document: &mut Value) {
    let mut used = BTreeSet::new();
    let mut waiting = Vec::new();
    for part in ["paths", "webhooks"] {
        references(&document[part], &mut waiting);
    }
    while let Some(name) = waiting.pop() {
        if let Some(schema) = document["components"]["schemas"].get(&name)
            && used.insert(name)
        {
            references(schema, &mut waiting);
        }
    }
    let (mut tags, mut schemes) = (BTreeSet::new(), BTreeSet::new());
    let items = document["paths"].as_object().into_iter().flat_map(Map::values);
    for operation in items.filter_map(Value::as_object).flat_map(Map::values) {
        tags.extend(
            operation["tags"]
                .as_array()
                .into_iter()
                .flatten()
                .map(ToString::to_string),
        );
        // Without its own it has the document's.
        let own = operation
            .get("security")
            .unwrap_or(&document["security"])
            .as_array();
        let names = own
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flat_map(Map::keys);
        schemes.extend(names.cloned());
    }
    if let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    {
        schemas.retain(|name, _| used.contains(name));
    }
    if let Some(known) = document
        .pointer_mut("/components/securitySchemes")
        .and_then(Value::as_object_mut)
    {
        known.retain(|name, _| schemes.contains(name));
    }
    if let Some(known) = document["tags"].as_array_mut() {
        known.retain(|tag| tags.contains(&tag["name"].to_string()));
    }
}

/// Collects the names of the schemas that a value refers to.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str);
            found.extend(
                name.and_then(|name| name.strip_prefix(SCHEMAS))
                    .map(str::to_owned),
            );
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
        _ => {}
    }
}

pub(in crate::api) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route("/v1/openapi.json", get_with(get, described_as))
}

fn described_as(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    described(
        "System",
        "getOpenApi",
        "This document, for a key",
        "What the key may call, its product's own routes, and the schemas of its tenant's event types: `data.TYPE` is that of the \
         data of events of the type TYPE.",
    )(operation)
}

async fn get(State(api): State<Api>, caller: AnyKey) -> Result<OwnDocument, Problem> {
    let Some(published) = api.0.document.get().cloned() else {
        return Ok(OwnDocument("{}".to_owned(), None));
    };
    let (mut chosen, mut left_out, mut bytes) = (Vec::new(), 0, 0);
    for (kind, schema) in event_types::schemas(&caller.tenant) {
        if chosen.len() == MAX_TYPES || bytes + schema.len() > MAX_SCHEMAS {
            left_out += 1;
            continue;
        }
        bytes += schema.len();
        chosen.push((kind, schema));
    }
    let memory = api.memory.reserve(
        Some(&caller.tenant.id),
        MemoryUse::Pages,
        (published.bytes + bytes) * PARSED,
    )?;
    let owned = chosen
        .iter()
        .map(|(kind, schema)| (kind.to_string(), (*schema).to_owned()));
    let schemas: Vec<(String, String)> = owned.collect();
    let tenant = caller.tenant.id.clone();
    let job = move |_: &mut TenantLane<'_>| {
        let types = schemas.iter().filter_map(|(kind, schema)| {
            let name = name_of(kind);
            let mut schema: Value = serde_json::from_str(schema).ok()?;
            relocate(&mut schema, &name);
            if let Some(members) = schema.as_object_mut() {
                members.remove("$schema");
                members.remove("$id");
            }
            Some((name, schema))
        });
        let types = types.collect();
        published.of(&caller, types, left_out).to_string()
    };
    let text = api.host.run_for(&tenant, job).await.map_err(lane_refused)?;
    Ok(OwnDocument(text, Some(memory)))
}

/// Name of a type's schema. Names of schemas have letters, digits, `-`, `.` and `_`; for anything else stands `..` and its
/// code, which no type has.
fn name_of(kind: &str) -> String {
    let mut name = "data.".to_owned();
    for byte in kind.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => name.push(char::from(byte)),
            other => name.push_str(&format!("..{other:02X}")),
        }
    }
    name
}

/// Makes references within a schema those of its place in the document.
fn relocate(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(within) = reference.strip_prefix('#')
            {
                *reference = format!("{SCHEMAS}{place}{within}");
            }
            for (name, member) in members {
                match (name.as_str(), member) {
                    // These hold data.
                    ("const" | "enum" | "default" | "examples", _) => {}
                    // These hold schemas by names of any kind.
                    (
                        "properties" | "patternProperties" | "dependentSchemas" | "$defs",
                        Value::Object(named),
                    ) => {
                        named.values_mut().for_each(|schema| relocate(schema, place));
                    }
                    (_, member) => relocate(member, place),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| relocate(element, place)),
        _ => {}
    }
}

impl IntoResponse for OwnDocument {
    fn into_response(self) -> Response {
        hold(([(header::CONTENT_TYPE, JSON)], self.0).into_response(), self.1)
    }
}

impl OperationOutput for OwnDocument {
    type Inner = Map<String, Value>;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<DocumentedResponse> {
        Json::<Map<String, Value>>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<StatusCode>, DocumentedResponse)> {
        Json::<Map<String, Value>>::inferred_responses(ctx, operation)
    }
}

impl aide::OperationInput for AnyKey {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        describe_tenant_header(operation);
        describe_scopes(operation, &Scope::ALL);
    }
}

/// Extension of an operation that a key for one subscription may not call.
pub(in crate::api) const WHOLE: &str = "x-hookgate-whole-tenant";
const SCHEMAS: &str = "#/components/schemas/";
/// Maximum number of event types with a schema in one document.
const MAX_TYPES: usize = 500;
/// Maximum size of their schemas together, in bytes.
const MAX_SCHEMAS: usize = 1 << 20;
/// Memory of a parsed document, in bytes for each byte of its text.
const PARSED: usize = 6;
