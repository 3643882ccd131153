//! Secrets of the gateway, from the configuration, or made at the first start.
//!
//! Those that are made are stored in the data directory.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::config::{Config, SecretError};
use crate::keyring::Origin;
use hookgate_domain::Secret;
use hookgate_registry::seal::{SealError, new_key};
use hookgate_registry::{KEY_PREFIX, Sealer, new_api_key};
use hookgate_store::StoreUrl;

/// Secrets of the gateway.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    pub operator_key: Secret,
    /// Set when this start made the operator's key: it is to be shown, once.
    pub fresh: bool,
    pub sealer: Sealer,
    /// Source of the sealing keys.
    pub origin: Origin,
}

/// Error of reading or making the secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The data directory cannot be created.
    #[error("cannot make the data directory {}", dir.display())]
    DataDir {
        /// Path of the data directory.
        dir: PathBuf,
        /// Cause of the error.
        source: io::Error,
    },
    /// A secret cannot be written or read.
    #[error("cannot keep a secret in {}", file.display())]
    File {
        /// Path of the file.
        file: PathBuf,
        /// Cause of the error.
        source: io::Error,
    },
    /// The sealing keys are invalid.
    #[error("the sealing keys in {origin} cannot be used")]
    Sealing {
        /// Source of the keys: a configuration key or a file.
        origin: String,
        /// Cause of the error.
        source: SealError,
    },
    /// A secret is not where the configuration says.
    #[error(transparent)]
    Elsewhere(#[from] SecretError),
}

impl Secrets {
    /// Reads the secrets, or makes them.
    pub(super) fn prepare(config: &Config) -> Result<Self, SecretsError> {
        make_private_dir(&config.data_dir)?;
        if let StoreUrl::Embedded(dir) = config.store_url()
            && dir.is_dir()
        {
            make_private_dir(&dir)?;
        }
        let (operator_key, fresh) = match &config.auth.operator_key {
            Some(key) => (key.resolve()?, false),
            None => kept(&config.data_dir.join(OPERATOR_KEY), || new_api_key(KEY_PREFIX))?,
        };
        let (ring, origin, place) = match &config.auth.sealing_keys {
            Some(keys) => (
                keys.resolve()?,
                Origin::Configuration,
                "auth.sealing_keys".to_owned(),
            ),
            None => {
                let file = config.data_dir.join(SEALING_KEYS);
                let place = file.display().to_string();
                (kept(&file, new_key)?.0, Origin::File(file), place)
            }
        };
        let ring = ring.reveal().parse();
        let ring = ring.map_err(|source| SecretsError::Sealing {
            origin: place,
            source,
        })?;
        Ok(Self {
            operator_key,
            fresh,
            sealer: Sealer::new(ring),
            origin,
        })
    }
}

/// Returns the secret in a file, or a new one that is written there; `true` if it is new.
fn kept(file: &Path, make: impl FnOnce() -> Secret) -> Result<(Secret, bool), SecretsError> {
    let failed = |source| SecretsError::File {
        file: file.to_owned(),
        source,
    };
    if let Some(secret) = read(file).map_err(failed)? {
        return Ok((secret, false));
    }
    let secret = make();
    match write_new(file, &secret) {
        Ok(()) => Ok((secret, true)),
        // Another process was faster: its secret is the one.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(file).map_err(failed)? {
            Some(secret) => Ok((secret, false)),
            None => Err(failed(error)),
        },
        Err(error) => Err(failed(error)),
    }
}

fn read(file: &Path) -> io::Result<Option<Secret>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(Secret::new(text.trim_end()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a secret to a new file: a draft first, then under its name.
///
/// A crash leaves no incomplete secret, and an existing file is never replaced.
fn write_new(file: &Path, secret: &Secret) -> io::Result<()> {
    let draft = file.with_extension(format!("new-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut opened = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    writeln!(opened, "{}", secret.reveal())?;
    opened.sync_all()?;
    let linked = std::fs::hard_link(&draft, file);
    std::fs::remove_file(&draft)?;
    linked
}

fn make_private_dir(dir: &Path) -> Result<(), SecretsError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| close_to_others(dir))
        .map_err(|source| SecretsError::DataDir {
            dir: dir.to_owned(),
            source,
        })
}

/// Removes all access of other users to a directory that existed before.
///
/// Packages and volumes create such directories. A directory that also has other files is left
/// unchanged; the gateway's files in it are inaccessible for other users in any case.
fn close_to_others(dir: &Path) -> io::Result<()> {
    let permissions = std::fs::metadata(dir)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        if !OWN_NAMES.iter().any(|own| name == *own) {
            tracing::warn!(dir = %dir.display(), "data_dir.shared_with_others");
            return Ok(());
        }
    }
    tracing::warn!(dir = %dir.display(), "data_dir.closed_to_others");
    std::fs::set_permissions(dir, Permissions::from_mode(permissions.mode() & 0o700))
}

/// Names that the gateway and file systems create in a data directory and a store's directory.
const OWN_NAMES: &[&str] = &[
    "backups",
    "hookgate.redb.replaced",
    "hookgate.redb.restoring",
    OPERATOR_KEY,
    SEALING_KEYS,
    "compiled",
    "hookgate.redb",
    "in-flight",
    crate::keyring::KNOWN_STORES,
    "lock",
    "lost+found",
    "store",
];
/// Name of the file of an operator's key that was made by the gateway.
pub(super) const OPERATOR_KEY: &str = "operator.key";
const SEALING_KEYS: &str = "secrets.key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_directory_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("store")).unwrap();
        for open in [dir.path(), &dir.path().join("store")] {
            std::fs::set_permissions(open, Permissions::from_mode(0o755)).unwrap();
        }
        let config = Config {
            data_dir: dir.path().to_owned(),
            ..Config::default()
        };
        Secrets::prepare(&config).unwrap();
        for closed in [dir.path(), &dir.path().join("store")] {
            let mode = std::fs::metadata(closed).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", closed.display());
        }

        std::fs::write(dir.path().join("somebody-elses"), "").unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        Secrets::prepare(&config).unwrap();
        let mode = std::fs::metadata(dir.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "others' folders are left as they are");
    }

    #[test]
    fn made_once_kept_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: dir.path().join("data"),
            ..Config::default()
        };
        let first = Secrets::prepare(&config).unwrap();
        let second = Secrets::prepare(&config).unwrap();
        assert!(first.fresh && !second.fresh);
        assert_eq!(first.operator_key, second.operator_key);
        let sealed = first.sealer.seal("p", &Secret::new("s"));
        assert_eq!(second.sealer.open("p", &sealed), Ok(Secret::new("s")));
        for entry in std::fs::read_dir(&config.data_dir).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(
                entry.metadata().unwrap().permissions().mode() & 0o077,
                0,
                "{entry:?}"
            );
        }
    }

    #[test]
    fn a_ring_that_is_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: dir.path().to_owned(),
            ..Config::default()
        };
        std::fs::write(dir.path().join(SEALING_KEYS), "not a key\n").unwrap();
        let error = Secrets::prepare(&config).unwrap_err();
        assert!(error.to_string().contains("secrets.key"), "{error}");
    }
}
