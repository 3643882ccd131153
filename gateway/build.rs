//! Lists the files to embed: the project that `hookgate plugin new` writes, with the SDK's sources, and
//! the built pages of the dashboard.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(out.join("project.rs"), project(&root)?)?;
    fs::write(out.join("pages.rs"), pages(&root)?)
}

/// Lists the files of the pages: `index.html` and those below `ui`, each with its compressed variants.
fn pages(root: &Path) -> io::Result<String> {
    let dist = root.join("ui/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let all = files(&dist)?;
    let named = all.iter().map(|file| (place(file, &dist), file.as_path()));
    list(
        "include_bytes",
        named.filter(|(name, _)| name.starts_with("ui/") || name.starts_with("index.html")),
    )
}

/// Lists every file of a new project with its path in the project.
fn project(root: &Path) -> io::Result<String> {
    let (template, sdk, wit) = (
        root.join("template/plugin"),
        root.join("../sdk/src"),
        root.join("../wit/plugin.wit"),
    );
    for watched in [&template, &sdk, &wit] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let own = files(&template)?;
    let own = own.iter().map(|file| (place(file, &template), file.as_path()));
    let vendored = files(&sdk)?;
    let vendored = vendored
        .iter()
        // The table of cases is in the repository only.
        .filter(|file| !file.ends_with("testing/cases.rs"))
        .map(|file| (format!("vendor/sdk/src/{}", place(file, &sdk)), file.as_path()));
    list(
        "include_str",
        own.chain(vendored)
            .chain([("vendor/wit/plugin.wit".to_owned(), wit.as_path())]),
    )
}

/// The path below a folder.
fn place(file: &Path, folder: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).display().to_string()
}

/// Source of a constant: names, and the files included under them.
fn list<'f>(include: &str, files: impl IntoIterator<Item = (String, &'f Path)>) -> io::Result<String> {
    let mut list = String::from("&[\n");
    for (name, path) in files {
        writeln!(list, "    ({name:?}, {include}!({path:?})),").map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    Ok(list)
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
