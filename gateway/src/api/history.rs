//! Who changed what of a tenant's plugins and chains, and when.

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

/// The last changes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChainHistory")]
struct HistoryView {
    /// The newest first.
    data: Vec<ChangeView>,
}

/// A change.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChainChange")]
struct ChangeView {
    /// When.
    at: String,
    /// Who: the id of an API key, `operator`, `declared` (the configuration file) or `automatic` (the gateway by itself).
    who: String,
    /// What: `chain_set`, `chain_removed`, `uploaded`, `deleted`, `moved` or `kept` (a step, after an upload), `canary_begun`,
    /// `promoted`, `canary_stopped` or `rolled_back`.
    what: &'static str,
    /// The chain, if it is about one: `ingress`, or a subscription's id.
    chain: Option<String>,
    /// The plugin, if it is about one.
    plugin: Option<String>,
    /// The version before.
    from: Option<String>,
    /// The version after.
    to: Option<String>,
    /// Why, or what else is to be said.
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
