//! Upload check, before compilation: a component of the plugin world that imports only granted
//! interfaces.

use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use super::class::Class;
use super::config::Config;
use super::imports::wasi;
use super::log::escaped;
use hookgate_domain::units::Size;

/// Reason for refusing an upload, or for failing to prepare it.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The upload is too large.
    #[error("the component has {bytes} bytes; at most {limit} are taken (`{table}.upload`)")]
    TooLarge {
        /// Size of the upload, in bytes.
        bytes: usize,
        /// Maximum size.
        limit: Size,
        /// Configuration table of the limit.
        table: &'static str,
    },
    /// The upload is not WebAssembly, or is damaged.
    #[error("this is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It is a core module, as built by `wasm32-unknown-unknown` and `wasm32-wasip1`.
    #[error(
        "this is a core WebAssembly module, not a component; build it with `cargo build --release --target wasm32-wasip2`"
    )]
    CoreModule,
    /// It is built for another version of the world.
    #[error(
        "built for `hookgate:plugin@{built_for}`; this gateway offers {offered}: build it with hookgate-sdk {offered}, or upload it \
         to a gateway that offers what it was built for"
    )]
    OtherVersion {
        /// Version that the component names.
        built_for: String,
        /// Supported versions, as `0.1`.
        offered: &'static str,
    },
    /// It imports interfaces that are not granted.
    #[error("imports what plugins are not given: {}", .0.join(", "))]
    NotGranted(Vec<String>),
    /// It does not export the handler interface.
    #[error(
        "exports no `hookgate:plugin/handler@0.1.0`: it is a component, but not a plugin; see `hookgate_sdk::export!`"
    )]
    NoHandler,
    /// It has too many parts.
    #[error("has {count} {what}; at most {limit} are taken")]
    TooMany {
        /// Kind of the parts.
        what: &'static str,
        /// Number of parts.
        count: u64,
        /// Maximum number.
        limit: u64,
    },
    /// It does not compile within the limits, or at all.
    #[error("cannot be compiled: {0}")]
    Compile(String),
    /// Its memories or tables are more or larger than the pool's slots.
    #[error("asks for more than a plugin may have (`{table}.memory`, `{table}.table_elements`): {said}")]
    Unfit {
        /// Configuration table of the limits.
        table: &'static str,
        /// Message of the engine.
        said: String,
    },
    /// A function has another type than in the world.
    #[error("does not fit the world `hookgate:plugin/plugin@0.1.0`: {0}")]
    Mismatch(String),
    /// `describe` failed, or its result is not acceptable.
    #[error("its `describe` {0}")]
    Describe(String),
    /// The gateway is too busy or is ending. The upload may be valid; try again.
    #[error("the plugin host is busy; try again")]
    Busy,
    /// The gateway failed. The upload may be valid.
    #[error("the plugin host failed")]
    Host(#[source] std::io::Error),
}

impl UploadError {
    /// Returns `true` if the upload may be valid and should be tried again.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy)
    }

    /// Returns `true` if the upload may be valid and the gateway failed.
    pub fn is_the_hosts(&self) -> bool {
        matches!(self, Self::Host(_))
    }
}

/// Outline of a component, read without compiling it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
    modules: u64,
    /// Bytes of initial data in its memories.
    data: u64,
    /// Initial size of its largest memory, in bytes.
    memory: u64,
}

/// An upload that passed the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    /// Imported interfaces, sorted.
    pub(super) imports: Vec<String>,
    /// Class whose limits apply.
    pub(super) class: Class,
}

/// Checks an upload without compiling it.
///
/// # Errors
/// The first problem found.
pub(super) fn check(bytes: &[u8], config: &Config) -> Result<Checked, UploadError> {
    let limit = config.largest_upload();
    if bytes.len() > limit.bytes() {
        return Err(UploadError::TooLarge {
            bytes: bytes.len(),
            limit,
            table: config.largest().table(),
        });
    }
    let mut outline = outline(bytes)?;
    let class = class(bytes.len(), &outline, config);
    judge(&outline, &config.of(class))?;
    outline.imports.sort();
    Ok(Checked {
        imports: outline.imports,
        class,
    })
}

/// Decides the class of a component.
///
/// Large: a component over the limits of small ones, or with so much data that copying it would
/// take longer than mapping it.
fn class(bytes: usize, outline: &Outline, config: &Config) -> Class {
    let over = |figure: u64, limit: Size| figure > limit.bytes() as u64;
    let is_large = over(bytes as u64, config.upload)
        || over(outline.data, config.large.data_threshold)
        || over(outline.memory, config.memory);
    if is_large && config.large.upload.is_some() {
        Class::Large
    } else {
        Class::Small
    }
}

/// Reads the names of the component itself, and the totals of the modules inside it.
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
            Payload::DataSection(section) => {
                outline.data = outline.data.saturating_add(section.range().len() as u64);
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let bytes = memory.map_err(damaged)?.initial.saturating_mul(PAGE_BYTES);
                    outline.memory = outline.memory.max(bytes);
                }
            }
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

/// Returns the version in a name of the plugin package; `None` for other packages.
fn version(name: &str) -> Option<&str> {
    name.strip_prefix("hookgate:plugin/")?
        .split_once('@')
        .map(|(_, version)| version)
}

/// Checks that a version is supported. Before 1.0 a new minor version is another world; a patch
/// version adds to it.
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

/// Maximum length of an upload's own text in an error message, in bytes.
pub(super) const TEXT_BYTES: usize = 1_024;
const NAME_BYTES: usize = 128;
const NAMES: usize = 16;
/// Page size of a linear memory, in bytes; other page sizes are not accepted.
const PAGE_BYTES: u64 = 64 << 10;
/// Version of the world, without its patch.
const OFFERED: &str = "0.1";
/// Interfaces that the world `plugin` imports.
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
            ..Outline::default()
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
    fn large_is_what_brings_much() {
        let mut config = Config::default();
        config.large.upload = Some(Size::from_bytes(8 << 20));
        let outline = |data, memory| Outline {
            data,
            memory,
            ..Outline::default()
        };
        for (bytes, outline, expected) in [
            (100_000, outline(20_000, 1 << 20), Class::Small),
            ((2 << 20) + 1, outline(0, 0), Class::Large),
            (2 << 20, outline(128 << 10, 16 << 20), Class::Small),
            (2 << 20, outline((128 << 10) + 1, 0), Class::Large),
            (2 << 20, outline(0, (16 << 20) + 1), Class::Large),
        ] {
            assert_eq!(class(bytes, &outline, &config), expected, "{bytes} {outline:?}");
            assert_eq!(class(bytes, &outline, &Config::default()), Class::Small);
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
