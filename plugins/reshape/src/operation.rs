//! The operations and the settings of each.

/// Verb of an operation. The setting of the same name holds its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Moves a value to another place.
    Move,
    /// Gives a member another key in the same object.
    Rename,
    /// Copies a value to another place.
    Copy,
    /// Sets a fixed value.
    Set,
    /// Composes a text from others.
    Template,
    /// Moves members into an object.
    Nest,
    /// Replaces an object by its members.
    Flatten,
    /// Removes the matches of a pattern.
    Remove,
}

impl Verb {
    pub(crate) const ALL: [Self; 8] = [
        Self::Move,
        Self::Rename,
        Self::Copy,
        Self::Set,
        Self::Template,
        Self::Nest,
        Self::Flatten,
        Self::Remove,
    ];

    /// Name of the operation in the settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Rename => "rename",
            Self::Copy => "copy",
            Self::Set => "set",
            Self::Template => "template",
            Self::Nest => "nest",
            Self::Flatten => "flatten",
            Self::Remove => "remove",
        }
    }

    /// The second setting of the operation, and whether it is required.
    pub(crate) fn other(self) -> Option<(&'static str, bool)> {
        match self {
            Self::Move | Self::Rename | Self::Copy => Some(("to", true)),
            Self::Set => Some(("value", true)),
            Self::Template => Some(("text", true)),
            Self::Nest => Some(("under", true)),
            Self::Flatten => Some(("prefix", false)),
            Self::Remove => None,
        }
    }

    /// Returns `true` if the operation works on an existing value, so that it can be `required`.
    pub(crate) fn has_source(self) -> bool {
        !matches!(self, Self::Set | Self::Template)
    }
}
