//! Rules between values, and rules of single values that a type cannot express. Pure.

use std::net::SocketAddr;

use super::{Auth, Config, Problem, SHORTEST_KEY, Tenant, tenants, traces};
use crate::ui::TrustedProxy;
use hookgate_contract::profile::{Profile, Profiles};
use hookgate_domain::TenantId;
use hookgate_domain::units::Span;
use hookgate_runtime::telemetry::{check_level, error_chain};
use hookgate_store::retention::MOST_LOGGED;

/// Returns all problems of a configuration.
pub(super) fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    retry(config, &mut problems);
    attempts(config, &mut problems);
    auth(config, &mut problems);
    limits(config, &mut problems);
    listeners(config, &mut problems);
    pages(config, &mut problems);
    retention(config, &mut problems);
    system_events(config, &mut problems);
    if let Err(error) = check_level(&config.telemetry.level) {
        problems.push(Problem::of("telemetry.level", error.to_string(), None));
    }
    traces::check(config, &mut problems);
    profiles(config, &mut problems);
    problems
}

/// Checks profiles, and the tenants that use them.
fn profiles(config: &Config, problems: &mut Vec<Problem>) {
    let profiles = match config.profiles() {
        Ok(profiles) => profiles,
        Err(refused) => return problems.extend(refused.0),
    };
    // Of the built-in profiles, only those that a tenant uses are checked: the retries of the
    // others need not fit.
    let named = |tenant: &Tenant, name: &str| tenant.profile.as_deref() == Some(name);
    for profile in profiles.iter() {
        let name = &profile.name;
        let used = config.profiles.contains_key(name) || config.tenants.values().any(|t| named(t, name));
        if used {
            let found = profile.check_retention(config.retention.events.get());
            problems.extend(found.map(|mut found| {
                found.key = asks_for_more(config, profile).unwrap_or(found.key);
                Problem::from(found)
            }));
        }
    }
    if !config.profiles.is_empty() {
        problems.extend(hidden_routes(config, &profiles));
    }
    let declared = tenants::declared(&config.tenants, &profiles, config.registry.filter_limits());
    problems.extend(declared.err().unwrap_or_default());
}

/// The key of a declared profile that needs events for longer than `retention.events`.
fn asks_for_more(config: &Config, profile: &Profile) -> Option<String> {
    let (file, kept) = (config.profiles.get(&profile.name)?, config.retention.events.get());
    let retried = profile.retry.as_ref().is_some_and(|retry| retry.longest() > kept);
    let key = match (&file.retry.schedule, &file.retention.feed) {
        (Some(_), _) if retried => "retry.schedule",
        (_, Some(feed)) if feed.get() > kept => "retention.feed",
        _ => return None,
    };
    Some(format!("profiles.{}.{key}", profile.name))
}

/// Finds profiles' routes that collide with the gateway's own paths. Built-in profiles have none.
fn hidden_routes(config: &Config, profiles: &Profiles) -> Vec<Problem> {
    let own = crate::api::paths();
    let mut problems = Vec::new();
    for profile in profiles
        .iter()
        .filter(|profile| config.profiles.contains_key(&profile.name))
    {
        for (n, route) in profile.door.routes.iter().enumerate() {
            if let Some(own) = own.iter().find(|own| route.path.meets_route(own)) {
                problems.push(Problem::of(
                    format!("{}.path", profiles.route_key(&profile.name, n)),
                    format!("`{}` would hide the gateway's own `{own}`", route.path),
                    Some("give it another path".to_owned()),
                ));
            }
        }
    }
    problems
}

fn retry(config: &Config, problems: &mut Vec<Problem>) {
    if let Err(error) = config.retry.policy() {
        let key = if config.retry.schedule.is_empty() {
            "retry.base"
        } else {
            "retry.schedule"
        };
        let hint =
            "retry.base must be over 0s and at most retry.max, retry.max at most 7d, retry.attempts 1 to 100";
        problems.push(Problem::of(
            key,
            error_chain(&error).to_string(),
            Some(hint.to_owned()),
        ));
    }
}

fn attempts(config: &Config, problems: &mut Vec<Problem>) {
    if let Err(error) = config.scheduler.validate() {
        let message = error.to_string();
        problems.push(Problem::of(first_key(&message), message, None));
    }
    if let Err(error) = config.delivery.validate() {
        let message = error.to_string();
        problems.push(Problem::of(first_key(&message), message, None));
    }
    if config.registry.max_steps > usize::try_from(config.plugins.steps).unwrap_or(usize::MAX) {
        let message = format!(
            "it is {}, but plugins.steps lets run {}",
            config.registry.max_steps, config.plugins.steps
        );
        problems.push(Problem::of("registry.max_steps", message, None));
    }
}

/// The key at the beginning of a part's message.
fn first_key(message: &str) -> String {
    message.split_whitespace().next().unwrap_or_default().to_owned()
}

fn auth(config: &Config, problems: &mut Vec<Problem>) {
    let key = config.auth.operator_key.as_ref().map(super::SecretText::resolve);
    match key {
        Some(Err(error)) => problems.push(Problem::of("auth.operator_key", error.to_string(), None)),
        Some(Ok(key)) if key.reveal().len() < SHORTEST_KEY => {
            let hint = "leave it out and one is made and kept, or take the output of `openssl rand -hex 32`";
            let message = "the operator's key has at least 16 characters";
            problems.push(Problem::of("auth.operator_key", message, Some(hint.to_owned())));
        }
        Some(Ok(_)) | None => {}
    }
    if let Some(Err(error)) = config.auth.sealing_keys.as_ref().map(super::SecretText::resolve) {
        problems.push(Problem::of("auth.sealing_keys", error.to_string(), None));
    }
    trusted_proxy(&config.auth, problems);
    if config.auth.last_used_interval.get().is_zero() {
        let message = "it is over zero, such as `5m`";
        problems.push(Problem::of("auth.last_used_interval", message, None));
    }
    if let Err(bad) = config.auth.scopes() {
        problems.push(Problem::of("auth.key_scopes", bad.to_string(), None));
    }
}

/// Checks that listeners have different addresses and admit connections.
fn listeners(config: &Config, problems: &mut Vec<Problem>) {
    let server = &config.server;
    let (public, admin) = (server.public.as_ref(), server.admin.as_ref());
    let taken = server.addresses();
    for (n, (key, address)) in taken.iter().enumerate() {
        let same = |(_, earlier): &&(&str, SocketAddr)| earlier == address && address.port() != 0;
        if let Some((earlier, _)) = taken.iter().take(n).find(same) {
            let message = format!("`{earlier}` is {address} too");
            let hint = "give each listener an address of its own, or leave server.public and server.admin out for one listener";
            problems.push(Problem::of(*key, message, Some(hint.to_owned())));
        }
    }
    let public = public.map(|own| (own.max_connections, own.max_connections_per_address));
    let admin = admin.map(|own| (own.max_connections, own.max_connections_per_address));
    for (table, limits) in [("server.public", public), ("server.admin", admin)] {
        let (connections, per_address) = limits.unwrap_or_default();
        for (key, count) in [
            ("max_connections", connections),
            ("max_connections_per_address", per_address),
        ] {
            if count == Some(0) {
                problems.push(Problem::of(format!("{table}.{key}"), "it is 1 or more", None));
            }
        }
    }
}

/// Checks the proxy that signs the operator in: its header and its secret belong together.
fn trusted_proxy(auth: &Auth, problems: &mut Vec<Problem>) {
    let (header, secret) = match (&auth.trusted_header, &auth.trusted_secret) {
        (None, None) => return,
        (Some(header), Some(secret)) => (header, secret.resolve()),
        (Some(_), None) => {
            let hint = "set `auth.trusted_secret`, which the proxy sends as `x-hookgate-proxy-secret`";
            let message = "anybody could send this header";
            return problems.push(Problem::of("auth.trusted_header", message, Some(hint.to_owned())));
        }
        (None, Some(_)) => {
            let message = "it needs `auth.trusted_header`, which names the user";
            return problems.push(Problem::of("auth.trusted_secret", message, None));
        }
    };
    match secret {
        Err(error) => problems.push(Problem::of("auth.trusted_secret", error.to_string(), None)),
        Ok(secret) if secret.reveal().len() < SHORTEST_KEY => {
            let hint = "take the output of `openssl rand -hex 32`";
            let message = "a proxy's secret has at least 16 characters";
            problems.push(Problem::of("auth.trusted_secret", message, Some(hint.to_owned())));
        }
        Ok(secret) if TrustedProxy::new(header, &secret).is_none() => {
            problems.push(Problem::of("auth.trusted_header", "it is no header's name", None));
        }
        Ok(_) => {}
    }
}

/// Checks the settings of the dashboard and the portal.
fn pages(config: &Config, problems: &mut Vec<Problem>) {
    let ui = &config.ui;
    for origin in ui.bad_origins() {
        let told = format!("`{origin}` is not an origin");
        let hint = "write the scheme, the host and maybe a port, such as https://app.example.com";
        problems.push(Problem::of("ui.embed_origins", told, Some(hint.to_owned())));
    }
    for (key, url) in [
        ("ui.public_url", &ui.public_url),
        ("ui.refresh_url", &ui.refresh_url),
    ] {
        if url
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https"))
        {
            problems.push(Problem::of(key, "not an http or https URL", None));
        }
    }
    for bad in config.portal.theme.resolve().err().unwrap_or_default() {
        problems.push(Problem::of(
            format!("portal.theme.{}", bad.key),
            bad.message,
            None,
        ));
    }
    for (key, most) in [
        ("ui.sessions", ui.sessions),
        ("ui.sessions_per_tenant", ui.sessions_per_tenant),
    ] {
        if most == 0 {
            problems.push(Problem::of(key, "must be 1 or more", None));
        }
    }
}

/// Checks that an event outlives its deliveries, or a retry would find nothing to send.
fn retention(config: &Config, problems: &mut Vec<Problem>) {
    if config.retention.attempt_log > MOST_LOGGED {
        let message = format!("it is {MOST_LOGGED} or less");
        problems.push(Problem::of("retention.attempt_log", message, None));
    }
    let Ok(policy) = config.retry.policy() else { return };
    let longest = Span::from_millis(u64::try_from(policy.longest().as_millis()).unwrap_or(u64::MAX));
    if config.retention.events < longest {
        let message = format!(
            "events are kept for {}, but are retried for up to {longest}",
            config.retention.events
        );
        let hint = format!("set retention.events to {longest} or more, or shorten retry");
        problems.push(Problem::of("retention.events", message, Some(hint)));
    }
}

fn system_events(config: &Config, problems: &mut Vec<Problem>) {
    let events = &config.system_events;
    if let Err(error) = events.tenant.parse::<TenantId>() {
        problems.push(Problem::of("system_events.tenant", error.to_string(), None));
    }
    if events.window.get() > LONGEST_QUIET {
        let message = "what is counted would be told too late: at most 1h";
        problems.push(Problem::of("system_events.window", message, None));
    }
    for (key, count) in [
        ("system_events.per_minute", u64::from(events.per_minute)),
        ("system_events.plugin_failures", u64::from(events.plugin_failures)),
        ("system_events.max_subjects", events.max_subjects as u64),
    ] {
        if count == 0 {
            problems.push(Problem::of(key, "it must be 1 or more", None));
        }
    }
}

fn limits(config: &Config, problems: &mut Vec<Problem>) {
    let registry = &config.registry;
    if !(1..=MOST_PATTERNS).contains(&registry.max_patterns) {
        problems.push(Problem::of("registry.max_patterns", "it is 1 to 64", None));
    }
    for (key, count) in [
        ("api.recover_deliveries", config.api.recover_deliveries),
        ("api.recover_events", config.api.recover_events),
        ("api.list_scan", config.api.list_scan),
        ("api.tail_clients", config.api.tail_clients),
        ("api.tail_clients_per_tenant", config.api.tail_clients_per_tenant),
        ("api.tail_lines", config.api.tail_lines),
        ("bulk.jobs_per_tenant", config.bulk.jobs_per_tenant),
        ("bulk.rate", config.bulk.rate),
        ("bulk.scan", config.bulk.scan),
        ("api.max_uploads_per_tenant", config.api.max_uploads_per_tenant),
        ("api.max_import_size", config.api.max_import_size.bytes()),
        ("api.max_import_rows", config.api.max_import_rows),
        ("api.max_import_rows_shown", config.api.max_import_rows_shown),
        ("api.max_transfers", config.api.max_transfers),
        (
            "api.max_transfers_per_tenant",
            config.api.max_transfers_per_tenant,
        ),
        ("ingest.max_in_flight", config.ingest.max_in_flight),
        (
            "ingest.max_in_flight_per_tenant",
            config.ingest.max_in_flight_per_tenant,
        ),
        ("server.max_connections", config.server.max_connections),
        (
            "server.max_connections_per_address",
            config.server.max_connections_per_address.unwrap_or(1),
        ),
    ] {
        if count == 0 {
            problems.push(Problem::of(key, "it is 1 or more", None));
        }
    }
    if config.bulk.jobs_kept < config.bulk.jobs_per_tenant {
        problems.push(Problem::of(
            "bulk.jobs_kept",
            "it is bulk.jobs_per_tenant or more",
            None,
        ));
    }
    if !(1..=MOST_DEPTH).contains(&registry.max_filter_depth) {
        problems.push(Problem::of("registry.max_filter_depth", "it is 1 to 32", None));
    }
    let plugins = &config.plugins;
    if !(0.0..=1.0).contains(&plugins.canary.failures) {
        problems.push(Problem::of(
            "plugins.canary.failures",
            "it is a share, 0 to 1",
            None,
        ));
    }
    if plugins.breaker.pause > plugins.breaker.longest_pause {
        let message = "it is not over plugins.breaker.longest_pause";
        problems.push(Problem::of("plugins.breaker.pause", message, None));
    }
    if registry.poll_interval < SHORTEST_POLL {
        let message = format!("it is at least {SHORTEST_POLL}: the store is asked so often by every gateway");
        problems.push(Problem::of("registry.poll_interval", message, None));
    }
}

const LONGEST_QUIET: std::time::Duration = std::time::Duration::from_secs(3600);
const MOST_PATTERNS: usize = 64;
const MOST_DEPTH: usize = 32;
const SHORTEST_POLL: Span = Span::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config::default();
        change(&mut config);
        check(&config)
            .into_iter()
            .filter_map(|problem| problem.key)
            .collect()
    }

    #[test]
    fn the_built_in_values_hold_together() {
        assert_eq!(check(&Config::default()), []);
    }

    #[test]
    fn contradictions_are_named_by_their_key() {
        assert_eq!(keys(|c| c.retry.base = Span::from_secs(1 << 20)), ["retry.base"]);
        assert_eq!(keys(|c| c.retry.attempts = 0), ["retry.base"]);
        assert_eq!(
            keys(|c| c.retry.schedule = vec![Span::from_secs(1); 100]),
            ["retry.schedule"]
        );
        assert_eq!(
            keys(|c| c.telemetry.level = "a=loud".to_owned()),
            ["telemetry.level"]
        );
        assert_eq!(
            keys(|c| c.retention.events = Span::from_secs(3600)),
            ["retention.events"]
        );
        assert_eq!(keys(|c| c.registry.max_patterns = 65), ["registry.max_patterns"]);
        for (endpoint, fits) in [
            ("http://localhost:4318/v1/traces", true),
            ("https://collector.example/v1/traces", true),
            ("ftp://localhost/", false),
            ("http://user:pass@localhost/", false),
            ("http://localhost/?key=1", false),
        ] {
            let found = keys(|c| c.traces.endpoint = endpoint.parse().ok());
            assert_eq!(found.is_empty(), fits, "{endpoint}: {found:?}");
        }
        assert_eq!(keys(|c| c.traces.sample_ratio = 1.5), ["traces.sample_ratio"]);
        assert_eq!(
            keys(|c| c.traces.sample_ratio = f64::NAN),
            ["traces.sample_ratio"]
        );
        assert_eq!(keys(|c| c.traces.max_queue = 0), ["traces.max_queue"]);
        let header = |name: &str, value: &str| {
            let value = serde_json::from_value(value.into()).expect("a text");
            keys(|c| drop(c.traces.headers.insert(name.to_owned(), value)))
        };
        assert_eq!(header("authorization", "Bearer x"), Vec::<String>::new());
        assert_eq!(header("host", "x"), ["traces.headers.host"]);
        assert_eq!(
            header("authorization", "env:HG_NONE"),
            ["traces.headers.authorization"]
        );
    }

    #[test]
    fn trusted_header_goes_with_a_secret() {
        let text = |text: &str| serde_json::from_value(text.into()).expect("a secret");
        for (header, secret, expected) in [
            (None, None, &[][..]),
            (Some("x-forwarded-user"), Some("0123456789abcdef"), &[]),
            (Some("x-forwarded-user"), None, &["auth.trusted_header"]),
            (Some("x user"), Some("0123456789abcdef"), &["auth.trusted_header"]),
            (None, Some("0123456789abcdef"), &["auth.trusted_secret"]),
            (Some("x-forwarded-user"), Some("short"), &["auth.trusted_secret"]),
            (
                Some("x-forwarded-user"),
                Some("env:HG_NO_SUCH_VARIABLE"),
                &["auth.trusted_secret"],
            ),
        ] {
            let found = keys(|c| {
                c.auth.trusted_header = header.map(str::to_owned);
                c.auth.trusted_secret = secret.map(text);
            });
            assert_eq!(found, expected, "{header:?} {secret:?}");
        }
    }

    #[test]
    fn listeners_need_addresses_of_their_own() {
        let public = |listen: &str, connections: Option<usize>| crate::http::Public {
            listen: listen.parse().expect("an address"),
            tls: None,
            max_connections: connections,
            max_connections_per_address: None,
            also: Vec::new(),
        };
        for (listen, connections, expected) in [
            ("127.0.0.1:8081", Some(1), &[][..]),
            ("127.0.0.1:8080", None, &["server.public.listen"]),
            ("127.0.0.1:9090", None, &["server.health_listen"]),
            ("127.0.0.1:8081", Some(0), &["server.public.max_connections"]),
        ] {
            let found = keys(|c| {
                c.server.public = Some(public(listen, connections));
                c.server.health_listen = Some(SocketAddr::from(([127, 0, 0, 1], 9090)));
            });
            assert_eq!(found, expected, "{listen}");
        }
        // A listener that is not opened cannot collide.
        let both = |c: &mut Config| {
            c.server.public = Some(public("127.0.0.1:8080", None));
            c.server.admin = Some(crate::http::Admin {
                listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
                tls: None,
                max_connections: None,
                max_connections_per_address: None,
            });
        };
        assert_eq!(keys(both), Vec::<String>::new());
    }

    #[test]
    fn no_door_hides_a_route_of_the_gateway() {
        let door = |path: &str| {
            let text = format!(
                "[acme]\nextends = \"syncai\"\n[[acme.routes]]\nmethod = \"GET\"\npath = \"{path}\"\naction = \"feed\"\n"
            );
            keys(|c| c.profiles = toml_edit::de::from_str(&text).expect("TOML"))
        };
        for path in [
            "/v1/events",
            "/v1/subscriptions/mine",
            "/healthz",
            "/docs",
            "/openapi.json",
        ] {
            assert_eq!(door(path), ["profiles.acme.routes.0.path"], "{path}");
        }
        assert_eq!(door("/v1/happenings"), Vec::<String>::new());
        let own = crate::api::paths();
        for profile in Profiles::shipped().iter() {
            for route in &profile.door.routes {
                assert!(
                    !own.iter().any(|own| route.path.meets_route(own)),
                    "{}",
                    route.path
                );
            }
        }
    }
}
