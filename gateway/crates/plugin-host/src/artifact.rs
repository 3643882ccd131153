//! Compiled components on disk, written once, each under a MAC.
//!
//! The file name contains the digest of the component and the revision of the compiler. An artifact
//! is machine code that this process runs outside every sandbox. [`Artifacts`] reads artifacts only
//! from the directory that the gateway alone writes, and accepts one only if its MAC shows that a
//! gateway with the same secret wrote it.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::engine::{Purpose, REVISION};
use hookgate_domain::Timestamp;

/// Artifact directory and the key of the MACs.
#[derive(Clone)]
pub struct Artifacts {
    directory: PathBuf,
    key: [u8; 32],
    /// Revision of the compiler, with the purpose of its code.
    revision: String,
}

/// Machine code with a verified MAC, or fresh output of the compiler.
pub(super) struct Artifact(Vec<u8>);

impl Artifacts {
    /// Creates a store of artifacts in this directory, which need not exist yet.
    ///
    /// `key` must be as secret as the gateway's other secrets.
    pub fn new(directory: PathBuf, key: [u8; 32]) -> Self {
        Self {
            directory,
            key,
            revision: REVISION.to_owned(),
        }
    }

    /// Returns the store of artifacts for another purpose, in the same directory.
    pub(super) fn made_for(&self, purpose: Purpose) -> Self {
        Self {
            revision: format!("{REVISION}{}", purpose.suffix()),
            ..self.clone()
        }
    }

    /// Reads the artifact of a component, if there is one with a valid MAC. Blocks.
    pub(super) fn get(&self, digest: &str) -> Option<Artifact> {
        let file = fs::read(self.path(digest)).ok()?;
        let (mac, code) = file.split_at_checked(MAC_BYTES)?;
        self.mac(digest, code).verify_slice(mac).ok()?;
        Some(Artifact(code.to_vec()))
    }

    /// Stores the machine code of a component. Blocks.
    pub(super) fn put(&self, digest: &str, code: Vec<u8>) -> io::Result<Artifact> {
        fs::create_dir_all(&self.directory)?;
        let path = self.path(digest);
        // Others may be making the same artifact: in this process, and in those that share the directory.
        let number = UNFINISHED.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!("{}-{number}.new", std::process::id()));
        write(
            &unfinished,
            &self.mac(digest, &code).finalize().into_bytes(),
            &code,
        )?;
        fs::rename(&unfinished, &path)?;
        Ok(Artifact(code))
    }

    /// Removes artifacts that were not used for `keep`; returns the number of removed files.
    /// Blocks.
    ///
    /// Covers artifacts of components that are not in use, artifacts of other compilers, and
    /// unfinished files. Artifacts that are in use get `now` as their time of last use.
    pub(super) fn sweep(
        &self,
        in_use: &HashSet<String>,
        now: Timestamp,
        keep: Duration,
    ) -> io::Result<usize> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros(now.as_micros());
        let mut gone = 0;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let (digest, made_by) = name.split_once('-').unwrap_or((&name, ""));
            let ours = made_by.starts_with(REVISION) && made_by.ends_with(SUFFIX);
            if ours && in_use.contains(digest) {
                fs::File::options()
                    .write(true)
                    .open(entry.path())?
                    .set_modified(now)?;
                continue;
            }
            let wanted = entry.metadata()?.modified()?;
            if now.duration_since(wanted).is_ok_and(|unwanted| unwanted > keep) {
                fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.directory.join(format!("{digest}-{}{SUFFIX}", self.revision))
    }

    fn mac(&self, digest: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        // Neither the revision nor a digest contains a zero byte.
        for part in [b"plugin artifact", self.revision.as_bytes(), digest.as_bytes()] {
            mac.update(part);
            mac.update(&[0]);
        }
        mac.update(code);
        mac
    }
}

impl Artifact {
    pub(super) fn code(&self) -> &[u8] {
        &self.0
    }
}

/// Omits the key.
impl std::fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Artifacts")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

fn write(path: &Path, mac: &[u8], code: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(mac)?;
    file.write_all(code)?;
    file.sync_all()
}

/// Number of the next unfinished file of this process.
static UNFINISHED: AtomicU64 = AtomicU64::new(0);
const MAC_BYTES: usize = 32;
const SUFFIX: &str = ".cwasm";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_under_the_same_name_with_the_same_key_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(directory.path().join("made"), [1; 32]);
        assert!(artifacts.get("a").is_none());
        artifacts.put("a", b"code".to_vec()).unwrap();
        assert_eq!(artifacts.get("a").unwrap().code(), b"code");

        let other_key = Artifacts::new(directory.path().join("made"), [2; 32]);
        assert!(other_key.get("a").is_none(), "another key");

        fs::copy(artifacts.path("a"), artifacts.path("b")).unwrap();
        assert!(artifacts.get("b").is_none(), "another component's");

        let mut bytes = fs::read(artifacts.path("a")).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(artifacts.path("a"), &bytes).unwrap();
        assert!(artifacts.get("a").is_none(), "a changed byte");
        artifacts.put("a", b"code".to_vec()).unwrap();
        for purpose in [Purpose::Large, Purpose::Fuel] {
            let other = artifacts.made_for(purpose);
            fs::copy(artifacts.path("a"), other.path("a")).unwrap();
            assert!(other.get("a").is_none(), "code for another purpose");
        }
        fs::write(artifacts.path("a"), b"short").unwrap();
        assert!(artifacts.get("a").is_none(), "cut");
    }

    #[test]
    fn artifact_can_be_made_by_several_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(directory.path().to_owned(), [1; 32]);
        let code = vec![7; 1 << 16];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        artifacts.put("a", code.clone()).unwrap();
                    }
                });
            }
        });
        assert_eq!(artifacts.get("a").unwrap().code(), code);
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing unfinished"
        );
    }

    #[test]
    fn what_nobody_wanted_for_long_goes() {
        let directory = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(directory.path().to_owned(), [1; 32]);
        for digest in ["used", "unused"] {
            artifacts.put(digest, b"code".to_vec()).unwrap();
            artifacts
                .made_for(Purpose::Fuel)
                .put(digest, b"code".to_vec())
                .unwrap();
        }
        fs::write(directory.path().join("used-48.0.0-old.cwasm"), b"x").unwrap();
        fs::write(directory.path().join("used-x.77.new"), b"x").unwrap();
        let in_use = HashSet::from(["used".to_owned()]);
        let made = fs::metadata(artifacts.path("used")).unwrap().modified().unwrap();
        let made = made.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let hour = Duration::from_secs(3_600);
        let at = |after: Duration| Timestamp::from_micros(u64::try_from((made + after).as_micros()).unwrap());
        assert_eq!(artifacts.sweep(&in_use, at(hour), 2 * hour).unwrap(), 0);
        assert_eq!(artifacts.sweep(&in_use, at(3 * hour), 2 * hour).unwrap(), 4);
        assert!(artifacts.get("used").is_some() && artifacts.get("unused").is_none());
        // It was wanted three hours after it was made.
        assert_eq!(
            artifacts.sweep(&HashSet::new(), at(4 * hour), 2 * hour).unwrap(),
            0
        );
        assert_eq!(
            artifacts.sweep(&HashSet::new(), at(6 * hour), 2 * hour).unwrap(),
            2
        );
        let nowhere = Artifacts::new(directory.path().join("none"), [1; 32]);
        assert_eq!(nowhere.sweep(&in_use, at(hour), hour).unwrap(), 0);
    }
}
