//! Backups of the embedded store (operator only).

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::Api;
use super::describe::described;
use super::input::Operator;
use super::output::Accepted;
use super::views::text;
use crate::backup::{BackupError, Ended, Running, Status};
use crate::http::{Code, Problem};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route(
        "/v1/backup",
        post_with(
            begin,
            described(
                TAG,
                "beginBackup",
                "Begin a backup of the embedded store",
                "It goes on whoever waits for it, and beside everything else; the answer is its state as it begins.",
            ),
        )
        .get_with(
            show,
            described(
                TAG,
                "listBackups",
                "Backups: the one under way, the last one, and the files",
                "The files are on the gateway's machine. `hookgate restore` puts one in the place of a store.",
            ),
        ),
    )
}

/// Backups of the embedded store.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Backups")]
struct BackupsView {
    /// Directory of the backup files on the gateway's machine.
    directory: String,
    /// Backup in progress; `null` if there is none.
    running: Option<RunningView>,
    /// Last backup that ended since the gateway started; `null` if there is none.
    last: Option<EndedView>,
    /// Backup files, newest first.
    data: Vec<FileView>,
}

/// Backup in progress.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunningBackup")]
struct RunningView {
    /// Name that the backup file will have.
    name: String,
    /// Start time, RFC 3339.
    began: String,
    /// Bytes of rows copied so far.
    copied: u64,
}

/// Backup that has ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EndedBackup")]
struct EndedView {
    /// Name of the backup file.
    name: String,
    /// Start time, RFC 3339.
    began: String,
    /// End time, RFC 3339.
    ended: String,
    /// Reason for the failure, which left no file; `null` if the backup succeeded.
    error: Option<String>,
}

/// Backup file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BackupFile")]
struct FileView {
    /// File name, which contains the time of the backup.
    name: String,
    /// File size in bytes.
    bytes: u64,
}

async fn begin(State(api): State<Api>, _: Operator) -> Result<Accepted<BackupsView>, Problem> {
    let backups = api.backups.clone();
    let begun = blocking(move || backups.begin().and_then(|_| backups.status())).await?;
    Ok(Accepted(begun.into()))
}

async fn show(State(api): State<Api>, _: Operator) -> Result<Json<BackupsView>, Problem> {
    let backups = api.backups.clone();
    blocking(move || backups.status())
        .await
        .map(|status| Json(status.into()))
}

/// Accesses directories on the blocking thread pool, off the threads that serve requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| problem(&error)),
        Err(_) => Err(Problem::new(
            Code::InternalError,
            "The backups could not be looked at.",
        )),
    }
}

fn problem(error: &BackupError) -> Problem {
    let told = format!("No backup is begun: {error}.");
    match error {
        BackupError::NotEmbedded => Problem::new(Code::WrongState, told)
            .fix("Copy the append-only file or an RDB snapshot of Redis, as its documentation says."),
        BackupError::UnderWay(_) => {
            Problem::new(Code::WrongState, told).fix("Wait for its end: `GET /v1/backup` shows it.")
        }
        BackupError::NoRoom { .. } => Problem::new(Code::StoreFull, told)
            .fix("Make room on that disk, or set `backup.directory` to a directory on another one."),
        BackupError::Directory { .. } => Problem::new(Code::InternalError, told)
            .fix("Set `backup.directory` to a directory that the gateway's user may write."),
    }
}

impl From<Status> for BackupsView {
    fn from(status: Status) -> Self {
        let file = |file: crate::backup::BackupFile| FileView {
            name: file.name,
            bytes: file.bytes,
        };
        Self {
            directory: status.directory.display().to_string(),
            running: status.running.map(RunningView::from),
            last: status.last.map(EndedView::from),
            data: status.files.into_iter().map(file).collect(),
        }
    }
}

impl From<Running> for RunningView {
    fn from(running: Running) -> Self {
        Self {
            copied: running.pace.copied(),
            began: text(running.began),
            name: running.name,
        }
    }
}

impl From<Ended> for EndedView {
    fn from(ended: Ended) -> Self {
        Self {
            name: ended.name,
            began: text(ended.began),
            ended: text(ended.ended),
            error: ended.error,
        }
    }
}

const TAG: &str = "Backups";
