//! Compiler process: compiles uploaded components under limits, outside the gateway's process.
//!
//! Compilation is the one step in which untrusted bytes drive much code without a sandbox around
//! it. It therefore runs in a separate process with limits of memory and processor time and a lower
//! scheduling priority than the gateway. That process has an empty environment, a pipe for the
//! component, a pipe for the machine code, and no other access to the system (`sandbox`). The
//! gateway's executable starts itself for it; `run_child` is the entry point of that process.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::config::Config;
use super::cpu_time::Rank;
use super::engine::{self, Purpose};
use super::log::escaped;
use super::sandbox;
use super::upload::{TEXT_BYTES, UploadError};

/// Hidden subcommand that makes the executable the compiler process.
///
/// Its arguments are the limits in bytes and seconds and the purpose of the code; or `probe`.
pub const SUBCOMMAND: &str = "internal-compile";

/// Place where components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In a child process: this executable, started with [`SUBCOMMAND`].
    ChildProcess {
        /// Path of the gateway's executable.
        exe: PathBuf,
    },
    /// In this process, without limits: for trusted components, as in tests.
    InProcess,
}

impl Compiler {
    /// Compiles a component to machine code.
    pub(super) async fn compile(
        &self,
        component: Bytes,
        purpose: Purpose,
        config: &Config,
    ) -> Result<Vec<u8>, UploadError> {
        match self {
            Self::ChildProcess { exe } => in_child(exe, &component, purpose, config).await,
            Self::InProcess => tokio::task::spawn_blocking(move || precompile(&component, purpose))
                .await
                .map_err(|error| UploadError::Host(error.into()))?
                .map_err(|error| UploadError::Compile(format!("{error:#}"))),
        }
    }
}

async fn in_child(
    exe: &PathBuf,
    component: &[u8],
    purpose: Purpose,
    config: &Config,
) -> Result<Vec<u8>, UploadError> {
    let limit = config.compile_time;
    let mut child = Command::new(exe)
        .arg(SUBCOMMAND)
        .arg(config.compile_memory.bytes().to_string())
        .arg(limit.get().as_secs().max(1).to_string())
        .arg(purpose.suffix())
        .env_clear()
        // An allocator that reserves a gigabyte before the limit is set would get that much on top
        // of it.
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(UploadError::Host)?;
    let talk = talk(&mut child, component, config.compile_memory.bytes() as u64);
    let ended = tokio::time::timeout(limit.get() + GRACE, talk).await;
    let Ok(ended) = ended else {
        return Err(UploadError::Compile(format!(
            "it took longer than {limit} (`{}`)",
            config.key("compile_time")
        )));
    };
    let (status, code, said) = ended.map_err(UploadError::Host)?;
    match status.code() {
        Some(0) => Ok(code),
        Some(code) if code == i32::from(REFUSED) => Err(UploadError::Compile(escaped(&said, TEXT_BYTES))),
        _ => Err(UploadError::Compile(over_limits(status, config))),
    }
}

fn over_limits(status: ExitStatus, config: &Config) -> String {
    format!(
        "the compiler ended with {status}; it may use {} of memory (`{}`) and {} of processor time (`{}`)",
        config.compile_memory,
        config.key("compile_memory"),
        config.compile_time,
        config.key("compile_time"),
    )
}

/// Writes the component and reads both outputs concurrently: no full pipe blocks the others.
async fn talk(child: &mut Child, component: &[u8], most: u64) -> io::Result<(ExitStatus, Vec<u8>, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // The exit status of a child that has already ended gives the reason.
            let _ = stdin.write_all(component).await;
        }
    };
    let ((), code, said) = tokio::join!(give, all(stdout, most), all(stderr, 4_096));
    let status = child.wait().await?;
    Ok((status, code?, String::from_utf8_lossy(&said?).trim().to_owned()))
}

async fn all(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Runs the compiler process. `arguments`: those after the subcommand.
///
/// Reads a component from standard input; writes its machine code to standard output, or an error
/// message to standard error.
pub fn run_child(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    match child(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stopped::OutOfMemory) => ExitCode::FAILURE,
        Err(Stopped::Refused(wrong)) => {
            let _ = writeln!(io::stderr(), "{wrong}");
            ExitCode::from(REFUSED)
        }
    }
}

/// Reason for missing machine code.
enum Stopped {
    /// The compiler noticed the memory limit in time; otherwise the process aborts.
    OutOfMemory,
    /// The component is invalid.
    Refused(String),
}

impl From<wasmtime::Error> for Stopped {
    fn from(error: wasmtime::Error) -> Self {
        if error.is::<wasmtime::OutOfMemory>() {
            return Self::OutOfMemory;
        }
        Self::Refused(format!("{error:#}"))
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::OutOfMemory => Self::OutOfMemory,
            _ => Self::Refused(error.to_string()),
        }
    }
}

fn child(arguments: impl IntoIterator<Item = String>) -> Result<(), Stopped> {
    let arguments: Vec<String> = arguments.into_iter().collect();
    if arguments == [sandbox::PROBE] {
        return Ok(sandbox::probe()?);
    }
    let Some((memory, seconds, purpose)) = asked(arguments) else {
        let wrong = format!(
            "`{SUBCOMMAND}` is for the gateway itself: it takes bytes, seconds and what the code is for"
        );
        return Err(Stopped::Refused(wrong));
    };
    Rank::Background.take();
    confine(memory, seconds).map_err(|error| Stopped::Refused(format!("cannot set limits: {error}")))?;
    // `Confinement` reports missing mechanisms once, rather than at every compilation.
    let _ = sandbox::enter();
    let mut component = Vec::new();
    io::stdin().read_to_end(&mut component)?;
    let code = precompile(&component, purpose)?;
    Ok(io::stdout().write_all(&code)?)
}

fn asked(arguments: impl IntoIterator<Item = String>) -> Option<(u64, u64, Purpose)> {
    let mut arguments = arguments.into_iter();
    let mut figure = || arguments.next()?.parse::<u64>().ok();
    let (memory, seconds) = (figure()?, figure()?);
    Some((memory, seconds, Purpose::of_suffix(&arguments.next()?)?))
}

/// Sets irrevocable limits on this process: no file writes, no new processes, no core dump.
fn confine(memory: u64, seconds: u64) -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let address_space = memory.saturating_add(mapped_already());
    for (resource, soft, hard) in [
        (Resource::As, address_space, address_space),
        // The soft limit lets the parent see the cause, the hard limit kills the process.
        (Resource::Cpu, seconds, seconds.saturating_add(1)),
        (Resource::Core, 0, 0),
        (Resource::Fsize, 0, 0),
        (Resource::Nproc, 0, 0),
    ] {
        let limit = Rlimit {
            current: Some(soft),
            maximum: Some(hard),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Address space mapped before compilation: the executable and the allocator's reservation.
fn mapped_already() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .next()
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages.saturating_mul(rustix::param::page_size() as u64)
}

fn precompile(component: &[u8], purpose: Purpose) -> wasmtime::Result<Vec<u8>> {
    engine::compiling(purpose).and_then(|engine| engine.precompile_component(component))
}

/// Exit code of the child for a component that does not compile.
const REFUSED: u8 = 65;
/// Wall time that a child gets beyond its processor time, for busy machines.
const GRACE: Duration = Duration::from_secs(5);
