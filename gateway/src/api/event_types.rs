//! Event types: the tenant's own, and those that its profile documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Api;
use super::describe::{described, does};
use super::fields::JsonText;
use super::input::{Acting, Body, By, Granted, Id, Params, not_found};
use super::output::Gone;
use super::page::{self, Page, PageQuery};
use crate::http::Problem;
use hookgate_contract::catalogue::{CatalogueType, TypeSpec};
use hookgate_contract::privacy::{Authority, Classified, Fields, Metadata};
use hookgate_contract::profile::CatalogueEntry;
use hookgate_domain::EventType;
use hookgate_registry::{Actor, Tenant};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/event-types",
            get_with(
                list,
                described(
                    TAG,
                    "listEventTypes",
                    "List the event types",
                    "The tenant's own by name, and those that its profile documents.",
                ),
            ),
        )
        .api_route(
            "/v1/event-types/{id}",
            get_with(get, does(TAG, "getEventType", "One event type"))
                .put_with(
                    put,
                    described(
                        TAG,
                        "putEventType",
                        "Set an event type",
                        "Makes the type of this name, or replaces it as a whole. With a `schema` (JSON Schema, draft 2020-12) and \
                         `validate`, an event whose data does not fit is refused with the place of each violation. What the \
                         tenant's profile takes out of every event stays out: only the operator's key can name it public.",
                    ),
                )
                .delete_with(
                    delete,
                    described(
                        TAG,
                        "deleteEventType",
                        "Delete an event type",
                        "One of the tenant's own. Events of its name are accepted as before it was there.",
                    ),
                ),
        )
}

/// Event type.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventType")]
struct TypeView {
    /// Name of the type; `null` for a type that the profile describes without a name.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Entity that the type is about.
    entity: Option<String>,
    /// Description: the occasion on which an event of this type is sent.
    description: Option<String>,
    /// JSON Schema of the event data.
    #[schemars(with = "Option<AnySchema>")]
    schema: Option<JsonText>,
    /// Set when data that does not fit the schema is refused.
    validate: bool,
    /// Fields removed from events of the type before they are stored. The removal does not depend
    /// on the chain. Left out if there are none. Read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<RemovedView>,
    /// Origin. A type of the tenant is created over the API or declared in
    /// the configuration; the profile's types are documented by the tenant's profile.
    #[schemars(with = "super::words::EventTypeSource")]
    source: &'static str,
}

/// Fields removed from the events of a type.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RemovedFields")]
struct RemovedView {
    /// Dictionary classes whose names are removed at any depth, as the tenant's profile sets them.
    names: Vec<String>,
    /// Set when everything is removed but what the schema marks as public, and its parents.
    all_but_public: bool,
    /// Places in the data that the schema classifies; at most 100.
    fields: Vec<ClassifiedView>,
    /// Set when all metadata is removed.
    metadata_dropped: bool,
    /// Places in the metadata that the schema classifies (`x-metadata-schema`); at most 100.
    metadata_fields: Vec<ClassifiedView>,
}

/// Classified place in the data or the metadata.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClassifiedField")]
struct ClassifiedView {
    /// JSON pointer; `*` matches every element, and every member that no other place names.
    pointer: String,
    /// Class. `public` is not removed; `internal`, `confidential` and `restricted` are removed with
    /// all that is inside.
    #[schemars(with = "super::words::FieldClass")]
    class: &'static str,
}

/// JSON Schema: an object, or `true` or `false`.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "JsonSchema")]
#[expect(dead_code, reason = "it is there for its schema")]
enum AnySchema {
    Object(serde_json::Map<String, Value>),
    All(bool),
}

/// Definition of an event type.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewEventType", example = example())]
#[serde(deny_unknown_fields)]
struct TypeInput {
    /// Entity that the type is about; at most 1024 bytes.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    entity: Option<String>,
    /// Description: the occasion on which an event of this type is sent; at most 1024 bytes.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    description: Option<String>,
    /// JSON Schema of the event data, draft 2020-12.
    #[serde(default)]
    #[schemars(with = "Option<AnySchema>")]
    schema: Option<JsonText>,
    /// Refuses data that does not fit the schema.
    #[serde(default)]
    validate: bool,
}

fn example() -> Value {
    json!({
        "entity": "Customer",
        "description": "A new customer was created",
        "schema": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } },
        "validate": true,
    })
}

async fn list(
    Acting(tenant): Acting,
    granted: Granted,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<TypeView>>, Problem> {
    let mut views: Vec<(String, TypeView)> = documented(&tenant)
        .enumerate()
        .filter(|(_, entry)| {
            !entry
                .kind
                .as_ref()
                .is_some_and(|kind| tenant.types.contains_key(kind))
        })
        // Sorts after all names: `~` does not occur in them.
        .map(|(at, entry)| {
            let name = entry.kind.as_ref();
            (
                name.map_or_else(|| format!("~{at:04}"), ToString::to_string),
                TypeView::documented(&tenant, entry),
            )
        })
        .collect();
    let own = tenant.types.values();
    views.extend(own.map(|own| (own.spec.kind.to_string(), TypeView::own(&tenant, own))));
    views.sort_by(|(one, _), (other, _)| one.cmp(other));
    if granted.is_typed() {
        views.retain(|(name, _)| name.parse().is_ok_and(|kind| granted.sees(&kind)));
    }
    let Page { data, next_cursor } = page::of(views.into_iter(), |(key, _)| key.clone(), &query)?;
    let data = data.into_iter().map(|(_, view)| view).collect();
    Ok(Json(Page { data, next_cursor }))
}

async fn get(Acting(tenant): Acting, granted: Granted, id: Id) -> Result<Json<TypeView>, Problem> {
    let kind: EventType = id.parse()?;
    if !granted.sees(&kind) {
        return Err(not_found());
    }
    if let Some(own) = tenant.types.get(&kind) {
        return Ok(Json(TypeView::own(&tenant, own)));
    }
    let entry = documented(&tenant).find(|entry| entry.kind.as_ref() == Some(&kind));
    let view = entry.map(|entry| Json(TypeView::documented(&tenant, entry)));
    view.ok_or_else(not_found)
}

async fn put(
    State(api): State<Api>,
    Acting(tenant): Acting,
    By(actor): By,
    id: Id,
    Body(input): Body<TypeInput>,
) -> Result<Json<TypeView>, Problem> {
    let kind: EventType = id.parse()?;
    let spec = TypeSpec {
        kind: kind.clone(),
        entity: input.entity,
        description: input.description,
        schema: input.schema.map(|schema| schema.0),
        validate: input.validate,
        authority: match actor {
            Actor::Operator => Authority::Operator,
            _ => Authority::Tenant,
        },
    };
    let put = api.registry.put_event_type(&tenant.id, spec).await?;
    tracing::info!(tenant = %tenant.id, event_type = %kind, "event_type.changed");
    Ok(Json(TypeView::own(&tenant, &put)))
}

async fn delete(State(api): State<Api>, Acting(tenant): Acting, id: Id) -> Result<Gone, Problem> {
    let kind: EventType = id.parse()?;
    api.registry.delete_event_type(&tenant.id, &kind).await?;
    tracing::info!(tenant = %tenant.id, event_type = %kind, "event_type.deleted");
    Ok(Gone)
}

/// Returns the types that the profile documents, in its order, then the tenant's own.
///
/// Each name occurs once: the tenant's definition replaces the profile's.
pub(super) fn all(tenant: &Tenant) -> Vec<CatalogueEntry> {
    let own = |spec: &TypeSpec| CatalogueEntry {
        kind: Some(spec.kind.clone()),
        entity: spec.entity.clone(),
        description: spec.description.clone().unwrap_or_default(),
        schema: None,
    };
    let mut all: Vec<CatalogueEntry> = documented(tenant).cloned().collect();
    for own in tenant.types.values().map(|kind| own(&kind.spec)) {
        match all.iter_mut().find(|entry| entry.kind == own.kind) {
            Some(entry) => *entry = own,
            None => all.push(own),
        }
    }
    all
}

/// Returns the name and schema of each type that has one; the tenant's definition replaces the profile's.
pub(super) fn schemas(tenant: &Tenant) -> impl Iterator<Item = (&EventType, &str)> {
    let profile =
        documented(tenant).filter_map(|entry| Some((entry.kind.as_ref()?, entry.schema.as_deref())));
    let mut all: BTreeMap<&EventType, Option<&str>> = profile.collect();
    let own = tenant.types.values();
    all.extend(own.map(|own| (&own.spec.kind, own.spec.schema.as_deref())));
    all.into_iter().filter_map(|(kind, schema)| Some((kind, schema?)))
}

fn documented(tenant: &Tenant) -> impl Iterator<Item = &CatalogueEntry> {
    tenant.contract.iter().flat_map(|profile| &profile.catalogue)
}

impl TypeView {
    fn own(tenant: &Tenant, own: &CatalogueType) -> Self {
        let TypeSpec {
            kind,
            entity,
            description,
            schema,
            validate,
            ..
        } = &own.spec;
        Self {
            kind: Some(kind.to_string()),
            entity: entity.clone(),
            description: description.clone(),
            // Validated when it was set.
            schema: schema.clone().map(JsonText),
            validate: *validate,
            removed: removed(tenant, Some(kind), Some(own)),
            source: "tenant",
        }
    }

    fn documented(tenant: &Tenant, entry: &CatalogueEntry) -> Self {
        Self {
            kind: entry.kind.as_ref().map(ToString::to_string),
            entity: entry.entity.clone(),
            description: Some(entry.description.clone()),
            schema: entry.schema.clone().map(JsonText),
            validate: false,
            removed: removed(tenant, entry.kind.as_ref(), None),
            source: "profile",
        }
    }
}

/// Computes what is removed, by the profile's names, the profile's schema and the tenant's schema.
fn removed(tenant: &Tenant, kind: Option<&EventType>, own: Option<&CatalogueType>) -> Option<RemovedView> {
    let privacy = tenant.contract.as_ref().map(|profile| &profile.privacy);
    let classes = privacy.iter().flat_map(|privacy| &privacy.classes);
    let names: Vec<_> = classes.map(|class| class.name().to_owned()).collect();
    let floor = privacy
        .zip(kind)
        .and_then(|(privacy, kind)| privacy.fields.get(kind));
    let layers = |side: fn(&Classified) -> &Option<Arc<Fields>>| -> Vec<Arc<Fields>> {
        let own_fields = own.and_then(|own| side(own.classified()).clone());
        let replaced =
            own_fields.is_some() && own.is_some_and(|own| own.spec.authority == Authority::Operator);
        let floor = floor.filter(|_| !replaced).and_then(|floor| side(floor).clone());
        floor.into_iter().chain(own_fields).collect()
    };
    let data = layers(|classified| &classified.data);
    let metadata = layers(|classified| &classified.metadata);
    let metadata_dropped = tenant.privacy.metadata() == Metadata::Dropped;
    let anything = !data.is_empty() || !metadata.is_empty() || metadata_dropped || !names.is_empty();
    anything.then(|| RemovedView {
        names,
        all_but_public: data.iter().any(|fields| fields.only_public()),
        fields: views(&data),
        metadata_dropped,
        metadata_fields: views(&metadata),
    })
}

fn views(layers: &[Arc<Fields>]) -> Vec<ClassifiedView> {
    let classified = layers.iter().flat_map(|fields| fields.classified(MOST_TOLD));
    let views = classified.take(MOST_TOLD).map(|(pointer, class)| ClassifiedView {
        pointer,
        class: class.name(),
    });
    views.collect()
}

/// Maximum number of classified places that are shown.
const MOST_TOLD: usize = 100;

const TAG: &str = "Event types";
