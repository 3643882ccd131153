//! Inputs of handlers: caller, ids in the path, query and body. Each refuses with its own problem.

use std::str::FromStr;
use std::sync::Arc;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Api;
use super::fields;
use super::records::Records;
use super::request_memory;
use crate::http::{
    Code, FieldError, Problem, Reach, check_charset, describe_scopes, describe_tenant_header,
    from_no_delivery, json_text,
};
use crate::ui::{Capability, Portal, Session};
use hookgate_domain::subscription::Owner;
use hookgate_domain::{EventPattern, EventType, Scope, Scopes, Subscription, SubscriptionId, Target};
use hookgate_json::{Document, Limits};
use hookgate_registry::{Actor, Tenant};

/// Tenant that the caller acts for.
pub(super) struct Acting(pub Arc<Tenant>);

/// Tenant that the caller acts for, and the subscriptions within its reach. Accepts a consumer's
/// key.
pub(super) struct Consuming {
    /// The tenant.
    pub tenant: Arc<Tenant>,
    /// Subscriptions of the tenant within the caller's reach.
    pub reach: Reach,
    /// Limits of the caller's session.
    pub granted: Granted,
}

/// Limits of the caller's portal session; none for a key.
#[derive(Debug, Clone, Default)]
pub(super) struct Granted(Option<Arc<Session>>);

/// Tenant that the caller acts for, with a key of any scope.
pub(super) struct AnyKey {
    /// The tenant.
    pub tenant: Arc<Tenant>,
    /// Subscriptions of the tenant within the caller's reach.
    pub reach: Reach,
    scopes: Scopes,
}

/// Requires the operator as the caller.
pub(super) struct Operator;

/// Refuses requests that a delivery makes: a delivery must not create deliveries.
pub(super) struct NoDelivery;

/// Caller, as the change history names it.
pub(super) struct By(pub Actor);

/// JSON body.
pub(super) struct Body<T>(pub T);

/// JSON body, or none.
pub(super) struct OptionalBody<T>(pub T);

/// Query parameters.
pub(super) struct Params<T>(pub T);

/// Single id in the path.
#[derive(Deserialize, JsonSchema)]
pub(super) struct OneId {
    /// Id of the resource.
    pub id: String,
}

/// Plugin and one of its versions in the path.
#[derive(Deserialize, JsonSchema)]
pub(super) struct OneVersion {
    /// The plugin's name.
    pub id: String,
    /// Version that the component declares, or its digest.
    pub version: String,
}

/// Plugin and one of its versions in the path, as texts.
pub(super) struct VersionId {
    pub plugin: String,
    pub version: String,
}

/// Id in the path, as text.
pub(super) struct Id(pub String);

impl Id {
    /// Parses the id as its type. Text that does not parse is `not_found`.
    pub(super) fn parse<T: FromStr>(&self) -> Result<T, Problem> {
        self.0.parse().map_err(|_| not_found())
    }

    /// Parses the id of a subscription, in the form of this API or of the tenant's product.
    pub(super) fn subscription(&self, tenant: &Tenant) -> Result<SubscriptionId, Problem> {
        tenant.subscription_id(&self.0).ok_or_else(not_found)
    }
}

impl Granted {
    /// Limits of a session.
    pub(super) fn new(session: Option<Arc<Session>>) -> Self {
        Self(session)
    }

    /// Limits of the session in a request's extensions.
    pub(super) fn of(extensions: &Extensions) -> Self {
        Self(extensions.get().cloned())
    }

    fn portal(&self) -> Option<&Portal> {
        self.0.as_ref()?.grant.portal.as_ref()
    }

    /// Returns `true` if the caller has a capability.
    pub(super) fn has(&self, capability: Capability) -> bool {
        let portal = self.portal();
        portal.is_none_or(|portal| portal.capabilities.has(capability))
    }

    /// Checks that the caller has a capability, besides that of its route.
    ///
    /// # Errors
    /// `forbidden`.
    pub(super) fn check(&self, capability: Capability) -> Result<(), Problem> {
        if self.has(capability) {
            Ok(())
        } else {
            Err(lacking(capability))
        }
    }

    /// Returns `true` if the session is limited to certain event types.
    pub(super) fn is_typed(&self) -> bool {
        self.portal().is_some_and(|portal| portal.types.is_some())
    }

    /// Checks that the session is not limited to certain event types.
    ///
    /// # Errors
    /// `forbidden`.
    pub(super) fn check_untyped(&self) -> Result<(), Problem> {
        if self.is_typed() { Err(beyond()) } else { Ok(()) }
    }

    /// The caller's session; `None`: a key.
    pub(super) fn session(&self) -> Option<&Session> {
        self.0.as_deref()
    }

    /// Checks that the caller sees events of a type.
    ///
    /// # Errors
    /// `forbidden`.
    pub(super) fn check_type(&self, kind: &EventType) -> Result<(), Problem> {
        if self.sees(kind) { Ok(()) } else { Err(beyond()) }
    }

    /// Returns `true` if the caller sees events of a type.
    pub(super) fn sees(&self, kind: &EventType) -> bool {
        self.portal().is_none_or(|portal| portal.sees(kind))
    }

    /// Narrows the patterns of a query to those of the session.
    ///
    /// # Errors
    /// `forbidden`: none of them is within the session's.
    pub(super) fn narrow(&self, asked: Vec<EventPattern>) -> Result<Vec<EventPattern>, Problem> {
        match self.portal() {
            None => Ok(asked),
            Some(portal) => portal.narrow(asked).ok_or_else(beyond),
        }
    }

    /// Checks that the caller sees all that the patterns of a subscription match.
    ///
    /// # Errors
    /// `forbidden`.
    pub(super) fn check_patterns(&self, patterns: &[EventPattern]) -> Result<(), Problem> {
        let covered = |portal: &Portal| patterns.iter().all(|pattern| portal.covers(pattern));
        if self.portal().is_none_or(covered) {
            Ok(())
        } else {
            Err(beyond())
        }
    }
}

/// Refusal of a session without a capability.
pub(super) fn lacking(capability: Capability) -> Problem {
    let name = capability.name();
    Problem::new(
        Code::Forbidden,
        format!("The session does not have the capability `{name}`."),
    )
    .fix(format!("Ask for a link with the capability `{name}`."))
}

fn beyond() -> Problem {
    let detail = "The session is limited to certain event types, and this is about others.";
    Problem::new(Code::Forbidden, detail).fix("Name types that GET /v1/session lists in `types`.")
}

/// Problem for an id that does not exist.
pub(super) fn not_found() -> Problem {
    Problem::new(Code::NotFound, "There is nothing under this id for this tenant.")
}

impl FromRequestParts<Api> for Acting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let scope = needed_scope(&parts.method, parts.uri.path());
        api.auth.tenant(&*parts, scope).map(Self)
    }
}

impl Consuming {
    /// Returns a subscription within the caller's reach.
    ///
    /// # Errors
    /// `not_found`.
    pub(super) fn subscription(&self, id: SubscriptionId) -> Result<&Arc<Subscription>, Problem> {
        let found = self.tenant.subscription(id);
        found
            .filter(|found| self.reach.covers(found))
            .ok_or_else(not_found)
    }

    /// Owner of a subscription that the caller creates.
    pub(super) fn makes(&self) -> Owner {
        match self.reach {
            Reach::Tenant => Owner::Tenant,
            Reach::Consumer | Reach::One(_) => Owner::Consumer,
        }
    }

    /// Returns `true` if deliveries to the target are within the caller's reach.
    pub(super) fn reaches(&self, target: Target) -> bool {
        match (self.reach, target) {
            (Reach::Tenant, _) => true,
            (_, Target::Inline) => false,
            (_, Target::Subscription(id)) => self.subscription(id).is_ok(),
        }
    }
}

impl AnyKey {
    /// Returns `true` if the key has the scope of this name.
    pub(super) fn has(&self, scope: &str) -> bool {
        scope.parse().is_ok_and(|scope| self.scopes.has(scope))
    }
}

impl FromRequestParts<Api> for AnyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (tenant, key) = api.auth.holder(&*parts)?;
        let one = key.as_ref().and_then(|key| key.subscription);
        Ok(Self {
            tenant,
            reach: one.map_or(Reach::Tenant, Reach::One),
            scopes: key.map_or(Scopes::ALL, |key| key.scopes),
        })
    }
}

impl FromRequestParts<Api> for Consuming {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let scope = needed_scope(&parts.method, parts.uri.path());
        let (tenant, reach) = api.auth.consumer(&*parts, scope)?;
        Ok(Self {
            tenant,
            reach,
            granted: Granted::of(&parts.extensions),
        })
    }
}

impl FromRequestParts<Api> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        api.auth.operator(&*parts).map(|()| Self)
    }
}

impl FromRequestParts<Api> for Granted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        Ok(Self::of(&parts.extensions))
    }
}

impl FromRequestParts<Api> for NoDelivery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        from_no_delivery(&parts.headers).map(|()| Self)
    }
}

impl FromRequestParts<Api> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        api.auth.actor(&*parts).map(Self)
    }
}

impl FromRequestParts<Api> for VersionId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Path(OneVersion { id, version }) = Path::from_request_parts(parts, api)
            .await
            .map_err(|_| not_found())?;
        Ok(Self { plugin: id, version })
    }
}

impl FromRequestParts<Api> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Path(OneId { id }) = Path::from_request_parts(parts, api)
            .await
            .map_err(|_| not_found())?;
        Ok(Self(id))
    }
}

impl<T: DeserializeOwned> FromRequestParts<Api> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, api).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let told = text.trim_start_matches("Failed to deserialize query string: ");
                Err(Problem::new(
                    Code::InvalidParameter,
                    format!("The query is wrong: {told}."),
                ))
            }
        }
    }
}

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        check_content_type(&request)?;
        let (head, bytes) = request_memory::read(api, request, api.body).await?;
        from_json(api, &head, bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let typed = check_content_type(&request);
        let (head, bytes) = request_memory::read(api, request, api.body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        typed?;
        from_json(api, &head, bytes).map(Self)
    }
}

/// Scope that a key needs for a route of a tenant.
///
/// `read` for safe methods, except on routes that show signing secrets; `manage` for all else.
pub(super) fn needed_scope(method: &Method, path: &str) -> Scope {
    let shows_secret = matches!(path, "/v1/signing-secret" | "/v1/export")
        || path.starts_with("/v1/subscriptions/") && path.ends_with("/secret");
    if method.is_safe() && !shows_secret {
        Scope::Read
    } else {
        Scope::Manage
    }
}

/// Parses a body strictly (no duplicate keys, bounded depth) and deserializes it.
fn from_json<T: DeserializeOwned>(api: &Api, head: &Parts, bytes: Bytes) -> Result<T, Problem> {
    let bytes = json_text(bytes)?;
    request_memory::charge_document(api, head, &bytes)?;
    read_object(&bytes)
}

/// Parses an object strictly and deserializes it.
///
/// # Errors
/// `invalid_json`, `duplicate_key`, `too_deep`, `invalid_field`.
pub(super) fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    Document::parse(bytes, Limits::of_bytes(bytes.len())).map_err(|error| Problem::from(&error))?;
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let error = FieldError::new("", "the body is not an object, `{…}`");
        return Err(Problem::fields(Code::InvalidField, vec![error]));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(Records(&mut reader))
        .map_err(|error| Problem::fields(Code::InvalidField, vec![fields::fault(&error)]))
}

/// Checks that the content type is JSON.
///
/// A web page cannot send such a request unasked, because a form's content types are not JSON.
pub(super) fn check_content_type(request: &Request) -> Result<(), Problem> {
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    let text = content_type.and_then(|value| value.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next());
    match essence.map(str::trim) {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => {
            check_charset(text.unwrap_or_default())
        }
        Some(_) | None => Err(Problem::new(
            Code::UnsupportedMediaType,
            "The body is not said to be JSON.",
        )),
    }
}

impl OperationInput for Acting {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        describe_tenant_header(operation);
        describe_scopes(operation, &[]);
    }
}

impl OperationInput for Consuming {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        describe_tenant_header(operation);
        describe_scopes(operation, &[Scope::Consumer]);
    }
}

impl OperationInput for Operator {}

impl OperationInput for Granted {}

impl OperationInput for NoDelivery {}

impl OperationInput for By {}

impl OperationInput for VersionId {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Path::<OneVersion>::operation_input(ctx, operation);
    }
}

impl OperationInput for Id {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Path::<OneId>::operation_input(ctx, operation);
    }
}

impl<T: JsonSchema> OperationInput for Params<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Query::<T>::operation_input(ctx, operation);
    }
}

impl<T: JsonSchema> OperationInput for Body<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(ctx, operation);
    }
}

impl<T: JsonSchema> OperationInput for OptionalBody<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(ctx, operation);
        if let Some(aide::openapi::ReferenceOr::Item(body)) = &mut operation.request_body {
            body.required = false;
        }
    }
}
