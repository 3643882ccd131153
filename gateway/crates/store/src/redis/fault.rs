//! Classification of Redis errors. Pure.

use redis::{ErrorKind, RedisError, ServerError};

use crate::StoreError;

/// Class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection failed, or its server cannot be used now: connect again.
    Away,
    /// The server is full. Nothing of the command happened.
    Full,
    /// The server refuses commands because of its state or setup. Nothing of the command happened.
    Unfit(Unfit),
    /// The keys are on their way to another server of the cluster, or there already. Nothing of the command happened.
    Moving,
    /// The script is not known. Nothing of the command happened.
    NoScript,
    /// The server refused the command and would again.
    Refused,
}

/// Reason why a server that answers refuses commands until an operator acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// `MISCONF`.
    #[error("Redis cannot write its data to its disk, so it takes no writes; look at its log and its disk")]
    NotSaved,
    /// `NOREPLICAS`.
    #[error(
        "Redis has fewer replicas in sync than its min-replicas-to-write asks for, so it takes no writes"
    )]
    NoReplicas,
    /// `NOAUTH`, `WRONGPASS`.
    #[error("Redis does not take the user and password of store.url")]
    NotLoggedIn,
    /// `NOPERM`.
    #[error("Redis does not permit the user of store.url what hookgate needs; look at its ACL LOG")]
    NotPermitted,
}

/// Failed request or command.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// Class of the failure.
    pub(super) fault: Fault,
    /// Message of the server or the operating system.
    pub(super) text: String,
}

impl Failure {
    /// Failure of a server that does not answer.
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
            ErrorKind::AuthenticationFailed => Fault::Unfit(Unfit::NotLoggedIn),
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

/// Error for the callers of the store.
impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure.fault {
            Fault::Full => Self::Full(failure.text),
            Fault::Unfit(unfit) => Self::Unusable(unfit.to_string()),
            Fault::Away | Fault::Moving | Fault::NoScript | Fault::Refused => Self::Unavailable(failure.text),
        }
    }
}

/// Class of a server error.
/// An aborted transaction has an error for each refused command; the one with the lowest `weight`
/// counts.
fn of_server(error: &RedisError) -> Fault {
    let single = error.code().map_or(Fault::Refused, of_code);
    let Some(errors) = error.clone().into_server_errors() else {
        return single;
    };
    let faults = errors.iter().map(|(_, error)| of_code(error.code()));
    faults.min_by_key(weight).unwrap_or(single)
}

/// Classifies an error code, as `redis-server` writes it (`src/server.c`, `createSharedObjects`).
fn of_code(code: &str) -> Fault {
    match code {
        "OOM" => Fault::Full,
        "NOSCRIPT" => Fault::NoScript,
        "MISCONF" => Fault::Unfit(Unfit::NotSaved),
        "NOREPLICAS" => Fault::Unfit(Unfit::NoReplicas),
        "NOAUTH" | "WRONGPASS" => Fault::Unfit(Unfit::NotLoggedIn),
        "NOPERM" => Fault::Unfit(Unfit::NotPermitted),
        // A replica, one that lost its primary, one that still reads its file, one that a script keeps busy, a cluster that
        // is not whole.
        "READONLY" | "MASTERDOWN" | "LOADING" | "BUSY" | "CLUSTERDOWN" => Fault::Away,
        "MOVED" | "ASK" | "TRYAGAIN" => Fault::Moving,
        _ => Fault::Refused,
    }
}

fn weight(fault: &Fault) -> u8 {
    match fault {
        Fault::Full => 0,
        Fault::Unfit(_) => 1,
        Fault::Moving => 2,
        Fault::Away => 3,
        Fault::NoScript => 4,
        Fault::Refused => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::reply;

    /// Every error reply has a class for the producer; none counts as a failure of hookgate.
    #[test]
    fn error_replies_are_told_apart() {
        #[derive(Debug, PartialEq, Eq)]
        enum Told {
            Full,
            Unfit,
            Unavailable,
        }
        for (reply, told, word) in [
            (
                "-OOM command not allowed when used memory > 'maxmemory'.",
                Told::Full,
                "memory",
            ),
            (
                "-MISCONF Redis is configured to save RDB snapshots",
                Told::Unfit,
                "disk",
            ),
            (
                "-NOREPLICAS Not enough good replicas to write.",
                Told::Unfit,
                "min-replicas",
            ),
            ("-NOAUTH Authentication required.", Told::Unfit, "password"),
            (
                "-WRONGPASS invalid username-password pair",
                Told::Unfit,
                "password",
            ),
            (
                "-NOPERM this user has no permissions to run 'hset'",
                Told::Unfit,
                "permit",
            ),
            (
                "-READONLY You can't write against a read only replica.",
                Told::Unavailable,
                "READONLY",
            ),
            (
                "-MASTERDOWN Link with MASTER is down",
                Told::Unavailable,
                "MASTERDOWN",
            ),
            (
                "-LOADING Redis is loading the dataset in memory",
                Told::Unavailable,
                "LOADING",
            ),
            ("-BUSY Redis is busy running a script.", Told::Unavailable, "BUSY"),
            (
                "-CLUSTERDOWN The cluster is down",
                Told::Unavailable,
                "CLUSTERDOWN",
            ),
            (
                "-TRYAGAIN Multiple keys request during rehashing",
                Told::Unavailable,
                "TRYAGAIN",
            ),
            ("-MOVED 3999 127.0.0.1:6381", Told::Unavailable, "MOVED"),
            ("-ASK 3999 127.0.0.1:6381", Told::Unavailable, "ASK"),
            (
                "-WRONGTYPE Operation against a key",
                Told::Unavailable,
                "WRONGTYPE",
            ),
            ("-ERR unknown command", Told::Unavailable, "unknown"),
            ("-SOMETHING new", Told::Unavailable, "SOMETHING"),
        ] {
            let bytes = format!("{reply}\r\n");
            let value = redis::parse_redis_value(bytes.as_bytes()).expect("a reply");
            let error = value.extract_error().expect_err("an error reply");
            let error = StoreError::from(Failure::from(error));
            let is = match &error {
                StoreError::Full(_) => Told::Full,
                StoreError::Unusable(_) => Told::Unfit,
                StoreError::Unavailable(_) => Told::Unavailable,
                other => panic!("{reply}: {other}"),
            };
            assert_eq!(is, told, "{reply}");
            assert!(
                error.to_string().to_lowercase().contains(&word.to_lowercase()),
                "{reply}: {error}"
            );
        }
    }

    /// Replies of another protocol or type are `Unavailable`, not `Corrupt`.
    #[test]
    fn protocol_errors_are_unavailable() {
        let garbage = redis::parse_redis_value(b"HTTP/1.1 400 Bad Request\r\n").expect_err("no reply");
        let error = StoreError::from(Failure::from(garbage));
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(matches!(
            reply::unexpected("a number"),
            StoreError::Unavailable(_)
        ));
    }
}
