//! File of the sealing keys: replaced atomically, and never readable for other users.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hookgate_domain::Secret;
use hookgate_registry::seal::id_on_line;

/// Inserts a key before the others, and returns the file's new text.
pub(super) fn with_first(path: &Path, key: &Secret) -> io::Result<String> {
    let before = std::fs::read_to_string(path)?;
    replace(path, format!("{}\n{before}", key.reveal()))
}

/// Removes a key, and returns the file's new text.
pub(super) fn without(path: &Path, id: &str) -> io::Result<String> {
    let before = std::fs::read_to_string(path)?;
    let kept = before
        .lines()
        .filter(|line| id_on_line(line).as_deref() != Some(id));
    let text = kept.flat_map(|line| [line, "\n"]).collect();
    replace(path, text)
}

/// Replaces the file atomically: writes a draft, syncs it to the disk, and renames it.
///
/// The text is on the disk before anything is sealed with a new key in it.
pub(super) fn replace(path: &Path, text: String) -> io::Result<String> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut opened = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()?;
    std::fs::rename(&draft, path)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use hookgate_registry::seal::{Ring, new_key};

    #[test]
    fn keys_come_first_and_go_by_their_id() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets.key");
        let (old, new) = (new_key(), new_key());
        std::fs::write(&path, format!("# ours\n{}\n", old.reveal())).unwrap();
        let ids = |text: &str| -> Vec<String> {
            let ring: Ring = text.parse().unwrap();
            ring.ids().map(str::to_owned).collect()
        };
        let [old_id, new_id] = [&old, &new].map(|key| id_on_line(key.reveal()).unwrap());
        let both = with_first(&path, &new).unwrap();
        assert_eq!(ids(&both), [new_id.clone(), old_id.clone()]);
        let one = without(&path, &old_id).unwrap();
        assert_eq!(ids(&one), [new_id]);
        assert!(one.contains("# ours"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), one);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }
}
