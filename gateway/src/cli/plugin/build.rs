//! `hookgate plugin build`: compiles the project's crate to a component, checked like an upload.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;
use serde_json::{Value, json};

use super::local::Local;
use super::toolchain::{Toolchain, Way};
use crate::cli::output::{Failure, note, say};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory of the project.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// Compile only in this way; by default in one that this machine supports.
    #[arg(long, value_enum)]
    way: Option<Way>,
    /// Also copy the component to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Configuration with the limits (`plugins`).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Result of a build.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) component: PathBuf,
    words: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let limits = super::limits(arguments.config.clone())?;
    let built = project(&arguments.project, arguments.way)?;
    let loaded = super::block_on(async {
        let local = Local::start(limits)?;
        local.load(&built.component).await
    })?;
    if let Some(out) = &arguments.out {
        std::fs::copy(&built.component, out)
            .map_err(|error| Failure::of(&error).prefixed(&out.display().to_string()))?;
    }
    let (file, said) = (
        arguments.out.as_ref().unwrap_or(&built.component),
        &loaded.component.description,
    );
    if arguments.json {
        say(json!({
            "component": file, "name": said.name, "version": said.version, "summary": said.summary,
            "redacts": said.redacts, "digest": loaded.component.digest, "bytes": loaded.source.len(), "way": built.words,
        }));
        return Ok(());
    }
    say(file.display());
    say(format_args!("{} {}: {}", said.name, said.version, said.summary));
    say(format_args!(
        "{} bytes, sha256 {}",
        loaded.source.len(),
        loaded.component.digest
    ));
    say(format_args!("built with {}", built.words));
    Ok(())
}

/// Builds a project.
pub(super) fn project(dir: &Path, way: Option<Way>) -> Result<Built, Failure> {
    if !dir.join("Cargo.toml").is_file() {
        let failure = Failure::new(format!("there is no plugin's project in {}", dir.display()));
        return Err(failure
            .hint("`hookgate plugin new NAME` makes one; `--component FILE` takes a component as it is"));
    }
    let mut cargo = Toolchain::look().cargo(way)?;
    cargo
        .command
        .current_dir(dir)
        .args([
            "build",
            "--release",
            "--lib",
            "--message-format=json-render-diagnostics",
        ])
        .args(&cargo.arguments);
    if let Some(folder) = cargo.folder {
        cargo.command.arg(format!("--target-dir=target/{folder}"));
    }
    let ran = cargo
        .command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::of(&error).prefixed("cargo"))?;
    if !ran.status.success() {
        return Err(Failure::new("the plugin does not compile; cargo said why"));
    }
    let component = String::from_utf8_lossy(&ran.stdout)
        .lines()
        .rev()
        .find_map(component);
    let component = component.ok_or_else(|| {
        Failure::new("cargo made no component")
            .hint("Cargo.toml must say `crate-type = [\"cdylib\", \"rlib\"]` under [lib]")
    })?;
    note(format_args!("built {}", component.display()));
    Ok(Built {
        component,
        words: cargo.words,
    })
}

/// Component that a message of cargo names.
fn component(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let files = message["filenames"].as_array()?;
    let mut names = files.iter().filter_map(Value::as_str).rev();
    names.find(|name| name.ends_with(".wasm")).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_among_what_cargo_says() {
        let made =
            r#"{"reason":"compiler-artifact","filenames":["/t/libx.rlib","/t/x.wasm"],"executable":null}"#;
        assert_eq!(component(made), Some(PathBuf::from("/t/x.wasm")));
        for other in [
            "",
            "warning: x",
            r#"{"reason":"build-finished","success":true}"#,
            r#"{"filenames":["/t/libx.rlib"]}"#,
        ] {
            assert_eq!(component(other), None, "{other}");
        }
    }
}
