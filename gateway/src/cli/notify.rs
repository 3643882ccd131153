//! Messages to the service manager about a gateway's life: systemd's `sd_notify` protocol, one datagram to the socket that
//! `NOTIFY_SOCKET` names. Nothing is told where there is none.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};

/// It takes requests, at first or after a reload.
pub(super) fn ready() {
    tell("READY=1\nSTATUS=Takes requests.");
}

/// It reads its configuration again. The time lets the manager tell this reload from an earlier one (sd_notify(3)).
pub(super) fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
    tell(&format!(
        "RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=Reads its configuration again."
    ));
}

/// It ends what is under way.
pub(super) fn stopping() {
    tell("STOPPING=1\nSTATUS=Finishes what is under way.");
}

fn tell(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&socket, state.as_bytes()) {
        tracing::warn!(%error, "service_manager.not_told");
    }
}

/// A name that begins with `@` is of Linux's abstract namespace.
fn send(socket: &OsStr, state: &[u8]) -> std::io::Result<()> {
    let address = match socket.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_sockets_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = format!("hookgate-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        for (address, named) in [
            (
                SocketAddr::from_pathname(&path).unwrap(),
                path.clone().into_os_string(),
            ),
            (abstract_name, format!("@{name}").into()),
        ] {
            let socket = UnixDatagram::bind_addr(&address).unwrap();
            send(&named, b"READY=1").unwrap();
            let mut told = [0; 32];
            let length = socket.recv(&mut told).unwrap();
            assert_eq!(told[..length], *b"READY=1");
        }
        assert!(send(dir.path().join("none").as_os_str(), b"READY=1").is_err());
    }
}
