//! The table of the gateway's modules: who may use whom, and which are pure.

/// Which of the gateway's modules each may use, besides itself. What is not in this table is refused.
/// `telemetry` and `clock` are for all that run; `domain` and `document` are for all.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("catalogue", &["document", "domain", "privacy"]),
    ("clock", &["domain"]),
    ("document", &[]),
    ("domain", &["document"]),
    ("ids", &["clock", "domain"]),
    ("privacy", &["document", "domain"]),
    ("profile", &["document", "domain", "privacy"]),
    ("telemetry", &["clock", "domain"]),
    ("store", &["clock", "domain", "telemetry"]),
    ("egress", &["clock", "domain", "telemetry"]),
    ("plugin", &["clock", "document", "domain", "telemetry"]),
    (
        "registry",
        &[
            "catalogue",
            "clock",
            "document",
            "domain",
            "ids",
            "plugin",
            "privacy",
            "profile",
            "store",
            "telemetry",
        ],
    ),
    ("keyring", &["domain", "registry", "store", "telemetry"]),
    ("dispatch", &["document", "domain", "store"]),
    (
        "system_events",
        &[
            "clock",
            "dispatch",
            "domain",
            "ids",
            "registry",
            "store",
            "telemetry",
        ],
    ),
    (
        "health",
        &[
            "domain",
            "profile",
            "registry",
            "store",
            "system_events",
            "telemetry",
        ],
    ),
    (
        "http",
        &["clock", "document", "domain", "registry", "store", "telemetry"],
    ),
    (
        "ingest",
        &[
            "clock",
            "dispatch",
            "document",
            "domain",
            "egress",
            "http",
            "ids",
            "plugin",
            "privacy",
            "registry",
            "store",
            "system_events",
            "telemetry",
        ],
    ),
    (
        "scheduler",
        &["clock", "delivery", "dispatch", "domain", "store", "telemetry"],
    ),
    (
        "delivery",
        &[
            "clock",
            "dispatch",
            "document",
            "domain",
            "egress",
            "health",
            "plugin",
            "profile",
            "registry",
            "store",
            "system_events",
            "telemetry",
        ],
    ),
    (
        "feed",
        &[
            "clock",
            "document",
            "domain",
            "http",
            "registry",
            "store",
            "telemetry",
        ],
    ),
    (
        "api",
        &[
            "catalogue",
            "clock",
            "dispatch",
            "document",
            "domain",
            "egress",
            "feed",
            "http",
            "ids",
            "ingest",
            "keyring",
            "plugin",
            "privacy",
            "profile",
            "registry",
            "store",
            "telemetry",
        ],
    ),
];

/// These compose; they may use everything.
pub const COMPOSERS: &[&str] = &["app", "cli", "config", "lib", "main"];

/// What the pure modules must never touch.
pub const PURE: &[&str] = &["catalogue", "domain", "document", "privacy", "profile"];
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
