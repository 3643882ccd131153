//! `hookgate export`: the registry of a running gateway as a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use super::access::AsOperator;
use super::client::Client;
use super::output::{Failure, Progress, note, say};
use super::{apply, block_on};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this tenant, for which a key of it with the scope `manage` suffices; all by default.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Output file, readable only by its owner; the standard output by default. The file has
    /// secrets.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Directory to write tenant files to in place of the document, for
    /// `hookgate apply`: with the chains, and without secrets, keys and values of headers.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "json"])]
    dir: Option<PathBuf>,
    #[command(flatten)]
    gateway: Gateway,
    /// Print a summary as JSON; with `--output`.
    #[arg(long, requires = "output")]
    json: bool,
}

/// Arguments that select the gateway and the key.
#[derive(Debug, Args)]
pub(super) struct Gateway {
    #[command(flatten)]
    operator: AsOperator,
}

impl Gateway {
    pub(super) fn client(&self, tenant: Option<&str>) -> Result<Client, Failure> {
        Ok(self.operator.client()?.acting_for(tenant))
    }
}

/// Summary of an export.
struct Written {
    rows: u64,
    bytes: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(dir) = &arguments.dir {
        return block_on(write_files(arguments, dir));
    }
    if arguments.output.is_none() && io::stdout().is_terminal() {
        let failure = Failure::new("the document holds secrets, and is not shown on a terminal");
        return Err(failure.hint("give a file with `--output FILE`, or a pipe"));
    }
    block_on(export(arguments))
}

async fn write_files(arguments: &Arguments, dir: &Path) -> Result<(), Failure> {
    let only = arguments.tenant.as_deref();
    let count = apply::export(&arguments.gateway.client(None)?, only, dir).await?;
    let tenants = if count == 1 { "tenant is" } else { "tenants are" };
    say(format_args!("{count} {tenants} written to {}", dir.display()));
    Ok(())
}

async fn export(arguments: &Arguments) -> Result<(), Failure> {
    let client = arguments.gateway.client(arguments.tenant.as_deref())?;
    let path = match arguments.tenant {
        Some(_) => "/v1/export",
        None => "/v1/export/all",
    };
    let body = client.open(path).await?;
    let Some(output) = &arguments.output else {
        let written = write(body, io::stdout().lock()).await?;
        note(format_args!("{} rows", written.rows));
        return Ok(());
    };
    // The output gets its final name only when it is complete.
    let partly = partly(output);
    let written = write_file(body, &partly, output).await;
    if written.is_err() {
        let _ = fs::remove_file(&partly);
    }
    let Written { rows, bytes } = written?;
    if arguments.json {
        say(json!({ "file": output, "rows": rows, "bytes": bytes }));
    } else {
        say(format_args!(
            "{rows} rows ({bytes} bytes) in {}; the file holds secrets",
            output.display()
        ));
    }
    Ok(())
}

fn partly(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

async fn write_file(body: Incoming, partly: &Path, output: &Path) -> Result<Written, Failure> {
    let failed = |error: &io::Error, file: &Path| Failure::of(error).prefixed(&file.display().to_string());
    let _ = fs::remove_file(partly);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(PRIVATE);
    let file = options.open(partly).map_err(|error| failed(&error, partly))?;
    let mut writer = io::BufWriter::new(file);
    let written = write(body, &mut writer).await?;
    let synced = writer.into_inner().map_err(io::IntoInnerError::into_error);
    let synced = synced.and_then(|file: File| file.sync_all());
    synced.map_err(|error| failed(&error, partly))?;
    fs::rename(partly, output).map_err(|error| failed(&error, output))?;
    Ok(written)
}

/// Streams a document to the output, and checks that it is complete.
async fn write(mut body: Incoming, mut to: impl Write) -> Result<Written, Failure> {
    let mut progress = Progress::new();
    let mut written = Written { rows: 0, bytes: 0 };
    let (mut line, mut last) = (Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::of(&error).prefixed("the document was cut off"))?;
        let Ok(data) = frame.into_data() else { continue };
        to.write_all(&data).map_err(|error| Failure::of(&error))?;
        written.bytes += data.len() as u64;
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                last = std::mem::take(&mut line);
                written.rows += 1;
            }
        }
        progress.show(format_args!("{} rows", written.rows));
    }
    to.flush().map_err(|error| Failure::of(&error))?;
    progress.end();
    // Without the first and the last line.
    written.rows = written.rows.saturating_sub(2);
    let end: Option<End> = serde_json::from_slice(&last).ok();
    match end {
        Some(end) if end.kind == "end" && end.rows == written.rows => Ok(written),
        _ => Err(Failure::new("the document was cut off before its last line")
            .hint("export again; does the gateway stop, or a proxy between you and it?")),
    }
}

/// Last line of a document.
#[derive(Deserialize)]
pub(super) struct End {
    pub(super) kind: String,
    pub(super) rows: u64,
}

/// File mode: readable and writable for its owner only.
const PRIVATE: u32 = 0o600;
