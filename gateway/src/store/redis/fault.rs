//! What an error of Redis means to us. Pure.

use redis::{ErrorKind, RedisError, ServerError};

use crate::store::StoreError;

/// What an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection is no good, or the server behind it cannot serve us now: connect again.
    Away,
    /// There is no room. Nothing of the command happened.
    Full,
    /// The script is not known. Nothing of the command happened.
    NoScript,
    /// The server refused the command and would again.
    Refused,
}

/// A request or a command that failed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// What it means.
    pub(super) fault: Fault,
    /// The server's or the system's words.
    pub(super) text: String,
}

impl Failure {
    /// Nobody answers.
    pub(super) fn away(text: &str) -> Self {
        Self {
            fault: Fault::Away,
            text: text.to_owned(),
        }
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        let fault = match error.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension => of_server(&error),
            ErrorKind::Client | ErrorKind::InvalidClientConfig | ErrorKind::UnexpectedReturnType => {
                Fault::Refused
            }
            _ => Fault::Away,
        };
        Self {
            fault,
            text: error.to_string(),
        }
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self {
            fault: of_code(error.code()),
            text: error.to_string(),
        }
    }
}

/// As the callers of the store see it.
impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure.fault {
            Fault::Full => Self::Full(failure.text),
            Fault::Away | Fault::NoScript | Fault::Refused => Self::Unavailable(failure.text),
        }
    }
}

/// An aborted transaction has an error of each command that was not taken; the most telling one counts.
fn of_server(error: &RedisError) -> Fault {
    let single = error.code().map_or(Fault::Refused, of_code);
    let Some(errors) = error.clone().into_server_errors() else {
        return single;
    };
    let faults = errors.iter().map(|(_, error)| of_code(error.code()));
    faults.min_by_key(weight).unwrap_or(single)
}

/// Judges an error's first word, as `redis-server` writes it (`src/server.c`, `createSharedObjects`).
fn of_code(code: &str) -> Fault {
    match code {
        "OOM" => Fault::Full,
        "NOSCRIPT" => Fault::NoScript,
        // A replica, one that lost its primary, one that still reads its file, one that a script keeps busy, a cluster that
        // is not whole.
        "READONLY" | "MASTERDOWN" | "LOADING" | "BUSY" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK"
        | "NOAUTH" => Fault::Away,
        _ => Fault::Refused,
    }
}

fn weight(fault: &Fault) -> u8 {
    match fault {
        Fault::Full => 0,
        Fault::Away => 1,
        Fault::NoScript => 2,
        Fault::Refused => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (code, fault) in [
            ("OOM", Fault::Full),
            ("NOSCRIPT", Fault::NoScript),
            ("READONLY", Fault::Away),
            ("LOADING", Fault::Away),
            ("ERR", Fault::Refused),
            ("WRONGTYPE", Fault::Refused),
            ("MISCONF", Fault::Refused),
        ] {
            assert_eq!(of_code(code), fault, "{code}");
        }
    }

    #[test]
    fn only_a_server_that_said_so_is_full() {
        let failure = |fault| Failure {
            fault,
            text: String::new(),
        };
        assert!(matches!(
            StoreError::from(failure(Fault::Full)),
            StoreError::Full(_)
        ));
        for fault in [Fault::Away, Fault::NoScript, Fault::Refused] {
            assert!(matches!(
                StoreError::from(failure(fault)),
                StoreError::Unavailable(_)
            ));
        }
    }
}
