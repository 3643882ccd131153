//! Compiling: the one step in which a stranger's bytes keep much code busy without a sandbox around it.
//!
//! So it is done in a process of its own, which has limits of memory and processor time, waits for the gateway where there is not enough
//! of it, has an empty environment, a pipe for the component and one for the machine code, and nothing else of the system (`sandbox`). The gateway's executable starts itself for it; `run_child` is its other end.

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

/// The hidden subcommand that makes the executable the compiling process. It is followed by the limits, bytes and
/// seconds, and by what the code is for; or by `probe`.
pub const SUBCOMMAND: &str = "internal-compile";

/// Where components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In a process of its own: this executable, started with [`SUBCOMMAND`].
    ChildProcess {
        /// The gateway's executable.
        exe: PathBuf,
    },
    /// In this process, without limits: for components that one trusts, as in tests.
    InProcess,
}

impl Compiler {
    /// The machine code of a component.
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
        // An allocator that reserves a gigabyte before the limit is set would have that much beyond it.
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

/// Writes the component and reads both outputs at the same time: whichever pipe is full never stops the others.
async fn talk(child: &mut Child, component: &[u8], most: u64) -> io::Result<(ExitStatus, Vec<u8>, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // A child that has ended already says why by its status.
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

/// The compiling process, whole: a component on standard input, its machine code on standard output, or what is wrong with it
/// on standard error. `arguments`: what follows the subcommand.
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

/// Why there is no machine code.
enum Stopped {
    /// The compiler noticed the limit in time; where it does not, the process aborts.
    OutOfMemory,
    /// The component is not what it should be.
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
    // What this machine lacks is told by `Confinement`, once and not at every compilation.
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

/// Limits on this process, which it cannot lift again. It writes no file, starts no process and leaves no core.
fn confine(memory: u64, seconds: u64) -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let address_space = memory.saturating_add(mapped_already());
    for (resource, soft, hard) in [
        (Resource::As, address_space, address_space),
        // The first says by which limit the process ended, the second ends it.
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

/// Address space that the process has before it does anything: the executable, and what the allocator reserves.
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

/// The child's exit code for a component that does not compile.
const REFUSED: u8 = 65;
/// What a machine that is busy gets beyond the processor time.
const GRACE: Duration = Duration::from_secs(5);
