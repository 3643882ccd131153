//! Needs of a start beside the configuration: this machine's ports and disk; and the rehearsal of the start itself.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use super::{Finding, State};
use crate::cli::rehearsal::rehearse;
use crate::config::{Config, Loaded};
use hookgate_store::StoreUrl;

/// Tells whether a gateway starts with this configuration, but for its ports and its store.
pub(super) fn start(loaded: &Loaded) -> Finding {
    match rehearse(loaded) {
        Ok(unchecked) if unchecked.is_empty() => Finding::new(
            "start",
            State::Ok,
            "a gateway starts with it, and takes what is declared",
        ),
        Ok(unchecked) => Finding::new(
            "start",
            State::Ok,
            format!(
                "a gateway starts with it; of plugins in the store nothing is known here: {}",
                unchecked.join(", ")
            ),
        ),
        Err(failure) => {
            let says: Vec<_> = failure.told().map(|(message, _)| message).collect();
            let hints = failure.told().filter_map(|(_, hint)| hint).map(str::to_owned);
            Finding::new("start", State::Wrong, says.join("; ")).fixes(hints)
        }
    }
}

/// Tells whether the ports can be had. One that is taken may be a running gateway's: what is taken by it is well.
pub(super) fn ports(config: &Config) -> Finding {
    let mut taken = Vec::new();
    for (key, address) in config.server.addresses() {
        match TcpListener::bind(address) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse => taken.push(format!("{address} ({key})")),
            Err(error) => {
                let says = format!("{address} ({key}) cannot be had: {error}");
                return Finding::new("ports", State::Wrong, says)
                    .fix(format!("set {key} to another address"));
            }
        }
    }
    if taken.is_empty() {
        return Finding::new("ports", State::Ok, "they are free");
    }
    let taken = taken.join(", ");
    if super::probe::answers(config) {
        return Finding::new("ports", State::Ok, format!("a gateway listens: {taken}"));
    }
    Finding::new(
        "ports",
        State::Wrong,
        format!("another process listens at {taken}"),
    )
    .fix("set the key to another port, or end that process")
}

/// Tells whether the disk of the embedded store has room for new events.
pub(super) fn disk(config: &Config) -> Option<Finding> {
    let StoreUrl::Embedded(directory) = config.store_url() else {
        return None;
    };
    let there = directory.ancestors().find(|dir| dir.exists());
    let there = there
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let finding = |state, says: String| Finding::new("disk", state, says);
    let disk = match rustix::fs::statvfs(there) {
        Ok(disk) => disk,
        Err(error) => return Some(finding(State::Warning, format!("its room is not known: {error}"))),
    };
    let (free, least) = (
        disk.f_bavail.saturating_mul(disk.f_frsize),
        config.store.embedded.min_free_disk.bytes() as u64,
    );
    let says = format!("{} MiB are free at {}", free >> 20, there.display());
    if free >= least {
        return Some(finding(State::Ok, says));
    }
    let says = format!(
        "{says}: new events would be refused, `store.embedded.min_free_disk` is {} MiB",
        least >> 20
    );
    Some(finding(State::Wrong, says).fix("free some, or put `data_dir` on another disk"))
}
