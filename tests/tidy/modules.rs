//! The table of the gateway's own modules: who may use whom. What may use which crate is said by Cargo.

/// Which of the gateway's modules each may use, besides itself. What is not in this table is refused.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("keyring", &[]),
    ("backup", &[]),
    ("dispatch", &[]),
    ("system_events", &["dispatch"]),
    ("health", &["system_events"]),
    ("http", &[]),
    ("quota", &["http"]),
    ("ingest", &["dispatch", "http", "quota", "system_events"]),
    ("scheduler", &["delivery", "dispatch"]),
    ("delivery", &["dispatch", "health", "system_events"]),
    ("feed", &["http"]),
    (
        "api",
        &["backup", "dispatch", "feed", "http", "ingest", "keyring", "quota"],
    ),
];

/// These compose; they may use everything.
pub const COMPOSERS: &[&str] = &["app", "cli", "config", "lib", "main"];

/// The crates that are pure, and what they must never touch.
pub const PURE: &[&str] = &["json", "domain", "contract"];
pub const IMPURE: &[&str] = &[
    "tokio::",
    "hyper::",
    "redis::",
    "redb::",
    "wasmtime::",
    "rand::",
    "getrandom::",
    "SystemTime::now",
    "Instant::now",
    "std::fs",
    "std::net::Tcp",
];
