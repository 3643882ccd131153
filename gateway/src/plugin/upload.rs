//! What an upload is, before anything of it is compiled: a component of our world that imports only what is granted.

use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use super::config::Config;
use super::imports::wasi;
use super::log::escaped;
use crate::domain::units::Size;

/// An upload was refused, or could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It has too many bytes.
    #[error("the component has {bytes} bytes; at most {limit} are taken (`plugins.upload`)")]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        limit: Size,
    },
    /// It is no WebAssembly at all, or damaged.
    #[error("this is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It is a core module, which `wasm32-unknown-unknown` and `wasm32-wasip1` give.
    #[error(
        "this is a core WebAssembly module, not a component; build it with `cargo build --release --target wasm32-wasip2`"
    )]
    CoreModule,
    /// It is made for another version of our world.
    #[error(
        "built for `hookgate:plugin@{built_for}`; this gateway offers {offered}: build it with hookgate-sdk {offered}, or upload it \
         to a gateway that offers what it was built for"
    )]
    OtherVersion {
        /// The version that it names.
        built_for: String,
        /// The versions that are offered, as `0.1`.
        offered: &'static str,
    },
    /// It imports what no plugin is given.
    #[error("imports what plugins are not given: {}", .0.join(", "))]
    NotGranted(Vec<String>),
    /// It does not export what the gateway calls.
    #[error(
        "exports no `hookgate:plugin/handler@0.1.0`: it is a component, but not a plugin; see `hookgate_sdk::export!`"
    )]
    NoHandler,
    /// It is made of too many parts.
    #[error("has {count} {what}; at most {limit} are taken")]
    TooMany {
        /// Which parts.
        what: &'static str,
        /// How many.
        count: u64,
        /// How many there may be.
        limit: u64,
    },
    /// It does not compile within its limits, or not at all.
    #[error("cannot be compiled: {0}")]
    Compile(String),
    /// Its memories or tables are more or larger than the pool's slots.
    #[error("asks for more than a plugin may have (`plugins.memory`, `plugins.table_elements`): {0}")]
    Unfit(String),
    /// A function has another type than the world says.
    #[error("does not fit the world `hookgate:plugin/plugin@0.1.0`: {0}")]
    Mismatch(String),
    /// `describe` failed, or what it said cannot be taken.
    #[error("its `describe` {0}")]
    Describe(String),
    /// Nothing wrong with it: the gateway is too busy or is ending. To be tried again.
    #[error("the plugin host is busy; try again")]
    Busy,
    /// Nothing wrong with it: the gateway's own fault.
    #[error("the plugin host failed")]
    Host(#[source] std::io::Error),
}

/// What is seen of a component from outside.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
    modules: u64,
}

/// Checks an upload without compiling it; the interfaces that it imports, sorted.
///
/// # Errors
/// The first thing that is wrong with it.
pub(super) fn check(bytes: &[u8], config: &Config) -> Result<Vec<String>, UploadError> {
    let limit = config.upload;
    if bytes.len() > limit.bytes() {
        return Err(UploadError::TooLarge {
            bytes: bytes.len(),
            limit,
        });
    }
    let mut outline = outline(bytes)?;
    judge(&outline, config)?;
    outline.imports.sort();
    Ok(outline.imports)
}

/// Reads the sections of the component itself, not of those inside it.
fn outline(bytes: &[u8]) -> Result<Outline, UploadError> {
    let damaged = |error: wasmparser::BinaryReaderError| {
        UploadError::NotAComponent(escaped(&error.to_string(), TEXT_BYTES))
    };
    let mut outline = Outline::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return Err(UploadError::CoreModule),
            Payload::ModuleSection { .. } => {
                outline.modules += 1;
                depth += 1;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    outline
                        .imports
                        .push(import.map_err(damaged)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(damaged)?;
                    if export.kind == ComponentExternalKind::Instance {
                        outline.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(outline)
}

fn judge(outline: &Outline, config: &Config) -> Result<(), UploadError> {
    let names = outline.exports.iter().chain(&outline.imports);
    if let Some(version) = names
        .filter_map(|name| version(name))
        .find(|version| !offered(version))
    {
        return Err(UploadError::OtherVersion {
            built_for: escaped(version, NAME_BYTES),
            offered: OFFERED,
        });
    }
    let refused = outline.imports.iter().filter(|import| !granted(import));
    let refused: Vec<String> = refused
        .take(NAMES)
        .map(|name| escaped(name, NAME_BYTES))
        .collect();
    if !refused.is_empty() {
        return Err(UploadError::NotGranted(refused));
    }
    if !outline
        .exports
        .iter()
        .any(|export| export.starts_with("hookgate:plugin/handler@"))
    {
        return Err(UploadError::NoHandler);
    }
    let limit = u64::from(config.instances);
    if outline.modules > limit {
        return Err(UploadError::TooMany {
            what: "core modules",
            count: outline.modules,
            limit,
        });
    }
    Ok(())
}

/// The version of our package that a name is of, if it is of our package.
fn version(name: &str) -> Option<&str> {
    name.strip_prefix("hookgate:plugin/")?
        .split_once('@')
        .map(|(_, version)| version)
}

/// Before 1.0 a new minor version is another world; a new patch version adds to it.
fn offered(version: &str) -> bool {
    version
        .strip_prefix(OFFERED)
        .is_some_and(|patch| patch.starts_with('.'))
}

fn granted(import: &str) -> bool {
    let ours = import
        .strip_prefix("hookgate:plugin/")
        .and_then(|rest| rest.split_once('@'));
    match ours {
        Some((interface, _)) => INTERFACES.contains(&interface),
        None => wasi::granted(import).is_some(),
    }
}

/// What an upload's own words may take in a refusal.
pub(super) const TEXT_BYTES: usize = 1_024;
const NAME_BYTES: usize = 128;
const NAMES: usize = 16;
/// The version of the world, without its patch.
const OFFERED: &str = "0.1";
/// What the world `plugin` imports.
const INTERFACES: [&str; 5] = ["document", "log", "config", "clock", "types"];

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(imports: &[&str], exports: &[&str]) -> String {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let outline = Outline {
            imports: owned(imports),
            exports: owned(exports),
            modules: 1,
        };
        judge(&outline, &Config::default()).map_or_else(|error| error.to_string(), |()| "taken".to_owned())
    }

    #[test]
    fn what_an_upload_may_import_and_must_export() {
        const HANDLER: &str = "hookgate:plugin/handler@0.1.0";
        for (imports, exports, expected) in [
            (&[][..], &[HANDLER][..], "taken"),
            (
                &["hookgate:plugin/document@0.1.3", "wasi:io/streams@0.2.6"],
                &[HANDLER],
                "taken",
            ),
            (
                &["wasi:sockets/tcp@0.2.6", "wasi:cli/exit@0.2.6", "env"],
                &[HANDLER],
                "imports what plugins are not given: wasi:sockets/tcp@0.2.6, env",
            ),
            (
                &["hookgate:plugin/network@0.1.0"],
                &[HANDLER],
                "imports what plugins are not given: hookgate:plugin/network@0.1.0",
            ),
            (
                &["hookgate:plugin/document@2.0.0"],
                &["hookgate:plugin/handler@2.0.0"],
                "built for `hookgate:plugin@2.0.0`; this gateway offers 0.1: build it with hookgate-sdk 0.1, or upload it to a gateway that offers what it was built for",
            ),
            (
                &[],
                &["hookgate:plugin/handler@0.10.0"],
                "built for `hookgate:plugin@0.10.0`; this gateway offers 0.1: build it with hookgate-sdk 0.1, or upload it to a gateway that offers what it was built for",
            ),
            (
                &["wasi:cli/exit@0.2.6"],
                &["wasi:cli/run@0.2.6"],
                "exports no `hookgate:plugin/handler@0.1.0`: it is a component, but not a plugin; see `hookgate_sdk::export!`",
            ),
        ] {
            assert_eq!(verdict(imports, exports), expected);
        }
    }

    #[test]
    fn what_is_no_component() {
        let check = |bytes: &[u8]| check(bytes, &Config::default());
        assert!(matches!(check(b""), Err(UploadError::NotAComponent(_))));
        assert!(matches!(check(b"GIF89a"), Err(UploadError::NotAComponent(_))));
        assert!(matches!(check(b"\0asm\x01\0\0\0"), Err(UploadError::CoreModule)));
        assert!(matches!(
            check(&vec![0; (2 << 20) + 1]),
            Err(UploadError::TooLarge { .. })
        ));
        let many = format!("(component {})", "(core module)".repeat(17));
        let bytes = wat::parse_str(many).unwrap();
        assert!(matches!(check(&bytes), Err(UploadError::NoHandler)));
        let outline = outline(&bytes).unwrap();
        assert_eq!(
            outline,
            Outline {
                modules: 17,
                ..Outline::default()
            }
        );
    }
}
