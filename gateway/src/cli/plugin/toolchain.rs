//! Toolchain of plugins on this machine: rustup's target `wasm32-wasip2`, or Debian's packages.
//! The latter serve where rustup's server cannot be reached.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::output::{Failure, note};

/// Compilation target of components.
pub(in crate::cli) const TARGET: &str = "wasm32-wasip2";
/// Packages that a build with Debian's toolchain needs.
pub(in crate::cli) const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "wasi-libc"];

/// Toolchain to compile with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Way {
    /// Rustup's target.
    Rustup,
    /// Debian's packages.
    Debian,
}

/// Cargo command for the target.
#[derive(Debug)]
pub(super) struct Cargo {
    pub(super) command: Command,
    /// Arguments after `build`: the target, and the source of its standard library.
    pub(super) arguments: Vec<String>,
    /// Description in words.
    pub(super) words: String,
    /// Output folder under the project's `target`; `None`: `target` itself.
    pub(super) folder: Option<&'static str>,
}

/// Toolchains found on this machine.
#[derive(Debug)]
pub(in crate::cli) struct Toolchain {
    /// Output of `rustc --version`, if there is one.
    pub(in crate::cli) rustc: Option<String>,
    pub(in crate::cli) cargo: Option<String>,
    pub(in crate::cli) rustup: bool,
    /// Set if rustup's target is installed.
    pub(in crate::cli) target: bool,
    /// Set if the linker is found where the Debian toolchain expects it.
    pub(in crate::cli) linker: bool,
    /// Missing packages of Debian; `None`: the system is not Debian.
    pub(in crate::cli) missing_packages: Option<Vec<&'static str>>,
    tools: PathBuf,
}

impl Toolchain {
    /// Searches this machine for toolchains.
    pub(in crate::cli) fn look() -> Self {
        let sysroot = said("rustc", &["--print", "sysroot"]).map(PathBuf::from);
        let verbose = said("rustc", &["--version", "--verbose"]).unwrap_or_default();
        let host = verbose.lines().find_map(|line| line.strip_prefix("host: "));
        let libraries = sysroot.unwrap_or_default().join("lib/rustlib");
        let tools = libraries.join(host.unwrap_or_default()).join("bin");
        Self {
            rustc: said("rustc", &["--version"]),
            cargo: said("cargo", &["--version"]),
            rustup: said("rustup", &["--version"]).is_some(),
            target: has_std(&libraries.join(TARGET).join("lib")),
            linker: tools.join("wasm-component-ld").is_file(),
            missing_packages: missing_packages(),
            tools,
        }
    }

    /// Returns `true` if a toolchain is usable now.
    pub(in crate::cli) fn compiles(&self) -> bool {
        self.target || self.debian()
    }

    fn debian(&self) -> bool {
        self.linker && self.missing_packages.as_ref().is_some_and(Vec::is_empty)
    }

    /// Ways to install a toolchain, the simplest first.
    pub(in crate::cli) fn fixes(&self) -> Vec<String> {
        let mut fixes = Vec::new();
        if self.cargo.is_none() || !(self.rustup || self.linker) {
            fixes.push("install Rust with rustup: https://rustup.rs".to_owned());
        }
        fixes.push(format!("rustup target add {TARGET}"));
        if let Some(missing) = self
            .missing_packages
            .as_ref()
            .filter(|missing| !missing.is_empty())
        {
            fixes.push(format!(
                "without rustup's server, as root: apt-get install --no-install-recommends {}",
                missing.join(" ")
            ));
        }
        fixes.push(format!(
            "without any network: copy lib/rustlib/{TARGET} of the same Rust version from another machine's \
             `rustc --print sysroot` to this one's"
        ));
        fixes
    }

    /// Command of the requested toolchain, else a usable one, else rustup after adding the target.
    pub(super) fn cargo(mut self, asked: Option<Way>) -> Result<Cargo, Failure> {
        let way = match asked {
            Some(way) => way,
            None if self.target || !self.debian() => Way::Rustup,
            None => Way::Debian,
        };
        match way {
            Way::Rustup if self.target || self.add_target() => Ok(self.by_rustup()),
            Way::Debian if self.debian() => self.by_debian(),
            Way::Rustup | Way::Debian => Err(self.missing()),
        }
    }

    fn add_target(&mut self) -> bool {
        if !self.rustup {
            return false;
        }
        note(format_args!("adding rustup's target {TARGET}"));
        let added = Command::new("rustup")
            .args(["--quiet", "target", "add", TARGET])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        self.target = added.is_ok_and(|status| status.success()) && Self::look().target;
        self.target
    }

    fn missing(&self) -> Failure {
        let failure = Failure::new(format!("nothing on this machine compiles to {TARGET}"));
        failure.hint(format!(
            "{}; `hookgate doctor` says more",
            self.fixes().join("; or ")
        ))
    }

    /// Rustup's command; the project's own `.cargo/config.toml` has the other settings.
    fn by_rustup(&self) -> Cargo {
        Cargo {
            command: Command::new("cargo"),
            arguments: vec![format!("--target={TARGET}")],
            words: format!("rustup's target, {}", self.rustc.as_deref().unwrap_or("rustc")),
            folder: None,
        }
    }

    /// Debian's command.
    /// Debian's compiler includes the sources of the standard library and builds it for the target;
    /// the linker is rustup's.
    fn by_debian(&self) -> Result<Cargo, Failure> {
        let rustc = packaged("rustc-web", "/bin/rustc")?;
        let libc = packaged("wasi-libc", "/libc.a")?;
        let libc = libc.parent().unwrap_or(Path::new("/")).display().to_string();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let tools = [self.tools.clone(), self.tools.join("gcc-ld")];
        let path = std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&path)));
        let mut command = Command::new(packaged("cargo-web", "/bin/cargo")?);
        command
            // Debian's compiler is a stable release; building the standard library needs this
            // switch.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", &rustc)
            .env("PATH", path.map_err(|error| Failure::of(&error))?)
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env(
                "RUSTFLAGS",
                format!("-C link-arg=-zstack-size={STACK_BYTES} -L native={libc}"),
            );
        Ok(Cargo {
            command,
            arguments: vec![
                format!("--target={TARGET}"),
                "-Zbuild-std=std,panic_abort".to_owned(),
            ],
            words: "Debian's rustc-web and cargo-web".to_owned(),
            folder: Some("debian"),
        })
    }
}

fn has_std(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("libstd-"))
}

fn missing_packages() -> Option<Vec<&'static str>> {
    let installed = |package: &&str| {
        let status = said("dpkg-query", &["-W", "-f", "${db:Status-Status}", package]);
        status.as_deref() == Some("installed")
    };
    said("dpkg", &["--version"])?;
    Some(
        DEBIAN_PACKAGES
            .into_iter()
            .filter(|package| !installed(package))
            .collect(),
    )
}

/// File of a Debian package whose path has this ending.
fn packaged(package: &str, ending: &str) -> Result<PathBuf, Failure> {
    let files = said("dpkg", &["-L", package]).unwrap_or_default();
    let found = files.lines().rfind(|path| path.ends_with(ending));
    found.map(PathBuf::from).ok_or_else(|| {
        Failure::new(format!(
            "Debian's package {package} has no file that ends in {ending}"
        ))
    })
}

/// Trimmed output of a successful command.
fn said(command: &str, arguments: &[&str]) -> Option<String> {
    let ran = Command::new(command)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(ran.stdout).ok()?;
    ran.status.success().then(|| text.trim().to_owned())
}

/// Small stack: the gateway creates a fresh instance for every event.
const STACK_BYTES: u32 = 65_536;
