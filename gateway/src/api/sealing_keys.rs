//! Keys that seal secrets in the store (operator only). The keys themselves are never shown.

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::describe::{described, does};
use super::input::{Id, Operator, OptionalBody};
use super::output::Gone;
use crate::http::{Code, Problem};
use crate::keyring::{KeyStatus, KeyringError, Rotated};
use hookgate_runtime::telemetry::error_chain;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/sealing-keys",
            get_with(
                list,
                does(TAG, "listSealingKeys", "The keys that seal secrets, by id, and what needs them"),
            ),
        )
        .api_route(
            "/v1/sealing-keys/rotate",
            post_with(
                rotate,
                described(
                    TAG,
                    "rotateSealingKey",
                    "Seal every secret with the newest key",
                    "Where every secret is sealed with it already, a new key is made first. May be asked for again when it was cut \
                     short: it goes on where it ended.",
                ),
            ),
        )
        .api_route(
            "/v1/sealing-keys/{id}",
            delete_with(
                remove,
                described(
                    TAG,
                    "removeSealingKey",
                    "Drop a key",
                    "Refused as long as anything in the store is sealed with it.",
                ),
            ),
        )
}

/// Parameters of a rotation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "SealingKeyRotation")]
#[serde(deny_unknown_fields, default)]
struct RotateInput {
    /// Confirms that no other gateway uses the store. Only then does the rotation make a key that
    /// other gateways would not have.
    alone: bool,
}

/// Sealing keys.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SealingKeys")]
struct KeysView {
    /// Keys, the one that seals first.
    data: Vec<KeyView>,
}

/// Sealing key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SealingKey")]
struct KeyView {
    /// Key id: the beginning of the key's SHA-256.
    id: String,
    /// Set when the key seals new values.
    seals: bool,
    /// Set when this gateway has the key.
    at_hand: bool,
    /// Number of secrets in the store that are sealed with the key. At 0, a key that does not seal
    /// new values can be removed.
    sealed: usize,
}

/// Result of a rotation.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SealingKeyRotated")]
struct RotatedView {
    /// Id of the key that seals new values.
    key: String,
    /// Set when the rotation made the key.
    made: bool,
    /// Number of secrets that were resealed.
    resealed: usize,
    /// Number of tenants that these secrets belong to.
    tenants: usize,
    /// Ids of the keys that seal nothing any more and can be removed.
    unused: Vec<String>,
}

async fn list(State(api): State<Api>, _: Operator) -> Result<Json<KeysView>, Problem> {
    let keys = api.keyring.keys().await.map_err(problem)?;
    Ok(Json(KeysView {
        data: keys.into_iter().map(KeyView::from).collect(),
    }))
}

async fn rotate(
    State(api): State<Api>,
    _: Operator,
    OptionalBody(input): OptionalBody<RotateInput>,
) -> Result<Json<RotatedView>, Problem> {
    let keyring = api.keyring.clone();
    // Runs to its end even if the caller disconnects.
    let rotating = api.tasks.spawn(async move { keyring.rotate(input.alone).await });
    match rotating.await {
        Ok(rotated) => Ok(Json(RotatedView::from(rotated.map_err(problem)?))),
        Err(_) => Err(Problem::new(Code::InternalError, "The rotation ended early.")),
    }
}

async fn remove(State(api): State<Api>, _: Operator, id: Id) -> Result<Gone, Problem> {
    api.keyring.remove(&id.0).await.map_err(problem)?;
    Ok(Gone)
}

fn problem(error: KeyringError) -> Problem {
    let told = format!("It is not done: {error}.");
    match error {
        KeyringError::Configured => Problem::new(Code::DeclaredInFile, told).fix(
            "Make a key with `hookgate keys new`, put it on its own line before the others in auth.sealing_keys, have the \
             gateway read it (SIGHUP or a restart), and rotate again. A key that nothing needs is dropped there too.",
        ),
        KeyringError::Shared => Problem::new(Code::WrongState, told).fix(
            "Make a key with `hookgate keys new`, add it as the last line of every gateway's secrets.key, have all read it \
             (SIGHUP), move it to the first line everywhere, have all read it, and rotate again. If this gateway is the only one \
             on the store, say so: `hookgate keys rotate --alone`.",
        ),
        KeyringError::Unknown(_) => Problem::new(Code::NotFound, told),
        KeyringError::Seals(_) => {
            Problem::new(Code::InUse, told).fix("Rotate first: `hookgate keys rotate` puts another key before it.")
        }
        KeyringError::Needed { .. } => {
            Problem::new(Code::InUse, told).fix("Seal everything anew first: `hookgate keys rotate`.")
        }
        KeyringError::Registry(error) => Problem::from(error),
        KeyringError::Store(error) => Problem::from(&error),
        KeyringError::Root(_) | KeyringError::File(_) | KeyringError::Ring(_) => {
            tracing::error!(error = %error_chain(&error), "sealing_keys.failed");
            Problem::new(Code::InternalError, told)
        }
    }
}

impl From<KeyStatus> for KeyView {
    fn from(key: KeyStatus) -> Self {
        Self {
            id: key.id,
            seals: key.seals,
            at_hand: key.at_hand,
            sealed: key.sealed,
        }
    }
}

impl From<Rotated> for RotatedView {
    fn from(rotated: Rotated) -> Self {
        Self {
            key: rotated.key,
            made: rotated.made,
            resealed: rotated.resealed.texts,
            tenants: rotated.resealed.tenants,
            unused: rotated.unused,
        }
    }
}

const TAG: &str = "Sealing keys";
