//! Small and large components: each class has an engine, machine code and limits of its own, so that neither pays for the other.
//!
//! A small one brings a few pages of data, which are copied into every fresh instance: the cheapest there is. A large one has an
//! interpreter inside, as JavaScript's and Python's have, and brings megabytes, which are mapped copy-on-write: a call pays for
//! the pages that it changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::Config;
use hookgate_domain::units::{Size, Span};

/// Which of the two a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Class {
    /// Its data is copied.
    #[default]
    Small,
    /// Its data is mapped.
    Large,
}

/// The limits of large components.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LargeConfig {
    /// An uploaded component. Left out: there are no large ones, and what is over `plugins.upload` is refused. Python needs 24MiB.
    pub upload: Option<Size>,
    /// A component is large that is over `plugins.upload`, declares more than `plugins.memory`, or brings more data than this.
    pub image: Size,
    /// Linear memory of one call.
    pub memory: Size,
    /// Elements of one table of a component.
    pub table_elements: u32,
    /// Core module instances in one component.
    pub instances: u32,
    /// Instances whose memory stays mapped between calls; there are as many as threads at least.
    pub slots: u32,
    /// Processor time of one call; a chain's is `plugins.chain_deadline` whatever its components.
    pub call_deadline: Span,
    /// Memory of the process that compiles a component.
    pub compile_memory: Size,
    /// Processor and wall time of the process that compiles a component.
    pub compile_time: Span,
    /// Machine code and data of components that is kept loaded, beside `plugins.loaded`.
    pub loaded: Size,
}

impl Default for LargeConfig {
    fn default() -> Self {
        Self {
            upload: None,
            image: Size::from_bytes(128 << 10),
            memory: Size::from_bytes(64 << 20),
            table_elements: 50_000,
            instances: 64,
            slots: 16,
            call_deadline: Span::from_millis(50),
            compile_memory: Size::from_bytes(2 << 30),
            compile_time: Span::from_secs(120),
            loaded: Size::from_bytes(512 << 20),
        }
    }
}

impl Class {
    /// The table of the configuration that its limits are in.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Small => "plugins",
            Self::Large => "plugins.large",
        }
    }
}

impl Config {
    /// The same for the components of a class.
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
                loaded: large.loaded,
                ..self.clone()
            },
        }
    }

    /// The key of a limit that each class has of its own.
    pub(super) fn key(&self, limit: &str) -> String {
        format!("{}.{limit}", self.class.table())
    }

    /// The class whose uploads may be the largest.
    pub(super) fn largest(&self) -> Class {
        match self.large.upload {
            Some(upload) if upload > self.upload => Class::Large,
            Some(_) | None => Class::Small,
        }
    }

    /// The largest component that is taken.
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
        assert_eq!((large.steps, large.operations), (config.steps, config.operations));
        assert_eq!(config.key("memory"), "plugins.memory");
        assert_eq!(large.key("memory"), "plugins.large.memory");
        assert_eq!(config.largest_upload(), config.upload);
    }
}
