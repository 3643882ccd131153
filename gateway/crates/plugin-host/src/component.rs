//! An accepted component: its description and its entry in the code cache.

use std::fmt;
use std::sync::Arc;

use super::bindings::exports::hookgate::plugin::handler as wit;
use super::code_cache::CachedComponent;
use super::log::escaped;
use super::upload::UploadError;

/// A component that was checked, compiled and linked.
pub struct Component {
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// Description that the component gives of itself.
    pub description: Description,
    /// Imported interfaces, both the gateway's and WASI's.
    pub imports: Vec<String>,
    pub(super) cached: Arc<CachedComponent>,
}

/// Description that a component gives of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// A slug.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// A JSON Schema of the settings.
    pub settings_schema: Option<String>,
    /// Set when the plugin removes confidential data: a step that redacts can only be
    /// `OnFailure::Fail`.
    pub redacts: bool,
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.digest)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl Description {
    /// Bounds the texts of a component's description so that they fit into names, lists and pages.
    pub(super) fn bounded(said: wit::Description) -> Result<Self, UploadError> {
        let wit::Description {
            name,
            version,
            summary,
            settings_schema,
            redacts,
        } = said;
        let slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let wrong = |what: String| Err(UploadError::Describe(what));
        if !(1..=63).contains(&name.len()) || !name.bytes().all(slug) {
            return wrong("gives a name that is not 1 to 63 of a-z, 0-9 and -".to_owned());
        }
        if version.len() > VERSION_BYTES || version.parse::<semver::Version>().is_err() {
            return wrong("gives a version that is not a semantic one, such as 1.4.0".to_owned());
        }
        let longest = settings_schema.as_ref().map_or(0, String::len);
        if longest > SCHEMA_BYTES {
            return wrong(format!(
                "gives a settings schema of more than {SCHEMA_BYTES} bytes"
            ));
        }
        Ok(Self {
            name,
            version,
            summary: escaped(&summary, SUMMARY_BYTES),
            settings_schema,
            redacts,
        })
    }
}

const VERSION_BYTES: usize = 64;
const SUMMARY_BYTES: usize = 256;
const SCHEMA_BYTES: usize = 64 << 10;
