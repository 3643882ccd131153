//! The operations, and which settings each has.

/// What an operation does. Its verb is the setting that says on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A value goes to another place.
    Move,
    /// A member gets another key in the same object.
    Rename,
    /// A value stands at another place too.
    Copy,
    /// A fixed value is set.
    Set,
    /// A text is composed of others.
    Template,
    /// Members go into an object.
    Nest,
    /// An object's members take its place.
    Flatten,
    /// What a pattern matches goes.
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

    /// Its name in the settings.
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

    /// The other setting that it has, and whether it must be there.
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

    /// Whether it works on what is there, so that it can be `required`.
    pub(crate) fn has_source(self) -> bool {
        !matches!(self, Self::Set | Self::Template)
    }
}
