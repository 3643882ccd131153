//! Kinds of failures of an exchange, as a closed set for metrics, without names or addresses.

use std::io;

/// Kind of a failure, at any stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The name does not exist, or has no address.
    NoAddress,
    /// The name servers do not respond, or without a usable answer.
    LookUp,
    /// No address may be reached.
    Blocked,
    /// The connection was refused.
    Refused,
    /// No route to the host.
    NoRoute,
    /// The connection was reset.
    Reset,
    /// The connection was closed.
    Closed,
    /// The certificate is not trusted for this name.
    Certificate,
    /// The TLS handshake failed for another reason.
    Handshake,
    /// The response is not HTTP/1.1, or its framing is invalid.
    NotHttp,
    /// The response exceeds its bounds.
    TooLarge,
    /// The deadline passed.
    Timeout,
    /// This process or machine has no file descriptors or memory for a connection.
    Exhausted,
    /// Any other failure.
    Other,
}

impl Failure {
    /// Value of the metric's label.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::LookUp => "look_up",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
            Self::NoRoute => "no_route",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Certificate => "certificate",
            Self::Handshake => "handshake",
            Self::NotHttp => "not_http",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Exhausted => "exhausted",
            Self::Other => "other",
        }
    }

    /// Kind of an I/O error.
    pub(super) fn of(error: &io::Error) -> Self {
        if is_exhaustion(error) {
            return Self::Exhausted;
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::NoRoute,
            _ => Self::Other,
        }
    }
}

/// Returns `true` if this process or machine lacks descriptors, buffers or memory.
/// That is not a failure of the endpoint.
pub(super) fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let own = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    let code = error.raw_os_error();
    code.is_some_and(|code| own.iter().any(|own| own.raw_os_error() == code))
}

/// Text of an I/O error without addresses, which the system's own texts sometimes contain.
pub(super) fn words(error: &io::Error) -> &'static str {
    match Failure::of(error) {
        Failure::Refused => "the connection was refused",
        Failure::Reset => "the connection was reset",
        Failure::Closed => "the connection was closed",
        Failure::Timeout => "the host does not answer",
        Failure::NoRoute => "the host cannot be reached",
        _ => "the connection failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exhaustion_is_told_from_failures_of_the_endpoint() {
        let of = |errno: rustix::io::Errno| Failure::of(&io::Error::from_raw_os_error(errno.raw_os_error()));
        for errno in [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE] {
            assert_eq!(of(errno), Failure::Exhausted);
        }
        assert_eq!(of(rustix::io::Errno::CONNREFUSED), Failure::Refused);
        assert_eq!(of(rustix::io::Errno::CONNRESET), Failure::Reset);
        assert_eq!(of(rustix::io::Errno::NETUNREACH), Failure::NoRoute);
        assert_eq!(Failure::of(&io::ErrorKind::UnexpectedEof.into()), Failure::Closed);
    }
}
