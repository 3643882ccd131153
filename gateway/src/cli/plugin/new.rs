//! `hookgate plugin new`: writes a project that builds and tests at once.
//! It also builds offline: the SDK is included and needs no other crate.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::output::{Failure, say};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the plugin: 1 to 63 of `a-z 0-9 -`, a letter first. With `--update`: the project's
    /// directory.
    name: String,
    /// Language of the project.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// Directory of the project; by default the plugin's name.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only replace the SDK in an existing project (`vendor`) by this hookgate's.
    #[arg(long)]
    update: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Rust,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Language::Rust = arguments.lang;
    if arguments.update {
        return update(Path::new(&arguments.name));
    }
    let name = &arguments.name;
    if !is_name(name) {
        let failure = Failure::new(format!("`{name}` cannot be a plugin's name"));
        return Err(failure.hint("1 to 63 of a-z, 0-9 and -, a letter first; for example `drop-drafts`"));
    }
    let dir = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    if dir.join("Cargo.toml").exists() {
        let failure = Failure::new(format!("{} is a project already", dir.display()));
        return Err(failure.hint("choose another name or `--dir`; `--update` brings its SDK up to date"));
    }
    for (place, text) in FILES {
        let text = if place.starts_with(VENDOR) {
            (*text).to_owned()
        } else {
            named(text, name)
        };
        write(&dir.join(dotted(place)), &text)?;
    }
    write(&dir.join("vendor/sdk/Cargo.toml"), SDK_MANIFEST)?;
    say(format_args!("{} is made. Next:\n", dir.display()));
    say(format_args!("    cd {}", dir.display()));
    say("    cargo test             # its tests, natively");
    say("    hookgate plugin test   # its cases, through the component");
    Ok(())
}

fn update(dir: &Path) -> Result<(), Failure> {
    if !dir.join(VENDOR).is_dir() {
        let failure = Failure::new(format!("{} has no SDK of `hookgate plugin new`", dir.display()));
        return Err(failure.hint("give the project's directory: `hookgate plugin new --update .`"));
    }
    let vendor = dir.join(VENDOR);
    std::fs::remove_dir_all(&vendor).map_err(|error| failed(&vendor, &error))?;
    for (place, text) in FILES.iter().filter(|(place, _)| place.starts_with(VENDOR)) {
        write(&dir.join(place), text)?;
    }
    write(&dir.join("vendor/sdk/Cargo.toml"), SDK_MANIFEST)?;
    say(format_args!(
        "{} has the SDK {}",
        dir.display(),
        env!("CARGO_PKG_VERSION")
    ));
    Ok(())
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    first && name.len() <= 63 && name.bytes().all(plain) && !name.ends_with('-')
}

/// Template text with the plugin's name in place of the template's.
fn named(text: &str, name: &str) -> String {
    text.replace("plugin-name", name)
        .replace("PluginName", &type_name(name))
}

/// Converts `drop-drafts` to `DropDrafts`.
fn type_name(name: &str) -> String {
    let words = name.split('-').filter(|word| !word.is_empty());
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    words.map(capital).collect()
}

/// Restores a template's `.gitignore`: under its real name, git would apply it to the repository.
fn dotted(place: &str) -> &str {
    if place == "gitignore" { ".gitignore" } else { place }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    std::fs::write(path, text).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(error).prefixed(&path.display().to_string())
}

/// Files of a project: paths and texts.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/project.rs"));
const VENDOR: &str = "vendor";

/// SDK manifest with values that it takes from the workspace in the repository.
const SDK_MANIFEST: &str = concat!(
    "[package]\nname = \"hookgate-sdk\"\nversion = \"",
    env!("CARGO_PKG_VERSION"),
    "\"\nedition = \"2024\"\nlicense = \"Apache-2.0\"\npublish = false\n"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("drop-drafts", Some("DropDrafts")),
            ("a", Some("A")),
            ("v2-x--y", Some("V2XY")),
            ("", None),
            ("2fast", None),
            ("Drop", None),
            ("drop_drafts", None),
            ("drop-", None),
            ("../x", None),
        ] {
            assert_eq!(
                is_name(name).then(|| type_name(name)).as_deref(),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn the_project_has_all_that_it_needs() {
        let places: Vec<_> = FILES.iter().map(|(place, _)| *place).collect();
        for place in [
            "Cargo.toml",
            "src/lib.rs",
            "README.md",
            "gitignore",
            "vendor/sdk/src/lib.rs",
            "vendor/wit/plugin.wit",
        ] {
            assert!(places.contains(&place), "{place} is not in {places:?}");
        }
        assert!(
            !SDK_MANIFEST.contains("dependencies"),
            "it builds without any other crate"
        );
    }
}
