//! File of contexts: `hookgate/contexts.toml` in the user's configuration directory, readable for
//! its owner only.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::output::Failure;

/// Contexts by name. Holds keys: no type here has `Debug`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contexts {
    /// Name of the context that is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// All contexts.
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

/// Gateway, key and tenant of commands that do not name them.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Context {
    /// URL of the gateway.
    pub url: String,
    /// Certificate authorities (PEM) to trust beside the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Tenant that the operator acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// API key of a tenant, or the operator's.
    pub key: String,
}

impl Contexts {
    /// Reads the file; without a file there are no contexts.
    ///
    /// # Errors
    /// A file that others can read, that is no file of contexts, or that cannot be read.
    pub fn read() -> Result<Self, Failure> {
        let Some(path) = path() else {
            return Ok(Self::default());
        };
        let failed = |error: &io::Error| Failure::of(error).prefixed(&path.display().to_string());
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(&error)),
        };
        let mode = file
            .metadata()
            .map_err(|error| failed(&error))?
            .permissions()
            .mode();
        if mode & OF_OTHERS != 0 {
            let shown = path.display();
            let failure = Failure::new(format!("{shown} has keys and others may read or write it"));
            return Err(failure.misconfigured().hint(format!("chmod 600 {shown}")));
        }
        let mut text = String::new();
        file.take(LARGEST)
            .read_to_string(&mut text)
            .map_err(|error| failed(&error))?;
        toml_edit::de::from_str(&text).map_err(|error| {
            // Its message alone: the lines that it would show have keys.
            let failure = Failure::new(format!("{}: {}", path.display(), error.message()));
            failure.misconfigured()
        })
    }

    /// Replaces the file, which only its owner may read.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self) -> Result<PathBuf, Failure> {
        let Some(path) = path() else {
            let failure = Failure::new("there is no home directory for the contexts");
            return Err(failure.misconfigured().hint("set HOME or XDG_CONFIG_HOME"));
        };
        let text = toml_edit::ser::to_string_pretty(self).map_err(|error| Failure::of(&error))?;
        write(&path, &text).map_err(|error| Failure::of(&error).prefixed(&path.display().to_string()))?;
        Ok(path)
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let partly = dir.join(format!(".contexts.{}", std::process::id()));
    let _ = fs::remove_file(&partly);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partly)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(&partly, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&partly);
    }
    renamed
}

/// Path of the file (XDG Base Directory Specification); `None`: there is no home directory.
fn path() -> Option<PathBuf> {
    let named = |name: &str| {
        let dir = PathBuf::from(std::env::var_os(name)?);
        dir.is_absolute().then_some(dir)
    };
    let config = named("XDG_CONFIG_HOME").or_else(|| Some(named("HOME")?.join(".config")))?;
    Some(config.join("hookgate/contexts.toml"))
}

/// Permission bits of the group and of others.
const OF_OTHERS: u32 = 0o077;
/// Maximum size of the file in bytes.
const LARGEST: u64 = 1 << 20;
