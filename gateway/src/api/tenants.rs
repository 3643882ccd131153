//! Tenants and their keys: the operator's.

use std::sync::Arc;

use aide::OperationInput;
use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with};
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use http::request::Parts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Api;
use super::describe::{described, does};
use super::fields::{Parsed, clearable};
use super::input::{Body, Id, Operator, OptionalBody, Params, not_found};
use super::key_fields::{bad_scopes, digest, invalid};
use super::output::{Created, Gone};
use super::page::{self, Page, PageQuery};
use super::views::text;
use crate::domain::{KeyId, Quotas, Scope, Scopes, Secret, TenantId, Timestamp};
use crate::http::{Code, FieldError, Problem};
use crate::privacy::Metadata;
use crate::profile::{Profile, STANDARD};
use crate::registry::{ApiKey, Blocked, BlockedPart, NewKey, NewTenant, Tenant, TenantPatch};

pub(super) fn routes() -> ApiRouter<Api> {
    let one = get_with(get, does(TAG, "getTenant", "One tenant"))
        .patch_with(
            patch,
            described(
                TAG,
                "patchTenant",
                "Change a tenant",
                "Another profile is refused (409 `profile_conflict`) where it blocks what the tenant has: `dry_run` shows that, \
                 `force` takes it all the same.",
            ),
        )
        .delete_with(
            delete,
            described(
                TAG,
                "deleteTenant",
                "Delete a tenant",
                "With its keys, subscriptions, chain and plugins.",
            ),
        );
    ApiRouter::new()
        .api_route(
            "/v1/tenants",
            get_with(list, does(TAG, "listTenants", "List tenants by name")).post_with(
                create,
                described(
                    TAG,
                    "createTenant",
                    "Create a tenant",
                    "The answer has the tenant's first API key, which is shown this once, and the secret that signs deliveries to \
                     endpoints that events name themselves.",
                ),
            ),
        )
        .api_route("/v1/tenants/{id}", one)
        .api_route(
            "/v1/tenants/{id}/keys",
            get_with(keys, does(TAG, "listKeys", "List a tenant's API keys")).post_with(
                create_key,
                described(TAG, "createKey", "Create an API key", "For the scopes that are given. The key is shown this once. A key that a customer has already is taken over by its SHA-256 digest."),
            ),
        )
        .api_route("/v1/tenants/{id}/keys/{key}", delete_with(revoke, does(TAG, "revokeKey", "Revoke an API key")))
}

/// A tenant to create.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewTenant", example = json!({ "id": "acme" }))]
#[serde(deny_unknown_fields)]
struct NewTenantInput {
    /// Its name: 1 to 63 of `a-z 0-9 -`.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,62}$"))]
    id: Parsed<TenantId>,
    /// Its public contract; `standard` (Standard Webhooks) where none is given.
    profile: Option<String>,
    /// What signs deliveries to endpoints that events name themselves; made where none is given.
    signing_secret: Option<String>,
    /// Its quotas, over its profile's and the gateway's.
    #[serde(default)]
    quotas: Quotas,
    /// Whether the metadata of its events is stored (a CloudEvent's attributes too). Left out: it is, unless the profile drops it.
    keep_metadata: Option<bool>,
}

/// What to change of a tenant.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TenantPatch")]
#[serde(deny_unknown_fields)]
struct TenantPatchInput {
    /// Its public contract.
    profile: Option<String>,
    /// What signs deliveries to endpoints that events name themselves; `null`: none, and events cannot name any.
    #[serde(default, deserialize_with = "clearable")]
    signing_secret: Option<Option<String>>,
    /// All of its own quotas, over its profile's and the gateway's; `null` or `{}`: it has none of its own.
    #[serde(default, deserialize_with = "clearable")]
    quotas: Option<Option<Quotas>>,
    /// Whether the metadata of its events is stored and shown; `false` holds for events that were accepted before, too.
    keep_metadata: Option<bool>,
    /// Changes nothing, and shows what another profile would block.
    #[serde(default)]
    dry_run: bool,
    /// Takes another profile although it blocks what the tenant has.
    #[serde(default)]
    force: bool,
}

/// A tenant.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tenant")]
struct TenantView {
    /// Its name.
    id: String,
    /// Its public contract.
    profile: String,
    /// Whether the metadata of its events is stored: neither it nor its profile drops it.
    keep_metadata: bool,
    /// When it was made.
    created: String,
    /// How many subscriptions it has.
    subscriptions: usize,
    /// Its own quotas; what is left out is as its profile or the gateway says.
    quotas: Quotas,
}

/// A tenant as it was changed, or is to be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChangedTenant")]
struct ChangedTenant {
    #[serde(flatten)]
    tenant: TenantView,
    /// What another profile blocks, or would, at most 50 places; empty: nothing, or the profile is as before.
    blocked: Vec<BlockedView>,
    /// Whether it blocks more than that.
    more_blocked: bool,
}

/// Something that a profile blocks.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BlockedPart")]
struct BlockedView {
    /// Of which subscription; null: of the tenant itself.
    subscription: Option<String>,
    /// Where in it: a JSON pointer (RFC 6901).
    pointer: String,
    /// Why.
    detail: String,
}

/// A tenant as it was made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CreatedTenant")]
struct CreatedTenant {
    #[serde(flatten)]
    tenant: TenantView,
    /// Its first API key. It is not shown again.
    key: String,
    /// What signs deliveries to endpoints that events name themselves.
    signing_secret: Option<String>,
}

/// An API key: what is known of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Key")]
struct KeyView {
    /// Its id.
    id: String,
    /// Its first characters.
    hint: String,
    /// What it may be used for.
    scopes: Vec<&'static str>,
    /// When it was made.
    created: String,
    /// From when on it opens nothing; null: it has no end.
    expires: Option<String>,
    /// Whether it opens nothing any more.
    expired: bool,
    /// When a request last came with it, to the minute; null: none ever has. Of requests at other gateways it is told after
    /// `auth.last_used_interval`.
    last_used: Option<String>,
    /// The one subscription that it reaches; null: as its scopes say.
    subscription: Option<String>,
}

/// An API key as it was made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CreatedKey")]
struct CreatedKey {
    #[serde(flatten)]
    about: KeyView,
    /// The key. It is not shown again; null where it was given by its digest.
    key: Option<String>,
}

/// A key to make.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "NewKey", example = json!({ "scopes": ["publish"] }))]
#[serde(deny_unknown_fields)]
struct NewKeyInput {
    /// What it may be used for: of `publish`, `read`, `manage` and `consumer`, at least one; left out: `auth.key_scopes`.
    scopes: Option<Vec<String>>,
    /// From when on it opens nothing (RFC 3339); left out: it has no end.
    expires: Option<String>,
    /// The one subscription of the tenant that it reaches, with its deliveries; its only scope is `consumer`.
    subscription: Option<String>,
    /// SHA-256 of a key that somebody has already, 64 hexadecimal digits; left out: a key is made.
    digest: Option<String>,
}

/// A tenant and one of its keys in the path.
#[derive(Deserialize, JsonSchema)]
struct KeyPath {
    /// The tenant's name.
    id: String,
    /// The key's id.
    key: String,
}

impl FromRequestParts<Api> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Path::from_request_parts(parts, api)
            .await
            .map(|Path(path)| path)
            .map_err(|_| not_found())
    }
}

impl OperationInput for KeyPath {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Path::<Self>::operation_input(ctx, operation);
    }
}

async fn create(
    State(api): State<Api>,
    _: Operator,
    Body(input): Body<NewTenantInput>,
) -> Result<Created<CreatedTenant>, Problem> {
    let profile = known(&api, input.profile.as_deref())?;
    let signing_secret = match input.signing_secret.as_deref().map(Secret::new) {
        Some(secret) => checked(&profile, secret)?,
        None => api.registry.generate_secret(&profile.name)?,
    };
    let new = NewTenant {
        id: input.id.0,
        profile: Some(profile.name.clone()),
        signing_secret: Some(signing_secret.clone()),
        quotas: input.quotas,
        keep_metadata: input.keep_metadata,
    };
    let (tenant, key) = api.registry.create_tenant(new).await?;
    tracing::info!(tenant = %tenant.id, "tenant.created");
    Ok(Created {
        location: format!("/v1/tenants/{}", tenant.id),
        made: CreatedTenant {
            tenant: TenantView::from(&*tenant),
            key: key.reveal().to_owned(),
            signing_secret: Some(signing_secret.reveal().to_owned()),
        },
    })
}

async fn list(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<TenantView>>, Problem> {
    let tenants = api.registry.tenants();
    page::of(
        tenants.iter().map(|tenant| TenantView::from(&**tenant)),
        |view| view.id.clone(),
        &query,
    )
    .map(Json)
}

async fn get(State(api): State<Api>, _: Operator, id: Id) -> Result<Json<TenantView>, Problem> {
    let tenant = find(&api, &id)?;
    Ok(Json(TenantView::from(&*tenant)))
}

async fn patch(
    State(api): State<Api>,
    _: Operator,
    id: Id,
    Body(input): Body<TenantPatchInput>,
) -> Result<Json<ChangedTenant>, Problem> {
    let tenant = find(&api, &id)?;
    let profile = known(&api, Some(input.profile.as_deref().unwrap_or(&tenant.profile)))?;
    let given = input
        .signing_secret
        .map(|secret| secret.as_deref().map(Secret::new));
    let signing_secret = given
        .map(|secret| secret.map(|secret| checked(&profile, secret)).transpose())
        .transpose()?;
    let patch = TenantPatch {
        profile: input.profile,
        signing_secret,
        quotas: input.quotas.map(Option::unwrap_or_default),
        keep_metadata: input.keep_metadata,
        force: input.force,
    };
    let blocked = api.registry.blocked_by(&tenant.id, &patch).await?;
    if input.dry_run {
        return Ok(Json(ChangedTenant::new(&tenant, blocked)));
    }
    let changed = api.registry.patch_tenant(&tenant.id, patch).await?;
    tracing::info!(tenant = %tenant.id, "tenant.changed");
    Ok(Json(ChangedTenant::new(&changed, blocked)))
}

async fn delete(State(api): State<Api>, _: Operator, id: Id) -> Result<Gone, Problem> {
    let tenant = find(&api, &id)?;
    api.registry.delete_tenant(&tenant.id).await?;
    tracing::info!(tenant = %tenant.id, "tenant.deleted");
    Ok(Gone)
}

async fn keys(State(api): State<Api>, _: Operator, id: Id) -> Result<Json<Page<KeyView>>, Problem> {
    let tenant = find(&api, &id)?;
    let uses = api.registry.last_uses(&tenant).await?;
    let view = |key: &Arc<ApiKey>| KeyView {
        expired: api.registry.has_expired(key),
        last_used: uses.get(&key.id).copied().map(text),
        ..KeyView::new(&tenant, key)
    };
    Ok(Json(Page {
        data: tenant.keys.iter().map(view).collect(),
        next_cursor: None,
    }))
}

async fn create_key(
    State(api): State<Api>,
    _: Operator,
    id: Id,
    OptionalBody(input): OptionalBody<NewKeyInput>,
) -> Result<Created<CreatedKey>, Problem> {
    let tenant = find(&api, &id)?;
    let scopes = match &input.scopes {
        None => api.key_scopes,
        Some(names) => Scopes::parse(names).map_err(|bad| bad_scopes(&bad))?,
    };
    let new = NewKey {
        scopes,
        expires: input.expires.as_deref().map(|text| end(&api, text)).transpose()?,
        subscription: input
            .subscription
            .map(|text| {
                let known = tenant.subscription_id(&text);
                known.ok_or_else(|| invalid("/subscription", "not a subscription's id"))
            })
            .transpose()?,
    };
    if new.subscription.is_some() && !is_consumers(scopes) {
        let told = "a key that is limited to a subscription has the scope `consumer` and no other";
        return Err(invalid("/scopes", told));
    }
    let (about, key) = match input.digest.as_deref() {
        None => {
            let (about, key) = api.registry.create_key(&tenant.id, new).await?;
            (about, Some(key))
        }
        Some(text) => {
            let digest = digest(&api, text)?;
            (api.registry.import_key(&tenant.id, digest, new).await?, None)
        }
    };
    tracing::info!(tenant = %tenant.id, "key.created");
    Ok(Created {
        location: format!("/v1/tenants/{}/keys", tenant.id),
        made: CreatedKey {
            about: KeyView::new(&tenant, &about),
            key: key.map(|key| key.reveal().to_owned()),
        },
    })
}

async fn revoke(State(api): State<Api>, _: Operator, path: KeyPath) -> Result<Gone, Problem> {
    let tenant = find(&api, &Id(path.id))?;
    let key: KeyId = path.key.parse().map_err(|_| not_found())?;
    api.registry.revoke_key(&tenant.id, key).await?;
    tracing::info!(tenant = %tenant.id, "key.revoked");
    Ok(Gone)
}

/// The end of a key, which is to come.
fn end(api: &Api, text: &str) -> Result<Timestamp, Problem> {
    let end = Timestamp::parse(text).map_err(|error| invalid("/expires", error.to_string()))?;
    if end <= api.clock.now() {
        return Err(invalid(
            "/expires",
            "that time is past: the key would open nothing",
        ));
    }
    Ok(end)
}

fn is_consumers(scopes: Scopes) -> bool {
    scopes.names().eq([Scope::Consumer.name()])
}

pub(super) fn find(api: &Api, id: &Id) -> Result<Arc<Tenant>, Problem> {
    let unknown = || Problem::new(Code::TenantUnknown, "There is no such tenant.");
    let id: TenantId = id.parse().map_err(|_| unknown())?;
    api.registry.tenant(&id).ok_or_else(unknown)
}

fn known(api: &Api, profile: Option<&str>) -> Result<Arc<Profile>, Problem> {
    let name = profile.unwrap_or(STANDARD);
    let profiles = api.registry.profiles();
    profiles.get(name).cloned().ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        let detail = format!("there is no profile `{shown}`; there are {}", profiles.names());
        Problem::fields(Code::InvalidField, vec![FieldError::new("/profile", detail)])
    })
}

fn checked(profile: &Profile, secret: Secret) -> Result<Secret, Problem> {
    match profile.secret.key(&secret) {
        Ok(_) => Ok(secret),
        Err(bad) => Err(Problem::fields(
            Code::InvalidField,
            vec![FieldError::new("/signing_secret", bad.to_string())],
        )),
    }
}

impl ChangedTenant {
    fn new(tenant: &Tenant, blocked: Blocked) -> Self {
        let part = |part: BlockedPart| BlockedView {
            subscription: part.subscription.map(|id| tenant.public_id(id)),
            pointer: part.pointer,
            detail: part.problem,
        };
        Self {
            tenant: TenantView::from(tenant),
            blocked: blocked.parts.into_iter().map(part).collect(),
            more_blocked: blocked.more,
        }
    }
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            profile: tenant.profile.clone(),
            keep_metadata: tenant.privacy.metadata() == Metadata::Kept,
            created: text(tenant.created),
            subscriptions: tenant.subscriptions.len(),
            quotas: tenant.own_quotas,
        }
    }
}

impl KeyView {
    /// View of a key that was never used.
    fn new(tenant: &Tenant, key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            hint: key.hint.clone(),
            scopes: key.scopes.names().collect(),
            created: text(key.created),
            expires: key.expires.map(text),
            expired: false,
            last_used: None,
            subscription: key.subscription.map(|id| tenant.public_id(id)),
        }
    }
}

const TAG: &str = "Tenants";
