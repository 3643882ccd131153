//! `/openapi.json`, and `/docs`, an HTML page that shows it.
//!
//! The page has its script and style inline and needs no external resources.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::openapi::{ApiKeyLocation, Info, OpenApi, Parameter, ReferenceOr, SecurityScheme, Tag};
use aide::transform::TransformOpenApi;
use aide::util::iter_operations_mut;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use bytes::Bytes;
use serde_json::Value;

use super::capabilities::{self, CAPABILITY};
use super::doors::{self, Entrance};
use super::idempotency::keeps_answers;
use super::input::{needed_scope, not_found};
use super::openapi::{self, Published};
use super::pages;
use crate::http::{Code, IDEMPOTENCY_KEY, Problem, SCOPES, describe_header};
use hookgate_domain::Scope;
use hookgate_registry::Config;

/// Serves the routes with their OpenAPI document. Each adapter (`entrances`) has a section.
pub(super) fn publish(
    routes: ApiRouter,
    entrances: &[Arc<Entrance>],
    configured: &Config,
) -> (Router, Published) {
    let mut document = OpenApi {
        info: Info {
            title: "hookgate".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Info::default()
        },
        ..OpenApi::default()
    };
    let router = routes.finish_api_with(&mut document, |api| with_doors(describe(api), entrances));
    describe_keys(&mut document);
    complete_scopes(&mut document);
    complete_capabilities(&mut document);
    let mut document = serde_json::to_value(&document).expect("the document is texts and numbers");
    openapi::complete(&mut document, configured);
    let json: Bytes = document.to_string().into();
    let published = Published::new(document, json.len(), entrances);
    let json = Arc::new(json);
    let router = router
        .route(
            DOCUMENT,
            get(move || async move { ([JSON], Bytes::clone(&json)) }),
        )
        .route(DOCS, get(|| async { (POLICY, Html(PAGE)) }))
        .route(ERROR_PAGE, get(error_page));
    (router, published)
}

/// Documents the `Idempotency-Key` header of every call whose answer is kept.
///
/// The ingest documents its own.
fn describe_keys(document: &mut OpenApi) {
    let paths = document.paths.iter_mut().flat_map(|paths| &mut paths.paths);
    for (_, path) in paths.filter(|(place, _)| keeps_answers(place)) {
        let ReferenceOr::Item(path) = path else { continue };
        let changing = [&mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
        for operation in changing.into_iter().flatten() {
            let named = |parameter: &ReferenceOr<Parameter>| {
                let ReferenceOr::Item(parameter) = parameter else {
                    return false;
                };
                parameter
                    .parameter_data_ref()
                    .name
                    .eq_ignore_ascii_case(IDEMPOTENCY_KEY)
            };
            if !operation.parameters.iter().any(named) {
                describe_header(operation, "Idempotency-Key", KEY_ABOUT);
            }
        }
    }
}

/// Puts the scope that method and path need before those that a route itself names.
fn complete_scopes(document: &mut OpenApi) {
    let paths = document.paths.iter_mut().flat_map(|paths| &mut paths.paths);
    for (place, path) in paths {
        let ReferenceOr::Item(path) = path else { continue };
        for (method, operation) in iter_operations_mut(path) {
            let Some(Value::Array(scopes)) = operation.extensions.get_mut(SCOPES) else {
                continue;
            };
            if scopes.iter().all(|scope| scope == Scope::Consumer.name()) {
                let method = method.to_ascii_uppercase().parse().unwrap_or(Method::POST);
                scopes.insert(0, needed_scope(&method, place).name().into());
            }
        }
    }
}

/// Names the capability that a portal session needs, where one permits the operation.
fn complete_capabilities(document: &mut OpenApi) {
    let paths = document.paths.iter_mut().flat_map(|paths| &mut paths.paths);
    for (place, path) in paths {
        let ReferenceOr::Item(path) = path else { continue };
        for (method, operation) in iter_operations_mut(path) {
            let method = method.to_ascii_uppercase().parse().unwrap_or(Method::POST);
            if let Some(capability) = capabilities::needed(&method, place) {
                let name = capability.name().into();
                operation.extensions.insert(CAPABILITY.to_owned(), name);
            }
        }
    }
}

const KEY_ABOUT: &str = "1 to 255 characters. The same request under the same key is done once and, while the key is kept, answered \
     again as it was the first time.";

fn describe(api: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    let bearer = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some(
            "A tenant's API key acts for its tenant, as far as its scopes go: `x-hookgate-scopes` of a route says which of \
             them will do. The operator's key acts for any tenant, named in the header \
             `Hookgate-Tenant`. The token of a session acts as its link permits: `x-hookgate-capability` of a route says which \
             capability a portal session needs; without it, none may call the route."
                .to_owned(),
        ),
        extensions: Default::default(),
    };
    let header = SecurityScheme::ApiKey {
        location: ApiKeyLocation::Header,
        name: "X-API-Key".to_owned(),
        description: Some("The same keys, for clients that cannot set `Authorization`.".to_owned()),
        extensions: Default::default(),
    };
    let api = api
        .description(ABOUT)
        .security_scheme("key", bearer)
        .security_scheme("key_header", header)
        .security_requirement("key")
        .security_requirement("key_header")
        .default_response::<Problem>();
    TAGS.iter().fold(api, |api, (name, description)| {
        api.tag(Tag {
            name: (*name).to_owned(),
            description: Some((*description).to_owned()),
            ..Tag::default()
        })
    })
}

fn with_doors<'a>(api: TransformOpenApi<'a>, entrances: &[Arc<Entrance>]) -> TransformOpenApi<'a> {
    let schemes = doors::schemes(entrances).into_iter();
    let api = schemes.fold(api, |api, (name, scheme)| api.security_scheme(&name, scheme));
    doors::tags(entrances)
        .into_iter()
        .fold(api, TransformOpenApi::tag)
}

/// Returns the paths of these routes and of the document's own routes.
pub(super) fn paths<S: Clone + Send + Sync + 'static>(routes: ApiRouter<S>) -> Vec<String> {
    let mut document = OpenApi::default();
    drop(routes.finish_api(&mut document));
    let described = document
        .paths
        .into_iter()
        .flat_map(|paths| paths.paths.into_keys());
    let undescribed = UNDESCRIBED.into_iter().chain(pages::PATHS);
    described.chain(undescribed.map(str::to_owned)).collect()
}

/// Returns method and path of each of these operations that reads no body.
pub(super) fn bodiless<S: Clone + Send + Sync + 'static>(routes: ApiRouter<S>) -> Vec<(Method, String)> {
    let mut document = OpenApi::default();
    drop(routes.finish_api(&mut document));
    let items = document.paths.into_iter().flat_map(|paths| paths.paths);
    let operations = items.flat_map(|(path, item)| {
        let ReferenceOr::Item(item) = item else {
            return Vec::new();
        };
        let operations = [
            (Method::GET, item.get),
            (Method::POST, item.post),
            (Method::PUT, item.put),
            (Method::PATCH, item.patch),
            (Method::DELETE, item.delete),
        ];
        let bodiless = operations.into_iter().filter_map(|(method, operation)| {
            let reads_none = operation.is_some_and(|operation| operation.request_body.is_none());
            reads_none.then(|| (method, path.clone()))
        });
        bodiless.collect()
    });
    operations.collect()
}

/// Serves the page of an error code, which a problem's `type` links to.
async fn error_page(Path(code): Path<String>) -> Result<impl IntoResponse, Problem> {
    let found = Code::ALL
        .iter()
        .find(|known| known.name() == code)
        .ok_or_else(not_found)?;
    Ok(([MARKDOWN], found.page()))
}

const DOCUMENT: &str = "/openapi.json";
const DOCS: &str = "/docs";
const ERROR_PAGE: &str = "/docs/errors/{code}";
const UNDESCRIBED: [&str; 3] = [DOCUMENT, DOCS, ERROR_PAGE];

const JSON: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
const MARKDOWN: (HeaderName, HeaderValue) = (
    header::CONTENT_TYPE,
    HeaderValue::from_static("text/markdown; charset=utf-8"),
);

/// Content security policy: the page loads nothing but the document, and cannot be framed.
const POLICY: [(HeaderName, HeaderValue); 1] = [(
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
    ),
)];

const PAGE: &str = include_str!("docs.html");

const ABOUT: &str = "Everything is JSON. Lists are pages: send `next_cursor` as `cursor` for the next one. Failures are problems \
     (RFC 9457) with a stable `code`, what happened, how to mend it, and whether a repetition is safe.";

const TAGS: &[(&str, &str)] = &[
    ("Events", "Published by producers, read by consumers that pull."),
    (
        "Event types",
        "What a tenant's events are called and what their data looks like.",
    ),
    ("Subscriptions", "Endpoints that events are sent to."),
    (
        "Signing secret",
        "What signs deliveries to endpoints that events name themselves.",
    ),
    (
        "Deliveries",
        "The duty to bring one event to one endpoint, and its attempts.",
    ),
    (
        "Plugins",
        "Sandboxed components, and the chain of them that every event passes before it is stored.",
    ),
    (
        "Sessions",
        "Links into the dashboard and the portal, and the sessions that they begin.",
    ),
    ("Usage", "What a tenant uses, and how much it may."),
    (
        "Moving",
        "Settings, event types, subscriptions and keys as one document: out of a gateway, and into another.",
    ),
    (
        "Tenants",
        "Owners of all of this, and their keys. For the operator.",
    ),
    (
        "Sealing keys",
        "What seals secrets in the store. For the operator.",
    ),
    ("System", "For whatever watches over the gateway."),
];
