//! Plugin statistics by version, and plugin logs. Both are of the gateway process that answers.

use std::collections::BTreeMap;
use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::describe::described;
use super::input::{Acting, Granted, Id, Params};
use super::page;
use super::plugins::{BreakerView, TAG, named};
use super::views::text;
use crate::http::Problem;
use hookgate_domain::Timestamp;
use hookgate_plugin_host::{Entry, Level, LogBuffer, Observation, Wanted};
use hookgate_runtime::telemetry::CallCounts;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/plugins/{id}/stats",
            get_with(
                stats,
                described(
                    TAG,
                    "getPluginStats",
                    "What a plugin's calls came to",
                    "By version, for the tenant, in the gateway process that answers, since it first had the version in a chain of the \
                     tenant's. Counting in every process by itself keeps the store out of an event's way; `/metrics` of all \
                     processes together has all calls. Dry runs do not count.",
                ),
            ),
        )
        .api_route(
            "/v1/plugins/{id}/logs",
            get_with(
                logs,
                described(
                    TAG,
                    "getPluginLogs",
                    "What a plugin wrote lately",
                    "The last lines that it wrote about the tenant's events, and how its calls failed, in the gateway process that \
                     answers. They are in memory alone: a restart forgets them, and so many are kept as `plugins.journal` says. \
                     Send the last `next_cursor` to go on.",
                ),
            ),
        )
}

/// Call statistics of a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PluginStats")]
struct StatsView {
    /// Plugin name.
    plugin: String,
    /// Scope of the counts.
    #[schemars(with = "super::words::ProcessScope")]
    scope: &'static str,
    /// Versions of the plugin, the one that entered a chain last first.
    versions: Vec<VersionStatsView>,
}

/// Call statistics of a plugin version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PluginVersionStats")]
struct VersionStatsView {
    /// Version that the component declares.
    version: String,
    /// SHA-256 of the component, in hexadecimal.
    digest: String,
    /// Start of counting.
    since: String,
    /// Number of calls.
    calls: u64,
    /// Calls by verdict: `pass`, `drop`, `reject`, `delay` and `failed`.
    verdicts: BTreeMap<&'static str, u64>,
    /// Failed calls by kind; kinds that did not occur are left out. The kinds are `trap`, `panic`,
    /// `timeout`, `memory`, `operations`, `output`, `verdict`, `refused`, `missing`, `breaker` and
    /// `internal`.
    failures: BTreeMap<&'static str, u64>,
    /// Duration of the calls.
    time: TimeView,
    /// Bytes of the documents passed to the version.
    bytes_in: u64,
    /// Bytes of the documents that the version passed on.
    bytes_out: u64,
    /// State of the circuit breaker.
    breaker: BreakerView,
    /// Number of times that the circuit breaker opened.
    breaker_opened: u64,
    /// Time of the last call.
    last_call: Option<String>,
    /// Last call that failed.
    last_failure: Option<LastFailureView>,
}

/// Duration of calls in microseconds; `null` if there were none.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CallTime")]
struct TimeView {
    /// Total duration.
    total_us: u64,
    /// Median; up to an eighth too high.
    p50_us: Option<u64>,
    /// 99th percentile; up to an eighth too high.
    p99_us: Option<u64>,
    /// Longest duration.
    max_us: Option<u64>,
}

/// Failed call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LastCallFailure")]
struct LastFailureView {
    /// Time of the failure.
    at: String,
    /// Kind of the failure.
    kind: &'static str,
}

/// Parameters of the plugin log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    /// Maximum number of lines: 1 to 500, default 50.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// The `next_cursor` of the previous page; default: the last lines.
    cursor: Option<String>,
    /// Minimum level of the lines.
    level: Option<LevelView>,
}

/// Log level.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LogLevel")]
#[serde(rename_all = "snake_case")]
pub(super) enum LevelView {
    /// Single steps of the execution.
    Trace,
    /// Details for the plugin's author.
    Debug,
    /// Normal operation.
    Info,
    /// Unusual condition.
    Warn,
    /// Error, or the failure of a call.
    Error,
}

/// Log of a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PluginLogs")]
struct LogsView {
    /// Lines, oldest first.
    data: Vec<LineView>,
    /// Cursor of the next page, usable now or later. Always present.
    next_cursor: String,
}

/// Line of a plugin log.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PluginLogLine")]
struct LineView {
    /// Start of the call.
    at: String,
    /// Event id.
    event: String,
    /// Chain of the call: `ingress`, or a subscription's id.
    chain: String,
    /// Version that wrote the line.
    version: String,
    /// First digits of the version's digest.
    digest: String,
    /// Log level.
    level: LevelView,
    /// Text of the line; control characters are escaped.
    text: String,
    /// Number of lines dropped before this one, because there were too many in a second.
    dropped: u64,
}

async fn stats(State(api): State<Api>, Acting(tenant): Acting, id: Id) -> Result<Json<StatsView>, Problem> {
    let plugins = api.registry.plugins(&tenant.id).await?;
    let plugin = named(&plugins, &id.0)?;
    let seen = api.host.observed(&tenant.id, &plugin.name);
    let versions = seen.iter().map(|version| {
        let breaker = api.host.breaker_state(&tenant.id, &version.digest);
        VersionStatsView::new(version, breaker.into())
    });
    Ok(Json(StatsView {
        plugin: plugin.name.clone(),
        scope: "process",
        versions: versions.collect(),
    }))
}

async fn logs(
    State(api): State<Api>,
    Acting(tenant): Acting,
    granted: Granted,
    id: Id,
    Params(query): Params<LogQuery>,
) -> Result<Json<LogsView>, Problem> {
    // A line does not say of which type its event is.
    granted.check_untyped()?;
    let limit = page::limit(query.limit)?;
    let cursor = query.cursor.as_deref().map(Place::read).transpose()?;
    let plugins = api.registry.plugins(&tenant.id).await?;
    let plugin = named(&plugins, &id.0)?;
    let Some(journal) = api.host.journal(&tenant.id, &plugin.name) else {
        return Ok(Json(LogsView {
            data: Vec::new(),
            next_cursor: Place::default().to_text(),
        }));
    };
    let wanted = Wanted {
        after: cursor.map(|place| place.within(&journal)),
        level: query.level.unwrap_or(LevelView::Trace).into(),
        limit,
    };
    let lines = journal.read(wanted);
    let next = Place {
        began_ms: journal.began_ms(),
        number: lines.next,
    };
    Ok(Json(LogsView {
        data: lines.entries.iter().map(LineView::from).collect(),
        next_cursor: next.to_text(),
    }))
}

/// Position in a log journal.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    began_ms: u64,
    number: u64,
}

impl Place {
    fn read(cursor: &str) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let place = text.as_deref().and_then(|text| {
            let (began, number) = text.strip_prefix(MARK)?.split_once('.')?;
            Some(Self {
                began_ms: began.parse().ok()?,
                number: number.parse().ok()?,
            })
        });
        place.ok_or_else(page::bad_cursor)
    }

    fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{MARK}{}.{}", self.began_ms, self.number))
    }

    /// Returns the number to go on after; 0, the beginning, for a journal that began later.
    fn within(self, journal: &LogBuffer) -> u64 {
        if self.began_ms == journal.began_ms() {
            self.number
        } else {
            0
        }
    }
}

impl VersionStatsView {
    fn new(seen: &Observation, breaker: BreakerView) -> Self {
        let counts = &seen.counts;
        let verdicts = counts.verdicts.iter();
        Self {
            version: seen.release.clone(),
            digest: seen.digest.clone(),
            since: at(seen.since_ms),
            calls: counts.calls(),
            verdicts: verdicts.map(|(said, count)| (said.word(), *count)).collect(),
            failures: counts.failures.iter().copied().collect(),
            time: TimeView::from(counts),
            bytes_in: counts.bytes_in,
            bytes_out: counts.bytes_out,
            breaker,
            breaker_opened: counts.breaker.0,
            last_call: counts.last_call_ms.map(at),
            last_failure: counts
                .last_failure
                .map(|(kind, at_ms)| LastFailureView { at: at(at_ms), kind }),
        }
    }
}

impl From<&CallCounts> for TimeView {
    fn from(counts: &CallCounts) -> Self {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            total_us: micros(counts.total),
            p50_us: counts.at_most(50).map(micros),
            p99_us: counts.at_most(99).map(micros),
            max_us: (counts.calls() > 0).then(|| micros(counts.longest)),
        }
    }
}

impl From<&Entry> for LineView {
    fn from(entry: &Entry) -> Self {
        let of = &entry.of;
        Self {
            at: at(of.at_ms),
            event: of.event.clone(),
            chain: of.subscription.clone().unwrap_or_else(|| "ingress".to_owned()),
            version: of.release.clone(),
            digest: of.digest.get(..12).unwrap_or(&of.digest).to_owned(),
            level: entry.line.level.into(),
            text: entry.line.text.clone(),
            dropped: entry.dropped,
        }
    }
}

impl From<Level> for LevelView {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl From<LevelView> for Level {
    fn from(level: LevelView) -> Self {
        match level {
            LevelView::Trace => Self::Trace,
            LevelView::Debug => Self::Debug,
            LevelView::Info => Self::Info,
            LevelView::Warn => Self::Warn,
            LevelView::Error => Self::Error,
        }
    }
}

fn at(at_ms: u64) -> String {
    text(Timestamp::from_millis(at_ms))
}

/// Prefix that marks the cursors of this list.
const MARK: &str = "log:";
