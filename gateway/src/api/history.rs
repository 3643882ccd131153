//! Change history of a tenant's plugins and chains.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::Api;
use super::describe::described;
use super::input::Acting;
use super::plugins::TAG;
use super::views::text;
use crate::http::Problem;
use hookgate_registry::Change;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route(
        "/v1/chain/history",
        get_with(
            list,
            described(
                TAG,
                "getChainHistory",
                "Who changed what, and when",
                "The last changes of the tenant's chains and plugins, the newest first; so many as `registry.max_history` keeps.",
            ),
        ),
    )
}

/// Latest changes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChainHistory")]
struct HistoryView {
    /// Changes, newest first.
    data: Vec<ChangeView>,
}

/// Change of a plugin or a chain.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChainChange")]
struct ChangeView {
    /// Time of the change.
    at: String,
    /// Actor of the change. The id of an API key, `operator`, `portal` (a session of the portal),
    /// `declared` (the configuration file) or `automatic` (the gateway itself).
    who: String,
    /// Action. `moved` and `kept`: a step, after an upload.
    #[schemars(with = "super::words::ChainAction")]
    what: &'static str,
    /// Chain concerned, if any: `ingress`, or a subscription's id.
    chain: Option<String>,
    /// Plugin concerned, if any.
    plugin: Option<String>,
    /// Previous version.
    from: Option<String>,
    /// New version.
    to: Option<String>,
    /// Reason, or further details.
    note: Option<String>,
}

async fn list(State(api): State<Api>, Acting(tenant): Acting) -> Result<Json<HistoryView>, Problem> {
    let changes = api.registry.history(&tenant.id).await?;
    let data = changes.into_iter().map(ChangeView::from).collect();
    Ok(Json(HistoryView { data }))
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        Self {
            at: text(change.at),
            who: change.who,
            what: change.deed.word(),
            chain: change.place.map(|place| place.to_string()),
            plugin: change.plugin,
            from: change.from,
            to: change.to,
            note: change.note,
        }
    }
}
