//! The table of imports between the gateway's own modules. Imports between crates are checked by
//! Cargo.

/// Modules that each of the gateway's modules may use, besides itself. All other imports are
/// refused.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("keyring", &[]),
    ("backup", &[]),
    ("dispatch", &[]),
    ("system_events", &["dispatch"]),
    ("health", &["system_events"]),
    ("traces", &[]),
    ("ui", &[]),
    ("http", &["ui"]),
    ("quota", &["http"]),
    ("ingest", &["dispatch", "http", "quota", "system_events"]),
    ("scheduler", &["delivery", "dispatch"]),
    ("delivery", &["dispatch", "health", "system_events"]),
    ("feed", &["http"]),
    (
        "api",
        &[
            "backup", "dispatch", "feed", "http", "ingest", "keyring", "quota", "ui",
        ],
    ),
];

/// Modules that compose the others and may use everything.
pub const COMPOSERS: &[&str] = &["app", "cli", "config", "lib", "main"];

/// The pure crates; `IMPURE` lists what they must never use.
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
