//! Small and large components: each class has a separate engine, machine code and limits.
//!
//! The data of a small component is a few pages, which are copied into every fresh instance; this
//! is the cheapest way. A large component contains an interpreter, as those of JavaScript and
//! Python do, and brings megabytes, which are mapped copy-on-write: a call pays only for the pages
//! that it changes. Neither class pays for the other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::Config;
use hookgate_domain::units::{Size, Span};

/// Class of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Class {
    /// Its data is copied into each instance.
    #[default]
    Small,
    /// Its data is mapped copy-on-write.
    Large,
}

/// Limits of large components.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LargeConfig {
    /// Largest upload. Left out: large components are not allowed, and uploads over
    /// `plugins.upload` are refused. Python needs 24MiB.
    pub upload: Option<Size>,
    /// Data size above which a component is large. It is also large if it is over `plugins.upload`
    /// or declares more than `plugins.memory`.
    #[serde(alias = "image")]
    pub data_threshold: Size,
    /// Linear memory of one call.
    pub memory: Size,
    /// Elements of one table of a component.
    pub table_elements: u32,
    /// Core module instances in one component.
    pub instances: u32,
    /// Instances whose memory stays mapped between calls; at least as many as there are threads.
    pub slots: u32,
    /// Processor time of one call. A chain's is `plugins.chain_deadline` for components of either
    /// class.
    pub call_deadline: Span,
    /// Memory of the process that compiles a component.
    pub compile_memory: Size,
    /// Processor and wall time of the process that compiles a component.
    pub compile_time: Span,
    /// Machine code and data of large components that stay loaded, in addition to `plugins.code_cache_size`.
    #[serde(alias = "loaded")]
    pub code_cache_size: Size,
}

impl Default for LargeConfig {
    fn default() -> Self {
        Self {
            upload: None,
            data_threshold: Size::from_bytes(128 << 10),
            memory: Size::from_bytes(64 << 20),
            table_elements: 50_000,
            instances: 64,
            slots: 16,
            call_deadline: Span::from_millis(50),
            compile_memory: Size::from_bytes(2 << 30),
            compile_time: Span::from_secs(120),
            code_cache_size: Size::from_bytes(512 << 20),
        }
    }
}

impl Class {
    /// Configuration table that holds the limits of this class.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Small => "plugins",
            Self::Large => "plugins.large",
        }
    }
}

impl Config {
    /// Returns this configuration with the limits of a class.
    pub(super) fn of(&self, class: Class) -> Self {
        let large = &self.large;
        match class {
            Class::Small => self.clone(),
            Class::Large => Self {
                class,
                upload: large.upload.unwrap_or(self.upload),
                memory: large.memory,
                table_elements: large.table_elements,
                instances: large.instances,
                call_deadline: large.call_deadline,
                compile_memory: large.compile_memory,
                compile_time: large.compile_time,
                code_cache_size: large.code_cache_size,
                ..self.clone()
            },
        }
    }

    /// Configuration key of a limit that each class sets separately.
    pub(super) fn key(&self, limit: &str) -> String {
        format!("{}.{limit}", self.class.table())
    }

    /// Class with the largest maximum upload.
    pub(super) fn largest(&self) -> Class {
        match self.large.upload {
            Some(upload) if upload > self.upload => Class::Large,
            Some(_) | None => Class::Small,
        }
    }

    /// Largest accepted upload.
    pub fn largest_upload(&self) -> Size {
        match self.large.upload {
            Some(upload) => upload.max(self.upload),
            None => self.upload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_limits_and_names_for_them() {
        let config = Config::default();
        let large = config.of(Class::Large);
        assert_eq!(config.of(Class::Small), config);
        assert_eq!(large.memory, config.large.memory);
        assert_eq!(
            (large.steps, large.max_host_calls),
            (config.steps, config.max_host_calls)
        );
        assert_eq!(config.key("memory"), "plugins.memory");
        assert_eq!(large.key("memory"), "plugins.large.memory");
        assert_eq!(config.largest_upload(), config.upload);
    }
}
