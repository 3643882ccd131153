//! Outcomes of attempts as closed sets: for logs, lists and figures, where the whole [`Outcome`] is too much.

use super::Outcome;

/// Kind of an attempt's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// A 2xx answer.
    Delivered,
    /// Any other answer.
    HttpError,
    /// No full answer within the time allowed.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
    /// The address guard refused the endpoint's address.
    Blocked,
    /// A step of the delivery chain failed.
    PluginFailed,
    /// A step of the delivery chain dropped it.
    Dropped,
    /// Nothing was sent, and it waits.
    Postponed,
    /// The gateway itself failed.
    Crashed,
    /// The request was recorded in place of being sent.
    Shadowed,
}

/// Class of an attempt's outcome: of its HTTP status, or of what kept one from coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// 200 to 299.
    Success,
    /// 300 to 399.
    Redirection,
    /// 400 to 499.
    ClientError,
    /// 500 to 599.
    ServerError,
    /// No answer came: no connection, a timeout, a blocked address.
    Network,
    /// A plugin failed or dropped it.
    Plugin,
}

impl OutcomeKind {
    /// All of them, in an order that stored records depend on: new ones come last.
    pub const ALL: [Self; 10] = [
        Self::Delivered,
        Self::HttpError,
        Self::TimedOut,
        Self::Unreachable,
        Self::Blocked,
        Self::PluginFailed,
        Self::Dropped,
        Self::Postponed,
        Self::Crashed,
        Self::Shadowed,
    ];

    /// A word from a closed set.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::HttpError => "http_error",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Blocked => "blocked",
            Self::PluginFailed => "plugin_failed",
            Self::Dropped => "dropped",
            Self::Postponed => "postponed",
            Self::Crashed => "crashed",
            Self::Shadowed => "shadowed",
        }
    }

    /// Its class; `None`: it says nothing of the endpoint or of a plugin.
    pub fn class(self, status: Option<u16>) -> Option<StatusClass> {
        match self {
            Self::Delivered | Self::HttpError => match status? {
                200..=299 => Some(StatusClass::Success),
                300..=399 => Some(StatusClass::Redirection),
                400..=499 => Some(StatusClass::ClientError),
                500..=599 => Some(StatusClass::ServerError),
                _ => None,
            },
            Self::TimedOut | Self::Unreachable | Self::Blocked => Some(StatusClass::Network),
            Self::PluginFailed | Self::Dropped => Some(StatusClass::Plugin),
            Self::Postponed | Self::Crashed | Self::Shadowed => None,
        }
    }
}

impl StatusClass {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::Success,
        Self::Redirection,
        Self::ClientError,
        Self::ServerError,
        Self::Network,
        Self::Plugin,
    ];

    /// A word from a closed set, such as `2xx` and `network`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Network => "network",
            Self::Plugin => "plugin",
        }
    }
}

impl Outcome {
    /// Its kind.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Delivered { .. } => OutcomeKind::Delivered,
            Self::Refused { .. } => OutcomeKind::HttpError,
            Self::TimedOut { .. } => OutcomeKind::TimedOut,
            Self::Unreachable { .. } => OutcomeKind::Unreachable,
            Self::Blocked { .. } => OutcomeKind::Blocked,
            Self::PluginFailed { .. } => OutcomeKind::PluginFailed,
            Self::Dropped { .. } => OutcomeKind::Dropped,
            Self::Postponed { .. } => OutcomeKind::Postponed,
            Self::Crashed { .. } => OutcomeKind::Crashed,
            Self::Shadowed { .. } => OutcomeKind::Shadowed,
        }
    }

    /// The status that was answered, if one was.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Delivered { status } | Self::Refused { status, .. } => Some(*status),
            Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::Blocked { .. }
            | Self::PluginFailed { .. }
            | Self::Dropped { .. }
            | Self::Postponed { .. }
            | Self::Crashed { .. }
            | Self::Shadowed { .. } => None,
        }
    }

    /// Its class; `None`: it says nothing of the endpoint or of a plugin.
    pub fn class(&self) -> Option<StatusClass> {
        self.kind().class(self.status())
    }

    /// A word from a closed set, for metrics and the API.
    pub fn word(&self) -> &'static str {
        self.kind().word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_classed_by_their_status_and_the_rest_by_their_kind() {
        for (kind, status, class) in [
            (OutcomeKind::Delivered, Some(204), Some("2xx")),
            (OutcomeKind::HttpError, Some(302), Some("3xx")),
            (OutcomeKind::HttpError, Some(410), Some("4xx")),
            (OutcomeKind::HttpError, Some(500), Some("5xx")),
            (OutcomeKind::HttpError, Some(700), None),
            (OutcomeKind::TimedOut, None, Some("network")),
            (OutcomeKind::Blocked, None, Some("network")),
            (OutcomeKind::Dropped, None, Some("plugin")),
            (OutcomeKind::Shadowed, None, None),
        ] {
            assert_eq!(kind.class(status).map(StatusClass::word), class, "{kind:?}");
        }
    }
}
