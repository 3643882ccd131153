//! Evaluation of the server's INFO and CONFIG GET. Pure.
//!
//! A setup that loses acknowledged events by itself is refused. A setup that makes a loss possible
//! causes a warning, which an operator sees in the health and in the log.

use std::collections::HashMap;

use super::script::Dialect;

/// Parsed INFO: `name:value` lines under headings.
#[derive(Debug, Default)]
pub(super) struct Info<'a>(HashMap<&'a str, &'a str>);

/// Settings that INFO omits.
/// `None` if the server does not permit CONFIG GET (managed services often do not).
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Sync policy of the append-only file: `always`, `everysec` or `no`.
    pub(super) appendfsync: Option<String>,
    /// Suspends syncs during a rewrite of the file: `yes` or `no`.
    pub(super) no_appendfsync_on_rewrite: Option<String>,
}

/// Result of the evaluation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Reason why the server cannot be used now.
    pub(super) away: Option<Away>,
    /// Reason why the server must not be used with its setup, and the remedy.
    pub(super) refused: Option<String>,
    /// Flag: the server is nearly full.
    pub(super) full: bool,
    /// Warnings for the operator.
    pub(super) warnings: Vec<String>,
}

/// Reason why a server that answers cannot be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Away {
    /// The server loads its file after a start.
    #[error("it is still loading its data")]
    Loading,
    /// Another server is the primary.
    #[error("it is a read-only replica")]
    Replica,
}

impl<'a> Info<'a> {
    /// Parses the text of INFO.
    pub(super) fn read(text: &'a str) -> Self {
        Self(
            text.lines()
                .filter_map(|line| line.trim_end().split_once(':'))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> &'a str {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap_or(0)
    }

    fn version(&self) -> (u32, u32) {
        let mut parts = self
            .get("redis_version")
            .split('.')
            .map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }

    /// Script dialect of the server.
    pub(super) fn dialect(&self) -> Dialect {
        if self.version() >= (7, 0) {
            Dialect::Flags
        } else {
            Dialect::Plain
        }
    }
}

impl Findings {
    /// Merges the findings of another server of the same cluster.
    pub(super) fn add(&mut self, other: Self) {
        self.away = self.away.take().or(other.away);
        self.refused = self.refused.take().or(other.refused);
        self.full |= other.full;
        for warning in other.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}

/// Evaluates a server.
pub(super) fn judge(info: &Info<'_>, settings: &Settings, full_at: u8) -> Findings {
    let mut findings = Findings {
        away: away(info),
        refused: refused(info),
        full: full(info, full_at),
        warnings: Vec::new(),
    };
    findings.warnings.extend(durability(info, settings));
    if findings.full {
        findings.warnings.push(format!(
            "Redis uses more than {full_at} % of its maxmemory: new events are refused until deliveries and the \
             retention make room, or maxmemory is raised"
        ));
    }
    findings
}

fn away(info: &Info<'_>) -> Option<Away> {
    if info.get("loading") == "1" {
        return Some(Away::Loading);
    }
    (info.get("role") == "slave").then_some(Away::Replica)
}

fn refused(info: &Info<'_>) -> Option<String> {
    let (major, minor) = info.version();
    if (major, minor) < (6, 2) {
        let version = info.get("redis_version");
        return Some(format!("it is version {version}; 6.2 or later is needed"));
    }
    let policy = info.get("maxmemory_policy");
    (!matches!(policy, "" | "noeviction")).then(|| {
        format!(
            "its maxmemory-policy is {policy}, which throws away events when memory runs out; set it to noeviction \
             (CONFIG SET maxmemory-policy noeviction, and in its configuration file)"
        )
    })
}

fn full(info: &Info<'_>, full_at: u8) -> bool {
    let limit = info.number("maxmemory");
    limit > 0 && u128::from(info.number("used_memory")) * 100 > u128::from(limit) * u128::from(full_at)
}

fn durability(info: &Info<'_>, settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    if info.get("aof_enabled") == "0" {
        warnings.push(
            "Redis has appendonly off: when it stops, accepted events are lost back to its last snapshot; \
             set appendonly yes"
                .to_owned(),
        );
        return warnings;
    }
    match settings.appendfsync.as_deref() {
        Some("everysec") => warnings.push(
            "Redis has appendfsync everysec: when it or its machine fails, events accepted in the last second or two \
             are lost; set appendfsync always to lose none".to_owned(),
        ),
        Some("no") => warnings.push(
            "Redis has appendfsync no: when its machine fails, events accepted since the system last wrote are lost; \
             set appendfsync always to lose none".to_owned(),
        ),
        Some(_) | None => {}
    }
    if settings.no_appendfsync_on_rewrite.as_deref() == Some("yes") {
        warnings.push(
            "Redis has no-appendfsync-on-rewrite yes: while it rewrites its file nothing is synced, whatever \
             appendfsync says; set it to no".to_owned(),
        );
    }
    if info.get("aof_last_write_status") == "err" {
        warnings.push("Redis could not write its append-only file; look at its log and its disk".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\nloading:0\r\nrole:master\r\naof_enabled:1\r\n\
        aof_last_write_status:ok\r\nmaxmemory:1000\r\nused_memory:850\r\nmaxmemory_policy:noeviction\r\n";

    fn findings(change: (&str, &str), settings: &Settings) -> Findings {
        let text = GOOD.replace(change.0, change.1);
        assert!(change.0.is_empty() || text != GOOD, "{change:?} changes nothing");
        judge(&Info::read(&text), settings, 85)
    }

    fn settings(fsync: &str, on_rewrite: &str) -> Settings {
        Settings {
            appendfsync: Some(fsync.to_owned()),
            no_appendfsync_on_rewrite: Some(on_rewrite.to_owned()),
        }
    }

    #[test]
    fn a_good_server_has_no_findings() {
        assert_eq!(findings(("", ""), &settings("always", "no")), Findings::default());
        assert_eq!(findings(("", ""), &Settings::default()), Findings::default());
    }

    #[test]
    fn what_is_refused() {
        for (change, word) in [
            (("7.0.15", "6.0.16"), "6.2"),
            (("noeviction", "allkeys-lru"), "noeviction"),
            (("noeviction", "volatile-ttl"), "noeviction"),
        ] {
            let refused = findings(change, &Settings::default()).refused.expect("refused");
            assert!(refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn what_is_away() {
        for change in [("loading:0", "loading:1"), ("role:master", "role:slave")] {
            assert!(
                findings(change, &Settings::default()).away.is_some(),
                "{change:?}"
            );
        }
    }

    #[test]
    fn what_is_full() {
        let full = |used: &str| findings(("used_memory:850", used), &Settings::default());
        assert!(full("used_memory:851").full);
        assert!(!full("used_memory:849").full);
        let unlimited = findings(("maxmemory:1000", "maxmemory:0"), &Settings::default());
        assert!(!unlimited.full);
    }

    #[test]
    fn what_is_warned_of() {
        for (change, settings, word) in [
            (
                ("aof_enabled:1", "aof_enabled:0"),
                Settings::default(),
                "appendonly",
            ),
            (("", ""), settings("everysec", "no"), "everysec"),
            (("", ""), settings("no", "no"), "appendfsync no"),
            (("", ""), settings("always", "yes"), "no-appendfsync-on-rewrite"),
            (
                ("status:ok", "status:err"),
                settings("always", "no"),
                "could not write",
            ),
        ] {
            let warnings = findings(change, &settings).warnings;
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains(word), "{warnings:?}");
        }
    }
}
