//! Tenants and their API keys (operator only).

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
use crate::http::{Code, FieldError, Problem};
use hookgate_contract::privacy::Metadata;
use hookgate_contract::profile::{Profile, STANDARD};
use hookgate_domain::{KeyId, Quotas, Scope, Scopes, Secret, TenantId, Timestamp};
use hookgate_registry::{ApiKey, Blocked, BlockedPart, NewKey, NewTenant, Tenant, TenantPatch};

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

/// Parameters of a new tenant.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewTenant", example = json!({ "id": "acme" }))]
#[serde(deny_unknown_fields)]
struct NewTenantInput {
    /// Its name: 1 to 63 of `a-z 0-9 -`.
    id: Parsed<TenantId>,
    /// Profile, the tenant's public contract; default: `standard` (Standard Webhooks).
    profile: Option<String>,
    /// Signing secret for endpoints that events name themselves; generated if left out.
    #[schemars(length(max = 512))]
    signing_secret: Option<String>,
    /// Quotas that override those of the profile and of the gateway.
    #[serde(default)]
    quotas: Quotas,
    /// Stores the metadata of events, and the attributes of CloudEvents. Default: stored, unless
    /// the profile drops it.
    keep_metadata: Option<bool>,
}

/// Changes of a tenant.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TenantPatch")]
#[serde(deny_unknown_fields)]
struct TenantPatchInput {
    /// Profile, the tenant's public contract.
    profile: Option<String>,
    /// Signing secret for endpoints that events name themselves. `null` removes it: events can then
    /// name no endpoints.
    #[serde(default, deserialize_with = "clearable")]
    signing_secret: Option<Option<String>>,
    /// Quotas that override those of the profile and of the gateway, as a whole. `null` or `{}`:
    /// the tenant has no quotas of its own.
    #[serde(default, deserialize_with = "clearable")]
    quotas: Option<Option<Quotas>>,
    /// Stores and shows the metadata of events. `false` also applies to events accepted before.
    keep_metadata: Option<bool>,
    /// Dry run: changes nothing, and shows what another profile would block.
    #[serde(default)]
    dry_run: bool,
    /// Sets another profile although it blocks parts of the tenant.
    #[serde(default)]
    force: bool,
}

/// Tenant.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tenant")]
struct TenantView {
    /// Tenant name.
    id: String,
    /// Profile, the tenant's public contract.
    profile: String,
    /// Set when the metadata of events is stored: neither the tenant nor its profile drops it.
    keep_metadata: bool,
    /// Creation time.
    created: String,
    /// Number of subscriptions.
    subscriptions: usize,
    /// Quotas of the tenant. Those left out are the profile's or the gateway's.
    quotas: Quotas,
}

/// Tenant after a change or a dry run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChangedTenant")]
struct ChangedTenant {
    #[serde(flatten)]
    tenant: TenantView,
    /// Parts that another profile blocks or would block, at most 50. Empty if there are none, or if
    /// the profile is unchanged.
    blocked: Vec<BlockedView>,
    /// Set when more parts are blocked.
    more_blocked: bool,
}

/// Part of a tenant that a profile blocks.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BlockedPart")]
struct BlockedView {
    /// Subscription concerned; `null` for the tenant itself.
    subscription: Option<String>,
    /// JSON pointer (RFC 6901) to the part.
    pointer: String,
    /// Reason.
    detail: String,
}

/// Tenant that was created.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CreatedTenant")]
struct CreatedTenant {
    #[serde(flatten)]
    tenant: TenantView,
    /// First API key. It is not shown again.
    key: String,
    /// Signing secret for endpoints that events name themselves.
    signing_secret: Option<String>,
}

/// API key, without the key itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Key")]
struct KeyView {
    /// Key id.
    id: String,
    /// First characters of the key.
    hint: String,
    /// Scopes of the key.
    #[schemars(with = "Vec<super::words::KeyScope>")]
    scopes: Vec<&'static str>,
    /// Creation time.
    created: String,
    /// Expiry time; `null` if the key does not expire.
    expires: Option<String>,
    /// Set when the key has expired.
    expired: bool,
    /// Time of the last request with the key, to the minute; `null` if there was none. Requests at
    /// other gateways are shown after `auth.last_used_interval`.
    last_used: Option<String>,
    /// Only subscription within the key's reach; `null` if only the scopes limit it.
    subscription: Option<String>,
}

/// API key that was created.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CreatedKey")]
struct CreatedKey {
    #[serde(flatten)]
    about: KeyView,
    /// The key. It is not shown again; `null` if it was given by its digest.
    key: Option<String>,
}

/// Parameters of a new API key.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "NewKey", example = json!({ "scopes": ["publish"] }))]
#[serde(deny_unknown_fields)]
struct NewKeyInput {
    /// Scopes, one or more; default: `auth.key_scopes`.
    #[schemars(with = "Option<Vec<super::words::KeyScope>>", length(min = 1))]
    scopes: Option<Vec<String>>,
    /// Expiry time (RFC 3339); default: the key does not expire.
    expires: Option<String>,
    /// Subscription that the key is limited to, with its deliveries. The only scope of such a key
    /// is `consumer`.
    subscription: Option<String>,
    /// SHA-256 of an existing key, 64 hexadecimal digits; if left out, a key is generated.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{64}$"))]
    digest: Option<String>,
}

/// Tenant and one of its keys in the path.
#[derive(Deserialize, JsonSchema)]
struct KeyPath {
    /// Tenant name.
    id: String,
    /// Key id.
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

/// Parses the expiry time of a key, which must be in the future.
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
    /// Creates the view of a key that was never used.
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
